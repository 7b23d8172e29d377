"""When somebody wants to be written to: their own working days, hours and public holidays instead of the policy's.

They hold for what the bot says unasked; whoever asks is answered at any hour.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time

from bot.core.actions import Drop, Remember
from bot.core.community import Hours, Member
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.message import Button, Markup, Message
from bot.core.refs import LANGUAGES, Language

_CLOCK = r"(\d{1,2})(?:[:h](\d{2})?)?"
_FROM_TO = re.compile(rf"(?:from |de )?\b{_CLOCK} ?(?:-|–|—|a|to|until) ?{_CLOCK}(?!\d)")
_DAYS_TO = re.compile(r"^(?:-|–|—|to|au|a|until)$")
_FILLERS = frozenset({"on", "le", "les", "du", "de", "from", "and", "et", "", "a"})
_RESET = frozenset({"reset", "default", "defaut", "comme tous"})
_PLACE = re.compile(r"([a-z]{2})(?:[- ](\w[\w -]{0,40}))?", re.IGNORECASE)


# Decisions


def bare(text: str) -> str:
    """``text`` in small letters without accents and doubled spaces."""
    parts = unicodedata.normalize("NFD", text.casefold())
    return " ".join("".join(each for each in parts if not unicodedata.combining(each)).split())


def parse_clock(text: str) -> tuple[time, time] | None:
    """From when to when: ``9:00-17:30``, ``9h à 17h30``; None when there is no such thing in ``text``."""
    found = _FROM_TO.search(bare(text))
    if found is None:
        return None
    try:
        begins, ends = (time(int(found[n]), int(found[n + 1] or 0)) for n in (1, 3))
    except ValueError:
        return None
    return (begins, ends) if begins != ends else None


def parse_days(text: str, names: Mapping[str, int]) -> tuple[int, ...] | None:
    """Days of the week (0 Monday): ``monday-thursday``, ``lun, mar et jeu``. None when a word is no day.

    ``names``: every day's name, without accents; its first three letters, and a plural, are understood too.
    """
    short = {name[:3]: number for name, number in names.items()}
    days: list[int] = []
    through = False
    for word in re.split(r"([-–—])|[\s,]+", bare(text)):
        if word is None or (word in _FILLERS and not (word == "a" and days)):
            continue
        if _DAYS_TO.match(word) and days:
            through = True
            continue
        day = names.get(word, names.get(word.removesuffix("s"), short.get(word.removesuffix("."))))
        if day is None:
            return None
        while through and days[-1] != day:
            days.append((days[-1] + 1) % 7)
        days += [] if through else [day]
        through = False
    return tuple(sorted(set(days))) if days and not through else None


def parse_hours(text: str, names: Mapping[str, int]) -> Hours | None:
    """Days, hours, or both, in either order; None when neither is understood."""
    wanted = bare(text)
    clock = parse_clock(wanted)
    rest = _FROM_TO.sub(" ", wanted).strip(" ,")
    days = parse_days(rest, names) if rest else None
    if (rest and days is None) or (clock is None and days is None):
        return None
    begins, ends = clock or (None, None)
    return Hours(quiet_from=ends, quiet_to=begins, working_days=days)


# What a person says


def _names(ctx: Context) -> dict[str, int]:
    return {
        bare(ctx.words(language, f"time.weekday_{number + 1}")): number for language in LANGUAGES for number in range(7)
    }


def said(ctx: Context, language: Language, days: Sequence[int]) -> Markup:
    """Days of the week in words: Monday to Thursday, or one by one."""
    names = [ctx.words(language, f"time.weekday_{day + 1}") for day in sorted(days)]
    if len(names) > 2 and max(days) - min(days) == len(names) - 1:
        return ctx.words(language, "hours.through", first=names[0], last=names[-1])
    return Markup(", ".join(names))


def _now(ctx: Context, member: Member) -> Markup:
    rules = ctx.timetable.policy_for(member=member)
    language = member.language
    if rules.quiet_from == rules.quiet_to:
        clock = ctx.words(language, "hours.any_time")
    else:
        begins, ends = (Markup(f"{each:%H:%M}") for each in (rules.quiet_to, rules.quiet_from))
        clock = ctx.words(language, "hours.from_to", begins=begins, ends=ends)
    lines = [
        ctx.words(language, "hours.now", days=said(ctx, language, rules.working_days), clock=clock, zone=rules.zone)
    ]
    if rules.country:
        lines.append(ctx.words(language, "hours.holidays", country=rules.whose_holidays))
    return Markup(" ".join([*lines, ctx.words(language, "hours.always")]))


def _shown(ctx: Context, command: CommandGiven, member: Member) -> None:
    buttons = []
    own = member.hours or Hours()
    if own != Hours(country=own.country, region=own.region):
        buttons.append(Button(ctx.words(member.language, "hours.reset_button"), "me hours reset"))
    key = "hours.own" if member.hours is not None else "hours.everybodys"
    text = Markup(f"{ctx.words(member.language, key)} {_now(ctx, member)}")
    ctx.reply(command, Message(text, tuple(buttons)))


def _choose(ctx: Context, command: CommandGiven, member: Member, hours: Hours) -> None:
    """Keep what they chose; nothing is kept of somebody who goes by the policy in everything."""
    if hours == Hours():
        ctx.do(Drop(Hours, member.ref.id))
        _shown(ctx, command, replace(member, hours=None))
        return
    ctx.do(Remember(member.ref.id, hours, member.ref))
    _shown(ctx, command, replace(member, hours=hours))


async def hours(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me hours [monday-thursday 9:00-17:00 | reset]``"""
    member = await ctx.member(command.member)
    if not arguments.strip():
        _shown(ctx, command, member)
        return
    own = member.hours or Hours()
    if bare(arguments) in _RESET:
        _choose(ctx, command, member, Hours(country=own.country, region=own.region))
        return
    wanted = parse_hours(arguments, _names(ctx))
    if wanted is None:
        raise BadInput(ctx.words(member.language, "hours.bad_hours", text=arguments.strip()))
    if wanted.quiet_from is not None:
        own = replace(own, quiet_from=wanted.quiet_from, quiet_to=wanted.quiet_to)
    if wanted.working_days is not None:
        own = replace(own, working_days=wanted.working_days)
    _choose(ctx, command, member, own)


async def country(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me country DE-BY``: whose public holidays are theirs."""
    member = await ctx.member(command.member)
    if not arguments.strip():
        _shown(ctx, command, member)
        return
    own = member.hours or Hours()
    if bare(arguments) in _RESET:
        _choose(ctx, command, member, replace(own, country=None, region=None))
        return
    found = _PLACE.fullmatch(arguments.strip())
    code, region = (found[1].upper(), found[2] or "") if found else ("", "")
    # Codes of regions are in capitals, their names are not.
    for each in (region, region.upper()):
        if ctx.timetable.holidays_known(code, each):
            _choose(ctx, command, member, replace(own, country=code, region=each))
            return
    raise BadInput(ctx.words(member.language, "hours.bad_country", text=arguments.strip()))


FEATURE = Feature(
    name="hours",
    commands=(
        Command(path=("me", "hours"), french=("moi", "horaires"), run=hours, has_arguments=True),
        Command(path=("me", "country"), french=("moi", "pays"), run=country, has_arguments=True),
    ),
)
