"""The main job on a real homeserver: the whole bot, its store and files, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.app import Allant, assemble, running
from bot.core.clock import VirtualClock
from bot.core.events import ChannelChanged, CommandGiven, Event, MemberJoined, MessagePosted
from bot.core.platform import OnEvent
from bot.core.signals import What
from bot.markdown import MarkdownRenderer
from bot.platforms.matrix import MatrixPlatform
from bot.settings import Settings, starter_folder
from tests.contract.platform_world import Heard
from tests.wire.matrix_people import Json, Person, Shown, thread_of
from tests.wire.synapse import Synapse

E = TypeVar("E", bound=Event)

POLICY = """
policy: {zone: UTC, quiet_from: "00:00", quiet_to: "00:00", channel_day: 50, channel_week: 50, member_day: 50,
  member_week: 50, working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}
"""
WELCOME = "welcome: {channels: [general], window_minutes: 10}"
POST = """
items:
  - id: rehearsal
    on: "%s"
    to: ["#general"]
    zone: UTC
    words: {en: "Time for **tea**", fr: "C’est l’heure du **thé**"}
"""


class HeardPlatform(MatrixPlatform):
    """The adapter, telling the test what the bot has taken in."""

    heard: Heard

    async def run(self, on_event: OnEvent) -> None:
        async def both(event: Event) -> None:
            await on_event(event)
            await self.heard(event)

        await super().run(both)


class Community:
    """The bot in #general with a host, who animates, and whoever comes."""

    def __init__(self, synapse: Synapse, allant: Allant, platform: HeardPlatform, host: Person, bot: str) -> None:
        self.synapse = synapse
        self.allant = allant
        self.platform = platform
        self.host = host
        self.bot = bot
        self.room = ""
        self.people: list[Person] = [host]

    @property
    def clock(self) -> VirtualClock:
        assert isinstance(self.allant.clock, VirtualClock)
        return self.allant.clock

    async def after(self, kind: type[E], event_id: str) -> None:
        """Let the bot do all that follows from this event."""
        await self.platform.heard.first(kind, lambda each: each.id == event_id)
        await self.allant.settle()

    async def wait(self, time: timedelta) -> None:
        self.clock.move_to(self.clock.now() + time)
        await self.allant.settle()

    async def newcomer(self, name: str, shown: str) -> Person:
        person = Person(self.synapse, self.synapse.register(name, shown=shown))
        self.people.append(person)
        await person.join(self.room)
        await self.platform.heard.first(MemberJoined, lambda each: each.member.ref.id == person.id)
        await self.platform.heard.first(MemberJoined, lambda each: each.channel is not None)
        await self.allant.settle()
        return person

    async def said(self, reader: Person, room: str = "") -> list[Json]:
        found = await reader.messages(room or self.room)
        return [each for each in found if each["sender"] == self.bot]

    async def direct_room(self, person: Person) -> str:
        (room,) = await person.invitations()
        await person.join(room)
        return room


