"""Who is who and which channels there are: the whole directory, and single people when an event names them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator

from bot.core.community import Channel, Member
from bot.core.errors import PlatformError
from bot.core.refs import ChannelRef, Language, MemberRef, WorkspaceRef
from bot.platforms.slack import reading
from bot.platforms.slack.reading import Json, mapping, objects, text
from bot.platforms.slack.wire import SlackRefused, Wire

log = logging.getLogger("allant.slack")

PAGE = 1000
"""Members or channels in one answer: the most that Slack gives."""
KEPT = 20_000
"""People remembered, those who were named last: a newcomer enters several channels within moments."""


class People:
    """One workspace's members and channels."""

    def __init__(self, wire: Wire, workspace: WorkspaceRef, usual: Language) -> None:
        self._wire = wire
        self._workspace = workspace
        self._usual = usual
        self._known: OrderedDict[str, Member] = OrderedDict()
        self._direct: set[str] = set()
        self._direct_of: dict[str, str] = {}
        self._strangers: set[str] = set()
        self._unasked: asyncio.Queue[str] = asyncio.Queue()
        self._asking: dict[str, asyncio.Task[Json]] = {}

    # The directory

    async def members(self) -> AsyncIterator[list[Member]]:
        """Page by page, as fast as the method's tier allows. People of connected organisations are among them only as
        far as Slack lists them; others are asked about when they say something."""
        async for page in self._pages("users.list", "members", include_locale="true"):
            found = [reading.member(self._workspace, each, self._usual) for each in page if each.get("id")]
            for member in found:
                self._keep(member)
            yield found

    async def channels(self) -> AsyncIterator[list[Channel]]:
        async for page in self._pages("conversations.list", "channels", types="public_channel,private_channel"):
            yield [reading.channel(self._workspace, each) for each in page if each.get("id")]

    async def _pages(self, method: str, part: str, **values: str) -> AsyncIterator[list[Json]]:
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await self._wire.ask_until_answered(method, limit=str(PAGE), **values, **more)
            yield objects(answer.get(part))
            cursor = text(mapping(answer.get("response_metadata")).get("next_cursor"))
            if not cursor:
                return

    # Single ones

    async def told(self, user: Json) -> Member | None:
        """Somebody whom an event describes. Their locale is asked for where it does not say it."""
        if not text(user.get("id")):
            return None
        if not user.get("locale") and user.get("deleted") is not True and user.get("is_bot") is not True:
            try:
                user = await self._ask(text(user.get("id")))
            except PlatformError:
                # Thousands may come in an hour, and Slack answers a hundred questions a minute: nobody waits for that.
                self._unasked.put_nowait(text(user.get("id")))
        return self._keep(reading.member(self._workspace, user, self._usual))

    async def member(self, identifier: str, *, last_try: bool = False) -> Member | None:
        """Somebody an event only names. None for whom Slack does not know. Raises PlatformError when Slack does not
        answer; with ``last_try`` it is made do without a name."""
        if not identifier:
            return None
        found = self._known.get(identifier)
        if found is not None:
            self._known.move_to_end(identifier)
            return found
        try:
            return self._keep(reading.member(self._workspace, await self._ask(identifier), self._usual))
        except SlackRefused:
            return None
        except PlatformError:
            if not last_try:
                raise
            return Member(MemberRef(self._workspace, identifier), "", language=self._usual, zone="")

    async def stranger(self, identifier: str, team: str) -> Member | None:
        """Somebody of another team who was not heard of before, as a guest; None for everybody else."""
        if not team or team == self._workspace.id or identifier in self._strangers:
            return None
        try:
            found = await self.member(identifier)
        except PlatformError:
            return None
        if found is None or len(self._strangers) >= KEPT:
            return None
        self._strangers.add(identifier)
        return found if found.guest else None

    async def channel(self, identifier: str, *, archived: bool = False) -> Channel | None:
        """``archived``: it can no longer be written to, whatever Slack says of it."""
        if not identifier:
            return None
        try:
            answer = await self._wire.ask("conversations.info", read=True, channel=identifier)
            found = reading.channel(self._workspace, mapping(answer.get("channel")))
        except SlackRefused:
            found = Channel(ChannelRef(self._workspace, identifier), identifier)
        if not archived:
            return found
        return Channel(found.ref, found.name, direct=found.direct, archived=True)

    def known(self, identifier: str) -> Member | None:
        """Somebody who was named lately."""
        return self._known.get(identifier)

    def note_direct(self, person: str, channel: str) -> None:
        if len(self._direct_of) < KEPT and channel:
            self._direct_of[person] = channel

    def direct_of(self, person: str) -> str:
        """The direct conversation with them as far as we were told; else nothing."""
        return self._direct_of.get(person, "")

    def is_new_direct(self, identifier: str) -> bool:
        """Whether this direct conversation was not told of before, since the start."""
        if identifier in self._direct:
            return False
        self._direct.add(identifier)
        return True

    async def asked_late(self) -> Member | None:
        """The next of those whose language could not be asked for at their coming, once Slack has answered; None for
        one whom it does not know any more."""
        identifier = await self._unasked.get()
        try:
            answer = await self._wire.ask_until_answered("users.info", user=identifier, include_locale="true")
        except PlatformError:
            return None
        return self._keep(reading.member(self._workspace, mapping(answer.get("user")), self._usual))

    async def _ask(self, identifier: str) -> Json:
        """Events about one person that come together ask once."""
        asking = self._asking.get(identifier)
        if asking is None:
            asking = self._asking[identifier] = asyncio.create_task(self._user(identifier))
            asking.add_done_callback(lambda _: self._asking.pop(identifier, None))
        return await asyncio.shield(asking)

    async def _user(self, identifier: str) -> Json:
        answer = await self._wire.ask("users.info", read=True, user=identifier, include_locale="true")
        return mapping(answer.get("user"))

    def _keep(self, member: Member) -> Member:
        self._known[member.ref.id] = member
        self._known.move_to_end(member.ref.id)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return member
