"""Answers that get old: asked about in time, withheld after a grace, found again when somebody says so."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.core.faq import Confirmed
from bot.core.knowledge import Entry
from bot.library import ContentLibrary
from bot.settings import starter_folder
from handlers.review import due
from tests.handlers import stage as staging
from tests.handlers.stage import ANN, CHLOE, ODILE, OSCAR, Stage, stage

KITE = """---
title: Where is the kite kept?
owner: {owner}
review_by: 2026-12-10
---
In the red cupboard.
"""


@pytest.fixture
async def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    content = tmp_path / "content"
    shutil.copytree(starter_folder("content") / "messages", content / "messages")
    (content / "faq").mkdir()
    (content / "faq" / "kite.en.md").write_text(KITE.format(owner="animator"), encoding="utf-8")
    (content / "faq" / "drum.en.md").write_text(
        KITE.format(owner="Ann").replace("kite", "drum").replace("red", "green"), encoding="utf-8"
    )
    monkeypatch.setattr(staging, "_starter_library", lambda: ContentLibrary(content, spare=starter_folder("content")))
    async with stage(tmp_path, schedules={}) as play:
        yield play


async def test_its_owner_is_asked_in_time_and_once(play: Stage) -> None:
    await play.until(datetime(2026, 11, 25, 12, tzinfo=UTC))
    assert not [post for post in play.told(OSCAR) if "kite" in post.text]
    await play.until(datetime(2026, 12, 1, 12, tzinfo=UTC))
    (asked,) = [post for post in play.told(OSCAR) if "looked at again" in post.text]
    assert "kite" in asked.text
    assert "drum" not in asked.text
    (ann,) = [post for post in play.told(ANN) if "looked at again" in post.text]
    assert "drum" in ann.text
    assert [post for post in play.told(ODILE) if "à relire" in post.text]
    await play.press(ANN, ann, "Still right: Where is the drum kept?")
    assert "still right" in play.told(ANN)[-1].text
    said = await play.ask(OSCAR, "faq stale")
    assert "kite" in said
    assert "drum" not in said


async def test_what_nobody_confirms_is_no_longer_found_until_somebody_does(play: Stage) -> None:
    assert "red cupboard" in await play.ask(ANN, "faq where is the kite kept?")
    await play.until(datetime(2026, 12, 28, 12, tzinfo=UTC))
    assert "red cupboard" not in await play.ask(ANN, "faq where is the kite kept?")
    assert "kite" not in await play.ask(ANN, "faq list")
    withheld = next(post for post in reversed(play.told(OSCAR)) if "no longer found" in post.text)
    assert "n’est plus trouvée" in await play.ask(ODILE, "faq périmées")
    await play.press(OSCAR, withheld, "Still right: Where is the kite kept?")
    assert "found again" in play.told(OSCAR)[-1].text
    assert "red cupboard" in await play.ask(ANN, "faq where is the kite kept?")
    await play.until(datetime(2027, 1, 20, 12, tzinfo=UTC))
    assert "red cupboard" in await play.ask(ANN, "faq where is the kite kept?")


async def test_only_who_answers_for_it_confirms(play: Stage) -> None:
    assert "Whoever answers for it" in await play.ask(ANN, "faq confirm kite")
    assert "personne qui en répond" in await play.ask(CHLOE, "faq confirmer drum")
    assert "still right" in await play.ask(ANN, "faq confirm drum")
    assert "no entry" in await play.ask(OSCAR, "faq confirm nothing")


def test_the_earliest_day_counts_unless_somebody_confirmed_for_longer() -> None:
    def entry(day: date | None) -> Entry:
        return Entry(slug="a", kind="faq", language="en", title="a", body="", review_by=day)

    first, second = date(2026, 12, 1), date(2027, 1, 1)
    assert due([entry(None)], None) is None
    assert due([entry(second), entry(first)], None) == first
    assert due([entry(first)], Confirmed(second)) == second
    assert due([entry(second)], Confirmed(first)) == second
