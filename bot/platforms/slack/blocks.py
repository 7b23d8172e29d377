"""From our neutral message to Block Kit.

Text goes into rich_text blocks, whose elements are data: nothing in a text element is read as markup, so no word of
anybody's can mention, link or format. Only our own link schemes become mentions (see :mod:`bot.core.message`). The
plain ``text`` beside the blocks, for notifications and screen readers, is read as markup by Slack and so has its three
signs escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.core.message import Button, Section, link_target
from bot.core.refs import Language
from bot.core.rendering import Node, Renderer
from bot.platforms.slack.phrases import say
from bot.platforms.slack.reading import Json

MAX_BLOCKS = 50
"""In a message (Slack, “Block Kit”)."""
MAX_VIEW_BLOCKS = 100
"""In a modal or a home."""
MAX_BLOCK = 3_000
"""Characters in one block: the limit of a section, which we keep in rich text as well."""
MAX_MESSAGE = 12_000
"""Characters in the blocks of one message. Slack cuts a text at 40,000 and refuses blocks that are too long altogether
(msg_blocks_too_long) without saying where that begins; what is longer goes out as several messages."""
MAX_TEXT = 40_000
"""Characters of the text beside the blocks; Slack cuts off what is beyond."""
SHOWN_TEXT = 3_000
"""As much of it as is of use in a notification."""
MAX_HEADER = 150
MAX_LABEL = 75
MAX_VALUE = 2_000
MAX_OPTION = 150
"""Of an option's value in a select (Slack, “option object”)."""
MOST_BUTTONS = 10
"""More than these become a select."""
MOST_OPTIONS = 100
MAX_URL = 3_000
PRESS = "allant:press"
"""Begins the action ids of buttons whose value is a command."""
PICK = "allant:pick"
OPEN_FORM = "allant:form"

_HIDDEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_LOOKS_LIKE_ADDRESS = re.compile(r"(?:https?://|www\.)?((?:[a-z0-9-]+\.)+[a-z]{2,})", re.IGNORECASE)
_STYLES = {"strong": "bold", "emphasis": "italic", "code": "code"}


@dataclass(frozen=True, slots=True)
class Part:
    """One message: its blocks and the text beside them."""

    text: str
    blocks: list[Json]


def escaped(text: str) -> str:
    """Plain text for where Slack reads markup: its three signs escaped, so that nothing in it is more than text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_text(text: str, longest: int) -> Json:
    """A plain_text object. ``:smile:`` stays what it is."""
    shown = " ".join(text.split()) or "…"
    return {
        "type": "plain_text",
        "text": shown if len(shown) <= longest else f"{shown[: longest - 1]}…",
        "emoji": False,
    }


class Scribe:
    """Writes blocks from Markdown."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def parts(self, markdown: str) -> list[Part]:
        """The text as one message, or several where Slack's limits make it so; at least one."""
        found: list[Part] = []
        blocks: list[Json] = []
        size = 0
        for block in self.blocks(markdown):
            length = _length(block)
            # One block is left for the buttons.
            if blocks and (size + length > MAX_MESSAGE or len(blocks) >= MAX_BLOCKS - 2):
                found.append(Part(_fallback(blocks), blocks))
                blocks, size = [], 0
            blocks.append(block)
            size += length
        found.append(Part(_fallback(blocks), blocks))
        return found

    def blocks(self, markdown: str) -> list[Json]:
        """As many blocks as it takes, each within its limits."""
        nodes = self._renderer.tree(markdown)
        found: list[Json] = []
        for place, node in enumerate(nodes):
            small = 0 < place == len(nodes) - 1 and _is_small_print(node)
            found += _joined(found, _small_print(node) if small else _block(node))
        return [piece for block in found for piece in _cut(block)]

    def plain(self, markdown: str) -> str:
        """Readable text without markup."""
        return self._renderer.plain(markdown, lambda address: None if link_target(address) else address)

    def fallback(self, markdown: str) -> str:
        return escaped(self.plain(markdown))[:SHOWN_TEXT]


