"""The port that makes Markdown into what a platform shows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable


class Renderer(ABC):
    """Markdown made into what a platform shows."""

    @abstractmethod
    def html(self, markdown: str, link: Callable[[str], str | None]) -> str:
        """Safe HTML. ``link`` gives the href for each link's address, or None to show its text alone."""

    @abstractmethod
    def plain(self, markdown: str, link: Callable[[str], str | None]) -> str:
        """Readable text without markup; links as ``text (address)``."""
