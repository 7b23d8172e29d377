"""The whole bot on Telegram: real features, store, outbox and adapter, on a virtual clock, over the small Bot API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app import Allant, assemble, running
from bot.core.actions import GiveRole, Planned
from bot.core.clock import VirtualClock
from bot.core.community import Role
from bot.core.refs import ChannelRef, Language, MemberRef
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram import TelegramPlatform
from bot.settings import Settings, starter_folder
from tests.handlers.stage import MONDAY, _starter_library
from tests.wire.telegram_chats import TOKEN, Room
from tests.wire.telegram_server import BotApi

JOINER = "\u2060"
PACE = timedelta(seconds=4)
"""Between two messages in a group, at most, once its burst is used up."""


class House:
    """Everything a dialogue on Telegram needs."""

    def __init__(self, api: BotApi, allant: Allant, platform: TelegramPlatform, clock: VirtualClock) -> None:
        self.api, self.allant, self.platform, self.clock = api, allant, platform, clock
        self._read: dict[int, int] = {}

    def member(self, user: int) -> MemberRef:
        return MemberRef(self.platform.workspace, str(user))

    def channel(self, room: Room) -> ChannelRef:
        return ChannelRef(self.platform.workspace, str(room.id))

    async def give_role(self, user: int, role: Role) -> None:
        plans = [Planned("test", (GiveRole(self.member(user), role),))]
        await self.allant.store.journal.commit(
            self.platform.workspace, plans, at=self.clock.now(), source=f"role of {user}"
        )

    async def settle(self) -> None:
        """Let the bot read and do all there is to, with a little time for its pace in a chat."""
        for _ in range(3):
            await self.api.all_read()
            await self.allant.settle()
            self.clock.move_to(self.clock.now() + PACE)
        await self.allant.settle()

    async def wait(self, time: timedelta) -> None:
        """Let time pass, stopping at everything that falls due on the way."""
        moment = self.clock.now() + time
        while True:
            await self.settle()
            due = [await self.allant.store.timers.next_due(), await self.allant.store.outbound.next_due()]
            coming = [each for each in due if each is not None and self.clock.now() < each <= moment]
            if not coming:
                break
            self.clock.move_to(min(coming))
        self.clock.move_to(moment)
        await self.settle()

    async def say(self, room: Room, user: int, text: str) -> list[dict[str, Any]]:
        """Somebody writes; what the bot says there since it was last looked at."""
        await self.api.say(room, user, text)
        await self.settle()
        return self.heard(room.id)

    async def tell(self, user: int, text: str) -> list[dict[str, Any]]:
        """As :meth:`say`, to the bot alone."""
        return await self.say(self.api.private(user), user, text)

    async def press(self, message: dict[str, Any], user: int, label: str) -> None:
        """Press the button whose label begins so."""
        room = self.api.rooms[message["chat"]["id"]]
        shown = buttons(self.api.rooms[room.id].messages[message["message_id"]])
        whole = next((each for each in shown if each.startswith(label)), label)
        await self.api.press(room, message["message_id"], user, whole)
        await self.settle()

    def heard(self, chat: int) -> list[dict[str, Any]]:
        """What the bot said in a chat since the last call."""
        after = self._read.get(chat, 0)
        found = [each for each in self.api.said(chat) if each["message_id"] > after]
        if found:
            self._read[chat] = found[-1]["message_id"]
        return found


def words(messages: list[dict[str, Any]]) -> str:
    return "\n\n".join(each["text"] for each in messages).replace(JOINER, "")


def buttons(message: Mapping[str, Any]) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


RULES_NONE: dict[str, str] = {}
ALWAYS_OPEN = """
policy:
  zone: UTC
  quiet_from: "00:00"
  quiet_to: "00:00"
  working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
"""


@contextlib.asynccontextmanager
async def house(
    folder: Path,
    api: BotApi,
    *,
    schedules: Mapping[str, str] | None = None,
    language: Language = "en",
    start: datetime = MONDAY,
) -> AsyncIterator[House]:
    """The bot, started. ``schedules``: files beside an open policy; the starter ones without."""
    chosen = starter_folder("schedules")
    if schedules is not None:
        chosen = folder / "schedules"
        chosen.mkdir(parents=True, exist_ok=True)
        for name, text in {"policy.yaml": ALWAYS_OPEN, **schedules}.items():
            (chosen / name).write_text(text, encoding="utf-8")
    settings = Settings(
        database_url=f"sqlite:///{folder / 'allant.db'}",
        secret_file=folder / "allant.key",
        content_dir=starter_folder("content"),
        schedules_dir=chosen,
    )
    clock = VirtualClock(start.astimezone(UTC))
    platform = TelegramPlatform(token=TOKEN, api_url=api.url, language=language, renderer=MarkdownRenderer())
    allant = await assemble(settings, [platform], clock=clock, library=_starter_library())
    async with running(allant, live=False):
        yield House(api, allant, platform, clock)
        await asyncio.sleep(0)
