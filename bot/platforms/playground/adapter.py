"""The playground as a platform: its happenings as our events, our deliveries as its posts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, Receipt, Verb
from bot.core.errors import RateLimited, Refused, Unreachable, Unsure
from bot.core.events import (
    ChannelChanged,
    CommandGiven,
    Event,
    HomeOpened,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.playground.bot_api import BotApi
from bot.platforms.playground.faults import NoAnswer, NotAllowed, NotReached, TooBusy
from bot.platforms.playground.records import Happening, Person, Post
from bot.platforms.playground.server import PlaygroundServer

log = logging.getLogger("allant.playground")

_LEADING_MENTION = re.compile(r"^\s*@allant\b[\s,:;.!—-]*", re.IGNORECASE)


class PlaygroundPlatform(Platform):
    """The one workspace of a playground's server, which stays the caller's to close."""

    def __init__(
        self, server: PlaygroundServer, *, workspace: WorkspaceRef | None = None, retry_seconds: float = 1.0
    ) -> None:
        """``workspace``: playground/demo by default. ``retry_seconds``: the wait before an event which could not be
        taken in is delivered again."""
        self.workspace = workspace or WorkspaceRef("playground", "demo")
        self.can = Capabilities(
            safe_to_repeat=True,
            can_look_up=True,
            buttons=True,
            forms=True,
            private_replies=True,
            threads=True,
            home=True,
            images=True,
            files=True,
        )
        self._server = server
        self._api = BotApi(server)
        self._retry_seconds = retry_seconds

    async def directory(self) -> AsyncIterator[Member | Channel]:
        for person in self._server.people():
            yield self._member(person)
        spoken = self._server.archive.last_spoken()
        for room in self._server.rooms():
            yield Channel(
                self._channel_ref(room.id), room.name, archived=room.archived, last_message_at=spoken.get(room.id)
            )

    async def run(self, on_event: OnEvent) -> None:
        while True:
            happenings = await self._server.undelivered()
            lanes: dict[str, list[Happening]] = {}
            for happening in happenings:
                lanes.setdefault(happening.place, []).append(happening)
            # Channels go on side by side, so that a store which commits in groups has something to group; within
            # one the order holds.
            done = await asyncio.gather(*(self._deliver(lane, on_event) for lane in lanes.values()))
            self._server.acknowledge(number for lane in done for number in lane)
            if sum(len(lane) for lane in done) < len(happenings):
                await asyncio.sleep(self._retry_seconds)

    async def do(self, delivery: Delivery) -> Receipt:
        with _our_errors():
            post = await self._carry_out(delivery)
        return self._receipt(delivery, post.id if post else None)

    async def find(self, delivery: Delivery) -> Receipt | None:
        with _our_errors():
            done, identifier = await self._api.find(delivery.key)
        return self._receipt(delivery, identifier) if done else None

    async def close(self) -> None:
        """Nothing of its own to close: the server plays the platform and outlives the adapter."""

    async def _deliver(self, lane: Sequence[Happening], on_event: OnEvent) -> list[int]:
        """The numbers of those taken in; the first that fails stops the lane, so that the order holds."""
        taken: list[int] = []
        for happening in lane:
            event = self._event(happening)
            try:
                for _ in range(2 if self._server.faults.repeat_events else 1):
                    await on_event(event)
            except Exception as error:
                log.warning("an event was not taken in, delivering it again: %s", type(error).__name__)
                break
            taken.append(happening.number)
        return taken

    async def _carry_out(self, delivery: Delivery) -> Post | None:
        key, message = delivery.key, delivery.message
        if delivery.verb is Verb.SEND:
            if isinstance(delivery.to, MemberRef):
                return await self._api.post_to(delivery.to.id, message, key=key, answers=delivery.answers)
            return await self._api.post(
                delivery.to.id,
                message,
                key=key,
                thread=delivery.thread.id if delivery.thread else None,
                visible_to=delivery.visible_to.id if delivery.visible_to else None,
                answers=delivery.answers,
            )
        if delivery.verb is Verb.HOME:
            await self._api.show_home(delivery.to.id, message)
            return None
        if delivery.target is None:
            raise Refused(f"{delivery.verb} names no message")
        if delivery.verb is Verb.EDIT:
            return await self._api.edit(delivery.target.id, message, key=key)
        if delivery.verb is Verb.WITHDRAW:
            return await self._api.delete(delivery.target.id, key=key)
        return await self._api.react(delivery.target.id, delivery.emoji, key=key)

    def _receipt(self, delivery: Delivery, post: str | None) -> Receipt:
        if delivery.verb is not Verb.SEND or post is None:
            return Receipt(delivery.target)
        to = delivery.to
        channel = self._channel_ref(f"D-{to.id}") if isinstance(to, MemberRef) else to
        return Receipt(MessageRef(channel, post))

    # Translation

    def _event(self, happening: Happening) -> Event:
        data = happening.data
        common: dict[str, Any] = {"id": happening.id, "at": happening.at, "workspace": self.workspace}
        channel = self._channel_ref(data["channel"]) if data.get("channel") else None
        if happening.kind in ("member_joined", "member_changed"):
            person = self._member(self._server.person(data["person"]))
            if happening.kind == "member_changed":
                return MemberChanged(**common, member=person)
            return MemberJoined(**common, member=person, channel=channel)
        if happening.kind == "member_left":
            return MemberLeft(**common, member=self._member_ref(data), channel=channel)
        if happening.kind == "home_opened":
            return HomeOpened(**common, member=self._member_ref(data))
        if channel is None:
            raise ValueError(f"an event of the kind {happening.kind} without a channel")
        if happening.kind == "channel_changed":
            room = self._server.room(channel.id)
            return ChannelChanged(**common, channel=Channel(channel, room.name, archived=room.archived))
        if happening.kind == "home_pressed":
            member, text = self._member_ref(data), data["text"]
            return CommandGiven(
                **common, member=member, channel=channel, text=text, direct=True, button=True, home=True
            )
        common["message"] = MessageRef(channel, data["post"])
        return self._about_message(happening.kind, common, channel, data)

    def _about_message(self, kind: str, common: dict[str, Any], channel: ChannelRef, data: Mapping[str, Any]) -> Event:
        if kind == "message_deleted":
            return MessageDeleted(**common)
        member = self._member_ref(data)
        thread = MessageRef(channel, data["thread"]) if data.get("thread") else None
        if kind == "message":
            text = _LEADING_MENTION.sub("", data["text"]) if data["mentions"] else data["text"]
            return MessagePosted(
                **common,
                member=member,
                text=text,
                thread=thread,
                direct=data["direct"],
                mentions_bot=data["mentions"],
            )
        if kind == "message_edited":
            return MessageEdited(**common, member=member)
        if kind == "reaction_added":
            return ReactionAdded(**common, member=member, emoji=data["emoji"], on_bot=data["on_bot"])
        if kind == "reaction_removed":
            return ReactionRemoved(**common, member=member, emoji=data["emoji"])
        if kind != "command":
            raise ValueError(f"an event of the unknown kind {kind}")
        return CommandGiven(
            **common,
            member=member,
            channel=channel,
            text=data["text"],
            direct=data["direct"],
            fields=data["fields"],
            thread=thread,
            button=data["button"],
        )

    def _channel_ref(self, room: str) -> ChannelRef:
        return ChannelRef(self.workspace, room)

    def _member_ref(self, data: Mapping[str, Any]) -> MemberRef:
        return MemberRef(self.workspace, data["person"])

    def _member(self, person: Person) -> Member:
        role = Role.ADMIN if person.admin else Role.ANIMATOR if person.animator else Role.MEMBER
        return Member(
            MemberRef(self.workspace, person.id),
            person.name,
            language=person.language,
            zone=person.zone,
            guest=person.guest,
            manager=person.manager,
            bot=person.bot,
            active=person.active,
            role=role,
            joined_at=person.joined_at,
        )


@contextlib.contextmanager
def _our_errors() -> Iterator[None]:
    """The server's troubles as Allant's own errors."""
    try:
        yield
    except TooBusy as error:
        raise RateLimited(error.retry_after) from None
    except NotReached:
        raise Unreachable("the playground cannot be reached") from None
    except NoAnswer:
        raise Unsure("the playground did not answer") from None
    except NotAllowed as error:
        raise Refused(str(error)) from None
