"""What the playground knows: people, channels, posts, and what it tells whoever listens.

All moments are aware UTC. ``number`` grows with every post, so that it is also the order of the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from bot.core.message import Button, Field, Form, Image, Section, TextFile
from bot.core.refs import Language

BOT = "allant"
"""The id of the bot among the playground's people."""

MAX_CHARACTERS = 40_000
"""The longest text the playground accepts, for people and for the bot (Slack's own limit of a message's text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be played. ``zone`` is an IANA name."""

    id: str
    name: str
    language: Language = "en"
    zone: str = "Europe/Paris"
    title: str = ""
    guest: bool = False
    manager: bool = False
    animator: bool = False
    admin: bool = False
    bot: bool = False
    active: bool = True
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A channel, or with ``direct_with`` the conversation of that person with the bot.

    ``open_to`` says who is in it from their first day: everyone, employees (no guests), or nobody by themselves.
    """

    id: str
    name: str
    about: Mapping[str, str]
    direct_with: str | None = None
    archived: bool = False
    one_way: bool = False
    open_to: Literal["everyone", "employees", "nobody"] = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message. ``thread`` is the root's id when this is a reply. ``visible_to``: only this person sees it.

    ``command``: what the person typed after /allant, shown to them alone. ``text`` is Markdown when the bot wrote it,
    plain text otherwise; empty once deleted.
    """

    number: int
    id: str
    channel: str
    author: str
    text: str
    at: datetime
    thread: str | None = None
    visible_to: str | None = None
    buttons: tuple[Button, ...] = ()
    form: Form | None = None
    edited: bool = False
    deleted: bool = False
    command: bool = False
    key: str | None = None
    answers: str = ""
    """The id of the happening that this answers."""
    images: tuple[Image, ...] = ()
    files: tuple[TextFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """An event on its way to the bot: ``id`` is unique and stays the same however often it is delivered."""

    number: int
    id: str
    kind: str
    at: datetime
    data: Mapping[str, Any]

    @property
    def place(self) -> str:
        """In whose order it is delivered: its channel's, or the workspace's."""
        return str(self.data.get("channel") or "")


@dataclass(frozen=True, slots=True)
class Change:
    """Something the page should show anew: a post (new, edited, deleted, reacted to), the people, the channels, or a
    person's home."""

    what: Literal["post", "people", "channels", "home"]
    id: str = ""


def form_data(form: Form) -> dict[str, Any]:
    """``form`` ready for JSON."""
    fields = [
        {
            "name": each.name,
            "label": each.label,
            "kind": each.kind,
            "value": each.value,
            "choices": [list(choice) for choice in each.choices],
            "required": each.required,
            "help": each.help,
            "error": each.error,
            "named": [list(pair) for pair in each.named],
        }
        for each in form.fields
    ]
    return {
        "title": form.title,
        "command": form.command,
        "submit": form.submit,
        "fields": fields,
        "text": form.text,
        "preview": form.preview,
        "buttons": buttons_data(form.buttons),
    }


def form_from(data: Mapping[str, Any]) -> Form:
    """The inverse of :func:`form_data`."""
    fields = tuple(
        Field(
            each["name"],
            each["label"],
            each["kind"],
            each["value"],
            tuple((value, label) for value, label in each["choices"]),
            each["required"],
            each.get("help", ""),
            each.get("error", ""),
            tuple((name, identifier) for name, identifier in each.get("named", ())),
        )
        for each in data["fields"]
    )
    return Form(
        data["title"],
        data["command"],
        fields,
        data["submit"],
        data.get("text", ""),
        data.get("preview", ""),
        buttons_from(data.get("buttons", ())),
    )


def buttons_data(buttons: Sequence[Button]) -> list[list[str]]:
    """``buttons`` ready for JSON."""
    return [[each.label, each.command, each.style] for each in buttons]


def buttons_from(data: Sequence[Sequence[Any]]) -> tuple[Button, ...]:
    """The inverse of :func:`buttons_data`."""
    return tuple(Button(*each) for each in data)


def sections_data(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """``sections`` ready for JSON."""
    return [{"text": each.text, "buttons": buttons_data(each.buttons)} for each in sections]


def sections_from(data: Sequence[Mapping[str, Any]]) -> tuple[Section, ...]:
    """The inverse of :func:`sections_data`."""
    return tuple(Section(each["text"], buttons_from(each["buttons"])) for each in data)


def attached_data(images: Sequence[Image], files: Sequence[TextFile]) -> dict[str, Any]:
    """What is attached to a post, ready for JSON."""
    return {"images": [asdict(each) for each in images], "files": [asdict(each) for each in files]}


def attached_from(data: Mapping[str, Any]) -> tuple[tuple[Image, ...], tuple[TextFile, ...]]:
    """The inverse of :func:`attached_data`."""
    return tuple(Image(**each) for each in data["images"]), tuple(TextFile(**each) for each in data["files"])
