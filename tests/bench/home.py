"""Homes: how long one takes to be made with five hundred posts in the week, and from opening it to its being shown."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bot.platforms.playground.homes import Homes
from tests.bench.figures import show
from tests.handlers.stage import ADA, ANN, MONDAY, OSCAR, Stage, stage

ROUNDS = 30
FEW, MANY = 5, 500


def run() -> None:
    asyncio.run(_run())


async def _run() -> None:
    for items in (FEW, MANY):
        with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
            async with stage(Path(folder), schedules={"items.yaml": _items(items)}) as play:
                for who, name in ((ANN, "an employee"), (OSCAR, "an animator"), (ADA, "an administrator")):
                    taken = [await _opened(play, who.id) for _ in range(ROUNDS)]
                    aim = "aim: as many for 500 as for 5; a page of rows is read" if items == MANY else ""
                    show(f"home of {name}, {items} posts", f"{statistics.median(taken) * 1000:.0f} ms", aim)


async def _opened(play: Stage, person: str) -> float:
    """From somebody's opening their home to its being shown, through the inbox, the store and the outbox."""
    homes = Homes(play.server)
    before = homes.shown(person)
    play.clock.move_to(play.clock.now() + timedelta(seconds=2))
    start = time.perf_counter()
    homes.open(person)
    await play.settle()
    assert homes.shown(person) != before
    return time.perf_counter() - start


def _items(count: int) -> str:
    start = MONDAY + timedelta(days=1, hours=1)
    lines = [
        f'  - {{id: item-{number:03d}, "on": "{(start + timedelta(minutes=number)):%Y-%m-%d %H:%M}", '
        f'to: ["#general"], words: {{en: "Post {number}", fr: "Publication {number}"}}}}'
        for number in range(count)
    ]
    return "items:\n" + "\n".join(lines) + "\n"
