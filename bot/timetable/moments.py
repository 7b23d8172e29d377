"""Every moment of an item: what its rule says on the wall clock, moved by days off, then placed in a zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.calendar import Anchor, Item, When
from bot.core.localtime import instant
from bot.core.policy import PolicyRules
from bot.core.span import Span
from bot.timetable.daysoff import DaysOff
from bot.timetable.recurrence import local_moments, named_weekdays

_SLACK = timedelta(hours=26)
"""A local time and the moment it means differ by at most a day, on the day Samoa left out."""


def moments(
    item: Item, rules: PolicyRules, since: datetime, installed: datetime, items: Mapping[str, Item]
) -> Iterator[datetime]:
    """The moments of ``item`` from ``since`` (aware, included) on, aware UTC, each once, in order.

    ``rules``: those of the place, with its zone. ``installed``: when the workspace first started (aware). ``items``:
    all of them by id, among which is the event it may count from. Nothing for items that count from an arrival.
    """
    zone = item.zone or rules.zone
    off = days_off(item.when, rules)
    earliest = since.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - _SLACK
    earliest = off.first_moved_to(earliest, item.holidays)
    last: datetime | None = None
    for local in off.moved(_locals(item, rules, earliest, installed, items), item.holidays):
        moment = instant(local, zone)
        # Two local times may mean one moment: 02:30 and 03:00 where the hour between is left out.
        if moment >= since and (last is None or moment > last):
            yield moment
            last = moment


def moment_for(item: Item, rules: PolicyRules, arrived: date) -> datetime | None:
    """When an item that counts from a day in a person's life here goes out to who arrived on the local date
    ``arrived``; aware UTC. ``rules`` are the person's. None for other items, and on a day off that it skips."""
    when = item.when
    if when.relative_to is None:
        return None
    anchor = arrived if when.relative_to is Anchor.ARRIVAL else rules.probation.day_from(arrived)
    local = datetime.combine(when.offset.day_from(anchor), when.at or time(0))
    found = list(days_off(when, rules).moved([local], item.holidays))
    return instant(found[0], item.zone or rules.zone) if found else None


def days_off(when: When, rules: PolicyRules) -> DaysOff:
    """The days off of a place as an item sees them that goes out ``when``."""
    return DaysOff(rules, named_weekdays(when))


def _locals(
    item: Item, rules: PolicyRules, earliest: datetime, installed: datetime, items: Mapping[str, Item]
) -> Iterator[datetime]:
    zone, when = item.zone or rules.zone, item.when
    if not when.event:
        yield from local_moments(when, zone, earliest, installed.astimezone(ZoneInfo(zone)).date())
        return
    event = items.get(when.event)
    if event is None:
        return
    tz = ZoneInfo(zone)
    for moment in moments(event, rules, _before(earliest, when.offset).replace(tzinfo=UTC), installed, items):
        local = moment.astimezone(tz).replace(tzinfo=None) + timedelta(minutes=when.offset.minutes)
        day = when.offset.day_from(local.date())
        yield datetime.combine(day, local.time() if when.at is None else when.at)


def _before(earliest: datetime, offset: Span) -> datetime:
    """A moment before every one from which ``offset`` leads to ``earliest`` or later. Months have 28 to 31 days, and
    the time of day, the zone and the end of a short month make up for less than five days."""
    months = offset.months * (28 if offset.months < 0 else 31)
    ahead = timedelta(days=months + offset.days + 5, minutes=offset.minutes)
    return earliest - min(ahead, earliest - datetime(1971, 1, 1))  # noqa: DTZ001  # Naive as the other.
