"""Talking to the bot in the terminal: what is typed goes in, what the bot answers comes out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bot.settings import Settings, starter_folder
from bot.talk import converse


@pytest.fixture
def settings() -> Settings:
    return Settings(content_dir=starter_folder("content"), schedules_dir=starter_folder("schedules"))


async def talk(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *lines: str,
    words: str = "",
    language: str = "en",
    role: str = "animator",
) -> str:
    """What stands in the terminal after somebody typed ``lines``."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    written = io.StringIO()
    await converse(settings, words, language, role, Console(file=written, width=500))
    return written.getvalue()


async def test_one_question_gets_one_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Ce que vous pouvez me demander" in await talk(settings, monkeypatch, words="/allant aide", language="fr")


async def test_a_number_presses_a_button(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await talk(settings, monkeypatch, "/allant welcome preview guest", "1")
    assert "Guest, day 0" in said
    assert "  1. Day 1" in said
    assert "Guest, day 1" in said


async def test_a_form_is_filled_in_line_by_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "/allant calendar draft tea",
        "f",
        "#Random, tag:social",
        "",
        "2099-01-05",
        "10:00",
        "",
        "",
        "",
        "",
        "Submit it for review",
    )
    said = await talk(settings, monkeypatch, *lines)
    assert "  f. Save: Where" in said
    assert "How often (once, every day, every working day," in said
    assert "Then (approve: schedule it, submit it for review, keep it as a draft) [approve: schedule it]: " in said
    assert "draft-1 → #random" in said
    assert "waits for approval" in said


async def test_a_wrong_value_is_told_and_the_talk_goes_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("/allant calendar draft tea", "f", "#random", "", "", "", "", "now", "", "", "nothing", "/allant me")
    said = await talk(settings, monkeypatch, *lines)
    assert "“Then” has no such choice" in said
    assert "What I know about you" in said


async def test_the_end_of_the_input_ends_the_talk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Talk to Allant" in await talk(settings, monkeypatch)
