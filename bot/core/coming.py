"""The posts of the calendar that are still to come in a place: planned as occurrences, and in no ledger yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core.calendar import Item, Paused
from bot.core.community import Channel, Member
from bot.core.directory import addressed
from bot.core.editorial import Slot, Status
from bot.core.localtime import known_zone
from bot.core.planning import clock_name, goes_out
from bot.core.policy import PolicyRules
from bot.core.ports import Notes, Timetable
from bot.core.posting import is_in_audience
from bot.core.records import Items, Occurrences
from bot.core.refs import WorkspaceRef

MOST = 2000
"""Occurrences looked at: more than any place has room for."""


@dataclass(frozen=True, slots=True)
class ComingPosts:
    """Counts what is really planned: items of files and those made in chat, without what is paused, skipped or moved
    away."""

    occurrences: Occurrences
    items: Items
    notes: Notes
    timetable: Timetable

    async def in_channel(self, channel: Channel, since: datetime, until: datetime) -> int:
        """How many go to the channel from ``since`` to ``until`` (not)."""
        rules = self.timetable.policy_for(channel)

        def goes_there(item: Item, slot: Slot) -> bool:
            return bool(addressed([channel], item.to)) and clock_name(item, rules.zone, rules.days) == slot.zone

        return await self._count(channel.ref.workspace, since, until, goes_there)

    async def for_member(self, member: Member, since: datetime, until: datetime) -> int:
        """As :meth:`in_channel`, of those that go to people in direct messages."""
        policy = self.timetable.rules(PolicyRules)
        zone = known_zone(member.zone, policy.zone)

        def reaches_them(item: Item, slot: Slot) -> bool:
            return clock_name(item, zone, policy.days) == slot.zone and is_in_audience(item, member, policy, slot.due)

        return await self._count(member.ref.workspace, since, until, reaches_them)

    async def _count(
        self, workspace: WorkspaceRef, since: datetime, until: datetime, counts: Callable[[Item, Slot], bool]
    ) -> int:
        slots = await self.occurrences.coming(workspace, since=since, until=until, limit=MOST)
        if not slots:
            return 0
        paused = await self.notes.all(workspace, Paused)
        of_files = {key: item for key in {slot.item for slot in slots} if (item := self.timetable.item(key))}
        kept = await self.items.named(workspace, {slot.item for slot in slots} - of_files.keys())
        items = {key: item for key, item in of_files.items() if goes_out(item)}
        items |= {key: each.item for key, each in kept.items() if each.status is Status.APPROVED}
        return sum(slot.item in items and slot.item not in paused and counts(items[slot.item], slot) for slot in slots)