@pytest.fixture
async def community(synapse: Synapse, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Community]:
    name = request.node.name.replace("_", "-")[:60]
    clock = VirtualClock(datetime.now(UTC))
    schedules = tmp_path / "schedules"
    schedules.mkdir()
    (schedules / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (schedules / "welcome.yaml").write_text(WELCOME, encoding="utf-8")
    due = clock.now() + timedelta(hours=2)
    (schedules / "items.yaml").write_text(POST % f"{due:%Y-%m-%d %H:%M}", encoding="utf-8")
    bot = synapse.register(f"{name}-bot", shown="Allant")
    host = Person(synapse, synapse.register(f"{name}-host", shown="Hostess"))
    platform = HeardPlatform(
        homeserver=synapse.url,
        user=bot.id,
        password=bot.password,
        language="en",
        renderer=MarkdownRenderer(),
        state_file=tmp_path / "matrix.json",
    )
    platform.heard = Heard()
    settings = Settings(
        database_url="sqlite://",
        secret_file=tmp_path / "allant.key",
        content_dir=starter_folder("content"),
        schedules_dir=schedules,
        admins=(f"{platform.workspace}/{host.id}",),
        language="en",
    )
    allant = await assemble(settings, [platform], clock=clock)
    found = Community(synapse, allant, platform, host, bot.id)
    try:
        async with running(allant, live=False):
            found.room = await host.create("general", invite=[bot.id])
            await platform.heard.first(ChannelChanged, lambda each: each.channel.ref.id == found.room)
            await allant.settle()
            yield found
    finally:
        for person in found.people:
            await person.close()


async def test_a_person_who_joins_is_welcomed(community: Community) -> None:
    zoe = await community.newcomer("zoe", "Zoé")
    room = await community.direct_room(zoe)
    (welcome,) = await community.said(zoe, room)
    assert "Zoé" in welcome["content"]["body"]
    assert await community.said(community.host) == []
    await community.wait(timedelta(minutes=11))
    (public,) = await community.said(community.host)
    assert public["content"]["m.mentions"] == {"user_ids": [zoe.id]}
    assert Shown(public["content"]["formatted_body"]).pills == {zoe.id}
    assert len(await community.said(zoe, room)) == 1


async def test_a_question_is_answered_in_its_thread_and_found_helpful_by_its_number(community: Community) -> None:
    asked = await community.host.say(community.room, "Allant: how do I mute a channel?", names=[community.bot])
    await community.after(MessagePosted, asked)
    (answer,) = await community.said(community.host)
    assert thread_of(answer["content"]) == asked
    shown = [emoji for _, emoji in await community.host.reactions(community.room, answer["event_id"])]
    assert shown[0] == "1️⃣"
    pressed = await community.host.react(community.room, answer["event_id"], "1️⃣")
    await community.after(CommandGiven, pressed)
    for what in (What.ASKED, What.ANSWERED, What.HELPED):
        counts = await community.allant.store.measures.counts(
            community.platform.workspace, what, datetime(2020, 1, 1, tzinfo=UTC)
        )
        assert sum(counts.values()) == 1


async def test_a_planned_post_arrives_at_its_time_and_once(community: Community) -> None:
    await community.wait(timedelta(hours=1, minutes=50))
    assert await community.said(community.host) == []
    await community.wait(timedelta(minutes=11))
    (post,) = await community.said(community.host)
    assert {"tea", "thé"} <= set(Shown(post["content"]["formatted_body"]).strong)
    await community.wait(timedelta(minutes=11))
    assert len(await community.said(community.host)) == 1


async def test_a_commands_private_answer_is_nobody_elses(community: Community) -> None:
    given = await community.host.say(community.room, "!allant calendar next")
    await community.after(CommandGiven, given)
    assert await community.said(community.host) == []
    room = await community.direct_room(community.host)
    (answer,) = await community.said(community.host, room)
    assert "rehearsal" in answer["content"]["body"] or "tea" in answer["content"]["body"]
    assert await community.host.members(room) <= {community.host.id, community.bot}


async def test_a_conversation_in_a_direct_room(community: Community) -> None:
    room = await community.host.create(invite=[community.bot], is_direct=True, preset="trusted_private_chat")
    await community.platform.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
    asked = await community.host.say(room, "How do I mute a channel?")
    await community.after(MessagePosted, asked)
    (answer,) = await community.said(community.host, room)
    assert thread_of(answer["content"]) is None
    given = await community.host.say(room, "!allant help")
    await community.after(CommandGiven, given)
    assert len(await community.said(community.host, room)) == 2


async def test_an_unasked_answer_comes_in_the_thread_and_goes_with_one_tap(community: Community) -> None:
    asked = await community.host.say(community.room, "How do I mute a channel?")
    await community.after(MessagePosted, asked)
    assert await community.said(community.host) == []
    await community.wait(timedelta(minutes=3))
    (answer,) = await community.said(community.host)
    assert thread_of(answer["content"]) == asked
    pressed = await community.host.react(community.room, answer["event_id"], "2️⃣")
    await community.after(CommandGiven, pressed)
    assert answer["event_id"] not in [each["event_id"] for each in await community.said(community.host)]


async def test_what_is_not_known_goes_to_somebody_who_knows_in_their_language(community: Community) -> None:
    zoe = await community.newcomer("zoe-knows", "Zoé")
    room = await community.direct_room(zoe)
    for text in ("!allant moi langue fr", "!allant expertise sur portails"):
        await community.after(CommandGiven, await zoe.say(room, text))
    question = "Allant: what is the code of the portails in Lille?"
    asked = await community.host.say(community.room, question, names=[community.bot])
    await community.after(MessagePosted, asked)
    said = [each["content"] for each in await community.said(community.host) if "Zoé" in each["content"]["body"]]
    assert thread_of(said[-1]) == asked
    assert "I have asked Zoé" in said[-1]["body"]
    told = (await community.said(zoe, room))[-1]["content"]["body"]
    assert "sujet que vous proposez" in told
    assert "Lille" in told
