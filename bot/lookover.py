"""Looking over the connection to a platform, and telling the log and the administrators what was found."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from bot.core.checkup import Finding, Gravity, amiss, warning
from bot.core.dispatch import Dispatcher
from bot.core.errors import where
from bot.core.events import LookedOver
from bot.core.platform import Platform
from bot.core.policy import PolicyRules
from bot.core.ports import Clock
from bot.library import ContentLibrary
from bot.markdown import MarkdownRenderer
from bot.timetable import Schedules

log = logging.getLogger("allant")


def named_channels(schedules: Schedules, rules: Mapping[str, type]) -> dict[str, str]:
    """The channels that the files name, without #, each with the first file that does; in that order. ``rules``: the
    rhythms that features declare, by their key in schedules/."""
    found: dict[str, str] = {}
    for item in schedules.items():
        for place in item.channels:
            if place.startswith("#"):
                found.setdefault(place[1:], item.file)
    animators = schedules.rules(PolicyRules).animators_channel
    if animators.strip():
        found.setdefault(animators.strip().removeprefix("#"), "policy.yaml")
    for key, kind in rules.items():
        for text in _texts(schedules.rules(kind)):
            if text.startswith("#") and len(text) > 1:
                found.setdefault(text[1:], f"{key}.yaml")
    for name in schedules.channels():
        found.setdefault(name, "channels.yaml")
    return found


def _texts(value: object) -> Iterator[str]:
    """Every text somewhere in a rhythm."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, frozenset)):
        for each in value:
            yield from _texts(each)
    elif is_dataclass(value):
        for part in fields(value):
            yield from _texts(getattr(value, part.name))


async def look_over(
    platform: Platform, named: Mapping[str, str], library: ContentLibrary, dispatcher: Dispatcher, clock: Clock
) -> None:
    """Have the platform look itself over; whatever is found, or goes wrong, is told and nothing is raised."""
    try:
        findings = await platform.look_over(named)
    except Exception as error:
        log.error("%s could not look itself over: %s", platform.workspace, where(error))
        findings = [warning("not_looked", error=type(error).__name__)]
    if findings is None:
        return
    for each in amiss(findings):
        level = logging.ERROR if each.gravity is Gravity.ERROR else logging.WARNING
        log.log(level, "%s: %s", platform.workspace, told(each, library))
    event = LookedOver(id="looked-over", at=clock.now(), workspace=platform.workspace, findings=tuple(findings))
    await dispatcher.handle(event)


_RENDERER = MarkdownRenderer()


def readable(markdown: str) -> str:
    """The bot's words for where no markup is shown: a terminal, a log, a page of ours."""
    return _RENDERER.plain(markdown, lambda address: None).strip()


def told(finding: Finding, library: ContentLibrary) -> str:
    """What is so and what to do, in plain English."""
    said, mend = readable(finding.said(library.words, "en")), readable(finding.mend(library.words, "en"))
    return f"{said}. {mend}" if mend else said


def as_data(findings: Sequence[Finding], library: ContentLibrary) -> list[dict[str, object]]:
    """Ready for JSON."""
    return [
        {
            "key": each.key,
            "gravity": each.gravity.value,
            "said": readable(each.said(library.words, "en")),
            "mend": readable(each.mend(library.words, "en")),
            "values": dict(each.values),
        }
        for each in findings
    ]
