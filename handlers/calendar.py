"""The editorial calendar goes out: each item's words reach its places at its moments, once, and what stands in the way
is told. Occurrences are made ahead (see bot.core.planning); one timer stands at the next of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from bot.core.actions import CancelTimer, Drop, MarkOccurrences, Remember, SetTimer, WakeForOccurrences
from bot.core.calendar import Audience, Item, Missed, Overdue, Paused
from bot.core.community import Member
from bot.core.editorial import Fate, Slot
from bot.core.events import ChannelChanged, FilesChanged, MemberChanged, MemberJoined, Started
from bot.core.feature import Context, Feature, Listener, TimerFired
from bot.core.localtime import local_date
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.permission import Gate, Held, tell_held
from bot.core.planning import (
    INSTANT,
    WAKE,
    CalendarRules,
    Found,
    Planner,
    calendar_items,
    find_item,
    installed,
    items_named,
    walk,
)
from bot.core.posting import ON_TIME, Batch, publish, publish_to_people, send_to, text_of
from bot.core.refs import Language, MemberRef

log = logging.getLogger("allant.calendar")

AT_ONCE = 1000
"""Occurrences handled in one transaction."""
SHOWN = 20
"""Lines of a message to the animators; the rest is counted."""
MOST_BUTTONS = 5
DAILY = timedelta(days=1)
REPLANNED_AT_ONCE = 500
LATE_NEWS = timedelta(days=7)
"""How long ago a newcomer's moment may have been for it still to be told that it was missed."""
TOLD_AFTER = timedelta(minutes=1)
"""After a restart the moments of many people are judged one after the other, and told together."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """What the animators were told is wrong with an item, so that they are told once."""

    places: tuple[str, ...] = ()
    no_words: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of occurrences that are due: one may be sent, or asked about; the others are lost."""

    send: Slot | None = None
    ask: Slot | None = None
    lost: tuple[Slot, ...] = ()


