"""Leases between processes: one holds, the others wait, and what a dead one held is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from bot.core.leases import Rested
from bot.store.database import Database
from bot.store.leases import SharedLeases
from bot.store.migrate import upgrade

T = TypeVar("T")

LEASE = timedelta(seconds=0.6)


@pytest.fixture
async def two(durable_address: str) -> AsyncIterator[tuple[SharedLeases, SharedLeases]]:
    """Two processes' leases on one database."""
    upgrade(durable_address)
    databases = [Database(durable_address) for _ in range(2)]
    first, second = (SharedLeases(each, lease=LEASE) for each in databases)
    for each in (first, second):
        await each.join("worker", "1")
    yield first, second
    for database in databases:
        await database.close()


async def test_one_holds_until_it_gives_back(two: tuple[SharedLeases, SharedLeases]) -> None:
    first, second = two
    assert set(await first.take(["a", "b"])) == {"a", "b"}
    assert set(await second.take(["a", "b", "c"])) == {"c"}
    assert set(await first.take(["a"])) == {"a"}, "taking again what one holds is no mistake"
    await first.give_back({"a": Rested(timedelta(), timedelta(hours=1))})
    await second.give_back({"b": Rested()})
    held = await second.take(["a", "b"])
    assert set(held) == {"a"}
    assert timedelta(minutes=59) < held["a"].rested_in <= timedelta(hours=1)
    assert not held["a"].orphaned


async def test_what_a_silent_process_held_is_taken_over_and_it_knows(two: tuple[SharedLeases, SharedLeases]) -> None:
    first, second = two
    lost: list[str] = []
    first.on_lost(lambda: lost.append("first"))
    second.on_lost(lambda: lost.append("second"))
    await first.take(["a"])
    living = asyncio.create_task(second.run())
    try:
        assert not await second.take(["a"])
        async with asyncio.timeout(10):
            while not (held := await second.take(["a"])):
                assert first.valid or lost == [], "the old holder stops before the new one begins"
                await asyncio.sleep(0.05)
        assert held["a"].orphaned
        assert not first.valid
        assert await first.take(["b"]) == {}, "nothing is taken by a process that was given up"
        assert [peer.role for peer in await second.peers()] == ["worker"]
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    assert lost == []


async def test_a_process_given_up_stops_and_begins_anew(two: tuple[SharedLeases, SharedLeases]) -> None:
    first, _ = two
    lost = asyncio.Event()
    first.on_lost(lost.set)
    name = first.id
    await asyncio.sleep(LEASE.total_seconds() + 0.1)
    living = asyncio.create_task(first.run())
    try:
        async with asyncio.timeout(5):
            await lost.wait()
            while not await first.take(["a"]):  # noqa: ASYNC110  # Only asking again tells.
                await asyncio.sleep(0.02)
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    assert first.id != name
    assert set(await first.take(["a"])) == {"a"}


class SleepsThroughAnAnswer(Database):
    """As a machine that stops between the commit and what follows from it."""

    asleep: asyncio.Event | None = None

    async def write(self, work: Callable[[Connection], T]) -> T:
        answer = await super().write(work)
        if (woken := self.asleep) is not None:
            self.asleep = None
            await woken.wait()
        return answer


async def test_what_was_taken_before_a_long_sleep_is_not_ours_after_it(
    durable_address: str, two: tuple[SharedLeases, SharedLeases]
) -> None:
    _, other = two
    database = SleepsThroughAnAnswer(durable_address)
    leases = SharedLeases(database, lease=LEASE)
    try:
        await leases.join("worker", "1")
        woken = database.asleep = asyncio.Event()
        taking = asyncio.create_task(leases.take(["a"]))
        await asyncio.sleep(LEASE.total_seconds() * 1.5)
        await other.join("worker", "1")
        assert set(await other.take(["a"])) == {"a"}
        await leases.join("worker", "1")  # As it does when it finds that it was given up.
        woken.set()
        assert leases.valid
        assert await taking == {}
    finally:
        await database.close()


async def test_a_process_that_leaves_frees_all_at_once(two: tuple[SharedLeases, SharedLeases]) -> None:
    first, second = two
    await first.take(["a", "b"])
    await first.leave()
    assert not first.valid
    held = await second.take(["a", "b"])
    assert [each.orphaned for each in held.values()] == [False, False]


async def test_reserved_turns_never_come_faster_than_the_pace(two: tuple[SharedLeases, SharedLeases]) -> None:
    """20 a second with a burst of 3, asked for by two processes at once: in any window of time no more than that."""
    began = datetime.now(UTC)
    turns: list[float] = []

    async def ask(leases: SharedLeases) -> None:
        for _ in range(5):
            before = datetime.now(UTC)
            first = await leases.reserve("pace:x", 20.0, 3, 4)
            # The database's moment lies between our asking and its answer.
            start = (before - began + first).total_seconds()
            turns.extend(start + n / 20 for n in range(4))

    await asyncio.gather(*(ask(each) for each in two))
    turns.sort()
    assert len(turns) == 40
    assert turns[-1] - turns[0] >= 39 / 20 - 0.25
    for n, turn in enumerate(turns[:-8]):
        # Eight turns later at least (8 - burst) turns of time have passed, but for the width of the measuring.
        assert turns[n + 8] - turn >= 5 / 20 - 0.25, turns
