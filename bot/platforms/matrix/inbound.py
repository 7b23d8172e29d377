"""From a sync to our events: what is news, in which order, and who is new."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from bot.core.community import Channel, Member
from bot.core.errors import PlatformError
from bot.core.events import ChannelChanged, Event, MemberChanged, MemberJoined, MemberLeft
from bot.core.patience import hand_over, patiently
from bot.core.platform import OnEvent
from bot.core.refs import ChannelRef, Language, MemberRef, WorkspaceRef
from bot.platforms.matrix.homeserver import Batch, Homeserver, RoomNews
from bot.platforms.matrix.messages import MessageReader
from bot.platforms.matrix.reading import Json, content_of, fingerprint, mapping, moment_of, name_of, server_of, text
from bot.platforms.matrix.rooms import Room, Roster
from bot.platforms.matrix.wire import MatrixRefused
from bot.platforms.matrix.words import not_encrypted

log = logging.getLogger("allant.matrix")

GAP_PAGES = 50
"""Pages of 100 events read backwards at most, when much was said in a room while we were away."""


class Listener:
    """Holds the roster, and hands each event over before the sync that brought it counts as read."""

    def __init__(
        self, server: Homeserver, workspace: WorkspaceRef, language: Language, now: Callable[[], datetime]
    ) -> None:
        self.roster = Roster(server.user)
        self._server = server
        self._workspace = workspace
        self._language = language
        self._now = now
        self._messages = MessageReader(server, workspace, self.roster, now)
        self._caught_up: Batch | None = None
        self._renamed: dict[str, str] = {}

    # The start

    async def catch_up(self) -> Batch:
        """The rooms as they were when we stopped reading, with what happened since; ``run`` begins with it. Where
        nothing was ever read, it begins now."""
        since = self._server.session.since
        try:
            self._caught_up = await self._server.sync(since, full=True)
        except MatrixRefused as error:
            if not since or error.status != 400:
                raise
            log.error("the homeserver does not know how far we had read (%s): going on from now", error.code)
            await self._server.read_up_to("")
            self._caught_up = await self._server.sync("", full=True)
        return self._caught_up

    def directory(self, batch: Batch) -> Sequence[Member | Channel]:
        """The members and channels at the end of a batch whose states are whole."""
        then = Roster(self.roster.me)
        then.direct = batch.direct or {}
        spoken: dict[str, datetime] = {}
        for identifier, news in batch.joined.items():
            room = then.room(identifier)
            for event in [*news.state, *news.timeline]:
                then.apply(room, event)
                if event.get("type") in ("m.room.message", "m.room.encrypted") and event.get("sender") != then.me:
                    spoken[identifier] = moment_of(event, self._now())
        members = [self.member(user, name) for user, name in then.people().items()]
        channels = [self.channel(room, then, spoken.get(room.id)) for room in then.rooms.values() if not room.space]
        return [*members, *channels]

    async def run(self, on_event: OnEvent) -> None:
        """Listen until cancelled."""
        batch = self._caught_up if self._caught_up is not None else await patiently(self.catch_up)
        self._caught_up = None
        self.roster.rooms.clear()
        self.roster.direct = batch.direct or {}
        first = not self._server.session.since
        await self._take_in(batch, on_event, full=True, first=first)
        self.roster.complete = True
        while True:
            batch = await patiently(self._next)
            await self._take_in(batch, on_event)

    async def _next(self) -> Batch:
        return await self._server.sync(self._server.session.since, wait=True)

    async def _take_in(self, batch: Batch, on_event: OnEvent, *, full: bool = False, first: bool = False) -> None:
        """Hand over all that is news in ``batch``, then move on. ``full``: its states are whole. ``first``: we never
        listened here before, so that everything is old but the invitations."""
        if batch.direct is not None:
            self.roster.direct = batch.direct
        if first:
            # Durable before we join any: what is said in those rooms from then on must not look old after a crash.
            ours = [room for room, state in batch.invited.items() if self._from_ours(state)]
            await self._server.read_up_to(batch.next, invited=ours)
        for room in set(self._server.session.invited) - {*batch.joined, *batch.invited}:
            await self._join(room)
        for room, state in batch.invited.items():
            await self._invited(room, state)
        rooms = []
        for identifier, news in batch.joined.items():
            gap: list[Json] = []
            if news.limited and not first and _own_join(news.timeline, self.roster.me) < 0:
                gap = await self._gap(identifier, news.before)
            rooms.append((_begin([*gap, *news.timeline]), identifier, news, gap))
        # Of two rooms a person joins, the one that has news first is where they arrived; the same at every repetition.
        for _, identifier, news, gap in sorted(rooms, key=lambda each: each[:2]):
            async for event in self._room_news(identifier, news, gap, full=full, first=first):
                await hand_over(event, on_event)
        for identifier, news in batch.left.items():
            left = self._left(identifier, news)
            if left is not None:
                await hand_over(left, on_event)
        # Also when only account data moved: Synapse answers the same question from a cache for two minutes.
        if batch.next != self._server.session.since or self._server.session.invited:
            await self._server.read_up_to(batch.next)

    # One room

    async def _room_news(
        self, identifier: str, news: RoomNews, gap: list[Json], *, full: bool, first: bool
    ) -> AsyncIterator[Event]:
        """Our events of one room's news, the roster brought along with each. ``gap``: what came before a limited
        timeline."""
        entered = full or identifier not in self.roster.rooms
        room = self.roster.room(identifier)
        if entered:
            for event in news.state:
                self.roster.apply(room, event)
            self.roster.rewind(room, gap)
        events = [*gap, *news.timeline]
        joined = len(events) - 1 if first else _own_join(events, self.roster.me)
        for event in events[: joined + 1]:
            self.roster.apply(room, event)
        if joined >= 0 and not first and not room.space:
            for each in self._entered(room, events[joined]):
                yield each
            await self._warn_if_encrypted(room)
        for event in events[joined + 1 :]:
            async for each in self._event(room, event):
                yield each

    async def _gap(self, room: str, before: str) -> list[Json]:
        """What was said between the last sync and a limited timeline, oldest first; from our own join on."""
        found: list[Json] = []
        for _ in range(GAP_PAGES):
            page, end = await patiently(lambda start=before: self._page(room, start))  # type: ignore[misc]  # Bound now, as it changes.
            found += page
            if not page or not end or _own_join(page, self.roster.me) >= 0:
                return found[::-1]
            before = end
        log.warning("more was said in a room while we were away than we read back: the oldest of it is skipped")
        return found[::-1]

    async def _page(self, room: str, start: str) -> tuple[list[Json], str]:
        try:
            return await self._server.back(room, start, end=self._server.session.since)
        except MatrixRefused:
            return [], ""  # We may no longer read there.

    async def _event(self, room: Room, event: Json) -> AsyncIterator[Event]:
        """Our events for one of theirs: a person can write anything, so what cannot be read is passed over."""
        try:
            if "state_key" in event:
                for each in self._state(room, event):
                    yield each
                if event.get("type") == "m.room.encryption":
                    await self._warn_if_encrypted(room)
            elif not room.space and text(event.get("sender")) not in ("", self.roster.me):
                read = await self._messages.read(room, event)
                if read is not None:
                    yield read
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("an event could not be read and was passed over: %s", type(error).__name__)

    def _state(self, room: Room, event: Json) -> list[Event]:
        """The events of a state event, and the roster brought up to it."""
        identifier, user = text(event.get("event_id")), text(event.get("state_key"))
        about_member = event.get("type") == "m.room.member" and user not in ("", self.roster.me)
        channel_before = self.channel(room)
        name_before = self._renamed.get(user, room.members.get(user, ""))
        was_in, was_anywhere = user in room.members, about_member and self.roster.in_a_channel(user)
        self.roster.apply(room, event)
        at = moment_of(event, self._now())
        found: list[Event] = []
        channel = self.channel(room)
        if channel != channel_before and not room.space:
            found.append(ChannelChanged(id=f"{identifier}/channel", at=at, workspace=self._workspace, channel=channel))
        if not about_member or channel.direct or room.space:
            return found
        member = self.member(user, name_of(user, content_of(event)))
        is_in = user in room.members
        if is_in and not was_in:
            if not was_anywhere:
                found.append(
                    MemberJoined(id=f"{identifier}/workspace", at=at, workspace=self._workspace, member=member)
                )
            found.append(
                MemberJoined(id=identifier, at=at, workspace=self._workspace, member=member, channel=channel.ref)
            )
        elif was_in and not is_in:
            found.append(
                MemberLeft(id=identifier, at=at, workspace=self._workspace, member=member.ref, channel=channel.ref)
            )
            if not self.roster.in_a_channel(user):
                found.append(
                    MemberLeft(id=f"{identifier}/workspace", at=at, workspace=self._workspace, member=member.ref)
                )
        elif is_in and member.name != name_before:
            self._renamed[user] = member.name  # They are told once, though every room of theirs has an event for it.
            found.append(MemberChanged(id=identifier, at=at, workspace=self._workspace, member=member))
        return found

    def _entered(self, room: Room, event: Json) -> list[Event]:
        """The bot came into the room: what it is, and who is already there. Their joins are older, so no news."""
        identifier, at = text(event.get("event_id")), moment_of(event, self._now())
        found: list[Event] = [
            ChannelChanged(id=f"{identifier}/channel", at=at, workspace=self._workspace, channel=self.channel(room))
        ]
        for user, name in sorted(room.members.items()):
            if user != self.roster.me:
                member = self.member(user, name)
                found.append(MemberChanged(id=f"{identifier}/{user}", at=at, workspace=self._workspace, member=member))
        return found

    def _left(self, identifier: str, news: RoomNews) -> Event | None:
        """The bot is no longer in the room: nothing can be posted there. None for an invitation we declined."""
        room = self.roster.rooms.pop(identifier, None) or Room(identifier)
        own = [each for each in news.timeline if each.get("state_key") == self.roster.me]
        if not own or mapping(mapping(own[-1].get("unsigned")).get("prev_content")).get("membership") != "join":
            return None
        for event in [*news.state, *news.timeline]:
            self.roster.apply(room, event)
        room.replaced = True
        return ChannelChanged(
            id=f"{text(own[-1].get('event_id'))}/left",
            at=moment_of(own[-1], self._now()),
            workspace=self._workspace,
            channel=self.channel(room),
        )

    # Invitations and encryption

    async def _invited(self, room: str, state: Sequence[Json]) -> None:
        """Follow an invitation from somebody of our own homeserver; one from elsewhere is declined, because whoever
        invites us gets our answers."""
        mine = self._invitation(state)
        inviter = text(mine.get("sender"))
        try:
            if not self._from_ours(state):
                log.warning("an invitation from another homeserver was declined")
                return await patiently(lambda: self._server.leave(room), tries=3)
            if content_of(mine).get("is_direct") is True:
                await patiently(lambda: self._server.mark_direct(inviter, room), tries=3)
        except PlatformError as error:
            return log.warning("an invitation could not be handled: %s", error)
        await self._join(room)

    def _invitation(self, state: Sequence[Json]) -> Json:
        ours = (each for each in state if each.get("state_key") == self.roster.me)
        return next((each for each in ours if each.get("type") == "m.room.member"), {})

    def _from_ours(self, state: Sequence[Json]) -> bool:
        return server_of(text(self._invitation(state).get("sender"))) == server_of(self.roster.me)

    async def _join(self, room: str) -> None:
        try:
            await patiently(lambda: self._server.join(room), tries=5)
            log.info("joined a room we were invited to")
        except PlatformError as error:
            log.warning("an invitation could not be followed: %s", error)

    async def _warn_if_encrypted(self, room: Room) -> None:
        """Say once what encryption means here: at our coming, or when it is switched on."""
        if not room.encrypted:
            return
        log.warning("a room is end-to-end encrypted, which this version cannot read; see docs/matrix.md")
        words = {"msgtype": "m.text", "body": not_encrypted(self._language), "m.mentions": {}}
        transaction = f"allant-encrypted-{fingerprint(room.id)}"
        try:
            await patiently(lambda: self._server.send(room.id, "m.room.message", words, transaction), tries=3)
        except PlatformError as error:
            log.warning("the notice about encryption was refused: %s", error)

    # Our words for theirs

    def member(self, user: str, name: str) -> Member:
        """Matrix tells neither language nor zone: the settings' language, and the zone of the policy (left empty).
        Somebody from another homeserver is a guest."""
        return Member(
            MemberRef(self._workspace, user),
            name,
            language=self._language,
            zone="",
            guest=server_of(user) != server_of(self.roster.me),
        )

    def channel(self, room: Room, roster: Roster | None = None, spoken: datetime | None = None) -> Channel:
        known = roster or self.roster
        return Channel(
            ChannelRef(self._workspace, room.id),
            known.title(room),
            direct=known.is_direct(room),
            archived=room.replaced,
            last_message_at=spoken,
        )


def _own_join(events: Sequence[Json], me: str) -> int:
    """The place of the last event by which the bot came in; -1 when there is none. Changing its name is no coming."""
    found = -1
    for place, event in enumerate(events):
        if event.get("type") == "m.room.member" and event.get("state_key") == me:
            before = mapping(mapping(event.get("unsigned")).get("prev_content")).get("membership")
            if content_of(event).get("membership") == "join" and before != "join":
                found = place
    return found


def _begin(events: Sequence[Json]) -> float:
    """When a room's news begin, in the homeserver's milliseconds."""
    try:
        return float(events[0]["origin_server_ts"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0
