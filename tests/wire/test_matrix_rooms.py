"""Rooms on a real homeserver: who is new, what is old, what a restart finds, what cannot be read."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from bot.core.community import Channel, Member
from bot.core.events import (
    ChannelChanged,
    Event,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.refs import MemberRef
from tests.wire.matrix_people import Json
from tests.wire.matrix_world import MatrixWorld
from tests.wire.synapse import Synapse

E = TypeVar("E", bound=Event)


@pytest.fixture
async def world(synapse: Synapse, tmp_path: Path) -> AsyncIterator[MatrixWorld]:
    world = MatrixWorld(synapse, tmp_path)
    try:
        await world.open()
        yield world
    finally:
        await world.close()


def heard(world: MatrixWorld, kind: type[E]) -> Sequence[E]:
    return [each for each in world.heard.events if isinstance(each, kind)]


async def marker(world: MatrixWorld, room: str = "") -> None:
    """Returns once everything the room had before is heard."""
    message = await world.host.say(room or world.channel.id, "a marker")
    await world.heard.first(MessagePosted, lambda each: each.message.id == message)


def joins(world: MatrixWorld, member: MemberRef) -> list[str]:
    """The rooms (or "workspace") of the member's joins, in order."""
    found = [each for each in heard(world, MemberJoined) if each.member.ref == member]
    return [each.channel.id if each.channel else "workspace" for each in found]


async def test_whoever_was_there_before_the_bot_is_no_newcomer(world: MatrixWorld) -> None:
    ada = await world.newcomer("Ada")
    await world.heard.first(MemberJoined, lambda each: each.member.ref == ada)
    host = MemberRef(world.platform.workspace, world.host.id)
    room = await world.host.create("ideas")
    await world.people[ada.id].join(room)
    await world.host.say(room, "from before")
    await world.host.invite(room, world.bot.id)
    await world.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
    await marker(world, room)
    assert joins(world, ada) == ["workspace", world.channel.id]
    assert joins(world, host) == []
    assert "from before" not in [each.text for each in heard(world, MessagePosted)]
    known = {each.member.ref: each.member.name for each in heard(world, MemberChanged)}
    assert known[ada] == "Ada", "those already there are made known by name"


async def test_a_newcomer_to_two_channels_arrives_in_the_workspace_once(world: MatrixWorld) -> None:
    room = await world.host.create("ideas", invite=[world.bot.id])
    await world.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
    ada = await world.newcomer("Ada")
    await world.people[ada.id].join(room)
    await world.heard.first(MemberJoined, lambda each: each.channel is not None and each.channel.id == room)
    assert joins(world, ada) == ["workspace", world.channel.id, room]
    await world.people[ada.id].leave(room)
    await world.people[ada.id].leave(world.channel.id)
    await world.heard.first(MemberLeft, lambda each: each.channel is None)
    left = [each.channel.id if each.channel else "workspace" for each in heard(world, MemberLeft)]
    assert left == [room, world.channel.id, "workspace"]


async def test_what_happened_while_the_bot_was_away_is_heard_once_and_in_order(world: MatrixWorld) -> None:
    room = await world.host.create("ideas", invite=[world.bot.id])
    await world.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
    bea = await world.newcomer("Bea")
    await world.heard.first(MemberJoined, lambda each: each.member.ref == bea)
    await marker(world)
    await world.deafen()
    ada = await world.newcomer("Ada")
    await world.people[ada.id].join(room)
    await world.people[bea.id].leave(world.channel.id)
    said = [await world.host.say(world.channel.id, f"message {number}") for number in range(130)]
    before = {each.id for each in world.heard.events}
    await world.listen()
    found = [each async for each in world.platform.directory()]
    assert ada in {each.ref for each in found if isinstance(each, Member)}
    await world.heard.first(MessagePosted, lambda each: each.message.id == said[-1])
    assert joins(world, ada) == ["workspace", world.channel.id, room], "although a full page of messages came after"
    assert [each.channel for each in heard(world, MemberLeft)] == [world.channel, None]
    # What it heard last may come again, because its being read was perhaps not written down: the inbox drops that.
    news = [each for each in heard(world, MessagePosted) if each.id not in before]
    assert [each.message.id for each in news] == said
    assert joins(world, bea) == ["workspace", world.channel.id]


