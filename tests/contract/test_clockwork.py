"""The clock: every timer fires when it is due, a failing one stops nobody, and no jump of the wall clock stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.ports import Clock, Timer, Timers
from bot.core.refs import WorkspaceRef
from bot.timetable import Clockwork
from tests.contract.in_memory_ledger import TUESDAY_TEN, WORKSPACE, HandClock


class MemoryTimers(Timers):
    """Timers in a set; firing takes them out, as the journal does."""

    def __init__(self) -> None:
        self.timers: set[Timer] = set()
        self.looks = 0

    def add(
        self, key: str, due: datetime = TUESDAY_TEN, feature: str = "calendar", workspace: WorkspaceRef = WORKSPACE
    ) -> Timer:
        timer = Timer(workspace, feature, "item", key, due)
        self.timers.add(timer)
        return timer

    async def get(self, workspace: WorkspaceRef, feature: str, name: str, key: str) -> Timer | None:
        wanted = (workspace, feature, name, key)
        return next(
            (each for each in self.timers if (each.workspace, each.feature, each.name, each.key) == wanted), None
        )

    async def all(self, workspace: WorkspaceRef, feature: str, name: str) -> Sequence[Timer]:
        return [each for each in self.timers if (each.workspace, each.feature, each.name) == (workspace, feature, name)]

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        self.looks += 1
        return sorted((each for each in self.timers if each.due <= now), key=lambda each: (each.due, each.key))[:limit]

    async def next_due(self) -> datetime | None:
        return min((each.due for each in self.timers), default=None)


class Real(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


class Tower:
    """A clock over timers, noting what fires. ``breaks`` raise, ``gates`` wait, ``sets`` plan more."""

    def __init__(self, clock: Clock | None = None, look_every: float = 30.0) -> None:
        self.hand = HandClock()
        self.timers = MemoryTimers()
        self.fired: list[str] = []
        self.tried: list[str] = []
        self.breaks: dict[str, int] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.then: dict[str, Callable[[], object]] = {}
        self.news = asyncio.Event()
        self.clockwork = Clockwork(self.timers, clock or self.hand, self.fire, look_every=look_every)

    async def fire(self, timer: Timer) -> None:
        self.tried.append(timer.key)
        if timer.key in self.gates:
            await self.gates[timer.key].wait()
        if self.breaks.get(timer.key):
            self.breaks[timer.key] -= 1
            raise OSError("what somebody wrote")
        self.timers.timers.discard(timer)
        self.fired.append(timer.key)
        self.then.get(timer.key, lambda: None)()
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def tower() -> AsyncIterator[Tower]:
    tower = Tower()
    yield tower
    await tower.clockwork.stop()


async def test_fires_what_is_due_earliest_first_and_leaves_the_rest(tower: Tower) -> None:
    for minutes in (3, 1, 2, -1):
        tower.timers.add(f"{-minutes}", TUESDAY_TEN - timedelta(minutes=minutes))
    assert await tower.clockwork.fire_due() == 3
    assert tower.fired == ["-3", "-2", "-1"]
    tower.hand.forward(minutes=1)
    assert await tower.clockwork.fire_due() == 1


async def test_fires_what_firing_makes_due(tower: Tower) -> None:
    tower.timers.add("first")
    tower.then["first"] = lambda: tower.timers.add("second")
    assert await tower.clockwork.fire_due() == 2


async def test_a_timer_set_anew_for_ever_does_not_hold_the_clock(tower: Tower) -> None:
    moment = iter(range(1, 10**6))
    tower.timers.add("again")
    tower.then["again"] = lambda: tower.timers.add("again", TUESDAY_TEN - timedelta(seconds=next(moment)))
    assert await tower.clockwork.fire_due() == 100


async def test_a_failing_timer_is_tried_later_and_stops_nobody(tower: Tower, caplog: pytest.LogCaptureFixture) -> None:
    tower.timers.add("broken")
    tower.timers.add("next")
    tower.timers.add("elsewhere", feature="welcome")
    tower.breaks["broken"] = 2
    assert await tower.clockwork.fire_due() == 2
    assert tower.fired == ["elsewhere", "next"] or tower.fired == ["next", "elsewhere"]
    tower.hand.forward(seconds=4)
    assert await tower.clockwork.fire_due() == 0
    tower.hand.forward(seconds=1)
    assert await tower.clockwork.fire_due() == 0
    assert tower.tried.count("broken") == 2
    tower.hand.forward(seconds=10)
    assert await tower.clockwork.fire_due() == 1
    assert "OSError" in caplog.text
    assert "somebody wrote" not in caplog.text


async def test_a_timer_that_stays_although_fired_makes_no_busy_loop(tower: Tower) -> None:
    timer = tower.timers.add("stays")
    tower.then["stays"] = lambda: tower.timers.timers.add(timer)
    assert await tower.clockwork.fire_due() == 1


async def test_a_slow_feature_delays_no_other_and_keeps_its_own_order(tower: Tower) -> None:
    gate = tower.gates["slow"] = asyncio.Event()
    tower.timers.add("slow", TUESDAY_TEN - timedelta(seconds=1), feature="watch")
    tower.timers.add("after slow", feature="watch")
    tower.timers.add("quick", feature="calendar")
    tower.clockwork.start()
    await tower.until(lambda: tower.fired == ["quick"])
    # Another comes due while the slow one still waits.
    tower.timers.add("quick too", feature="calendar")
    tower.clockwork.wake()
    await tower.until(lambda: tower.fired == ["quick", "quick too"])
    assert "after slow" not in tower.tried
    gate.set()
    await tower.until(lambda: tower.fired[2:] == ["slow", "after slow"])


async def test_started_it_fires_at_the_moment_by_itself() -> None:
    tower = Tower(Real())
    now = datetime.now(UTC)
    tower.timers.add("soon", now + timedelta(seconds=0.1))
    tower.timers.add("later", now + timedelta(seconds=0.2))
    tower.clockwork.start()
    await tower.until(lambda: tower.fired == ["soon", "later"])
    assert datetime.now(UTC) - now >= timedelta(seconds=0.2)
    await tower.clockwork.stop()


async def test_many_wakes_make_few_looks() -> None:
    tower = Tower()
    tower.clockwork.start()
    for _ in range(1000):
        tower.clockwork.wake()
    tower.timers.add("new")
    tower.clockwork.wake()
    await tower.until(lambda: tower.fired == ["new"])
    assert tower.timers.looks < 10
    await tower.clockwork.stop()


async def test_a_jump_of_the_clock_is_noticed_at_the_next_look() -> None:
    tower = Tower(look_every=0.02)
    tower.timers.add("tomorrow", TUESDAY_TEN + timedelta(days=1))
    tower.clockwork.start()
    await asyncio.sleep(0)
    tower.hand.forward(days=1)
    await tower.until(lambda: tower.fired == ["tomorrow"])
    tower.hand.forward(days=-2)
    tower.timers.add("now again", tower.hand.now())
    await tower.until(lambda: tower.fired == ["tomorrow", "now again"])
    await tower.clockwork.stop()


async def test_a_clock_set_back_fires_nothing_twice_and_forgets_nothing(tower: Tower) -> None:
    daily = iter(range(1, 10))

    def tomorrow() -> None:
        tower.timers.add("daily", TUESDAY_TEN + timedelta(days=next(daily)))

    tower.timers.add("daily")
    tower.then["daily"] = tomorrow
    assert await tower.clockwork.fire_due() == 1
    for back in (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)):
        tower.hand.forward(seconds=-back.total_seconds())
        assert await tower.clockwork.fire_due() == 0
        # The clock shows the same minutes a second time.
        tower.hand.forward(seconds=back.total_seconds())
        assert await tower.clockwork.fire_due() == 0
    tower.hand.forward(days=1)
    assert await tower.clockwork.fire_due() == 1
    assert tower.fired == ["daily", "daily"]


async def test_a_timer_that_failed_does_not_wait_for_a_clock_set_back_to_catch_up(tower: Tower) -> None:
    tower.timers.add("overdue", TUESDAY_TEN - timedelta(days=9))
    tower.breaks["overdue"] = 1
    assert await tower.clockwork.fire_due() == 0
    tower.hand.forward(days=-2)
    assert await tower.clockwork.fire_due() == 1


async def test_a_clock_put_forward_is_like_a_sleep(tower: Tower) -> None:
    """What came due meanwhile fires once, earliest first; how late it is, its feature judges."""
    for day in (3, 1, 2):
        tower.timers.add(f"day {day}", TUESDAY_TEN + timedelta(days=day))
    tower.hand.forward(days=2, hours=12)
    assert await tower.clockwork.fire_due() == 2
    tower.hand.forward(days=-2, hours=-12)
    assert await tower.clockwork.fire_due() == 0
    tower.hand.forward(days=3)
    assert await tower.clockwork.fire_due() == 1
    assert tower.fired == ["day 1", "day 2", "day 3"]


async def test_every_may_begin_sooner_than_it_goes_on(tower: Tower) -> None:
    ran = asyncio.Event()

    async def job() -> None:
        ran.set()

    tower.clockwork.every(3600.0, job, "job", first=0.005)
    tower.clockwork.start()
    await asyncio.wait_for(ran.wait(), 5)


async def test_every_runs_again_and_again_though_it_fails_and_never_twice_at_once(tower: Tower) -> None:
    runs: list[int] = []
    under_way = 0

    async def job() -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        runs.append(len(runs))
        await asyncio.sleep(0.02)
        under_way -= 1
        tower.news.set()
        raise OSError

    tower.clockwork.every(0.005, job, "job")
    tower.clockwork.start()
    await tower.until(lambda: len(runs) >= 3)


async def test_stopping_lets_what_fires_end_and_begins_nothing_new() -> None:
    tower = Tower()
    gate = tower.gates["a"] = asyncio.Event()
    tower.timers.add("a")
    tower.timers.add("b")
    tower.clockwork.start()
    async with asyncio.timeout(10):
        while not tower.tried:  # noqa: ASYNC110  # What is waited for has no event of its own.
            await asyncio.sleep(0)
    stopping = asyncio.create_task(tower.clockwork.stop())
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert tower.fired == ["a"]
    assert {timer.key for timer in tower.timers.timers} == {"b"}


async def test_stopping_before_starting_is_nothing() -> None:
    await Tower().clockwork.stop()
