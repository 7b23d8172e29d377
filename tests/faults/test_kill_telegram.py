"""The main job on Telegram, with kill -9 in the middle: nothing lost, nothing twice, and what nobody can know is shown.

People join, ask and command on a small Bot API while a real `allant run` is killed and started again. Telegram cannot
tell whether a message went out, so a delivery that was under way is uncertain: it is never sent again by itself.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from bot.core.delivery import State
from bot.core.refs import WorkspaceRef
from bot.settings import read_settings
from bot.store import Store
from tests.faults.process import Running, schedules
from tests.wire.telegram_chats import BOT_ID, TOKEN, Room
from tests.wire.telegram_server import BotApi

QUESTION = "how do I mute a channel?"
WORKSPACE = WorkspaceRef("telegram", str(BOT_ID))
GROUPS = 12
"""Telegram takes a message every three seconds in one of them: with few, the test would wait for that."""
UNDER_WAY = (State.PLANNED, State.SENDING)


class Town:
    """A group, its host and those who came."""

    def __init__(self, api: BotApi) -> None:
        self.api = api
        self.host = api.user("Hostess")
        self.rooms: list[Room] = [api.group(f"room {number}") for number in range(GROUPS)]
        self.newcomers: list[int] = []
        self.questions: list[int] = []
        self.commands = 0

    async def open(self) -> None:
        for room in self.rooms:
            await self.api.admit_bot(room, self.host)
        await self.api.start(self.host)

    async def act(self, dice: random.Random) -> None:
        kind, room = dice.choice(["join", "ask", "command"]), dice.choice(self.rooms)
        if kind == "join":
            self.newcomers.append(self.api.user(f"Newcomer {len(self.newcomers)}"))
            await self.api.start(self.newcomers[-1])
            await self.api.join(room, self.newcomers[-1])
        elif kind == "ask":
            self.questions.append(await self.api.say(room, self.host, f"@allant_test_bot {QUESTION}"))
        else:
            await self.api.say(room, self.host, "/help@allant_test_bot")
            self.commands += 1

    def answers(self) -> Counter[int]:
        """How many answers each question got."""
        said = [each for room in self.rooms for each in self.api.said(room.id)]
        return Counter(each["reply_to_message"]["message_id"] for each in said if "reply_to_message" in each)

    def welcomes(self) -> list[int]:
        return [sum("and welcome!" in each["text"] for each in self.api.said(newcomer)) for newcomer in self.newcomers]

    def helps(self) -> int:
        return sum("QUESTION" in each["text"] for each in self.api.said(self.host))


async def at_rest(town: Town, folder: Path, seconds: float) -> Counter[str]:
    """Wait until nothing is planned or under way any more; how many deliveries ended in which state, by feature."""
    settings = read_settings(database_url=f"sqlite:///{folder / 'allant.db'}", secret_file=folder / "allant.key")
    end = time.monotonic() + seconds
    await town.api.all_read()
    while True:
        store = await Store.open(settings.database_url, secret=settings.secret())
        rows = await store.ledger.recent(WORKSPACE, limit=100_000)
        events = await store.inbox.waiting()
        await store.close()
        if rows and not events and not any(each.state in UNDER_WAY for each in rows):
            return Counter(f"{each.feature} {each.state.value}" for each in rows)
        assert time.monotonic() < end, f"it did not come to rest: {[(e.feature, e.state, e.reason) for e in rows]}"
        await asyncio.sleep(0.5)


async def killed(folder: Path, *, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    await asyncio.to_thread(schedules, folder, 0)
    async with BotApi().serving() as api:
        api.slow = 0.25
        town = Town(api)
        await town.open()
        settings = {
            "ALLANT_TELEGRAM_TOKEN": TOKEN,
            "ALLANT_TELEGRAM_API_URL": api.url,
            "ALLANT_LANGUAGE": "en",
            "ALLANT_LOG_LEVEL": "debug",
        }
        for kill in range(kills + 1):
            running = Running(folder, settings)
            await asyncio.to_thread(running.wait_until_ready)
            end = time.monotonic() + dice.uniform(0.2, 1.6)
            while time.monotonic() < end:
                await town.act(dice)
                await asyncio.sleep(dice.uniform(0.05, 0.4))
            if kill < kills:
                await asyncio.to_thread(running.kill)
        states = await at_rest(town, folder, 120.0)
        assert await asyncio.to_thread(running.stop) == 0
    answers = town.answers()
    uncertain = {feature: states[f"{feature} uncertain"] for feature in ("faq", "welcome", "admin")}
    summary = {
        "kills": kills,
        "questions": len(town.questions),
        "newcomers": len(town.newcomers),
        "commands": town.commands,
        "uncertain": sum(uncertain.values()),
    }
    print(json.dumps(summary))  # noqa: T201  # The counts are what `make test-kill` is for.
    # Nothing twice.
    assert set(answers.values()) <= {1}
    assert set(town.welcomes()) <= {0, 1}
    # Nothing lost: each has its delivery, and what did not arrive is among those that nobody can know of.
    ended = Counter(
        {feature: sum(n for key, n in states.items() if key.split()[0] == feature) for feature in uncertain}
    )
    assert ended["faq"] == len(town.questions)
    assert ended["admin"] >= town.commands
    assert len(town.questions) - len(answers) <= uncertain["faq"]
    assert town.welcomes().count(0) <= uncertain["welcome"]
    assert town.commands - town.helps() in range(uncertain["admin"] + 1)
    # And nowhere is the token written.
    assert TOKEN not in running.log.read_text(encoding="utf-8")
    assert TOKEN.partition(":")[2].encode() not in b"".join(
        each.read_bytes() for each in folder.iterdir() if each.is_file()
    )


@pytest.mark.kill
async def test_a_person_is_answered_through_a_kill(tmp_path: Path) -> None:
    await killed(tmp_path, kills=1, seed=21)


@pytest.mark.kill
async def test_thirty_kills_on_telegram_lose_and_repeat_nothing(tmp_path: Path) -> None:
    await killed(tmp_path, kills=30, seed=22)
