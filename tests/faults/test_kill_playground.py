"""kill -9 at random moments: on the playground nothing accepted is lost, and nothing goes out twice.

People arrive, ask and command over the page's own API while Allant is killed and started again. Afterwards what the
playground's server received is compared with what people did and with the ledger.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.faults.process import Running, schedules

SETTINGS = {"ALLANT_PLAYGROUND": "true", "ALLANT_LOG_LEVEL": "info"}


class People:
    """Those who use the page: each request is repeated until the server answered, as a person would press again."""

    def __init__(self) -> None:
        self.url = ""
        self.done: list[str] = []

    async def post(self, client: httpx.AsyncClient, path: str, **body: object) -> bool:
        """True when the server said yes; False when it did not answer, so that nobody knows."""
        try:
            answer = await client.post(f"{self.url}/api/{path}", json=body)
        except httpx.HTTPError:
            return False
        assert answer.status_code == 200, answer.text
        return True


async def act(people: People, client: httpx.AsyncClient, dice: random.Random, number: int) -> None:
    kind = dice.choice(["arrive", "ask", "command"])
    if kind == "arrive":
        await people.post(client, "people", name=f"Newcomer {number}", language=dice.choice(["fr", "en"]))
    elif kind == "ask":
        question = dice.choice(["how do I mute a channel?", "comment mettre un canal en sourdine ?"])
        await people.post(client, "messages", **{"as": "zoe", "channel": "D-zoe", "text": question})
    else:
        await people.post(client, "messages", **{"as": "zoe", "channel": "general", "text": "/allant calendar next"})


async def kill_at_random(folder: Path, kills: int, seed: int, posts: int) -> list[str]:
    """Kill and restart ``kills`` times while people act; then let everything settle. The ids of the items."""
    dice = random.Random(seed)
    items = await asyncio.to_thread(schedules, folder, posts)
    people, number = People(), 0
    async with httpx.AsyncClient(timeout=5) as client:
        for kill in range(kills + 1):
            running = Running(folder, SETTINGS)
            people.url = await asyncio.to_thread(running.wait_until_ready)
            if kill == 0:
                await people.post(client, "people", name="Zoe", language="en")
            last = kill == kills
            end = time.monotonic() + (0 if last else dice.uniform(0.05, 1.5))
            while time.monotonic() < end:
                number += 1
                await act(people, client, dice, number)
            if last:
                await settled(folder, len(items) * 2)
                assert await asyncio.to_thread(running.stop) == 0
            else:
                await asyncio.to_thread(running.kill)
    return items


async def settled(folder: Path, posts: int) -> None:
    """Wait until nothing waits in the inbox or the ledger and the calendar's posts are out."""
    for _ in range(1800):
        if await asyncio.to_thread(_waiting, folder, posts) == 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not settled: {_waiting(folder, posts)} left")


def _waiting(folder: Path, posts: int) -> int:
    ours = sqlite3.connect(folder / "allant.db")
    theirs = sqlite3.connect(folder / "playground.db")
    try:
        queries = (
            "SELECT count(*) FROM inbox WHERE handled_at IS NULL",
            "SELECT count(*) FROM delivery WHERE state IN ('planned', 'sending')",
            "SELECT count(*) FROM timer WHERE feature = 'greeting' AND name = 'greet'",
        )
        waiting = sum(int(ours.execute(query).fetchone()[0]) for query in queries)
        waiting += int(theirs.execute("SELECT count(*) FROM happenings").fetchone()[0])
        out = ours.execute("SELECT count(*) FROM delivery WHERE kind = 'post' AND state = 'sent'").fetchone()[0]
        return waiting + posts - int(out)
    finally:
        ours.close()
        theirs.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.execute(query))
    finally:
        connection.close()


async def killed(folder: Path, kills: int, seed: int, posts: int) -> None:
    items = await kill_at_random(folder, kills, seed, posts)
    received = rows(
        folder / "playground.db", "SELECT number, channel, author, text, visible_to, command, key FROM posts"
    )
    bot = [post for post in received if post[2] == "allant"]
    asked = [post for post in received if post[1] == "D-zoe" and post[2] == "zoe"]
    commands = [post for post in received if post[5]]
    arrived = rows(folder / "playground.db", "SELECT id FROM people WHERE id != 'allant'")
    assert len({post[6] for post in bot}) == len(bot), "a delivery's key arrived twice"
    assert Counter(str(post[1]) for post in bot)["D-zoe"] == len(asked) + 1, "one answer a question, and Zoe's welcome"
    assert len([post for post in bot if post[4] == "zoe"]) == len(commands), "one private answer a command"
    for (person,) in arrived:
        if person != "zoe":
            welcomes = [post for post in bot if post[1] == f"D-{person}"]
            assert len(welcomes) == 1, f"{person} was welcomed {len(welcomes)} times"
    public = " ".join(str(post[3]) for post in bot if post[1] == "C-general" and "mention:" in str(post[3]))
    for number in range(1, len(items) + 1):
        for channel in ("C-general", "C-random"):
            out = [post for post in bot if post[1] == channel and f"post {number}" in str(post[3])]
            assert len(out) == 1, f"post {number} went {len(out)} times to {channel}"
    ledger = rows(folder / "allant.db", "SELECT state, count(*) FROM delivery GROUP BY state")
    assert {str(state): count for state, count in ledger} == {"sent": len(bot)}, (
        "the ledger says what the server received"
    )
    print(json.dumps({"kills": kills, "arrived": len(arrived), "asked": len(asked), "commands": len(commands)}))  # noqa: T201  # The counts are what `make test-kill` is for.
    assert bool(public) == bool(items), "those who arrived were greeted together in public"


async def test_two_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    await killed(tmp_path, kills=2, seed=7, posts=0)


@pytest.mark.kill
async def test_many_kills_at_random_moments_lose_and_repeat_nothing(tmp_path: Path) -> None:
    await killed(tmp_path, kills=40, seed=1, posts=1)
