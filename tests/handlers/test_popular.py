"""Questions on people's own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.handlers.stage import ANN, GUS, ODILE, OSCAR, PEOPLE, Stage, stage

KNOWN = "faq can you tell me what may be confidential to share"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={}) as playing:
        yield playing


async def test_what_is_asked_most_and_only_what_one_may_read(play: Stage) -> None:
    assert "nothing to show" in await play.ask(ANN, "home popular")
    await play.ask(ANN, KNOWN)
    assert "Asked most these days" in await play.ask(ANN, "home popular")
    answer = play.said_in("general")[-1]
    assert "onfidential" in answer.buttons[0].label
    await play.press(ANN, answer, answer.buttons[0].label)
    assert "onfidential" in play.said_in("general")[-1].text
    assert "Les questions du moment" in await play.ask(ODILE, "accueil popular")
    assert "nothing to show" in await play.ask(GUS, "home popular")


async def test_animators_see_what_nobody_answered(play: Stage) -> None:
    await play.say(ANN, "general", "Does anybody know who won the table football in Lyon?")
    await play.tell(ANN, "Who won the table football in Lyon?")
    english = await play.ask(OSCAR, "home questions")
    assert "1 question without an answer" in english
    assert "[#general]" in english.replace("\\", "")
    assert "1 more was asked of me alone" in english
    assert "1 question sans réponse" in await play.ask(ODILE, "accueil questions")
    assert "There is no part" in await play.ask(ANN, "home questions")
