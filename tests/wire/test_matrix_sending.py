"""Sending on a real homeserver: once, whatever breaks; buttons by numbers; the session; the limits."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.delivery import Delivery, Kind, Verb
from bot.core.errors import BadInput, RateLimited, Unreachable, Unsure
from bot.core.events import ChannelChanged, CommandGiven, MemberJoined, MessagePosted, ReactionAdded
from bot.core.message import Button, Message
from bot.core.refs import ChannelRef, MessageRef, Place
from bot.markdown import MarkdownRenderer
from bot.platforms.matrix import MatrixPlatform
from tests.contract.platform_world import LATER
from tests.wire.matrix_people import Person
from tests.wire.matrix_world import MatrixWorld
from tests.wire.synapse import Account, Synapse

CHOICE = Message("Did it help?", (Button("Yes", "faq helped"), Button("No", "faq no")))


@pytest.fixture
async def world(synapse: Synapse, tmp_path: Path) -> AsyncIterator[MatrixWorld]:
    world = MatrixWorld(synapse, tmp_path)
    try:
        await world.open()
        yield world
    finally:
        await world.close()


def delivery(world: MatrixWorld, message: Message, key: str = "a", to: Place | None = None, **more: object) -> Delivery:
    return Delivery(
        key=key,
        workspace=world.platform.workspace,
        feature="test",
        kind=Kind.ANSWER,
        to=to or world.channel,
        message=message,
        due=LATER,
        **more,  # type: ignore[arg-type]  # Each test names fields of Delivery.
    )


async def send(world: MatrixWorld, message: Message, key: str = "a", to: Place | None = None) -> MessageRef:
    receipt = await world.platform.do(delivery(world, message, key, to))
    assert receipt.message is not None
    return receipt.message


async def by_bot(world: MatrixWorld, person: Person, room: str) -> list[str]:
    return [each["content"]["body"] for each in await person.messages(room) if each["sender"] == world.bot.id]


async def test_a_restart_between_two_tries_posts_once(world: MatrixWorld) -> None:
    first = await send(world, CHOICE)
    await world.deafen()
    await world.listen()
    assert await send(world, CHOICE) == first
    await world.deafen()
    world.state_file.unlink()  # Even without it: a sign-in with the password takes the same device.
    await world.listen()
    assert await send(world, CHOICE) == first
    assert len(await by_bot(world, world.host, world.channel.id)) == 1
    reactions = await world.host.reactions(world.channel.id, first.id)
    assert sorted(reactions) == [(world.bot.id, "1️⃣"), (world.bot.id, "2️⃣")]


async def test_a_lost_answer_is_unsure_and_repeating_it_posts_once(world: MatrixWorld) -> None:
    await world.platform.do(delivery(world, Message("first")))
    world.relay.lose_answers_to("/send/m.room.message/")
    with pytest.raises(Unsure):
        await world.platform.do(delivery(world, Message("second"), "b"))
    found = await world.platform.find(delivery(world, Message("second"), "b"))
    assert await world.platform.do(delivery(world, Message("second"), "b")) == found
    assert await by_bot(world, world.host, world.channel.id) == ["first", "second"]


async def test_one_direct_room_though_its_making_was_not_answered(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    world.relay.lose_answers_to("/createRoom")
    with pytest.raises(Unsure):
        await send(world, Message("hello"), to=ada)
    await world.deafen()
    await world.listen()
    await asyncio.gather(send(world, Message("hello"), to=ada), send(world, Message("again"), "b", to=ada))
    person = world.people[ada.id]
    (room,) = await person.invitations()
    await person.join(room)
    assert sorted(await by_bot(world, person, room)) == ["again", "hello"]


async def test_a_direct_room_outlives_a_restart_and_the_persons_leaving(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    person = world.people[ada.id]
    first = await send(world, Message("one"), "a", to=ada)
    await person.join(first.channel.id)
    await world.deafen()
    await world.listen()
    second = await send(world, Message("two"), "b", to=ada)
    assert second.channel == first.channel
    await person.leave(first.channel.id)
    # The bot knows of it once it heard something said afterwards.
    said = await world.host.say(world.channel.id, "later")
    await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    third = await send(world, Message("three"), "c", to=ada)
    assert third.channel == first.channel
    assert await person.invitations() == [first.channel.id]


async def test_the_room_that_a_person_opened_is_the_one_used(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    room = await world.direct(ada)
    assert (await send(world, Message("hello"), to=ada)).channel.id == room
    private = await world.platform.do(delivery(world, Message("psst"), "b", visible_to=ada))
    assert private.message is not None
    assert private.message.channel.id == room
    assert await by_bot(world, world.host, world.channel.id) == []


async def test_a_number_chooses_where_it_can_only_mean_that(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    person, room = world.people[ada.id], await world.direct(ada)
    asked = await world.host.say(world.channel.id, "help?")
    threaded = delivery(world, CHOICE, "a", thread=MessageRef(world.channel, asked))
    in_thread = (await world.platform.do(threaded)).message
    alone = await send(world, CHOICE, "b", to=ada)
    said = [
        await person.say(world.channel.id, "2", thread=asked),
        await person.say(room, "1️⃣"),
        await person.say(world.channel.id, "2"),
        await person.say(room, "7"),
    ]
    for identifier in said[2:]:
        await world.heard.first(MessagePosted, lambda each, wanted=identifier: each.message.id == wanted)  # type: ignore[misc]
    chosen = {each.id: each for each in world.heard.events if isinstance(each, CommandGiven)}
    assert set(chosen) == set(said[:2])
    assert [(each.text, each.button, each.message) for each in (chosen[said[0]], chosen[said[1]])] == [
        ("faq no", True, in_thread),
        ("faq helped", True, alone),
    ]


async def test_buttons_gone_from_an_edited_message_are_dead(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    message = await send(world, CHOICE)
    one = Message("Thank you", (Button("Why?", "faq why"),))
    await world.platform.do(delivery(world, one, "b", verb=Verb.EDIT, target=message))
    assert await world.host.reactions(world.channel.id, message.id) == [(world.bot.id, "1️⃣")]
    await world.people[ada.id].react(world.channel.id, message.id, "2️⃣")
    event = await world.heard.first(ReactionAdded)
    assert event.on_bot
    await world.people[ada.id].react(world.channel.id, message.id, "1️⃣")
    assert (await world.heard.first(CommandGiven)).text == "faq why"


async def test_a_very_long_message_comes_in_several_and_its_buttons_at_the_end(world: MatrixWorld) -> None:
    paragraphs = [f"{number}: " + "words & <signs> " * 40 for number in range(120)]
    message = await send(world, Message("\n\n".join(paragraphs), CHOICE.buttons))
    said = await by_bot(world, world.host, world.channel.id)
    assert len(said) > 1
    text = "\n".join(said)
    assert all(f"{number}: words & <signs>" in text for number in range(120))
    assert "Yes" in said[-1]
    assert (await world.host.reactions(world.channel.id, message.id))[0] == (world.bot.id, "1️⃣")


async def test_the_bot_goes_on_after_the_line_was_cut(world: MatrixWorld) -> None:
    await world.relay.cut()
    with pytest.raises(Unreachable):
        await world.platform.do(delivery(world, Message("now?")))
    ada = await world.newcomer("Ada")
    await world.relay.start()
    await world.heard.first(MemberJoined, lambda each: each.member.ref == ada)
    await world.platform.do(delivery(world, Message("now")))
    assert await by_bot(world, world.host, world.channel.id) == ["now"]


async def test_a_session_that_was_ended_is_begun_anew(world: MatrixWorld) -> None:
    kept = json.loads(world.state_file.read_text(encoding="utf-8"))
    own = Person(world.synapse, Account(world.bot.id, "", kept["token"]))
    await own.ask("POST", "/logout")
    await own.close()
    said = await world.host.say(world.channel.id, "still there?")
    await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    now = json.loads(world.state_file.read_text(encoding="utf-8"))
    assert now["device"] == kept["device"]
    assert now["token"] != kept["token"]
    assert world.state_file.stat().st_mode & 0o077 == 0


async def test_secrets_are_in_no_log_and_no_error(
    synapse: Synapse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot = synapse.register("wrong-password")
    for password, token in (("not-the-SECRET", ""), ("", "syt_SECRET")):
        platform = MatrixPlatform(
            homeserver=synapse.url,
            user=bot.id,
            password=password,
            access_token=token,
            language="fr",
            renderer=MarkdownRenderer(),
            state_file=tmp_path / "matrix.json",
        )
        with pytest.raises(BadInput, match="ALLANT_MATRIX") as caught:
            await platform.run(lambda event: asyncio.sleep(0))
        await platform.close()
        assert "SECRET" not in str(caught.value)
    assert "SECRET" not in caplog.text


async def test_an_access_token_of_the_settings_is_used(synapse: Synapse, tmp_path: Path) -> None:
    bot, host = synapse.register("with-token"), Person(synapse, synapse.register("with-token-host"))
    room = await host.create("general", invite=[bot.id])
    platform = MatrixPlatform(
        homeserver=synapse.url,
        user=bot.id,
        access_token=bot.token,
        language="fr",
        renderer=MarkdownRenderer(),
        state_file=tmp_path / "matrix.json",
    )
    joined: asyncio.Future[ChannelRef] = asyncio.get_running_loop().create_future()

    async def on_event(event: object) -> None:
        if isinstance(event, ChannelChanged) and not joined.done():
            joined.set_result(event.channel.ref)

    listening = asyncio.create_task(platform.run(on_event))
    assert (await asyncio.wait_for(joined, 20)).id == room
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await platform.close()
    await host.close()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"homeserver": "matrix.example.org"}, "ALLANT_MATRIX_HOMESERVER"),
        ({"user": "allant"}, "ALLANT_MATRIX_USER"),
        ({"password": ""}, "ALLANT_MATRIX_PASSWORD"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, str], named: str, tmp_path: Path) -> None:
    settings = {"homeserver": "https://example.org", "user": "@allant:example.org", "password": "x"} | wrong
    with pytest.raises(BadInput, match=named):
        MatrixPlatform(language="en", renderer=MarkdownRenderer(), state_file=tmp_path / "matrix.json", **settings)


def test_a_damaged_state_file_is_named_and_kept(tmp_path: Path) -> None:
    damaged = tmp_path / "matrix.json"
    damaged.write_text('{"since": "s1', encoding="utf-8")
    with pytest.raises(BadInput, match="ALLANT_MATRIX_STATE_FILE"):
        MatrixPlatform(
            homeserver="https://example.org",
            user="@allant:example.org",
            password="x",
            language="en",
            renderer=MarkdownRenderer(),
            state_file=damaged,
        )
    assert damaged.read_text(encoding="utf-8") == '{"since": "s1'


async def test_the_homeservers_own_limits_are_told_and_obeyed(limited_synapse: Synapse, tmp_path: Path) -> None:
    world = MatrixWorld(limited_synapse, tmp_path)
    try:
        await world.open()
        sent, limited = 0, None
        while limited is None:
            assert sent < 30, "the default limits allow far fewer at once"
            try:
                await send(world, Message(f"message {sent}"), f"key {sent}")
                sent += 1
            except RateLimited as error:
                limited = error
        assert 0 < limited.retry_after < 30
        await asyncio.sleep(limited.retry_after)
        await send(world, Message(f"message {sent}"), f"key {sent}")
        expected = [f"message {number}" for number in range(sent + 1)]
        assert await by_bot(world, world.host, world.channel.id) == expected
    finally:
        await world.close()
