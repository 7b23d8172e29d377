"""From a delivery to requests, each with a transaction id made of the delivery's key: repeating it changes nothing."""

from __future__ import annotations

import asyncio

from bot.core.delivery import Delivery, Receipt, Verb
from bot.core.errors import Refused
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.matrix.homeserver import Homeserver
from bot.platforms.matrix.reading import KEY, KEYCAPS, Json, content_of, fingerprint, mapping, relation, text
from bot.platforms.matrix.rooms import Room, Roster
from bot.platforms.matrix.wire import MatrixRefused
from bot.platforms.matrix.writing import Scribe

LOOK_BACK_PAGES = 10
"""Pages of 100 messages of ours searched for a key."""


class DirectRooms:
    """Finds the direct room with a person, or makes it: one, even when a crash or a lost answer comes in between."""

    def __init__(self, server: Homeserver, roster: Roster) -> None:
        self._server = server
        self._roster = roster
        self._made: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    async def with_(self, user: str) -> str:
        """The room's id; somebody who had left it is invited again, and gets a new one where that is refused."""
        async with self._one_at_a_time:
            known = self._roster.direct_with(user)
            if known is not None and await self._still_with(known, user):
                return known.id
            refused = known.id if known is not None else ""
            room = self._made.get(user, "")
            if room in ("", refused):
                room = await self._untold(user, refused)
            if not room:
                room = await self._server.create_direct(user)
            self._made[user] = room
            await self._server.mark_direct(user, room)
            return room

    async def _still_with(self, room: Room, user: str) -> bool:
        """Whether the person is there or could be invited again."""
        if user not in room.people:
            try:
                await self._server.invite(room.id, user)
            except MatrixRefused:
                return False
            room.invited.add(user)
        return True

    async def known(self, user: str) -> str:
        """The room's id if there is one, else nothing."""
        room = self._roster.direct_with(user)
        return room.id if room else self._made.get(user) or await self._untold(user)

    async def _untold(self, user: str, refused: str = "") -> str:
        """A room made for the person of which no sync has told us yet: its making was not answered, or is fresh, or
        the first sync is still being read. Never ``refused``."""
        # Taken before asking: while we wait, the roster may learn of the very room we look for.
        told = set(self._roster.rooms) if self._roster.complete else {refused}
        for room in await self._server.joined():
            if room not in told and await self._server.marked_direct(room) == user:
                return room
        return ""


