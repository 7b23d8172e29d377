"""What a day that is not worked does to an item: it is skipped, or moved to the working day before or after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from bot.core.calendar import OnHolidays
from bot.core.policy import PolicyRules

MOST_MOVED = 400
"""Days looked through for one that is worked; where there is none, the item stays on its day."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DaysOff:
    """The days off of a place as one item sees them. ``named``: the days of the week (0 Monday) that the item names
    itself, which are no days off for it though others do not work then."""

    rules: PolicyRules
    named: frozenset[int] = frozenset()

    def off(self, day: date) -> bool:
        weekday = day.weekday()
        if weekday not in self.rules.working_days and weekday not in self.named:
            return True
        return bool(self.rules.holiday(day))

    def nearest(self, day: date, step: timedelta) -> date:
        """``day``, or the first after it by ``step`` that is not off."""
        found = day
        for _ in range(MOST_MOVED):
            if not self.off(found):
                return found
            found += step
        return day

    def moved(self, locals_: Iterable[datetime], on: OnHolidays) -> Iterator[datetime]:
        """Naive local moments, in the order of their days, as ``on`` has them: in order, each once. What is moved
        onto another of the same item is one with it."""
        match on:
            case OnHolidays.SEND:
                yield from locals_
            case OnHolidays.SKIP:
                yield from (local for local in locals_ if not self.off(local.date()))
            case OnHolidays.BEFORE | OnHolidays.AFTER:
                step = _DAY if on is OnHolidays.AFTER else -_DAY
                # A later day never moves before an earlier one, so what shares a day comes together.
                for day, group in groupby(locals_, lambda local: self.nearest(local.date(), step)):
                    yield from sorted({datetime.combine(day, local.time()) for local in group})

    def first_moved_to(self, local: datetime, on: OnHolidays) -> datetime:
        """The earliest naive local time from which a moment may move to ``local`` or later."""
        if on is not OnHolidays.AFTER:
            return local
        day = local.date()
        for _ in range(MOST_MOVED):
            if not self.off(day - _DAY):
                break
            day -= _DAY
        return datetime.combine(day, time(0))
