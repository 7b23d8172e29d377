"""Signals: what happens is counted without words, bots and private talk are not, and figures hide small groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.actions import Send
from bot.core.community import Member
from bot.core.delivery import Kind
from bot.core.events import MemberJoined, MemberLeft, MessagePosted, ReactionAdded, Started
from bot.core.feature import Context, Feature, Listener
from bot.core.message import Message
from bot.core.refs import MessageRef
from bot.core.signals import What
from bot.platforms.playground import Person
from handlers import FEATURES, signals
from handlers.signals import parse_request
from tests.handlers.stage import ANN, BEN, CHLOE, MONDAY, PEOPLE, Stage, stage

CROWD = tuple(Person(id=f"p{number}", name=f"Person {number}") for number in range(6))


async def _post(ctx: Context, event: Started) -> None:
    channel = await ctx.channel_named("random")
    assert channel is not None
    ctx.do(Send(to=channel.ref, message=Message("What are you reading?"), kind=Kind.PROMPT, key="prompt"))


SPEAKER = Feature(name="speaker", listeners=(Listener(Started, _post),))
"""Something that speaks unasked, for people to reply to."""


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    features = (signals.FEATURE, SPEAKER)
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules={}, features=features) as play:
        yield play


async def number(play: Stage, what: What) -> int:
    return sum((await play.allant.store.measures.counts(play.workspace, what, MONDAY - timedelta(days=1))).values())


async def test_messages_replies_reactions_and_comings_are_counted_once(play: Stage) -> None:
    root = await play.say(ANN, "general", "I moved the build")
    await play.say(BEN, "general", "thank you", thread=root)
    play.server.react(CHLOE.id, root.id, "🎉")
    await play.arrive(Person(id="nina", name="Nina"))
    await play.settle()
    assert await number(play, What.POSTED) == 1
    assert await number(play, What.REPLIED) == 1
    assert await number(play, What.REACTED) == 1
    assert await number(play, What.BOT_REACTED) == 0
    assert await number(play, What.JOINED) > 0
    channel = await play.allant.store.channels.get(play.channel("general"))
    assert channel is not None
    assert channel.last_message_at == play.clock.now()


async def test_an_event_delivered_again_counts_once(play: Stage) -> None:
    message = MessageRef(play.channel("general"), "again")
    event = MessagePosted(
        id="e1", at=MONDAY, workspace=play.workspace, message=message, member=play.member(ANN.id), text="hi"
    )
    await play.allant.dispatcher.handle(event)
    await play.allant.dispatcher.handle(event)
    assert await number(play, What.POSTED) == 1


async def test_replies_and_reactions_to_the_bots_own_posts_are_told_apart(play: Stage) -> None:
    (post,) = play.said_in("random")
    await play.say(ANN, "random", "A book on bees", thread=post)
    play.server.react(BEN.id, post.id, "🐝")
    await play.settle()
    assert await number(play, What.BOT_REPLIED) == 1
    assert await number(play, What.BOT_REACTED) == 1


async def test_private_talk_and_bots_are_not_counted(play: Stage) -> None:
    await play.tell(ANN, "a secret between us")
    robot = play.member("robot")
    common = {"at": MONDAY, "workspace": play.workspace}
    member = replace(await _member(play, ANN), ref=robot, bot=True)
    await play.allant.store.register([member])
    message = MessageRef(play.channel("general"), "m1")
    for event in (
        MemberJoined(id="b1", member=member, channel=play.channel("general"), **common),  # type: ignore[arg-type]
        MessagePosted(id="b2", message=message, member=robot, text="beep", by_bot=True, **common),  # type: ignore[arg-type]
        ReactionAdded(id="b3", message=message, member=robot, emoji="🤖", **common),  # type: ignore[arg-type]
        MemberLeft(id="b4", member=robot, channel=play.channel("general"), **common),  # type: ignore[arg-type]
    ):
        await play.allant.dispatcher.handle(event)
    for what in (What.POSTED, What.REACTED, What.LEFT):
        assert await number(play, what) == 0


async def _member(play: Stage, person: Person) -> Member:
    found = await play.allant.store.members.get(play.member(person.id))
    assert found is not None
    return found


async def test_no_words_reach_the_signals(play: Stage) -> None:
    await play.say(ANN, "general", "the purple zebra arrives at noon")
    assert "zebra" not in repr(await play.allant.store.notes.about(play.member(ANN.id)))


async def test_stats_hide_small_groups_and_show_larger_ones(play: Stage) -> None:
    for person in CROWD[:3]:
        await play.say(person, "general", "hello all")
    said = await play.ask(ANN, "stats")
    assert "Active members: fewer than 5 in a day" in said
    for person in CROWD:
        await play.say(person, "general", "hello again")
    said = await play.ask(CHLOE, "chiffres")
    assert "Membres actifs : 7 en un jour" in said
    assert "Messages : 9" in said


async def test_the_threshold_of_the_policy_holds_in_the_chat(tmp_path: Path) -> None:
    policy = {"policy.yaml": "policy: {threshold: 7}"}
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=policy, features=(signals.FEATURE,)) as play:
        for person in CROWD:
            await play.say(person, "general", "hello all")
        assert "Membres actifs : moins de 7 en un jour" in await play.ask(CHLOE, "chiffres")
        assert "Active members: 7 in a day" in await play.ask(ANN, "stats")


async def test_stats_of_a_channel_and_of_more_weeks(play: Stage) -> None:
    for person in CROWD:
        await play.say(person, "ideas", "less meetings")
    assert "The last 8 weeks** in #ideas" in (await play.ask(ANN, "stats #ideas 8")).replace("\\", "")
    assert "La dernière semaine" in await play.ask(CHLOE, "chiffres 1")
    assert "know no channel" in await play.ask(ANN, "stats #nowhere")
    assert "do not understand" in await play.ask(ANN, "stats #ideas 8 tomorrow")
    assert "ne comprends pas" in await play.ask(CHLOE, "chiffres 1000")


async def test_silent_channels_are_named_and_no_person(play: Stage) -> None:
    await play.say(ANN, "general", "hello")
    said = (await play.ask(ANN, "stats")).replace("\\", "")
    assert "#learning" in said
    assert "#general" not in said.partition("Silent")[2]
    assert "Ann" not in said


@pytest.mark.parametrize(
    ("text", "request_"),
    [("", ("", 4)), ("8", ("", 8)), ("#general", ("#general", 4)), ("12 general", ("general", 12))],
)
def test_what_is_asked_for(text: str, request_: tuple[str, int]) -> None:
    assert parse_request(text) == request_


@pytest.mark.parametrize("text", ["0", "105", "#a #b", "99999 x y"])
def test_what_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_request(text)


def test_the_feature_is_registered() -> None:
    assert signals.FEATURE in FEATURES
