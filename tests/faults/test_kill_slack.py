"""The main job on Slack, with kill -9 at random moments: nothing lost, nothing twice.

People join, ask, command and press while the bot is killed and started again; then what arrived in Slack is compared
with what people did. A command's private answer in a channel stands in no history: of one that was just being sent when
the kill came nobody can tell whether it arrived, so it is not said again but written down as uncertain. Every answer
that is missing must be one of those.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.process import schedules
from tests.faults.slack_nursery import SlackNursery
from tests.wire.slack_org import APP_TOKEN, BOT_TOKEN, BOT_USER, Json
from tests.wire.slack_people import People, text_of
from tests.wire.slack_server import Manners, SlackServer

QUESTION = "how do I mute a channel?"
SHORTENED = (0.05, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0)
"""Slack brings an event again at once, after one minute and after five. A minute in which we are killed forty times has
more and shorter pauses instead."""
KINDS = ("join", "ask", "command", "direct")
POST = """
items:
  - id: rehearsal
    on: "{moment:%Y-%m-%d %H:%M}"
    to: ["#general", "#random"]
    zone: UTC
    words: {{en: "the planned post", fr: "le message prévu"}}
"""


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = SlackServer(manners=Manners(redeliver=SHORTENED, channel_burst=20, speed=5))
        self.people = People(self.server)
        self.newcomers: list[str] = []
        self.questions: list[str] = []
        self.in_channel: list[str] = []
        self.in_direct: list[str] = []
        self.perhaps = 0
        self.posts = 0

    async def open(self) -> None:
        await self.server.start()
        org = self.server.org
        self.room, self.other = org.new_channel("general")["id"], org.new_channel("random")["id"]
        self.host = org.new_user("Hostess")["id"]
        org.members[self.room].add(self.host)

    def settings(self) -> dict[str, Any]:
        return {
            "slack_bot_token": BOT_TOKEN,
            "slack_app_token": APP_TOKEN,
            "slack_api_url": self.server.url,
            "language": "en",
            "port": 0,
        }

    def plan_a_post(self) -> None:
        schedules(self.folder, 0)
        moment = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        (self.folder / "schedules" / "items.yaml").write_text(POST.format(moment=moment), encoding="utf-8")
        self.posts = 2

    async def act(self, dice: random.Random, kind: str = "") -> None:
        kind = kind or dice.choice(KINDS)
        if kind == "join":
            self.newcomers.append(self.people.join_team(f"Newcomer {len(self.newcomers)}"))
            self.people.join_channel(self.newcomers[-1], self.room)
        elif kind == "ask":
            self.questions.append(self.people.say(self.host, self.room, f"<@{BOT_USER}> {QUESTION}"))
        else:
            # Somebody else each time, so that the answer is known to be theirs.
            user = self.server.org.new_user(f"Somebody {self.server.org.number()}")["id"]
            self.server.org.members[self.room].add(user)
            place = self.server.org.direct(user) if kind == "direct" else self.room
            if await self.people.slash(user, place, "help") is None:
                self.perhaps += 1  # Slack told them that it failed. It may have been taken in all the same.
            else:
                (self.in_direct if kind == "direct" else self.in_channel).append(user)

    def said(self, place: str) -> list[Json]:
        return [each for each in self.server.org.messages[place] if each["user"] == BOT_USER]

    def counts(self) -> dict[str, list[int]]:
        """How often each thing arrived that should have arrived once."""
        threads = [each.get("thread_ts") for each in self.said(self.room)]
        posts = [
            text_of(each).count("the planned post") for room in (self.room, self.other) for each in self.said(room)
        ]
        return {
            "answers": [threads.count(question) for question in self.questions],
            "welcomes": [len(self.people.said(user)) for user in self.newcomers],
            "direct": [len(self.people.said(user)) for user in self.in_direct],
            "posts": [1] * sum(posts) + [0] * (self.posts - sum(posts)),
        }

    def private(self) -> list[int]:
        """The same of the answers that one person alone sees in the channel."""
        shown = [each.get("visible_to") for each in self.said(self.room)]
        return [shown.count(user) for user in self.in_channel]

    def uncertain(self) -> int:
        with sqlite3.connect(self.folder / "allant.db") as ledger:
            return int(ledger.execute("SELECT count(*) FROM delivery WHERE state = 'uncertain'").fetchone()[0])

    def is_complete(self) -> bool:
        public = all(count >= 1 for each in self.counts().values() for count in each)
        return public and self.private().count(0) <= self.uncertain()


@asynccontextmanager
async def a_town(folder: Path) -> AsyncIterator[tuple[Town, SlackNursery]]:
    town, nursery = Town(folder), SlackNursery(folder)
    await town.open()
    try:
        yield town, nursery
    finally:
        nursery.close()
        await town.server.stop()


async def until(condition: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not everything came within {seconds} s: {what()}"
        await asyncio.sleep(0.2)


async def killed(folder: Path, *, kills: int, seed: int, posts: bool) -> None:
    dice = random.Random(seed)
    async with a_town(folder) as (town, nursery):
        if posts:
            town.plan_a_post()
        else:
            schedules(folder, 0)
        for kill in range(kills + 1):
            bot = await asyncio.to_thread(nursery.start, town.settings())
            # Now and then it is killed while it still starts.
            async with asyncio.timeout(30):
                if kill in (0, kills) or dice.random() < 0.9:
                    await town.server.connected()
            end = time.monotonic() + dice.uniform(0.05, 1.2)
            while time.monotonic() < end:
                if town.server._sockets:
                    await asyncio.wait_for(town.act(dice), 5)
                await asyncio.sleep(dice.uniform(0.0, 0.1))
            if kill < kills:
                nursery.kill(bot)
        for kind in KINDS:
            await town.act(dice, kind)  # Whatever the dice said, a little of everything.
        await until(town.is_complete, 90, town.counts)
        await asyncio.sleep(0.5)  # What would come twice has had time to come.
        found, private, uncertain = town.counts(), town.private(), town.uncertain()
    summary: dict[str, Any] = {"kills": kills, "private": len(private), "uncertain": uncertain, "perhaps": town.perhaps}
    summary |= {name: len(each) for name, each in found.items()} | {"redelivered": town.server.retries}
    print(json.dumps(summary))  # noqa: T201  # The counts are what `make test-kill` is for.
    assert town.server.undelivered == []
    assert found == {name: [1] * len(each) for name, each in found.items()}
    assert max(private, default=0) <= 1
    assert private.count(0) <= uncertain <= private.count(0) + town.perhaps


async def test_a_person_is_welcomed_and_answered_through_a_kill(tmp_path: Path) -> None:
    await killed(tmp_path, kills=1, seed=31, posts=False)


@pytest.mark.kill
async def test_forty_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    await killed(tmp_path, kills=40, seed=32, posts=True)
