"""Telegram on a Bot API that others wrote: what it knows of it, with the real python-telegram-bot."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.core.delivery import Delivery, Kind, Verb
from bot.core.events import ChannelMoved, CommandGiven, ConversationOpened, MemberJoined, MessagePosted
from bot.core.message import Button, Message
from bot.core.refs import ChannelRef, MessageRef
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram import TelegramPlatform
from tests.contract.in_memory_drawer import InMemoryDrawer, simple_equipment
from tests.contract.platform_world import LATER, Heard
from tests.servers import npm, process

pytestmark = pytest.mark.servers
SCRIPT = Path(__file__).with_name("telegram-test-api.cjs")
TOKEN = "123456:AAtestOfAnotherServer_0123456789abcde"
ANN = {"id": 77, "is_bot": False, "first_name": "Ann", "language_code": "fr"}
BOT = {"id": 123456, "is_bot": True, "first_name": "Allant", "username": "TestNameBot"}
GROUP = {"id": -1001234, "type": "supergroup", "title": "general"}
PRIVATE = {"id": 77, "type": "private", "first_name": "Ann"}

Json = dict[str, Any]


class Server:
    """The server, and the people there."""

    def __init__(self, url: str, platform: TelegramPlatform, heard: Heard) -> None:
        self.platform, self.heard = platform, heard
        self.channel = ChannelRef(platform.workspace, str(GROUP["id"]))
        self._http = httpx.AsyncClient(base_url=url)

    async def happens(self, **raw: Json) -> None:
        answer = await self._http.post("/sendMessage", json={"botToken": TOKEN, "raw": raw})
        assert answer.is_success, answer.text

    async def history(self) -> list[Json]:
        answer = await self._http.post("/getUpdatesHistory", json={"token": TOKEN})
        return [each["message"] for each in answer.json()["result"] if "text" in each.get("message", {})]

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    port = process.free_port()
    package = npm.install("telegram-test-api") / "telegram-test-api"
    command = [str(npm.node()), str(SCRIPT), str(package), str(port)]
    with process.running(command, tmp_path, lambda: process.listens(port)):
        url = f"http://127.0.0.1:{port}"
        platform = TelegramPlatform(token=TOKEN, api_url=url, language="en", renderer=MarkdownRenderer())
        platform.equip(simple_equipment(InMemoryDrawer()))
        heard = Heard()
        running = asyncio.create_task(platform.run(heard))
        there = Server(url, platform, heard)
        yield there
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await there.close()
        await platform.close()


def said(chat: Json, number: int, **more: Any) -> Json:
    return {"message_id": number, "date": int(time.time()), "chat": chat, "from": ANN, **more}


def delivery(server: Server, words: Message, **more: object) -> Delivery:
    fields = {"key": "k", "to": server.channel, **more}
    return Delivery(
        workspace=server.platform.workspace,
        feature="test",
        kind=Kind.ANSWER,
        message=words,
        due=LATER,
        **fields,  # type: ignore[arg-type]  # Each test names fields of Delivery.
    )


async def test_people_come_speak_and_command(server: Server) -> None:
    member = {"user": ANN, "status": "member"}
    left = {"user": ANN, "status": "left"}
    change = {"chat": GROUP, "from": ANN, "date": 1, "old_chat_member": left, "new_chat_member": member}
    await server.happens(chat_member=change)
    joined = await server.heard.first(MemberJoined, lambda each: each.channel == server.channel)
    assert (joined.member.name, joined.member.language) == ("Ann", "fr")
    await server.happens(message=said(GROUP, 5, text="hello everybody"))
    posted = await server.heard.first(MessagePosted)
    assert (posted.text, posted.channel) == ("hello everybody", server.channel)
    await server.happens(message=said(GROUP, 6, text="/help@TestNameBot"))
    assert (await server.heard.first(CommandGiven)).text == "help"
    await server.happens(message=said(PRIVATE, 7, text="/start"))
    assert (await server.heard.first(ConversationOpened)).member.ref == joined.member.ref
    await server.happens(message=said(GROUP, 8, migrate_to_chat_id=-1009999))
    assert (await server.heard.first(ChannelMoved)).now.id == "-1009999"


async def test_a_message_goes_out_is_pressed_edited_and_withdrawn(server: Server) -> None:
    words = Message("Did it **help**?", (Button("Yes", "faq helped"),))
    receipt = await server.platform.do(delivery(server, words))
    assert receipt.message is not None
    [there] = await server.history()
    assert there["text"] == "Did it help?"
    [bold] = there["entities"]
    assert (bold["type"], bold["offset"], bold["length"]) == ("bold", 7, 4)
    [[button]] = there["reply_markup"]["inline_keyboard"]
    pressed = {
        "id": "1",
        "from": ANN,
        "chat_instance": "1",
        "data": button["callback_data"],
        "message": {**said(GROUP, int(receipt.message.id)), "from": BOT, "text": "Did it help?"},
    }
    await server.happens(callback_query=pressed)
    given = await server.heard.first(CommandGiven)
    assert (given.text, given.button, given.message) == ("faq helped", True, receipt.message)
    await server.platform.do(delivery(server, Message("Thank you"), verb=Verb.WITHDRAW, target=receipt.message))
    assert await server.history() == []
    assert isinstance(receipt.message, MessageRef)
