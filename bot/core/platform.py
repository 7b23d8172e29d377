"""The port that every chat platform's adapter implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Receipt
from bot.core.events import Event
from bot.core.refs import WorkspaceRef
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

    @abstractmethod
    async def directory(self) -> AsyncIterator[Member | Channel]:
        """The members and channels as they are now, for the start."""
        raise NotImplementedError
        yield

    @abstractmethod
    async def run(self, on_event: OnEvent) -> None:
        """Listen until cancelled. Connection losses are mended inside; only what cannot be mended raises."""

    @abstractmethod
    async def do(self, delivery: Delivery) -> Receipt:
        """Carry out one delivery. Raises RateLimited, Unreachable, Unsure or Refused."""

    @abstractmethod
    async def find(self, delivery: Delivery) -> Receipt | None:
        """Whether a half-sent delivery went out (only with ``can.can_look_up``)."""

    @abstractmethod
    async def close(self) -> None: ...
