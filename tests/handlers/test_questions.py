"""Questions without an answer: grouped, shown, answered, and told to whoever wanted to know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.faq import Question, Wants
from handlers.questions import next_moment
from tests.handlers.stage import ADA, ANN, BEN, CHLOE, GUS, ODILE, OSCAR, PEOPLE, Stage, stage

KNOWN = "How do I find a message from last month?"
FRENCH = "Comment ne plus recevoir les notifications d’un canal ?"
UNKNOWN = "Who won the table football in Lyon?"
EMPLOYEES_ONLY = "Can you tell me what may be confidential to share?"
RULES = "faq:\n  patience: 2 minutes\n  unasked_per_day: 2\n  tell_at: '09:15'\n"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={"faq.yaml": RULES}) as play:
        yield play


async def test_animators_see_open_questions_and_are_told_the_next_morning(play: Stage) -> None:
    await play.say(ANN, "help", UNKNOWN)
    await play.say(BEN, "general", "Does anybody know the code of the Lille gate?")
    await play.ask(ANN, f"faq {UNKNOWN}")
    said = await play.ask(OSCAR, "faq open")
    assert "2 questions in the channels are open" in said
    assert "Monday 23 November 2026" in said
    assert "And 1 question asked of me" in said
    assert "2 questions" in await play.ask(ODILE, "faq ouvertes")
    await play.wait(timedelta(days=1))
    (english,) = [post for post in play.told(OSCAR) if "questions in the channels" in post.text]
    assert "2 questions in the channels" in english.text
    (french,) = [post for post in play.told(ODILE) if "questions posées" in post.text]
    await play.press(ODILE, french, "Les voir")
    assert "ouvertes" in play.told(ODILE)[-1].text
    await play.wait(timedelta(days=1))
    assert len([post for post in play.told(OSCAR) if "in the channels" in post.text]) == 1


async def test_the_weekend_is_told_of_on_monday(play: Stage) -> None:
    await play.until(datetime(2026, 11, 27, 15, tzinfo=UTC))
    await play.say(ANN, "help", UNKNOWN)
    await play.until(datetime(2026, 11, 30, 7, tzinfo=UTC))
    assert not [post for post in play.told(OSCAR) if "in the channels" in post.text]
    await play.until(datetime(2026, 11, 30, 9, tzinfo=UTC))
    (post,) = [post for post in play.told(OSCAR) if "in the channels" in post.text]
    assert "1 question" in post.text


async def test_open_questions_are_for_animators(play: Stage) -> None:
    assert "animator" in await play.ask(ANN, "faq open")
    assert "open" in await play.ask(ADA, "faq open")


def test_the_next_morning_keeps_its_wall_clock_over_a_clock_change() -> None:
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_moment(before, time(9, 15), "Europe/Paris") == datetime(2027, 3, 28, 7, 15, tzinfo=UTC)
    assert next_moment(datetime(2027, 3, 28, 7, 15, tzinfo=UTC), time(9, 15), "Europe/Paris") == datetime(
        2027, 3, 29, 7, 15, tzinfo=UTC
    )


# The loop


async def test_what_means_the_same_is_shown_weekly_together_with_the_number_of_askers(play: Stage) -> None:
    await play.until(datetime(2026, 11, 24, 10, tzinfo=UTC))
    await play.say(ANN, "help", "Does anybody know the code of the Lille gate?")
    await play.say(BEN, "general", "What is the code for the gate in Lille?")
    await play.ask(CHLOE, "faq Où sont rangées les clés du parking à vélos ?")
    await play.until(datetime(2026, 11, 30, 9, tzinfo=UTC))
    (english,) = [post for post in play.told(OSCAR) if "of the week" in post.text]
    assert "2 open questions of the week" in english.text
    assert "1 – asked by 2 people" in english.text
    assert "2 – asked by one person" in english.text
    assert "Lille gate" in english.text
    assert "Ann" not in english.text
    (french,) = [post for post in play.told(ODILE) if "cette semaine" in post.text]
    assert "1 – posée par 2 personnes" in french.text
    await play.until(datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert len([post for post in play.told(OSCAR) if "of the week" in post.text]) == 1


async def test_an_answer_written_for_a_group_reaches_those_who_wanted_to_know(play: Stage) -> None:
    await play.tell(ANN, "What is the code of the Lille gate?")
    post = play.told(ANN)[-1]
    assert "I do not know" in post.text
    await play.press(ANN, post, "Tell me when there is an answer")
    assert "90 days" in play.told(ANN)[-1].text
    await play.say(OSCAR, "general", "/allant faq open")
    shown = play.heard()[-1]
    await play.press(OSCAR, shown, "Answer 1")
    form = play.heard()[-1]
    assert form.form is not None
    values = {field.name: field.value for field in form.form.fields}
    assert values["title_en"] == "What is the code of the Lille gate?"
    await play.submit(OSCAR, form, **values | {"en": "It is written on the back of your badge."})
    await play.press(OSCAR, play.heard()[-1], "Approve")
    await play.wait(timedelta(minutes=2))
    told = play.told(ANN)[-1]
    assert "There is an answer now" in told.text
    assert "back of your badge" in told.text
    assert await play.allant.store.notes.all(play.workspace, Question) == {}


async def test_a_question_taken_back_leaves_nothing(play: Stage) -> None:
    await play.tell(CHLOE, "Où sont rangées les clés du parking à vélos ?")
    post = play.told(CHLOE)[-1]
    assert "sans votre nom" in post.text
    await play.press(CHLOE, post, "Reprendre ma question")
    assert "rien gardé" in play.told(CHLOE)[-1].text
    assert await play.allant.store.notes.all(play.workspace, Question) == {}
    await play.press(CHLOE, post, "Me prévenir d’une réponse")
    assert "plus cette question" in play.told(CHLOE)[-1].text


async def test_whoever_is_forgotten_takes_their_questions_along(play: Stage) -> None:
    await play.tell(ANN, "What is the code of the Lille gate?")
    await play.press(ANN, play.told(ANN)[-1], "Tell me when there is an answer")
    await play.tell(ANN, "/allant me forget confirm")
    assert await play.allant.store.notes.all(play.workspace, Question) == {}
    assert await play.allant.store.notes.all(play.workspace, Wants) == {}
