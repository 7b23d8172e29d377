"""The start of a bot that has nothing to do, and its memory."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.faults.process import Running
from tests.wire.matrix_people import Person
from tests.wire.synapse import Synapse, serving

ROUNDS = 3


def run() -> None:
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
