"""Calendar items written as YAML that reads back to the same items: what ``items.py`` reads, the other way round."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import yaml

from bot.core.calendar import APPROVED, DEFAULT_GRACE, Anchor, Item, Missed, When
from bot.core.errors import BadInput
from bot.core.refs import LANGUAGES
from bot.core.span import Span
from bot.timetable import forms
from bot.timetable.items import default_holidays

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_BESIDE = "from|depuis|until|jusqu['’]au|except|sauf|also|aussi|holidays|fériés|feries"
_AS_WRITTEN = re.compile(rf"(?:every|chaque): (?P<text>.+?)(?:, (?:{_BESIDE}): .*)?")
_ANCHORS = {Anchor.ARRIVAL: "arrival", Anchor.PROBATION_END: "the end of probation"}
_MOST = 9999
"""The largest number that a length of time is read with; larger ones are written as sums."""
_WIDTH = 120


class _Flow(list[str]):
    """A list written on one line: ``to: ["#general"]``."""


class _Quoted(str):
    """A time or a moment, which YAML readers take for different things: in quotes."""


class _Dumper(yaml.SafeDumper):
    """Indents lists, as the starter files do, and never writes an alias, which the reader refuses."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Unquoted, YAML would fold the line breaks that Unicode has beside our own into spaces.
    unusual = not text.replace("\n", "").isprintable()
    style = '"' if unusual else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)
_Dumper.add_representer(_Flow, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, True))


def files_of(items: Sequence[Item], remark: str = "") -> list[str]:
    """The text of one file of schedules/ holding ``items``; of several where launches begin on several days, since a
    file has one ``starts:``. ``remark`` stands above each, every line of it made a YAML remark."""
    by_start: dict[date | None, list[Item]] = {}
    for item in items:
        by_start.setdefault(item.when.start if item.when.week is not None else None, []).append(item)
    if len(by_start) == 2 and None in by_start and all(item.when.week is None for item in by_start[None]):
        # Only launches look at “starts”: the others may stand in the same file.
        (start,) = by_start.keys() - {None}
        by_start = {start: list(items)}
    head = "".join(f"# {line}".rstrip() + "\n" for line in remark.splitlines())
    return [head + _file(start, each) for start, each in by_start.items()]


def _file(start: date | None, items: Sequence[Item]) -> str:
    whole: dict[str, Any] = {"starts": start} if start is not None else {}
    whole["items"] = [as_written(item) for item in items]
    return str(yaml.dump(whole, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDTH))


def as_written(item: Item) -> dict[str, Any]:
    """The fields of ``item`` as a person would write them, those left out that say what is meant anyway."""
    fields: dict[str, Any] = {"id": item.id, **_when(item.when, item.said), "to": _Flow(item.to)}
    fields["words"] = item.page or {name: item.words[name] for name in LANGUAGES if name in item.words}
    if item.zone:
        fields["zone"] = item.zone
    fields["owner"] = item.owner
    if item.missed is not Missed.LATE:
        fields["missed"] = item.missed.value
    if item.grace != DEFAULT_GRACE:
        fields["grace"] = _duration(item.grace)
    if item.holidays is not default_holidays(item.when):
        fields["holidays"] = item.holidays.value
    if item.state != APPROVED:
        fields["state"] = item.state
    return fields


def _when(when: When, said: str) -> dict[str, Any]:
    if when.once is not None:
        return {"on": _moment(when.once)}
    if when.relative_to is not None or when.event:
        return _relative(when)
    clock = f"{when.at:%H:%M}" if when.at is not None else "00:00"
    if when.week is not None:
        return {"week": f"{when.week} {_WEEKDAYS[when.weekday or 0]} {clock}"}
    plain = _plain_form(when, said)
    fields: dict[str, Any] = {"every": plain} if plain else {"rrule": when.rrule, "at": _Quoted(clock)}
    if when.start is not None:
        fields["from"] = when.start
    if when.until is not None:
        fields["until"] = when.until
    if when.excluded or when.excluded_moments:
        fields["except"] = [*sorted(when.excluded), *(_moment(each) for each in sorted(when.excluded_moments))]
    if when.also:
        fields["also"] = [_moment(each) for each in sorted(when.also)]
    return fields


def _moment(local: datetime) -> str:
    return _Quoted(f"{local.date().isoformat()} {local:%H:%M}")


def _relative(when: When) -> dict[str, Any]:
    """``after: 30 days after arrival`` and the like."""
    key = "before" if when.offset.backwards else "after"
    target = _ANCHORS[when.relative_to] if when.relative_to is not None else when.event
    length = _span(-when.offset if when.offset.backwards else when.offset)
    fields: dict[str, Any] = {key: f"{length} {key} {target}" if length else target}
    if when.at is not None:
        fields["at"] = _Quoted(f"{when.at:%H:%M}")
    return fields


def _span(span: Span) -> str:
    """``2 months and 3 days``; empty for none."""
    pieces: list[str] = []
    for count, unit in ((span.months, "months"), (span.days, "days"), (span.minutes, "minutes")):
        while count > 0:
            pieces.append(f"{min(count, _MOST)} {unit}")
            count -= _MOST
    return " and ".join(pieces)


def _plain_form(when: When, said: str) -> str:
    """The plain form the animator wrote, where it still says the same; empty otherwise."""
    found = _AS_WRITTEN.fullmatch(said)
    if found is None:
        return ""
    try:
        read = forms.every(found["text"])
    except BadInput:
        return ""
    return found["text"] if (read.rrule, read.at) == (when.rrule, when.at) else ""


def _duration(grace: timedelta) -> str:
    """``1 days 2 h 30 min``, what is less than a minute as a part of one; ``0 min`` for nothing."""
    hours, rest = divmod(grace - timedelta(days=grace.days), timedelta(hours=1))
    minutes = f"{rest / timedelta(minutes=1):.10f}".rstrip("0").rstrip(".")
    parts = [f"{grace.days} days" if grace.days else "", f"{hours} h" if hours else ""]
    parts.append(f"{minutes} min" if rest or not grace else "")
    return " ".join(part for part in parts if part)
