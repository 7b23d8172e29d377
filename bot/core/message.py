"""The neutral message: Markdown and a few forms, which each platform's adapter renders as well as it can.

The Markdown is CommonMark without raw HTML. Two link schemes of our own name people and places, and adapters turn
them into real mentions: ``[Alice](mention:ID)`` and ``[#general](channel:ID)``, the id percent-encoded.
Only code makes mention links: text from people, feeds and models goes through :func:`escape`, which leaves nothing
in it that a renderer would take for markup or a mention.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import quote, unquote

from bot.core.community import Channel, Member

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@/=])")
_PNG = b"\x89PNG\r\n\x1a\n"
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


FieldKind = Literal["line", "text", "choice", "choices", "moment", "date", "time", "channels", "person"]
"""What is filled in, and how it is written in ``Field.value`` and ``CommandGiven.fields``, which are always text:

=========  =====================================================  ==============================================
kind       as a person sees it                                    the value
=========  =====================================================  ==============================================
line       one line                                               as written
text       several lines                                          as written, lines ended by ``\\n``
choice     one of ``choices``                                     the choice's value
choices    any of ``choices`` (ticks, or a list of several)       their values joined with ``", "``
moment     a day and a time                                       ``2026-12-01 10:00``, or as people write it
date       a day                                                  ``2026-12-01``
time       a time of day                                          ``15:00``
channels   any channels, and any of ``choices`` (tags, people)    ``#name`` for a channel, joined with ``", "``
person     somebody of the workspace                              ``@name``, or their id
=========  =====================================================  ==============================================

Moments, dates and times are on the clock of whoever fills in the form: an adapter neither converts nor judges them, it
hands on what was picked. Where an adapter's own picker knows channels or people by id, it may give ``#ID`` and ``@ID``
instead of names; ``Field.named`` tells it the ids of those in ``value``. An adapter without one of these inputs offers
a line instead: what people type there is read as well as what a picker gives. Nothing picked is the empty text.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form; ``name`` is the key of its value in ``CommandGiven.fields``.

    ``value`` is what it holds when it is shown; ``choices`` are (value, label), and no value holds a comma. ``help``
    is plain text to show below the label. ``error``, in a form that is shown again, says in plain text what is wrong
    with ``value``, to be shown at the input. ``named``: the platform's ids of the channels or people in ``value``, as
    (as it stands in ``value``, id), for adapters whose pickers start from ids; what is not in it may be an id that the
    adapter itself gave, in a form that is shown again.
    """

    name: str
    label: str
    kind: FieldKind = "line"
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = True
    help: str = ""
    error: str = ""
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """Inputs which, once submitted, give the bot ``command`` with the values in ``CommandGiven.fields``.

    All fields are in ``fields``, those left empty as the empty text. ``buttons`` stand in the form beside ``submit``:
    pressing one gives its command with the values as they are at that moment, nothing required and nothing checked.
    ``text`` is Markdown above the inputs; ``preview`` is Markdown below them, which shows how what was filled in will
    look. Both are left out when empty.

    **How a form stays open.** Whatever a submitted form (or a button in it) leads to is answered by one delivery whose
    ``answers`` is the id of the ``CommandGiven`` that submitted it. When its message has a form, the form is shown
    again in the place of the one submitted: with what was filled in, with ``error`` at the fields that are wrong, with
    ``preview``. ``message.text`` then says the same in words, for adapters that show a form below a message; one with
    modals need not show it. When its message has no form, the form closes and the message is shown where answers are.
    The same ``answers`` tells an adapter which form was asked for by which command (to open it with that command's
    trigger). An answer that never comes means that nothing was done: the adapter lets the form be after a while.

    An adapter without forms shows the command with one ``name: value`` line a field.
    """

    title: str
    command: str
    fields: tuple[Field, ...]
    submit: str
    text: str = ""
    preview: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a home: Markdown that begins with its heading (``## …``), and the buttons that belong to it."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """A PNG picture with ``alt``, the plain text that says the same to whoever cannot see it.

    ``base64`` is the picture, in letters so that it is kept in the ledger like the words around it; it is in no log, as
    it is left out of every representation. ``name``: what the file is called. ``width`` and ``height`` in pixels.
    """

    alt: str
    base64: str = field(repr=False)
    width: int
    height: int
    name: str = "image.png"

    @classmethod
    def of_png(cls, data: bytes, alt: str, name: str = "image.png") -> Image:
        """The image of a PNG file's bytes. Raises ValueError for anything else."""
        if data[:8] != _PNG or len(data) < 24:
            raise ValueError("not a PNG file")
        # The first chunk of every PNG file is its header (ISO/IEC 15948, 11.2.2).
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        return cls(alt, b64encode(data).decode("ascii"), width, height, name)

    @property
    def data(self) -> bytes:
        """The PNG file's bytes."""
        return b64decode(self.base64)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text to keep, such as an export: ``text`` is left out of every representation, and so of every log. ``media``
    is its type (``application/json``)."""

    name: str
    media: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What the bot says: Markdown, then images, then files, then buttons, then perhaps a form.

    ``sections`` are for homes only (see :class:`bot.core.actions.ShowHome`): nothing sent to a channel or a person as
    a message has any. ``quotes``: it repeats what a member wrote, so the ledger keeps it sealed. ``images`` and
    ``files`` are sent on with the words; a platform that cannot (``can.images``, ``can.files``) never gets any: see
    :func:`in_words`.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    form: Form | None = None
    sections: tuple[Section, ...] = ()
    quotes: bool = False
    images: tuple[Image, ...] = ()
    files: tuple[TextFile, ...] = ()


def in_words(message: Message, *, images: bool, files: bool) -> Message:
    """The message as it goes to a platform that shows ``images`` and ``files`` or does not: an image that cannot be
    shown is said by its alternative text, a file by its own text as code."""
    text = message.text
    if message.images and not images:
        text = "\n\n".join([text, *(f"🖼 {escape(each.alt)}" for each in message.images)])
        message = replace(message, text=text, images=())
    if message.files and not files:
        text = "\n\n".join([text, *(code_block(each.text) for each in message.files)])
        message = replace(message, text=text, files=())
    return message


def code_block(text: str, language: str = "") -> Markup:
    """``text`` word for word as a block of code: its fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{text}\n{fence}")


def join_lines(lines: Iterable[str]) -> Markup:
    """Markdown lines as one list or block, kept as they are."""
    return Markup("\n".join(lines))
