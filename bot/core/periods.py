"""The time that a report is about: whole ISO weeks, so that each week is in exactly one month's report.

A month's report is about the weeks that end in it: two reports then never differ by single days.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from bot.core.errors import BadInput

_WEEK = re.compile(r"(\d{4})-w(\d{1,2})")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_WORDS = {"week": "week", "semaine": "week", "": "week", "month": "month", "mois": "month"}
_SUNDAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """``name``: ``2026-W47`` or ``2026-10``. ``first``: its first Monday; ``until``: its last day, a Sunday unless it
    is still going on (then not ``whole``). ``weeks``: how many ISO weeks that is."""

    kind: Literal["week", "month"]
    name: str
    first: date
    until: date
    weeks: int
    whole: bool

    @property
    def before(self) -> Period:
        """The one before it."""
        last = self.first - timedelta(days=1)
        if self.kind == "week":
            return week_of(last, self.first)
        return month_of(last.year, last.month, self.first)


def week_of(day: date, today: date) -> Period:
    """The ISO week of ``day``, as far as it is over on ``today``."""
    monday = day - timedelta(days=day.weekday())
    year, number, _ = monday.isocalendar()
    return _period("week", f"{year}-W{number:02}", monday, monday + timedelta(days=_SUNDAY), today)


def month_of(year: int, month: int, today: date) -> Period:
    """The weeks that end in the month, as far as they are over on ``today``."""
    first, last = date(year, month, 1), date(year, month, monthrange(year, month)[1])
    monday = first - timedelta(days=first.weekday())
    sunday = last - timedelta(days=(last.weekday() + 1) % 7)
    return _period("month", f"{year}-{month:02}", monday, sunday, today)


def _period(kind: Literal["week", "month"], name: str, monday: date, sunday: date, today: date) -> Period:
    if monday > today:
        raise BadInput(f"{name} has not begun yet", key="reports.not_begun_yet", name=name)
    until = min(sunday, today)
    weeks = (until - monday).days // 7 + 1
    return Period(kind=kind, name=name, first=monday, until=until, weeks=weeks, whole=sunday < today)


def read_period(text: str, today: date) -> Period:
    """``week`` and ``month`` (also in French) are the last whole ones before ``today``; ``2026-W47`` and ``2026-10``
    are those. Raises BadInput for anything else, and for what has not begun."""
    word = text.strip().casefold()
    kind = _WORDS.get(word)
    if kind == "week":
        return week_of(today - timedelta(days=7), today)
    if kind == "month":
        # Its last Sunday is over once the next month's first day came.
        last = today.replace(day=1) - timedelta(days=1)
        return month_of(last.year, last.month, today)
    found = _WEEK.fullmatch(word)
    try:
        if found:
            return week_of(date.fromisocalendar(int(found[1]), int(found[2]), 1), today)
        found = _MONTH.fullmatch(word)
        if found:
            return month_of(int(found[1]), int(found[2]), today)
    except (ValueError, OverflowError):
        pass
    raise BadInput(
        f"“{text}” is no period: write week, month, 2026-W47 or 2026-10", key="reports.bad_period", period=text
    )
