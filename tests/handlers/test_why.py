"""Why an item went out or not: what became of its moments, and what stands in the way of those to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.actions import Planned, Remember, Send
from bot.core.calendar import Paused
from bot.core.delivery import Delivery, Kind
from bot.core.editorial import Fate, Slot
from bot.core.forecast import Outlook, Room, foresee
from bot.core.message import Message
from bot.core.moments import is_over, occurrence_of, told_together
from bot.core.policy import Attention, PolicyRules
from bot.platforms.playground import Person
from bot.platforms.playground.faults import Fault
from tests.handlers.stage import BEN, CHLOE, MONDAY, ODILE, OSCAR, Stage, stage

ITEMS = """
items:
  - {id: greeting, every: monday 10:10, to: ["#general", "#nowhere"], words: {en: Good morning, fr: Bonjour}}
  - {id: question, every: monday 10:20, to: ["#general"], words: {en: What is new, fr: Quoi de neuf}}
  - {id: owl, every: monday 22:00, to: ["#random"], words: {en: Hoo, fr: Hou}}
  - {id: asked, every: tuesday 11:00, to: ["#ideas"], words: {en: Well, fr: Alors}, missed: ask}
  - {id: news, every: tuesday 11:00, to: ["@everyone"], words: {en: News, fr: Nouvelles}}
  - {id: later, every: friday 11:00, to: ["#ideas"], words: {en: Later, fr: Plus tard}, state: draft}
  - {id: feast, on: 2026-12-25 11:00, to: ["#ideas"], words: {en: Peace, fr: Paix}, holidays: send}
  - {id: first-day, after: 1 day from arrival, at: "09:00", to: ["@person"], words: {en: Hello, fr: Bonjour}}