def buttons(offered: Sequence[Button], language: Language, block_id: str = "") -> list[Json]:
    """The buttons; a select where there are too many of them."""
    shown = [each for each in offered if len(each.command) <= MAX_VALUE]
    if not shown:
        return []
    if len(shown) > MOST_BUTTONS and all(len(each.command) <= MAX_OPTION for each in shown):
        options = [{"text": plain_text(each.label, MAX_LABEL), "value": each.command} for each in shown[:MOST_OPTIONS]]
        elements: list[Json] = [
            {
                "type": "static_select",
                "action_id": PICK,
                "placeholder": plain_text(say("choose", language), MAX_LABEL),
                "options": options,
            }
        ]
    else:
        elements = [_button(number, each) for number, each in enumerate(shown[:25])]
    block: Json = {"type": "actions", "elements": elements}
    return [block | ({"block_id": block_id} if block_id else {})]


def home(sections: Sequence[Section], scribe: Scribe, language: Language) -> Json:
    """A member's home. Its limit is 100 blocks: what does not fit is left out from the end, with its buttons."""
    blocks: list[Json] = []
    for section in sections:
        new = [*scribe.blocks(section.text), *buttons(section.buttons, language)]
        if len(blocks) + len(new) > MAX_VIEW_BLOCKS:
            break
        blocks += new
    return {"type": "home", "blocks": blocks}


def _button(number: int, button: Button) -> Json:
    made: Json = {
        "type": "button",
        "action_id": f"{PRESS}:{number}",
        "text": plain_text(button.label, MAX_LABEL),
        "value": button.command,
    }
    return made | ({} if button.style == "plain" else {"style": button.style})


# Blocks


def _block(node: Node) -> list[Json]:
    match node.kind:
        case "heading":
            return _heading(node)
        case "rule":
            return [{"type": "divider"}]
        case "paragraph":
            return _paragraph(node)
        case _:
            return [{"type": "rich_text", "elements": _sections(node, 0)}]


def _heading(node: Node) -> list[Json]:
    """A header takes plain text only, so a heading that names somebody or is long becomes a bold line."""
    words = _words(node.children)
    if len(words) <= MAX_HEADER and words and not any(each.kind == "link" for each in _all(node.children)):
        return [{"type": "header", "text": plain_text(words, MAX_HEADER)}]
    elements = _inline(node.children, {"bold": True})
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]


def _paragraph(node: Node) -> list[Json]:
    """A picture that stands alone is shown; within a line it is a link to it."""
    if len(node.children) == 1 and node.children[0].kind == "image":
        image = node.children[0]
        if image.address.startswith("https://") and len(image.address) <= MAX_URL:
            shown = _clean(image.text) or urlsplit(image.address).netloc
            return [{"type": "image", "image_url": image.address, "alt_text": shown[:2000]}]
    return [{"type": "rich_text", "elements": _sections(node, 0)}]


def _is_small_print(node: Node) -> bool:
    """A last paragraph wholly in italics, without links, says something about the message."""
    only = node.kind == "paragraph" and len(node.children) == 1 and node.children[0].kind == "emphasis"
    return only and not any(each.kind in ("link", "image") for each in _all(node.children))


def _small_print(node: Node) -> list[Json]:
    return [{"type": "context", "elements": [plain_text(_words(node.children), MAX_BLOCK)]}]


def _joined(before: Sequence[Json], new: list[Json]) -> list[Json]:
    """Rich text goes on in the block before it, so that fifty blocks hold more than fifty paragraphs."""
    if not (before and new and before[-1]["type"] == new[0]["type"] == "rich_text"):
        return new
    last = before[-1]
    if _length(last) + _length(new[0]) > MAX_BLOCK:
        return new
    elements = last["elements"]
    first = new[0]["elements"]
    if elements and first and elements[-1]["type"] == first[0]["type"] == "rich_text_section":
        # Between two sections Slack puts no empty line.
        elements[-1]["elements"].append({"type": "text", "text": "\n\n"})
        elements[-1]["elements"] += first[0]["elements"]
        first = first[1:]
    elements += first
    return new[1:]


