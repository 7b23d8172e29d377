"""Telegram on the wire: what goes wrong there, what is confirmed when, and the token that nobody gets to see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from bot.core.delivery import Delivery, Kind, Verb
from bot.core.errors import BadInput, RateLimited, Refused, Unreachable, Unsure
from bot.core.events import ChannelMoved, CommandGiven, MemberLeft, MessagePosted, ReactionRemoved
from bot.core.message import Button, Message
from bot.core.refs import ChannelRef, MessageRef
from bot.core.webhook import WebRequest
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram import TelegramPlatform
from bot.web import listen, web_server, webhook_routes
from tests.contract.in_memory_drawer import InMemoryDrawer, simple_equipment
from tests.contract.platform_world import LATER, Heard
from tests.wire.telegram_chats import TOKEN, Refusal
from tests.wire.telegram_server import BotApi
from tests.wire.telegram_world import TelegramWorld


@pytest.fixture
async def world() -> AsyncIterator[TelegramWorld]:
    async with BotApi().serving() as api:
        world = TelegramWorld(api)
        await world.open()
        yield world
        await world.close()


def delivery(world: TelegramWorld, words: str | Message = "words", **more: object) -> Delivery:
    fields = {"key": "k", "to": world.channel, **more}
    return Delivery(
        workspace=world.platform.workspace,
        feature="test",
        kind=Kind.ANSWER,
        message=words if isinstance(words, Message) else Message(words),
        due=LATER,
        **fields,  # type: ignore[arg-type]  # Each test names fields of Delivery.
    )


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal(429, "Too Many Requests: retry after 7", retry_after=7), RateLimited),
        (Refusal(400, "Bad Request: not enough rights to send text messages to the chat"), Refused),
        (Refusal(403, "Forbidden: bot was kicked from the group chat"), Refused),
        (Refusal(401, "Unauthorized"), Refused),
        (Refusal(500, "Internal Server Error"), Unsure),
        (Refusal(502, "Bad Gateway"), Unsure),
    ],
)
async def test_what_telegram_answers_is_one_of_our_errors(
    world: TelegramWorld, refusal: Refusal, error: type[Exception]
) -> None:
    world.api.refuse_next.append(refusal)
    with pytest.raises(error) as caught:
        await world.platform.do(delivery(world))
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7


async def test_a_delivery_to_a_group_that_moved_reaches_it_and_is_sent_once(world: TelegramWorld) -> None:
    """Planned before, sent after: nothing went to the old group, so this is no second time."""
    room = world.api.group("small", supergroup=False)
    room.members[world.api.user("Owner")] = "creator"
    new = await world.api.upgrade(room)
    await world.heard.first(ChannelMoved)
    old = ChannelRef(world.platform.workspace, str(room.id))
    receipt = await world.platform.do(delivery(world, to=old))
    assert receipt.message is not None
    assert receipt.message.channel.id == str(new.id)
    assert len(world.api.said(new.id)) == 1
    with pytest.raises(Refused, match="supergroup"):
        await world.platform.do(delivery(world, verb=Verb.WITHDRAW, target=MessageRef(old, "1")))


async def test_a_button_with_a_long_command_works_after_a_restart(world: TelegramWorld) -> None:
    ada = await world.newcomer("Ada")
    long = "calendar move " + "very-long-item-name-" * 5
    receipt = await world.platform.do(delivery(world, Message("Sure?", (Button("Yes", long),))))
    assert receipt.message is not None
    await world.deafen()
    await world.listen()
    await world.press(ada, receipt.message, "Yes")
    event = await world.heard.first(CommandGiven)
    assert event.text == long.strip()
    await world.api.asked_for("answerCallbackQuery")
    [answer] = world.api.answers
    assert "text" not in answer


async def test_a_long_message_is_edited_and_withdrawn_as_a_whole(world: TelegramWorld) -> None:
    words = "\n\n".join(["a paragraph of some length " * 20] * 12)
    receipt = await world.platform.do(delivery(world, words))
    assert receipt.message is not None
    parts = len(world.api.said(world.room.id))
    assert parts > 1
    await world.platform.do(delivery(world, words.replace("length", "size"), verb=Verb.EDIT, target=receipt.message))
    assert all("size" in each["text"] for each in world.api.said(world.room.id))
    with pytest.raises(Refused, match="another number"):
        await world.platform.do(delivery(world, "short", verb=Verb.EDIT, target=receipt.message))
    await world.platform.do(delivery(world, "-", verb=Verb.WITHDRAW, target=receipt.message))
    assert world.api.said(world.room.id) == []


async def test_an_edit_that_changes_nothing_is_done(world: TelegramWorld) -> None:
    receipt = await world.platform.do(delivery(world))
    for _ in range(2):
        await world.platform.do(delivery(world, verb=Verb.EDIT, target=receipt.message))


async def test_a_reaction_is_taken_back_and_somebody_leaves(world: TelegramWorld) -> None:
    ada = await world.newcomer("Ada")
    message = await world.say(ada, "look")
    await world.api.react(world.room, int(message.id), int(ada.id), "👍", back=True)
    event = await world.heard.first(ReactionRemoved)
    assert (event.message, event.member, event.emoji) == (message, ada, "👍")
    await world.api.leave(world.room, int(ada.id))
    await world.heard.first(MemberLeft, lambda each: each.channel == world.channel)
    await world.heard.first(MemberLeft, lambda each: each.channel is None)
    assert len([each for each in world.heard.events if isinstance(each, MemberLeft)]) == 2, "told twice, once each"


async def test_an_update_is_confirmed_only_once_it_is_kept(world: TelegramWorld) -> None:
    ada = await world.newcomer("Ada")
    await world.api.all_read()
    world.heard.refuse_next(10_000)
    before = world.api.confirmed
    await world.say(ada, "please keep this")
    async with asyncio.timeout(10):
        while not world.heard.refused:  # noqa: ASYNC110  # What is heard is looked at.
            await asyncio.sleep(0.01)
    assert world.api.confirmed == before
    await world.deafen()
    world.heard.refuse_next(0)
    await world.listen()
    event = await world.heard.first(MessagePosted, lambda each: each.text == "please keep this")
    assert event.id == world.heard.refused[0].id


async def test_updates_that_cannot_be_read_hold_nothing_up(world: TelegramWorld) -> None:
    ada = await world.newcomer("Ada")
    await world.api.update(message={"message_id": 1, "date": 1, "chat": {"id": -5, "type": "group"}, "text": "/x"})
    await world.api.update(something_new={"from": "the future"})
    marker = await world.say(ada, "after them")
    await world.heard.first(MessagePosted, lambda each: each.message == marker)


# The webhook


@contextlib.asynccontextmanager
async def called(api: BotApi, heard: Heard) -> AsyncIterator[TelegramPlatform]:
    """The adapter behind our own web server, called by the Bot API."""
    platform = TelegramPlatform(
        token=TOKEN,
        api_url=api.url,
        language="en",
        renderer=MarkdownRenderer(),
        public_url="https://allant.example.org",
    )
    platform.equip(simple_equipment(InMemoryDrawer()))
    socket = listen("127.0.0.1", 0)
    server = web_server(Starlette(routes=webhook_routes(lambda: platform.webhooks, heard)))
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    api.public = ("https://allant.example.org", f"http://127.0.0.1:{socket.getsockname()[1]}")
    running = asyncio.create_task(platform.run(heard))
    try:
        await api.asked_for("setWebhook")
        yield platform
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.should_exit = server.force_exit = True
        await serving
        socket.close()
        await platform.close()


async def test_telegram_calls_us_and_brings_again_what_was_not_kept() -> None:
    heard = Heard()
    async with BotApi().serving() as api, called(api, heard):
        room, ada = api.group("general"), api.user("Ada")
        heard.refuse_next(1)
        await api.say(room, ada, "hello")
        event = await heard.first(MessagePosted)
        assert event.text == "hello"
        assert len({each.id for each in heard.events}) == len(heard.events)


async def test_a_call_without_the_secret_is_refused_and_the_address_cannot_be_guessed() -> None:
    heard = Heard()
    async with BotApi().serving() as api, called(api, heard) as platform:
        [webhook] = platform.webhooks
        secret = api.webhook["secret_token"]
        assert TOKEN.partition(":")[2] not in webhook.path + secret
        assert len(webhook.path.rpartition("/")[2]) == len(secret) == 64
        body = json.dumps({"update_id": 1, "message": {}}).encode()
        for given in ("", "wrong", secret[:-1], secret.upper()):
            headers = {"x-telegram-bot-api-secret-token": given}
            request = WebRequest(method="POST", path=webhook.path, headers=headers, body=body)
            assert (await webhook.answer(request, heard)).status == 403
        assert heard.events == []
        right = {"x-telegram-bot-api-secret-token": secret}
        nonsense = WebRequest(method="POST", path=webhook.path, headers=right, body=b"nonsense")
        assert (await webhook.answer(nonsense, heard)).status == 200


async def test_polling_takes_a_forgotten_webhook_away() -> None:
    async with BotApi().serving() as api:
        api.webhook["url"] = "https://old.example.org/hook"
        world = TelegramWorld(api)
        await world.open()
        await api.asked_for("deleteWebhook")
        assert await world.newcomer("Ada")
        assert api.webhook["url"] == ""
        await world.close()


# Secrets and settings


async def test_the_token_is_in_no_log_and_no_error(world: TelegramWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    said: list[str] = []
    world.api.refuse_next.extend([Refusal(400, f"Bad Request: {TOKEN} is odd"), Refusal(502, "Bad Gateway")])
    for _ in range(3):
        try:
            await world.platform.do(delivery(world))
        except Exception as error:
            said += [
                str(error),
                repr(error),
                repr(error.__cause__),
                repr(error.__context__ if not error.__suppress_context__ else None),
            ]
    await world.relay.cut()
    with pytest.raises(Unreachable) as unreachable:
        await world.platform.do(delivery(world))
    world.api.token = "1:another"
    await world.relay.start()
    with pytest.raises(Refused) as refused:
        await world.platform.do(delivery(world))
    said += [str(unreachable.value), str(refused.value), repr(world.platform.__dict__["_api"])]
    secret = TOKEN.partition(":")[2]
    assert not any(secret in each for each in said)
    assert not any(secret in record.getMessage() + str(record.args) for record in caplog.records)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"token": "abc"}, "no bot's token"),
        ({"api_url": "api.telegram.org"}, "no address"),
        ({"public_url": "http://plain.example.org"}, "HTTPS"),
    ],
)
def test_a_wrong_setting_says_what_to_do(wrong: dict[str, str], reason: str) -> None:
    right = {"token": TOKEN, "api_url": "http://127.0.0.1:1", "public_url": ""} | wrong
    with pytest.raises(BadInput, match=reason) as caught:
        TelegramPlatform(
            token=right["token"],
            api_url=right["api_url"],
            public_url=right["public_url"],
            language="en",
            renderer=MarkdownRenderer(),
        )
    assert TOKEN not in str(caught.value)


async def test_a_token_that_is_refused_ends_the_run_and_says_so() -> None:
    async with BotApi().serving() as api:
        api.token = "1:another"
        platform = TelegramPlatform(token=TOKEN, api_url=api.url, language="en", renderer=MarkdownRenderer())
        platform.equip(simple_equipment(InMemoryDrawer()))
        with pytest.raises(BadInput, match="ALLANT_TELEGRAM_TOKEN"):
            await platform.run(Heard())
        await platform.close()


def test_the_library_loads_only_where_telegram_is_configured() -> None:
    code = "import sys, bot.cli, bot.service, bot.app; sys.exit('telegram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
