"""How what Slack sends is taken in: acknowledged once durable and in time, once each, and only from Slack itself."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bot.core.delivery import Delivery, Kind
from bot.core.errors import BadInput, Unsure
from bot.core.events import CommandGiven, Event, MessagePosted
from bot.core.message import Field, Form, Message
from bot.core.webhook import WebRequest
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import Installation, SlackApp
from tests.contract.platform_world import LATER, Heard
from tests.wire.slack_org import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Json, Organisation
from tests.wire.slack_people import People, text_of
from tests.wire.slack_server import Manners, signed
from tests.wire.slack_world import SlackWorld

SOON = 0.3
"""Seconds in which things must be acknowledged here, so that no test waits for Slack's three."""


class Slow:
    """A store that takes its time until it is let go."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.go = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        await self.go.wait()
        if event.id not in {each.id for each in self.heard.events}:
            await self.heard(event)


@pytest.fixture
async def world() -> AsyncIterator[SlackWorld]:
    made = SlackWorld(manners=Manners(ack_seconds=1.0, redeliver=(0.05, 0.1, 0.2)))
    try:
        await made.open()
        yield made
    finally:
        await made.close()


@pytest.fixture
def slow(world: SlackWorld) -> Slow:
    """The store is slow, and the adapter has little time."""
    found = Slow(world.heard)
    world.platform.on_event = found
    world.app._reception._in_time = SOON
    return found


async def until_quiet(world: SlackWorld) -> None:
    """All that was sent is acknowledged or given up."""
    async with asyncio.timeout(20):
        while world.server._tasks:
            await asyncio.gather(*world.server._tasks, return_exceptions=True)


async def test_an_event_is_not_acknowledged_before_it_is_durable(world: SlackWorld, slow: Slow) -> None:
    ada = world.server.org.new_user("Ada")["id"]
    world.people.say(ada, world.channel.id, "please keep this")
    while world.server.retries < 2:  # noqa: ASYNC110  # The fake Slack's own count.
        await asyncio.sleep(0.02)
    assert world.heard.events == []
    slow.go.set()
    await until_quiet(world)
    # It came several times, and every time it was the same.
    assert [each.text for each in world.heard.events if isinstance(each, MessagePosted)] == ["please keep this"]
    assert world.server.undelivered == []


async def test_who_gives_a_command_is_told_in_time_that_it_takes_longer(world: SlackWorld, slow: Slow) -> None:
    ada = world.server.org.new_user("Ada")["id"]
    world.server.org.members[world.channel.id].add(ada)
    began = time.monotonic()
    said = await world.people.slash(ada, world.channel.id, "help")
    assert time.monotonic() - began < 1.0
    assert said is not None
    assert "try again" in said["text"]
    slow.go.set()
    event = await world.heard_one(CommandGiven)
    assert event.text == "help"


async def test_who_gives_a_command_that_cannot_be_kept_is_told_so(world: SlackWorld) -> None:
    ada = world.server.org.new_user("Ada")["id"]
    world.heard.refuse_next()
    said = await world.people.slash(ada, world.channel.id, "help")
    assert said is not None
    assert "nothing was done" in said["text"]


async def test_a_submitted_modal_that_nobody_answers_in_time_says_that_it_takes_longer(world: SlackWorld) -> None:
    world.app._reception._in_time = SOON
    ada = await world.newcomer("Ada")
    form = Form("When", "plan it", (Field("day", "Which day"),), "Ok")
    await world.people.slash(ada.id, world.channel.id, "plan")
    token = (await world.heard_one(CommandGiven)).token
    asked = Delivery(
        key="test/1",
        workspace=world.platform.workspace,
        feature="test",
        kind=Kind.ANSWER,
        to=world.channel,
        visible_to=ada,
        message=Message("When?", form=form),
        due=LATER,
        token=token,
    )
    await world.platform.do(asked)
    view = world.people.view_of(ada.id)
    assert view is not None
    said = await world.people.submit(ada.id, view["id"], {"field:day": "monday"})
    assert said is not None
    assert said["response_action"] == "update"
    assert "takes a little longer" in text_of(said["view"])
    # The answer comes later, into the modal that is still open.
    given = await world.heard_one(CommandGiven, lambda each: each.text == "plan it")
    await world.platform.do(replace(asked, key="test/2", token=given.token))
    shown = world.people.view_of(ada.id)
    assert shown is not None
    assert shown["title"]["text"] == "When"
    await world.platform.do(replace(asked, key="test/3", token=given.token, message=Message("Planned")))
    shown = world.people.view_of(ada.id)
    assert shown is not None
    assert "Done" in text_of(shown)
    assert [text_of(each) for each in world.people.said(ada.id, world.channel.id)][-1] == "Planned"


async def test_an_app_mention_and_its_message_are_one_in_whatever_order(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    message = await world.say(ada, "where do I start?", to_bot=True)
    await until_quiet(world)
    ids = {each.id for each in world.heard.events if isinstance(each, MessagePosted) and each.message == message}
    assert len(ids) == 1


async def test_a_connection_that_breaks_is_made_anew_and_loses_nothing(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    await world.server.refresh()
    for number in range(3):
        await world.say(ada, f"message {number}")
    await world.server.cut()
    await world.say(ada, "after the cut")
    await world.heard_one(MessagePosted, lambda each: each.text == "after the cut")
    assert world.server.undelivered == []


async def test_two_workspaces_share_one_connection(world: SlackWorld) -> None:
    other = Organisation(team="T0OTHER01", bot_user="U0BOT0002", bot_id="B0BOT0002")
    world.server.orgs["xoxb-other"] = other
    second = await world.app.install("xoxb-other")
    listening = asyncio.create_task(second.run(world.heard))
    people = People(world.server, other)
    eve = other.new_user("Eve")["id"]
    room = other.new_channel("their-room")["id"]
    people.say(eve, room, "hello from the other side")
    event = await world.heard_one(MessagePosted)
    assert event.workspace == second.workspace
    assert world.server.count["apps.connections.open"] == 1
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await second.close()
    # The first one goes on, and what comes for the one that is gone is nobody's.
    people.say(eve, room, "anybody?")
    ada = await world.newcomer("Ada")
    await world.say(ada, "I am here")
    await world.heard_one(MessagePosted, lambda each: each.text == "I am here")


async def test_a_workspace_that_removes_the_app_is_told_of(world: SlackWorld) -> None:
    gone: list[str] = []

    async def on_gone(team: str) -> None:
        gone.append(team)

    world.app.on_gone = on_gone
    world.people.tell({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})
    await until_quiet(world)
    assert gone == []
    world.people.tell({"type": "app_uninstalled"})
    await until_quiet(world)
    assert gone == [world.platform.workspace.id]


async def test_a_large_directory_is_read_on_while_we_listen() -> None:
    world = SlackWorld(manners=Manners(speed=1000))
    try:
        await world.open()
        await world.deafen()
        for number in range(9500):
            world.server.org.new_user(f"Person {number}")
        world.platform = await world.app.install(BOT_TOKEN)
        found = [each async for each in world.platform.directory()]
        assert 8000 <= len(found) < 8100
        world.platform.wire.turns._tiers = {}
        world._listening = asyncio.create_task(world.platform.run(world.heard))
        async with asyncio.timeout(20):
            while len(world.heard.events) + len(found) < 9501:  # noqa: ASYNC110  # Fifteen hundred events.
                await asyncio.sleep(0.05)
    finally:
        await world.close()


# Over HTTP


def app(**more: str) -> SlackApp:
    values = {"signing_secret": SIGNING_SECRET, "api_url": "http://127.0.0.1:1/api/"} | more
    return SlackApp(**values, renderer=MarkdownRenderer(), language="en")


EVENT = {
    "token": "x",
    "team_id": "T1",
    "api_app_id": "A1",
    "type": "event_callback",
    "event_id": "Ev1",
    "event_time": 1595926230,
    "event": {
        "type": "message",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1",
        "text": "hello",
        "ts": "1.2",
    },
}


async def ask(slack: SlackApp, raw: bytes, headers: dict[str, str], heard: list[Event]) -> int:
    async def on_event(event: Event) -> None:
        heard.append(event)

    named = {name.lower(): value for name, value in headers.items()} | {"content-type": "application/json"}
    (hook,) = slack.webhooks
    answer = await hook.answer(WebRequest(method="POST", path=hook.path, headers=named, body=raw), on_event)
    return answer.status


async def test_only_what_slack_signed_within_five_minutes_is_believed() -> None:
    slack = app()
    slack.connect(Installation(team="T1", token="xoxb-1", bot_user="UB", bot="BB"))
    raw, now, heard = json.dumps(EVENT).encode(), int(time.time()), list[Event]()
    assert await ask(slack, raw, {}, heard) == 401
    assert await ask(slack, raw, signed(raw, now, "another secret"), heard) == 401
    assert await ask(slack, raw + b" ", signed(raw, now), heard) == 401
    assert await ask(slack, raw, signed(raw, now - 301), heard) == 401
    assert await ask(slack, raw, signed(raw, now + 301), heard) == 401
    assert heard == []
    assert await ask(slack, raw, signed(raw, now), heard) == 200
    # A replay within the five minutes is the same event again, which the inbox takes once.
    assert await ask(slack, raw, signed(raw, now) | {"X-Slack-Retry-Num": "1"}, heard) == 200
    assert len(heard) == 2
    assert len({each.id for each in heard}) == 1
    await slack.workspaces["T1"].close()


async def test_a_repeated_command_is_the_same_command() -> None:
    slack = app()
    slack.connect(Installation(team="T1", token="xoxb-1", bot_user="UB", bot="BB"))
    values = {"team_id": "T1", "channel_id": "C1", "user_id": "U1", "command": "/allant", "text": "help"}
    raw = urlencode(values | {"trigger_id": "1.2.abc", "response_url": "https://hooks.slack.com/x"}).encode()
    heard: list[Event] = []

    async def on_event(event: Event) -> None:
        heard.append(event)

    (hook,) = slack.webhooks
    headers = {name.lower(): value for name, value in signed(raw, int(time.time())).items()}
    headers["content-type"] = "application/x-www-form-urlencoded"
    for _ in range(2):
        answer = await hook.answer(WebRequest(method="POST", path=hook.path, headers=headers, body=raw), on_event)
        assert (answer.status, answer.body) == (200, b"")
    assert len({each.id for each in heard}) == 1
    # What is kept in the clear of it tells nothing.
    assert "1.2.abc" not in heard[0].id
    assert "hooks.slack.com" not in repr(heard[0])
    await slack.workspaces["T1"].close()


async def test_the_address_itself_is_verified_and_unknown_things_are_let_be() -> None:
    slack = app()
    slack.connect(Installation(team="T1", token="xoxb-1", bot_user="UB", bot="BB"))
    now, heard = int(time.time()), list[Event]()
    challenge = json.dumps({"type": "url_verification", "token": "x", "challenge": "abc"}).encode()
    assert await ask(slack, challenge, signed(challenge, now), heard) == 200
    bodies: list[Json] = [
        EVENT | {"event": {"type": "invented_event"}},
        EVENT | {"event": {"type": "message"}},
        EVENT | {"team_id": "T9"},
        {"type": "a_new_kind_of_request", "team_id": "T1"},
    ]
    for body in bodies:
        raw = json.dumps(body).encode()
        assert await ask(slack, raw, signed(raw, now), heard) == 200, body
    for raw in (b"", b"{", b"[]", b'"x"', b"payload=%7B", b"payload=[]", b"\xff\xfe"):
        assert await ask(slack, raw, signed(raw, now), heard) < 600
    assert heard == []
    await slack.workspaces["T1"].close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"signing_secret": ""}, "ALLANT_SLACK_APP_TOKEN"),
        ({"app_token": "xoxb-wrong"}, "ALLANT_SLACK_APP_TOKEN"),
        ({"api_url": "slack.com/api"}, "ALLANT_SLACK_API_URL"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput, match=named) as caught:
        app(**settings)
    assert "xoxb-wrong" not in str(caught.value)


async def test_tokens_that_slack_does_not_take_end_the_start_with_a_word_of_advice(world: SlackWorld) -> None:
    with pytest.raises(BadInput, match="ALLANT_SLACK_BOT_TOKEN"):
        await world.app.install("xoxb-unknown")
    with pytest.raises(BadInput, match="ALLANT_SLACK_BOT_TOKEN"):
        await world.app.install("xoxp-a-user-token")
    wrong = app(app_token="xapp-unknown", api_url=world.server.url)
    platform = await wrong.install(BOT_TOKEN)
    try:
        with pytest.raises(BadInput, match="ALLANT_SLACK_APP_TOKEN"):
            await platform.run(world.heard)
    finally:
        await platform.close()


async def test_no_log_holds_a_token_an_address_or_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("slack_sdk", "slack_bolt", "allant.slack", "allant.slack.sdk"):
        logging.getLogger(logger).info("still here")
    world = SlackWorld(manners=Manners(ack_seconds=0.5, redeliver=(0.05, 0.1, 0.2)))
    try:
        await world.open()
        ada = await world.newcomer("Ada")
        await world.say(ada, "a very private sentence", to_bot=True)
        await world.people.slash(ada.id, world.channel.id, "faq a very private sentence")
        world.heard.refuse_next(2)
        await world.say(ada, "a very private sentence")
        world.server.faults["chat.postMessage"] += ["500", "html", "broken", "fatal_error"]
        for number in range(4):
            with pytest.raises(Unsure) as caught:
                await world.platform.do(
                    Delivery(
                        key=f"test/{number}",
                        workspace=world.platform.workspace,
                        feature="test",
                        kind=Kind.ANSWER,
                        to=world.channel,
                        message=Message("a very private sentence"),
                        due=LATER,
                    )
                )
            assert "private" not in str(caught.value)
        await world.server.refresh()
        await world.server.cut()
        await world.say(ada, "done")
        await world.heard_one(MessagePosted, lambda each: each.text == "done")
    finally:
        await world.close()
    ours = [each for each in caplog.records if each.name.startswith(("allant", "slack"))]
    assert ours
    logged = "\n".join(f"{each.getMessage()} {each.exc_text or ''} {each.exc_info or ''}" for each in ours)
    for secret in (BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, "private", "ticket=", "/respond/", "trigger_id"):
        assert secret not in logged


async def test_the_sdk_is_loaded_for_slack_alone() -> None:
    """Its memory is paid only by who uses it."""
    look = "import sys, bot.service, bot.cli; print([m for m in sys.modules if m.startswith(('slack_', 'aiohttp'))])"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", look], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
