"""What animators and models write in chat: made harmless, and read as fields and moments."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from bot.core.localtime import local_moment

MAX_CHARACTERS = 4000
"""Of a post in one language; the platforms' own limits lie near."""

_TAG = re.compile(r"<(?![a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*>)[!/?a-zA-Z][^<>]*>")
"""Raw HTML, and things such as ``<!channel>``; an address in angle brackets is left for the next step."""
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?([^()\s<>]*)>?(?:\s+[^()]*)?\)")
_ANGLED = re.compile(r"<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*)>")
MOMENT_NAMES: Mapping[str, str] = {"moment": "moment", "when": "moment", "quand": "moment"}
"""The names of a field for a moment, by what it is called here."""
_NOW = frozenset({"now", "maintenant"})
_MOMENT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2})[:h](\d{2})(?::00)?")
_FRENCH_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: à)? (\d{1,2})[:h](\d{2})")


def tame(text: str) -> str:
    """Markdown without raw HTML, pictures, or links to anything but web and mail addresses: no mention survives.

    What cannot be made harmless neatly is shown as plain text instead.
    """
    calm = text.replace("\x00", "").strip()[:MAX_CHARACTERS]
    before = None
    while calm != before:  # Until nothing new appears: a tag may hide in pieces around another.
        before = calm
        calm = _ANGLED.sub(_web_only, _LINK.sub(_web_only, _TAG.sub("", calm)))
    # What is left of brackets may still be a link in a form not foreseen above, and the backslash ends that.
    calm = re.sub(r"\](?=\s*:)", r"\\]", calm)
    calm = re.sub(r"(?<!\\)\]\((?!https?://|mailto:)", r"\\](", calm)
    return re.sub(r"<(?!https?://|mailto:)", r"\\<", calm)


def _web_only(match: re.Match[str]) -> str:
    address = html.unescape(match.group(match.lastindex or 1))
    is_web = re.match(r"(?:https?://|mailto:)[^\\\s]*$", address) is not None
    if match.lastindex == 1:  # An address in angle brackets.
        return match.group(0) if is_web else match.group(1).partition(":")[2]
    label = match.group(1)
    return f"[{label}]({match.group(2)})" if is_web else label


def parse_fields(text: str, names: Mapping[str, str]) -> dict[str, str]:
    """A form typed as ``name: value`` lines; lines without a name go on with the value before them.

    ``names``: what each name people may type is called here.
    """
    values: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        known = names.get(name.strip().casefold()) if colon else None
        if known is not None and known not in values:
            current = known
            values[current] = value.removeprefix(" ")
        elif current:
            values[current] += f"\n{line}"
    return {name: value.strip() for name, value in values.items()}


def parse_moment(text: str, now: datetime, zone: str) -> datetime | None:
    """``2026-12-01 10:00`` (or ``01/12/2026 10:00``) in the wall-clock time of ``zone``, ``now`` or ``maintenant``,
    as aware UTC; None when it is none of these."""
    written = " ".join(text.split()).casefold()
    if written in _NOW:
        return now
    match, french = _MOMENT.fullmatch(written.replace("t", "T")), _FRENCH_MOMENT.fullmatch(written)
    try:
        if match:
            year, month, day, hour, minute = (int(part) for part in match.groups())
        elif french:
            day, month, year, hour, minute = (int(part) for part in french.groups())
        else:
            return None
        return local_moment(date(year, month, day), time(hour, minute), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
