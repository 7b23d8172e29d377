"""The outbox under our own limits, by a clock that runs: no faster than they say, as fast as they allow, in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import datetime, timedelta

from bot.core.community import Channel
from bot.core.delivery import Kind
from bot.core.errors import RateLimited
from bot.core.leases import SoleLeases
from bot.core.refs import ChannelRef
from bot.delivery import Limits, Outbox, Pace, Rate
from bot.delivery.turns import Turns
from tests.contract.in_memory_ledger import GENERAL, TUESDAY_TEN, WORKSPACE, HandClock, KnownChannels
from tests.contract.test_outbox import Desk, until


class RunningClock(HandClock):
    """Runs from Tuesday at ten on."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def now(self) -> datetime:
        return TUESDAY_TEN + timedelta(seconds=time.monotonic() - self._began)


class ThoughtfulChannels(KnownChannels):
    """Lets others go on, a different number of times each, before it answers: as a database does."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = deque([0, 30, 3, 12, 1])

    async def get(self, ref: ChannelRef) -> Channel | None:
        self._turns.rotate()
        for _ in range(self._turns[0]):
            await asyncio.sleep(0)
        return await super().get(ref)


class LiveDesk(Desk):
    """A desk whose clock runs."""

    def _outbox(self) -> Outbox:
        self.clock = RunningClock()
        self.channels = ThoughtfulChannels()
        return super()._outbox()


async def test_a_workspace_gets_no_more_than_its_limit_however_many_places_wait() -> None:
    desk = LiveDesk(limits=Limits({WORKSPACE.platform: Pace(workspace=Rate(50, 5))}))
    for number in range(40):
        desk.ledger.plan(f"{number}", ChannelRef(WORKSPACE, f"C{number}"))
    began = time.monotonic()
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: len(desk.platform.received) == 40)
    took = time.monotonic() - began
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert took >= 0.69, "five at once, then fifty a second"


async def test_while_a_place_waits_for_its_pace_an_answer_overtakes_what_is_in_hand() -> None:
    desk = LiveDesk(limits=Limits({WORKSPACE.platform: Pace(channel=Rate(20, 1))}))
    for number in range(6):
        desk.ledger.plan(f"notice {number}", GENERAL, Kind.NOTICE)

    def ask() -> None:
        if desk.platform.received == ["notice 0", "notice 1"]:
            desk.ledger.plan("answer", GENERAL, Kind.ANSWER)
            desk.outbox.wake()

    desk.platform.after = ask
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: len(desk.platform.received) == 7)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    rest = [f"notice {number}" for number in range(2, 6)]
    assert desk.platform.received == ["notice 0", "notice 1", "answer", *rest]


class CountingLeases(SoleLeases):
    """Of several processes; counts the turns it gave."""

    shared = True

    def __init__(self) -> None:
        self.given = 0

    async def reserve(self, name: str, per_second: float, burst: int, count: int) -> timedelta:
        await asyncio.sleep(0)
        self.given += count
        return timedelta()


async def test_places_that_wait_together_share_the_reserved_turns_and_each_is_used_once() -> None:
    leases = CountingLeases()
    turns = Turns(leases, Limits({WORKSPACE.platform: Pace(workspace=Rate(40, 1))}, shared=True))
    await asyncio.gather(*(turns.ready_at(WORKSPACE, TUESDAY_TEN) for _ in range(30)))
    assert leases.given == 10, "a quarter of a second of turns, once for all who wait"
    used = [turns.take(WORKSPACE, TUESDAY_TEN + timedelta(seconds=0.05)) for _ in range(5)]
    assert used == [True, True, True, False, False], "three turns have come by then: at 0, 25 and 50 ms"


async def test_limits_of_place_and_workspace_are_kept() -> None:
    limits = Limits({"playground": Pace(workspace=Rate(3, 3), channel=Rate(1, 1))})
    desk = Desk(limits=limits)
    for number in range(4):
        for name in ("a", "b", "c", "d"):
            desk.ledger.plan(f"{name}{number}", ChannelRef(WORKSPACE, name))
    sent = []
    for _ in range(7):
        sent.append(await desk.outbox.drain())
        desk.clock.forward(seconds=1)
    assert sent == [3, 3, 3, 3, 3, 1, 0]
    for name in ("a", "b", "c", "d"):
        assert [key for key in desk.platform.received if key[0] == name] == [f"{name}{number}" for number in range(4)]


async def test_the_pause_of_a_place_counts_from_the_end_of_a_send() -> None:
    desk = Desk(limits=Limits({"playground": Pace(channel=Rate(1, 1))}))
    desk.platform.after = lambda: desk.clock.forward(seconds=0.6)
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    desk.clock.forward(seconds=0.9)
    assert await desk.outbox.drain() == 0
    desk.clock.forward(seconds=0.1)
    assert await desk.outbox.drain() == 1


async def test_a_clock_set_back_makes_nobody_wait_for_ever() -> None:
    desk = Desk(limits=Limits({"playground": Pace(channel=Rate(1, 1))}))
    desk.platform.says["a"] = [RateLimited(60)]
    desk.ledger.plan("a")
    await desk.outbox.drain()
    desk.ledger.plan("b", due=TUESDAY_TEN - timedelta(days=1))
    assert await desk.outbox.drain() == 0
    desk.clock.forward(hours=-5)
    desk.limits.take(GENERAL, desk.clock.now())
    desk.clock.forward(seconds=1)
    await desk.outbox.drain()
    assert desk.platform.received == ["b"]
