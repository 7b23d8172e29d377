"""The outbox: takes what is due from the ledger and has it delivered, in order in each place, places side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.coming import ComingPosts
from bot.core.delivery import Delivery, Kind
from bot.core.errors import where
from bot.core.events import Event
from bot.core.leases import PLACE, Leases, Rested, SoleLeases
from bot.core.platform import Platform
from bot.core.ports import Channels, Clock, Ledger, Members, Outbound, Timetable
from bot.core.refs import Place, WorkspaceRef, place_key
from bot.delivery.courier import Courier, Jitter, Rest, full_jitter
from bot.delivery.limits import Limits

log = logging.getLogger("allant.delivery")

AT_ONCE = 100
"""Places of one workspace worked on at the same time. Each workspace has its own, so that one which hangs delays no
other. What is done together shares its reads and commits: with 32, a message cost half as much again."""
MOST_PLACES = 5_000
"""Places taken up at a time over all workspaces: each is named to the ledger at every look."""
IN_ONE_GO = 10
"""Deliveries of one place before the ledger is looked at again: an answer waits behind no more than these."""
LONGEST_NAP = 5.0
"""Seconds that a place waits for our own limits with its deliveries in hand, instead of being looked up anew."""
TOGETHER = 0.04
"""Seconds: naps of about a second or more end on this beat, so that those which end about now share their reads and
commits. A thousand channels at one message a second cost a third of what they do one by one."""
NAP_ON_BEAT = 0.5
LONGEST_SLEEP = 30.0
"""Seconds: the wall clock may jump."""
SHARED_SLEEP = 2.0
"""Seconds, when other processes share the database: what they plan or leave behind is told, but a word may be lost."""
STORE_PAUSE = timedelta(seconds=5)
"""After the store failed."""
_PRIORITY = list(Kind)
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
        leases: Leases | None = None,
        elsewhere: Callable[[], Collection[WorkspaceRef]] = tuple,
        coming_posts: ComingPosts | None = None,
    ) -> None:
        """``jitter`` gives the seconds to wait, of at most the seconds it is given, before a failed send is tried
        again. ``leases``: of the processes that share the database, if several do; only places held are written to.
        ``elsewhere``: the workspaces that only another process can write to at the moment. ``coming_posts``: of the
        calendar, to which news give way beforehand."""
        self._elsewhere = elsewhere
        self._outbound = outbound
        self._clock = clock
        self._limits = limits
        self._leases = leases or SoleLeases()
        self._leases.on_lost(self._abandon)
        self._courier = Courier(
            outbound,
            ledger,
            members,
            channels,
            timetable,
            platforms,
            clock,
            limits,
            on_trouble,
            jitter,
            self._leases,
            coming_posts,
        )
        self._working: dict[Place, asyncio.Task[None]] = {}
        self._holds: dict[Place | WorkspaceRef, _Hold] = {}
        self._slots: defaultdict[WorkspaceRef, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._one_round = asyncio.Lock()
        self._woken = asyncio.Event()
        self._napping: set[Place] = set()
        self._news = 0
        self._live = False
        self._half_sent = False
        self._look_again = 0.0
        self._longest_sleep = SHARED_SLEEP if self._leases.shared else LONGEST_SLEEP
        self._stopping = False

    def wake(self) -> None:
        """Something was planned: look at the ledger."""
        self._news += 1
        self._woken.set()

    async def recover(self) -> None:
        """At the start, before anything else is sent: clear up what a crash left half-sent. What cannot be cleared up
        yet (the platform is away) is tried again by :meth:`run`; until then nothing else goes to its place. Nor does
        anything to a place where something waits to be tried again: it would overtake it."""
        self._half_sent = True
        now = self._clock.now()
        for delivery in sorted(await self._outbound.resting(now), key=lambda each: each.due):
            self._holds[delivery.to] = _Hold(now, delivery.due, delivery.reason == "rate_limited")
        async with self._one_round:
            await self._start_half_sent()
        await self._idle()

    async def run(self) -> None:
        """Deliver until cancelled. A request in flight then is given a moment to end; else it is left half-sent."""
        self._stopping, self._live = False, True
        try:
            while True:
                self._woken.clear()
                self._look_for_left()
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

    def _look_for_left(self) -> None:
        """Now and then: what a process that died left half-sent."""
        now = time.monotonic()
        if self._leases.shared and now >= self._look_again:
            self._half_sent = True
            self._look_again = now + SHARED_SLEEP

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
                busy = [*unavailable, *self._elsewhere(), *self._full()]
                claimed = await self._outbound.claim(self._clock.now(), busy=busy)
                due = {
                    place: deliveries[:IN_ONE_GO]
                    for place, deliveries in _by_place(claimed).items()
                    if place not in unavailable and not self._held(place.workspace)
                }
                for place in await self._ours(self._our_share(due)):
                    self._start(place, due[place], self._courier.deliver)
                    started += 1
                before = len(unavailable)
                unavailable |= {delivery.to for delivery in claimed}
                if len(unavailable) == before:
                    break
            return started

    def _full(self) -> list[WorkspaceRef]:
        """Where other processes share the work: the workspaces in which we have enough in hand. What we took beyond
        that would wait here while another process has nothing to do; more is taken when half of it is done."""
        if not self._leases.shared:
            return []
        return [workspace for workspace, count in self._in_hand().items() if count > AT_ONCE // 2]

    def _in_hand(self) -> Counter[WorkspaceRef]:
        return Counter(place.workspace for place in self._working if place not in self._napping)

    def _our_share(self, due: Mapping[Place, Sequence[Delivery]]) -> list[Place]:
        """As many of ``due`` in each workspace as there is room for. Of those alike in priority any: processes that
        look at the same moment would all reach for the same, and one of them get everything."""
        if not self._leases.shared:
            return list(due)
        chosen, taken = [], self._in_hand()
        order = {place: (_PRIORITY.index(waiting[0].kind), random.random()) for place, waiting in due.items()}  # noqa: S311  # Spreading load, no secret.
        for place in sorted(due, key=lambda each: order[each]):
            if taken[place.workspace] < AT_ONCE:
                taken[place.workspace] += 1
                chosen.append(place)
        return chosen

    async def _start_half_sent(self) -> int:
        if not self._half_sent:
            return 0
        self._half_sent = False
        # Noted before reading: what a place sends at this moment may be read as half-sent although it ends meanwhile.
        busy = set(self._working)
        half_sent = _by_place(await self._outbound.half_sent())
        elsewhere = self._elsewhere()
        half_sent = {place: each for place, each in half_sent.items() if place.workspace not in elsewhere}
        wanted = [
            place
            for place in half_sent
            if place not in busy and not self._held(place) and not self._held(place.workspace)
        ]
        self._half_sent = self._half_sent or len(wanted) < len(half_sent)
        ours = await self._ours(wanted)
        for place in ours:
            self._start(place, half_sent[place], self._courier.settle)
        return len(ours)

    async def _ours(self, places: Iterable[Place]) -> list[Place]:
        """Those of ``places`` that no other process works on; from here on none does."""
        names = {_lease(place): place for place in places}
        held = await self._leases.take(names) if names else {}
        if self._leases.shared:
            for name, lease in held.items():
                self._limits.go_on(names[name], lease, self._clock.now())
        return [place for name, place in names.items() if name in held]

    def _abandon(self) -> None:
        """Our leases lapsed: another process goes on where we were, so nothing more may leave."""
        for task in self._working.values():
            task.cancel()
        self._half_sent = True

    def _start(
        self, place: Place, deliveries: Sequence[Delivery], treat: Callable[[Delivery], Awaitable[Rest | None]]
    ) -> None:
        def done(_: asyncio.Task[None]) -> None:
            del self._working[place]
            self._woken.set()

        task = asyncio.create_task(self._work(place, deliveries, treat))
        self._working[place] = task
        task.add_done_callback(done)

    async def _work(
        self, place: Place, deliveries: Sequence[Delivery], treat: Callable[[Delivery], Awaitable[Rest | None]]
    ) -> None:
        in_hand, napped, news = list(deliveries), False, self._news
        try:
            while in_hand:
                rest = await self._one_go(place, in_hand, treat)
                if rest is None and not napped:
                    return
                if rest is not None:
                    if not self._may_nap(rest):
                        self._rest(place, rest)
                        return
                    await self._nap(place, rest)
                    napped = True
                if not in_hand or news != self._news:
                    # What was planned meanwhile may come before what is in hand.
                    news = self._news
                    in_hand = list(await self._outbound.claim(self._clock.now(), limit=IN_ONE_GO, only=place))
        except Exception as error:
            # Most likely the store. Whether the delivery was marked as being sent is not known, so look.
            log.error("work on a place stopped, trying again: %s", where(error))
            self._rest(place, Rest(self._clock.now() + STORE_PAUSE, half_sent=True))
        finally:
            await self._give_back(place)

    async def _one_go(
        self, place: Place, in_hand: list[Delivery], treat: Callable[[Delivery], Awaitable[Rest | None]]
    ) -> Rest | None:
        """Treat what is in hand, taking out what is done with, until the place must rest."""
        async with self._slots[place.workspace]:
            while in_hand:
                if self._stopping or self._held(place.workspace):
                    self._half_sent = True  # It may have been one of those that waited here.
                    in_hand.clear()
                    break
                rest = await treat(in_hand[0])
                if rest is None:
                    in_hand.pop(0)
                elif rest.workspace and self._may_nap(rest):
                    # The whole workspace waits: the first in the queue stay the first, and the others are not woken.
                    await self._nap(place, rest)
                else:
                    return rest
            return None

    def _may_nap(self, rest: Rest) -> bool:
        """Not while a clock stands still that somebody else moves."""
        return self._live and rest.paced and (rest.until - self._clock.now()).total_seconds() <= LONGEST_NAP

    async def _nap(self, place: Place, rest: Rest) -> None:
        """Wait for our own limits. Nothing was begun, so a nap may be cut short."""
        loop = asyncio.get_running_loop()
        seconds = max(0.0, (rest.until - self._clock.now()).total_seconds())
        if seconds >= NAP_ON_BEAT and not rest.workspace:
            seconds = math.ceil((loop.time() + seconds) / TOGETHER) * TOGETHER - loop.time()
        self._napping.add(place)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._napping.discard(place)

    async def _give_back(self, place: Place) -> None:
        if not self._leases.shared:
            return
        try:
            await self._leases.give_back({_lease(place): self._left(place)})
        except Exception as error:
            # It stays ours as long as we live, and we may take it again.
            log.error("a lease could not be given back: %s", where(error))

    def _left(self, place: Place) -> Rested:
        """How the next process finds the place. While something there waits to be tried again, nothing may overtake it
        from another process either."""
        now = self._clock.now()
        rested, hold = self._limits.leave(place, now), self._holds.get(place)
        if hold is None or not hold.active(now):
            return rested
        return Rested(max(hold.until - now, rested.ready_in), rested.rested_in)

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
        due = await self._outbound.next_due(busy=[*unavailable, *self._elsewhere()])
        now = self._clock.now()
        moments = [hold.until for hold in self._holds.values()]
        if due is not None:
            # Already due and yet not claimed: a workspace rests, or another process has it.
            moments.append(due if due > now else now + timedelta(seconds=0.2))
        seconds = min(((moment - now).total_seconds() for moment in moments), default=self._longest_sleep)
        return min(max(seconds, 0.001), self._longest_sleep)

    async def _idle(self) -> None:
        while self._working:
            await asyncio.wait(self._working.values())

    async def _stop(self) -> None:
        self._stopping = True
        self._live = False
        tasks = list(self._working.values())
        for place in self._napping:
            self._working[place].cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_MINUTE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _lease(place: Place) -> str:
    return PLACE + place_key(place)


def _by_place(deliveries: Sequence[Delivery]) -> dict[Place, list[Delivery]]:
    """The deliveries of each place, in their order."""
    found: dict[Place, list[Delivery]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.to, []).append(delivery)
    return found
