"""The history of an item: every change with its values before and after, and the button that takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.editorial import Status
from tests.handlers.stage import ANN, ODILE, OSCAR, Stage, stage
from tests.handlers.test_editing import FILE, status, write


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as playing:
        yield playing


async def history(play: Stage, person: object, item: str) -> str:
    command = "calendrier historique" if person is ODILE else "calendar history"
    return (await play.ask(ODILE if person is ODILE else OSCAR, f"{command} {item}", "help")).replace("\\", "")


async def test_each_change_shows_its_values_before_and_after(play: Stage) -> None:
    await write(play, OSCAR, "tea", then="draft")
    long = "A text that is quite long and says the same for a good while, until it ends in "
    await write(play, OSCAR, "tea", 1, then="draft", to="#ideas", en=f"{long}joy", when="thursday 15:00")
    await write(play, OSCAR, "tea", 2, then="approve", to="#ideas", en=f"{long}tears", when="thursday 15:00", fr="")
    english, french = await history(play, OSCAR, "tea"), await history(play, ODILE, "tea")
    for part in (
        "When: every: friday 15:00 → every: thursday 15:00",
        "Where: #random → #ideas",
        "English text: “Tea?” → “A text that is quite long",
        "→ “…while, until it ends in tears”",
        "State: draft → approved",
        "French text: “Un thé ?” → nothing",
    ):
        assert part in english
    assert "État : brouillon → approuvé" in french
    assert "Texte français : « Un thé ? » → rien" in french
    assert "Texte français : « Un thé ? »\n" in french  # What the new item said.


async def test_moved_and_skipped_posts_show_their_moments(play: Stage) -> None:
    await play.ask(OSCAR, "calendar move hello 2026-11-23 15:00")
    await play.ask(OSCAR, "calendar skip hello")
    said = await history(play, OSCAR, "hello")
    assert "Moment: Monday 23 November 2026, 10:30 (CET) → Monday 23 November 2026, 15:00 (CET)" in said
    assert "Becomes: planned → skipped" in said


async def test_each_change_has_its_undo(play: Stage) -> None:
    await write(play, OSCAR, "tea", then="draft")
    await play.ask(OSCAR, "calendar submit tea")
    await play.ask(ODILE, "calendar approve tea")
    await play.ask(ODILE, "calendar pause tea")
    await history(play, ODILE, "tea")
    shown = play.said_in("help")[-1]
    assert [button.command for button in shown.buttons] == [f"calendar undo {number}" for number in (4, 3, 2, 1)]
    await play.press(ODILE, shown, "calendar undo 3")
    assert await status(play, "tea") is Status.IN_REVIEW


async def test_older_changes_are_a_button_away(play: Stage) -> None:
    for _ in range(4):
        await play.ask(OSCAR, "calendar pause hello")
        await play.ask(OSCAR, "calendar resume hello")
    said = await history(play, ODILE, "hello")
    assert "#4 " in said
    assert "#3 " not in said
    await play.press(ODILE, play.said_in("help")[-1], "Modifications antérieures")
    older = play.said_in("help")[-1]
    assert "#3 " in older.text.replace("\\", "")
    assert "Earlier" not in [button.label for button in older.buttons]
    assert "animat" in await play.ask(ANN, "calendar history hello", "help")
