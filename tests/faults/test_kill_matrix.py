"""The main job on a real homeserver, with kill -9 in the middle: nothing lost, nothing twice.

People join, ask and command on Synapse while a real `allant run` is killed and started again; then what arrived in the
rooms is compared with what people did.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults.process import Running, schedules
from tests.wire.matrix_people import Json, Person, thread_of
from tests.wire.synapse import Synapse

QUESTION = "how do I mute a channel?"


class Town:
    """A room, its host and those who came, and the bot that was invited."""

    def __init__(self, synapse: Synapse, name: str) -> None:
        self.synapse = synapse
        self.name = name
        self.bot = synapse.register(f"{name}-bot", shown="Allant")
        self.host = Person(synapse, synapse.register(f"{name}-host", shown="Hostess"))
        self.newcomers: list[Person] = []
        self.questions: list[str] = []
        self.commands = 0
        self.room = ""

    async def open(self) -> None:
        self.room = await self.host.create("general", invite=[self.bot.id])

    def settings(self, database: str) -> dict[str, str]:
        shared = {"ALLANT_DATABASE_URL": database, "ALLANT_LEASE_SECONDS": "2"} if database else {}
        return shared | {
            "ALLANT_MATRIX_HOMESERVER": self.synapse.url,
            "ALLANT_MATRIX_USER": self.bot.id,
            "ALLANT_MATRIX_PASSWORD": self.bot.password,
            "ALLANT_LANGUAGE": "en",
        }

    async def act(self, dice: random.Random) -> None:
        kind = dice.choice(["join", "ask", "command"])
        if kind == "join":
            number = len(self.newcomers)
            account = await asyncio.to_thread(
                self.synapse.register, f"{self.name}-{number}", shown=f"Newcomer {number}"
            )
            self.newcomers.append(Person(self.synapse, account))
            await self.newcomers[-1].join(self.room)
        elif kind == "ask":
            self.questions.append(await self.host.say(self.room, f"Allant: {QUESTION}", names=[self.bot.id]))
        else:
            await self.host.say(self.room, "!allant calendar next")
            self.commands += 1

    async def said(self, reader: Person, room: str) -> list[Json]:
        return [each for each in await reader.messages(room) if each["sender"] == self.bot.id]

    async def told(self, person: Person) -> list[Json]:
        """What the bot said to a person alone; the person accepts its invitation first."""
        for room in await person.invitations():
            await person.join(room)
        rooms = [room for room in await person.joined() if room != self.room]
        return [each for room in rooms for each in await self.said(person, room)]

    async def close(self) -> None:
        for person in (self.host, *self.newcomers):
            await person.close()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Look again until ``condition()`` holds; fails saying ``what`` did not come."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        await asyncio.sleep(0.2)


async def live(town: Town, folder: Path, kills: int, posts: int, seed: int, database: str, processes: int) -> list[str]:
    """Kill one of so many processes after the other, each time with a new one in its place."""
    dice = random.Random(seed)
    items = await asyncio.to_thread(schedules, folder, posts)
    await town.open()

    async def bot_is_in() -> bool:
        return town.bot.id in await town.host.members(town.room)

    alive: list[Running] = []
    for kill in range(kills + 1):
        while len(alive) < processes:
            alive.append(Running(folder, town.settings(database)))
            await asyncio.to_thread(alive[-1].wait_until_ready)
        if kill == 0:
            await until(bot_is_in, 30, "the bot")
        end = time.monotonic() + dice.uniform(0.3, 2.0)
        while time.monotonic() < end:
            await town.act(dice)
        if kill < kills:
            await asyncio.to_thread(alive.pop(dice.randrange(processes)).kill)
    await until(lambda: complete(town, items), 30 + 150 * bool(items), "everything")
    await asyncio.sleep(0.5)  # What would come twice has had time to come.
    for running in alive:
        assert await asyncio.to_thread(running.stop) == 0
    return items


async def counts(town: Town, items: list[str]) -> dict[str, list[int]]:
    """How often each thing arrived that should have arrived once (and the commands' answers, all together)."""
    in_room = await town.said(town.host, town.room)
    threads = [thread_of(each["content"]) for each in in_room]
    bodies = [str(each["content"]["body"]) for each in in_room]
    return {
        "answers": [threads.count(question) for question in town.questions],
        "welcomes": [len(await town.told(person)) for person in town.newcomers],
        "posts": [sum(f"post {number}" in body for body in bodies) for number in range(1, len(items) + 1)],
    }


async def complete(town: Town, items: list[str]) -> bool:
    arrived = all(count >= 1 for each in (await counts(town, items)).values() for count in each)
    return arrived and len(await town.told(town.host)) >= town.commands


async def killed(
    synapse: Synapse, folder: Path, *, kills: int, posts: int, seed: int, database: str = "", processes: int = 1
) -> None:
    town = Town(synapse, f"town{seed}")
    try:
        items = await live(town, folder, kills, posts, seed, database, processes)
        found = await counts(town, items)
        # The host was there before the bot: only the answers to commands come to them alone.
        answers = len(await town.told(town.host))
    finally:
        await town.close()
    summary = {"processes": processes, "kills": kills, "commands": town.commands} | {
        name: len(each) for name, each in found.items()
    }
    print(json.dumps(summary))  # noqa: T201  # The counts are what `make test-kill` is for.
    assert found == {name: [1] * len(each) for name, each in found.items()}
    assert answers == town.commands, "one private answer a command"


@pytest.mark.kill
async def test_a_person_is_welcomed_and_answered_through_a_kill(synapse: Synapse, tmp_path: Path) -> None:
    await killed(synapse, tmp_path, kills=1, posts=0, seed=11)


@pytest.mark.kill
async def test_thirty_kills_lose_and_repeat_nothing(synapse: Synapse, tmp_path: Path) -> None:
    await killed(synapse, tmp_path, kills=30, posts=1, seed=12)


@pytest.mark.kill
async def test_three_processes_on_one_postgres_share_a_homeserver(
    synapse: Synapse, tmp_path: Path, postgres_address: str
) -> None:
    """One of them listens and sends at a time; another goes on with its session where it was killed."""
    await killed(synapse, tmp_path, kills=12, posts=1, seed=13, database=postgres_address, processes=3)
