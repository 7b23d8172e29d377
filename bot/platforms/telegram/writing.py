"""From our neutral message to text and entities: markup is never built, so nothing anybody wrote can become any.

Text is counted in UTF-16 units, as Telegram does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from telegram import MessageEntity, User

from bot.core.message import link_target
from bot.core.rendering import Renderer

MOST_UNITS = 4096
"""Of one message (Bot API, sendMessage)."""
MOST_ENTITIES = 100
"""Of one message: Telegram ignores what is beyond."""
_JOINER = "\u2060"
"""Takes no room and joins words: after a sign that would make Telegram see a mention, a command, a tag or an address in
somebody's words."""

_ESCAPED = re.compile(r"\\([\s\S])")
_SEEN_BY_TELEGRAM = frozenset("@#/.:")
_OUR_COMMAND = re.compile(r"(?<![\\\w/.:#-])/allant ([a-z0-9_]+)\b")
"""Our own words name commands as `/allant faq`; here each is a command of its own."""
_PICTURE = re.compile(r"!\[[^\]]*\]\(<?(https?://[^)\s>]+)>?[^)]*\)")
_PRIVATE_GROUP = re.compile(r"-100(\d+)")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text with a meaning; ``at`` and ``length`` in UTF-16 units. ``of``: an address or a user's id."""

    kind: str
    at: int
    length: int
    of: str = ""

    def entity(self) -> MessageEntity:
        if self.kind == MessageEntity.TEXT_MENTION:
            return MessageEntity(self.kind, self.at, self.length, user=User(int(self.of), first_name="", is_bot=False))
        if self.kind == MessageEntity.TEXT_LINK:
            return MessageEntity(self.kind, self.at, self.length, url=self.of)
        return MessageEntity(self.kind, self.at, self.length)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its spans, ready to be sent. ``picture``: the address of one to show above it."""

    text: str
    spans: tuple[Span, ...] = ()
    picture: str = ""

    @property
    def entities(self) -> list[MessageEntity]:
        return [span.entity() for span in self.spans]


class Scribe:
    """Writes texts. ``link_to`` gives the address of a chat (by our id of it), empty where it has none."""

    def __init__(self, renderer: Renderer, link_to: Callable[[str], str] | None = None) -> None:
        self._renderer = renderer
        self._link_to = link_to or address_of

    def texts(self, markdown: str) -> list[Text]:
        """One text, or several where it is too long for one message; never none."""
        written = self.text(markdown)
        parts = split(written)
        if written.picture:
            parts[0] = replace(parts[0], picture=written.picture)
        return parts

    def text(self, markdown: str) -> Text:
        """The whole, however long."""
        found = _PICTURE.search(markdown)
        source = _ESCAPED.sub(_unseen, _OUR_COMMAND.sub(r"/\1", markdown))
        page = _Page()
        page.feed(self._renderer.html(source, self._href))
        page.close()
        text, spans = page.written()
        return Text(text, spans, found.group(1) if found else "")

    def _href(self, address: str) -> str | None:
        target = link_target(address)
        if target is None:
            return address
        kind, identifier = target
        if kind == "mention":
            return f"tg://user?id={identifier}" if identifier.isdecimal() else None
        return self._link_to(identifier) or None


def _unseen(match: re.Match[str]) -> str:
    """What :func:`bot.core.message.escape` wrote: people's words, in which nothing may come alive."""
    return match.group() + (_JOINER if match.group(1) in _SEEN_BY_TELEGRAM else "")


def address_of(chat: str) -> str:
    """The address of a supergroup (or a topic in it), which only those who are in it can follow; other groups have
    none."""
    identifier, _, topic = chat.partition(":")
    found = _PRIVATE_GROUP.fullmatch(identifier)
    return f"https://t.me/c/{found.group(1)}/{topic or 999999999}" if found else ""


