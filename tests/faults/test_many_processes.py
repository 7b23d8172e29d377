"""Several real processes on one PostgreSQL database, and everything that can go wrong between them.

The judge is a chat server of our own that writes down what arrives. After each trial: every message due arrived exactly
once, none before its time, in order within its place, and no place faster than its pace.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.actions import Planned, Send, SetTimer
from bot.core.delivery import Kind, State
from bot.core.message import Message
from bot.core.refs import ChannelRef
from bot.settings import read_settings
from bot.store import Store
from tests.faults.judge import Judge
from tests.faults.nursery import JUDGED, Nursery

PLACES = 12


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with Judge().serving() as serving:
        yield serving


class Trial:
    """Plans posts, ticks and events while workers come and go, then asks the judge."""

    def __init__(self, judge: Judge, nursery: Nursery, database: str, seed: int = 1) -> None:
        self.judge, self.nursery, self.database = judge, nursery, database
        self.dice = random.Random(seed)
        self.due: dict[str, float] = {}
        self.asked: list[str] = []
        self.ticks: dict[str, int] = {}
        self.store: Store

    async def __aenter__(self) -> Trial:
        secret = read_settings(secret_file=str(self.nursery.folder / "secret.key")).secret()
        self.store = await Store.open(self.database, secret=secret)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    async def post(self, place: int, *, ahead: float = 0.0) -> None:
        """Plan a post; those due at once come in the order of planning."""
        number = len(self.due)
        due = datetime.now(UTC) + timedelta(seconds=ahead)
        key = f"post/{number}"
        words = Message(f"{'later' if ahead else 'post'} {number:06}")
        to = ChannelRef(JUDGED, f"place-{place}")
        send = Send(to=to, message=words, kind=Kind.ANSWER, key=key, due=due)
        await self.store.journal.commit(JUDGED, [Planned("court", (send,))], at=datetime.now(UTC), source=key)
        self.due[key] = due.timestamp()

    def ask(self, place: int, *, times: int = 1) -> None:
        """Somebody says something, of which the bot may be told several times; it echoes."""
        name = f"event-{len(self.asked):06}"
        self.asked.append(name)
        for _ in range(times):
            self.judge.happen(id=name, place=f"talk-{place}")

    async def tick(self, place: str, count: int) -> None:
        self.ticks[place] = count
        timer = SetTimer("tick", f"{place}/{count}", datetime.now(UTC))
        await self.store.journal.commit(JUDGED, [Planned("court", (timer,))], at=datetime.now(UTC), source=place)

    @property
    def expected(self) -> int:
        return len(self.due) + len(self.asked) + sum(self.ticks.values())

    async def settled(self, seconds: float = 90.0) -> None:
        """Wait until all is out, then a little for what should not come any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.judge.times()) >= self.expected and not await self.store.outbound.half_sent():
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    async def verdict(self, *, rate: float = 50.0) -> dict[str, object]:
        """Check everything; returns the counts."""
        times = self.judge.times()
        twice = {key: count for key, count in times.items() if count > 1}
        assert not twice, f"arrived more than once: {twice}"
        missing = [key for key in self.due if key not in times]
        assert not missing, f"never arrived: {missing[:10]} of {len(self.due)}"
        texts = Counter(arrival.text for arrival in self.judge.arrivals)
        assert all(texts[f"echo {name}"] == 1 for name in self.asked), "one echo for each event"
        for place, count in self.ticks.items():
            assert all(times[f"tick/{place}/{left}"] == 1 for left in range(1, count + 1)), f"ticks of {place}"
        early = [each for each in self.judge.arrivals if each.at < self.due.get(each.key, 0.0) - 0.001]
        assert not early, f"before their time: {early[:5]}"
        for place, arrivals in self.judge.places().items():
            for kind in ("post", "echo"):
                said = [arrival.text for arrival in arrivals if arrival.text.startswith(kind)]
                assert said == sorted(said), f"out of order in {place}: {said}"
        gap = self.judge.smallest_gap()
        assert gap >= 1 / rate - 0.005, f"closer together than the pace allows: {gap:.3f} s"
        states = Counter(each.state for each in await self.store.ledger.recent(JUDGED, limit=100_000))
        assert states == {State.SENT: self.expected}, states
        return {
            "posts": len(self.due),
            "echoes": len(self.asked),
            "ticks": sum(self.ticks.values()),
            "smallest gap ms": round(gap * 1000, 1),
            "processes that sent": len({arrival.sender for arrival in self.judge.arrivals}),
        }


async def kill_at_random(trial: Trial, rounds: int, workers: int) -> None:
    """Kill one of the workers and start another, ``rounds`` times, while there is work all the time."""
    nursery, dice = trial.nursery, trial.dice
    living = [nursery.start(trial.judge.url, trial.database) for _ in range(workers)]
    await trial.tick("clock-a", 5 + rounds // 2)
    await trial.tick("clock-b", 5 + rounds // 2)
    for _ in range(rounds):
        for _ in range(dice.randrange(1, 6)):
            await trial.post(dice.randrange(PLACES), ahead=dice.uniform(0, 0.5) if dice.random() < 0.2 else 0.0)
        trial.ask(dice.randrange(PLACES), times=dice.choice([1, 1, 3]))
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        victim = living.pop(dice.randrange(len(living)))
        assert nursery.lives(victim), nursery.log.read_text(encoding="utf-8")[-2000:]
        nursery.kill(victim)
        living.append(nursery.start(trial.judge.url, trial.database))
    await trial.settled()


def report(name: str, counts: dict[str, object]) -> None:
    print(json.dumps({"trial": name} | counts))  # noqa: T201  # The counts are what the target is for.


@pytest.mark.parametrize("workers", [2])
async def test_a_few_kills_among_two_workers(
    judge: Judge, nursery: Nursery, postgres_address: str, workers: int
) -> None:
    async with Trial(judge, nursery, postgres_address) as trial:
        await kill_at_random(trial, 4, workers)
        await trial.verdict()


@pytest.mark.kill
@pytest.mark.parametrize("workers", [2, 4])
async def test_a_hundred_kills(judge: Judge, nursery: Nursery, postgres_address: str, workers: int) -> None:
    async with Trial(judge, nursery, postgres_address, seed=workers) as trial:
        await kill_at_random(trial, 100, workers)
        report(f"100 kills among {workers} workers", await trial.verdict())
