"""Tutorials as people follow them: step by step, alone with the bot or privately in a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handlers.tutorials import Progress, moved
from tests.handlers.stage import ANN, BEN, CHLOE, GUS, PEOPLE, Stage, stage


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={}) as play:
        yield play


def labels(play: Stage) -> list[str]:
    return [button.label for button in play.told(ANN)[-1].buttons]


async def test_step_by_step_there_and_back_to_the_end(play: Stage) -> None:
    await play.tell(ANN, "/allant tuto first-week")
    assert "step 1 of 5" in play.told(ANN)[-1].text
    assert "Welcome!" in play.told(ANN)[-1].text
    assert labels(play) == ["Next", "Stop here"]
    await play.press(ANN, play.told(ANN)[-1], "Next")
    assert "step 2 of 5" in play.told(ANN)[-1].text
    assert "Welcome!" not in play.told(ANN)[-1].text
    assert labels(play) == ["Back", "Next", "Stop here"]
    await play.press(ANN, play.told(ANN)[-1], "Back")
    assert "step 1 of 5" in play.told(ANN)[-1].text
    for _ in range(4):
        await play.press(ANN, play.told(ANN)[-1], "Next")
    assert labels(play) == ["Back", "Done", "Stop here"]
    await play.press(ANN, play.told(ANN)[-1], "Done")
    assert "well played" in play.told(ANN)[-1].text
    await play.press(ANN, play.told(ANN)[-1], "Once more")
    assert "step 1 of 5" in play.told(ANN)[-1].text


async def test_pressing_twice_skips_no_step(play: Stage) -> None:
    await play.tell(ANN, "/allant tuto first-week")
    first = play.told(ANN)[-1]
    await play.press(ANN, first, "Next")
    await play.press(ANN, first, "Next")
    assert "step 2 of 5" in play.told(ANN)[-1].text


async def test_it_goes_on_where_one_was_and_others_are_elsewhere(play: Stage) -> None:
    await play.tell(CHLOE, "/allant tuto first-week")
    await play.press(CHLOE, play.told(CHLOE)[-1], "Suite")
    await play.press(CHLOE, play.told(CHLOE)[-1], "Arrêter là")
    assert "Je garde votre place" in play.told(CHLOE)[-1].text
    await play.press(CHLOE, play.told(CHLOE)[-1], "Reprendre")
    assert "étape 2 sur 5" in play.told(CHLOE)[-1].text
    await play.tell(CHLOE, "/allant tuto")
    assert "vous en êtes à l’étape 2" in play.told(CHLOE)[-1].text
    await play.tell(BEN, "/allant tuto first-week")
    assert "step 1 of 5" in play.told(BEN)[-1].text


async def test_progress_is_shown_to_the_member_and_can_be_let_go(play: Stage) -> None:
    await play.tell(ANN, "/allant tuto first-week")
    assert "first-week" in repr(await play.allant.store.notes.about(play.member(ANN.id)))
    await play.press(ANN, play.told(ANN)[-1], "Stop here")
    await play.press(ANN, play.told(ANN)[-1], "Keep nothing of it")
    assert await play.allant.store.notes.all(play.workspace, Progress) == {}


async def test_found_by_words_in_either_language(play: Stage) -> None:
    assert "step 1" in await play.ask(ANN, "tuto my first week in the community")
    assert "étape 1" in await play.ask(CHLOE, "tuto première semaine dans la communauté")
    assert "no guide" in await play.ask(ANN, "tuto zxqv wpfj")
    assert "pas trouvé" in await play.ask(CHLOE, "tuto zxqv wpfj")
    post = play.said_in("general")[-1]
    assert post.visible_to == CHLOE.id
    await play.press(CHLOE, post, "Autres guides")
    assert "Guides pas à pas" in play.said_in("general")[-1].text


async def test_the_list_has_all_for_an_employee_and_less_for_a_guest(play: Stage) -> None:
    everything = (await play.ask(ANN, "tuto")).count("\n- ")
    fewer = (await play.ask(GUS, "tuto")).count("\n- ")
    assert everything > fewer > 0
    assert "step 1" not in await play.ask(GUS, "tuto animate-a-channel")
    assert "no guide" in await play.ask(GUS, "tuto go animate-a-channel 1")
    assert "no guide" in await play.ask(GUS, "tuto stop animate-a-channel")


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [
        (None, "", Progress(0)),
        (Progress(3), "", Progress(3)),
        (Progress(3), "2", Progress(1)),
        (Progress(3), "99", Progress(4)),
        (Progress(3), "0", Progress(0)),
        (Progress(3), "done", Progress(4, done=True)),
        (Progress(4, done=True), "", Progress(0)),
        (Progress(9), "", Progress(4)),
        (Progress(2), "²", Progress(2)),
    ],
)
def test_where_a_word_leads_in_five_steps(before: Progress | None, word: str, after: Progress) -> None:
    assert moved(before, word, 5) == after


async def test_a_short_quiz_at_the_end_for_whoever_wants_it(play: Stage) -> None:
    await play.tell(CHLOE, "/allant tuto go search-like-a-pro done")
    finished = play.told(CHLOE)[-1]
    await play.press(CHLOE, finished, "Un petit quiz")
    question = play.told(CHLOE)[-1]
    assert "Question 1 sur 1" in question.text
    await play.press(CHLOE, question, "Remonter tout le canal")
    assert "Pas tout à fait" in play.told(CHLOE)[-1].text
    await play.press(CHLOE, question, "Le nom de Sam et un mot du document")
    # The first answer counts.
    assert "0 réponse juste sur 1" in play.told(CHLOE)[-1].text
    await play.press(CHLOE, play.told(CHLOE)[-1], "Refaire le quiz")
    await play.press(CHLOE, play.told(CHLOE)[-1], "Le nom de Sam et un mot du document")
    assert "1 réponse juste sur 1" in play.told(CHLOE)[-1].text
    await play.tell(ANN, "/allant tuto quiz search-like-a-pro 1")
    await play.press(ANN, play.told(ANN)[-1], "Sam's name and a word of it")
    assert "Right" in play.told(ANN)[-1].text
    await play.tell(ANN, "/allant tuto answer search-like-a-pro 9 9")
    assert "no guide" in play.told(ANN)[-1].text
