"""`make bench`: speed and memory, measured as ratios within one run, and printed with what they are compared to.

Nothing here asserts a time: the machine decides, and the reader judges. The aims are those of the design.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bot.core.events import MessagePosted
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.store import Store
from tests.faults.process import ALLANT, Running
from tests.wire.matrix_people import Person
from tests.wire.synapse import Synapse, serving

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


async def ingest() -> None:
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


def start_of_an_idle_bot() -> None:
    """On the playground and on a real Synapse: a first start, with a database to make and a session to begin; memory
    also after a restart, which needs neither Alembic nor what it loads."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import sqlmodel, starlette, apscheduler"], check=True)
    bare = time.perf_counter() - began
    show_start("playground", [started_twice({"ALLANT_PLAYGROUND": "true"}) for _ in range(ROUNDS)], bare)
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder, serving(Path(folder), limits=False) as synapse:
        show_start("Matrix", [started_twice(matrix(synapse, number)) for number in range(ROUNDS)], bare)


def started_twice(settings: Mapping[str, str]) -> tuple[float, float, float]:
    """Seconds to ready, MiB when idle, and MiB when idle after a restart."""
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        took, first = started(Path(folder), settings)
        return took, first, started(Path(folder), settings)[1]


def started(folder: Path, settings: Mapping[str, str]) -> tuple[float, float]:
    began = time.perf_counter()
    running = Running(folder, settings)
    try:
        running.wait_until_ready()
        took = time.perf_counter() - began
        time.sleep(2)  # What loads late should be loaded before memory is read.
        return took, psutil.Process(running.process.pid).memory_info().rss / 2**20
    finally:
        running.stop()


def matrix(synapse: Synapse, number: int) -> dict[str, str]:
    """The settings of a bot with an account of its own, invited to a room."""
    bot, host = synapse.register(f"bot{number}"), synapse.register(f"host{number}")

    async def invite() -> None:
        person = Person(synapse, host)
        await person.create("general", invite=[bot.id])
        await person.close()

    asyncio.run(invite())
    return {
        "ALLANT_MATRIX_HOMESERVER": synapse.url,
        "ALLANT_MATRIX_USER": bot.id,
        "ALLANT_MATRIX_PASSWORD": bot.password,
    }


def show_start(platform: str, rounds: Sequence[tuple[float, float, float]], bare: float) -> None:
    took, first, again = (statistics.median(each) for each in zip(*rounds, strict=True))
    name = f"time to ready, {platform}"
    print(f"{name:<45}{took:10.2f} s (aim 2)   {took / bare:.1f} x its imports alone")
    name = f"memory of an idle bot, {platform}"
    print(f"{name:<45}{first:10.0f} MiB (aim 120)   {again:.0f} after a restart")


def thirty_days() -> None:
    began = time.perf_counter()
    run = subprocess.run(
        [ALLANT, "demo", "--days", "30", "--fast", "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    took = time.perf_counter() - began
    report = json.loads(run.stdout)
    per_day = took / 30
    print(f"30 days of the demo                          {took:10.1f} s (aim 30)  {86_400 / per_day:,.0f} x real time")
    print(f"  acts {report['acts']}, ledger {report['ledger']}")


def main() -> None:
    asyncio.run(ingest())
    start_of_an_idle_bot()
    thirty_days()


if __name__ == "__main__":
    main()
