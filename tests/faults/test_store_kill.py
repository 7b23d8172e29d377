"""A process that is killed while it writes: what it had been told is on disk is there afterwards, once."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from bot.core.message import Button
from bot.store import Store
from tests.contract.store_house import ACME, SECRET

WRITER = """
import asyncio, sys
from bot.core.actions import Planned, Remember
from bot.core.message import Button
from bot.store import Store
from tests.contract.store_house import ACME, NOW, SECRET, posted, say

async def main(url, first):
    store = await Store.open(url, secret=SECRET)

    async def produce(offset):
        for number in range(first + offset, first + 100_000, 20):
            accepted = await store.inbox.accept(posted(number))
            print("accepted", number, flush=True)
            plans = [Planned("test", (say(f"k{number}"), Remember(f"k{number}", Button("x", "y"))))]
            await store.journal.commit(ACME, plans, at=NOW, source="x", handled=accepted)
            print("committed", number, flush=True)

    await asyncio.gather(*(produce(offset) for offset in range(20)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def write_until_killed(url: str, first: int, lines: int) -> tuple[set[int], set[int]]:
    """The numbers it said were accepted, and committed, up to the moment it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(first)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        # The last line may be cut in the middle.
        said += [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    told: dict[str, set[int]] = {"accepted": set(), "committed": set()}
    for line in said:
        what, number = line.split()
        told[what].add(int(number))
    return told["accepted"], told["committed"]


@pytest.mark.parametrize("seed", range(4))
async def test_what_was_confirmed_survives_a_kill(tmp_path: Path, seed: int) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    accepted: set[int] = set()
    committed: set[int] = set()
    for life in range(2):
        lines = random.Random(seed * 10 + life).randrange(1, 2500)
        said = write_until_killed(url, life * 100_000, lines)
        accepted |= said[0]
        committed |= said[1]
    store = await Store.open(url, secret=SECRET)
    try:
        waiting = [each.event.id for each in await store.inbox.waiting(limit=1_000_000)]
        planned = [each.key for each in await store.ledger.recent(ACME, limit=1_000_000)]
        noted = set(await store.notes.all(ACME, Button))
    finally:
        await store.close()
    handled = {int(key.removeprefix("k")) for key in planned}
    still_waiting = {int(event_id.removeprefix("event-")) for event_id in waiting}
    assert len(planned) == len(handled)
    assert len(waiting) == len(still_waiting)
    assert committed <= handled
    assert accepted <= handled | still_waiting
    # What handled an event and what it led to are one transaction: never the one without the other.
    assert not handled & still_waiting
    assert noted == set(planned)
    assert accepted
