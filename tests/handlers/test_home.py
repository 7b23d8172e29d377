"""Each person's own page: what it shows to whom, its pages, and that it stays true while it is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.ledger import Query
from bot.platforms.playground import Fault, Person
from bot.platforms.playground.homes import Homes
from tests.handlers.stage import ADA, ANN, CHLOE, GUS, MONDAY, ODILE, OSCAR, PEOPLE, Stage, stage

ITEMS = """
items:
  - id: tea
    every: friday 15:00
    to: ["#random"]
    words: {en: "Tea time, everybody", fr: "C’est l’heure du thé"}
  - id: stand-up
    every: weekday 09:30
    to: ["#general"]
    words: {en: "What are you up to?", fr: "Que faites-vous ?"}
"""
NEW = Person(id="nils", name="Nils", language="en", zone="Europe/London")


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={"items.yaml": ITEMS}) as playing:
        yield playing


async def opened(play: Stage, person: Person) -> str:
    Homes(play.server).open(person.id)
    await play.settle()
    return shown(play, person)


def shown(play: Stage, person: Person) -> str:
    """The home as the person sees it, with the labels of its buttons."""
    found = Homes(play.server).shown(person.id)
    assert found is not None
    parts = [f"{each.text}\n{' | '.join(button.label for button in each.buttons)}" for each in found[1]]
    return "\n\n".join(parts).replace("\\", "")


async def press(play: Stage, person: Person, label: str) -> None:
    found = Homes(play.server).shown(person.id)
    assert found is not None
    for row, section in enumerate(found[1]):
        for column, button in enumerate(section.buttons):
            if button.label == label:
                Homes(play.server).press(person.id, row, column)
                await play.settle()
                return
    raise AssertionError(f"no button {label!r} in {shown(play, person)}")


async def test_an_employee_sees_what_comes_and_what_is_theirs(play: Stage) -> None:
    await play.ask(ANN, "faq how do I find a message from last month")
    english, french = await opened(play, ANN), await opened(play, CHLOE)
    assert "## Coming up (1 of 3)" in english
    assert "Tuesday 24 November 2026, 08:30 (GMT)** – a post, in [#general]" in english
    assert "## Asked most these days" in english
    assert "## You" in english
    assert "Language: English" in english
    assert "Parler français" in english
    assert "## À venir (1 sur 3)" in french
    assert "– une publication, dans" in french
    assert "## Les questions du moment" in french
    assert "Langue : français" in french
    for word in ("silent", "approval", "Health", "Limits", "without an answer"):
        assert word not in english


async def test_a_newcomer_sees_their_journey(play: Stage) -> None:
    await play.arrive(NEW)
    home = await opened(play, NEW)
    assert home.startswith("## Your first days")
    assert "steps of your welcome" in home
    assert "Next: " in home
    assert "Your first days" not in await opened(play, ANN)


async def test_an_animator_sees_what_goes_out_and_what_waits_for_them(play: Stage) -> None:
    await play.ask(OSCAR, "calendar write cake\nwhen: friday 16:00\nto: #random\nen: Cake\nthen: submit")
    english, french = await opened(play, OSCAR), await opened(play, ODILE)
    assert "posts go out this week" in english
    assert "## 1 item waits for approval" in english
    assert "**cake** – Cake" in english
    assert "No channel is unusually silent" in english
    assert "Health" not in english
    assert "## 1 élément attend une approbation" in french
    assert "publications cette semaine" in french
    await press(play, OSCAR, "See cake")
    assert "Cake" in play.told(OSCAR)[-1].text


async def test_an_administrator_sees_health_roles_and_limits(play: Stage) -> None:
    home = await opened(play, ADA)
    for words in (
        "## Health",
        "All is well",
        "## Roles",
        "Odile – animator",
        "## Limits",
        "at most 3 unasked messages",
    ):
        assert words in home


async def test_a_page_is_turned_in_place_and_kept(play: Stage) -> None:
    await opened(play, ANN)
    play.heard()
    await press(play, ANN, "Next ▶")
    assert "## Coming up (2 of 3)" in shown(play, ANN)
    await play.ask(ANN, "me mute 1d")
    assert "## Coming up (2 of 3)" in shown(play, ANN)
    assert "I write nothing to you unasked until" in shown(play, ANN)
    assert "## Coming up (1 of 3)" in await opened(play, ANN)
    assert not [post for post in play.heard() if "Coming up" in post.text]


async def test_what_is_chosen_in_the_home_shows_there_at_once(play: Stage) -> None:
    await opened(play, ANN)
    await press(play, ANN, "Parler français")
    assert "## Vous" in shown(play, ANN)
    assert "français" in play.told(ANN)[-1].text


async def test_an_open_home_shows_what_others_did_and_a_closed_one_does_not(play: Stage) -> None:
    await opened(play, OSCAR)
    await play.ask(ODILE, "calendar write cake\nwhen: friday 16:00\nto: #random\nfr: Un gâteau\nthen: submit")
    await play.wait(timedelta(seconds=15))
    assert "**cake**" in shown(play, OSCAR)
    await play.wait(timedelta(hours=2))
    await play.ask(ODILE, "calendar approve cake")
    await play.wait(timedelta(minutes=10))
    assert "**cake**" in shown(play, OSCAR)
    assert await play.allant.store.timers.all(play.workspace, "home", "refresh") == []


async def test_the_same_view_is_not_sent_again(play: Stage) -> None:
    await opened(play, ANN)
    found = Homes(play.server).shown("ann")
    await play.wait(timedelta(minutes=30))
    assert Homes(play.server).shown("ann") == found


async def test_a_home_is_no_message(play: Stage) -> None:
    """The ledger's views do not have it, no budget counts it, and nothing of it is kept but the newest row."""
    for _ in range(3):
        await opened(play, ANN)
        play.clock.move_to(play.clock.now() + timedelta(minutes=1))
    ledger = play.allant.store.ledger
    assert await ledger.recent(play.workspace, feature="home") == []
    assert await ledger.search(Query(workspace=play.workspace, features=("home",), answers=True)) == []
    attention = await ledger.attention(play.member("ann"), play.clock.now(), "Europe/London")
    assert (attention.day, attention.week) == (0, 0)
    kept = await ledger.under(play.workspace, "home/")
    assert len(kept) == 1
    assert kept[0].message.sections == ()


