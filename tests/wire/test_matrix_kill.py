"""A real `allant run` on a real homeserver, killed with SIGKILL while people act: nothing lost, nothing twice.

Afterwards what stands in the rooms is compared with what people did, and with the ledger.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults.process import Running, schedules
from tests.wire.matrix_people import Json, Person, thread_of
from tests.wire.synapse import Synapse

QUESTION = "how do I mute a channel?"
PATIENCE_SECONDS = 60.0
MINUTE_SECONDS = 75.0


class Town:
    """A channel with its host, those who come, and the bot that is invited."""

    def __init__(self, synapse: Synapse, name: str, folder: Path) -> None:
        self.synapse = synapse
        self.name = name
        self.folder = folder
        self.bot = synapse.register(f"{name}-bot", shown="Allant")
        self.host = Person(synapse, synapse.register(f"{name}-host", shown="Hostess"))
        self.newcomers: list[Person] = []
        self.questions: list[str] = []
        self.commands = 0
        self.room = ""

    def run(self) -> Running:
        settings = {
            "ALLANT_MATRIX_HOMESERVER": self.synapse.url,
            "ALLANT_MATRIX_USER": self.bot.id,
            "ALLANT_MATRIX_PASSWORD": self.bot.password,
            "ALLANT_LANGUAGE": "en",
        }
        return Running(self.folder, settings)

    async def close(self) -> None:
        for person in (self.host, *self.newcomers):
            await person.close()

    async def act(self, dice: random.Random) -> None:
        """Somebody joins, asks the bot in the channel, or gives a command there."""
        kind = dice.choice(["join", "ask", "command"])
        if kind == "join":
            name = f"{self.name}-{len(self.newcomers)}"
            account = await asyncio.to_thread(self.synapse.register, name, shown="Newcomer")
            self.newcomers.append(Person(self.synapse, account))
            await self.newcomers[-1].join(self.room)
        elif kind == "ask":
            self.questions.append(await self.host.say(self.room, f"Allant: {QUESTION}", names=[self.bot.id]))
        else:
            await self.host.say(self.room, "!allant help")
            self.commands += 1

    async def told(self, person: Person) -> list[Json]:
        """What the bot said to a person alone; the person accepts its invitation first."""
        for room in await person.invitations():
            await person.join(room)
        return [each for room in await person.joined() if room != self.room for each in await self.said(person, room)]

    async def said(self, reader: Person, room: str) -> list[Json]:
        return [each for each in await reader.messages(room) if each["sender"] == self.bot.id]

    async def counts(self, posts: int) -> dict[str, list[int]]:
        """How often each thing arrived that should arrive once; the answers to all commands are counted together."""
        in_room = await self.said(self.host, self.room)
        threads = [thread_of(each["content"]) for each in in_room]
        bodies = [str(each["content"]["body"]) for each in in_room]
        private = len(await self.told(self.host))
        return {
            "answers": [threads.count(question) for question in self.questions],
            "welcomes": [len(await self.told(person)) for person in self.newcomers],
            "posts": [sum(f"post {number}" in body for body in bodies) for number in range(1, posts + 1)],
            "commands": [1] if private == self.commands else [private, self.commands],
        }

    def settled(self) -> bool:
        """Whether nothing waits in the inbox or the ledger."""
        base = sqlite3.connect(self.folder / "allant.db")
        try:
            events = base.execute("SELECT count(*) FROM inbox WHERE handled_at IS NULL").fetchone()[0]
            out = base.execute("SELECT count(*) FROM delivery WHERE state IN ('planned', 'sending')").fetchone()[0]
            return events + out == 0
        finally:
            base.close()

    def ledger(self) -> dict[str, int]:
        base = sqlite3.connect(self.folder / "allant.db")
        try:
            return dict(base.execute("SELECT state, count(*) FROM delivery GROUP BY state").fetchall())
        finally:
            base.close()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> bool:
    """Look again and again; False when it does not come to hold."""
    end = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.1)
    return True


async def killed(synapse: Synapse, folder: Path, *, kills: int, posts: int, seed: int) -> None:
    dice = random.Random(seed)
    town = Town(synapse, f"town{seed}", folder)
    items = await asyncio.to_thread(schedules, folder, posts)
    town.room = await town.host.create("general", invite=[town.bot.id])

    async def invited() -> bool:
        return town.bot.id in await town.host.members(town.room)

    async def complete() -> bool:
        counts = await town.counts(len(items))
        return town.settled() and all(each > 0 for kind in counts.values() for each in kind)

    running = town.run()
    try:
        await asyncio.to_thread(running.wait_until_ready)
        assert await until(invited)
        for _ in range(kills):
            end = time.monotonic() + dice.uniform(0.2, 1.5)
            while time.monotonic() < end:
                await town.act(dice)
            await asyncio.to_thread(running.kill)
            await town.act(dice)  # While nobody listens.
            running = town.run()
            # Not always to the end of its start: a kill may come there, too.
            if dice.random() < 0.7:
                await asyncio.to_thread(running.wait_until_ready)
        await until(complete, PATIENCE_SECONDS + MINUTE_SECONDS * len(items))
        counts = await town.counts(len(items))
        log = running.log.read_text(encoding="utf-8")[-3000:]
        print(json.dumps({"kills": kills} | {name: len(each) for name, each in counts.items()}))  # noqa: T201  # The counts are what `make test-kill` is for.
        assert counts == {name: [1] * len(each) for name, each in counts.items()}, log
        assert set(town.ledger()) == {"sent"}
    finally:
        await asyncio.to_thread(running.kill)
        await town.close()


async def test_one_kill_loses_and_repeats_nothing(synapse: Synapse, tmp_path: Path) -> None:
    await killed(synapse, tmp_path, kills=1, posts=0, seed=11)


@pytest.mark.kill
async def test_thirty_kills_lose_and_repeat_nothing(synapse: Synapse, tmp_path: Path) -> None:
    await killed(synapse, tmp_path, kills=30, posts=2, seed=12)
