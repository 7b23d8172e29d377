"""A Telegram group with people in it, and the adapter that listens there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.core.delivery import Delivery, Kind
from bot.core.errors import PlatformError, Refused, Unreachable, Unsure
from bot.core.events import MemberJoined
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.forms import Filling
from tests.contract.in_memory_drawer import InMemoryDrawer, simple_equipment
from tests.contract.platform_world import LATER, Heard, Seen, SeenForm, World
from tests.wire.relay import Relay
from tests.wire.telegram_chats import BOT_ID, Room
from tests.wire.telegram_server import BotApi

JOINER = "\u2060"
"""Takes no room: a person does not see it."""


class TelegramWorld(World):
    def __init__(self, api: BotApi) -> None:
        self.api = api
        self.heard = Heard()
        self.drawer = InMemoryDrawer()
        self.relay = Relay(api.url)
        self.room: Room

    async def open(self) -> None:
        await self.relay.start()
        self.room = self.api.group("general")
        await self.listen()
        self.channel = ChannelRef(self.platform.workspace, str(self.room.id))

    async def listen(self) -> None:
        self.platform = TelegramPlatform(
            token=self.api.token, api_url=self.relay.url, language="en", renderer=MarkdownRenderer()
        )
        self.platform.equip(simple_equipment(self.drawer))
        self._listening = asyncio.create_task(self.platform.run(self.heard))

    async def deafen(self) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self.platform.close()

    async def close(self) -> None:
        await self.deafen()
        await self.relay.cut()

    async def newcomer(self, name: str) -> MemberRef:
        """Who joins, and has pressed Start."""
        user = self.api.user(name)
        self.api.started.add(user)
        await self.api.join(self.room, user)
        ref = MemberRef(self.platform.workspace, str(user))
        await self.heard.first(MemberJoined, lambda each: each.member.ref == ref and each.channel == self.channel)
        return ref

    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        user = int(person.id)
        room = self.api.private(user) if direct else self.room
        more: dict[str, Any] = {}
        if thread is not None:
            more = {"reply_to_message": room.messages[int(thread.id)], "message_thread_id": int(thread.id)}
        words = f"@allant_test_bot {text}" if to_bot else text
        number = await self.api.say(room, user, words, **more)
        return MessageRef(ChannelRef(self.platform.workspace, str(room.id)), str(number))

    async def command(self, person: MemberRef, text: str) -> None:
        await self.api.say(self.room, int(person.id), f"/{text}")

    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        room = self.api.rooms[int(message.channel.id)]
        await self.api.press(room, int(message.id), int(person.id), label)

    async def react(self, person: MemberRef, message: MessageRef, emoji: str) -> None:
        await self.api.react(self.room, int(message.id), int(person.id), emoji)

    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        if text is None:
            del self.room.messages[int(message.id)]
        else:
            await self.api.edit(self.room, int(message.id), text)

    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        room = self.api.rooms[int(message.channel.id)]
        found = room.messages.get(int(message.id))
        if found is None or (room.type == "private" and room.id != int(by.id)):
            return None
        return self._as_seen(room, found)

    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        return [self._as_seen(self.room, each) for each in self.room.messages.values() if "text" in each]

    async def submit(self, person: MemberRef, message: MessageRef, values: Mapping[str, str], button: str = "") -> None:
        """Open the form in private, answer each question that has a value, and send it."""
        user = int(person.id)
        await self.open_form(person, message)
        private = self.api.private(user)
        left = dict(values)
        while True:
            filling = await self.filling(user)
            assert filling is not None
            if filling.current is not None:
                await self.answer(private, filling, left.pop(filling.current.name, None))
                continue
            if not left:
                break
            name = next(iter(left))
            label = next(each.label for each in filling.form.fields if each.name == name)
            await self.press_in(private, filling, f"✏️ {label}")
        await self.api.press(private, filling.message, user, button or f"✅ {filling.form.submit}")

    async def open_form(self, person: MemberRef, message: MessageRef) -> None:
        """Press the form's button; in a group that opens the conversation, where the form begins."""
        user = int(person.id)
        if await self.filling(user) is not None:
            return
        room = self.api.rooms[int(message.channel.id)]
        shown = room.messages[int(message.id)]["reply_markup"]["inline_keyboard"]
        label = next(each["text"] for row in shown for each in row if each["text"].startswith("✏️"))
        await self.api.press(room, int(message.id), user, label)
        if room.type != "private":
            found = await self.until(lambda: next((each["url"] for each in self.api.answers if "url" in each), None))
            await self.api.start(user, found.partition("?start=")[2])
        async with asyncio.timeout(10):
            while await self.filling(user) is None:  # noqa: ASYNC110  # What lies in a drawer tells nobody.
                await asyncio.sleep(0.01)

    async def filling(self, user: int) -> Filling | None:
        """The form the person fills in, once its question is asked; None when none is open or it was sent."""
        async with asyncio.timeout(10):
            while True:
                text = await self.drawer.get(f"filling/{user}")
                filling = Filling.of(json.loads(text)) if text else None
                if filling is None or filling.waits:
                    return None
                if filling.message:
                    return filling
                await asyncio.sleep(0.01)

    async def answer(self, private: Room, filling: Filling, value: str | None) -> None:
        """Answer the question that is open, as its kind asks for."""
        asked = filling.current
        assert asked is not None
        if value is None:
            await self.press_in(private, filling, "Keep" if filling.values.get(asked.name) else "Skip")
            return
        labels = dict(asked.choices)
        if asked.kind == "choice":
            await self.press_in(private, filling, labels[value])
        elif asked.kind in ("choices", "channels"):
            chosen = set(filling.chosen())
            for each in chosen ^ {each.strip() for each in value.split(",")}:
                mark = "☑ " if each in chosen else ""
                filling = await self.press_in(private, filling, mark + labels.get(each, each))
            await self.press_in(private, filling, "✔ Done")
        else:
            await self.api.say(private, private.id, value)
            await self.moved_on(private.id, filling)

    async def press_in(self, private: Room, filling: Filling, label: str) -> Filling:
        """Press a button of the question that is open; the form as it is then."""
        await self.api.press(private, filling.message, private.id, label)
        return await self.moved_on(private.id, filling)

    async def moved_on(self, user: int, before: Filling) -> Filling:
        async with asyncio.timeout(10):
            while True:
                now = await self.filling(user)
                if now is not None and now.message != before.message:
                    return now
                await asyncio.sleep(0.01)

    async def form(self, person: MemberRef, message: MessageRef) -> SeenForm | None:
        """All that is said while looking at every field in turn."""
        user = int(person.id)
        if not self.api.answers:
            await self.open_form(person, message)  # Nobody pressed anything yet.
        filling = await self.filling(user)
        if filling is None:
            return None
        private = self.api.private(user)
        texts = [private.messages[filling.message]["text"]]
        if filling.current is None:
            for each in filling.form.fields:
                filling = await self.press_in(private, filling, f"✏️ {each.label}")
                texts.append(private.messages[filling.message]["text"])
                filling = await self.press_in(private, filling, "◀ Back")
        said = "\n".join(texts)
        errors = {each.name: each.error for each in filling.form.fields if each.error and each.error in said}
        return SeenForm(text=said, values=dict(filling.values), errors=errors)

    async def until(self, found: Any) -> Any:
        async with asyncio.timeout(10):
            while (value := found()) is None:  # noqa: ASYNC110  # As above.
                await asyncio.sleep(0.01)
            return value

    async def trouble(self, error: type[PlatformError]) -> Delivery:
        delivery = Delivery(
            key=f"trouble/{error.__name__}",
            workspace=self.platform.workspace,
            feature="test",
            kind=Kind.ANSWER,
            to=self.channel,
            message=Message("words"),
            due=LATER,
        )
        self.room.may_post = error is not Refused
        if error is Unsure:
            self.relay.lose_answers_to("/sendMessage")
        if error is Unreachable:
            await self.relay.cut()
        return delivery

    def _as_seen(self, room: Room, message: dict[str, Any]) -> Seen:
        text = message["text"]
        wide: bytes = text.encode("utf-16-le")

        def passage(entity: dict[str, Any]) -> str:
            at = 2 * int(entity["offset"])
            return wide[at : at + 2 * int(entity["length"])].decode("utf-16-le").replace(JOINER, "")

        entities = message.get("entities", [])
        keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
        replied = message.get("reply_to_message")
        return Seen(
            text=text.replace(JOINER, ""),
            by_bot=message["from"]["id"] == BOT_ID,
            thread=str(replied["message_id"]) if replied else None,
            edited="edit_date" in message,
            buttons=tuple(button["text"] for row in keyboard for button in row),
            mentions=frozenset(str(each["user"]["id"]) for each in entities if each["type"] == "text_mention"),
            strong=tuple(passage(each) for each in entities if each["type"] == "bold"),
            reactions={e: len(who) for e, who in self.api.reactions[room.id, message["message_id"]].items()},
        )
