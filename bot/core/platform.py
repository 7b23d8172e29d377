"""The port that every chat platform's adapter implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.checkup import Finding
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Receipt
from bot.core.events import Event
from bot.core.menu import MenuEntry
from bot.core.refs import Language, MemberRef, MessageRef, WorkspaceRef
from bot.core.webhook import Webhook

OnEvent = Callable[[Event], Awaitable[None]]
"""Awaited by the adapter before it acknowledges the event to the platform: it returns once the event is durable."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do. ``safe_to_repeat``: the same key is never posted twice, so a half-sent delivery is sent
    again. ``can_look_up``: ``find`` tells whether a key went out. With neither, half-sent means uncertain.

    ``forms``: it shows a message's form, every kind of field and every part of it (see
    :data:`bot.core.message.FieldKind`); without, it shows the command to type. ``home``: it gives each member a page
    of the bot's, tells with HomeOpened when one looks at it, and does deliveries of the verb ``home``; without, it
    refuses these.

    ``images``: it sends a message's images with their alternative texts; without, it gets messages in which these stand
    as words. ``files``: likewise its files."""

    safe_to_repeat: bool = False
    can_look_up: bool = False
    buttons: bool = False
    forms: bool = False
    private_replies: bool = False
    threads: bool = True
    edits: bool = True
    direct_needs_opening: bool = False
    """Whether a person must open the conversation with the bot before it can write to them alone."""
    tells_deletions: bool = True
    """Whether the platform tells when people withdraw what they wrote."""
    home: bool = False
    images: bool = False
    files: bool = False


class Keepsake(ABC):
    """A small text that a platform keeps for whoever goes on after it: how far it has read, say. It is sealed."""

    @abstractmethod
    async def load(self) -> str:
        """What was kept last; empty when nothing was."""

    @abstractmethod
    async def save(self, text: str) -> None:
        """On disk when it returns."""


class Drawer(ABC):
    """Small texts that a platform puts aside under a name, each until a moment: sealed, durable, and the same for every
    process. What is about a member is erased with them, and nothing is put aside about somebody forgotten."""

    @abstractmethod
    async def get(self, name: str) -> str:
        """What lies there; empty when nothing does (any more)."""

    @abstractmethod
    async def put(self, name: str, text: str, *, until: datetime, member: MemberRef | None = None) -> None:
        """On disk when it returns, replacing what was there. ``until``: aware UTC, when it may go."""

    @abstractmethod
    async def drop(self, name: str) -> None: ...

    @abstractmethod
    async def names(self, prefix: str) -> Sequence[str]:
        """The names that begin with ``prefix`` of what lies there, in order."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that can be shown to whoever is still typing: ``text`` is Markdown, ``id`` unique among its kind."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a platform may use of the house, for what it must settle by itself and at once.

    ``language_of`` gives None for somebody nobody knows. ``is_ours``: whether the bot said this message.
    ``knows``: whether words begin with a command. ``look_up``: what the FAQ holds on some words, as far as the person
    may see it. ``menu``: the commands to list.
    """

    drawer: Drawer
    language_of: Callable[[MemberRef], Awaitable[Language | None]]
    is_ours: Callable[[MessageRef], Awaitable[bool]]
    knows: Callable[[str], bool]
    look_up: Callable[[MemberRef, str, Language], Awaitable[Sequence[Suggestion]]]
    menu: Callable[[], Sequence[MenuEntry]]


class Platform(ABC):
    """One workspace on one chat platform."""

    workspace: WorkspaceRef
    can: Capabilities
    sends_where_it_listens = False
    """Whether only the process that listens can also send, as what it hears tells it how (which room is
    whose direct room, say)."""

    webhooks: Sequence[Webhook] = ()
    """The addresses at which the platform brings us events, when it calls us. Several workspaces may share one."""

    async def attend(self, keepsake: Keepsake) -> None:
        """Of several processes this one listens from now on. ``keepsake`` holds what the one before kept, and keeps
        what we would otherwise keep on our own disk. Called before :meth:`directory`."""
        del keepsake  # Most platforms need nothing kept.

    def equip(self, equipment: Equipment) -> None:
        """Called once, before anything else."""
        del equipment  # Most platforms need none of it.

    @abstractmethod
    async def directory(self) -> AsyncIterator[Member | Channel]:
        """The members and channels as they are now, for the start."""
        raise NotImplementedError
        yield

    async def look_over(self, named: Mapping[str, str]) -> Sequence[Finding] | None:
        """Whether we may and can do here what the files ask for; None where a platform has no way to tell. ``named``:
        the channels that the files name, without #, each with the file. What cannot be found out is a finding too:
        nothing is raised."""
        del named
        return None

    @abstractmethod
    async def run(self, on_event: OnEvent) -> None:
        """Listen until cancelled. Connection losses are mended inside; only what cannot be mended raises."""

    @abstractmethod
    async def do(self, delivery: Delivery) -> Receipt:
        """Carry out one delivery. Raises RateLimited, Unreachable, Unsure or Refused."""

    def can_tell(self, delivery: Delivery) -> bool:
        """Whether ``find`` could tell of this delivery (only with ``can.can_look_up``)."""
        del delivery
        return True

    @abstractmethod
    async def find(self, delivery: Delivery) -> Receipt | None:
        """Whether a half-sent delivery went out (only with ``can.can_look_up``)."""

    @abstractmethod
    async def close(self) -> None: ...