async def test_the_home_of_somebody_who_was_forgotten_leaves_nothing(play: Stage) -> None:
    await opened(play, ANN)
    await play.ask(ANN, "me forget confirm")
    assert "## You" in await opened(play, ANN)
    about = await play.allant.store.notes.about(play.member("ann"))
    assert not about.get("notes")
    assert not about.get("timers")


async def test_a_post_without_a_title_is_named_by_neither_its_words_nor_its_id(play: Stage) -> None:
    for person, asked, said in (
        (ANN, "home upcoming 1", "a post, in"),
        (CHLOE, "accueil upcoming 1", "une publication, dans"),
    ):
        part = (await play.ask(person, asked)).casefold().replace("\\", "")
        assert said in part
        assert not [each for each in ("stand-up", "stand up", "what are you", "que faites") if each in part]


async def test_the_home_as_a_message(play: Stage) -> None:
    english = await play.ask(OSCAR, "home")
    assert "## Coming up" in english
    assert "posts go out this week" in english
    post = play.said_in("general")[-1]
    assert 0 < len(post.buttons) <= 9
    assert "New item" in [button.label for button in post.buttons]
    assert "## À venir (3 sur 3)" in await play.ask(ODILE, "accueil upcoming 9")
    assert "There is no part “nonsense”" in await play.ask(ANN, "home nonsense")
    assert "There is no part “health”" in await play.ask(ANN, "home health")


async def test_a_week_of_five_hundred_items_is_shown_at_once(tmp_path: Path) -> None:
    """Every view reads a few rows, however many there are: see `make bench` for the time it takes."""
    start = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    items = "\n".join(
        f'  - {{id: item-{number:03d}, "on": "{(start + timedelta(minutes=number)):%Y-%m-%d %H:%M}", '
        f'to: ["#general"], words: {{en: "Post {number}", fr: "Publication {number}"}}}}'
        for number in range(500)
    )
    async with stage(tmp_path, schedules={"items.yaml": f"items:\n{items}\n"}, start=MONDAY) as play:
        home = await opened(play, OSCAR)
        assert "500 posts go out this week (1 of 100)" in home
        assert len(home) < 6000
        assert "(100 sur 100)" in await play.ask(replace(ODILE), "home week 100")


async def test_a_home_that_cannot_be_shown_troubles_nobody(play: Stage) -> None:
    homes = Homes(play.server)
    play.server.faults.fail_next(Fault.REFUSE)
    homes.open("oscar")
    await play.settle()
    assert homes.shown("oscar") is None
    assert play.heard() == []
    play.server.faults.fail_next(Fault.UNSURE_LOST)
    homes.open("oscar")
    await play.wait(timedelta(seconds=30))
    assert "this week" in shown(play, OSCAR)
    assert play.heard() == []