def _sections(node: Node, depth: int) -> list[Json]:
    """The parts of a rich_text block for a node."""
    match node.kind:
        case "code_block":
            words = _clean(node.text.rstrip("\n")) or " "
            return [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": words}]}]
        case "quote":
            return [{"type": "rich_text_quote", "elements": _flat(node.children)}] if node.children else []
        case "bullets" | "numbers":
            return _list(node, depth)
        case "heading":
            return [{"type": "rich_text_section", "elements": _inline(node.children, {"bold": True})}]
        case "rule":
            return [{"type": "rich_text_section", "elements": [{"type": "text", "text": "———"}]}]
        case _:
            elements = _inline(node.children or (node,), {})
            return [{"type": "rich_text_section", "elements": elements}] if elements else []


def _list(node: Node, depth: int) -> list[Json]:
    """Slack's lists are flat, one after the other with an indentation each."""
    style = "bullet" if node.kind == "bullets" else "ordered"
    found: list[Json] = []
    number = max(node.number, 1)
    for item in node.children:
        lines = [each for each in item.children if each.kind not in ("bullets", "numbers")]
        section = {"type": "rich_text_section", "elements": _flat(lines) or [{"type": "text", "text": " "}]}
        last = found[-1] if found else {}
        if last.get("type") == "rich_text_list" and last.get("indent", 0) == depth and last.get("style") == style:
            last["elements"].append(section)
        else:
            made: Json = {"type": "rich_text_list", "style": style, "indent": min(depth, 8), "elements": [section]}
            if style == "ordered" and number > 1:
                made["offset"] = number - 1
            found.append(made)
        for inner in item.children:
            if inner.kind in ("bullets", "numbers"):
                found += _list(inner, depth + 1)
        number += 1
    return found


def _flat(nodes: Sequence[Node]) -> list[Json]:
    """Several blocks within a list item or a quotation, as lines."""
    found: list[Json] = []
    for node in nodes:
        if node.kind == "code_block":
            elements: list[Json] = [
                {"type": "text", "text": _clean(node.text.strip("\n")) or " ", "style": {"code": True}}
            ]
        elif node.kind in ("bullets", "numbers", "quote", "item"):
            elements = _flat(node.children)
        else:
            elements = _inline(node.children or (node,), {"bold": True} if node.kind == "heading" else {})
        if found and elements:
            found.append({"type": "text", "text": "\n"})
        found += elements
    return found


# Within a line


def _inline(nodes: Sequence[Node], style: dict[str, bool]) -> list[Json]:
    found: list[Json] = []
    for node in nodes:
        for element in _element(node, style):
            last = found[-1] if found else {}
            if element["type"] == last.get("type") == "text" and element.get("style") == last.get("style"):
                last["text"] += element["text"]
            else:
                found.append(element)
    return found


def _element(node: Node, style: dict[str, bool]) -> Iterator[Json]:
    match node.kind:
        case "strong" | "emphasis":
            yield from _inline(node.children, style | {_STYLES[node.kind]: True})
        case "link":
            yield from _link(node.address, _words(node.children), style)
        case "image":
            yield from _link(node.address, _clean(node.text) or node.address, style)
        case "break":
            yield _styled({"type": "text", "text": "\n"}, style)
        case "code":
            yield from _text(node.text, style | {"code": True})
        case "text":
            yield from _text(node.text, style)
        case _:
            yield from _inline(node.children, style)


def _text(words: str, style: dict[str, bool]) -> Iterator[Json]:
    shown = _clean(words)
    if shown:
        yield _styled({"type": "text", "text": shown}, style)


def _link(address: str, label: str, style: dict[str, bool]) -> Iterator[Json]:
    target = link_target(address)
    shape = {name: on for name, on in style.items() if name != "code"}
    if target is not None:
        kind, identifier = target
        if re.fullmatch(r"[A-Z0-9]{2,30}", identifier):
            named = {"type": "user", "user_id": identifier}
            yield _styled(named if kind == "mention" else {"type": "channel", "channel_id": identifier}, shape)
        else:
            yield from _text(label, style)
    elif re.match(r"(?:https?://|mailto:)[^\s<>]+$", address) and len(address) <= MAX_URL:
        yield _styled({"type": "link", "url": address, "text": honest(label, address)}, shape)
    else:
        yield from _text(label if not address or label == address else f"{label} ({address})", style)


def honest(label: str, address: str) -> str:
    """The label, with the true place behind it where it looks like the address of another one."""
    place = urlsplit(address).hostname or address.removeprefix("mailto:").partition("?")[0].rpartition("@")[2]
    shown = _clean(label) or address
    named = {found.group(1).lower().removeprefix("www.") for found in _LOOKS_LIKE_ADDRESS.finditer(shown)}
    true = place.lower().removeprefix("www.")
    return f"{shown} ({place})" if place and named - {true} else shown


def _styled(element: Json, style: dict[str, bool]) -> Json:
    return element | ({"style": dict(style)} if style else {})


def _clean(words: str) -> str:
    return _HIDDEN.sub("", words)


def _words(nodes: Sequence[Node]) -> str:
    """The text alone."""
    return _clean("".join(" " if each.kind == "break" else each.text for each in _all(nodes)))


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)


