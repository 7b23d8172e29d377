"""The ports of outside services: news feeds, and the writing service. bot.core.ports names them too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime


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


class Writer(ABC):
    @property
    @abstractmethod
    def name(self) -> str:
        """What wrote it, for people to see: the model's name, or ``canned``."""

    @abstractmethod
    async def draft(self, theme: str) -> Draft:
        """A post on ``theme`` for animators to edit. Raises WriterUnavailable."""
