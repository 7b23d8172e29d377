"""Taking back or correcting what is out, in every copy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.core.delivery import State
from tests.handlers.stage import ANN, ODILE, OSCAR, stage

ITEMS = """
items:
  - id: hello
    every: monday 10:30
    to: ["#general", "#random", "@everyone"]
    words: {en: "Helo", fr: "Bonjour"}
"""
OUT = datetime(2026, 11, 23, 10, 45, tzinfo=UTC)
"""In London, where Ann is, too."""


async def test_a_recall_asks_first_then_reaches_every_copy(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        assert "Nothing of **hello** is out" in await play.ask(OSCAR, "calendar recall hello")
        await play.until(OUT)
        assert len(play.said_in("random")) == 1
        got = [post for post in play.told(ANN) if "Helo" in post.text]
        assert len(got) == 1
        said = await play.ask(OSCAR, "calendar recall hello", "help")
        assert "Take back **hello**" in said
        question = play.said_in("help")[-1]
        assert len(play.said_in("random")) == 1
        await play.press(OSCAR, question, question.buttons[0].label)
        assert play.said_in("random") == []
        assert [post for post in play.told(ANN) if "Helo" in post.text] == []
        assert "is being taken back" in play.said_in("help")[-1].text
        await play.press(OSCAR, play.said_in("help")[-1], "How far is it?")
        assert "were taken back" in play.said_in("help")[-1].text
        tally = await play.allant.store.ledger.tally(play.workspace, "calendar/hello/")
        assert set(tally) <= {State.RECALLED, State.HELD_BACK}
        await play.until(datetime(2026, 11, 30, 9, 45, tzinfo=UTC))
        assert len(play.said_in("random")) == 1  # The next one goes out.


async def test_what_waits_for_the_morning_is_called_off_by_a_recall(tmp_path: Path) -> None:
    late = ITEMS.replace("monday 10:30", "monday 22:00")
    async with stage(tmp_path, schedules={"items.yaml": late}) as play:
        await play.until(datetime(2026, 11, 23, 21, 30, tzinfo=UTC))
        await play.ask(ODILE, "calendrier rappeler hello", "help")
        question = play.said_in("help")[-1]
        assert "en attente ne partiraient pas" in question.text
        await play.press(ODILE, question, question.buttons[0].label)
        await play.until(datetime(2026, 11, 24, 12, tzinfo=UTC))
        assert play.said_in("random") == []


async def test_corrected_words_reach_every_copy_in_its_language(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await play.until(OUT)
        items = play.allant.settings.schedules / "items.yaml"
        items.write_text(ITEMS.replace("Helo", "Hello"), encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.settle()
        assert "copies of **hello**" in await play.ask(OSCAR, "calendar correct hello", "help")
        assert "Hello" in play.said_in("random")[0].text
        assert [post.text for post in play.told(ANN) if "Hello" in post.text] == ["Hello"]
        assert "Bonjour" in [post.text for post in play.told(ODILE)]
