"""Welcome: the first word, and the journey over working days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.community import Member
from bot.core.policy import PolicyRules
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.signals import What
from bot.core.welcome import WelcomeRules
from bot.platforms.playground import Person
from handlers import welcome
from handlers.welcome import Journey, Wish
from tests.handlers.stage import ANN, GUS, MAUD, MONDAY, ODILE, OSCAR, PEOPLE, Stage, stage

NORA = Person(id="nora", name="Nora", language="fr")
TOM = Person(id="tom", name="Tom", language="en", zone="Europe/London")
PARIS = "Europe/Paris"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}) as playing:
        yield playing


def _day(day: int, hour: int = 9, minute: int = 30) -> datetime:
    """A moment of November 2026 (31 and more: December) in winter Paris time."""
    return datetime(2026, 11, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1, hours=-1)


# Decisions


@pytest.mark.parametrize(
    ("guest", "manager", "kind"),
    [(False, False, "employee"), (False, True, "manager"), (True, False, "guest"), (True, True, "guest")],
)
def test_the_journey_is_chosen_by_who_one_is(guest: bool, manager: bool, kind: str) -> None:
    ref = MemberRef(WorkspaceRef("playground", "demo"), "nora")
    assert welcome.journey_kind(Member(ref, "Nora", guest=guest, manager=manager)) == kind


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        (date(2026, 11, 27), 0, date(2026, 11, 27)),  # A Friday.
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),  # Who joins on a Saturday has day 1 on Monday.
        (date(2026, 12, 23), 2, date(2026, 12, 28)),  # Christmas is not worked.
    ],
)
def test_working_days_are_counted_from_the_joining_day(start: date, count: int, expected: date) -> None:
    policy = PolicyRules(holidays=(date(2026, 12, 25),))
    assert welcome.working_day(start, count, policy) == expected


def test_a_step_keeps_its_wall_clock_time_over_a_clock_change() -> None:
    # Summer time ended in Paris on 25 October 2026, a week later in New York.
    journey = Journey("employee", datetime(2026, 10, 22, 8, tzinfo=UTC))
    at, policy = time(9, 30), PolicyRules()
    assert welcome.step_moment(journey, 1, at, policy, PARIS) == datetime(2026, 10, 23, 7, 30, tzinfo=UTC)
    assert welcome.step_moment(journey, 3, at, policy, PARIS) == datetime(2026, 10, 27, 8, 30, tzinfo=UTC)
    assert welcome.step_moment(journey, 3, at, policy, "America/New_York") == datetime(2026, 10, 27, 13, 30, tzinfo=UTC)


def test_the_joining_day_is_that_of_the_members_own_zone() -> None:
    # Ten in the evening of Thursday in New York is Friday in Paris.
    journey = Journey("employee", datetime(2026, 11, 20, 3, tzinfo=UTC))
    assert welcome.step_moment(journey, 1, time(9, 30), PolicyRules(), "America/New_York").day == 20
    assert welcome.step_moment(journey, 1, time(9, 30), PolicyRules(), PARIS).day == 23


@pytest.mark.parametrize(
    ("arguments", "wish"),
    [
        ("", Wish()),
        ("manager 3 both", Wish("manager", 3, ("fr", "en"))),
        ("day-7 Invité", Wish("guest", 7)),
        ("salarié deux", Wish("employee", -1, ("fr", "en"))),
        ("public en", Wish("public", -1, ("en",))),
    ],
)
def test_what_a_preview_is_asked_for(arguments: str, wish: Wish) -> None:
    assert welcome.parse_wish(arguments) == wish


def test_a_word_the_preview_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="banana"):
        welcome.parse_wish("manager banana")


@pytest.mark.parametrize("wrong", [{"window_minutes": 0}, {"window_minutes": 61}, {"names": 0}])
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        WelcomeRules(**wrong)  # type: ignore[arg-type]  # The wrong values are the point.


# The journey


async def test_a_newcomer_is_greeted_alone_at_once_in_their_language(play: Stage) -> None:
    await play.arrive(NORA)
    [first] = play.told(NORA)
    assert first.text.startswith("Bonjour Nora, et bienvenue")
    await play.arrive(TOM)
    assert play.told(TOM)[0].text.startswith("Hello Tom, and welcome")


async def test_the_journey_goes_over_working_days_and_ends(play: Stage) -> None:
    await play.arrive(NORA)  # Monday 23 November.
    days = []
    for day in range(24, 46):
        before = len(play.told(NORA))
        await play.until(_day(day, 9, 29))
        assert len(play.told(NORA)) == before
        await play.until(_day(day))
        if len(play.told(NORA)) > before:
            days.append(day - 23)
    # Days 1, 3, 7 and 14 of work: Tuesday, Thursday, the Wednesday after, and Friday 11 December.
    assert days == [1, 3, 9, 18]
    journey = await play.allant.store.notes.get(play.workspace, Journey, "nora")
    assert journey is not None
    assert (journey.state, journey.done) == ("ended", 14)
    assert await play.allant.store.measures.did(play.member("nora"), What.JOURNEY_COMPLETED, MONDAY)
    assert not await play.allant.store.timers.all(play.workspace, "welcome", "step")


async def test_a_step_comes_in_the_morning_of_the_members_own_zone(play: Stage) -> None:
    await play.arrive(replace(TOM, zone="America/New_York"))
    await play.until(datetime(2026, 11, 24, 14, 29, tzinfo=UTC))
    assert not any("reaction" in post.text for post in play.told(TOM))
    await play.until(datetime(2026, 11, 24, 14, 30, tzinfo=UTC))
    assert "reaction" in play.told(TOM)[-1].text


async def test_a_step_already_done_is_passed_over(play: Stage) -> None:
    await play.arrive(TOM)
    await play.say(TOM, "newcomers", "Hello everybody, I am the new one.")
    await play.until(_day(26, 11))
    texts = [post.text for post in play.told(TOM)]
    assert len(texts) == 2  # Day 0 and day 1; day 3 is about the first message.
    assert not any("first message" in text for text in texts)
    await play.until(_day(32, 11))
    assert len(play.told(TOM)) == 3


@pytest.mark.parametrize(("person", "word"), [(GUS, "guests"), (MAUD, "Maud")])
async def test_guests_and_managers_have_their_own_journey(play: Stage, person: Person, word: str) -> None:
    await play.arrive(person)
    assert word in play.told(person)[0].text
    journey = await play.allant.store.notes.get(play.workspace, Journey, person.id)
    assert journey is not None
    assert journey.kind == ("guest" if person is GUS else "manager")


async def test_an_absence_pauses_the_journey_and_the_return_goes_on(play: Stage) -> None:
    await play.arrive(NORA)
    assert "retour" in (await play.ask(NORA, "moi absence 2026-12-01"))
    await play.until(datetime(2026, 12, 1, 8, 29, tzinfo=UTC))
    assert len([post for post in play.told(NORA) if "Réagir" in post.text or "réaction" in post.text]) == 0
    await play.until(_day(31))  # Tuesday 1 December: the day of the return.
    assert "réaction" in play.told(NORA)[-1].text
    await play.until(_day(32))
    assert "réaction" in play.told(NORA)[-1].text
    await play.until(_day(33))  # Day 3 is two working days after day 1, as planned.
    assert "premier message" in play.told(NORA)[-1].text


async def test_who_leaves_gets_nothing_more_and_who_returns_soon_goes_on(play: Stage) -> None:
    await play.arrive(NORA)
    play.server.leave("nora")
    await play.until(_day(31))
    assert len(play.told(NORA)) == 1
    journey = await play.allant.store.notes.get(play.workspace, Journey, "nora")
    assert journey is not None
    assert journey.state == "stopped"
    await play.arrive(NORA)
    assert len(play.told(NORA)) == 1  # No second welcome.
    await play.until(_day(32))
    assert "réaction" in play.told(NORA)[-1].text


async def test_who_joins_at_night_is_welcomed_in_the_morning(tmp_path: Path) -> None:
    night = datetime(2026, 11, 23, 21, tzinfo=UTC)
    async with stage(tmp_path, schedules={}, start=night) as play:
        await play.arrive(NORA)
        await play.wait(timedelta(hours=3))
        assert play.told(NORA) == []
        await play.arrive(TOM)
        await play.until(datetime(2026, 11, 24, 7, 59, tzinfo=UTC))
        assert "Bonjour Nora" in play.told(NORA)[0].text
        # Those of one night are greeted together.
        [public] = play.said_in("general")
        assert "Nora" in public.text
        assert "Tom" in public.text


async def test_steps_overdue_after_a_long_stop_come_one_a_morning(play: Stage) -> None:
    await play.arrive(NORA)
    play.clock.move_to(_day(37))  # Two weeks without a running bot.
    await play.settle()
    assert len(play.told(NORA)) == 2
    await play.until(_day(38))
    assert len(play.told(NORA)) == 3


async def test_somebody_forgotten_is_not_welcomed_again(play: Stage) -> None:
    await play.arrive(NORA)
    await play.ask(NORA, "me forget confirm")
    play.server.leave("nora")
    await play.settle()
    before = len(play.told(NORA))
    await play.arrive(NORA)
    await play.wait(timedelta(days=5))
    assert len(play.told(NORA)) == before
    known = await play.allant.store.notes.about(play.member("nora"))
    assert known["member"] is None
    assert known["notes"] == []
    assert known["timers"] == []


# What animators may ask


async def test_animators_preview_each_day_in_their_language_or_both(play: Stage) -> None:
    answer = await play.ask(ODILE, "accueil aperçu")
    assert "Salarié, jour 0" in answer
    assert "Bonjour Odile" in answer
    [post] = [each for each in play.told(ODILE) + play.said_in("general") if "jour 0" in each.text]
    await play.press(ODILE, post, "Jour 1")
    [following] = play.heard()
    assert "jour 1" in following.text
    assert "réagi à un message" in following.text
    both = await play.ask(OSCAR, "welcome preview manager 7 both")
    assert "Manager, day 7" in both
    assert "Bonjour Oscar" in both
    assert "Hello Oscar" in both
    public = await play.ask(OSCAR, "welcome preview public")
    assert "Welcome [Oscar](mention:oscar)" in public


async def test_a_preview_of_what_does_not_exist_says_what_does(play: Stage) -> None:
    assert "0, 1, 3, 7, 14" in await play.ask(OSCAR, "welcome preview guest 2")
    assert "banana" in await play.ask(OSCAR, "welcome preview banana")


async def test_members_may_not_preview(play: Stage) -> None:
    assert "animator" in await play.ask(ANN, "welcome preview")


async def test_the_status_shows_no_small_numbers_of_people(play: Stage) -> None:
    await play.arrive(NORA)
    said = await play.ask(OSCAR, "welcome status")
    assert "under way fewer than 5" in said
    assert "waiting to be greeted publicly: fewer than 5" in said
    people = [Person(id=f"p{number}", name=f"P{number}", language="fr") for number in range(6)]
    await play.arrive(*people)
    said = await play.ask(ODILE, "accueil état")
    assert "en cours 7, en pause pour absence 0" in said
    assert "message public de bienvenue : 7" in said


async def test_bots_and_people_from_before_are_not_welcomed(play: Stage) -> None:
    await play.wait(timedelta(days=3))
    assert all(play.told(person) == [] for person in PEOPLE)
    assert await play.allant.store.notes.all(play.workspace, Journey) == {}
