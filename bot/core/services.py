"""The ports of outside services: news feeds, and the writing service. bot.core.ports names them too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import WriterUnavailable
from bot.core.refs import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One news item. ``published`` aware UTC, None when the feed does not say. All text is untrusted."""

    id: str
    title: str
    url: str
    published: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRead:
    """What reading a feed gave: ``entries`` newest first, none when nothing changed."""

    title: str = ""
    entries: tuple[FeedEntry, ...] = ()
    etag: str = ""
    modified: str = ""
    unchanged: bool = False


class FeedReader(ABC):
    @abstractmethod
    async def read(self, url: str, *, etag: str = "", modified: str = "") -> FeedRead:
        """Fetch and read a feed. Raises BadInput (not a feed, address refused, too large) or Unreachable."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text in both languages."""

    fr: str
    en: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A short answer, and the names of the entries it was written from. Its text is untrusted."""

    text: str
    sources: tuple[str, ...]


class Writer(ABC):
    @property
    @abstractmethod
    def name(self) -> str:
        """What wrote it, for people to see: the model's name, or ``canned``."""

    @abstractmethod
    async def draft(self, theme: str) -> Draft:
        """A post on ``theme`` for animators to edit. Raises WriterUnavailable."""

    @property
    def composes(self) -> bool:
        """Whether :meth:`compose` is wanted here: it sends questions of people to the service."""
        return False

    async def compose(self, question: str, language: Language, entries: Sequence[tuple[str, str]]) -> Composed | None:
        """An answer to ``question`` from these ``entries`` alone (name and text), in ``language``; None when they do
        not contain it. Raises WriterUnavailable. Whoever asks checks what it says."""
        raise WriterUnavailable("no writing service answers questions here")
