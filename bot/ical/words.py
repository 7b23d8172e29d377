"""An event's words as Markdown: harmless, and still pleasant to edit."""

from __future__ import annotations

import html
import re
from typing import Any

from icalendar import Event

MOST_CHARACTERS = 4000
"""Of the words of one item: longer is no chat message."""
_ADDRESS = re.compile(r"https?://[^\s<>\[\]()\"'|\\^`{}]+[^\s<>\[\]()\"'|\\^`{}.,;:!?]")
_HTML = re.compile(r"<(?:br|p|a|div|ul|ol|li|b|i|u|span|table|html|body|strong|em)\b[^>]*>", re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr|/h\d)\b[^>]*>", re.IGNORECASE)
_MARKUP = re.compile(r"([\\`*_\[\]<>{}&~|@])")
"""What could make a mention, a link, code, emphasis, an entity or a placeholder."""
_LINE_START = re.compile(r"^(\s*)([#+=>-]|\d+(?=[.)]))")
_HIDDEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def words_of(event: Event, name: str) -> tuple[str, list[str]]:
    """The text of the item, and what to tell of it: the event's name, its description, where it is, its address."""
    notes: list[str] = []
    described = _plain(_first(event, "DESCRIPTION"))
    if len(described) > MOST_CHARACTERS:
        described = described[:MOST_CHARACTERS].rstrip() + "…"
        notes.append(f"its description is cut after {MOST_CHARACTERS:,} characters")
    parts = [f"**{safe(name)}**"]
    if place := " ".join(_plain(_first(event, "LOCATION")).split())[:300]:
        parts.append(f"📍 {safe(place)}")
    if described and described != name:
        parts.append(safe(described))
    address = _first(event, "URL").strip()
    if _ADDRESS.fullmatch(address) and address not in described:
        parts.append(f"<{address}>")
    return "\n\n".join(parts), notes


def safe(text: str) -> str:
    """``text`` as Markdown that shows that text: escaped where it would mean something, addresses kept as links.

    Not :func:`bot.core.message.escape`, whose result is one line and full of backslashes: animators edit this one.
    """
    lines = []
    for line in _HIDDEN.sub("", text).split("\n"):
        pieces, position = [], 0
        for found in _ADDRESS.finditer(line):
            pieces += [_MARKUP.sub(r"\\\1", line[position : found.start()]), f"<{found.group()}>"]
            position = found.end()
        pieces.append(_MARKUP.sub(r"\\\1", line[position:]))
        lines.append(_LINE_START.sub(_quoted, "".join(pieces)).rstrip())
    # No more than one empty line in a row, and none that would begin a block of code.
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.lstrip() for line in lines)).strip()


def _quoted(match: re.Match[str]) -> str:
    return f"{match[2]}\\" if match[2].isdigit() else f"\\{match[2]}"


def _plain(text: str) -> str:
    """Without HTML, which Google and Outlook put into descriptions."""
    if _HTML.search(text):
        text = re.sub(r"<[^<>]{0,2000}>", "", _BREAKS.sub("\n", text.replace("\n", " ")))
        text = html.unescape(text).replace("\u00a0", " ")
    return text.replace("\r", "").strip()


def _first(event: Event, name: str) -> str:
    value: Any = event.get(name)
    return str(value[0] if isinstance(value, list) and value else value or "")
