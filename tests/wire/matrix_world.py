"""A homeserver's channel with people in it, and the adapter that listens there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

from bot.core.delivery import Delivery, Kind
from bot.core.errors import PlatformError, Refused, Unreachable, Unsure
from bot.core.events import ChannelChanged
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.markdown import MarkdownRenderer
from bot.platforms.matrix import MatrixPlatform
from tests.contract.platform_world import LATER, Heard, Seen, World
from tests.wire.matrix_people import Json, Person, Shown, thread_of
from tests.wire.relay import Relay
from tests.wire.synapse import Synapse

_numbers = itertools.count(1)


class MatrixWorld(World):
    def __init__(self, synapse: Synapse, folder: Path) -> None:
        self.synapse = synapse
        self.bot = synapse.register(f"allant{next(_numbers)}", shown="Allant")
        self.state_file = folder / "matrix.json"
        self.relay = Relay(synapse.url)
        self.heard = Heard()
        self.host = Person(synapse, synapse.register(f"host{next(_numbers)}"))
        self.people: dict[str, Person] = {}

    def make_platform(self) -> MatrixPlatform:
        return MatrixPlatform(
            homeserver=self.relay.url,
            user=self.bot.id,
            password=self.bot.password,
            language="en",
            renderer=MarkdownRenderer(),
            state_file=self.state_file,
        )

    async def open(self) -> None:
        """The bot listens; the host makes the channel and invites it."""
        await self.relay.start()
        await self.listen()
        room = await self.host.create("general", invite=[self.bot.id])
        self.channel = ChannelRef(self.platform.workspace, room)
        await self.heard.first(ChannelChanged, lambda each: each.channel.ref == self.channel)

    async def listen(self) -> None:
        """A new adapter, with what the last one kept."""
        self.platform = self.make_platform()
        self._listening = asyncio.create_task(self.platform.run(self.heard))

    async def deafen(self) -> None:
        """The adapter ends, as when Allant is stopped. Fails when it had ended by itself."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self.platform.close()

    async def close(self) -> None:
        await self.deafen()
        await self.relay.cut()
        for person in (self.host, *self.people.values()):
            await person.close()

    async def newcomer(self, name: str) -> MemberRef:
        account = await asyncio.to_thread(self.synapse.register, f"{name.casefold()}{next(_numbers)}", shown=name)
        person = self.people[account.id] = Person(self.synapse, account)
        await person.join(self.channel.id)
        return MemberRef(self.platform.workspace, account.id)

    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        room = await self.direct(person) if direct else self.channel.id
        words, names = (f"Allant: {text}", [self.bot.id]) if to_bot else (text, [])
        said = await self.people[person.id].say(room, words, thread=thread.id if thread else "", names=names)
        return MessageRef(ChannelRef(self.platform.workspace, room), said)

    async def direct(self, person: MemberRef) -> str:
        """A direct room that the person opens with the bot."""
        who = self.people[person.id]
        room = await who.create(invite=[self.bot.id], is_direct=True, preset="trusted_private_chat")
        await self.heard.first(ChannelChanged, lambda each: each.channel.ref.id == room)
        return room

    async def command(self, person: MemberRef, text: str) -> None:
        await self.people[person.id].say(self.channel.id, f"!allant {text}")

    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        seen = await self.seen(message, person)
        assert seen is not None
        number = next(line.split()[0] for line in seen.text.splitlines() if line.endswith(label))
        assert seen.reactions[number] == 1, "the bot put the number under its message"
        await self.react(person, message, number)

    async def react(self, person: MemberRef, message: MessageRef, emoji: str) -> None:
        await self.people[person.id].react(message.channel.id, message.id, emoji)

    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        if text is None:
            await self.people[person.id].redact(message.channel.id, message.id)
        else:
            await self.people[person.id].edit(message.channel.id, message.id, text)

    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        person = self.people[by.id]
        if message.channel.id in await person.invitations():
            await person.join(message.channel.id)
        event = await person.event(message.channel.id, message.id)
        if event is None or "body" not in event["content"]:
            return None
        reactions = [emoji for _, emoji in await person.reactions(message.channel.id, message.id)]
        return self._as_seen(event, {emoji: reactions.count(emoji) for emoji in reactions})

    async def attached(self, message: MessageRef, by: MemberRef) -> Sequence[tuple[str, bytes]]:
        person = self.people[by.id]
        found = [each["content"] for each in await person.messages(message.channel.id) if "url" in each["content"]]
        return [(each["body"], await person.download(each["url"])) for each in found]

    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        found = await self.people[by.id].messages(self.channel.id)
        return [self._as_seen(each, {}) for each in found if thread_of(each["content"]) is None]

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
        if error is Refused:
            await self.host.state(self.channel.id, "m.room.power_levels", {"events_default": 50})
        else:
            await self.host.state(self.channel.id, "m.room.power_levels", {"events_default": 0})
        if error is Unsure:
            self.relay.lose_answers_to("/send/m.room.message/")
        if error is Unreachable:
            await self.relay.cut()
        return delivery

    def _as_seen(self, event: Json, reactions: dict[str, int]) -> Seen:
        content = event["content"]
        replaced = event.get("unsigned", {}).get("m.relations", {}).get("m.replace")
        now = replaced["content"]["m.new_content"] if replaced else content
        page = Shown(now["formatted_body"]) if "formatted_body" in now else None
        named = now.get("m.mentions", {}).get("user_ids", [])
        if page:
            assert page.pills == set(named), "who is shown as named is who is told"
        return Seen(
            text=page.text if page else now["body"],
            by_bot=event["sender"] == self.bot.id,
            thread=thread_of(content),
            edited=replaced is not None,
            mentions=frozenset(named),
            strong=tuple(page.strong if page else ()),
            reactions=reactions,
        )