def units(text: str) -> int:
    """How long Telegram counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


_STYLES: Mapping[str, str] = {
    "strong": MessageEntity.BOLD,
    "em": MessageEntity.ITALIC,
    "code": MessageEntity.CODE,
    "pre": MessageEntity.PRE,
    "blockquote": MessageEntity.BLOCKQUOTE,
    **{f"h{level}": MessageEntity.BOLD for level in range(1, 7)},
}
_BLOCKS = frozenset({"p", "pre", "ul", "ol", "hr", *(f"h{level}" for level in range(1, 7))})


@dataclass(slots=True)
class _Open:
    tag: str
    at: int
    of: str = ""


@dataclass(slots=True)
class _List:
    number: int | None
    items: int = 0


class _Page(HTMLParser):
    """Reads the renderer's safe HTML, whose tags it knows all, and writes the text with its spans."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._open: list[_Open] = []
        self._lists: list[_List] = []
        self._wanted = 0
        """Line breaks due before the next text."""

    def written(self) -> tuple[str, tuple[Span, ...]]:
        text = "".join(self._parts)
        shown = text.rstrip()
        return shown, tuple(_within(self._spans, 0, units(shown)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._write("\n")
            return
        if tag in _BLOCKS:
            self._break(1 if self._in_item() and tag != "pre" else 2)
        if tag == "hr":
            self._write("———")
            self._break(2)
        elif tag in ("ul", "ol"):
            start = dict(attrs).get("start")
            self._lists.append(_List(int(start or 1) if tag == "ol" else None))
        elif tag == "li":
            self._bullet()
        else:
            href = dict(attrs).get("href") or ""
            if tag == "blockquote":
                self._break(2)
                self._begin_line()
            self._open.append(_Open(tag, self._place(), href))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._lists.pop()
            self._break(1 if self._lists else 2)
            return
        if tag == "li":
            self._break(1)
            return
        if tag in ("br", "hr"):
            return
        opened = self._open.pop()
        self._span(opened)
        if tag in _BLOCKS or tag == "blockquote":
            self._break(1 if self._in_item() else 2)

    def handle_data(self, data: str) -> None:
        if any(each.tag == "pre" for each in self._open):
            self._write(data.removesuffix("\n"))
            return
        # Line breaks of the HTML itself: those that are meant are <br>.
        data = data.replace("\n", "")
        if data:
            self._write(data)

    def _in_item(self) -> bool:
        return bool(self._lists)

    def _place(self) -> int:
        """Where the next text will begin."""
        return self._length + (self._wanted if self._length else 0)

    def _break(self, lines: int) -> None:
        self._wanted = max(self._wanted, lines)

    def _begin_line(self) -> None:
        if self._length and self._wanted:
            self._add("\n" * self._wanted)
        self._wanted = 0

    def _write(self, text: str) -> None:
        self._begin_line()
        self._add(text)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += units(text)

    def _bullet(self) -> None:
        current = self._lists[-1]
        self._break(1)
        mark = "• " if current.number is None else f"{current.number + current.items}. "
        current.items += 1
        self._write("  " * (len(self._lists) - 1) + mark)
        # A paragraph inside an item goes on in its line.
        self._wanted = 0

    def _span(self, opened: _Open) -> None:
        length = self._length - opened.at
        if length <= 0:
            return
        kind = _STYLES.get(opened.tag, "")
        if opened.tag == "a" and opened.of:
            user = opened.of.removeprefix("tg://user?id=")
            mention = user != opened.of
            kind = MessageEntity.TEXT_MENTION if mention else MessageEntity.TEXT_LINK
            self._spans.append(Span(kind, opened.at, length, user if mention else opened.of))
        elif kind and not any(each.tag in ("pre", opened.tag) for each in self._open):
            self._spans.append(Span(kind, opened.at, length))


def split(text: Text) -> list[Text]:
    """In as many parts as it takes, cut between paragraphs where it can be, else between lines, words, or anywhere."""
    parts: list[Text] = []
    rest = text
    while units(rest.text) > MOST_UNITS or len(rest.spans) > MOST_ENTITIES:
        at = _cut(rest)
        parts.append(_slice(rest, 0, at))
        rest = _slice(rest, at, len(rest.text))
    if rest.text or not parts:
        parts.append(rest)
    return [part for part in parts if part.text] or [text]


def _cut(text: Text) -> int:
    """Where the first part ends, as an index of characters."""
    limit = MOST_UNITS
    if len(text.spans) > MOST_ENTITIES:
        ordered = sorted(text.spans, key=lambda span: span.at)
        limit = max(1, min(limit, ordered[MOST_ENTITIES].at))
    most = _characters(text.text, limit)
    for mark in ("\n\n", "\n", " "):
        found = text.text.rfind(mark, 1, most + 1)
        if found > most // 3:
            return found
    return max(1, most)


def _characters(text: str, limit: int) -> int:
    """How many characters of ``text`` fit into ``limit`` units."""
    count = 0
    for index, character in enumerate(text):
        count += 2 if character > "\uffff" else 1
        if count > limit:
            return index
    return len(text)


def _slice(text: Text, start: int, end: int) -> Text:
    """The characters from ``start`` to ``end`` without the line breaks around them, with their spans."""
    piece = text.text[start:end]
    stripped = piece.lstrip("\n ") if start else piece
    start += len(piece) - len(stripped)
    stripped = stripped.rstrip()
    at = units(text.text[:start])
    return Text(stripped, tuple(_within(text.spans, at, at + units(stripped))))


def _within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """What of the spans lies between two places, counted from the first."""
    found = []
    for span in spans:
        first, last = max(span.at, start), min(span.at + span.length, end)
        if last > first:
            found.append(replace(span, at=first - start, length=last - first))
    return found


_WIDE = 18
"""Characters of a label beyond which a button gets a row of its own: telephones are narrow."""


def in_rows(labels: Sequence[str]) -> list[int]:
    """How many buttons stand in each row."""
    rows: list[int] = []
    row: list[str] = []
    for label in labels:
        if row and (len(row) == 3 or len(label) > _WIDE or any(len(each) > _WIDE for each in row)):
            rows.append(len(row))
            row = []
        row.append(label)
    return [*rows, len(row)] if row else rows
