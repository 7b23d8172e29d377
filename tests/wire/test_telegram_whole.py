"""The practices on Telegram, from what a person does to what they see, in both languages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.community import Role
from bot.core.delivery import State
from tests.handlers.stage import MONDAY
from tests.wire.telegram_chats import Refusal, Room
from tests.wire.telegram_house import House, buttons, house, words
from tests.wire.telegram_server import BotApi

RULES = {
    "welcome.yaml": "welcome: {channels: [general], default_channel: general, window_minutes: 1}",
    "reports.yaml": "reports: {weekly_on: []}",
}


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi().serving() as serving:
        yield serving


@pytest.fixture
async def play(api: BotApi, tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, api, schedules=RULES) as playing:
        yield playing


async def a_group(play: House, title: str = "general") -> Room:
    room = play.api.group(title)
    await play.api.admit_bot(room, play.api.user("Owner"))
    await play.settle()
    play.heard(room.id)
    return room


@pytest.mark.parametrize(
    ("language", "day_zero", "hello"),
    [("en", "and welcome!", "I help this community live"), ("fr", "et bienvenue", "j’aide cette communauté")],
)
async def test_the_welcome_stays_in_the_group_until_start_and_the_journey_begins_there(
    play: House, language: str, day_zero: str, hello: str
) -> None:
    room = await a_group(play)
    nora = play.api.user("Nora", language=language)
    await play.api.join(room, nora, by_link=True)
    await play.wait(timedelta(minutes=2))
    greeting = play.heard(room.id)
    assert "Nora" in words(greeting)
    assert buttons(greeting[-1]) == ["Commencer ici / Start here"]
    assert play.heard(nora) == []
    await play.press(greeting[-1], nora, "Commencer")
    first = words(play.heard(nora))
    assert day_zero in first
    # Start again: no second welcome, but a hello.
    await play.api.start(nora)
    await play.settle()
    assert hello in words(play.heard(nora))
    # The next days come by themselves.
    await play.wait(timedelta(days=2))
    assert play.heard(nora)


async def test_who_leaves_before_opening_the_conversation_has_no_journey(play: House) -> None:
    room = await a_group(play)
    nora = play.api.user("Nora")
    await play.api.join(room, nora)
    await play.settle()
    await play.api.leave(room, nora)
    await play.settle()
    await play.api.start(nora)
    await play.wait(timedelta(days=3))
    assert "and welcome!" not in words(play.heard(nora))


@pytest.mark.parametrize(
    ("language", "commands"),
    [
        (
            "en",
            {
                "/faq how do I mute a channel?": "mute",
                "/tuto": "first week",
                "/calendar": "Nothing is planned",
                "/stats": "active members",
                "/me": "What I know about you",
                "/help": "/faq QUESTION",
                "/allant faq list": "FAQ",
                "/nudge": "animator",
                "/language fr": "français",
            },
        ),
        (
            "fr",
            {
                "/faq comment mettre un canal en sourdine ?": "sourdine",
                "/tuto": "première semaine",
                "/calendrier": "Rien n’est prévu",
                "/chiffres": "membres actifs",
                "/moi": "Ce que je sais de vous",
                "/aide": "/faq QUESTION",
                "/allant faq liste": "FAQ",
                "/relance": "animation",
                "/langue en": "English",
            },
        ),
    ],
)
async def test_commands_in_private(play: House, language: str, commands: dict[str, str]) -> None:
    await a_group(play)
    ann = play.api.user("Ann", language=language)
    await play.api.start(ann)
    await play.settle()
    play.heard(ann)
    for command, expected in commands.items():
        said = words(await play.tell(ann, command))
        assert expected.casefold() in said.casefold(), command
        assert "/allant " not in said, command


async def test_a_command_in_a_group_is_for_the_bot_it_names(play: House) -> None:
    room = await a_group(play)
    ann = play.api.user("Ann")
    await play.api.start(ann)
    await play.settle()
    play.heard(ann)
    assert await play.say(room, ann, "/help@other_bot") == []
    assert await play.say(room, ann, "/weather paris") == []
    assert play.heard(ann) == []
    await play.say(room, ann, "/help@allant_test_bot")
    assert "/faq QUESTION" in words(play.heard(ann))


@pytest.mark.parametrize(
    ("language", "only", "known"),
    [
        ("en", "this answer is for you alone", "What I know"),
        ("fr", "cette réponse n’est que pour vous", "Ce que je sais"),
    ],
)
async def test_a_private_answer_waits_for_the_conversation(play: House, language: str, only: str, known: str) -> None:
    room = await a_group(play)
    ann, eve = play.api.user("Ann", language=language), play.api.user("Eve")
    [notice] = await play.say(room, ann, "/me")
    assert only in words([notice])
    assert known not in words([notice])
    # Somebody else who follows the button gets nothing of it.
    await play.press(notice, eve, buttons(notice)[0])
    assert known not in words(play.heard(eve))
    await play.press(notice, ann, buttons(notice)[0])
    assert known in words(play.heard(ann))
    # It was given; a second press does not give it again.
    await play.press(notice, ann, buttons(notice)[0])
    assert known not in words(play.heard(ann))


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("en", "how do I mute a channel?", "notifications"),
        ("fr", "comment mettre un canal en sourdine ?", "notifications"),
    ],
)
async def test_a_question_that_names_the_bot_is_answered_in_its_thread(
    play: House, language: str, question: str, answer: str
) -> None:
    room = await a_group(play)
    ann = play.api.user("Ann", language=language)
    asked = await play.api.say(room, ann, f"@allant_test_bot {question}")
    await play.settle()
    [said] = play.heard(room.id)
    assert said["reply_to_message"]["message_id"] == asked
    assert answer in words([said]).casefold()


async def test_inline_mode_shows_strangers_public_answers_alone(play: House) -> None:
    room = await a_group(play)
    ann, stranger = play.api.user("Ann"), play.api.user("Stranger")
    await play.say(room, ann, "hello")

    async def shown(user: int) -> set[str]:
        before = len(play.api.answers)
        for question in ("", "confidential information", "activity reports"):
            await play.api.type_inline(user, question)
        await play.settle()
        return {each["id"] for answer in play.api.answers[before:] for each in answer["results"]}

    library = play.allant.library
    public = {entry.slug for entry in library.entries("en", guest=True, kind="faq")}
    everything = {entry.slug for entry in library.entries("en", guest=False, kind="faq")}
    assert everything - public
    assert await shown(stranger) <= public
    found = await shown(ann)
    assert found - public
    assert found <= everything


# Editing


async def an_animator(play: House, language: str = "en") -> int:
    oscar = play.api.user("Oscar", language=language)
    await play.api.start(oscar)
    await play.settle()
    await play.give_role(oscar, Role.ANIMATOR)
    play.heard(oscar)
    return oscar


@pytest.mark.parametrize(
    ("language", "add", "keep", "cancelled"),
    [("en", "/calendar add", "Cancel", "Cancelled"), ("fr", "/calendrier ajouter", "Annuler", "Annulé")],
)
async def test_a_form_is_cancelled_at_any_step(play: House, language: str, add: str, keep: str, cancelled: str) -> None:
    await a_group(play)
    oscar = await an_animator(play, language)
    [asked] = await play.tell(oscar, add)
    await play.press(asked, oscar, "✏️")
    [question] = play.heard(oscar)
    assert any(keep in label for label in buttons(question))
    await play.press(question, oscar, f"✖ {keep}")
    assert cancelled in words(play.heard(oscar))
    # What is written now is no answer any more, and the old buttons do nothing.
    await play.tell(oscar, "hello")
    assert await play.allant.store.drawer(play.platform.workspace).get(f"filling/{oscar}") == ""


async def test_forms_are_filled_in_through_a_restart_and_erased_with_the_person(api: BotApi, tmp_path: Path) -> None:
    async with house(tmp_path, api, schedules=RULES) as play:
        await a_group(play)
        oscar = await an_animator(play)
        [asked] = await play.tell(oscar, "/calendar add")
        await play.press(asked, oscar, "✏️")
        [first] = play.heard(oscar)
        assert "1 of" in words([first])
        await play.tell(oscar, "friday-tea")
        [second] = play.heard(oscar) or api.said(oscar)[-1:]
        assert "2 of" in words([second])
    async with house(tmp_path, api, schedules=RULES, start=MONDAY + timedelta(hours=1)) as play:
        play.heard(oscar)
        await play.tell(oscar, "2026-12-04 16:00")
        assert "3 of" in words(api.said(oscar)[-1:])
        drawer = play.allant.store.drawer(play.platform.workspace)
        assert "friday-tea" in await drawer.get(f"filling/{oscar}")
        raw = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
        assert b"friday-tea" not in raw, "it is kept sealed"
        play.heard(oscar)
        await play.tell(oscar, "/me forget confirm")
        assert await drawer.get(f"filling/{oscar}") == ""


# What becomes of what went wrong


async def test_an_answer_that_was_lost_is_uncertain_and_sent_again_by_one_button(play: House) -> None:
    room = await a_group(play)
    oscar = await an_animator(play)
    play.api.refuse_next.append(Refusal(502, "Bad Gateway"))
    await play.say(room, oscar, "@allant_test_bot how do I mute a channel?")
    [uncertain] = await play.allant.store.ledger.recent(play.platform.workspace, state=State.UNCERTAIN)
    assert uncertain.to == play.channel(room)
    assert play.heard(room.id) == []
    notice = play.heard(oscar)[-1]
    assert [label.split(" (")[0] for label in buttons(notice)] == ["Send again", "Leave it"]
    await play.press(notice, oscar, "Send again")
    assert len(play.heard(room.id)) == 1
    await play.press(notice, oscar, "Send again")
    assert play.heard(room.id) == []


async def test_an_update_that_comes_again_is_handled_once(api: BotApi, tmp_path: Path) -> None:
    async with house(tmp_path, api, schedules=RULES) as play:
        room = await a_group(play)
        ann = api.user("Ann")
        assert len(await play.say(room, ann, "@allant_test_bot how do I mute a channel?")) == 1
        question = list(room.messages.values())[-2]
        repeated = {"update_id": api.confirmed, "message": question}
    # As after a crash before it was confirmed: Telegram gives it again to whoever asks next.
    api.updates.append(repeated)
    async with house(tmp_path, api, schedules=RULES) as play:
        play.heard(room.id)
        await play.settle()
        assert play.heard(room.id) == []


async def test_a_group_that_becomes_a_supergroup_loses_nothing(play: House) -> None:
    room = play.api.group("general", supergroup=False)
    owner = play.api.user("Owner")
    room.members[owner] = "creator"
    await play.api.admit_bot(room, owner)
    await play.settle()
    play.heard(room.id)
    nora = play.api.user("Nora")
    await play.api.join(room, nora)
    await play.settle()
    new = await play.api.upgrade(room)
    await play.settle()
    channels = await play.allant.store.channels.all(play.platform.workspace)
    assert [(each.ref, each.name) for each in channels] == [(play.channel(new), "general")]
    # The greeting that waited in the old group is said in the new one.
    await play.wait(timedelta(minutes=2))
    assert "Nora" in words(play.heard(new.id))
    # Who was in the group is in it still: the welcome is not said again.
    await play.say(new, nora, "hello again")
    await play.wait(timedelta(minutes=2))
    assert play.heard(new.id) == []


async def test_a_topic_is_a_channel(play: House) -> None:
    room = play.api.group("general", forum=True)
    owner = play.api.user("Owner")
    await play.api.admit_bot(room, owner)
    topic = await play.api.topic(room, owner, "Questions")
    await play.settle()
    play.heard(room.id)
    names = {each.name for each in await play.allant.store.channels.all(play.platform.workspace)}
    assert names == {"general", "general/Questions"}
    await play.api.say(
        room,
        owner,
        "@allant_test_bot how do I mute a channel?",
        message_thread_id=topic,
        is_topic_message=True,
        reply_to_message=room.messages[topic],
    )
    await play.settle()
    [said] = play.heard(room.id)
    assert said["message_thread_id"] == topic


async def test_the_commands_are_listed_in_both_languages_and_by_scope(play: House) -> None:
    async with asyncio.timeout(20):
        while len(play.api.commands) < 8:  # noqa: ASYNC110  # Requests tell nobody; one that arrived is not yet obeyed.
            await asyncio.sleep(0.01)
    listed = {scope: [each["command"] for each in commands] for scope, commands in play.api.commands.items()}
    assert {"faq", "tuto", "calendar", "stats", "me", "help", "language"} <= set(listed["default/"])
    assert {"faq", "tuto", "calendrier", "chiffres", "moi", "aide", "langue"} <= set(listed["default/fr"])
    assert "nudge" not in listed["default/"]
    assert "nudge" in listed["all_chat_administrators/"]
    assert "relance" in listed["all_chat_administrators/fr"]
    assert "all_private_chats/fr" in listed
    assert all(each["description"] for commands in play.api.commands.values() for each in commands)
