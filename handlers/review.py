"""Answers get old: their owner is asked in time whether they are still right, and what nobody confirms goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.core.actions import Drop, Remember, Send, SetTimer
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, Started
from bot.core.faq import Confirmed, FaqRules, Withheld
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.knowledge import Entry
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Message, escape, join_lines
from bot.core.policy import is_worked
from bot.core.refs import LANGUAGES, Language

MOST_SHOWN = 5
"""Entries in one message: each is to be read before it is confirmed."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """The owner was asked about the entry, which was to be reviewed by this day; its key is the slug."""

    review_by: date


# Decisions


def due(entries: Sequence[Entry], confirmed: Confirmed | None) -> date | None:
    """By when an entry, in all its languages, is to be reviewed: the earliest day, or until when it was confirmed."""
    days = [each.review_by for each in entries if each.review_by is not None]
    if not days:
        return None
    return max(min(days), confirmed.until) if confirmed is not None else min(days)


def next_look(now: datetime, at: time, zone: str) -> datetime:
    """The next ``at`` o'clock in ``zone`` after ``now``, as aware UTC."""
    today = local_date(now, zone)
    moment = local_moment(today, at, zone)
    return moment if moment > now else local_moment(today + timedelta(days=1), at, zone)


async def _by_slug(ctx: Context) -> dict[str, list[Entry]]:
    found: defaultdict[str, dict[Language, Entry]] = defaultdict(dict)
    for language in LANGUAGES:
        for entry in ctx.library.entries(language, guest=False):
            found[entry.slug][entry.language] = entry
    return {slug: list(several.values()) for slug, several in found.items()}


# Every working day


async def on_started(ctx: Context, event: Started) -> None:
    if await ctx.timers.get(ctx.workspace, "review", "look", "") is None:
        _look_next(ctx)


def _look_next(ctx: Context) -> None:
    ctx.do(SetTimer("look", "", next_look(ctx.now, ctx.timetable.rules(FaqRules).tell_at, ctx.policy.zone)))


async def look(ctx: Context, fired: TimerFired) -> None:
    """Ask about what is soon to be reviewed, once; withhold what was to be and is not confirmed after the grace."""
    _look_next(ctx)
    rules, today = ctx.timetable.rules(FaqRules), local_date(ctx.now, ctx.policy.zone)
    if not is_worked(today, ctx.policy):
        return
    ask: defaultdict[str, list[Entry]] = defaultdict(list)
    gone: defaultdict[str, list[Entry]] = defaultdict(list)
    flagged = await ctx.notes.all(ctx.workspace, Flagged)
    confirmed = await ctx.notes.all(ctx.workspace, Confirmed)
    for slug, entries in (await _by_slug(ctx)).items():
        by, first = due(entries, confirmed.get(slug)), entries[0]
        if by is None or today < by - rules.flag_before:
            continue
        asked = flagged.get(slug)
        if asked is None or asked.review_by != by:
            ctx.do(Remember(slug, Flagged(by)))
            ask[first.owner].append(first)
        elif today > by + rules.withdraw_after:
            ctx.do(Remember(slug, Withheld(first.title)))
            gone[first.owner].append(first)
    for key, groups in (("ask", ask), ("gone", gone)):
        for owner, entries in groups.items():
            await _tell(ctx, owner, key, entries, today)


async def _tell(ctx: Context, owner: str, what: str, entries: Sequence[Entry], today: date) -> None:
    def message(language: Language) -> Message:
        own = [ctx.library.entry(each.slug, language, guest=False) or each for each in entries]
        lines = [ctx.words(language, f"review.{what}", count=len(own)), ""]
        lines += [f"- {escape(each.title)}" for each in own]
        buttons = []
        for each in own[:MOST_SHOWN]:
            buttons.append(
                Button(ctx.words(language, "review.still_right", title=each.title), f"faq confirm {each.slug}")
            )
        return Message(join_lines(lines), tuple(buttons))

    member = await _owner(ctx, owner)
    key = f"review/{what}/{today}/{owner}"
    if member is None:
        await ctx.tell_animators(message, key=key)
    else:
        ctx.do(Send(to=member.ref, message=message(member.language), kind=Kind.NOTICE, key=key))


async def _owner(ctx: Context, owner: str) -> Member | None:
    """The person who answers for an entry; None where those who animate do, or whoever did is gone."""
    member = await ctx.members.named(ctx.workspace, owner) if owner != "animator" else None
    return member if member is not None and member.active else None


# Still right


async def confirm(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq confirm ENTRY``: it is still right; when it was withheld it is found again."""
    member, slug = await ctx.member(command.member), arguments.strip().casefold()
    withheld = await ctx.note(Withheld, slug)
    entry = ctx.library.entry(slug, member.language, guest=member.guest)
    if entry is None and (withheld is None or member.guest):
        raise BadInput(ctx.words(member.language, "faq.no_entry", name=slug))
    owner = await _owner(ctx, entry.owner) if entry is not None else None
    if member.role < Role.ANIMATOR and (owner is None or owner.ref != member.ref):
        raise BadInput(ctx.words(member.language, "review.not_yours"))
    until = local_date(ctx.now, ctx.policy.zone) + ctx.timetable.rules(FaqRules).confirmed_for
    ctx.do(Remember(slug, Confirmed(until)), Drop(Flagged, slug), Drop(Withheld, slug))
    title = entry.title if entry is not None else withheld.title if withheld is not None else slug
    day = ctx.say_day(member.language, until)
    key = "review.found_again" if withheld is not None else "review.confirmed"
    ctx.reply(command, ctx.words(member.language, key, title=title, day=day))


async def stale(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq stale``: what is to be reviewed soon, and what is withheld."""
    member = await ctx.member(command.member)
    rules, today = ctx.timetable.rules(FaqRules), local_date(ctx.now, ctx.policy.zone)
    confirmed = await ctx.notes.all(ctx.workspace, Confirmed)
    lines: list[str] = []
    buttons: list[Button] = []
    soon = []
    for slug, entries in (await _by_slug(ctx)).items():
        by = due(entries, confirmed.get(slug))
        if by is not None and today >= by - rules.flag_before:
            soon.append((by, entries[0]))
    for by, each in sorted(soon, key=lambda pair: (pair[0], pair[1].slug)):
        entry = ctx.library.entry(each.slug, member.language, guest=False) or each
        day = ctx.say_day(member.language, by)
        lines.append("- " + ctx.words(member.language, "review.by", title=entry.title, day=day))
        buttons.append(
            Button(ctx.words(member.language, "review.still_right", title=entry.title), f"faq confirm {each.slug}")
        )
    for slug, withheld in (await ctx.notes.all(ctx.workspace, Withheld)).items():
        lines.append("- " + ctx.words(member.language, "review.withheld", title=withheld.title))
        buttons.append(
            Button(ctx.words(member.language, "review.still_right", title=withheld.title), f"faq confirm {slug}")
        )
    if not lines:
        ctx.reply(command, ctx.words(member.language, "review.none"))
        return
    head = ctx.words(member.language, "review.head")
    ctx.reply(command, Message(join_lines([head, "", *lines]), tuple(buttons[:MOST_SHOWN])))


FEATURE = Feature(
    name="review",
    commands=(
        Command(path=("faq", "stale"), french=("faq", "périmées"), run=stale, role=Role.ANIMATOR),
        Command(
            path=("faq", "confirm"),
            french=("faq", "confirmer"),
            run=confirm,
            role=Role.ANIMATOR,
            has_arguments=True,
            judges=True,
        ),
    ),
    listeners=(Listener(Started, on_started),),
    timers={"look": look},
)
