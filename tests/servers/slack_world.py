"""local-slack with the adapter listening there over Socket Mode, for the platforms' suite."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from bot.core.delivery import Delivery, Kind
from bot.core.errors import PlatformError, Refused
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import SlackApp, emoji
from tests.contract.platform_world import LATER, Heard, Seen, SeenForm, World
from tests.servers.local_slack import APP_TOKEN, BOT, BOT_TOKEN, GENERAL, PATIENCE, Json, LocalSlack
from tests.wire.slack_people import elements_of, input_state, labels_of, text_of
from tests.wire.slack_world import as_form, picked


class LocalSlackWorld(World):
    def __init__(self, server: LocalSlack) -> None:
        self.server = server
        self.heard = Heard()
        self._opened: set[str] = set()

    async def open(self) -> None:
        app = SlackApp(app_token=APP_TOKEN, api_url=self.server.api_url, renderer=MarkdownRenderer(), language="en")
        self.platform = await app.install(BOT_TOKEN)
        self.channel = ChannelRef(self.platform.workspace, GENERAL)
        self._listening = asyncio.create_task(self.platform.run(self.heard))
        async with asyncio.timeout(PATIENCE):
            while not (await self.server.snapshot())["apps"][0].get("connected"):  # noqa: ASYNC110  # It has no event.
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self.platform.close()

    async def newcomer(self, name: str) -> MemberRef:
        """Somebody who is there already: nobody comes or goes here."""
        return MemberRef(self.platform.workspace, self.server.id_of(name))

    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        place = person.id if direct else self.channel.id  # By the person's id it finds their conversation.
        words = f"<@{BOT}> {text}" if to_bot else text
        ts = await self.server.say(person.id, place, words, thread.id if thread else "")
        room = await self.server.direct(person.id) if direct else place
        return MessageRef(ChannelRef(self.platform.workspace, room), ts)

    async def command(self, person: MemberRef, text: str) -> None:
        await self.server.slash(person.id, self.channel.id, text)

    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        await self.server.press(person.id, message.channel.id, message.id.partition(";")[0], label)

    async def react(self, person: MemberRef, message: MessageRef, character: str) -> None:
        name = emoji.name(character)
        await self.server.control(
            "reaction", channel=message.channel.id, ts=message.id, user=person.id, name=name, present=True
        )

    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        place = {"channel": message.channel.id, "ts": message.id, "user": person.id}
        if text is None:
            await self.server.control("delete-message", **place)
        else:
            await self.server.control("edit-message", text=text, **place)

    async def submit(self, person: MemberRef, message: MessageRef, values: Mapping[str, str], button: str = "") -> None:
        assert not button
        view = await self._view(person, message)
        await self.server.submit(person.id, states(view, picked(view, values)))

    async def _view(self, person: MemberRef, message: MessageRef) -> Json:
        view = await self.server.modal()
        if view is None:
            await self.press(person, message, "Open the form")
            self._opened.add(person.id)
            async with asyncio.timeout(PATIENCE):
                while (view := await self.server.modal()) is None:  # noqa: ASYNC110  # It has no event.
                    await asyncio.sleep(0.05)
        return view

    async def form(self, person: MemberRef, message: MessageRef) -> SeenForm | None:
        if person.id in self._opened and await self.server.modal() is None:
            return None
        view = await self._view(person, message)
        return as_form({"state": {"values": {}}, **view})

    async def open_home(self, person: MemberRef) -> None:
        await self.server.control("open-home", user=person.id)

    async def home(self, person: MemberRef) -> str | None:
        shown = await self.server.home(person.id)
        return "\n".join([text_of(shown), *labels_of(shown)]) if shown is not None else None

    # Eyes

    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        found = await self._messages(message.channel.id, by)
        return next((_as_seen(each) for each in found if each["ts"] == message.id.partition(";")[0]), None)

    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        found = await self._messages(self.channel.id, by)
        return [_as_seen(each) for each in found if each.get("thread_ts") in (None, each["ts"])]

    async def _messages(self, channel: str, by: MemberRef) -> list[Json]:
        """Those that the person sees there: a direct conversation has two people."""
        if channel != self.channel.id and channel != await self.server.direct(by.id):
            return []
        return [each for each in await self.server.messages(channel) if each.get("ephemeral_to", by.id) == by.id]

    async def trouble(self, error: type[PlatformError]) -> Delivery:
        assert error is Refused
        return Delivery(
            key="trouble",
            workspace=self.platform.workspace,
            feature="test",
            kind=Kind.ANSWER,
            to=ChannelRef(self.platform.workspace, "C0NOWHERE"),
            message=Message("words"),
            due=LATER,
        )


def _as_seen(message: Json) -> Seen:
    words = text_of(message)
    mentions = frozenset(each["user_id"] for each in elements_of(message, "user"))
    for each in mentions:
        words = words.replace(f"@{each}", "@Ada")
    return Seen(
        text=words,
        by_bot=message["user"] == BOT,
        thread=message.get("thread_ts"),
        edited="edited" in message,
        buttons=tuple(labels_of(message)),
        mentions=mentions,
        strong=tuple(each["text"] for each in elements_of(message, "text") if each.get("style", {}).get("bold")),
        reactions={
            emoji.character(each["name"]): len(each["users"]) for each in message.get("reactions", []) if each["users"]
        },
    )


def states(view: Json, values: Mapping[str, Any]) -> Json:
    """What the inputs hold, by block and action."""
    return {
        block["block_id"]: {block["element"]["action_id"]: input_state(block["element"], values.get(block["block_id"]))}
        for block in view["blocks"]
        if block["type"] == "input"
    }