async def test_what_was_not_kept_before_a_crash_is_heard_at_the_next_start(world: MatrixWorld) -> None:
    world.heard.refuse_next(1000)
    said = await world.host.say(world.channel.id, "remember this")
    while said not in [each.id for each in world.heard.refused]:
        await world.host.members(world.channel.id)
    await world.deafen()
    world.heard.refuse_next(0)
    await world.listen()
    await world.heard.first(MessagePosted, lambda each: each.message.id == said)


async def test_the_directory_comes_before_the_news_at_a_start(world: MatrixWorld) -> None:
    await world.deafen()
    ada = await world.newcomer("Ada")
    said = await world.people[ada.id].say(world.channel.id, "anybody here?")
    world.platform = world.make_platform()
    found = [each async for each in world.platform.directory()]
    channel = next(each for each in found if isinstance(each, Channel) and each.ref == world.channel)
    assert (channel.name, channel.direct, channel.archived) == ("general", False, False)
    assert channel.last_message_at is not None
    await world.platform.close()
    await world.listen()
    await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    assert joins(world, ada) == ["workspace", world.channel.id]


async def test_an_invitation_of_the_first_sync_survives_a_crash_before_the_join(
    synapse: Synapse, tmp_path: Path
) -> None:
    world = MatrixWorld(synapse, tmp_path)
    try:
        await world.relay.start()
        room = await world.host.create("general", invite=[world.bot.id])
        world.relay.lose_answers_to("/join", times=1000)
        await world.listen()
        while world.relay.lost == 0:
            await world.host.members(room)
        await world.deafen()
        # Synapse repeats a first sync from its cache for a while, which would hide that nothing was written down.
        kept = json.loads(world.state_file.read_text(encoding="utf-8"))
        assert (bool(kept["since"]), kept["invited"]) == (True, [room])
        world.relay.lose_answers_to("/join", times=0)
        said = await world.host.say(room, "are you there?")
        await world.listen()
        await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    finally:
        await world.close()


async def test_a_channel_is_renamed_and_the_bot_removed(world: MatrixWorld) -> None:
    await world.host.state(world.channel.id, "m.room.name", {"name": "#The lounge"})
    event = await world.heard.first(ChannelChanged, lambda each: each.channel.name == "The lounge")
    assert not event.channel.archived
    await world.host.ask("POST", f"/rooms/{world.channel.id}/kick", {"user_id": world.bot.id})
    gone = await world.heard.first(ChannelChanged, lambda each: each.channel.archived)
    assert gone.channel.ref == world.channel


async def test_a_person_who_changes_their_name_is_heard_of_once(world: MatrixWorld) -> None:
    room = await world.host.create("ideas", invite=[world.bot.id])
    await world.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
    ada = await world.newcomer("Ada")
    await world.people[ada.id].join(room)
    await world.people[ada.id].call_oneself("Ada\nLovelace")
    await marker(world)
    await marker(world, room)
    changed = [each.member for each in heard(world, MemberChanged) if each.member.ref == ada]
    assert [each.name for each in changed] == ["Ada Lovelace"]
    assert not changed[0].guest


async def test_a_room_with_one_person_is_a_conversation_and_with_two_a_channel(world: MatrixWorld) -> None:
    ada, bea = await world.newcomer("Ada"), await world.newcomer("Bea")
    room = await world.direct(ada)
    first = next(each.channel for each in heard(world, ChannelChanged) if each.channel.ref.id == room)
    assert (first.direct, first.name) == (True, "Ada")
    await world.people[ada.id].invite(room, bea.id)
    now = await world.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room and not each.channel.direct)
    assert now.channel.name == room
    said = await world.people[ada.id].say(room, "not for the bot alone any more")
    event = await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    assert not event.direct


