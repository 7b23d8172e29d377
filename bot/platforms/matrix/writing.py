"""From our neutral message to the content of Matrix events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from bot.core.message import Button, Field, Form, Image, Message, TextFile, escape, link_target
from bot.core.rendering import Renderer
from bot.platforms.matrix.reading import BUTTONS, KEY, KEYCAPS, Json, fingerprint

MAX_BYTES = 60_000
"""Of a content: a whole event may have 65,536 bytes, its envelope and signatures included (Matrix specification)."""
MAX_CHARACTERS = 30_000
"""Of Markdown in one event: the renderer reads 40,000 at most."""


_OUR_COMMAND = re.compile(r"(?<![\\\w/.:#-])/allant\b")
"""``/allant`` in our own words. Apps take a slash for a command of their own."""


@dataclass(slots=True)
class _Links:
    """Turns our own link schemes into matrix.to addresses and notes whom they name. ``server`` helps others find a
    room."""

    server: str
    named: set[str] = field(default_factory=set)

    def href(self, address: str) -> str:
        target = link_target(address)
        if target is None:
            return address
        kind, identifier = target
        place = f"https://matrix.to/#/{quote(identifier, safe='@:!#.')}"
        if kind == "mention":
            self.named.add(identifier)
            return place
        return f"{place}?via={quote(self.server)}"

    @staticmethod
    def shown(address: str) -> str | None:
        """For the plain text: people and channels by their names alone."""
        return address if link_target(address) is None else None


class Scribe:
    """Writes contents. ``server`` is the homeserver's name (``example.org``)."""

    def __init__(self, renderer: Renderer, server: str) -> None:
        self._renderer = renderer
        self._server = server

    def contents(self, message: Message, key: str, thread: str = "") -> list[Json]:
        """One content, or several where the text is too long for one event; the last has the buttons."""
        parts = cut(full_text(message), lambda part: _fits(self._content(part, key)))
        written = [self._content(part, key) for part in parts]
        if message.buttons:
            written[-1][BUTTONS] = [button.command for button in message.buttons[: len(KEYCAPS)]]
        return [_in_thread(content, thread) for content in written]

    @staticmethod
    def image(image: Image, address: str, thread: str = "") -> Json:
        """The content of an image kept at ``address``. Its alternative text is the caption, which every app shows or
        reads out (Matrix specification 1.10, media captions)."""
        info = {"mimetype": "image/png", "size": len(image.data), "w": image.width, "h": image.height}
        return _in_thread(_attachment("m.image", image.alt, image.name, address, info), thread)

    @staticmethod
    def file(file: TextFile, address: str, thread: str = "") -> Json:
        """The content of a file kept at ``address``."""
        info = {"mimetype": file.media, "size": len(file.text.encode())}
        return _in_thread(_attachment("m.file", file.name, file.name, address, info), thread)

    def edit(self, message: Message, key: str, target: str) -> Json | None:
        """The content that replaces ``target``'s; None when it is too long for one event. An edit notifies nobody
        again."""
        new = self._content(full_text(message), key)
        if not _fits(new) or len(message.text) > MAX_CHARACTERS:
            return None
        new[BUTTONS] = [button.command for button in message.buttons[: len(KEYCAPS)]]
        shown = {name: value for name, value in new.items() if name not in (BUTTONS, "m.mentions")}
        return shown | {
            "body": f"* {new['body']}",
            "m.new_content": new,
            "m.mentions": {},
            "m.relates_to": {"rel_type": "m.replace", "event_id": target},
        }

    def _content(self, markdown: str, key: str) -> Json:
        links = _Links(self._server)
        html = self._renderer.html(markdown, links.href)
        return {
            "msgtype": "m.text",
            "body": self._renderer.plain(markdown, links.shown),
            "format": "org.matrix.custom.html",
            "formatted_body": html,
            # Always there: without it older rules would search the text for names and @room.
            "m.mentions": {"user_ids": sorted(links.named)} if links.named else {},
            KEY: fingerprint(key),
        }


def _attachment(kind: str, body: str, name: str, address: str, info: Json) -> Json:
    return {"msgtype": kind, "body": body, "filename": name, "url": address, "info": info, "m.mentions": {}}


def _in_thread(content: Json, thread: str) -> Json:
    """The content as a part of the thread; as it is, where there is none."""
    if not thread:
        return content
    return content | {
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": thread},
        }
    }


def full_text(message: Message) -> str:
    """The Markdown with buttons as a numbered list and a form as the command to type (the other commands that take the
    same lines below it): Matrix has neither. Commands that
    our own words name get the sign they have here; what people wrote is escaped, and so stays as it is."""
    blocks = [_OUR_COMMAND.sub("!allant", message.text), _buttons(message.buttons), _form(message.form)]
    return "\n\n".join(block for block in blocks if block)


def _buttons(buttons: tuple[Button, ...]) -> str:
    numbered = [f"{keycap} {escape(button.label)}" for keycap, button in zip(KEYCAPS, buttons, strict=False)]
    # More than there are numbers for: those show the command itself.
    typed = [f"{escape(button.label)}: `!allant {button.command}`" for button in buttons[len(KEYCAPS) :]]
    return "\n".join([*numbered, *typed])


def _form(form: Form | None) -> str:
    if form is None:
        return ""
    lines = [f"!allant {form.command}", *(f"{each.name}: {each.value}" for each in form.fields)]
    # A fence of tildes, longer than any a value may hold.
    typed = "\n".join(lines)
    fence = "~~~"
    while fence in typed:
        fence += "~"
    others = "\n".join(f"- {escape(each.label)}: `!allant {each.command}`" for each in form.buttons)
    parts = [
        f"**{escape(form.title)}**",
        _OUR_COMMAND.sub("!allant", form.text),
        "\n".join(_field(each) for each in form.fields),
        f"{fence}\n{typed}\n{fence}",
        others,
        form.preview,
    ]
    return "\n\n".join(part for part in parts if part)


def _field(field: Field) -> str:
    """One line on what is to be typed, and what is wrong with what was."""
    named = field.kind in ("choice", "choices")
    choices = ", ".join(f"{value} = {label}" if named and label != value else value for value, label in field.choices)
    line = f"- {escape(field.label)}" + (f" ({escape(choices)})" if choices else "")
    if field.help:
        line += f" – {escape(field.help)}"
    return line + (f" ⚠️ **{escape(field.error)}**" if field.error else "")


def cut(text: str, fits: Callable[[str], bool]) -> list[str]:
    """``text`` in as many parts as it takes for each to fit, cut between paragraphs where it can be, else between
    lines, words, or anywhere."""
    if len(text) < 2 or (len(text) <= MAX_CHARACTERS and fits(text)):
        return [text]
    middle = len(text) // 2
    at = middle
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, 1, middle + 1)
        if found > middle // 2:
            at = found
            break
    parts = [text[:at].strip("\n"), text[at:].strip("\n")]
    return [piece for part in parts if part.strip() for piece in cut(part, fits)]


def _fits(content: Json) -> bool:
    return len(json.dumps(content, ensure_ascii=False).encode()) <= MAX_BYTES
