"""Taking back or correcting what is out, in every copy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.core.delivery import State
from bot.platforms.playground.faults import Fault
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


async def test_a_recall_also_takes_it_out_of_the_digest_in_which_it_was_told(tmp_path: Path) -> None:
    policy = "policy: {channel_day: 1, overflow: digest}\n"
    posts = [("one", "Un"), ("two", "Deux"), ("three", "Trois")]
    lines = [
        f'  - {{id: {en}, every: monday 10:30, to: ["#ideas"], words: {{en: {en}, fr: {fr}}}}}' for en, fr in posts
    ]
    async with stage(tmp_path, schedules={"items.yaml": "\n".join(["items:", *lines]), "policy.yaml": policy}) as play:
        await play.until(datetime(2026, 11, 24, 9, tzinfo=UTC))
        told = play.said_in("ideas")[-1]
        parts = [each for each, _ in posts if f"- {each}" in told.text]
        assert len(parts) == 2
        for left in (1, 0):
            await play.ask(OSCAR, f"calendar recall {parts[left]}", "help")
            question = play.said_in("help")[-1]
            assert "1 copy is out" in question.text
            await play.press(OSCAR, question, question.buttons[0].label)
            if left:
                now = play.post(told.id)
                assert f"- {parts[0]}" in now.text
                assert f"- {parts[1]}" not in now.text
                assert len(now.buttons) == 1
        assert play.post(told.id).deleted


async def test_what_failed_is_not_sent_again_once_it_is_recalled(tmp_path: Path) -> None:
    two = ITEMS.replace(', "@everyone"', "")
    async with stage(tmp_path, schedules={"items.yaml": two}) as play:
        play.server.faults.fail_next(Fault.REFUSE)
        await play.until(OUT)
        letter = next(post for post in reversed(play.told(OSCAR)) if post.buttons)
        assert len(play.said_in("general")) + len(play.said_in("random")) == 1
        await play.ask(OSCAR, "calendar recall hello", "help")
        question = play.said_in("help")[-1]
        await play.press(OSCAR, question, question.buttons[0].label)
        for button in letter.buttons:
            await play.press(OSCAR, letter, button.command)
        assert play.said_in("general") == play.said_in("random") == []


async def test_what_waits_gets_the_corrected_words_too(tmp_path: Path) -> None:
    late = ITEMS.replace("monday 10:30", "monday 22:00").replace(', "@everyone"', "")
    async with stage(tmp_path, schedules={"items.yaml": late}) as play:
        await play.until(datetime(2026, 11, 23, 21, 30, tzinfo=UTC))
        items = play.allant.settings.schedules / "items.yaml"
        items.write_text(late.replace("Helo", "Hello"), encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.settle()
        assert "2 copies of **hello**" in await play.ask(OSCAR, "calendar correct hello", "help")
        await play.until(datetime(2026, 11, 24, 12, tzinfo=UTC))
        for room in ("general", "random"):
            assert ["Hello" in post.text for post in play.said_in(room)] == [True]
