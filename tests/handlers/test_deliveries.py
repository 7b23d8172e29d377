"""The ledger in words, and what people decide about what did not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.actions import Planned, Send
from bot.core.delivery import Delivery, Kind, State
from bot.core.events import DeliveryTroubled
from bot.core.ledger import DEAD, REASONS, Query
from bot.core.message import Message
from bot.core.refs import LANGUAGES, MessageRef, Place
from bot.platforms.playground.faults import Fault
from handlers.deliveries import read_since
from tests.handlers.stage import ADA, ANN, MONDAY, ODILE, OSCAR, Stage, stage

TWO = """
items:
  - {id: greeting, every: monday 10:10, to: ["#general", "#nowhere"], words: {en: Good morning, fr: Bonjour}}
  - {id: question, every: monday 10:20, to: ["#general"], words: {en: What is new, fr: Quoi de neuf}}
"""


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}) as playing:
        yield playing


@pytest.fixture
async def calendar(tmp_path: Path) -> AsyncIterator[Stage]:
    """Two posts on Mondays, and room for one a day."""
    files = {"items.yaml": TWO, "policy.yaml": "policy: {channel_day: 1}\n"}
    async with stage(tmp_path, schedules=files) as playing:
        yield playing


async def plan(play: Stage, key: str, to: Place, kind: Kind = Kind.POST) -> None:
    send = Send(to=to, message=Message(f"words of {key}"), kind=kind, key=key)
    await play.allant.store.journal.commit(
        play.workspace, [Planned("calendar", (send,))], at=play.clock.now(), source=key
    )


async def row(play: Stage, key: str) -> Delivery:
    found = await play.allant.store.ledger.find(play.workspace, key)
    assert found is not None
    return found


# Decisions


@pytest.mark.parametrize(
    ("text", "ago"),
    [("2d", timedelta(days=2)), ("3 jours", timedelta(days=3)), ("2026-11-22", timedelta(days=1, hours=9))],
)
def test_since_is_a_span_or_a_day(text: str, ago: timedelta) -> None:
    assert read_since(text, MONDAY) == MONDAY - ago


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "2026-13-01"])
def test_anything_else_is_no_moment(text: str) -> None:
    assert read_since(text, MONDAY) is None


async def test_every_reason_has_its_sentence_in_both_languages(play: Stage) -> None:
    for reason in REASONS:
        for language in LANGUAGES:
            said = play.allant.library.words(language, f"reasons.{reason}")
            assert " " in said
            assert reason not in said or "_" not in reason


# The list


async def test_the_ledger_is_shown_without_saying_who_got_a_direct_message(play: Stage) -> None:
    await play.ask(ADA, "roles give @Ben animator")
    said = await play.ask(ODILE, "envois")
    assert "un avis → un message direct : **envoyé**" in said
    assert "Ben" not in said
    assert "animator" in await play.ask(ANN, "deliveries")


async def test_the_list_is_narrowed_by_channel_state_practice_and_time(calendar: Stage) -> None:
    await calendar.wait(timedelta(hours=2))
    everything = await calendar.ask(OSCAR, "deliveries")
    assert "**held back**: the day’s attention budget is used up" in everything
    sent = await calendar.ask(OSCAR, "deliveries calendar sent #general since 1 day")
    assert sent.count("a calendar post") == 1
    assert "held back" not in sent
    assert "Rien de tel" in await calendar.ask(ODILE, "envois #random")
    assert "le budget d’attention du jour est épuisé" in await calendar.ask(
        ODILE, "envois calendrier retenus depuis 2j"
    )
    assert "Nothing of the kind" in await calendar.ask(OSCAR, "deliveries calendar since 10 minutes")
    assert "no channel, practice or state" in (await calendar.ask(OSCAR, "deliveries rhubarb"))
    assert "since 2d" in await calendar.ask(OSCAR, "deliveries since rhubarb")


async def test_a_long_list_has_pages(play: Stage) -> None:
    for number in range(25):
        await plan(play, f"n{number:02}", play.channel("general"), Kind.NOTICE)
    await play.settle()
    await play.ask(OSCAR, "deliveries #general")
    seen = []
    for _ in range(2):
        page = play.said_in("general")[-1]
        seen.append(page.text.count("a notice"))
        await play.press(OSCAR, page, "Earlier")
    last = play.said_in("general")[-1]
    assert [*seen, last.text.count("a notice")] == [10, 10, 5]
    assert last.buttons == ()


async def test_what_was_moved_says_until_when(play: Stage) -> None:
    await play.until(MONDAY + timedelta(hours=12))
    await plan(play, "late", play.channel("general"))
    await play.settle()
    said = await play.ask(OSCAR, "deliveries waiting")
    assert "**moved to Tuesday 24 November 2026" in said
    assert "quiet hours" in said


# What did not arrive


async def test_a_failed_post_is_shown_and_sent_again_once(play: Stage) -> None:
    play.server.faults.fail_next(Fault.REFUSE)
    await plan(play, "calendar/a/x", play.channel("general"))
    await play.settle()
    assert (await row(play, "calendar/a/x")).state is State.FAILED
    [french], [english] = play.told(ODILE), play.told(OSCAR)
    assert "n’ai pas pu remettre une publication du calendrier" in french.text
    assert "the platform refused it" in english.text
    assert [button.label for button in english.buttons] == ["Send again", "Leave it"]
    await play.press(OSCAR, english, "Send again")
    await play.press(OSCAR, english, "Send again")
    await play.press(ODILE, french, "Renvoyer")
    assert [post.text for post in play.said_in("general")] == ["words of calendar/a/x"]
    kept = await row(play, "calendar/a/x")
    assert (kept.state, kept.attempts) == (State.SENT, 0)
    assert "C’est déjà décidé (Oscar l’a fait renvoyer" in play.told(ODILE)[-1].text
    assert "Oscar had it sent again" in await play.ask(ADA, "deliveries #general")
    decision = (await play.allant.store.ledger.decisions([kept.id]))[kept.id]
    assert decision.by == play.member("oscar")


async def test_what_fails_again_is_told_and_decided_again(play: Stage) -> None:
    play.server.faults.fail_next(Fault.REFUSE)
    await plan(play, "p", play.channel("general"))
    await play.settle()
    play.clock.move_to(play.clock.now() + timedelta(minutes=5))
    await play.say(OSCAR, "random", "quiet please")
    # The press is answered by a request of its own, which follows the second sending.
    play.server.faults.fail_next(Fault.REFUSE, Fault.REFUSE)
    await play.press(OSCAR, play.told(OSCAR)[0], "Send again")
    assert (await row(play, "p")).state is State.FAILED
    told = [post for post in play.told(OSCAR) if "could not deliver a calendar post" in post.text]
    assert len(told) == 2
    await play.press(OSCAR, told[1], "Send again")
    assert [post.text for post in play.said_in("general")] == ["words of p"]


async def test_an_uncertain_post_says_that_it_may_be_there_and_is_left(play: Stage) -> None:
    play.allant.platforms[play.workspace].can = replace(
        play.allant.platforms[play.workspace].can, safe_to_repeat=False, can_look_up=False
    )
    play.server.faults.fail_next(Fault.UNSURE_DONE)
    await plan(play, "p", play.channel("general"))
    await play.settle()
    assert (await row(play, "p")).state is State.UNCERTAIN
    [told] = play.told(OSCAR)
    assert "I do not know whether a calendar post reached" in told.text
    assert "may already be there" in told.text
    assert "1 message of which I do not know" in await play.ask(ADA, "status")
    await play.press(OSCAR, told, "Leave it")
    assert "I leave it" in play.told(OSCAR)[-1].text
    await play.press(OSCAR, told, "Send again")
    assert "Oscar decided to leave it" in play.told(OSCAR)[-1].text
    assert len(play.said_in("general")) == 2  # The post, the status; and nothing again.
    assert "0 messages of which I do not know" in await play.ask(ADA, "status")
    assert "Nothing of the kind" in await play.ask(OSCAR, "deliveries uncertain", "random")


async def test_direct_messages_that_fail_alike_are_one_notice_with_a_way_to_them(play: Stage) -> None:
    play.server.faults.fail_next(*[Fault.REFUSE] * 3)
    for number in range(3):
        await plan(play, f"w{number}", play.member("ann"), Kind.ANSWER)
    await play.settle()
    [told] = play.told(OSCAR)
    assert "could not deliver an answer to a direct message: the platform refused it" in told.text
    assert "Ann" not in told.text
    await play.press(OSCAR, told, "Show them")
    assert play.told(OSCAR)[-1].text.count("an answer → a direct message: **failed**") == 3
    query = Query(workspace=play.workspace, states=DEAD, undecided=True)
    assert len(await play.allant.store.ledger.search(query)) == 3


async def test_the_list_of_what_failed_has_its_buttons(play: Stage) -> None:
    play.server.faults.fail_next(*[Fault.REFUSE] * 7)
    for number in range(7):
        await plan(play, f"w{number}", play.channel("general"))
    await play.settle()
    play.heard()
    await play.ask(OSCAR, "deliveries failed", "random")
    listed = play.said_in("random")[-1]
    labels = [button.label for button in listed.buttons]
    assert labels[:2] == ["Send again (1)", "Leave it (1)"]
    assert labels[-1] == "Earlier"
    assert len(labels) == 11
    await play.press(OSCAR, listed, "Leave it (1)")
    await play.press(OSCAR, listed, "Send again (2)")
    assert [post.text for post in play.said_in("general")] == ["words of w5"]
    again = await play.ask(OSCAR, "envois échecs", "random")
    assert again.count("a calendar post") == 5


async def test_choices_are_for_those_who_animate(play: Stage) -> None:
    play.server.faults.fail_next(Fault.REFUSE)
    await plan(play, "p", play.channel("general"))
    await play.settle()
    number = (await row(play, "p")).id
    assert "animator" in await play.ask(ANN, f"deliveries resend {number}")
    assert "animator" in await play.ask(ANN, f"deliveries drop {number}")
    assert (await row(play, "p")).state is State.FAILED
    for text in ("99999", "x", "", "9" * 30):
        assert "no longer know" in await play.ask(OSCAR, f"deliveries resend {text}")
    assert "cannot be sent again" in await play.ask(OSCAR, f"deliveries resend {number + 1}")
    assert "nothing to decide" in await play.ask(OSCAR, f"deliveries drop {number + 1}")


async def test_a_post_that_was_held_back_can_be_sent_after_all(calendar: Stage) -> None:
    await calendar.wait(timedelta(hours=2))
    [told] = [post for post in calendar.told(OSCAR) if "held back a calendar post" in post.text]
    await calendar.press(OSCAR, told, "Send again")
    await calendar.wait(timedelta(days=1))
    assert len([post for post in calendar.said_in("general") if "What is new" in post.text]) == 1


async def test_a_notice_that_troubles_makes_no_notice(play: Stage) -> None:
    await plan(play, "n", play.member("oscar"), Kind.NOTICE)
    delivery = replace(await row(play, "n"), state=State.FAILED, sent_as=MessageRef(play.channel("general"), "m"))
    event = DeliveryTroubled(id="t", at=play.clock.now(), workspace=play.workspace, delivery=delivery)
    await play.allant.dispatcher.handle(event)
    await play.settle()
    assert [post.text for post in play.told(OSCAR)] == ["words of n"]
    assert play.told(ODILE) == []
