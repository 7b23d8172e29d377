"""From what somebody wrote, reacted or took back to our events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bot.core.events import (
    CommandGiven,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.patience import patiently
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.matrix.homeserver import Homeserver
from bot.platforms.matrix.reading import (
    KEY,
    Json,
    command_in,
    commands_of,
    content_of,
    mapping,
    mentions,
    moment_of,
    number_in,
    relation,
    replied_to,
    text,
    without_mention,
    words_of,
)
from bot.platforms.matrix.rooms import Room, Roster
from bot.platforms.matrix.wire import MatrixRefused

V = TypeVar("V")

REMEMBERED = 5_000
"""Reactions, and other people's messages, kept in mind so that the homeserver is not asked about them."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One event of theirs with what every event of ours needs."""

    room: Room
    source: Json
    id: str
    at: datetime
    sender: str
    content: Json


class MessageReader:
    """Reads one event at a time; asks the homeserver about the message that a reaction or a number is about."""

    def __init__(
        self, server: Homeserver, workspace: WorkspaceRef, roster: Roster, now: Callable[[], datetime]
    ) -> None:
        self._server = server
        self._workspace = workspace
        self._roster = roster
        self._now = now
        self._reactions: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        self._theirs: OrderedDict[str, None] = OrderedDict()

    async def read(self, room: Room, source: Json) -> Event | None:
        """Our event for one of a person's; None for what is nothing to us."""
        said = _Said(
            room,
            source,
            text(source.get("event_id")),
            moment_of(source, self._now()),
            text(source.get("sender")),
            content_of(source),
        )
        kind = text(source.get("type"))
        if "redacted_because" in mapping(source.get("unsigned")):
            return None  # Taken back before we read it; the redaction itself follows.
        if kind in ("m.room.message", "m.sticker", "m.room.encrypted"):
            return await self._message(said)
        if kind == "m.reaction":
            return await self._reaction(said)
        if kind == "m.room.redaction":
            return await self._redaction(said)
        return None

    async def _message(self, said: _Said) -> Event | None:
        replaced = relation(said.content, "m.replace")
        if replaced:
            return MessageEdited(
                id=said.id,
                at=said.at,
                workspace=self._workspace,
                message=self._ref(said.room, replaced),
                member=self._member(said),
            )
        self._keep_in_mind(self._theirs, said.id, None)
        body = words_of(said.content)
        by_bot = said.content.get("msgtype") == "m.notice" or KEY in said.content
        if not by_bot:
            command = command_in(body)
            if command is not None:
                thread = self._thread(said.room, said.content)
                return self._command(said, command, message=said.id, thread=thread)
            if number_in(body):
                pressed = await self._pressed(said, number_in(body))
                if pressed is not None:
                    return pressed
        return self._posted(said, body, by_bot)

    def _posted(self, said: _Said, body: str, by_bot: bool) -> Event | None:
        direct = self._roster.is_direct(said.room)
        if direct and not body:
            return None  # A picture, or something encrypted: nothing to answer, and not counted either.
        me = self._roster.me
        name = said.room.members.get(me, "")
        named = mentions(said.content, body, me, name)
        return MessagePosted(
            id=said.id,
            at=said.at,
            workspace=self._workspace,
            message=self._ref(said.room, said.id),
            member=self._member(said),
            text=without_mention(body, me, name) if named else body,
            thread=self._thread(said.room, said.content),
            direct=direct,
            mentions_bot=named,
            by_bot=by_bot,
        )

    def _command(
        self,
        said: _Said,
        words: str,
        *,
        message: str,
        thread: MessageRef | None,
        button: bool = False,
    ) -> CommandGiven:
        return CommandGiven(
            id=said.id,
            at=said.at,
            workspace=self._workspace,
            member=self._member(said),
            channel=ChannelRef(self._workspace, said.room.id),
            text=words,
            direct=self._roster.is_direct(said.room),
            thread=thread,
            message=self._ref(said.room, message),
            button=button,
        )

    # Buttons, reactions

    async def _reaction(self, said: _Said) -> Event | None:
        target = relation(said.content, "m.annotation")
        emoji = text(mapping(said.content.get("m.relates_to")).get("key"))
        if not target or not emoji:
            return None
        self._keep_in_mind(self._reactions, said.id, (target, said.sender, emoji))
        ours = await self._our_message(said.room, target)
        number, commands = number_in(emoji), commands_of(ours) if ours else []
        if ours and 0 < number <= len(commands):
            thread = self._thread(said.room, content_of(ours))
            return self._command(said, commands[number - 1], message=target, button=True, thread=thread)
        return ReactionAdded(
            id=said.id,
            at=said.at,
            workspace=self._workspace,
            message=self._ref(said.room, target),
            member=self._member(said),
            emoji=emoji,
            on_bot=ours is not None,
        )

    async def _our_message(self, room: Room, event: str) -> Json | None:
        """The message if the bot wrote it."""
        if event in self._theirs:
            return None
        found = await patiently(lambda: self._event(room.id, event))
        if found is None or found.get("sender") != self._roster.me:
            self._keep_in_mind(self._theirs, event, None)
            return None
        return found

    async def _event(self, room: str, event: str) -> Json | None:
        try:
            return await self._server.event(room, event)
        except MatrixRefused:
            return None  # Not even an id: what somebody reacted to need not exist.

    async def _pressed(self, said: _Said, number: int) -> Event | None:
        """The button that a bare number means: in a reply, a thread or a direct room, of the bot's last message with
        buttons there. Anywhere else a number is just a number."""
        for candidate in await patiently(lambda: self._candidates(said)):
            commands = commands_of(candidate)
            if candidate.get("sender") == self._roster.me and commands:
                if number > len(commands):
                    return None
                pressed, thread = text(candidate.get("event_id")), self._thread(said.room, content_of(candidate))
                return self._command(said, commands[number - 1], message=pressed, thread=thread, button=True)
        return None

    async def _candidates(self, said: _Said) -> list[Json]:
        """Messages that a number may answer, the nearest first."""
        answered, root = replied_to(said.content), relation(said.content, "m.thread")
        try:
            if answered:
                found = await self._server.event(said.room.id, answered)
                return [found] if found else []
            if root:
                found = await self._server.event(said.room.id, root)
                replies = await self._server.related(said.room.id, root, "m.thread")
                return [*replies, *([found] if found else [])]
            if self._roster.is_direct(said.room):
                return (await self._server.back(said.room.id, "", own=True))[0]
        except MatrixRefused:
            pass
        return []

    async def _redaction(self, said: _Said) -> Event | None:
        """Something was taken back: a reaction we heard of, or a message."""
        target = text(said.source.get("redacts")) or text(said.content.get("redacts"))
        if not target:
            return None
        reaction = self._reactions.pop(target, None)
        if reaction is not None:
            message, member, emoji = reaction
            return ReactionRemoved(
                id=said.id,
                at=said.at,
                workspace=self._workspace,
                message=self._ref(said.room, message),
                member=MemberRef(self._workspace, member),
                emoji=emoji,
            )
        found = await patiently(lambda: self._event(said.room.id, target))
        if found is None or found.get("type") not in ("m.room.message", "m.sticker", "m.room.encrypted"):
            return None  # A reaction from before our start, say: its redacted form no longer tells on what it was.
        return MessageDeleted(id=said.id, at=said.at, workspace=self._workspace, message=self._ref(said.room, target))

    # Small things

    def _member(self, said: _Said) -> MemberRef:
        return MemberRef(self._workspace, said.sender)

    def _ref(self, room: Room, event: str) -> MessageRef:
        return MessageRef(ChannelRef(self._workspace, room.id), event)

    def _thread(self, room: Room, content: Json) -> MessageRef | None:
        root = relation(content, "m.thread")
        return self._ref(room, root) if root else None

    @staticmethod
    def _keep_in_mind(memory: OrderedDict[str, V], key: str, value: V) -> None:
        memory[key] = value
        if len(memory) > REMEMBERED:
            memory.popitem(last=False)
