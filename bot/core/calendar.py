"""The editorial calendar: items (words plus when plus where) and their occurrences (one moment of an item)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from bot.core.refs import Language


class Missed(StrEnum):
    """What happens to an occurrence whose moment passed while Allant was not running."""

    LATE = "late"  # send within the grace, then skip and tell the animators
    SKIP = "skip"
    ASK = "ask"  # show it to the animators instead of sending


DEFAULT_GRACE = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When an item goes out, in the wall-clock time of its zone: once, or by an RFC 5545 rule.

    Exactly one of ``once`` (a naive local moment) and ``rrule`` (without DTSTART; starts on ``start`` at ``at``) is
    set. ``until`` (a local date, inclusive) ends a rule. ``excluded`` are local dates left out.
    """

    once: datetime | None = None
    rrule: str = ""
    start: date | None = None
    at: time | None = None
    until: date | None = None
    excluded: frozenset[date] = frozenset()
    week: int | None = None
    weekday: int | None = None
    """With ``week`` (from 1) and ``weekday`` (0 Monday), relative to the start of a launch, at ``at``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the editorial calendar, as an animator wrote it.

    ``to``: channel names (``#general``) and tags (``tag:everyone``). ``words``: the text in each language, or empty
    with ``page`` naming a page of content/calendar. ``zone``: IANA name, empty for the workspace's zone.
    ``file`` and ``line`` say where it stands.
    """

    id: str
    when: When
    to: tuple[str, ...]
    page: str = ""
    words: Mapping[Language, str]
    zone: str = ""
    owner: str = "animator"
    missed: Missed = Missed.LATE
    grace: timedelta = DEFAULT_GRACE
    file: str = ""
    line: int = 0
    said: str = ""
    """The plain form as written (``every: monday 09:30``), for showing."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One moment of an item, aware UTC."""

    item: Item
    at: datetime
