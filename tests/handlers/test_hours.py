"""People say when they may be written to, and are written to then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.actions import Planned, Send
from bot.core.community import Hours
from bot.core.delivery import Kind
from bot.core.message import Message
from bot.platforms.playground import Person
from handlers import hours
from tests.handlers.stage import ANN, CHLOE, MONDAY, Stage, stage

NAMES = {
    name: number
    for names in (
        "monday tuesday wednesday thursday friday saturday sunday",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    )
    for number, name in enumerate(names.split())
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={"policy.yaml": "policy: {country: FR, patience: 30 days}"}) as playing:
        yield playing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9:00-17:30", Hours(quiet_to=time(9), quiet_from=time(17, 30))),
        ("9h à 17h30", Hours(quiet_to=time(9), quiet_from=time(17, 30))),
        ("from 9 to 17", Hours(quiet_to=time(9), quiet_from=time(17))),
        ("22:00-06:00", Hours(quiet_to=time(22), quiet_from=time(6))),  # Who works at night.
        ("monday-thursday", Hours(working_days=(0, 1, 2, 3))),
        ("lundi au jeudi", Hours(working_days=(0, 1, 2, 3))),
        ("du lundi à jeudi", Hours(working_days=(0, 1, 2, 3))),
        ("sunday to tuesday", Hours(working_days=(0, 1, 6))),
        ("lun, mar et jeu", Hours(working_days=(0, 1, 3))),
        ("Mondays and Fridays", Hours(working_days=(0, 4))),
        ("mon-wed 8:30-16:00", Hours(quiet_to=time(8, 30), quiet_from=time(16), working_days=(0, 1, 2))),
        ("de 9h à 12h le mercredi", Hours(quiet_to=time(9), quiet_from=time(12), working_days=(2,))),
        ("9:00-9:00", None),
        ("25:00-26:00", None),
        ("someday", None),
        ("monday-", None),
        ("monday 9:00", None),
        ("", None),
    ],
)
def test_days_and_hours_are_read_in_both_languages(text: str, expected: Hours | None) -> None:
    assert hours.parse_hours(text, NAMES) == expected


async def _asked(play: Stage, person: Person, text: str) -> str:
    """What the bot answered, as people read it."""
    return (await play.ask(person, text)).replace("\\", "")


async def _nudged(play: Stage, member: str) -> datetime:
    """When something unasked that is planned now reaches the member."""
    send = Send(to=play.member(member), message=Message("A thought for you"), kind=Kind.PROMPT)
    plans = Planned("nudge", (send,))
    source = f"test/{play.clock.now()}"
    await play.allant.store.journal.commit(play.workspace, [plans], at=play.clock.now(), source=source)
    await play.wait(timedelta(days=8))
    arrived = [post.at for post in play.told(ANN) if "A thought" in post.text]
    return arrived[-1]


async def test_part_time_people_are_left_alone_on_their_days_off(play: Stage) -> None:
    """In London, on a Monday at nine."""
    answer = await _asked(play, ANN, "me hours wednesday-thursday 13:00-15:00")
    assert "Your own hours" in answer
    assert "Wednesday, Thursday, from 13:00 to 15:00 (Europe/London time)" in answer
    assert await _nudged(play, "ann") == MONDAY + timedelta(days=2, hours=4)
    answer = await _asked(play, ANN, "me hours reset")
    assert "same hours as everybody" in answer
    assert "Monday to Friday, from 08:00 to 19:00" in answer


async def test_hours_and_days_are_chosen_one_by_one_and_kept(play: Stage) -> None:
    assert "de 09:00 à 16:30" in await _asked(play, CHLOE, "moi horaires 9h-16h30")
    answer = await _asked(play, CHLOE, "moi horaires lundi au jeudi")
    assert "du lundi au jeudi, de 09:00 à 16:30 (fuseau Europe/Paris)" in answer
    assert answer.strip() in await _asked(play, CHLOE, "moi horaires")


async def test_public_holidays_of_another_country(play: Stage) -> None:
    assert "Your public holidays are those of FR." in await _asked(play, ANN, "me hours")
    await _asked(play, ANN, "me hours 9:00-12:00")
    assert "those of DE-BY." in await _asked(play, ANN, "me country de-by")
    assert "those of DE-BY." in await _asked(play, ANN, "me hours reset")
    member = await play.allant.store.members.get(play.member("ann"))
    assert member is not None
    assert member.hours == Hours(country="DE", region="BY")
    assert "those of FR-Moselle." in await _asked(play, ANN, "me country FR Moselle")
    assert "those of FR." in await _asked(play, ANN, "me country reset")
    member = await play.allant.store.members.get(play.member("ann"))
    assert member is not None
    assert member.hours is None


async def test_what_is_not_understood_is_answered_with_an_example(play: Stage) -> None:
    assert "me hours monday-thursday 9:00-17:00" in await _asked(play, ANN, "me hours whenever")
    assert "moi pays FR-57" in await _asked(play, CHLOE, "moi pays Atlantide")
    assert "moi pays FR-57" in await _asked(play, CHLOE, "moi pays FR-99")


async def test_chosen_hours_are_exported_and_erased(play: Stage) -> None:
    await _asked(play, ANN, "me hours 9:00-12:00")
    known = await play.allant.store.notes.about(play.member("ann"))
    assert "community.Hours" in str(known["notes"])
    assert "/allant me hours" in await _asked(play, ANN, "me")
    await _asked(play, ANN, "me forget confirm")
    known = await play.allant.store.notes.about(play.member("ann"))
    assert not known["notes"]