# Limits


def _length(value: Any) -> int:
    """Characters of text in a block or a part of one."""
    if isinstance(value, dict):
        return sum(
            len(each) if isinstance(each, str) and name in ("text", "url", "user_id", "channel_id") else _length(each)
            for name, each in value.items()
        )
    return sum(_length(each) for each in value) if isinstance(value, list) else 0


def _cut(block: Json) -> list[Json]:
    """Rich text that is too long, as several blocks: between its parts, between their elements, within a text."""
    if block["type"] != "rich_text" or _length(block) <= MAX_BLOCK:
        return [block]
    found: list[Json] = []
    for part in [small for section in block["elements"] for small in _cut_part(section)]:
        if found and _length(found[-1]) + _length(part) <= MAX_BLOCK:
            found[-1]["elements"].append(part)
        else:
            found.append({"type": "rich_text", "elements": [part]})
    return found


def _cut_part(part: Json) -> list[Json]:
    if _length(part) <= MAX_BLOCK:
        return [part]
    inner = [
        small for each in part["elements"] for small in (_cut_part(each) if "elements" in each else _cut_text(each))
    ]
    found: list[Json] = []
    for each in inner:
        if found and _length(found[-1]) + _length(each) <= MAX_BLOCK:
            found[-1]["elements"].append(each)
        else:
            found.append({**part, "elements": [each]})
    return found


def _cut_text(element: Json) -> list[Json]:
    """Between lines where it can be, else between words, else anywhere."""
    if element["type"] != "text" or len(element["text"]) <= MAX_BLOCK:
        return [element]
    found, rest = [], element["text"]
    while len(rest) > MAX_BLOCK:
        at = max(rest.rfind(mark, MAX_BLOCK // 2, MAX_BLOCK) for mark in ("\n", " "))
        at = at if at > 0 else MAX_BLOCK
        found.append({**element, "text": rest[:at]})
        rest = rest[at:]
    return [*found, {**element, "text": rest}]


def _fallback(blocks: Sequence[Json]) -> str:
    """What the blocks say, for notifications: names of people stay mentions, everything else is text."""
    shown = "\n".join(line for block in blocks for line in [_said(block)] if line)
    return shown[:SHOWN_TEXT] or " "


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_said(each) for each in value)
    kind = value.get("type")
    if kind == "user":
        return f"<@{value['user_id']}>"
    if kind == "channel":
        return f"<#{value['channel_id']}>"
    if kind in ("text", "link"):
        return escaped(str(value.get("text", "")))
    if kind == "image":
        return escaped(str(value["alt_text"]))
    if kind in ("header", "context"):
        inner = value.get("text") or value["elements"][0]
        return escaped(inner["text"])
    joined = _said(value.get("elements", []))
    return joined + ("\n" if kind in ("rich_text_section", "rich_text_quote", "rich_text_preformatted") else "")
