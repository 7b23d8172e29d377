"""The coming posts as an iCalendar file that Outlook, Google and Thunderbird subscribe to.

Each post is an event of its own at an instant in UTC, not a rule with a zone. A rule could not say what our calendar
does: a moment that was moved, skipped or put off for a holiday, a launch that counts from the installation, a time that
the change of the clocks leaves out. And UTC is the one form that every program understands alike: it needs no
VTIMEZONE, whose names Outlook and the others do not agree on, and each subscriber sees the time of their own zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from icalendar import Calendar, Event, vDuration, vText

from bot.core.refs import Language

LENGTH = timedelta(minutes=15)
"""How long a post looks in a calendar: as an event of no length many programs show nothing to click on."""
REFRESH = timedelta(hours=1)
_SEQUENCE_FROM = datetime(2026, 1, 1, tzinfo=UTC)
MOST_SUMMARY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event. ``uid`` stays the same as long as it is the same post; ``at`` and ``modified`` (when its words or its
    plan last changed) are aware UTC. ``url`` is empty for none."""

    uid: str
    at: datetime
    modified: datetime
    summary: str
    description: str
    categories: Sequence[str] = ()
    url: str = ""


def feed(name: str, entries: Sequence[Entry], *, language: Language, zone: str, about: str = "") -> bytes:
    """The file, in UTF-8 with CRLF and folded lines: the same entries make the same bytes.

    ``name`` and ``about``: what the subscriber's program calls it and says of it; ``zone``: the workspace's, which
    some programs show.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Allant//Editorial calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    if about:
        calendar.add("description", about)
        calendar.add("x-wr-caldesc", about)
    calendar.add("x-wr-timezone", zone)
    # The first is RFC 7986's, the second what Outlook reads.
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))
    for entry in entries:
        calendar.add_component(_event(entry, language))
    return bytes(calendar.to_ical())


def uid(*parts: object) -> str:
    """A UID that says nothing of what it is made of: it travels to other people's calendars."""
    return sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:32] + "@allant"


def _event(entry: Entry, language: Language) -> Event:
    event = Event()
    modified = entry.modified.astimezone(UTC).replace(microsecond=0)
    event.add("uid", entry.uid)
    # In a published calendar DTSTAMP says when the event was last revised (RFC 5545, 3.8.7.2).
    event.add("dtstamp", modified)
    event.add("last-modified", modified)
    # Grows with each revision, as it must, without anybody's keeping a count.
    event.add("sequence", max(0, int((modified - _SEQUENCE_FROM) / timedelta(minutes=1))))
    event.add("dtstart", entry.at.astimezone(UTC))
    event.add("dtend", entry.at.astimezone(UTC) + LENGTH)
    event["summary"] = vText(_line(entry.summary), params={"LANGUAGE": language})
    event["description"] = vText(_clean(entry.description), params={"LANGUAGE": language})
    if entry.categories:
        event.add("categories", list(entry.categories))
    if entry.url:
        event.add("url", entry.url)
    event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # It takes nobody's time: the person stays free.
    return event


def _line(text: str) -> str:
    line = " ".join(_clean(text).split())
    return line if len(line) <= MOST_SUMMARY else line[: MOST_SUMMARY - 1].rstrip() + "…"


def _clean(text: str) -> str:
    """Without the control characters that RFC 5545 forbids, and with one kind of line break."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in lines if letter in "\n\t" or (ord(letter) >= 32 and ord(letter) != 127))
