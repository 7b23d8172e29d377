"""A process that is killed while it rolls signals up: afterwards each is in the figures exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.store import Store
from tests.contract.store_house import ACME, SECRET
from tests.contract.test_store_metrics import SUNDAY

WRITER = """
import asyncio, sys
from bot.store import Store, folding
from tests.contract.store_house import SECRET
from tests.contract.test_store_metrics import life

async def main(url, seed):
    folding.BATCH = 40
    store = await Store.open(url, secret=SECRET)
    signals = life(seed, people=40, signals=1500)

    async def roll():
        while True:
            await store.metrics.catch_up()
            await asyncio.sleep(0)

    rolling = asyncio.create_task(roll())
    for start in range(0, len(signals), 25):
        await store.record_signals(signals[start : start + 25])
        print("recorded", start, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def write_until_killed(url: str, seed: int, lines: int) -> None:
    command = [sys.executable, "-c", WRITER, url, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(6))
async def test_a_killed_run_neither_loses_nor_doubles(tmp_path: Path, seed: int) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    lines = random.Random(seed).randrange(2, 40)
    write_until_killed(url, seed, lines)
    store = await Store.open(url, secret=SECRET)
    try:
        await store.metrics.catch_up()
        total = await store._database.read(
            lambda c: (
                c.execute(text("SELECT count(*) FROM signal")).scalar(),
                c.execute(
                    text(
                        "SELECT sum(number) FROM tally WHERE scope = '' AND about = '' AND what NOT IN "
                        "('got_answer', 'crossed', 'stayed')"
                    )
                ).scalar(),
            )
        )
        assert total[0] == total[1]
        assert total[0]
        report = await store.metrics.report(ACME, until=SUNDAY, weeks=8)
        # Rolled again from nothing, the same signals say the same.
        await store._database.write(_unroll)
        await store.metrics.catch_up()
        assert await store.metrics.report(ACME, until=SUNDAY, weeks=8) == report
    finally:
        await store.close()


def _unroll(connection: object) -> None:
    for statement in ("DELETE FROM crowd", "DELETE FROM tally", "UPDATE signal SET rolled = 0, answered_at = NULL"):
        connection.execute(text(statement))  # type: ignore[attr-defined]
    connection.execute(text("UPDATE signal_member SET joined = NULL"))  # type: ignore[attr-defined]
