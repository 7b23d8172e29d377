"""The pace of a whole workspace when several processes write to it: each reserves its turns beforehand."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from datetime import datetime, timedelta

from bot.core.leases import PACE, Leases
from bot.core.refs import WorkspaceRef
from bot.delivery.limits import Limits, Rate

AHEAD = 0.25
"""Seconds of turns reserved at a time. Turns that are not used are lost to all: few at a time waste little, many at a
time ask the database less often."""


class Turns:
    """The turns this process has reserved. For a sole process, whose :class:`Limits` see everything, nothing."""

    def __init__(self, leases: Leases, limits: Limits) -> None:
        self._leases = leases
        self._limits = limits
        self._reserved: dict[WorkspaceRef, deque[datetime]] = {}
        self._one_at_a_time: defaultdict[WorkspaceRef, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ready_at(self, workspace: WorkspaceRef, now: datetime) -> datetime:
        """The first moment at which one more message may go to the workspace: ``now`` when it may at once."""
        rate = self._limits.of_workspace(workspace)
        if not self._leases.shared or rate is None:
            return now
        turns = self._reserved.setdefault(workspace, deque())
        span = timedelta(seconds=AHEAD)
        while turns and turns[0] < now - span:
            turns.popleft()  # Kept for a long pause, they would come as a burst beyond the limit.
        async with self._one_at_a_time[workspace]:
            if not turns:
                await self._reserve(workspace, rate, turns, now)
        return max(turns[0], now)

    async def _reserve(self, workspace: WorkspaceRef, rate: Rate, turns: deque[datetime], now: datetime) -> None:
        span = timedelta(seconds=AHEAD)
        count = max(1, round(rate.per_second * AHEAD))
        first = now + await self._leases.reserve(f"{PACE}{workspace}", rate.per_second, rate.burst, count)
        turns.extend(max(first + timedelta(seconds=n / rate.per_second), now - span) for n in range(count))

    def take(self, workspace: WorkspaceRef, now: datetime) -> bool:
        """Use the turn that :meth:`ready_at` gave. False when another delivery did."""
        turns = self._reserved.get(workspace)
        if turns is None:
            return True
        if not turns or turns[0] > now:
            return False
        turns.popleft()
        return True