async def test_encryption_is_named_once_in_both_languages(world: MatrixWorld) -> None:
    algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
    await world.host.state(world.channel.id, "m.room.encryption", algorithm)
    await marker(world)
    await world.deafen()
    await world.listen()
    sealed = await world.host.send(world.channel.id, "m.room.encrypted", algorithm | {"ciphertext": "sealed"})
    event = await world.heard.first(MessagePosted, lambda each: each.message.id == sealed)
    assert event.text == ""
    notices = [each for each in await world.host.messages(world.channel.id) if each["sender"] == world.bot.id]
    assert len(notices) == 1
    assert "chiffré" in notices[0]["content"]["body"]
    assert "end-to-end encrypted" in notices[0]["content"]["body"]


async def test_a_bot_is_known_by_its_notices(world: MatrixWorld) -> None:
    said = await world.host.send(world.channel.id, "m.room.message", {"msgtype": "m.notice", "body": "beep"})
    event = await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    assert event.by_bot


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("@allant comment faire ?", True),
        ("Allant: how do I start?", True),
        ("en allant au bureau", False),
        ("Allant au bureau, j’ai vu un chat", False),
    ],
)
async def test_an_old_app_names_the_bot_in_words_alone(world: MatrixWorld, body: str, named: bool) -> None:
    said = await world.host.send(world.channel.id, "m.room.message", {"msgtype": "m.text", "body": body})
    event = await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    assert event.mentions_bot is named


async def test_a_quotation_before_a_reply_is_not_taken_for_the_persons_words(world: MatrixWorld) -> None:
    asked = await world.host.say(world.channel.id, "secret plans?")
    relates: Json = {"m.relates_to": {"m.in_reply_to": {"event_id": asked}}}
    quoted = f"> <{world.host.id}> secret plans?\n\nnone here"
    said = await world.host.say(world.channel.id, quoted, **relates)
    event = await world.heard.first(MessagePosted, lambda each: each.message.id == said)
    assert (event.text, event.thread) == ("none here", None)


async def test_a_reaction_is_taken_back(world: MatrixWorld) -> None:
    message = await world.host.say(world.channel.id, "look")
    reaction = await world.host.react(world.channel.id, message, "👍")
    await world.heard.first(ReactionAdded)
    await world.host.redact(world.channel.id, reaction)
    event = await world.heard.first(ReactionRemoved)
    assert (event.message.id, event.member.id, event.emoji) == (message, world.host.id, "👍")


STRANGE: list[tuple[str, Json]] = [
    ("m.room.message", {}),
    ("m.room.message", {"msgtype": "m.text", "words": "SECRET"}),
    ("m.room.message", {"msgtype": 7, "body": ["SECRET"]}),
    ("m.room.message", {"msgtype": "m.text", "body": "SECRET", "format": {"a": 1}}),
    ("m.room.message", {"msgtype": "m.text", "body": "SECRET", "m.mentions": ["SECRET"]}),
    ("m.room.message", {"msgtype": "m.text", "body": "1", "m.relates_to": {"m.in_reply_to": {"event_id": "SECRET"}}}),
    ("m.room.message", {"msgtype": "m.image", "body": "SECRET.png", "url": "mxc://x/y"}),
    ("m.reaction", {"m.relates_to": "SECRET"}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "key": {}}}),
    ("org.example.poll", {"question": "SECRET"}),
]


async def test_strange_events_neither_stop_the_bot_nor_reach_its_log(
    world: MatrixWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for number, (kind, content) in enumerate(STRANGE):
        path = f"/rooms/{world.channel.id}/send/{kind}/strange-{number}"
        answer = await world.host.try_to("PUT", path, content)
        assert answer.status_code in (200, 400), answer.text
    await marker(world)
    assert "SECRET" not in "".join(record.getMessage() for record in caplog.records if record.name != "httpx")
