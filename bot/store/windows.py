"""Who was there over spans of days, united from the days' bitmaps as cheaply as can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyroaring import BitMap

MONTH_DAYS = 28
"""Four whole weeks, so that every month has as many weekends."""

Days = Mapping[int, Mapping[str, BitMap]]


def union(crowds: Iterable[BitMap]) -> BitMap:
    """Everybody who is in any of them."""
    found = list(crowds)
    return BitMap.union(*found) if len(found) > 1 else (found[0].copy() if found else BitMap())


class Windows:
    """The spans that end on the days of one week, from its Monday on."""

    def __init__(self, days: Days, monday: int, last: int) -> None:
        self.days = days
        self.monday = monday
        self.last = last
        self._before: dict[str, dict[int, BitMap]] = {}
        self._within: dict[str, dict[int, BitMap]] = {}
        self._long: dict[tuple[Sequence[str], int], BitMap] = {}

    def between(self, names: Sequence[str], first: int, last: int) -> BitMap:
        """Everybody in any of these crowds on the days from ``first`` to ``last``, both included."""
        return union(
            found[name]
            for day in range(first, last + 1)
            if (found := self.days.get(day))
            for name in names
            if name in found
        )

    def month(self, names: Sequence[str], last: int) -> BitMap:
        """As :meth:`between`, over the 28 days that end on ``last``."""
        if last < self.monday - 1:
            return self.between(names, last - MONTH_DAYS + 1, last)
        key = (tuple(names), last)
        if key not in self._long:
            parts = []
            for name in names:
                parts += [self._suffix(name)[last - MONTH_DAYS + 1], self._prefix(name).get(last, _NOBODY)]
            self._long[key] = union(parts)
        return self._long[key]

    def _suffix(self, name: str) -> dict[int, BitMap]:
        """For each day up to 28 before the Monday: everybody from that day up to the Sunday before the week."""
        if name not in self._before:
            so_far, found = BitMap(), {}
            for day in range(self.monday - 1, self.monday - MONTH_DAYS - 1, -1):
                so_far = so_far | self.days.get(day, {}).get(name, _NOBODY)
                found[day] = so_far
            found[self.monday] = BitMap()
            self._before[name] = found
        return self._before[name]

    def _prefix(self, name: str) -> dict[int, BitMap]:
        """For each day of the week: everybody from the Monday up to that day."""
        if name not in self._within:
            so_far, found = BitMap(), {}
            for day in range(self.monday, self.last + 1):
                so_far = so_far | self.days.get(day, {}).get(name, _NOBODY)
                found[day] = so_far
            self._within[name] = found
        return self._within[name]


_NOBODY = BitMap()
