"""Lengths of time as a calendar counts them: months are not a number of days, and a day is not 24 hours."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """``months``, then ``days``, then ``minutes``, all counted on the calendar and the clock on the wall.

    All are negative for a span that counts backwards.
    """

    months: int = 0
    days: int = 0
    minutes: int = 0

    def __neg__(self) -> Span:
        return Span(-self.months, -self.days, -self.minutes)

    @property
    def backwards(self) -> bool:
        return min(self.months, self.days, self.minutes) < 0

    def day_from(self, day: date) -> date:
        """The day this far from ``day``; ``minutes`` are not looked at. A month from 31 January is the last day of
        February. Raises OverflowError outside the years 1 to 9999."""
        months = day.year * 12 + day.month - 1 + self.months
        year, month = months // 12, months % 12 + 1
        if not 1 <= year <= 9999:
            raise OverflowError("date value out of range")
        return date(year, month, min(day.day, monthrange(year, month)[1])) + timedelta(days=self.days)
