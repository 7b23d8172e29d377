"""A page's HTML as a tree, and pieces of it as Markdown: only what a chat can show, and nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_EMPTY = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "blockquote", "table", "tr", "header", "footer", "main", "dl", "dt", "dd"}
)
_LEFT_OUT = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
MOST_DEEP = 200
"""Deeper than this elements are put beside each other: no page means it."""


@dataclass(slots=True)
class Node:
    """An element with what is in it: text and elements, in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[str | Node] = field(default_factory=list)
    parent: Node | None = field(default=None, repr=False)

    def walk(self) -> Iterator[Node]:
        """The element and all in it, in the order of the page."""
        waiting: list[Node] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += [each for each in reversed(node.children) if isinstance(each, Node)]

    def above(self) -> Iterator[Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text() for each in self.children)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.current = Node("")
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, parent=self.current)
        self.current.children.append(node)
        if tag not in _EMPTY and self.depth < MOST_DEEP:
            self.current = node
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        node: Node | None = self.current
        up = 0
        while node is not None and node.name != tag:
            node, up = node.parent, up + 1
        if node is not None and node.parent is not None:
            self.current = node.parent
            self.depth -= up + 1

    def handle_data(self, data: str) -> None:
        self.current.children.append(data)


def parse_html(text: str) -> Node:
    """The tree of any text, however broken."""
    builder = _Builder()
    builder.feed(text.replace("\0", ""))
    builder.close()
    return builder.root


def as_markdown(node: Node) -> str:
    """What the element says, as Markdown: paragraphs, lists, emphasis, links on the web; anything else as its text."""
    text = _markdown(node)
    text = re.sub(r"[ \t]*\n[ \t]*(?![ -])", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()


def _markdown(node: Node, marker: str = "- ") -> str:
    if node.name in _LEFT_OUT:
        return ""
    if node.name == "br":
        return "\n"
    if node.name in ("pre", "code"):
        code = node.text().strip("\n")
        return f"\n\n```\n{code}\n```\n\n" if node.name == "pre" else f"`{' '.join(code.replace('`', '').split())}`"
    if node.name in ("ul", "ol"):
        items = [each for each in node.children if isinstance(each, Node) and each.name == "li"]
        marks = ["- " if node.name == "ul" else f"{number}. " for number, _ in enumerate(items, start=1)]
        return "\n\n" + "\n".join(_item(each, mark) for each, mark in zip(items, marks, strict=True)) + "\n\n"
    inside = "".join(_plain(each) if isinstance(each, str) else _markdown(each) for each in node.children)
    if node.name in ("strong", "b") and inside.strip():
        return f"**{inside.strip()}** " if inside.endswith(" ") else f"**{inside.strip()}**"
    if node.name in ("em", "i") and inside.strip():
        return f"*{inside.strip()}* " if inside.endswith(" ") else f"*{inside.strip()}*"
    if node.name == "a" and inside.strip():
        address = node.attributes.get("href", "").strip()
        good = re.fullmatch(r"(?:https?://[^\s<>()\"]+|mailto:[^\s<>()\"]+)", address)
        return f"[{' '.join(inside.split())}]({address})" if good else inside
    if re.fullmatch(r"h[1-6]", node.name):
        return f"\n\n**{' '.join(inside.replace('*', '').split())}**\n\n"
    return f"\n\n{inside.strip()}\n\n" if node.name in _BLOCKS else inside


def _item(node: Node, mark: str) -> str:
    lines = as_markdown(Node("", children=list(node.children))).splitlines()
    return "\n".join((mark if number == 0 else " " * len(mark)) + line for number, line in enumerate(lines or [""]))


def _plain(text: str) -> str:
    """Text of a page as Markdown that shows just that: its runs of blanks as one, what would be markup escaped."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", re.sub(r"\s+", " ", text))
