"""Why an item of the calendar went out or did not, and what stands in the way of what comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.calendar import Item, Overdue, Paused
from bot.core.changing import approvers, writer_of
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, State, Verb
from bot.core.editorial import Change, Fate, KeptItem, Slot, Status, Subject
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.forecast import Room, foresee
from bot.core.ledger import Decision, Query, digest_key
from bot.core.localtime import local_date
from bot.core.measured import measured, measured_words
from bot.core.message import Button, Markup, Message, channel_link, escape, join_lines
from bot.core.moments import (
    MOST_SLOTS,
    Told,
    decided_by,
    fate_name,
    is_over,
    known_to_the_ledger_only,
    moved_by,
    told_together,
)
from bot.core.pausing import pause_line
from bot.core.planning import INSTANT, Planner, coming_slots, find_item, goes_out, items_named, said, unknown_item
from bot.core.policy import next_open
from bot.core.posting import ON_TIME, text_of
from bot.core.reasons import reason_words
from bot.core.refs import ChannelRef
from bot.core.rows import decided_words, name_words, place_words, state_words

PAST, COMING = 6, 3
"""How many moments are told."""
MOST_ROWS = 200
MOST_CHANGES = 200
MOST_RIVALS = 2000
"""Coming posts of the whole calendar looked at for those that take an item's room."""
MOST_ZONES = 3
"""Zones named for one moment; the others are counted."""


# The answer


async def why(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar why ITEM``: what became of its latest moments, and what will of the next."""
    member = await ctx.member(command.member)
    wanted = arguments.split()[0].casefold() if arguments.split() else ""
    found = await find_item(ctx, wanted) if wanted else None
    over = await _over(ctx, wanted) if wanted else []
    if found is None and not over:
        raise await unknown_item(ctx, member, wanted)
    changes = await ctx.changes.of(ctx.workspace, wanted, limit=MOST_CHANGES)
    lines: list[str] = [ctx.words(member.language, "why.head", item=wanted), ""]
    buttons: tuple[Button, ...] = ()
    if found is None:
        lines += [ctx.words(member.language, "why.gone"), ""]
    else:
        lines += await _standing(ctx, member, *found, changes)
        buttons = _buttons(ctx, member, found[0], over)
    lines += await _past(ctx, member, over, changes)
    if found is not None and _is_scheduled(*found):
        lines += await _coming(ctx, member, found[0], changes)
    ctx.reply(command, Message(join_lines(lines), buttons))


def _is_scheduled(item: Item, kept: KeptItem | None) -> bool:
    return kept.status is Status.APPROVED if kept is not None else goes_out(item)


def _buttons(ctx: Context, member: Member, item: Item, over: Sequence[Told]) -> tuple[Button, ...]:
    """What can be decided about the last occurrence that waits for it; the item's words."""
    language = member.language
    waiting = [slot for told in over for slot in told.slots if slot.fate is Fate.ASKED]
    see = Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}")
    if not waiting:
        return (see,)
    moment = f"{item.id} {waiting[-1].at.isoformat()} {waiting[-1].zone}"
    return (
        Button(ctx.words(language, "calendar.send_now"), f"calendar send {moment}", "primary"),
        Button(ctx.words(language, "calendar.leave_out"), f"calendar leave {moment}"),
        see,
    )


async def _standing(
    ctx: Context, member: Member, item: Item, kept: KeptItem | None, changes: Sequence[Change]
) -> list[str]:
    """What stands in the way of the whole item."""
    language = member.language
    planner = await Planner.of(ctx, people=False)
    lines: list[str] = []
    if not _is_scheduled(item, kept):
        lines.append(await _unapproved(ctx, member, item, kept))
    paused = await ctx.note(Paused, item.id)
    if paused is not None:
        pause = next((each for each in changes if each.subject is Subject.PAUSE and each.after is not None), None)
        by = await name_words(ctx, language, pause.by if pause is not None else None)
        since = said(ctx, member, paused.since)
        lines.append(ctx.words(language, "why.paused", item=Markup(item.id), since=since, by=by))
    everything = await pause_line(ctx, member)
    if everything is not None:
        lines.append(everything)
    if not item.to:
        lines.append(ctx.words(language, "why.no_place"))
    lines += [ctx.words(language, "why.nowhere", place=place) for place in planner.unknown(item)]
    if text_of(ctx, item, language) is None:
        lines.append(ctx.words(language, "why.no_words", page=Markup(escape(item.page or item.id))))
    return [part for line in lines for part in (line, "")]


