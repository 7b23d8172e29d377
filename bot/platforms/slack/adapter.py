"""One Slack workspace as a platform."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.core.checkup import Finding
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Receipt
from bot.core.events import MemberChanged
from bot.core.patience import hand_over
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.refs import ChannelRef, Language, WorkspaceRef
from bot.platforms.slack.blocks import Scribe
from bot.platforms.slack.inbound import Inbound
from bot.platforms.slack.installation import Installation
from bot.platforms.slack.outbound import Hooks, Sender
from bot.platforms.slack.people import People
from bot.platforms.slack.reading import fingerprint, mapping, text
from bot.platforms.slack.tickets import Held
from bot.platforms.slack.wire import Wire

if TYPE_CHECKING:
    from bot.platforms.slack.app import SlackApp

log = logging.getLogger("allant.slack")

PAGES_AT_START = 8
"""Pages of a thousand members read before we listen; those of a larger organisation are read while we do."""


class SlackPlatform(Platform):
    """``slack/T0123`` for the team T0123. Made by :meth:`SlackApp.connect`, which listens for all its workspaces."""

    def __init__(self, app: SlackApp, installation: Installation) -> None:
        self.workspace = WorkspaceRef("slack", installation.team)
        self.can = Capabilities(can_look_up=True, buttons=True, forms=True, private_replies=True, home=True)
        self.webhooks = app.webhooks
        self.installation = installation
        self.app = app
        self.wire = Wire(app.api_url, installation.token, app.session)
        self.people = People(self.wire, self.workspace, app.language)
        self.inbound = Inbound(installation, self.workspace, self.people)
        self.held = Held()
        self.hooks = Hooks(app.api_url, app.session)
        self.scribe = Scribe(app.renderer)
        self.sender = Sender(self.wire, self.workspace, self.scribe, self.held, self.hooks, self.language_of)
        self.on_event: OnEvent | None = None
        self._rest: AsyncIterator[list[Member]] | None = None

    def language_of(self, person: str) -> Language:
        """As far as it is known."""
        found = self.people.known(person)
        return found.language if found is not None else self.app.language

    async def directory(self) -> AsyncIterator[Member | Channel]:
        """Channels, and members up to :data:`PAGES_AT_START` pages; :meth:`run` reads on."""
        async for channels in self.people.channels():
            for channel in channels:
                yield channel
        pages = self.people.members()
        self._rest = None
        read = 0
        async for members in pages:
            for member in members:
                if member.ref.id != self.installation.bot_user:
                    yield member
            read += 1
            if read == PAGES_AT_START:
                self._rest = pages
                return

    async def run(self, on_event: OnEvent) -> None:
        """Raises BadInput when Slack does not accept the app's token."""
        self.on_event = self.app.on_event = on_event
        try:
            await self.app.listen(self._read_on(on_event))
        finally:
            self.on_event = None

    async def _read_on(self, on_event: OnEvent) -> None:
        """Beside listening: the rest of a large directory, then the languages of newcomers who came faster than Slack
        answers. Each is told as a change of that member."""
        rest, self._rest = self._rest, None
        count = 0
        if rest is not None:
            async for members in rest:
                for member in members:
                    await self._hand_over(member, on_event)
                count += len(members)
            log.info("the rest of the directory was read: %d members more", count)
        while True:
            asked = await self.people.asked_late()
            if asked is not None:
                await self._hand_over(asked, on_event)

    async def _hand_over(self, member: Member, on_event: OnEvent) -> None:
        """Have it accepted. Somebody who is as they were has the id they had before,
        which the inbox drops: at most once a day a large organisation is handled whole."""
        now = datetime.now(UTC)
        known_by = f"read {now:%Y-%m-%d} {member.ref.id} {fingerprint(repr(member))}"
        await hand_over(MemberChanged(id=known_by, at=now, workspace=self.workspace, member=member), on_event)

    async def direct_with(self, person: str) -> ChannelRef:
        """The direct conversation with somebody. Raises PlatformError."""
        known = self.people.direct_of(person)
        if not known:
            answer = await self.wire.ask("conversations.open", users=person)
            known = text(mapping(answer.get("channel")).get("id"))
            self.people.note_direct(person, known)
        return ChannelRef(self.workspace, known)

    async def do(self, delivery: Delivery) -> Receipt:
        return await self.sender.do(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        return await self.sender.find(delivery)

    async def look_over(self, named: Mapping[str, str]) -> Sequence[Finding] | None:
        return await self.app.look(self, named) if self.app.look is not None else None

    def can_tell(self, delivery: Delivery) -> bool:
        return self.sender.can_tell(delivery)

    async def close(self) -> None:
        await self.app.close(self)
