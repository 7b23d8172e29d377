"""What Slack tells, in our words: a payload of each kind, and whatever else comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import PlatformError
from bot.core.events import (
    ChannelChanged,
    CommandGiven,
    Event,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.refs import WorkspaceRef
from bot.platforms.slack import reading
from bot.platforms.slack.inbound import Inbound, lane_of
from bot.platforms.slack.installation import Installation
from bot.platforms.slack.people import People
from bot.platforms.slack.reading import Json
from tests.wire.slack_org import BOT_ID, BOT_USER, TEAM
from tests.wire.slack_world import SlackWorld

WORKSPACE = WorkspaceRef("slack", TEAM)


@pytest.fixture
async def world() -> AsyncIterator[SlackWorld]:
    made = SlackWorld()
    try:
        await made.open()
        yield made
    finally:
        await made.close()


async def read(world: SlackWorld, event: Json, **body: Any) -> Sequence[Event]:
    whole = {
        "type": "event_callback",
        "team_id": TEAM,
        "event_id": "Ev1",
        "event_time": 1595926230,
        "event": event,
    } | body
    return [each async for each in world.platform.inbound.events(whole)]


def user(world: SlackWorld, **more: Any) -> Json:
    return world.server.org.new_user("Ada Lovelace", **more)


async def test_who_is_a_guest(world: SlackWorld) -> None:
    for more, guest in (
        ({}, False),
        ({"is_restricted": True}, True),
        ({"is_ultra_restricted": True}, True),
        ({"is_stranger": True, "team_id": "T0OTHER"}, True),
        ({"team_id": "T0OTHER"}, True),
        ({"team_id": "T0OTHER", "enterprise_user": {"enterprise_id": "E1", "teams": [TEAM]}}, False),
    ):
        (event,) = await read(world, {"type": "team_join", "user": user(world, **more)})
        assert isinstance(event, MemberJoined)
        assert event.member.guest is guest, more


async def test_a_newcomer_has_name_language_and_zone(world: SlackWorld) -> None:
    told = user(world, locale="fr-CA", tz="America/Montreal")
    # The event says no locale: it is asked for.
    (event,) = await read(world, {"type": "team_join", "user": {k: v for k, v in told.items() if k != "locale"}})
    assert isinstance(event, MemberJoined)
    assert (event.id, event.channel) == ("Ev1", None)
    member = event.member
    assert (member.name, member.language, member.zone) == ("Ada Lovelace", "fr", "America/Montreal")


async def test_whoever_comes_faster_than_slack_answers_gets_their_language_later(world: SlackWorld) -> None:
    world.server.faults["users.info"].append("429")
    told = user(world, locale="fr-FR")
    (event,) = await read(world, {"type": "team_join", "user": {k: v for k, v in told.items() if k != "locale"}})
    assert isinstance(event, MemberJoined)
    assert event.member.language == "en"
    later = await world.heard_one(MemberChanged, lambda each: each.member.ref == event.member.ref)
    assert later.member.language == "fr"


async def test_bots_and_deactivated_people(world: SlackWorld) -> None:
    assert await read(world, {"type": "team_join", "user": user(world, is_bot=True)}) == []
    (left,) = await read(world, {"type": "user_change", "user": user(world, deleted=True)})
    assert isinstance(left, MemberLeft)
    assert left.channel is None
    (changed,) = await read(world, {"type": "user_change", "user": user(world, tz="Asia/Tokyo")})
    assert isinstance(changed, MemberChanged)
    assert changed.member.zone == "Asia/Tokyo"


async def test_channels_come_and_go(world: SlackWorld) -> None:
    made = {"id": "C0NEW", "name": "new-one", "created": 1, "creator": "U1"}
    (event,) = await read(world, {"type": "channel_created", "channel": made})
    assert isinstance(event, ChannelChanged)
    assert (event.channel.ref.id, event.channel.name, event.channel.archived) == ("C0NEW", "new-one", False)
    (event,) = await read(
        world, {"type": "channel_rename", "channel": {"id": "C0NEW", "name": "renamed", "created": 1}}
    )
    assert isinstance(event, ChannelChanged)
    assert event.channel.name == "renamed"
    (event,) = await read(world, {"type": "channel_archive", "channel": world.channel.id, "user": "U1"})
    assert isinstance(event, ChannelChanged)
    assert (event.channel.name, event.channel.archived) == ("general", True)
    (event,) = await read(world, {"type": "channel_unarchive", "channel": world.channel.id, "user": "U1"})
    assert isinstance(event, ChannelChanged)
    assert not event.channel.archived
    # The bot itself comes into a channel: no member joins, but the channel is one from now on.
    (event,) = await read(world, {"type": "member_joined_channel", "user": BOT_USER, "channel": world.channel.id})
    assert isinstance(event, ChannelChanged)


async def test_what_is_said_has_one_id_whoever_tells_it(world: SlackWorld) -> None:
    said = {"channel": "C1", "user": "U1", "text": f"<@{BOT_USER}> where do I start?", "ts": "1.000100"}
    (message,) = await read(world, said | {"type": "message", "channel_type": "channel"})
    (mention,) = await read(world, said | {"type": "app_mention"}, event_id="Ev2")
    assert isinstance(message, MessagePosted)
    assert isinstance(mention, MessagePosted)
    assert message.id == mention.id
    assert (mention.text, mention.mentions_bot) == ("where do I start?", True)


async def test_subtypes_of_messages(world: SlackWorld) -> None:
    base = {"type": "message", "channel": "C1", "user": "U1", "text": "words", "ts": "2.0", "channel_type": "channel"}
    for subtype in ("file_share", "me_message", "thread_broadcast"):
        (event,) = await read(world, base | {"subtype": subtype})
        assert isinstance(event, MessagePosted)
        assert not event.by_bot
    for subtype in ("channel_join", "channel_topic", "huddle_thread", "message_replied", "reminder_add", "invented"):
        assert await read(world, base | {"subtype": subtype}) == []
    (other,) = await read(world, base | {"subtype": "bot_message", "bot_id": "B9", "user": None})
    assert isinstance(other, MessagePosted)
    assert other.by_bot
    assert await read(world, base | {"bot_id": BOT_ID, "user": BOT_USER}) == []
    (reply,) = await read(world, base | {"thread_ts": "1.0"})
    assert isinstance(reply, MessagePosted)
    assert reply.thread is not None
    assert reply.thread.id == "1.0"
    (root,) = await read(world, base | {"thread_ts": "2.0"})
    assert isinstance(root, MessagePosted)
    assert root.thread is None


async def test_edits_and_deletions(world: SlackWorld) -> None:
    old = {"type": "message", "user": "U1", "text": "teh", "ts": "3.0"}
    changed = {"type": "message", "subtype": "message_changed", "channel": "C1", "ts": "4.0", "hidden": True}
    (event,) = await read(world, changed | {"message": old | {"text": "the"}, "previous_message": old})
    assert isinstance(event, MessageEdited)
    assert event.message.id == "3.0"
    unfurled = old | {"attachments": [{"id": 1}]}
    assert await read(world, changed | {"message": unfurled, "previous_message": old}) == []
    stone = old | {"subtype": "tombstone", "text": "This message was deleted."}
    (event,) = await read(world, changed | {"message": stone, "previous_message": old})
    assert isinstance(event, MessageDeleted)
    gone = {"type": "message", "subtype": "message_deleted", "channel": "C1", "ts": "5.0", "deleted_ts": "3.0"}
    (event,) = await read(world, gone | {"previous_message": old})
    assert isinstance(event, MessageDeleted)
    assert event.message.id == "3.0"


async def test_reactions(world: SlackWorld) -> None:
    item = {"type": "message", "channel": "C1", "ts": "3.0"}
    added = {"type": "reaction_added", "user": "U1", "reaction": "+1::skin-tone-3", "item_user": BOT_USER, "item": item}
    (event,) = await read(world, added)
    assert isinstance(event, ReactionAdded)
    assert (event.emoji, event.on_bot) == ("👍", True)
    (event,) = await read(world, added | {"type": "reaction_removed", "reaction": "our_own_party"})
    assert isinstance(event, ReactionRemoved)
    assert event.emoji == "our_own_party"
    assert await read(world, added | {"item": {"type": "file", "file": "F1"}}) == []
    assert await read(world, added | {"user": BOT_USER}) == []


async def test_a_first_word_to_the_bot_alone_tells_of_the_conversation(world: SlackWorld) -> None:
    said = {"type": "message", "channel": "D1", "user": "U1", "text": "psst", "ts": "6.0", "channel_type": "im"}
    room, first = await read(world, said)
    assert isinstance(room, ChannelChanged)
    assert room.channel.direct
    assert isinstance(first, MessagePosted)
    assert first.direct
    assert len(await read(world, said | {"ts": "7.0"})) == 1


async def test_a_typed_command_in_a_thread(world: SlackWorld) -> None:
    said = {"type": "message", "channel": "C1", "user": "U1", "ts": "8.0", "thread_ts": "1.0"}
    (event,) = await read(world, said | {"text": f"<@{BOT_USER}> !allant faq write\ntitle: a &amp; b"})
    assert isinstance(event, CommandGiven)
    assert event.text == "faq write\ntitle: a & b"
    assert event.thread is not None


async def test_somebody_of_a_connected_organisation_is_made_known_as_a_guest(world: SlackWorld) -> None:
    eve = user(world, is_stranger=True, team_id="T0OTHER")["id"]
    said = {"type": "message", "channel": "C1", "user": eve, "user_team": "T0OTHER", "team": "T0OTHER", "text": "hi"}
    known, first = await read(world, said | {"ts": "9.0"})
    assert isinstance(known, MemberChanged)
    assert known.member.guest
    assert isinstance(first, MessagePosted)
    assert len(await read(world, said | {"ts": "10.0"})) == 1


async def test_a_name_that_cannot_be_asked_for_is_done_without_at_the_last_try(world: SlackWorld) -> None:
    joined = {"type": "member_joined_channel", "user": user(world)["id"], "channel": "C1", "team": TEAM}
    world.server.faults["users.info"] += ["500", "500"]
    with pytest.raises(PlatformError):
        await read(world, joined)
    whole = {"event_id": "Ev1", "event": joined}
    (event,) = [each async for each in world.platform.inbound.events(whole, last_try=True)]
    assert isinstance(event, MemberJoined)
    assert event.member.name == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;here&amp;gt;", "&lt;here&gt;"),
        ("<@U1|ada> and <@U2>", "@ada and @U2"),
        ("<#C1|general> <!here> <!subteam^S1|@team>", "#general @here @team"),
        ("<https://example.org> <http://example.org|example.org>", "https://example.org example.org"),
        ("<https://example.org/a|our page>", "our page (https://example.org/a)"),
        ("<mailto:a@example.org|a@example.org>", "a@example.org"),
        ("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014"),
        ("1 < 2 <>", "1 < 2 <>"),
    ],
)
def test_what_people_write_is_read_as_they_see_it(said: str, words: str) -> None:
    assert reading.words(said) == words


def test_a_command_names_people_and_places_exactly() -> None:
    said = "role <@U1|ada> <#C1|general> <https://example.org/a|example.org/a> a &amp; b"
    assert reading.arguments(said) == "role @U1 #C1 https://example.org/a a & b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
PARTS = (
    *("channel", "user", "text", "ts", "subtype", "thread_ts", "message", "previous_message", "item", "reaction"),
    *("bot_id", "channel_type", "event_ts", "deleted_ts", "user_team"),
)
KINDS = (
    *("message", "app_mention", "team_join", "user_change", "member_joined_channel", "member_left_channel"),
    *("reaction_added", "reaction_removed", "channel_rename", "channel_archive", "channel_created", "invented"),
)


class Silent(People):
    """Nobody to ask."""

    def __init__(self) -> None:
        super().__init__(None, WORKSPACE, "en")  # type: ignore[arg-type]  # It asks nothing.

    async def _user(self, identifier: str) -> Json:
        return {"id": identifier}

    async def channel(self, identifier: str, *, archived: bool = False) -> None:
        return None


@settings(deadline=None, max_examples=80)
@given(st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional=dict.fromkeys(PARTS, JSON)), JSON)
async def test_unknown_shapes_give_nothing_and_break_nothing(event: Json, at: Any) -> None:
    inbound = Inbound(Installation(team=TEAM, token="", bot_user=BOT_USER, bot=BOT_ID), WORKSPACE, Silent())
    lane_of(event)
    found = [each async for each in inbound.events({"event_id": "Ev1", "event_time": at, "event": event})]
    assert all(each.id for each in found)
    assert [each async for each in inbound.events({"event": event})] == []