async def _unapproved(ctx: Context, member: Member, item: Item, kept: KeptItem | None) -> Markup:
    language = member.language
    if kept is None:
        return ctx.words(language, "why.draft_in_file", where=f"{item.file}:{item.line}")
    names = await approvers(ctx, item, await writer_of(ctx, item.id))
    key = "why.who_may" if names else "why.nobody_may"
    who = ctx.words(language, key, names=", ".join(names))
    state = "why.draft_in_chat" if kept.status is Status.DRAFT else "why.in_review"
    return ctx.words(language, state, who=who, item=Markup(item.id))


def _head(ctx: Context, member: Member, told: Told, fate: Markup | None = None) -> str:
    """The line of a moment, in the member's time, and on the clocks by which it goes where these show another."""
    when = said(ctx, member, told.due)
    local = told.due.astimezone(ctx.zone_info(member)).replace(tzinfo=None)
    zones = sorted({slot.clock for slot in told.slots})
    there = [slot.due.astimezone(ZoneInfo(slot.clock)).replace(tzinfo=None) for slot in told.slots]
    clock = Markup("")
    if any(each != local for each in there) or len(zones) > 1:
        names = escape(", ".join(zones[:MOST_ZONES]))
        if len(zones) > MOST_ZONES:
            names = ctx.words(member.language, "why.more_zones", zones=names, more=len(zones) - MOST_ZONES)
        values = {"time": Markup(f"{there[0]:%H:%M}"), "zones": names}
        clock = ctx.words(member.language, "why.on_clock", **values)
    if fate is None:
        return "- " + ctx.words(member.language, "why.moment", when=when, clock=clock)
    return "- " + ctx.words(member.language, "why.moment_fate", when=when, clock=clock, fate=fate)


async def _fate(ctx: Context, member: Member, told: Told, changes: Sequence[Change]) -> Markup | None:
    """What became of it and through whom; None for what simply went out, or will, at its own moment."""
    if not told.slots:
        return None
    slot, parts = told.slots[0], list[str]()
    if slot.moved:
        parts.append(await _moved(ctx, member, slot, changes))
    name = fate_name(slot) if is_over(slot, ctx.now) or slot.fate is Fate.SKIPPED else ""
    if name:
        parts.append(ctx.words(member.language, f"why.was_{name}"))
        change = decided_by(changes, slot)
        if change is not None:
            parts[-1] += f" {await _by(ctx, member, change)}"
    return Markup("; ".join(parts)) if parts else None


async def _moved(ctx: Context, member: Member, slot: Slot, changes: Sequence[Change]) -> Markup:
    before, change = said(ctx, member, slot.at), moved_by(changes, slot)
    if change is None:
        return ctx.words(member.language, "why.moved_by_nobody", before=before)
    return ctx.words(member.language, "why.moved", before=before, by=await _by(ctx, member, change))


async def _by(ctx: Context, member: Member, change: Change) -> Markup:
    name = await name_words(ctx, member.language, change.by)
    return ctx.words(member.language, "why.by", by=name, when=said(ctx, member, change.at))


# What is over


async def _over(ctx: Context, item: str) -> list[Told]:
    """The item's moments that are over, earliest first; also those of an item that is no longer there."""
    latest = await ctx.occurrences.of(ctx.workspace, item, until=ctx.now + INSTANT, limit=MOST_SLOTS)
    # What was brought forward is over before its own moment.
    early = await ctx.occurrences.of(ctx.workspace, item, since=ctx.now + INSTANT, limit=MOST_SLOTS)
    slots = [slot for slot in (*latest, *early) if is_over(slot, ctx.now)]
    query = Query(workspace=ctx.workspace, prefix=f"calendar/{item}/", limit=MOST_ROWS)
    told = told_together(slots) + known_to_the_ledger_only(await ctx.ledger.search(query), latest)
    return sorted(told, key=lambda each: each.due)[-PAST:]


