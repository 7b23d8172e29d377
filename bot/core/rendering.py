"""The port that makes Markdown into what a platform shows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

NodeKind = Literal[
    # Blocks
    "paragraph",
    "heading",
    "bullets",
    "numbers",
    "item",
    "quote",
    "code_block",
    "rule",
    # What stands in a paragraph or a heading
    "text",
    "strong",
    "emphasis",
    "code",
    "link",
    "image",
    "break",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a text, for adapters that build what they show themselves.

    ``text``: the words of text, code and code_block, and what an image shows. ``address``: where a link or an image
    leads, as it was written. ``number``: a heading's level, and the number a list of numbers begins with. Tight lists
    hold paragraphs in their items like loose ones.
    """

    kind: NodeKind
    text: str = ""
    address: str = ""
    number: int = 0
    children: tuple[Node, ...] = ()


class Renderer(ABC):
    """Markdown made into what a platform shows."""

    @abstractmethod
    def html(self, markdown: str, link: Callable[[str], str | None]) -> str:
        """Safe HTML. ``link`` gives the href for each link's address, or None to show its text alone."""

    @abstractmethod
    def plain(self, markdown: str, link: Callable[[str], str | None]) -> str:
        """Readable text without markup; links as ``text (address)``."""

    @abstractmethod
    def tree(self, markdown: str) -> Sequence[Node]:
        """The blocks of the text. Addresses are not judged: whoever makes links of them does that."""
