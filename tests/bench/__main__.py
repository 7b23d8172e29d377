"""`make bench`: speed and memory, measured as ratios within one run, and printed with what they are compared to.

Nothing here asserts a time: the machine decides, and the reader judges. The aims are those of the design.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bot.core.events import MessagePosted
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.store import Store

WORKSPACE = WorkspaceRef("bench", "acme")
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
ALLANT = str(Path(sys.executable).with_name("allant"))
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
    ready, resident = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
            environment = os.environ | {"ALLANT_PLAYGROUND": "true", "ALLANT_PORT": "0"}
            began = time.perf_counter()
            with subprocess.Popen(
                [ALLANT, "run"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                line = process.stdout.readline()
                ready.append(time.perf_counter() - began)
                assert re.search(r"ready on", line), line
                time.sleep(2)  # What loads late should be loaded before memory is read.
                resident.append(psutil.Process(process.pid).memory_info().rss / 2**20)
                process.send_signal(signal.SIGTERM)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import sqlmodel, starlette, apscheduler"], check=True)
    bare = time.perf_counter() - began
    took = statistics.median(ready)
    print(
        f"time to ready                                {took:10.2f} s (aim 2)   {took / bare:.1f} x its imports alone"
    )
    print(f"memory of an idle bot                        {statistics.median(resident):10.0f} MiB (aim 120)")


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