class Sender:
    """Carries out deliveries. Raises the errors of :class:`Homeserver`, and Refused for what can never be done."""

    def __init__(self, server: Homeserver, workspace: WorkspaceRef, roster: Roster, scribe: Scribe) -> None:
        self._server = server
        self._workspace = workspace
        self._rooms = DirectRooms(server, roster)
        self._scribe = scribe

    async def do(self, delivery: Delivery) -> Receipt:
        if delivery.verb is Verb.SEND:
            return await self._send(delivery)
        if delivery.target is None:
            raise Refused(f"{delivery.verb} names no message")
        room, event, transaction = delivery.target.channel.id, delivery.target.id, _transaction(delivery)
        if delivery.verb is Verb.EDIT:
            await self._edit(delivery, room, event, transaction)
        elif delivery.verb is Verb.WITHDRAW:
            await self._server.redact(room, event, transaction)
        else:
            await self._react(room, event, delivery.emoji, transaction)
        return Receipt(delivery.target)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """The message that went out with this key, looked for among our latest. None for anything but a message: to
        edit, react or withdraw once more changes nothing."""
        if delivery.verb is not Verb.SEND:
            return None
        person = _person(delivery)
        room = await self._rooms.known(person) if person else delivery.to.id
        start, key = "", fingerprint(delivery.key)
        for _ in range(LOOK_BACK_PAGES if room else 0):
            page, start = await self._server.back(room, start, own=True)
            for event in page:
                if content_of(event).get(KEY) == key and not relation(content_of(event), "m.replace"):
                    return self._receipt(room, text(event.get("event_id")))
            if not start:
                break
        return None

    async def _send(self, delivery: Delivery) -> Receipt:
        """Private answers go to the direct room: nothing in a Matrix room can be shown to one person only."""
        person = _person(delivery)
        room = await self._rooms.with_(person) if person else delivery.to.id
        thread = delivery.thread.id if delivery.thread and delivery.thread.channel.id == room else ""
        sent = ""
        for part, content in enumerate(self._scribe.contents(delivery.message, delivery.key, thread)):
            sent = await self._server.send(room, "m.room.message", content, f"{_transaction(delivery)}.{part}")
        for keycap in KEYCAPS[: len(delivery.message.buttons)]:
            await self._number(room, sent, keycap, delivery)
        await self._attach(room, thread, delivery)
        return self._receipt(room, sent)

    async def _attach(self, room: str, thread: str, delivery: Delivery) -> None:
        """The images and files after the words, each an event of its own. A repetition uploads them once more and sends
        none twice. They do not carry the delivery's key: what is found by it is its words."""
        message = delivery.message
        for number, image in enumerate(message.images):
            address = await self._server.upload(image.data, "image/png", image.name)
            content = self._scribe.image(image, address, thread)
            await self._server.send(room, "m.room.message", content, f"{_transaction(delivery)}.image{number}")
        for number, file in enumerate(message.files):
            address = await self._server.upload(file.text.encode(), file.media, file.name)
            content = self._scribe.file(file, address, thread)
            await self._server.send(room, "m.room.message", content, f"{_transaction(delivery)}.file{number}")

    async def _edit(self, delivery: Delivery, room: str, event: str, transaction: str) -> None:
        content = self._scribe.edit(delivery.message, delivery.key, event)
        if content is None:
            raise Refused("the new words are too long for one message")
        await self._server.send(room, "m.room.message", content, transaction)
        await self._fit_numbers(delivery, room, event, delivery.message)

    async def _fit_numbers(self, delivery: Delivery, room: str, event: str, message: Message) -> None:
        """Bring our number reactions under an edited message in line with the buttons it has now."""
        wanted = KEYCAPS[: len(message.buttons)]
        there: dict[str, Json] = {}
        for reaction in await self._server.related(room, event, "m.annotation"):
            emoji = text(mapping(content_of(reaction).get("m.relates_to")).get("key"))
            if reaction.get("sender") == self._server.user and emoji in KEYCAPS:
                there[emoji] = reaction
        for emoji, reaction in there.items():
            if emoji not in wanted:
                number = KEYCAPS.index(emoji)
                await self._server.redact(room, text(reaction.get("event_id")), f"{_transaction(delivery)}.-{number}")
        for emoji in wanted:
            if emoji not in there:
                await self._number(room, event, emoji, delivery)

    async def _number(self, room: str, event: str, keycap: str, delivery: Delivery) -> None:
        """A button's number as a reaction. Where the room forbids the bot to react, the list in the text remains."""
        try:
            await self._react(room, event, keycap, f"{_transaction(delivery)}.+{KEYCAPS.index(keycap)}")
        except MatrixRefused as error:
            if error.code != "M_FORBIDDEN":
                raise

    async def _react(self, room: str, event: str, emoji: str, transaction: str) -> None:
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": emoji}}
        try:
            await self._server.send(room, "m.reaction", content, transaction)
        except MatrixRefused as error:
            if error.code != "M_DUPLICATE_ANNOTATION":  # It is there already, from before a lost answer.
                raise

    def _receipt(self, room: str, event: str) -> Receipt:
        return Receipt(MessageRef(ChannelRef(self._workspace, room), event))


def _person(delivery: Delivery) -> str:
    """Whose direct room it goes to; empty when it goes to a room for all."""
    private = delivery.visible_to or (delivery.to if isinstance(delivery.to, MemberRef) else None)
    return private.id if private else ""


def _transaction(delivery: Delivery) -> str:
    return f"allant-{fingerprint(delivery.key)}"