"""
PARIS = "Europe/Paris"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    """Room for one post a day, and the public holidays of France."""
    files = {"items.yaml": ITEMS, "policy.yaml": "policy: {channel_day: 1, country: FR}\n"}
    async with stage(tmp_path, schedules=files) as playing:
        yield playing


async def why(play: Stage, person: Person, item: str) -> str:
    """What the person is told, without the escapes of Markdown."""
    command = "calendrier pourquoi" if person is ODILE else "calendar why"
    return (await play.ask(person, f"{command} {item}", "help")).replace("\\", "")


async def away(play: Stage, time: timedelta) -> None:
    """The bot does not run meanwhile."""
    play.clock.move_to(play.clock.now() + time)
    await play.settle()


# Decisions


def at(hour: int, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def a_slot(moment: datetime, zone: str = PARIS, fate: Fate = Fate.OUT, due: datetime | None = None) -> Slot:
    return Slot(item="a", at=moment, zone=zone, due=due or moment, fate=fate)


def test_the_same_time_on_the_clocks_of_several_zones_is_told_once() -> None:
    paris, london, next_day = a_slot(at(9)), a_slot(at(10), "Europe/London"), a_slot(at(9, 24))
    missed = a_slot(at(9), "Europe/Berlin", Fate.MISSED)
    told = told_together([next_day, missed, london, paris])
    assert sorted([each.zone for each in group.slots] for group in told) == [
        ["Europe/Berlin"],
        ["Europe/London", PARIS],
        [PARIS],
    ]
    assert [group.due for group in told] == [at(9), at(9), at(9, 24)]


def test_what_is_skipped_beforehand_is_not_over_before_its_moment() -> None:
    assert not is_over(a_slot(at(9), fate=Fate.SKIPPED), at(8))
    assert is_over(a_slot(at(9), fate=Fate.SKIPPED), at(9))
    assert is_over(a_slot(at(9), due=at(7)), at(8))


@pytest.mark.parametrize(
    ("coming", "got", "overflow", "expected"),
    [
        ([], 0, "move", Outlook(at(9))),
        ([(at(8), "b")], 0, "move", Outlook(None, ("day_budget",))),
        ([(at(9), "a")], 0, "move", Outlook(None, ("day_budget",))),
        ([(at(9), "c"), (at(10), "b")], 0, "move", Outlook(at(9))),
        ([], 1, "drop", Outlook(None, ("day_budget",))),
        ([(at(8), "b")], 0, "digest", Outlook(at(7, 24), ("for_digest",))),
    ],
)
def test_a_post_is_foreseen_by_what_takes_its_room(
    coming: list[tuple[datetime, str]], got: int, overflow: str, expected: Outlook
) -> None:
    rules = PolicyRules(channel_day=1, overflow=overflow)
    room = Room(at(7), Attention(got, got), coming)
    assert foresee("b" if coming and coming[0] == (at(9), "a") else "bb", at(9), at(11), rules, room) == expected


def test_what_went_out_today_takes_no_room_tomorrow() -> None:
    room = Room(at(7), Attention(5, 5), [])
    assert foresee("a", at(9, 24), at(11, 24), PolicyRules(channel_day=1), room) == Outlook(at(9, 24))


async def test_the_occurrence_is_the_one_of_the_key(play: Stage) -> None:
    moment = datetime.fromisoformat("2026-11-23T09:10:00+00:00")
    for key, expected in [(f"calendar/a/{moment.isoformat()}/C1", moment), ("calendar/a/other/C1", MONDAY)]:
        delivery = Delivery(
            key=key,
            workspace=play.workspace,
            feature="calendar",
            kind=Kind.POST,
            to=play.channel("general"),
            message=Message("x"),
            due=MONDAY,
        )
        assert occurrence_of(delivery) == expected


# What was


async def test_why_tells_of_what_was_and_what_comes(play: Stage) -> None:
    await play.wait(timedelta(hours=2))
    greeting = await why(play, OSCAR, "Greeting")
    assert "[#general](channel:C-general): **sent**, Monday 23 November 2026, 10:10" in greeting
    assert "- Monday 30 November 2026, 10:10 (CET)\n  - [#general](channel:C-general): as planned" in greeting
    assert "⚠ #nowhere: there is no such channel" in greeting
    question = await why(play, ODILE, "question")
    past, coming = question.split("**À venir**")
    assert "**retenu** : le budget d’attention du jour est épuisé" in past
    # The greeting comes ten minutes before it each time, and there is room for one.
    assert coming.count("sera retenu : le budget d’attention du jour est épuisé") == 3


async def test_who_skipped_and_moved_is_told_before_and_after(play: Stage) -> None:
    await play.ask(OSCAR, "calendar skip greeting")
    await play.ask(OSCAR, "calendar move owl 2026-11-24 09:30")
    by = "(Oscar, Monday 23 November 2026, 10:00 (CET))"
    moved = f"- Tuesday 24 November 2026, 09:30 (CET): moved from Monday 23 November 2026, 22:00 (CET) {by}"
    assert f"10:10 (CET): **skipped** {by}" in (await why(play, OSCAR, "greeting")).split("**To come**")[1]
    assert moved in (await why(play, OSCAR, "owl")).split("**To come**")[1]
    await play.wait(timedelta(days=1, hours=2))
    assert f"10:10 (CET): **skipped** {by}" in (await why(play, OSCAR, "greeting")).split("**To come**")[0]
    owl = (await why(play, OSCAR, "owl")).split("**To come**")[0]
    assert f"{moved}\n  - [#random](channel:C-random): **sent**" in owl


async def test_what_was_brought_forward_is_over(play: Stage) -> None:
    await play.ask(OSCAR, "calendar move owl 2026-11-23 11:00")
    await play.wait(timedelta(hours=2))
    past, coming = (await why(play, OSCAR, "owl")).split("**To come**")
    assert "- Monday 23 November 2026, 11:00 (CET): moved from" in past
    assert "23 November" not in coming


async def test_a_paused_item_says_who_paused_it_and_what_is_left_out(play: Stage) -> None:
    await play.wait(timedelta(hours=2))
    await play.ask(OSCAR, "calendar pause greeting")
    await play.wait(timedelta(days=8))
    said = await why(play, OSCAR, "greeting")
    assert "⏸ Paused since Monday 23 November 2026, 12:00 (CET), by Oscar" in said
    assert "`/allant calendar resume greeting`" in said
    assert "Monday 30 November 2026, 10:10 (CET): **left out**: the item was paused" in said
    assert "**To come, once it is resumed**\n\n- Monday 7 December 2026" in said


async def test_a_pause_whose_author_is_not_known_is_told_all_the_same(play: Stage) -> None:
    paused = Planned("calendar", (Remember("owl", Paused(MONDAY)),))
    await play.allant.store.journal.commit(play.workspace, [paused], at=MONDAY, source="test")
    assert "par une personne qui n’est plus là" in await why(play, ODILE, "owl")


async def test_what_was_missed_waits_for_a_decision_with_buttons(play: Stage) -> None:
    await away(play, timedelta(days=8, hours=4))
    assert "**missed**: I was not running, and afterwards it was too late" in await why(play, OSCAR, "greeting")
    said = await why(play, OSCAR, "asked")
    assert "Tuesday 1 December 2026, 11:00 (CET): **missed** while I was not running: whether" in said
    shown = play.said_in("help")[-1]
    await play.press(OSCAR, shown, "Leave it out")
    assert "somebody decided to leave it so (Oscar," in await why(play, OSCAR, "asked")


async def test_a_missed_post_sent_after_all_says_so(play: Stage) -> None:
    await away(play, timedelta(days=8, hours=4))
    await why(play, OSCAR, "asked")
    await play.press(OSCAR, play.said_in("help")[-1], "Send now")
    said = await why(play, OSCAR, "asked")
    assert "missed, then sent late, as somebody decided\n  - [#ideas](channel:C-ideas): **sent**" in said


async def test_direct_messages_are_counted_not_named(play: Stage) -> None:
    await play.until(datetime(2026, 11, 24, 9, 59, tzinfo=UTC))
    # Nothing else is due at that moment: what is refused is one of the direct messages.
    await play.ask(OSCAR, "calendar pause asked")
    play.server.faults.fail_next(Fault.REFUSE)
    await play.wait(timedelta(hours=2))
    said = await why(play, OSCAR, "news")
    assert "- Tuesday 24 November 2026, 11:00 (CET) (11:00 in Europe/London, Europe/Paris)" in said
    assert "direct messages: sent:" in said
    assert "failed: 1 (the platform refused it)" in said
    assert BEN.name not in said
    assert "@everyone: in direct messages, each within their own hours" in said


async def test_an_item_of_each_persons_own_moment_tells_of_what_the_ledger_knows(play: Stage) -> None:
    await play.arrive(Person(id="nina", name="Nina", language="en"))
    await play.wait(timedelta(days=1))
    said = await why(play, OSCAR, "first-day")
    assert "at each person’s own moment" in said
    assert "Nina" not in said


async def test_an_item_that_went_away_is_still_explained(play: Stage) -> None:
    await play.wait(timedelta(minutes=30))
    key = f"calendar/old/{at(9, 9).isoformat()}/x"
    send = Send(to=play.channel("general"), message=Message("Old"), kind=Kind.NOTICE, key=key)
    await play.allant.store.journal.commit(
        play.workspace, [Planned("calendar", (send,))], at=play.clock.now(), source="test"
    )
    await play.settle()
    said = await why(play, OSCAR, "old")
    assert "no longer in the calendar" in said
    assert "- Monday 9 November 2026, 10:00 (CET)\n  - [#general](channel:C-general): **sent**" in said
    assert "To come" not in said


async def test_a_recalled_post_says_so(play: Stage) -> None:
    await play.wait(timedelta(minutes=30))
    await play.ask(OSCAR, "calendar recall greeting confirm")
    said = await why(play, OSCAR, "greeting")
    by = "(Oscar, Monday 23 November 2026, 10:30 (CET))"
    assert f"10:10 (CET): **recalled** {by}\n  - [#general](channel:C-general): **recalled**" in said


# What comes


async def test_an_item_to_come_at_night_says_when_it_moves(play: Stage) -> None:
    assert "moves to Tuesday 24 November 2026, 08:00 (CET): quiet hours" in await why(play, OSCAR, "owl")
    await play.ask(OSCAR, "pause everything")
    assert "**Everything is paused**" in await why(play, OSCAR, "owl")


async def test_a_holiday_is_named_as_what_moves_a_post(play: Stage) -> None:
    said = await why(play, ODILE, "feast")
    assert "reporté au lundi 28 décembre 2026 à 08:00 (CET) : jour férié ou chômé" in said


async def test_a_draft_says_who_may_approve_it_or_where_it_stands(play: Stage) -> None:
    await play.ask(ODILE, "calendar write tea\nwhen: friday 15:00\nto: #random\nfr: Un thé ?\nen: Tea?\nthen: draft")
    said = await why(play, OSCAR, "tea")
    assert "A draft: it does not go out before it is approved. Ada, Odile, Oscar may do that" in said
    assert "To come" not in said
    await play.ask(ODILE, "calendar submit tea")
    assert "En relecture : il n’est pas publié avant d’être approuvé. Peuvent le faire" in await why(play, ODILE, "tea")
    await play.ask(OSCAR, "calendar approve tea")
    assert "Friday 27 November 2026, 15:00 (CET)" in (await why(play, OSCAR, "tea")).split("**To come**")[1]
    assert "items.yaml:8: it does not go out before its line `state: draft`" in await why(play, OSCAR, "later")


async def test_who_wrote_it_does_not_approve_it_where_four_eyes_look(tmp_path: Path) -> None:
    rules = "publishing: {rules: [{channels: ['#random'], four_eyes: true}]}\n"
    async with stage(tmp_path, schedules={"policy.yaml": rules}) as play:
        words = "when: friday 15:00\nto: #random\nfr: Un thé ?\nen: Tea?\nthen: draft"
        await play.ask(ODILE, f"calendar write tea\n{words}")
        assert "approved. Ada, Oscar may do that" in await why(play, OSCAR, "tea")


async def test_which_item_is_asked_and_the_nearest_are_named(play: Stage) -> None:
    assert "for example: asked, feast, first-day" in await why(play, OSCAR, "")
    assert "Did you mean: greeting" in await why(play, OSCAR, "greting")
    assert "Vouliez-vous dire : greeting" in await why(play, ODILE, "greting")
    assert "animation" in await play.ask(CHLOE, "calendrier pourquoi greeting")
