"""What may not stand in Markdown that people read in a chat: raw HTML, links that lead nowhere, hidden characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.core.errors import Problem

MAX_CHARACTERS = 20_000
"""Longer than this is no chat message: the largest platform limit is 40,000 bytes, most are 4,000 characters."""

_LINK = re.compile(r"(https?://[^\s/]|mailto:[^\s@]+@|mention:.|channel:.|entry:[a-z0-9]|\{|%7B)", re.IGNORECASE)
# A zero-width joiner is left out: emoji of families and professions are made with it.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class _Everything(MarkdownIt):
    """Sees raw HTML, and every address as a link, so that the ones to refuse can be named."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": True})

    def validateLink(self, url: str) -> bool:
        return True


@cache
def _parser() -> MarkdownIt:
    return _Everything()


def markup_problems(markdown: str, file: str, first_line: int) -> list[Problem]:
    """What is wrong with ``markdown``, which begins on ``first_line`` of ``file``."""
    if len(markdown) > MAX_CHARACTERS:
        reason = f"is longer than {MAX_CHARACTERS:,} characters: nobody reads that in a chat"
        return [Problem(file, first_line, reason, "shorten it, or split it")]
    problems = []
    for number, line in enumerate(markdown.split("\n"), start=first_line):
        hidden = _HIDDEN.search(line)
        if hidden:
            reason = f"holds a character that cannot be seen (U+{ord(hidden.group()):04X})"
            problems.append(Problem(file, number, reason, "delete it"))
    for line_number, token in _tokens(_parser().parse(markdown), first_line):
        reason, mend = _wrong(token)
        if reason:
            problems.append(Problem(file, line_number, reason, mend))
    return problems


def parsed(markdown: str) -> Iterator[tuple[int, Token]]:
    """Every piece of ``markdown`` with the line, from 1, on which it stands."""
    return _tokens(_parser().parse(markdown), 1)


def placeholders(text: str) -> frozenset[str]:
    """The names in ``{name}`` placeholders."""
    return frozenset(_PLACEHOLDER.findall(text))


def sections(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first heading of level two, then each such heading with the text under it."""
    tokens = _parser().parse(markdown)
    lines = markdown.split("\n")
    starts = [
        (token.map[0], token.map[1], tokens[index + 1].content)
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2" and token.level == 0 and token.map
    ]
    if not starts:
        return markdown, []
    ends = [start for start, _, _ in starts[1:]] + [len(lines)]
    intro = "\n".join(lines[: starts[0][0]]).strip("\n")
    return intro, [
        (title, "\n".join(lines[after:end]).strip("\n")) for (_, after, title), end in zip(starts, ends, strict=True)
    ]


def _tokens(tokens: list[Token], first_line: int) -> Iterator[tuple[int, Token]]:
    """Every token with its line; inside a paragraph, each line break counts on."""
    for token in tokens:
        line = first_line + (token.map[0] if token.map else 0)
        yield line, token
        for child in token.children or ():
            if child.type in ("softbreak", "hardbreak"):
                line += 1
            yield line, child


def _wrong(token: Token) -> tuple[str, str]:
    if token.type in ("html_block", "html_inline"):
        shown = token.content.strip().split("\n")[0][:40]
        return f"holds raw HTML: {shown}", "write it in Markdown, or between backticks (`) to show it"
    if token.type in ("link_open", "image"):
        address = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if not _LINK.match(address):
            shown = address[:60] or "nothing"
            return f"links to {shown}", "a link begins with https://, http:// or mailto: and an address"
    return "", ""
