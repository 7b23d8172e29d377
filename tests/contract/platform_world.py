"""A platform with people in it, as the platforms' suite and the tests of one platform look at it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from bot.core.delivery import Delivery
from bot.core.errors import PlatformError
from bot.core.events import (
    Event,
)
from bot.core.platform import Platform
from bot.core.refs import ChannelRef, MemberRef, MessageRef

E = TypeVar("E", bound=Event)
PATIENCE_SECONDS = 20.0
LATER = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as a person sees it. ``text`` is without markup; ``mentions`` are the ids of those it really names;
    ``strong`` are the passages shown as bold."""

    text: str
    by_bot: bool
    thread: str | None = None
    edited: bool = False
    buttons: tuple[str, ...] = ()
    mentions: frozenset[str] = frozenset()
    strong: tuple[str, ...] = ()
    reactions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenForm:
    """A form as a person sees it. ``text`` is all that is written in it, the values left out; ``values`` are those its
    inputs hold; ``errors`` is what is said to be wrong, by field."""

    text: str
    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)


class Heard:
    """The events the adapter delivered. It can refuse some, as a store that is away would."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.refused: list[Event] = []
        self._refuse = 0
        self._more = asyncio.Condition()

    def refuse_next(self, count: int = 1) -> None:
        self._refuse = count

    async def __call__(self, event: Event) -> None:
        async with self._more:
            if self._refuse:
                self._refuse -= 1
                self.refused.append(event)
                self._more.notify_all()
                raise ConnectionError("the store is away")
            self.events.append(event)
            self._more.notify_all()

    async def first(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> E:
        """The first event of this kind for which ``where`` holds, waiting for it."""

        def found() -> E | None:
            return next((each for each in self.events if isinstance(each, kind) and where(each)), None)

        async with asyncio.timeout(PATIENCE_SECONDS), self._more:
            while (event := found()) is None:
                await self._more.wait()
            return event


class World(ABC):
    """A platform with people in it. ``channel`` is where the bot and everybody made by ``newcomer`` are.

    ``platform.run(heard)`` is going on.
    """

    platform: Platform
    heard: Heard
    channel: ChannelRef

    @abstractmethod
    async def newcomer(self, name: str) -> MemberRef:
        """Somebody new joins the workspace and the channel; returns once they are in it."""

    @abstractmethod
    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        """Write in the channel, or with ``direct`` to the bot alone. ``to_bot``: naming the bot."""

    @abstractmethod
    async def command(self, person: MemberRef, text: str) -> None:
        """Give the bot a command in the channel, as people do here; ``text`` without the command's own sign."""

    @abstractmethod
    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        """Choose a message's button, however this platform shows it."""

    @abstractmethod
    async def react(self, person: MemberRef, message: MessageRef, emoji: str) -> None: ...

    @abstractmethod
    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        """Edit one's own message, or delete it (None)."""

    @abstractmethod
    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        """The message as this person sees it; None when it is gone or they cannot."""

    @abstractmethod
    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        """All that the person sees in the channel outside threads, oldest first."""

    @abstractmethod
    async def trouble(self, error: type[PlatformError]) -> Delivery:
        """Arrange that doing the delivery given back raises ``error``."""

    async def submit(self, person: MemberRef, message: MessageRef, values: Mapping[str, str], button: str = "") -> None:
        """Fill in a message's form and send it, or press the form's ``button`` of that label; only where the platform
        has forms. ``values`` are what :data:`bot.core.message.FieldKind` says, and are picked as people would here."""
        raise NotImplementedError

    async def form(self, person: MemberRef, message: MessageRef) -> SeenForm | None:
        """The form in which the person fills in what the bot asked with ``message`` (or with an answer that took its
        place), as they see it now; None when it closed. Only where the platform has forms."""
        raise NotImplementedError

    async def attached(self, message: MessageRef, by: MemberRef) -> Sequence[tuple[str, bytes]]:
        """The pictures and files that came with the message, as this person gets them: what is said beside each (a
        picture's alternative text, a file's name), and its bytes. Only where the platform has images or files."""
        del message, by
        return ()

    async def open_home(self, person: MemberRef) -> None:
        """Look at one's home; only where the platform has homes."""
        raise NotImplementedError

    async def home(self, person: MemberRef) -> str | None:
        """The text of the person's home as they see it, the labels of its buttons included; None before it shows
        anything. Only where the platform has homes."""
        raise NotImplementedError

    async def press_home(self, person: MemberRef, label: str) -> None:
        """Press a button in one's home; only where the platform has homes."""
        raise NotImplementedError
