"""The publishing rules hold for what is on its way, too: when they change, or people leave or lose a role, what still
waits to go out is looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.actions import CallOff, MarkOccurrences, SetTimer
from bot.core.calendar import Item
from bot.core.delivery import Kind, State
from bot.core.editorial import Fate, Slot
from bot.core.events import FilesChanged, MemberChanged, MemberLeft
from bot.core.feature import Context, Feature, Listener, TimerFired
from bot.core.ledger import Query
from bot.core.permission import Gate, Held, tell_held
from bot.core.planning import Planner, items_named

MOST_WAITING = 5000
"""Copies that wait, of the whole workspace, looked through at once."""
AROUND = timedelta(microseconds=1)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    _look_again(ctx)


async def on_member_left(ctx: Context, event: MemberLeft) -> None:
    if event.channel is None:
        _look_again(ctx)


async def on_member_changed(ctx: Context, event: MemberChanged) -> None:
    if not event.member.active:
        _look_again(ctx)


def _look_again(ctx: Context) -> None:
    """Once what changed is committed."""
    ctx.do(SetTimer("review", "", ctx.now))


async def review(ctx: Context, fired: TimerFired) -> None:
    """Call off what waits and may no longer go out; the animators decide about it."""
    slots = await _waiting(ctx)
    items = await items_named(ctx, {slot.item for slot in slots})
    gate = await Gate.of(ctx, await Planner.of(ctx, people=False), items)
    found: list[tuple[Item, Slot, Held]] = []
    for slot in slots:
        held = await gate.approval(items[slot.item]) if slot.item in items else None
        if held is not None:
            ctx.do(
                CallOff(slot.key, "unapproved"),
                MarkOccurrences((replace(slot, fate=Fate.ASKED, reason=held.reason),), (slot,)),
            )
            found.append((items[slot.item], slot, held))
    if found:
        await tell_held(ctx, found, f"calendar/held/{fired.due.isoformat()}", "held_waiting")


async def _waiting(ctx: Context) -> list[Slot]:
    """The occurrences that are out and of which copies still wait."""
    query = Query(workspace=ctx.workspace, states=(State.PLANNED,), prefix="calendar/", limit=MOST_WAITING)
    names = {
        (parts[1], parts[2])
        for row in await ctx.ledger.search(query)
        if row.kind is Kind.POST and len(parts := row.key.split("/", 3)) == 4
    }
    found: list[Slot] = []
    for item, moment in sorted(names):
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            continue
        slots = await ctx.occurrences.of(ctx.workspace, item, since=at, until=at + AROUND)
        found += [slot for slot in slots if slot.fate is Fate.OUT]
    return found


FEATURE = Feature(
    name="permission",
    listeners=(
        Listener(FilesChanged, on_files_changed),
        Listener(MemberLeft, on_member_left),
        Listener(MemberChanged, on_member_changed),
    ),
    timers={"review": review},
)