async def _past(ctx: Context, member: Member, over: Sequence[Told], changes: Sequence[Change]) -> list[str]:
    if not over:
        return [ctx.words(member.language, "why.nothing_yet"), ""]
    lines: list[str] = [ctx.words(member.language, "why.past"), ""]
    for told in over:
        lines.append(_head(ctx, member, told, await _fate(ctx, member, told, changes)))
        copies = await _copies(ctx, member, told)
        if not copies and told.slots and told.slots[0].fate is Fate.OUT:
            copies = [ctx.words(member.language, "why.no_copies")]
        lines += [f"  - {copy}" for copy in copies]
        found = await measured(ctx, told.keys)
        if found is not None:
            lines.append(f"  - {measured_words(ctx, member, found)}")
    return [*lines, ""]


async def _copies(ctx: Context, member: Member, told: Told) -> list[str]:
    """A line for each channel's copy, and one for all direct messages: whom they go to is not shown."""
    rows, tally = list[Delivery](), Counter[State]()
    for key in sorted(told.keys):
        # The channels' copies are planned first, and so are among the first rows however many people follow.
        rows += await ctx.ledger.under(ctx.workspace, key, limit=MOST_ROWS)
        tally.update(await ctx.ledger.tally(ctx.workspace, key))
    rows = [row for row in rows if row.verb is Verb.SEND]
    public = [row for row in rows if isinstance(row.to, ChannelRef)]
    decisions = await ctx.ledger.decisions([row.id for row in public])
    lines = [await _copy(ctx, member, row, decisions.get(row.id)) for row in public]
    tally.subtract(row.state for row in public)
    direct = [row for row in rows if not isinstance(row.to, ChannelRef)]
    counts = [_direct(ctx, member, state, count, direct) for state in State if (count := tally[state]) > 0]
    if counts:
        lines.append(ctx.words(member.language, "why.direct", counts=Markup(", ".join(counts))))
    return lines


def _direct(ctx: Context, member: Member, state: State, count: int, rows: Iterable[Delivery]) -> Markup:
    language = member.language
    reasons = sorted({row.reason.partition(": ")[0] for row in rows if row.state is state and row.reason})
    values: dict[str, object] = {"state": ctx.words(language, f"deliveries.state_{state.value}"), "of": count}
    if not reasons:
        return ctx.words(language, "why.direct_count", **values)
    because = Markup(", ".join(reason_words(ctx.words, language, reason) for reason in reasons))
    return ctx.words(language, "why.direct_count_because", reasons=because, **values)


async def _copy(ctx: Context, member: Member, delivery: Delivery, decision: Decision | None) -> str:
    language = member.language
    values: dict[str, object] = {
        "where": await place_words(ctx, language, delivery),
        "state": state_words(ctx, member, delivery),
    }
    key = "why.copy"
    if delivery.sent_at is not None:
        key = "why.copy_out"
        values["when"] = said(ctx, member, delivery.sent_at)
    line: str = ctx.words(language, key, **values)
    digest = digest_key(delivery.reason)
    told = await ctx.ledger.find(ctx.workspace, digest) if digest else None
    if told is not None:
        moment = said(ctx, member, told.sent_at or told.due)
        line += " " + ctx.words(language, "why.copy_digest", when=moment, state=state_words(ctx, member, told))
    return line + await decided_words(ctx, member, decision)


# What comes


