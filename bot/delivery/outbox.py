"""The outbox: takes what is due from the ledger and has it delivered, in order in each place, places side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.delivery import Delivery
from bot.core.events import Event
from bot.core.ports import Channels, Clock, Ledger, Members, Outbound, Platform, Timetable
from bot.core.refs import Place, WorkspaceRef
from bot.delivery.courier import Courier, Jitter, Rest, full_jitter, where
from bot.delivery.limits import Limits

log = logging.getLogger("allant.delivery")

AT_ONCE = 32
"""Places of one workspace worked on at the same time. Each workspace has its own, so that one which hangs delays no
other."""
MOST_PLACES = 5_000
"""Places taken up at a time over all workspaces: each is named to the ledger at every look."""
IN_ONE_GO = 10
"""Deliveries of one place before the ledger is looked at again: an answer waits behind no more than these."""
LONGEST_SLEEP = 30.0
"""Seconds: the wall clock may jump, or another process may plan something."""
STORE_PAUSE = timedelta(seconds=5)
"""After the store failed."""
LAST_MINUTE = 5.0
"""Seconds given to requests in flight when we are told to stop; what is not answered by then stays half-sent."""


@dataclass(frozen=True, slots=True)
class _Hold:
    """In force between two moments; a clock set back to before ``since`` makes it void instead of endless."""

    since: datetime
    until: datetime
    limited: bool

    def active(self, now: datetime) -> bool:
        return self.since <= now < self.until


class Outbox:
    """See the design's “ways through”. ``on_trouble`` gets a DeliveryTroubled for each delivery that failed for good or
    is uncertain, and for each calendar post that was held back; never for a notice, which could go round for ever."""

    def __init__(
        self,
        outbound: Outbound,
        ledger: Ledger,
        members: Members,
        channels: Channels,
        timetable: Timetable,
        platforms: Mapping[WorkspaceRef, Platform],
        clock: Clock,
        limits: Limits,
        on_trouble: Callable[[Event], Awaitable[None]],
        *,
        jitter: Jitter = full_jitter,
    ) -> None:
        """``jitter`` gives the seconds to wait, of at most the seconds it is given, before a failed send is tried
        again."""
        self._outbound = outbound
        self._clock = clock
        self._courier = Courier(
            outbound, ledger, members, channels, timetable, platforms, clock, limits, on_trouble, jitter
        )
        self._working: dict[Place, asyncio.Task[None]] = {}
        self._holds: dict[Place | WorkspaceRef, _Hold] = {}
        self._slots: defaultdict[WorkspaceRef, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._one_round = asyncio.Lock()
        self._woken = asyncio.Event()
        self._half_sent = False
        self._stopping = False

    def wake(self) -> None:
        """Something was planned: look at the ledger."""
        self._woken.set()

    async def recover(self) -> None:
        """At the start, before anything else is sent: clear up what a crash left half-sent. What cannot be cleared up
        yet (the platform is away) is tried again by :meth:`run`; until then nothing else goes to its place."""
        self._half_sent = True
        async with self._one_round:
            await self._start_half_sent()
        await self._idle()

    async def run(self) -> None:
        """Deliver until cancelled. A request in flight then is given a moment to end; else it is left half-sent."""
        self._stopping = False
        try:
            while True:
                self._woken.clear()
                try:
                    await self._round()
                    pause = await self._pause()
                except Exception as error:
                    log.error("the ledger could not be read, trying again: %s", where(error))
                    pause = STORE_PAUSE.total_seconds()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
        finally:
            await self._stop()

    async def drain(self) -> int:
        """Deliver everything that may go at this moment of the clock, then return how many went out. What has to wait
        is left for a later call: this is for a clock that stands still meanwhile."""
        before = self._courier.sent
        await self._idle()
        while await self._round():
            await self._idle()
        return self._courier.sent - before

    async def _round(self) -> int:
        """Start work on every place with something due. Returns on how many."""
        async with self._one_round:
            started = await self._start_half_sent()
            unavailable = self._unavailable()
            while len(self._working) < MOST_PLACES:
                claimed = await self._outbound.claim(self._clock.now(), busy=unavailable)
                for place, deliveries in _by_place(claimed).items():
                    if place in unavailable:
                        continue
                    if not self._held(place.workspace):
                        self._start(place, deliveries[:IN_ONE_GO], self._courier.deliver)
                        started += 1
                before = len(unavailable)
                unavailable |= {delivery.to for delivery in claimed}
                if len(unavailable) == before:
                    break
            return started

    async def _start_half_sent(self) -> int:
        if not self._half_sent:
            return 0
        self._half_sent = False
        # Noted before reading: what a place sends at this moment may be read as half-sent although it ends meanwhile.
        busy = set(self._working)
        started = 0
        for place, deliveries in _by_place(await self._outbound.half_sent()).items():
            if place in busy or self._held(place) or self._held(place.workspace):
                self._half_sent = True
                continue
            self._start(place, deliveries, self._courier.settle)
            started += 1
        return started

    def _start(
        self, place: Place, deliveries: Sequence[Delivery], treat: Callable[[Delivery], Awaitable[Rest | None]]
    ) -> None:
        def done(_: asyncio.Task[None]) -> None:
            del self._working[place]
            self.wake()

        task = asyncio.create_task(self._work(place, deliveries, treat))
        self._working[place] = task
        task.add_done_callback(done)

    async def _work(
        self, place: Place, deliveries: Sequence[Delivery], treat: Callable[[Delivery], Awaitable[Rest | None]]
    ) -> None:
        try:
            async with self._slots[place.workspace]:
                for delivery in deliveries:
                    if self._stopping or self._held(place.workspace):
                        self._half_sent = True  # It may have been one of those that waited here.
                        return
                    rest = await treat(delivery)
                    if rest is not None:
                        self._rest(place, rest)
                        return
        except Exception as error:
            # Most likely the store. Whether the delivery was marked as being sent is not known, so look.
            log.error("work on a place stopped, trying again: %s", where(error))
            self._rest(place, Rest(self._clock.now() + STORE_PAUSE, half_sent=True))

    def _rest(self, place: Place, rest: Rest) -> None:
        """Hold the place. When the platform limits two places of a workspace at once it means the whole workspace."""
        now = self._clock.now()
        hold = _Hold(now, rest.until, rest.limited)
        if rest.limited and any(
            other.limited and other.active(now) and isinstance(key, Place) and key.workspace == place.workspace
            for key, other in self._holds.items()
            if key != place
        ):
            self._holds[place.workspace] = hold
        self._holds[place] = hold
        self._half_sent = self._half_sent or rest.half_sent

    def _held(self, key: Place | WorkspaceRef) -> bool:
        hold = self._holds.get(key)
        return hold is not None and hold.active(self._clock.now())

    def _unavailable(self) -> set[Place]:
        """Places being worked on, and those that must rest."""
        now = self._clock.now()
        self._holds = {key: hold for key, hold in self._holds.items() if hold.active(now)}
        return {*self._working, *(key for key in self._holds if isinstance(key, Place))}

    async def _pause(self) -> float:
        """Seconds until there may be something to do."""
        unavailable = self._unavailable()
        due = await self._outbound.next_due(busy=unavailable)
        now = self._clock.now()
        moments = [hold.until for hold in self._holds.values()]
        if due is not None:
            # Already due and yet not claimed: a workspace rests, or another process has it.
            moments.append(due if due > now else now + timedelta(seconds=0.2))
        seconds = min(((moment - now).total_seconds() for moment in moments), default=LONGEST_SLEEP)
        return min(max(seconds, 0.001), LONGEST_SLEEP)

    async def _idle(self) -> None:
        while self._working:
            await asyncio.wait(self._working.values())

    async def _stop(self) -> None:
        self._stopping = True
        tasks = list(self._working.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_MINUTE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _by_place(deliveries: Sequence[Delivery]) -> dict[Place, list[Delivery]]:
    """The deliveries of each place, in their order."""
    found: dict[Place, list[Delivery]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.to, []).append(delivery)
    return found
