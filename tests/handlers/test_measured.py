"""The last state of a post: measured, two days after it went out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.platforms.playground import Person
from tests.handlers.stage import ANN, BEN, ODILE, OSCAR, PEOPLE, Stage, stage

ITEMS = """
items:
  - {id: greeting, every: monday 10:10, to: ["#general", "#random"], words: {en: Good morning, fr: Bonjour}}
  - {id: once, on: 2026-11-23 10:20, to: ["#ideas"], words: {en: Once, fr: Une fois}}
"""
CROWD = tuple(Person(id=f"p{number}", name=f"Person {number}", language="en") for number in range(6))
OUT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
MEASURED = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules={"items.yaml": ITEMS}) as playing:
        await playing.until(OUT)
        yield playing


async def test_what_is_out_for_two_days_is_measured(play: Stage) -> None:
    [post], [elsewhere] = play.said_in("general"), play.said_in("random")
    for person in CROWD[:4]:
        await play.say(person, "general", "hello", thread=post)
    play.server.react(CROWD[0].id, post.id, "🎉")
    play.server.react(CROWD[4].id, elsewhere.id, "🎉")
    assert "out; measured on Wednesday 25 November 2026, 10:10 (CET)" in await play.ask(OSCAR, "calendar why greeting")
    await play.until(MEASURED)
    await play.say(CROWD[5], "general", "late", thread=post)
    counts = "measured: 4 replies and 2 reactions in two days, by 5 people"
    assert counts in await play.ask(OSCAR, "calendar why greeting")
    assert counts in await play.ask(OSCAR, "calendar history greeting")
    assert counts in await play.ask(OSCAR, "calendar preview greeting")
    said = await play.ask(ODILE, "calendrier liste")
    assert "mesuré : 4 réponses et 2 réactions en deux jours, de la part de 5 personnes" in said
    ledger = await play.ask(OSCAR, "deliveries #random")
    assert "1 reaction in two days, by fewer than 5 people" in ledger


async def test_few_people_stay_hidden_and_silence_is_said(play: Stage) -> None:
    await play.say(ANN, "general", "hello", thread=play.said_in("general")[0])
    await play.say(BEN, "general", "hello", thread=play.said_in("general")[0])
    await play.until(MEASURED)
    said = await play.ask(ODILE, "calendrier pourquoi greeting")
    assert "2 réponses et 0 réaction en deux jours, de la part de moins de 5 personnes" in said
    assert "no reply and no reaction in two days" in await play.ask(OSCAR, "calendar preview once")


async def test_what_went_to_people_alone_is_not_measured(tmp_path: Path) -> None:
    items = "items: [{id: news, every: monday 10:10, to: ['@everyone'], words: {en: News, fr: Nouvelles}}]\n"
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(MEASURED)
        assert "measured" not in await play.ask(OSCAR, "calendar why news")
        assert "Last on Monday 23 November 2026" in await play.ask(OSCAR, "calendar list")
