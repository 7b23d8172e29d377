"""Everything is paused and resumed: at once, for everybody to know, and without losing what can still be said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.delivery import State
from bot.core.ledger import Query
from tests.handlers.stage import ADA, ANN, MONDAY, ODILE, OSCAR, Stage, stage

DAILY = """
items:
  - {id: soon, every: monday 10:30, to: ["#general"], words: {en: Soon, fr: Bientôt}}
  - {id: later, every: monday 15:00, to: ["#general"], words: {en: Later, fr: Plus tard}}
"""


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={"items.yaml": DAILY}) as playing:
        yield playing


def posts(play: Stage) -> list[str]:
    return [post.text for post in play.said_in("general") if "Soon" in post.text or "Later" in post.text]


async def states(play: Stage) -> dict[str, tuple[State, str]]:
    rows = await play.allant.store.ledger.search(Query(workspace=play.workspace, features=("calendar",)))
    return {row.key.split("/")[1]: (row.state, row.reason) for row in rows}


async def test_nothing_unasked_leaves_and_answers_go_on(play: Stage) -> None:
    said = await play.ask(OSCAR, "pause everything")
    assert "**Everything is paused** since Monday 23 November 2026" in said
    assert "No welcome, post, prompt or news goes out" in said
    await play.wait(timedelta(hours=1))
    assert posts(play) == []
    assert (await states(play))["soon"] == (State.PLANNED, "paused")
    assert "commands" in await play.ask(ANN, "help") or "/allant" in await play.ask(ANN, "help")
    assert "everything was paused" in await play.ask(OSCAR, "deliveries waiting")


async def test_resumed_in_time_it_goes_out_late_and_too_late_it_is_held_back(play: Stage) -> None:
    await play.ask(OSCAR, "pause everything")
    await play.until(MONDAY + timedelta(hours=1))
    said = await play.ask(ODILE, "reprendre tout")
    assert "1 message qui attendait part maintenant" in said
    assert len(posts(play)) == 1
    await play.ask(OSCAR, "pause everything")
    await play.until(MONDAY + timedelta(hours=9))
    await play.ask(OSCAR, "resume everything")
    assert len(posts(play)) == 1
    assert (await states(play))["later"] == (State.HELD_BACK, "paused")
    assert any("held back a calendar post" in post.text and "paused" in post.text for post in play.told(OSCAR))


async def test_for_a_while_it_ends_by_itself(play: Stage) -> None:
    said = await play.ask(ODILE, "pause tout pendant 2 heures")
    assert "**Tout est en pause** depuis" in said
    assert "jusqu’au lundi 23 novembre 2026 à 12:00" in said
    await play.until(MONDAY + timedelta(hours=1, minutes=59))
    assert posts(play) == []
    await play.until(MONDAY + timedelta(hours=2))
    assert len(posts(play)) == 1
    assert "Nothing is paused" in await play.ask(OSCAR, "resume everything")


async def test_who_paused_since_when_is_told_shown_and_undone_by_a_button(play: Stage) -> None:
    await play.ask(OSCAR, "pause everything for 30 min")
    told = play.told(ODILE)[-1]
    assert "à la demande de Oscar" in told.text
    for text in ("help", "status"):
        assert "by Oscar" in await play.ask(ADA, text)
    assert play.told(OSCAR) == []  # Who paused knows.
    assert "paused" not in await play.ask(ANN, "help")
    await play.press(ODILE, told, "Tout reprendre")
    assert "Odile ended the pause" in play.told(OSCAR)[-1].text
    assert "paused" not in await play.ask(ADA, "status")


async def test_a_pause_may_be_made_longer_or_endless(play: Stage) -> None:
    await play.ask(OSCAR, "pause everything for 1 hour")
    await play.wait(timedelta(minutes=40))
    said = await play.ask(ODILE, "pause tout")
    assert "depuis le lundi 23 novembre 2026 à 10:00" in said
    await play.wait(timedelta(hours=1))
    assert posts(play) == []
    assert (await states(play))["soon"] == (State.PLANNED, "paused")


@pytest.mark.parametrize("text", ["for ever", "for 0 hours", "2 years", "for 91 days"])
async def test_what_is_no_span_pauses_nothing(play: Stage, text: str) -> None:
    assert "Write for how long" in await play.ask(OSCAR, f"pause everything {text}")
    assert await play.allant.store.ledger.paused(play.workspace, play.clock.now()) is None


async def test_it_is_for_those_who_animate(play: Stage) -> None:
    assert "animator" in await play.ask(ANN, "pause everything")
    assert "animator" in await play.ask(ANN, "resume everything")
    assert await play.allant.store.ledger.paused(play.workspace, play.clock.now()) is None
