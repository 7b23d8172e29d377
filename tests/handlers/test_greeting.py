"""Greeting: those who join within a window are greeted together, once, by one post."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.actions import Planned, SetTimer
from bot.core.community import Member
from bot.core.events import MemberJoined
from bot.core.message import Markup
from bot.core.welcome import Greeted, Waiting, say_names
from bot.platforms.playground import Person
from handlers import greeting
from tests.handlers.stage import ANN, MONDAY, Stage, stage

NORA = Person(id="nora", name="Nora", language="fr")
TOM = Person(id="tom", name="Tom", language="en", zone="Europe/London")


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}) as playing:
        yield playing


def test_newcomers_to_several_channels_are_greeted_in_the_first_of_the_rules() -> None:
    waiting = [Waiting(channel, member, MONDAY) for member in ("nora", "tom") for channel in ("C1", "C2")]
    waiting.append(Waiting("C2", "gus", MONDAY))
    ranks = {"C1": 0, "C2": 1}
    assert [each.member for each in greeting.greeted_here(waiting, "C1", ranks)] == ["nora", "tom"]
    assert [each.member for each in greeting.greeted_here(waiting, "C2", ranks)] == ["gus"]


async def test_newcomers_of_ten_minutes_are_greeted_by_one_post_in_both_languages(play: Stage) -> None:
    await play.arrive(NORA)
    await play.wait(timedelta(minutes=9))
    await play.arrive(TOM)
    assert play.said_in("general") == []
    await play.wait(timedelta(minutes=1, seconds=1))
    [post] = play.said_in("general")
    assert "[Nora](mention:nora) et [Tom](mention:tom)" in post.text
    assert "[Nora](mention:nora) and [Tom](mention:tom)" in post.text
    assert play.said_in("newcomers") == []  # They are greeted once, though they joined both channels.
    await play.wait(timedelta(hours=3))
    assert len(play.said_in("general")) == 1


async def test_500_joins_make_one_post(tmp_path: Path) -> None:
    people = [Person(id=f"p{number:03}", name=f"Person {number:03}", language="en") for number in range(500)]
    # Everybody enters every channel: those without a part in this would only take time.
    names = ("general", "newcomers", "help")
    async with stage(tmp_path, schedules={}, channels=names) as play:
        for person in people:
            play.server.arrive(person)
        await play.settle()
        await play.wait(timedelta(minutes=11))
        posts = [post for name in names for post in play.said_in(name)]
        assert len(posts) == 1
        assert "[Person 004](mention:p004) and 495 others" in posts[0].text
        assert "et 495 autres personnes" in posts[0].text
        assert posts[0].text.count("mention:") == 10  # Five names in each of two languages.
        assert await play.allant.store.notes.all(play.workspace, Waiting) == {}
        assert len(await play.allant.store.notes.all(play.workspace, Greeted)) == 500


async def test_who_left_before_the_greeting_is_not_named(play: Stage) -> None:
    await play.arrive(NORA, TOM)
    play.server.leave("tom")
    await play.wait(timedelta(minutes=11))
    [post] = play.said_in("general")
    assert "Tom" not in post.text


async def test_a_newcomer_during_the_greeting_is_not_lost(play: Stage) -> None:
    """The timer moves with each newcomer, so a greeting that has not seen one is refused and decided anew."""
    await play.arrive(NORA)
    [timer] = [
        each
        for each in await play.allant.store.timers.all(play.workspace, "greeting", "greet")
        if each.key == play.channel("general").id
    ]
    await play.arrive(TOM)
    play.clock.move_to(timer.due + timedelta(minutes=1))
    await play.allant.dispatcher.fire(timer)  # As it was decided before Tom came: nothing is sent.
    await play.allant.outbox.drain()
    assert play.said_in("general") == []
    await play.settle()
    [post] = play.said_in("general")
    assert "Nora" in post.text
    assert "Tom" in post.text


async def test_no_channel_named_no_public_greeting(tmp_path: Path) -> None:
    rules = "welcome:\n  channels: []\n  default_channel: ''\n"
    async with stage(tmp_path, schedules={"welcome.yaml": rules}) as play:
        await play.arrive(NORA)
        await play.wait(timedelta(hours=1))
        assert play.told(NORA)
        assert play.said_in("general") == play.said_in("newcomers") == []


async def test_a_guest_is_greeted_only_where_they_are(play: Stage) -> None:
    play.server.create_room("partners", {"en": "x", "fr": "x"})
    member = Member(play.member("gus"), "Gus", guest=True)
    joined = MemberJoined(id="j1", at=play.clock.now(), workspace=play.workspace, member=member)
    await play.allant.intake(joined)
    await play.wait(timedelta(minutes=11))
    assert play.said_in("general") == []
    await play.allant.intake(replace(joined, id="j2", channel=play.channel("newcomers")))
    await play.wait(timedelta(minutes=11))
    assert "Gus" in play.said_in("newcomers")[0].text


async def test_somebody_known_who_joins_a_named_channel_is_greeted_there(play: Stage) -> None:
    ann = await play.allant.store.members.get(play.member("ann"))
    assert ann is not None
    channel = play.channel("newcomers")
    joined = MemberJoined(id="j1", at=play.clock.now(), workspace=play.workspace, member=ann, channel=channel)
    await play.allant.intake(joined)
    await play.wait(timedelta(minutes=11))
    [post] = play.said_in("newcomers")
    assert "Ann" in post.text
    assert play.told(ANN) == []  # No journey: Ann has been here for long.


async def test_names_are_said_as_people_say_them(play: Stage) -> None:
    words = play.allant.library.words
    names = [Markup(name) for name in "ABC"]
    assert say_names(words, "en", names[:1], 1) == "A"
    assert say_names(words, "en", names, 3) == "A, B and C"
    assert say_names(words, "fr", names[:2], 3) == "A, B et 1 autre personne"
    assert say_names(words, "en", names[:2], 4) == "A, B and 2 others"


async def test_a_timer_of_an_older_version_greets_nobody_twice_and_fails_nothing(play: Stage) -> None:
    """The public greeting was once part of the welcome, whose timer of that name may still be in a database."""
    old = SetTimer("greet", play.channel("general").id, play.clock.now() + timedelta(minutes=1))
    await play.allant.store.journal.commit(
        play.workspace, [Planned("welcome", (old,))], at=play.clock.now(), source="an older version"
    )
    await play.arrive(NORA)
    await play.wait(timedelta(minutes=11))
    assert len(play.said_in("general")) == 1
    assert not await play.allant.store.timers.all(play.workspace, "welcome", "greet")
