"""The pace of a whole workspace when several processes write to it: each reserves its turns beforehand."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from bot.core.leases import PACE, Leases
from bot.core.refs import WorkspaceRef
from bot.delivery.limits import Limits

AHEAD = 0.25
"""Seconds of turns reserved at a time. Turns that are not used are lost to all: few at a time waste little, many at a
time ask the database less often."""


class Turns:
    """The turns this process has reserved. For a sole process, whose :class:`Limits` see everything, nothing."""

    def __init__(self, leases: Leases, limits: Limits) -> None:
        self._leases = leases
        self._limits = limits
        self._reserved: dict[WorkspaceRef, deque[datetime]] = {}

    async def ready_at(self, workspace: WorkspaceRef, now: datetime) -> datetime:
        """The first moment at which one more message may go to the workspace: ``now`` when it may at once."""
        rate = self._limits.of_workspace(workspace)
        if not self._leases.shared or rate is None:
            return now
        turns = self._reserved.setdefault(workspace, deque())
        span = timedelta(seconds=AHEAD)
        while turns and turns[0] < now - span:
            turns.popleft()  # Kept for a long pause, they would come as a burst beyond the limit.
        if not turns:
            count = max(1, round(rate.per_second * AHEAD))
            first = now + await self._leases.reserve(f"{PACE}{workspace}", rate.per_second, rate.burst, count)
            turns.extend(max(first + timedelta(seconds=n / rate.per_second), now - span) for n in range(count))
        return max(turns[0], now)

    def take(self, workspace: WorkspaceRef) -> None:
        """Use the turn that :meth:`ready_at` gave."""
        turns = self._reserved.get(workspace)
        if turns:
            turns.popleft()
