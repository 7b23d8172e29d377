"""Markdown made into safe HTML and into plain text, by markdown-it-py.

The HTML holds only tags named in this file, because nothing else is ever written: the parser is told that there is no
raw HTML, and each of its tokens is either known here or shown as its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape as escape_html
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.core.rendering import Node, NodeKind, Renderer

Link = Callable[[str], str | None]

MAX_CHARACTERS = 40_000
"""As much as the most generous platform (Slack) takes in one message; what is beyond is cut off before it is parsed."""

_TAGS = {
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "em": "em",
    "list_item": "li",
    "ordered_list": "ol",
    "paragraph": "p",
    "strong": "strong",
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_OPEN_SCHEMES = frozenset({"http", "https", "mailto"})
_NEVER = frozenset({"javascript", "data", "vbscript", "file", "blob"})


class _Parser(MarkdownIt):
    """CommonMark without raw HTML, taking every address as a link: which of them may be followed is decided here."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.disable(["html_block", "html_inline"])

    def validateLink(self, url: str) -> bool:
        return True

    def normalizeLink(self, url: str) -> str:
        # Its own way takes unknown schemes such as mention: apart and changes what stands behind them.
        return quote(url, safe="%/:?#[]@!$&'()*+,;=~-._", errors="replace")


class MarkdownRenderer(Renderer):
    """Renders paragraphs, headings, lists, emphasis, code, quotes, rules and links; a picture becomes a link to it.

    A line break is kept as one, as people expect in a chat. An address the ``link`` function gives back unchanged is
    followed only when it is http, https or mailto; one it made itself may be anything that does not run code.
    """

    def __init__(self) -> None:
        self._parser = _Parser()

    def html(self, markdown: str, link: Link) -> str:
        return _html(self._parse(markdown), link).strip()

    def plain(self, markdown: str, link: Link) -> str:
        writer = _PlainWriter(link)
        writer.write(self._parse(markdown))
        return writer.text()

    def tree(self, markdown: str) -> Sequence[Node]:
        return _nodes(iter(self._parse(markdown)))

    def _parse(self, markdown: str) -> Sequence[Token]:
        return self._parser.parse(markdown[:MAX_CHARACTERS])


def _href(address: str, link: Link) -> str | None:
    """Where the link leads, or None when it leads nowhere we would send anybody."""
    target = link(address)
    if not target:
        return None
    found = _SCHEME.match(re.sub(r"[\s\x00-\x1f]", "", target))
    scheme = found.group(1).lower() if found else ""
    if scheme in _OPEN_SCHEMES or (target != address and scheme not in _NEVER):
        return target
    return None


def _address(token: Token) -> str:
    return str(token.attrs.get("href") or token.attrs.get("src") or "")


def _anchor(href: str) -> str:
    return f'<a href="{escape_html(href)}" rel="noopener noreferrer">'


def _html(tokens: Sequence[Token], link: Link) -> str:
    parts: list[str] = []
    links: list[bool] = []
    for token in tokens:
        name, _, side = token.type.rpartition("_")
        if token.type == "inline":
            parts.append(_html(token.children or (), link))
        elif token.type == "link_open":
            href = _href(_address(token), link)
            links.append(href is not None)
            parts.append(_anchor(href) if href is not None else "")
        elif token.type == "link_close":
            parts.append("</a>" if links.pop() else "")
        elif side in ("open", "close") and (name in _TAGS or name == "heading"):
            parts.append(_tag(token, _TAGS.get(name, token.tag), side))
        else:
            parts.append(_leaf(token, link))
    return "".join(parts)


def _tag(token: Token, tag: str, side: str) -> str:
    """A tag that opens or closes; the paragraphs of a tight list have none."""
    if token.hidden:
        return ""
    if side == "close":
        return f"</{tag}>\n" if token.block else f"</{tag}>"
    start = token.attrs.get("start")
    return f'<{tag} start="{int(start)}">' if tag == "ol" and start is not None else f"<{tag}>"


def _leaf(token: Token, link: Link) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "<br>\n"
    if token.type == "hr":
        return "<hr>\n"
    if token.type == "code_inline":
        return f"<code>{escape_html(token.content)}</code>"
    if token.type in ("fence", "code_block"):
        return f"<pre><code>{escape_html(token.content)}</code></pre>\n"
    if token.type == "image":
        href = _href(_address(token), link)
        shown = escape_html(token.content or _address(token))
        return f"{_anchor(href)}{shown}</a>" if href is not None else shown
    return escape_html(token.content)


