"""From what Slack sends to our events. Whatever has a shape we do not know gives no event, and is no error."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial

from bot.core.community import Channel
from bot.core.events import (
    ChannelChanged,
    CommandGiven,
    Event,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.slack import emoji
from bot.platforms.slack.installation import Installation
from bot.platforms.slack.people import People
from bot.platforms.slack.reading import (
    Json,
    channel,
    mapping,
    mentions,
    moment,
    text,
    typed_command,
    without_mention,
    words,
)

log = logging.getLogger("allant.slack")

_SAID = frozenset({"", "file_share", "me_message", "thread_broadcast", "bot_message"})
"""Subtypes of messages in which somebody says something; the others tell what happened, which has events of its own."""
_CHANNEL_NEWS = frozenset(
    {
        "channel_archive",
        "channel_created",
        "channel_deleted",
        "channel_left",
        "channel_rename",
        "channel_unarchive",
        "group_archive",
        "group_deleted",
        "group_left",
        "group_rename",
        "group_unarchive",
    }
)
_GONE = frozenset(
    {"channel_archive", "channel_deleted", "group_archive", "group_deleted", "channel_left", "group_left"}
)
_OF_THE_WORKSPACE = frozenset({"team_join", "user_change", "member_joined_channel", "member_left_channel"})


def lane_of(event: Json) -> str:
    """In whose order it is to be taken in: as bot.core.events.place_of."""
    kind = text(event.get("type"))
    if kind in _OF_THE_WORKSPACE:
        return "workspace"
    return channel_of(event) or "workspace"


def channel_of(event: Json) -> str:
    found = event.get("channel")
    if isinstance(found, dict):
        found = found.get("id")
    return text(found) or text(mapping(event.get("item")).get("channel"))


class Inbound:
    """Reads one workspace's events."""

    def __init__(self, installation: Installation, workspace: WorkspaceRef, people: People) -> None:
        self._me = installation.bot_user
        self._bot = installation.bot
        self._workspace = workspace
        self._people = people
        self._read: dict[str, Callable[[Json, str, datetime], AsyncIterator[Event]]] = {
            "app_mention": self._message,
            "member_joined_channel": self._joined_channel,
            "member_left_channel": self._left_channel,
            "message": self._message,
            "reaction_added": self._reaction,
            "reaction_removed": self._reaction,
            "team_join": self._joined,
            "user_change": self._changed,
            **dict.fromkeys(_CHANNEL_NEWS, self._channel_news),
        }

    async def events(self, body: Json, *, last_try: bool = False) -> AsyncIterator[Event]:
        """Our events for one of the Events API. ``last_try``: Slack will not bring it again, so that what is missing to
        read it whole is done without. Raises PlatformError when people could not be asked about."""
        event = mapping(body.get("event"))
        read = self._read.get(text(event.get("type")))
        identifier = text(body.get("event_id"))
        if read is None or not identifier:
            return
        at = moment(event.get("event_ts") or body.get("event_time"), datetime.now(UTC))
        if read == self._joined_channel:
            read = partial(self._joined_channel, last_try=last_try)
        async for each in read(event, identifier, at):
            yield each

    # Who comes and goes

    async def _joined(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        member = await self._people.told(mapping(event.get("user")))
        if member is not None and not member.bot:
            yield MemberJoined(id=identifier, at=at, workspace=self._workspace, member=member)

    async def _joined_channel(
        self, event: Json, identifier: str, at: datetime, last_try: bool = False
    ) -> AsyncIterator[Event]:
        user = text(event.get("user"))
        place = self._channel(text(event.get("channel")))
        if user == self._me:
            found = await self._people.channel(place.id)
            if found is not None:
                yield ChannelChanged(id=identifier, at=at, workspace=self._workspace, channel=found)
            return
        member = await self._people.member(user, last_try=last_try)
        if member is not None and not member.bot:
            yield MemberJoined(id=identifier, at=at, workspace=self._workspace, member=member, channel=place)

    async def _left_channel(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        user, place = text(event.get("user")), self._channel(text(event.get("channel")))
        if user and user != self._me and place.id:
            yield MemberLeft(id=identifier, at=at, workspace=self._workspace, member=self._member(user), channel=place)

    async def _changed(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        member = await self._people.told(mapping(event.get("user")))
        if member is None or member.ref.id == self._me:
            return
        if member.active:
            yield MemberChanged(id=identifier, at=at, workspace=self._workspace, member=member)
        else:
            yield MemberLeft(id=identifier, at=at, workspace=self._workspace, member=member.ref)

    async def _channel_news(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        kind, said = text(event.get("type")), event.get("channel")
        found: Channel | None
        if isinstance(said, dict) and said.get("id") and said.get("name"):
            found = channel(self._workspace, said)
        else:
            found = await self._people.channel(channel_of(event), archived=kind in _GONE)
        if found is not None:
            yield ChannelChanged(id=identifier, at=at, workspace=self._workspace, channel=found)

    # What is said

    async def _message(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        subtype = text(event.get("subtype"))
        if subtype == "message_changed":
            edited = self._edited(event, identifier, at)
            if edited is not None:
                yield edited
        elif subtype == "message_deleted":
            gone = text(event.get("deleted_ts")) or text(mapping(event.get("previous_message")).get("ts"))
            if gone and mapping(event.get("previous_message")).get("user") != self._me:
                message = MessageRef(self._channel(channel_of(event)), gone)
                yield MessageDeleted(id=identifier, at=at, workspace=self._workspace, message=message)
        elif subtype in _SAID:
            async for each in self._said(event, at):
                yield each

    async def _said(self, event: Json, at: datetime) -> AsyncIterator[Event]:
        """An app_mention and a message tell the same where we are in the channel: both have the id of what was said."""
        place, ts = self._channel(channel_of(event)), text(event.get("ts"))
        user, bot = text(event.get("user")), text(event.get("bot_id"))
        by_bot = bool(bot) or event.get("subtype") == "bot_message"
        if not (place.id and ts and (user or bot)) or user == self._me or (bot and bot == self._bot):
            return
        direct = event.get("channel_type") == "im" or place.id.startswith("D")
        if direct and self._people.is_new_direct(place.id):
            room = Channel(place, user or bot, direct=True)
            yield ChannelChanged(id=f"direct {place.id}", at=at, workspace=self._workspace, channel=room)
        if user and not by_bot:
            stranger = await self._people.stranger(user, text(event.get("user_team")) or text(event.get("source_team")))
            if stranger is not None:
                known = f"stranger {user} {ts}"
                yield MemberChanged(id=known, at=at, workspace=self._workspace, member=stranger)
        message, said = MessageRef(place, ts), text(event.get("text"))
        root = text(event.get("thread_ts"))
        thread = MessageRef(place, root) if root and root != ts else None
        named = mentions(said, self._me)
        plain = words(without_mention(said, self._me))
        command = None if by_bot else typed_command(plain)
        who = self._member(user or bot)
        if command is not None:
            yield CommandGiven(
                id=f"{place.id} {ts}",
                at=at,
                workspace=self._workspace,
                member=who,
                channel=place,
                text=command,
                direct=direct,
                thread=thread,
                message=message,
            )
            return
        yield MessagePosted(
            id=f"{place.id} {ts}",
            at=at,
            workspace=self._workspace,
            message=message,
            member=who,
            text=plain,
            thread=thread,
            direct=direct,
            mentions_bot=named,
            by_bot=by_bot,
        )

    def _edited(self, event: Json, identifier: str, at: datetime) -> Event | None:
        """Slack says message_changed for unfurled links as well: only a person's own edit counts."""
        now, before = mapping(event.get("message")), mapping(event.get("previous_message"))
        ts, user = text(now.get("ts")), text(now.get("user"))
        if now.get("subtype") == "tombstone":
            # A message with answers leaves a stone behind when it is deleted.
            message = MessageRef(self._channel(channel_of(event)), ts)
            return MessageDeleted(id=identifier, at=at, workspace=self._workspace, message=message) if ts else None
        if not (ts and user and user != self._me) or now.get("bot_id") or now.get("text") == before.get("text"):
            return None
        message = MessageRef(self._channel(channel_of(event)), ts)
        return MessageEdited(
            id=identifier, at=at, workspace=self._workspace, message=message, member=self._member(user)
        )

    async def _reaction(self, event: Json, identifier: str, at: datetime) -> AsyncIterator[Event]:
        item, user = mapping(event.get("item")), text(event.get("user"))
        place, ts = text(item.get("channel")), text(item.get("ts"))
        if item.get("type") != "message" or not (place and ts and user) or user == self._me:
            return
        message = MessageRef(self._channel(place), ts)
        shown = emoji.character(text(event.get("reaction")))
        who = self._member(user)
        if event.get("type") == "reaction_added":
            yield ReactionAdded(
                id=identifier,
                at=at,
                workspace=self._workspace,
                message=message,
                member=who,
                emoji=shown,
                on_bot=event.get("item_user") == self._me,
            )
        else:
            yield ReactionRemoved(
                id=identifier, at=at, workspace=self._workspace, message=message, member=who, emoji=shown
            )

    def _channel(self, identifier: str) -> ChannelRef:
        return ChannelRef(self._workspace, identifier)

    def _member(self, identifier: str) -> MemberRef:
        return MemberRef(self._workspace, identifier)
