"""The clock that fires the durable timers: APScheduler wakes us, the store holds what is due.

APScheduler keeps a handful of jobs in memory and none on disk: its author says never to share a job store, and two
schedulers on one ran 15 to 39 % of their slots twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

# APScheduler 3 carries no types.
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.date import DateTrigger  # type: ignore[import-untyped]
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]

from bot.core.errors import where
from bot.core.leases import TIMERS, Leases, Rested, SoleLeases
from bot.core.ports import Clock, Timer, Timers
from bot.core.refs import WorkspaceRef

log = logging.getLogger("allant.clock")

LOOK_EVERY = 30.0
"""Seconds, by the monotonic clock: the longest we go without looking, whatever the wall clock does."""
SHARED_LOOK_EVERY = 2.0
"""Seconds, when other processes share the database and set timers that we are told of, but a word may be lost."""
AT_ONCE = 1_000
"""Timers read at one look."""
RETRY_BASE = 5.0
RETRY_CAP = 300.0
"""Seconds before a timer whose firing failed is tried again, doubling from base to cap."""
LAST_MINUTE = 5.0
"""Seconds given to what is running when we stop."""
MOST_PASSES = 100
"""Of :meth:`Clockwork.fire_due`: a timer that sets itself anew for the same moment must not hold it for ever."""

_NEXT = "next timer"

Lane = tuple[WorkspaceRef, str]
"""A feature in a workspace: its timers follow each other."""


class Clockwork:
    """Fires each timer when it is due. Those of one feature in one workspace follow each other, features run side by
    side, so that one which waits for the network delays no other's."""

    def __init__(
        self,
        timers: Timers,
        clock: Clock,
        fire: Callable[[Timer], Awaitable[None]],
        *,
        look_every: float = LOOK_EVERY,
        leases: Leases | None = None,
    ) -> None:
        """``leases``: of the processes that share the database, if several do; only lanes held are worked on."""
        self._timers = timers
        self._clock = clock
        self._fire = fire
        self._leases = leases or SoleLeases()
        self._look_every = min(look_every, SHARED_LOOK_EVERY) if self._leases.shared else look_every
        # No grace: a job that is late is run once, late, instead of dropped.
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._every: dict[str, timedelta] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[Lane, asyncio.Task[None]] = {}
        self._in_hand: set[Timer] = set()
        self._tried: dict[Timer, tuple[int, datetime]] = {}
        self._fired = 0
        self._looking = False
        self._look_again = False
        self._stopping = False
        self._watch: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._scheduler.start()
        self._look_regularly()

    def wake(self) -> None:
        """Timers may have changed: look. Many calls at once make one look."""
        if self._stopping or not self._scheduler.running:
            return
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        self._start("look", self._look)

    async def stop(self) -> None:
        """Stop firing. What runs is given a moment to end; a timer cut short is still there at the next start."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        tasks = [*self._running.values(), *self._lanes.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_MINUTE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        # The scheduler ends in a callback of the loop; after this it has.
        await asyncio.sleep(0)

    def every(
        self, seconds: float, job: Callable[[], Awaitable[None]], name: str, *, first: float | None = None
    ) -> None:
        """Run ``job`` every ``seconds`` from the start on, never twice at once; the first time after ``first`` seconds
        (default: ``seconds``). One that fails is logged and run again the next time."""
        self._every[name] = timedelta(seconds=seconds)
        began = datetime.now(UTC) + timedelta(seconds=seconds if first is None else first)
        self._scheduler.add_job(
            self._kick,
            IntervalTrigger(seconds=seconds, start_date=began, timezone=UTC),
            args=[name, job],
            id=name,
            replace_existing=True,
        )

    async def fire_due(self) -> int:
        """Fire everything due at this moment of the clock, and what that makes due in turn. Returns how many fired."""
        before = self._fired
        for _ in range(MOST_PASSES):
            await self._fill_lanes()
            if not self._lanes:
                break
            while self._lanes:
                await asyncio.wait(self._lanes.values())
        return self._fired - before

    # What APScheduler calls only starts a task of ours: it would cancel its own half-way when it shuts down.
    async def _kick(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        if name not in self._running:
            self._start(name, job)

    def _start(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            try:
                await job()
            except Exception as error:
                log.error("%s failed: %s", name, where(error))

        task = asyncio.create_task(guarded())
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def _look(self) -> None:
        """Start what is due, then have the scheduler wake us for what is next."""
        pause = self._look_every
        try:
            self._look_again = True
            while self._look_again:
                self._look_again = False
                await self._fill_lanes()
                pause = await self._pause()
        finally:
            self._looking = False
            if not self._stopping:
                when = datetime.now(UTC) + timedelta(seconds=pause)
                self._scheduler.add_job(
                    self._kick_look, DateTrigger(when, timezone=UTC), id=_NEXT, replace_existing=True
                )

    async def _kick_look(self) -> None:
        self.wake()

    def _look_regularly(self) -> None:
        """By the loop's own clock, which no change of the wall clock stops; the scheduler's jobs are put right too."""
        latest = datetime.now(UTC) + timedelta(seconds=1)
        for name, interval in self._every.items():
            job = self._scheduler.get_job(name)
            if job is not None and job.next_run_time > latest + interval:
                job.reschedule(IntervalTrigger(seconds=interval.total_seconds(), timezone=UTC))
        self._scheduler.wakeup()
        self.wake()
        self._watch = asyncio.get_running_loop().call_later(self._look_every, self._look_regularly)

    async def _fill_lanes(self) -> None:
        """Give each feature's due timers to its lane, where that is free."""
        now = self._clock.now()
        due = await self._timers.due(now, limit=AT_ONCE + len(self._in_hand) + len(self._tried))
        self._tried = {timer: tried for timer, tried in self._tried.items() if timer in due}
        waiting: dict[Lane, list[Timer]] = {}
        for timer in due:
            if timer not in self._in_hand and not self._resting(timer, now):
                waiting.setdefault((timer.workspace, timer.feature), []).append(timer)
        names = {_lease(lane): lane for lane in waiting if lane not in self._lanes}
        held = await self._leases.take(names) if names else {}
        for name, lane in names.items():
            # Another look may have opened it while the leases were asked for.
            if name in held and lane not in self._lanes:
                self._open_lane(lane, waiting[lane])

    def _open_lane(self, lane: Lane, timers: Sequence[Timer]) -> None:
        def done(_: asyncio.Task[None]) -> None:
            del self._lanes[lane]
            self._in_hand.difference_update(timers)
            self.wake()

        self._in_hand.update(timers)
        task = asyncio.create_task(self._run_lane(lane, timers))
        self._lanes[lane] = task
        task.add_done_callback(done)

    async def _run_lane(self, lane: Lane, timers: Sequence[Timer]) -> None:
        try:
            for timer in timers:
                if self._stopping or not self._leases.valid:
                    return
                if self._leases.shared and await self._gone(timer):
                    continue
                await self._fire_guarded(timer)
        finally:
            await self._give_back(lane)

    async def _gone(self, timer: Timer) -> bool:
        """Whether another process fired it between our look and our lease: what it does (reading a feed, asking the
        writer) would be done twice."""
        return await self._timers.get(timer.workspace, timer.feature, timer.name, timer.key) != timer

    async def _fire_guarded(self, timer: Timer) -> None:
        tries = self._tried[timer][0] + 1 if timer in self._tried else 1
        try:
            await self._fire(timer)
            self._fired += 1
        except Exception as error:
            log.error("timer %s of %s failed, trying again: %s", timer.name, timer.feature, where(error))
        # Noted after success too: fired timers are gone from the store, and one that is not must not spin.
        pause = min(RETRY_CAP, RETRY_BASE * 2.0 ** min(tries - 1, 20))
        self._tried[timer] = (tries, self._clock.now() + timedelta(seconds=pause))

    async def _give_back(self, lane: Lane) -> None:
        try:
            await self._leases.give_back({_lease(lane): Rested()})
        except Exception as error:
            log.error("a lease could not be given back: %s", where(error))

    def _resting(self, timer: Timer, now: datetime) -> bool:
        """Whether a timer that failed waits for its next try. Never longer than the longest pause, even where the
        clock was set back meanwhile."""
        return timer in self._tried and timedelta() < self._tried[timer][1] - now <= timedelta(seconds=RETRY_CAP)

    async def _pause(self) -> float:
        """Seconds until the next look, :data:`LOOK_EVERY` at most."""
        now = self._clock.now()
        if self._in_hand or self._tried:
            # In the store those in hand and those that failed stand before what is due next.
            limit = AT_ONCE + len(self._in_hand) + len(self._tried)
            soon = await self._timers.due(now + timedelta(seconds=LOOK_EVERY), limit=limit)
            moments = [
                self._tried[timer][1] if timer in self._tried else timer.due for timer in soon if self._free(timer)
            ]
        else:
            due = await self._timers.next_due()
            moments = [due] if due is not None else []
        seconds = min(((moment - now).total_seconds() for moment in moments), default=LOOK_EVERY)
        return min(max(seconds, 0.01), LOOK_EVERY)

    def _free(self, timer: Timer) -> bool:
        """Whether it waits for its time alone, and not for its lane, whose end makes us look anyway."""
        return timer not in self._in_hand and (timer.workspace, timer.feature) not in self._lanes


def _lease(lane: Lane) -> str:
    return f"{TIMERS}{lane[0]}/{lane[1]}"
