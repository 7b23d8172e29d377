"""People who know: they offer topics, are asked in turn while on duty, and answer where the question was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.faq import Question
from bot.core.handoff import Given, concerns
from handlers.experts import parse_offer
from tests.handlers.stage import ANN, BEN, CHLOE, GUS, ODILE, OSCAR, PEOPLE, Stage, stage

RULES = "faq:\n  patience: 2 minutes\n  expert_after: 30 minutes\n  expert_time: 2 hours\n"
GATE = "Does anybody know the code of the Lille gate?"
BIKES = "Où sont rangées les clés du parking à vélos ?"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={"faq.yaml": RULES}) as play:
        yield play


async def test_somebody_offers_a_topic_sees_it_and_stops(play: Stage) -> None:
    said = await play.ask(BEN, "expert on gates 9-17")
    assert "gates, from 09:00 to 17:00" in said
    assert "vélos" in await play.ask(CHLOE, "expertise sur vélos")
    said = await play.ask(BEN, "expert")
    assert "gates, from 09:00 to 17:00" in said
    assert "vélos: one person" in said
    assert "no longer asked" in await play.ask(BEN, "expert off gates")
    assert "not answer questions on any topic" in await play.ask(BEN, "expert")
    assert "do not answer questions on" in await play.ask(BEN, "expert off gates")
    assert "Name a topic" in await play.ask(BEN, "expert on")
    assert "hours" in await play.ask(BEN, "expert on gates 17-9")
    assert "Only people of the organisation" in await play.ask(GUS, "expert on gates")


async def test_a_question_in_a_channel_goes_to_somebody_who_answers_in_the_thread(play: Stage) -> None:
    await play.ask(BEN, "expert on gates")
    question = await play.say(ANN, "help", GATE)
    await play.wait(timedelta(minutes=20))
    assert play.told(BEN) == []
    await play.wait(timedelta(minutes=20))
    asked = play.told(BEN)[-1]
    assert "Lille gate" in asked.text
    assert "gates" in asked.text
    await play.press(BEN, asked, "Answer")
    form = play.told(BEN)[-1]
    await play.submit(BEN, form, answer="It is on your badge.")
    (said,) = [post for post in play.said_in("help") if post.thread == question.id]
    assert "Ben" in said.text
    assert "on your badge" in said.text
    assert "help others" in play.told(BEN)[-1].text
    await play.press(BEN, play.told(BEN)[-1], "Add to the FAQ")
    suggested = [post for post in play.told(OSCAR) if "belongs into the FAQ" in post.text]
    await play.press(OSCAR, suggested[-1], "Make a draft of it")
    form = play.told(OSCAR)[-1]
    assert form.form is not None
    values = {field.name: field.value for field in form.form.fields}
    assert values["en"] == "It is on your badge."
    assert values["title_en"] == GATE


async def test_a_private_question_is_passed_on_without_a_name_and_answered_alone(play: Stage) -> None:
    await play.ask(ODILE, "expertise sur vélos")
    await play.tell(CHLOE, BIKES)
    assert "J’ai posé la question à Odile" in play.told(CHLOE)[-1].text
    asked = play.told(ODILE)[-1]
    assert "parking" in asked.text
    assert "Chlo" not in asked.text
    await play.press(ODILE, asked, "Répondre")
    await play.submit(ODILE, play.told(ODILE)[-1], answer="Dans le bureau 12.")
    assert "Dans le bureau 12" in play.told(CHLOE)[-1].text
    await play.press(CHLOE, play.told(CHLOE)[-1], "Cela m’aide")
    await play.press(ODILE, play.told(ODILE)[-1], "Ajouter à la FAQ")
    form = play.told(ODILE)[-1].form
    assert form is not None
    assert "bureau 12" in {field.name: field.value for field in form.fields}["fr"]
    await play.wait(timedelta(days=15))
    assert await play.allant.store.notes.all(play.workspace, Given) == {}
    assert await play.allant.store.notes.all(play.workspace, Question) == {}


async def test_others_who_wanted_to_know_read_the_answer_as_well(play: Stage) -> None:
    await play.ask(BEN, "expert on gates")
    await play.say(ANN, "general", f"@Allant {GATE}")
    post = next(each for each in play.said_in("general") if "I have asked Ben" in each.text)
    await play.press(CHLOE, post, "Tell me when there is an answer")
    await play.press(BEN, play.told(BEN)[-1], "Answer")
    await play.submit(BEN, play.told(BEN)[-1], answer="It is on your badge.")
    assert "on your badge" in play.told(CHLOE)[-1].text
    assert "Vous vouliez savoir" in play.told(CHLOE)[-1].text


async def test_they_take_turns_and_the_next_one_is_asked_when_one_cannot(play: Stage) -> None:
    await play.ask(BEN, "expert on gates")
    await play.ask(OSCAR, "expert on gates")
    await play.tell(ANN, GATE)
    assert "Lille" in play.told(BEN)[-1].text
    await play.press(BEN, play.told(BEN)[-1], "Ask somebody else")
    assert "Lille" in play.told(OSCAR)[-1].text
    await play.tell(CHLOE, "Where is the gate of the Lyon site?")
    assert "Lyon" in play.told(BEN)[-1].text  # Oscar was asked last.
    await play.wait(timedelta(hours=3))
    assert "Lyon" in play.told(OSCAR)[-1].text  # Ben let his time go by.


async def test_nobody_is_asked_outside_their_hours(play: Stage) -> None:
    await play.ask(BEN, "expert on gates 14-16")
    await play.tell(ANN, GATE)
    assert play.told(BEN) == []
    await play.until(datetime(2026, 11, 23, 14, 1, tzinfo=UTC))
    assert "Lille" in play.told(BEN)[-1].text


async def test_somebody_who_answers_in_the_thread_ends_it(play: Stage) -> None:
    await play.ask(BEN, "expert on gates")
    question = await play.say(ANN, "help", GATE)
    await play.say(OSCAR, "help", "On your badge", thread=question)
    await play.wait(timedelta(hours=5))
    assert play.told(BEN) == []


async def test_words_of_people_are_sealed_on_their_way(play: Stage) -> None:
    await play.ask(BEN, "expert on gates 14-16")
    await play.tell(ANN, GATE)
    database = play.allant.store._database
    rows = await database.read(lambda connection: connection.exec_driver_sql("SELECT message FROM delivery").all())
    assert [row for row in rows if row[0] and row[0].startswith("sealed:")]
    assert "Lille" not in repr(rows)
    await play.until(datetime(2026, 11, 23, 14, 1, tzinfo=UTC))
    rows = await database.read(lambda connection: connection.exec_driver_sql("SELECT message FROM delivery").all())
    assert not [row for row in rows if row[0] and row[0].startswith("sealed:")]


@pytest.mark.parametrize(
    ("text", "offer"),
    [
        ("holidays", ("holidays", None, None)),
        ("holidays 9-12", ("holidays", time(9), time(12))),
        ("congés et RTT de 9h30 à 12h", ("congés et RTT", time(9, 30), time(12))),
        ("vpn from 14:00 to 24", ("vpn", time(14), time(23, 59))),
        ("vpn 17-9", None),
        ("vpn 9-99", None),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, offer: object) -> None:
    assert parse_offer(text) == offer


def test_a_topic_is_known_in_other_forms_of_its_words() -> None:
    assert concerns("congés", "Comment poser un congé ?", ())
    assert concerns("holidays", "when is the next holiday", ())
    assert concerns("vpn", "it does not work", ("vpn", "tools"))
    assert not concerns("vpn", "it does not work", ("tools",))
    assert not concerns("car park", "where is my car", ())