@dataclass(slots=True)
class Report:
    """What the animators hear of one wake-up."""

    lost: list[tuple[Item, Outcome]] = field(default_factory=list)
    held: list[tuple[Item, Slot, Held]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


# Decisions


def sort_out(slots: Sequence[Slot], now: datetime, missed: Missed, grace: timedelta) -> Outcome:
    """What to do at ``now`` about occurrences of one item by one clock (at least one, by their due moments) that are
    due. Only the last may still go out: nobody wants three Mondays' greetings on a Thursday."""
    *earlier, last = slots
    late = now - last.due
    if late <= ON_TIME or (missed is Missed.LATE and late <= grace):
        return Outcome(send=last, lost=tuple(earlier))
    if missed is Missed.ASK:
        return Outcome(ask=last, lost=tuple(earlier))
    return Outcome(lost=tuple(slots))


def marks(outcome: Outcome) -> list[Slot]:
    """The occurrences as they are afterwards."""
    done = [replace(each, fate=Fate.MISSED, reason="late") for each in outcome.lost]
    if outcome.send is not None:
        done.append(replace(outcome.send, fate=Fate.OUT, reason=""))
    if outcome.ask is not None:
        done.append(replace(outcome.ask, fate=Fate.ASKED, reason="late"))
    return done


# Planning


async def on_started(ctx: Context, event: Started) -> None:
    """The next occurrence has its timer already: items are looked through afterwards, beside it."""
    await installed(ctx)
    await _take_over(ctx)
    ctx.do(SetTimer("plan", "", ctx.now))


async def _take_over(ctx: Context) -> None:
    """Before occurrences were made ahead each item had a timer of its own, which is not to be lost on an upgrade."""
    timers = await ctx.timers.all(ctx.workspace, "calendar", "post")
    if not timers:
        return
    planner, items = await Planner.of(ctx), await items_named(ctx, [timer.key for timer in timers])
    for timer in timers:
        ctx.do(CancelTimer("post", timer.key))
        made = planner.plan(items[timer.key], since=timer.due - INSTANT) if timer.key in items else None
        if made is not None:
            ctx.do(made)
    ctx.do(WAKE)


async def plan(ctx: Context, fired: TimerFired) -> None:
    """Look through the items beyond the timer's key; after the last, again tomorrow, as the horizon moves on."""
    found, stopped = await walk(ctx, fired.key)
    for key in (*found.added, *found.moved):
        await _replan_people(ctx, key)
    ctx.do(SetTimer("plan", stopped, ctx.now) if stopped else SetTimer("plan", "", ctx.now + DAILY))


async def on_channel_changed(ctx: Context, event: ChannelChanged) -> None:
    """A new channel may have a tag that items are addressed to, and a zone of its own."""
    ctx.do(SetTimer("plan", "", ctx.now))


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    """A changed file takes effect at once; the animators hear of items that came, went or moved."""
    found, stopped = await walk(ctx, whole=True)
    for key in (*found.added, *found.moved):
        await _replan_people(ctx, key)
    if stopped:
        ctx.do(SetTimer("plan", stopped, ctx.now))
    if found.added or found.removed or found.moved:
        planner = await Planner.of(ctx)
        hidden = frozenset(await ctx.items.named(ctx.workspace, (*found.added, *found.moved)))
        await ctx.tell_animators(
            lambda language: _changed_message(ctx, planner, language, found, hidden), f"calendar/changed/{event.id}"
        )


def _changed_message(
    ctx: Context, planner: Planner, language: Language, found: Found, made_in_chat: frozenset[str]
) -> Message:
    lines: list[str] = [ctx.words(language, "calendar.changed")]
    for key in (*found.added, *found.moved):
        name = "calendar.added" if key in found.added else "calendar.moved"
        item = ctx.timetable.item(key)
        lines.append("- " + ctx.words(language, name, item=key, when=_next_said(ctx, planner, language, item)))
        if item is not None and key in made_in_chat:
            lines.append("  " + ctx.words(language, "calendar.hides", where=f"{item.file}:{item.line}"))
        unknown = planner.unknown(item) if item is not None else ()
        if unknown:
            lines.append("  " + ctx.words(language, "calendar.no_such_channel", places=", ".join(unknown)))
    lines += ["- " + ctx.words(language, "calendar.removed", item=key) for key in found.removed]
    return Message(join_lines(_shortened(ctx, language, lines)))


def _shortened(ctx: Context, language: Language, lines: Sequence[str]) -> list[str]:
    shown = list(lines[:SHOWN])
    if len(lines) > len(shown):
        shown.append(ctx.words(language, "calendar.and_more", count=len(lines) - len(shown)))
    return shown


def _next_said(ctx: Context, planner: Planner, language: Language, item: Item | None) -> Markup:
    if item is not None and item.personal:
        return ctx.words(language, "calendar.for_each_person")
    following = next(planner.after(item, ctx.now), None) if item is not None else None
    if following is None:
        return ctx.words(language, "calendar.over")
    at, clock = following
    return ctx.say_moment(language, at, clock.partition(";")[0])


# Going out


async def wake(ctx: Context, fired: TimerFired) -> None:
    """The moment of the next occurrence has come, or came while Allant was not running."""
    due = await ctx.occurrences.due(ctx.workspace, ctx.now, AT_ONCE)
    items = await items_named(ctx, {slot.item for slot in due})
    paused, told = await ctx.notes.all(ctx.workspace, Paused), await ctx.notes.all(ctx.workspace, Troubled)
    planner, report, done = await Planner.of(ctx, people=False), Report(), list[Slot]()
    gate = await Gate.of(ctx, planner, items)
    in_order = sorted(due, key=lambda slot: (slot.item, slot.zone, slot.due))
    for (key, _), group in groupby(in_order, key=lambda slot: (slot.item, slot.zone)):
        slots, before = list(group), len(ctx.actions)
        if key not in items or key in paused:
            reason = "gone" if key not in items else "paused"
            done += [replace(slot, fate=Fate.SKIPPED, reason=reason) for slot in slots]
            continue
        try:
            done += await _fall_due(ctx, planner, gate, items[key], slots, report, told.get(key, Troubled()))
        except Exception as error:
            # What one item breaks is its own: the others go out, and its words are not in the log.
            log.error("the item %s failed: %s", key, type(error).__name__)
            del ctx.actions[before:]
            report.failed.append(key)
            done += [replace(slot, fate=Fate.MISSED, reason="failed") for slot in slots]
    ctx.do(MarkOccurrences(tuple(done), tuple(due)), WakeForOccurrences("calendar", "next", fired.due))
    if report.lost or report.failed:
        first = min(slot.key for slot in done)
        await ctx.tell_animators(lambda language: _report(ctx, language, report), f"calendar/missed/{first}")
    if report.held:
        await tell_held(ctx, report.held, f"calendar/held/{min(slot.key for slot in done)}")


async def _fall_due(
    ctx: Context, planner: Planner, gate: Gate, item: Item, slots: Sequence[Slot], report: Report, told: Troubled
) -> Sequence[Slot]:
    outcome = sort_out(slots, ctx.now, item.missed, item.grace)
    held = await gate.held(item, outcome.send) if outcome.send is not None else None
    if outcome.send is not None and held is not None:
        # The rules became stricter since it was approved, or whoever approved it may no longer.
        report.held.append((item, outcome.send, held))
        asked = replace(outcome.send, fate=Fate.ASKED, reason=held.reason)
        outcome = replace(outcome, send=None)
        if outcome.lost:
            report.lost.append((item, outcome))
        return [*marks(outcome), asked]
    if outcome.send is not None:
        gate.let_through(item, outcome.send)
        publish(ctx, planner, item, outcome.send)
        await _tell_trouble(ctx, item, told, Troubled(planner.unknown(item), text_of(ctx, item, "fr") is None))
    if outcome.lost or outcome.ask is not None:
        report.lost.append((item, outcome))
    return marks(outcome)


def _report(ctx: Context, language: Language, report: Report) -> Message:
    lines: list[str] = []
    open_ones: list[tuple[Item, Slot]] = []
    for item, outcome in report.lost:
        if outcome.lost:
            when = _said(ctx, language, outcome.lost[-1])
            count = len(outcome.lost)
            lines.append(ctx.words(language, "calendar.lost", item=item.id, when=when, count=count))
        if outcome.ask is not None:
            lines.append(ctx.words(language, "calendar.ask", item=item.id, when=_said(ctx, language, outcome.ask)))
        still = outcome.ask or (outcome.lost[-1] if outcome.lost and outcome.send is None else None)
        if still is not None:
            open_ones.append((item, still))
    lines += [ctx.words(language, "calendar.failed", item=key) for key in report.failed]
    if len(lines) > 1:
        lines = [f"- {line}" for line in lines]
    return Message(join_lines(_shortened(ctx, language, lines)), _report_buttons(ctx, language, open_ones))


def _report_buttons(ctx: Context, language: Language, open_ones: Sequence[tuple[Item, Slot]]) -> tuple[Button, ...]:
    if len(open_ones) == 1:
        [(item, slot)] = open_ones
        moment = f"{item.id} {slot.at.isoformat()} {slot.zone}"
        return (
            Button(ctx.words(language, "calendar.send_now"), f"calendar send {moment}", "primary"),
            Button(ctx.words(language, "calendar.leave_out"), f"calendar leave {moment}"),
            Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}"),
        )
    return tuple(
        Button(
            ctx.words(language, "calendar.send_item", item=Markup(item.id)),
            f"calendar send {item.id} {slot.at.isoformat()} {slot.zone}",
        )
        for item, slot in open_ones[:MOST_BUTTONS]
    )


