"""Days and months of the rollups: whole numbers, in UTC, so that every database groups and compares them alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from bot.store.moments import EPOCH

DAY_MICROS = 24 * 3600 * 1_000_000
_FIRST = EPOCH.date()


def day_of(moment: datetime) -> int:
    """The number of the UTC day in which the aware ``moment`` lies; 0 is 1 January 1970."""
    return (moment.astimezone(UTC).date() - _FIRST).days


def number_of(day: date) -> int:
    """The number of a date."""
    return (day - _FIRST).days


def date_of(number: int) -> date:
    """The date of a day's number."""
    return _FIRST + timedelta(days=number)


def month_of(day: int) -> int:
    """The number of the month in which a day lies: twelve times the year, and the month from 0."""
    found = date_of(day)
    return found.year * 12 + found.month - 1


def first_day(month: int) -> int:
    """The number of the first day of a month."""
    return number_of(date(month // 12, month % 12 + 1, 1))


def month_name(month: int) -> str:
    """``2026-11``."""
    return f"{month // 12}-{month % 12 + 1:02}"
