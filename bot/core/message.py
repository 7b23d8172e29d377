"""The neutral message: Markdown and a few forms, which each platform's adapter renders as well as it can.

The Markdown is CommonMark without raw HTML. Two link schemes of our own name people and places, and adapters turn
them into real mentions: ``[Alice](mention:ID)`` and ``[#general](channel:ID)``, the id percent-encoded.
Only code makes mention links: text from people, feeds and models goes through :func:`escape`, which leaves nothing
in it that a renderer would take for markup or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from bot.core.community import Channel, Member

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@/=])")
_INVISIBLE = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Markup(str):
    """Markdown made by us, which :func:`fill` puts into a text as it is. Never wrap a person's words in it."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """``text`` as Markdown that shows exactly that text on one line: no markup, no mention, no hidden characters."""
    line = " ".join(_INVISIBLE.sub("", text).split())
    return Markup(_SPECIAL.sub(r"\\\1", line))


def fill(template: str, values: Mapping[str, object]) -> Markup:
    """``template`` with each ``{name}`` replaced by its value, escaped unless it is :class:`Markup`.

    A name without a value stays as it is, so that a mistake in content shows instead of failing.
    """

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            return match.group(0)
        value = values[name]
        return value if isinstance(value, Markup) else escape(str(value))

    return Markup(re.sub(r"\{([a-z_]+)\}", one, template))


def mention(member: Member) -> Markup:
    """A real mention of ``member``."""
    return Markup(f"[{escape(member.name)}](mention:{quote(member.ref.id, safe='')})")


def channel_link(channel: Channel) -> Markup:
    """A link to ``channel``."""
    return Markup(f"[{escape('#' + channel.name)}](channel:{quote(channel.ref.id, safe='')})")


def link(text: str, url: str) -> Markup:
    """A link with an untrusted label. Only http, https and mailto addresses become links; others stay text."""
    if re.match(r"(https?://|mailto:)[^\s<>]+$", url):
        return Markup(f"[{escape(text)}](<{quote(url, safe=':/?#[]@!$&()*+,;=%~-._')}>)")
    return escape(text)


def link_target(url: str) -> tuple[Literal["mention", "channel"], str] | None:
    """The kind and id behind one of our own link schemes, or None for an ordinary address."""
    scheme, _, identifier = url.partition(":")
    if scheme == "mention" and identifier:
        return "mention", unquote(identifier)
    if scheme == "channel" and identifier:
        return "channel", unquote(identifier)
    return None


@dataclass(frozen=True, slots=True)
class Button:
    """A choice under a message. Pressing it gives the bot ``command`` as if the person had typed it after /allant."""

    label: str
    command: str
    style: Literal["plain", "primary", "danger"] = "plain"
    direct: bool = False
    """The conversation with the bot alone opens first, and the command (or, where it is empty, nothing) is given there;
    only for platforms on which it must be opened (see Capabilities.direct_needs_opening)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form; ``name`` is the key of its value in ``CommandGiven.fields``."""

    name: str
    label: str
    kind: Literal["line", "text", "choice", "moment"] = "line"
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """Inputs which, once submitted, give the bot ``command`` with the values in ``CommandGiven.fields``.

    An adapter without forms shows the command with one ``name: value`` line a field.
    """

    title: str
    command: str
    fields: tuple[Field, ...]
    submit: str


@dataclass(frozen=True, slots=True)
class Message:
    """What the bot says: Markdown, then buttons, then perhaps a form."""

    text: str
    buttons: tuple[Button, ...] = ()
    form: Form | None = None


def join_lines(lines: Iterable[str]) -> Markup:
    """Markdown lines as one list or block, kept as they are."""
    return Markup("\n".join(lines))
