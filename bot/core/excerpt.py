"""A message's Markdown made short, or plain, without breaking its markup."""

from __future__ import annotations

import re

from bot.core.message import Markup

_LINE_STARTS = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)", re.MULTILINE)
_TOKEN = re.compile(r"!?\[(?:\\.|[^\]\\])*\]\([^)\s]*\)|`[^`]*`|\\.|\*\*|__|\*|_|\s+|[^\\`*_\s\[]+|.", re.DOTALL)
_LINK = re.compile(r"!?\[((?:\\.|[^\]\\])*)\]\([^)\s]*\)")
BETWEEN_LANGUAGES = "\n\n---\n\n"
"""What stands between the two texts of a bilingual message (see Context.bilingual)."""


def excerpt(markdown: str, length: int) -> Markup:
    """The beginning of ``markdown`` on one line, about ``length`` characters of it, cut between words; links and
    emphasis that have begun end with it."""
    line = " ".join(_LINE_STARTS.sub("", markdown).split())
    taken: list[str] = []
    open_marks: list[str] = []
    count = 0
    for token in _TOKEN.findall(line):
        if count >= length and token.isspace():
            return Markup("".join(taken).rstrip(" ,;:") + " …" + "".join(reversed(open_marks)))
        if token in ("**", "__", "*", "_"):
            if open_marks and open_marks[-1] == token:
                open_marks.pop()
            elif token.startswith("*") or not taken or taken[-1].isspace():
                open_marks.append(token)
        taken.append(token)
        count += len(plain(token))
    return Markup("".join(taken))


def plain(markdown: str) -> str:
    """The text without markup: links as their label, escapes undone. For labels of buttons."""
    text = _LINK.sub(lambda match: match.group(1), markdown)
    text = re.sub(r"(?<!\\)[*_`]+", "", text)
    return re.sub(r"\\(.)", r"\1", text)


def title(markdown: str, length: int = 40) -> str:
    """A few plain words to name a message by: its first line, cut between words."""
    lines = [each for each in _LINE_STARTS.sub("", markdown).splitlines() if each.strip()]
    words = plain(lines[0]).split() if lines else []
    said = ""
    for word in words:
        if said and len(said) + len(word) >= length:
            return said.rstrip(" ,;:.") + " …"
        said = f"{said} {word}".strip()
    return said[: length + 1].rstrip(" :")


def halves(markdown: str) -> tuple[str, str]:
    """The French and the English text of a bilingual message; the same twice where it has one text."""
    first, _, second = markdown.partition(BETWEEN_LANGUAGES)
    return first, second or first
