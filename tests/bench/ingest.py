"""Taking events in: into a durable inbox, one by one or in groups, and into memory."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.core.events import MessagePosted
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.store import Store

WORKSPACE = WorkspaceRef("bench", "acme")
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
ROUNDS = 3


def event(number: int) -> MessagePosted:
    channel = ChannelRef(WORKSPACE, f"C{number % 50}")
    return MessagePosted(
        id=f"e{number}",
        at=AT,
        workspace=WORKSPACE,
        message=MessageRef(channel, str(number)),
        member=MemberRef(WORKSPACE, f"U{number % 500}"),
        text="Does anybody know where the onboarding documents are kept these days?",
    )


@asynccontextmanager
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url, secret=b"s" * 32)
    try:
        yield opened
    finally:
        await opened.close()


async def rate(accept: Callable[[MessagePosted], Awaitable[object]], total: int, producers: int, first: int) -> float:
    """Events a second when ``producers`` each await one acceptance after the other."""
    # Made beforehand: what is measured is taking them in.
    events = iter([event(number) for number in range(first, first + total)])

    async def produce() -> None:
        for each in events:
            await accept(each)

    began = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(producers)))
    return total / (time.perf_counter() - began)


def run() -> None:
    asyncio.run(measure())


async def measure() -> None:
    grouped, single, memory = [], [], []
    for turn in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
            async with store(f"sqlite:///{folder}/a.db") as durable:
                grouped.append(await rate(durable.inbox.accept, 20_000, 100, 0))
                single.append(await rate(durable.inbox.accept, 1_000, 1, 20_000))
        async with store("sqlite://") as volatile:
            memory.append(await rate(volatile.inbox.accept, 20_000, 100, turn * 20_000))
    many, one, none = (statistics.median(each) for each in (grouped, single, memory))
    print(f"ingest, 100 producers, committed in groups   {many:10,.0f} events/s")
    print(
        f"ingest, 1 producer, one commit an event      {one:10,.0f} events/s   groups are {many / one:.1f} x (aim 20)"
    )
    print(f"the same path with storage in memory         {none:10,.0f} events/s   durable is {many / none:.2f} of it")
