"""Items that count from a day in each person's life here: what becomes of a moment that was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.calendar import Overdue
from bot.platforms.playground import Person, Post
from tests.handlers.stage import ADA, ODILE, OSCAR, Stage, stage
from tests.handlers.test_editing import write
from tests.handlers.test_permission import plain

ITEM = (
    'items: [{id: month, after: 1 day from arrival, at: "10:00", to: "@person", words: {en: A day, fr: Un jour}%s}]\n'
)
NEWCOMERS = [Person(id=f"n{number}", name=f"New {number}", language="en") for number in range(2)]
ARRIVAL = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
"""The others arrived on Monday, and have theirs."""
DUE = datetime(2026, 11, 26, 9, tzinfo=UTC)


def got(play: Stage, person: Person) -> int:
    return len([post for post in play.told(person) if post.text == "A day"])


def notices(play: Stage, person: Person) -> list[Post]:
    return [post for post in play.told(person) if post.text not in ("A day", "Un jour")]


async def back_after(play: Stage, time: timedelta) -> None:
    """The bot does not run from an hour before the moment until ``time`` after it."""
    await play.until(ARRIVAL)
    await play.arrive(*NEWCOMERS)
    await play.until(DUE - timedelta(hours=1))
    play.clock.move_to(DUE + time)
    await play.settle()
    await play.wait(timedelta(minutes=2))


async def test_within_the_grace_it_is_sent_late(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEM % ""}) as play:
        await back_after(play, timedelta(hours=1))
        assert [got(play, each) for each in NEWCOMERS] == [1, 1]
        assert notices(play, OSCAR) == []


@pytest.mark.parametrize(
    ("missed", "away", "said"),
    [
        ("", 3, "it is too late now: 2 people did not get **month** at their moments"),
        (", missed: skip", 1, "it is too late now: 2 people did not get **month** at their moments"),
        (", missed: ask", 1, "**month** was due for 2 people, the last on Thursday 26 November 2026, 10:00"),
    ],
)
async def test_beyond_it_the_animators_are_told_and_decide(tmp_path: Path, missed: str, away: int, said: str) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEM % missed}) as play:
        await back_after(play, timedelta(hours=away))
        assert [got(play, each) for each in NEWCOMERS] == [0, 0]
        [told] = notices(play, OSCAR)
        assert said in plain(told)
        assert "New" not in told.text
        assert "2 personnes ne l’ont pas reçu" in await play.ask(ODILE, "calendrier pourquoi month", "help")
        await play.press(OSCAR, told, "Send it to all 2")
        assert [got(play, each) for each in NEWCOMERS] == [1, 1]
        assert "**month** goes to 2 people" in plain(play.told(OSCAR)[-1])
        await play.press(ODILE, notices(play, ODILE)[0], "L’envoyer aux 2")
        assert [got(play, each) for each in NEWCOMERS] == [1, 1]
        assert "a déjà décidé" in play.told(ODILE)[-1].text


async def test_it_is_left_out_by_a_button(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEM % ", missed: ask"}) as play:
        await back_after(play, timedelta(hours=1))
        await play.press(ODILE, notices(play, ODILE)[0], "Ne pas publier")
        assert "n’est pas envoyé à 2 personnes" in play.told(ODILE)[-1].text
        assert await play.allant.store.notes.all(play.workspace, Overdue) == {}
        assert [got(play, each) for each in NEWCOMERS] == [0, 0]


async def test_the_rules_hold_for_single_people_too(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={}) as play:
        await play.until(ARRIVAL)
        await write(
            play, OSCAR, "hand", when="after: 1 day from arrival\nat: 10:00", to="@person", en="A day", fr="Un jour"
        )
        await play.arrive(NEWCOMERS[0])
        await play.ask(ADA, "roles take oscar", "help")
        await play.until(DUE + timedelta(minutes=2))
        assert got(play, NEWCOMERS[0]) == 0
        told = play.told(ODILE)[-1]
        assert "J’ai retenu **hand** pour 1 personne" in told.text
        assert "Oscar, qui l’avait approuvé, ne peut plus approuver" in told.text
        await play.press(ODILE, told, "L’envoyer à cette personne")
        assert got(play, NEWCOMERS[0]) == 1


async def test_somebody_who_arrived_while_the_bot_was_away_is_not_forgotten(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEM % ""}) as play:
        await play.until(ARRIVAL)
        play.server.arrive(NEWCOMERS[0])
        play.clock.move_to(DUE + timedelta(hours=1))
        await play.settle()
        await play.wait(timedelta(minutes=2))
        assert got(play, NEWCOMERS[0]) == 1
