"""One process on SQLite, and everything that can happen to it and to its file. See test_many_processes.py."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.judge import Judge
from tests.faults.nursery import Nursery
from tests.faults.trial import Trial, report

PLACES = 12


@pytest.mark.fault
async def test_sixty_kills(judge: Judge, nursery: Nursery, tmp_path: Path) -> None:
    async with Trial(judge, nursery, f"sqlite:///{tmp_path}/allant.db") as trial:
        worker = trial.start()
        await trial.tick("clock", 40)
        for _ in range(60):
            for _ in range(trial.dice.randrange(1, 6)):
                late = trial.dice.uniform(0, 0.5) if trial.dice.random() < 0.2 else 0.0
                await trial.post(trial.dice.randrange(PLACES), ahead=late)
            trial.ask(trial.dice.randrange(PLACES), times=trial.dice.choice([1, 1, 3]))
            await asyncio.sleep(trial.dice.uniform(0.05, 1.2))
            assert nursery.lives(worker), nursery.log.read_text(encoding="utf-8")[-2000:]
            nursery.kill(worker)
            worker = trial.start()
        await trial.settled()
        report("60 kills of one process on SQLite", await trial.verdict())


async def test_a_second_process_on_the_same_file_is_refused(judge: Judge, nursery: Nursery, tmp_path: Path) -> None:
    async with Trial(judge, nursery, f"sqlite:///{tmp_path}/allant.db") as trial:
        first = trial.start()
        await trial.post(0)
        await trial.settled()
        second = trial.start()
        async with asyncio.timeout(20):
            while nursery.lives(second):  # noqa: ASYNC110  # Only looking again tells.
                await asyncio.sleep(0.05)
        assert "already runs on allant.db" in nursery.log.read_text(encoding="utf-8")
        assert nursery.lives(first)


@pytest.mark.fault
async def test_the_database_is_locked_by_somebody_else(judge: Judge, nursery: Nursery, tmp_path: Path) -> None:
    """For longer than SQLite itself would wait."""
    file = tmp_path / "allant.db"
    async with Trial(judge, nursery, f"sqlite:///{file}") as trial:
        worker = trial.start()
        await trial.tick("clock", 60)
        for number in range(60):
            await trial.post(number % PLACES, ahead=number * 0.5)
        await asyncio.sleep(2)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(20)
            other.execute("ROLLBACK")
        await trial.settled()
        assert nursery.lives(worker)
        report("database locked for 20 s", await trial.verdict())


@pytest.mark.fault
def test_the_disk_is_full_for_a_while(tmp_path: Path) -> None:
    """In a file system of its own, which nobody else sees: see full_disk.py."""
    alone = ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "tests.faults.full_disk", str(tmp_path)]
    run = subprocess.run(alone, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    print(run.stdout, end="")  # noqa: T201  # The counts are what the target is for.
