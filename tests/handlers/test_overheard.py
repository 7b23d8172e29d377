"""Questions in channels: people first, then the bot when it is sure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.faq import OpenQuestion, Question
from bot.core.knowledge import Entry, Found, Hit
from bot.core.signals import What
from handlers.overheard import MOST_REFUSALS, sure_enough
from tests.handlers.stage import ANN, BEN, CHLOE, GUS, MONDAY, ODILE, PEOPLE, Stage, stage

KNOWN = "How do I find a message from last month?"
FRENCH = "Comment ne plus recevoir les notifications d’un canal ?"
UNKNOWN = "Who won the table football in Lyon?"
EMPLOYEES_ONLY = "Can you tell me what may be confidential to share?"
RULES = "faq:\n  patience: 2 minutes\n  unasked_per_day: 2\n  tell_at: '09:15'\n"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={"faq.yaml": RULES}) as play:
        yield play


async def counted(play: Stage, what: What) -> dict[str, int]:
    found = await play.allant.store.measures.counts(play.workspace, what, MONDAY - timedelta(days=1))
    return dict(found)


async def test_a_sure_answer_waits_for_people_then_comes_in_the_thread(play: Stage) -> None:
    question = await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(minutes=1))
    assert play.said_in("help") == []
    await play.wait(timedelta(minutes=2))
    (post,) = play.said_in("help")
    assert post.thread == question.id
    assert post.visible_to is None
    assert await counted(play, What.ANSWERED) == {"search-messages": 1}


async def test_a_person_who_answers_first_keeps_the_floor(play: Stage) -> None:
    question = await play.say(ANN, "help", KNOWN)
    await play.say(ANN, "help", "I mean in this channel", thread=question)
    await play.say(BEN, "help", "Use the box at the top", thread=question)
    await play.wait(timedelta(minutes=10))
    assert play.said_in("help") == []
    assert "no question" in (await play.ask(ODILE, "faq ouvertes")).casefold() or "0 question" in await play.ask(
        ODILE, "faq ouvertes"
    )


async def test_what_the_asker_adds_does_not_count_as_an_answer(play: Stage) -> None:
    question = await play.say(ANN, "help", KNOWN)
    await play.say(ANN, "help", "I mean in this channel", thread=question)
    await play.wait(timedelta(minutes=10))
    assert len(play.said_in("help")) == 1


async def test_a_deleted_question_wants_no_answer(play: Stage) -> None:
    question = await play.say(ANN, "help", KNOWN)
    play.server.delete(ANN.id, question.id)
    await play.wait(timedelta(minutes=10))
    assert play.said_in("help") == []
    assert await play.allant.store.notes.all(play.workspace, OpenQuestion) == {}


@pytest.mark.parametrize("text", ["We won the table football!", "How are you?", UNKNOWN, "notifications"])
async def test_everything_else_is_met_with_silence(play: Stage, text: str) -> None:
    await play.say(ANN, "general", text)
    await play.wait(timedelta(minutes=10))
    assert play.said_in("general") == []


async def test_a_channel_is_not_flooded_with_answers(play: Stage) -> None:
    for _ in range(4):
        await play.say(ANN, "help", KNOWN)
        await play.wait(timedelta(minutes=5))
    assert len(play.said_in("help")) == 2
    await play.wait(timedelta(days=1))
    await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(minutes=5))
    assert len(play.said_in("help")) == 3


async def test_what_only_employees_may_read_is_never_said_unasked(play: Stage) -> None:
    await play.say(ANN, "help", EMPLOYEES_ONLY)
    await play.wait(timedelta(minutes=10))
    assert all("confidential" not in post.text.casefold() for post in play.said_in("help"))


async def test_an_answer_that_a_standstill_delayed_for_hours_is_not_given(play: Stage) -> None:
    await play.say(ANN, "help", KNOWN)
    play.clock.move_to(play.clock.now() + timedelta(hours=8))
    await play.settle()
    assert play.said_in("help") == []


async def test_the_words_of_a_question_are_kept_sealed_while_it_is_open(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"faq.yaml": RULES}) as play:
        question = await play.say(ANN, "help", "Where is the very confidential purple zebra kept?")
        await play.wait(timedelta(minutes=10))
        (kept,) = (await play.allant.store.notes.all(play.workspace, Question)).values()
        assert "zebra" in kept.words
        assert "zebra" not in repr(kept)
        assert "zebra" in repr(await play.allant.store.notes.about(play.member(ANN.id)))
        database = play.allant.store._database
        rows = await database.read(lambda connection: connection.exec_driver_sql("SELECT value FROM note").all())
        assert rows
        assert "zebra" not in repr(rows)
        await play.say(BEN, "help", "In the zoo", thread=question)
        assert await play.allant.store.notes.all(play.workspace, Question) == {}
        assert await play.allant.store.notes.all(play.workspace, OpenQuestion) == {}


async def test_one_tap_takes_an_unasked_answer_back_and_lowers_the_zeal_there(play: Stage) -> None:
    await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(minutes=5))
    (post,) = play.said_in("help")
    await play.press(BEN, post, "Not what I meant")
    assert "took it back" in play.heard()[-1].text
    assert play.post(post.id).deleted
    assert await counted(play, What.NOT_HELPED) == {"search-messages": 1}
    # Slower there: the doubled patience is not over yet, and one answer a day instead of two.
    await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(minutes=3))
    assert [each for each in play.said_in("help") if each.visible_to is None] == []
    # Elsewhere nothing changed.
    await play.say(ANN, "general", KNOWN)
    await play.wait(timedelta(minutes=3))
    assert len([each for each in play.said_in("general") if each.visible_to is None]) == 1


async def test_four_refusals_and_the_bot_is_silent_there(play: Stage) -> None:
    for _ in range(MOST_REFUSALS):
        await play.say(ANN, "help", KNOWN)
        await play.wait(timedelta(hours=4))
        for post in [each for each in play.said_in("help") if each.visible_to is None]:
            await play.press(ANN, post, "Not what I meant")
        await play.wait(timedelta(days=1))
    before = len(play.server.archive.all_posts())
    await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(hours=5))
    assert [each for each in play.said_in("help") if each.visible_to is None] == []
    assert len(play.server.archive.all_posts()) == before + 1


async def test_the_asker_who_says_so_has_an_open_question_again(play: Stage) -> None:
    question = await play.say(CHLOE, "help", FRENCH)
    await play.wait(timedelta(minutes=5))
    (post,) = play.said_in("help")
    assert post.thread == question.id
    (kept,) = (await play.allant.store.notes.all(play.workspace, Question)).values()
    assert not kept.open
    await play.press(CHLOE, post, "Ce n’est pas ça")
    assert "retirée" in play.heard()[-1].text
    (kept,) = (await play.allant.store.notes.all(play.workspace, Question)).values()
    assert kept.open
    await play.wait(timedelta(days=31))
    assert await play.allant.store.notes.all(play.workspace, Question) == {}


async def test_helped_lets_go_of_the_words(play: Stage) -> None:
    await play.say(ANN, "help", KNOWN)
    await play.wait(timedelta(minutes=5))
    (post,) = play.said_in("help")
    assert await play.allant.store.notes.all(play.workspace, Question) != {}
    await play.press(ANN, post, "This helped")
    assert await play.allant.store.notes.all(play.workspace, Question) == {}


def test_each_refusal_asks_for_more_certainty() -> None:
    hit = Hit(Entry(slug="a", kind="faq", language="en", title="a", body=""), 0.92)
    found = Found((hit,), sure=True, good=True)
    assert [sure_enough(found, number) for number in range(5)] == [True, True, False, False, False]
    assert not sure_enough(Found((hit,), good=True), 0)
