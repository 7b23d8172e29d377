"""The rollups as the rest of Allant sees them: brought up to date, and asked for every metric."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import partial

from sqlalchemy import Connection

from bot.core.metrics import Metrics, Report
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import THRESHOLD
from bot.store import effects, folding
from bot.store.database import Database
from bot.store.figures import Survey


def _system_now() -> datetime:
    return datetime.now(UTC)


class StoredMetrics(Metrics):
    """Figures from the rollups, which are brought up to date first: nobody sees yesterday's by accident."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _system_now) -> None:
        self._database = database
        self._now = now

    async def report(
        self,
        workspace: WorkspaceRef,
        *,
        until: date,
        channel: ChannelRef | None = None,
        weeks: int = 4,
        threshold: int = THRESHOLD,
    ) -> Report:
        await self.catch_up()
        await self.settle(datetime.combine(until, time(0), UTC))
        chosen = max(threshold, THRESHOLD)

        def work(connection: Connection) -> Report:
            return Survey(connection, workspace, channel, until, weeks, chosen).report()

        return await self._database.read(work)

    async def catch_up(self) -> int:
        """Bring the rollups up to date with all that was recorded before; how many signals that were. Each run is a
        transaction of its own, so that whoever else writes has their turn in between."""
        if not await self._database.read(folding.pending):
            return 0
        total = 0
        await self._database.write(partial(folding.mark_started, now=self._now()))
        while True:
            taken = await self._database.write(folding.fold)
            total += taken
            if taken < folding.BATCH:
                break  # What arrived meanwhile is the next one's: whoever writes all the time must not hold this up.
        await self._database.write(partial(folding.mark_done, now=self._now()))
        return total

    async def settle(self, now: datetime) -> int:
        """Write down what followed the posts whose 48 hours are over at ``now``; how many there were."""
        total = 0
        while taken := await self._database.write(partial(effects.settle, now=now)):
            total += taken
        return total
