"""A trial: work is planned while workers come and go, and afterwards the judge says what became of it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from bot.core.actions import Planned, Send, SetTimer
from bot.core.delivery import Delivery, Kind, State
from bot.core.message import Message
from bot.core.refs import ChannelRef
from bot.settings import read_settings
from bot.store import Store
from tests.faults.judge import Judge
from tests.faults.nursery import JUDGED, Nursery


async def until(happened: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Whether it happened within so many seconds; asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await happened():
            return True
        await asyncio.sleep(0.1)
    return False


class Trial:
    """Plans posts, ticks and events while workers come and go, then asks the judge."""

    def __init__(
        self,
        judge: Judge,
        nursery: Nursery,
        database: str,
        seed: int = 1,
        *,
        tells: bool = True,
        patience: float = 5.0,
    ) -> None:
        self.judge, self.nursery, self.database = judge, nursery, database
        self.tells, self.patience = tells, patience
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

    def start(self) -> int:
        """A new worker; its process number."""
        return self.nursery.start(self.judge.url, self.database, tells=self.tells, patience=self.patience)

    async def ledger(self) -> Sequence[Delivery]:
        return await self.store.ledger.recent(JUDGED, limit=100_000)

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

        async def all_out() -> bool:
            if len(self.judge.times()) < self.expected:
                return False
            return all(each.state not in (State.PLANNED, State.SENDING) for each in await self.ledger())

        await until(all_out, seconds)
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
        states = Counter(each.state for each in await self.ledger())
        assert states == {State.SENT: self.expected}, states
        return {
            "posts": len(self.due),
            "echoes": len(self.asked),
            "ticks": sum(self.ticks.values()),
            "smallest gap ms": round(gap * 1000, 1),
            "processes that sent": len({arrival.sender for arrival in self.judge.arrivals}),
        }


def report(name: str, counts: dict[str, object]) -> None:
    print(json.dumps({"trial": name} | counts))  # noqa: T201  # The counts are what the target is for.
