"""The links in Markdown: where each leads, and on which line it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.library.markup import parsed

_BARE = re.compile(r"https?://[^\s<>\[\]()]+[^\s<>\[\]().,;:!?…'\"’»]")
"""An address written out in the text: chat platforms make a link of it."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link or image. ``address`` is as written; ``line`` counts from 1 in the text given."""

    address: str
    line: int


def links_in(markdown: str) -> list[Link]:
    """Every link, image and address of ``markdown``, in order, each once on a line. What stands in code is none."""
    return list(dict.fromkeys(_links(markdown)))


def _links(markdown: str) -> Iterator[Link]:
    for line, token in parsed(markdown):
        if token.type in ("link_open", "image"):
            yield Link(str(token.attrs.get("href") or token.attrs.get("src") or ""), line)
        elif token.type == "text":
            for found in _BARE.finditer(token.content):
                yield Link(found.group(), line)