def _said(ctx: Context, language: Language, slot: Slot) -> Markup:
    return ctx.say_moment(language, slot.due, slot.clock)


async def _tell_trouble(ctx: Context, item: Item, told: Troubled, trouble: Troubled) -> None:
    if trouble == told:
        return
    if trouble == Troubled():
        ctx.do(Drop(Troubled, item.id))
        return
    ctx.do(Remember(item.id, trouble))

    def message(language: Language) -> Message:
        where = f"{item.file}:{item.line}" if item.file else item.id
        lines: list[str] = [ctx.words(language, "calendar.trouble", item=item.id, where=where)]
        if trouble.places:
            places = ", ".join(trouble.places)
            lines.append("- " + ctx.words(language, "calendar.no_such_channel", places=places))
        if trouble.no_words:
            lines.append("- " + ctx.words(language, "calendar.no_words", page=item.page or item.id))
        return Message(join_lines(lines))

    await ctx.tell_animators(message)


async def people(ctx: Context, fired: TimerFired) -> None:
    """The next people of an audience get their direct message."""
    batch = Batch.parse(fired.key)
    found = await items_named(ctx, [batch.item])
    slot = await ctx.occurrences.get(ctx.workspace, batch.item, batch.at, batch.zone)
    if batch.item not in found or slot is None or slot.fate is not Fate.OUT:
        return
    following = await publish_to_people(ctx, await Planner.of(ctx, people=False), found[batch.item], slot, batch)
    if following is not None:
        ctx.do(SetTimer("people", following.key, ctx.now))


