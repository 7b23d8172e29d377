"""Several real processes on one PostgreSQL database: how delivery grows with them, and where a limit ends it.

Each worker is the whole bot before a platform that answers at once. The work falls due at one moment, when all workers
are up; the pace is that from then until the last message left, as the ledger has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import func, select

from bot.app import assemble, running
from bot.core.actions import Planned, Send
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Receipt, State
from bot.core.message import Message
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.refs import ChannelRef, MessageRef, WorkspaceRef
from bot.delivery import Limits, Pace, Rate
from bot.settings import read_settings
from bot.store import Store, tables
from bot.store.dialect import engine_for
from tests.bench.figures import show
from tests.postgres import PostgresServer

CHANNELS = 400
FREE, BOUND = WorkspaceRef("free", "bench"), WorkspaceRef("bound", "bench")
MESSAGES = {FREE: 4_000, BOUND: 1_200}
LIMIT = 150
"""Messages a second that the workspace ``bound`` takes."""
COUNTS = (1, 2, 4)
LONGEST = 60.0


class Silent(Platform):
    """Takes everything and says nothing."""

    def __init__(self, workspace: WorkspaceRef) -> None:
        self.workspace = workspace
        self.can = Capabilities(can_look_up=True)
        self._number = 0

    async def directory(self) -> AsyncIterator[Member | Channel]:
        for number in range(CHANNELS):
            yield Channel(ChannelRef(self.workspace, f"C{number}"), name=f"room-{number}")

    async def run(self, on_event: OnEvent) -> None:
        await asyncio.Event().wait()

    async def do(self, delivery: Delivery) -> Receipt:
        self._number += 1
        assert isinstance(delivery.to, ChannelRef)
        return Receipt(MessageRef(delivery.to, f"{os.getpid()}-{self._number}"))

    async def find(self, delivery: Delivery) -> Receipt | None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


async def work(folder: str, database: str) -> None:
    """A worker, until it is told to end."""
    settings = read_settings(
        database_url=database,
        secret_file=f"{folder}/secret.key",
        content_dir=f"{folder}/content",
        schedules_dir=f"{folder}/schedules",
        log_level="error",
    )
    limits = Limits({"free": Pace(), "bound": Pace(workspace=Rate(LIMIT, 10))}, shared=True)
    allant = await assemble(settings, [Silent(FREE), Silent(BOUND)], features=(), limits=limits)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(allant):
        print("ready", flush=True)
        await stop.wait()


@contextlib.contextmanager
def workers(count: int, folder: Path, database: str) -> Iterator[list[psutil.Process]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.workers", str(folder), database], stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        for each in started:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        yield [psutil.Process(each.pid) for each in started]
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait()
            assert each.stdout is not None
            each.stdout.close()


async def plan(folder: Path, database: str, workspace: WorkspaceRef) -> datetime:
    """Plan the work; returns when all of it falls due."""
    secret = read_settings(secret_file=str(folder / "secret.key")).secret()
    store = await Store.open(database, secret=secret)
    try:
        due = datetime.now(UTC) + timedelta(seconds=8)
        for turn in range(MESSAGES[workspace] // CHANNELS):
            sends = tuple(
                Send(to=ChannelRef(workspace, f"C{n}"), message=Message(f"Number {turn}"), kind=Kind.ANSWER, due=due)
                for n in range(CHANNELS)
            )
            await store.journal.commit(workspace, [Planned("bench", sends)], at=datetime.now(UTC), source=str(turn))
        assert datetime.now(UTC) < due, "planning took longer than it was given"
        return due
    finally:
        await store.close()


def until_sent(database: str, workspace: WorkspaceRef) -> datetime:
    """When the last message left; asked for now and then."""
    column, end = tables.deliveries.c, time.monotonic() + LONGEST
    counted = select(func.count(), func.max(column.out_at)).where(
        column.workspace == str(workspace), column.state == State.SENT.value
    )
    engine = engine_for(database)
    try:
        while time.monotonic() < end:
            with engine.connect() as connection:
                done, last = connection.execute(counted).one()
            if done == MESSAGES[workspace]:
                assert isinstance(last, datetime)
                return last
            time.sleep(0.25)
        raise RuntimeError(f"{done} of {MESSAGES[workspace]} were sent in {LONGEST:.0f} s")
    finally:
        engine.dispose()


def throughput(postgres: PostgresServer, folder: Path, count: int, workspace: WorkspaceRef) -> tuple[float, float]:
    """Messages a second, and cores used by the workers together."""
    database = postgres.ready()
    with workers(count, folder, database) as processes:
        due = asyncio.run(plan(folder, database, workspace))
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        before = sum(_cpu(each) for each in processes)
        last = until_sent(database, workspace)
        cpu = sum(_cpu(each) for each in processes) - before
    postgres.drop(database)
    took = (last - due).total_seconds()
    return MESSAGES[workspace] / took, cpu / took


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def run() -> None:
    postgres = PostgresServer()
    try:
        with tempfile.TemporaryDirectory(prefix="allant-bench-") as name:
            folder = Path(name)
            for each in ("content", "schedules"):
                (folder / each).mkdir()
            for workspace, rest in ((FREE, "no limit"), (BOUND, f"{LIMIT} a second")):
                alone = 0.0
                for count in COUNTS:
                    pace, cores = throughput(postgres, folder, count, workspace)
                    alone = alone or pace
                    show(
                        f"{count} worker{'s' * (count > 1)}, {CHANNELS} channels, {rest}",
                        f"{pace:,.0f} messages/s",
                        f"{pace / alone:.2f} x one worker   {cores:.2f} of {os.cpu_count()} cores",
                    )
    finally:
        postgres.close()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
