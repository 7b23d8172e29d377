"""The editorial calendar: items (words plus when plus where) and their occurrences (one moment of an item)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from bot.core.refs import Language
from bot.core.span import Span


class Missed(StrEnum):
    """What happens to an occurrence whose moment passed while Allant was not running."""

    LATE = "late"  # send within the grace, then skip and tell the animators
    SKIP = "skip"
    ASK = "ask"  # show it to the animators instead of sending


class OnHolidays(StrEnum):
    """What happens to an occurrence on a day that is not worked: a public holiday, a date the policy names, or a day
    of the week outside ``working_days`` which the item does not name itself."""

    SEND = "send"  # it stays on its day; the policy's quiet days still make it wait for the next opening
    SKIP = "skip"
    BEFORE = "before"  # the last working day before, at the same time
    AFTER = "after"  # the next working day, at the same time


class Anchor(StrEnum):
    """The day in a person's life here from which an item counts."""

    ARRIVAL = "arrival"
    PROBATION_END = "probation_end"


class Audience(StrEnum):
    """People an item may be addressed to, each in a direct message, in their own zone and language."""

    EVERYONE = "@everyone"
    MANAGERS = "@managers"
    NEWCOMERS = "@newcomers"
    ANIMATORS = "@animators"
    PERSON = "@person"
    """The one person an item counts from (:attr:`When.relative_to`), and nobody else."""


DRAFT, APPROVED = "draft", "approved"
"""What a file may say of an item's state. Items made in chat have more: see :class:`bot.core.editorial.Status`."""
DEFAULT_GRACE = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When an item goes out, in the wall-clock time of its zone. Exactly one of these says it:

    ``once``: a naive local moment. ``rrule``: an RFC 5545 rule without DTSTART, which starts on ``start`` at ``at``.
    ``week`` (from 1) and ``weekday`` (0 Monday): counted from the start of a launch, at ``at``. ``relative_to``: the
    day of a person's life here from which ``offset`` counts, at ``at``. ``event``: the id of another item, from each
    of whose moments ``offset`` counts, at ``at`` or else at the time of day that results.

    With a rule: ``until`` (a local date, inclusive) ends it, ``excluded`` and ``excluded_moments`` (EXDATE) are left
    out, ``also`` (RDATE) are added. All are local and naive, and speak of the moments before days off move them.
    """

    once: datetime | None = None
    rrule: str = ""
    start: date | None = None
    at: time | None = None
    until: date | None = None
    excluded: frozenset[date] = frozenset()
    excluded_moments: frozenset[datetime] = frozenset()
    also: frozenset[datetime] = frozenset()
    week: int | None = None
    weekday: int | None = None
    relative_to: Anchor | None = None
    event: str = ""
    offset: Span = field(default=Span())


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the editorial calendar, as an animator wrote it.

    ``to``: channel names (``#general``), tags (``tag:everyone``) and audiences (``@managers``). ``words``: the text in
    each language, or empty with ``page`` naming a page of content/calendar. ``zone``: IANA name; empty for the zone of
    each channel or person. ``file`` and ``line`` say where it stands.
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
    holidays: OnHolidays = OnHolidays.AFTER
    file: str = ""
    line: int = 0
    said: str = ""
    """The plain form as written (``every: monday 09:30``), for showing."""
    state: str = APPROVED
    """An item whose file says that it is a draft does not go out."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels and tags it is addressed to."""
        return tuple(place for place in self.to if not place.startswith("@"))

    @property
    def audiences(self) -> tuple[Audience, ...]:
        """The people it is addressed to in direct messages."""
        return tuple(Audience(place) for place in self.to if place.startswith("@"))

    @property
    def personal(self) -> bool:
        """Whether it counts from a day in each person's life here: it then has no moments of its own, only those of
        :meth:`bot.core.ports.Timetable.moment_for`."""
        return self.when.relative_to is not None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One moment of an item, aware UTC.

    ``zone`` is the IANA zone whose wall clock it follows: an item with places in several zones has one occurrence for
    each. ``days`` names the days off that it heeds (``FR``, ``DE-BY/0123``, empty for none but weekends): see
    :attr:`bot.core.policy.PolicyRules.days`.
    """

    item: Item
    at: datetime
    zone: str = ""
    days: str = ""


# What is remembered of the calendar in each workspace. The store knows these by the name of this module.


@dataclass(frozen=True, slots=True)
class Installed:
    """The moment from which launches count in this workspace: see :func:`bot.core.planning.counts_from`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing of the item goes out until it is resumed."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Overdue:
    """Somebody did not get an item that counts from a day in their life here, at their moment ``due`` (aware UTC):
    ``reason`` is late, or as of an occurrence that the rules hold back. It waits for the animators to decide."""

    due: datetime
    reason: str = "late"