_KINDS: dict[str, NodeKind] = {
    "blockquote": "quote",
    "bullet_list": "bullets",
    "em": "emphasis",
    "heading": "heading",
    "link": "link",
    "list_item": "item",
    "ordered_list": "numbers",
    "paragraph": "paragraph",
    "strong": "strong",
}
_LEAVES: dict[str, NodeKind] = {
    "code_block": "code_block",
    "code_inline": "code",
    "fence": "code_block",
    "hardbreak": "break",
    "hr": "rule",
    "image": "image",
    "softbreak": "break",
}


def _nodes(tokens: Iterator[Token]) -> tuple[Node, ...]:
    """The nodes up to the end of the enclosing one."""
    found: list[Node] = []
    for token in tokens:
        name, _, side = token.type.rpartition("_")
        if token.type == "inline":
            found += _nodes(iter(token.children or ()))
        elif side == "close" and name in _KINDS:
            break
        elif side == "open" and name in _KINDS:
            kind = _KINDS[name]
            number = int(token.tag[1:]) if kind == "heading" else int(token.attrs.get("start", 1))
            found.append(Node(kind, address=_address(token), number=number, children=_nodes(tokens)))
        else:
            address = _address(token) if token.type == "image" else ""
            found.append(Node(_LEAVES.get(token.type, "text"), token.content, address))
    return tuple(found)


class _PlainWriter:
    """Writes tokens as text: blocks apart by an empty line, items by a line, with what stands before each line."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._blocks: list[str] = []
        self._tight = False
        self._list_begins = False
        self._markers: list[int | None] = []
        """For each list we are in, the next number, or None where it has bullets."""
        self._before: list[str] = []
        self._item = ""

    def text(self) -> str:
        return "".join(self._blocks).strip("\n")

    def write(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            if token.type == "inline":
                self._block(_plain_inline(token.children or (), self._link))
            elif token.type in ("fence", "code_block"):
                self._block(token.content.rstrip("\n"))
            elif token.type == "hr":
                self._block("———")
            else:
                self._structure(token)

    def _structure(self, token: Token) -> None:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            self._list_begins = not self._markers
            self._markers.append(int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._markers.pop()
            self._tight = bool(self._markers)
        elif token.type == "list_item_open":
            self._open_item()
        elif token.type == "blockquote_open":
            self._before.append("> ")
        elif token.type in ("list_item_close", "blockquote_close"):
            self._before.pop()
            self._item = ""
        elif token.type == "paragraph_open":
            self._tight = token.hidden

    def _open_item(self) -> None:
        number = self._markers[-1]
        self._item = "• " if number is None else f"{number}. "
        if number is not None:
            self._markers[-1] = number + 1
        self._before.append(" " * len(self._item))

    def _block(self, text: str) -> None:
        """One block; the first of a list item begins with its bullet or number."""
        margin = "".join(self._before)
        first = margin[: len(margin) - len(self._item)] + self._item if self._item else margin
        self._item = ""
        lines = text.split("\n")
        written = "\n".join((margin if number else first) + line for number, line in enumerate(lines))
        if self._blocks:
            self._blocks.append("\n" if self._tight and not self._list_begins else "\n\n")
        self._list_begins = False
        self._blocks.append(written.rstrip())


def _plain_inline(tokens: Sequence[Token], link: Link) -> str:
    """The text of a paragraph, each link as ``text (address)``."""
    parts: list[str] = []
    opened: list[tuple[int, str | None]] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append((len(parts), _href(_address(token), link)))
        elif token.type == "link_close":
            start, href = opened.pop()
            parts.append(_behind("".join(parts[start:]), href))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "image":
            shown = token.content or _address(token)
            parts += [shown, _behind(shown, _href(_address(token), link))]
        else:
            parts.append(token.content)
    return "".join(parts)


def _behind(shown: str, href: str | None) -> str:
    """What follows a link's text: its address, unless the text says it already."""
    address = (href or "").removeprefix("mailto:")
    return f" ({address})" if address and address != shown else ""