async def _coming(ctx: Context, member: Member, item: Item, changes: Sequence[Change]) -> list[str]:
    """The next moments with their places, and what already stands in their way."""
    language = member.language
    if item.personal:
        overdue = await ctx.notes.all(ctx.workspace, Overdue, f"{item.id}|")
        last = said(ctx, member, max((each.due for each in overdue.values()), default=None))
        late = [ctx.words(language, "overdue.why", count=len(overdue), when=last), ""] if overdue else []
        return [*late, ctx.words(language, "why.personal")]
    planner = await Planner.of(ctx)
    most = (COMING + 1) * max(1, len(planner.clocks(item)))
    kept = await ctx.occurrences.of(ctx.workspace, item.id, since=ctx.now, limit=MOST_SLOTS)
    skipped = [slot for slot in kept if slot.fate is Fate.SKIPPED]
    slots = [slot for slot in (*await coming_slots(ctx, item, most), *skipped) if not is_over(slot, ctx.now)]
    shown = told_together(slots)[:COMING]
    if not shown:
        return [ctx.words(language, "why.no_moments")]
    paused = await ctx.note(Paused, item.id) is not None
    lines: list[str] = [ctx.words(language, "why.coming_if_resumed" if paused else "why.coming"), ""]
    rivals = [] if paused else await _rivals(ctx, planner, shown[-1].due + timedelta(days=1))
    for told in shown:
        lines.append(_head(ctx, member, told, await _fate(ctx, member, told, changes)))
        if not paused and told.slots[0].fate is Fate.PLANNED:
            lines += [f"  - {each}" for each in await _expected(ctx, member, planner, item, told, rivals)]
    return lines


async def _rivals(ctx: Context, planner: Planner, until: datetime) -> list[tuple[Slot, tuple[Channel, ...]]]:
    """Every coming post with its channels, but for those of paused items."""
    slots = await ctx.occurrences.coming(ctx.workspace, since=ctx.now, until=until, limit=MOST_RIVALS)
    items = await items_named(ctx, {slot.item for slot in slots})
    paused = await ctx.notes.all(ctx.workspace, Paused)
    return [
        (slot, tuple(planner.channels(items[slot.item], slot.zone)))
        for slot in slots
        if slot.item in items and slot.item not in paused
    ]


async def _expected(
    ctx: Context,
    member: Member,
    planner: Planner,
    item: Item,
    told: Told,
    rivals: Sequence[tuple[Slot, tuple[Channel, ...]]],
) -> list[Markup]:
    lines = []
    for slot in told.slots:
        for channel in planner.channels(item, slot.zone):
            rules = planner.rules_of(channel)
            coming = [
                (next_open(each.due, rules, rules.zone), each.item)
                for each, channels in rivals
                if any(other.ref == channel.ref for other in channels)
            ]
            got = await ctx.ledger.attention(channel.ref, ctx.now, rules.zone)
            expires = next_open(slot.due, rules, rules.zone) + max(item.grace, ON_TIME)
            outlook = foresee(item.id, slot.due, expires, rules, Room(ctx.now, got, coming))
            day = local_date(slot.due, rules.zone)
            holiday = bool(rules.holiday(day))
            lines.append(_outlook(ctx, member, channel, outlook.at, outlook.reasons, holiday))
    lines += [ctx.words(member.language, "why.to_people", audience=each.value) for each in item.audiences]
    return lines


def _outlook(
    ctx: Context, member: Member, channel: Channel, at: datetime | None, reasons: Sequence[str], holiday: bool
) -> Markup:
    language, where = member.language, channel_link(channel)
    if not reasons:
        return ctx.words(language, "why.then", where=where)
    words = [
        ctx.words(language, "why.holiday")
        if holiday and reason == "quiet_hours"
        else reason_words(ctx.words, language, reason)
        for reason in dict.fromkeys(reasons)
    ]
    reason = Markup("; ".join(words))
    if at is None:
        return ctx.words(language, "why.held", where=where, reason=reason)
    key = "why.merges" if reasons[-1] == "for_digest" else "why.moves"
    return ctx.words(language, key, where=where, until=said(ctx, member, at), reason=reason)


FEATURE = Feature(
    name="why",
    commands=(
        Command(
            path=("calendar", "why"),
            french=("calendrier", "pourquoi"),
            run=why,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
    ),
)