# Items that count from a day in each person's life here


async def on_member_changed(ctx: Context, event: MemberChanged) -> None:
    await _plan_for_zone(ctx, event.member)


async def _plan_for_zone(ctx: Context, member: Member) -> None:
    """The first person in a zone brings its clock to what goes to people: from now on, not from the next daily look."""
    known = await ctx.members.get(member.ref)
    if member.bot or not member.active or (known is not None and known.active and known.zone == member.zone):
        return
    there = await ctx.members.page(ctx.workspace, limit=2, zones=[member.zone])
    if all(each.ref == member.ref for each in there):
        ctx.do(SetTimer("plan", "", ctx.now))


async def on_member_joined(ctx: Context, event: MemberJoined) -> None:
    if event.channel is not None or event.member.bot:
        return
    await _plan_for_zone(ctx, event.member)
    for item in (await calendar_items(ctx)).values():
        if item.personal:
            _plan_person(ctx, item, event.member, event.at, ctx.now - LATE_NEWS)


def _plan_person(ctx: Context, item: Item, member: Member, arrived: datetime, since: datetime) -> None:
    """``since``: what was due before is long past; what was due after, while Allant was not running, is judged."""
    zone = ctx.zone_of(member)
    due = ctx.timetable.moment_for(item, local_date(arrived, zone), ctx.timetable.policy_for(member=member))
    key = f"{item.id}|{member.ref.id}"
    if due is not None and due > since:
        ctx.do(SetTimer("person", key, due, member=member.ref))
    else:
        ctx.do(CancelTimer("person", key))


async def _replan_people(ctx: Context, item_id: str) -> None:
    """An item that counts from people's arrival came or changed: those whose moment is still to come get a timer."""
    found = await find_item(ctx, item_id)
    if found is not None and found[0].personal:
        ctx.do(SetTimer("persons", f"{item_id}|", ctx.now))


async def persons(ctx: Context, fired: TimerFired) -> None:
    """The next people for whom an item is planned."""
    item_id, after = fired.key.split("|", 1)
    item = (await items_named(ctx, [item_id])).get(item_id)
    if item is None:
        return
    page = await ctx.members.page(ctx.workspace, after=after, limit=REPLANNED_AT_ONCE)
    for member in page:
        if member.joined_at is not None:
            _plan_person(ctx, item, member, member.joined_at, ctx.now)
    if len(page) == REPLANNED_AT_ONCE:
        ctx.do(SetTimer("persons", f"{item_id}|{page[-1].ref.id}", ctx.now))


async def person(ctx: Context, fired: TimerFired) -> None:
    """An item's moment in one person's life here."""
    item_id, member_id = fired.key.split("|", 1)
    item = (await items_named(ctx, [item_id])).get(item_id)
    member = await ctx.members.get(MemberRef(ctx.workspace, member_id))
    if item is None or member is None or not member.active or await ctx.note(Paused, item_id) is not None:
        return
    if not _speaks_to_the_person(item):
        return
    late = ctx.now - fired.due
    reason = "late" if late > ON_TIME and (item.missed is not Missed.LATE or late > item.grace) else ""
    if not reason:
        slot = Slot(item=item.id, at=fired.due, zone=ctx.zone_of(member), due=fired.due)
        held = await (await Gate.of(ctx, await Planner.of(ctx, people=False), {item.id: item})).held(item, slot)
        reason = held.reason if held is not None else ""
    if reason:
        # It is told a little later, once for all whose moment passed meanwhile.
        ctx.do(Remember(fired.key, Overdue(fired.due, reason), member.ref))
        ctx.do(SetTimer("tell", item.id, ctx.now + TOLD_AFTER, feature="overdue"))
        return
    send_to(ctx, item, member, fired.due, f"calendar/{item.id}/{fired.due.isoformat()}/{member_id}")


def _speaks_to_the_person(item: Item) -> bool:
    return Audience.PERSON in item.audiences or Audience.EVERYONE in item.audiences


FEATURE = Feature(
    name="calendar",
    listeners=(
        Listener(Started, on_started),
        Listener(FilesChanged, on_files_changed),
        Listener(ChannelChanged, on_channel_changed),
        Listener(MemberJoined, on_member_joined),
        Listener(MemberChanged, on_member_changed),
    ),
    timers={"next": wake, "plan": plan, "people": people, "persons": persons, "person": person},
    rules=CalendarRules,
)
