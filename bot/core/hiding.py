"""Hiding small groups: which figures may be told, so that nobody is found out by one, or by the difference of two.

A figure about 1 to ``threshold - 1`` people is hidden; about nobody, it is 0. That alone would not do: what is left of
a whole when its other parts are told, and what two reports differ by, must not be about so few people either.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)


class Crowd(Protocol):
    """A set of people's numbers, as the store keeps it."""

    def __len__(self) -> int: ...

    def symmetric_difference_cardinality(self, other: Any, /) -> int: ...


def enough(people: int, threshold: int) -> bool:
    """Whether a figure about so many people may be told."""
    return people == 0 or people >= threshold


def part_may_be_told(part: int, whole: int, threshold: int) -> bool:
    """Whether a part of a group may be told beside the group: neither it nor the rest is small."""
    return enough(part, threshold) and enough(whole - part, threshold)


def hidden_cells(people: Mapping[T, int], threshold: int) -> set[T]:
    """Which parts of a whole that is told are hidden: the small ones, and as many of the next larger ones as it takes
    until what is hidden is not small as a whole, and is more than one part."""
    hidden = {name for name, number in people.items() if not enough(number, threshold)}
    rest = sorted((name for name, number in people.items() if number and name not in hidden), key=lambda n: people[n])
    while hidden and rest and (len(hidden) < 2 or sum(people[name] for name in hidden) < threshold):
        hidden.add(rest.pop(0))
    return hidden


def settled(days: Sequence[int], crowds: Callable[[int], Sequence[Crowd]], threshold: int) -> int:
    """The last of ``days`` whose figures may be told, when those of any day before may have been told.

    ``crowds`` gives the groups that a day's figures are about. The first day is told; each later one only when every
    group differs from the last told one by nobody, or by ``threshold`` people or more. As that depends on nothing but
    the days themselves, all reports about them step from one and the same day to the next.
    """
    told, groups = days[0], crowds(days[0])
    for day in days[1:]:
        now = crowds(day)
        changes = [mine.symmetric_difference_cardinality(former) for mine, former in zip(now, groups, strict=True)]
        if all(enough(change, threshold) for change in changes):
            told, groups = day, now
    return told


def told_day(monday: int, last: int, crowds: Callable[[int], Sequence[Crowd]], threshold: int) -> int:
    """As of which day figures over 7 or 28 days are told on the day ``last``, whose week begins on ``monday``.

    They are told for whole weeks, as of a Sunday: two reports of one week then say the same. The Sunday gives way
    to the one before when they differ by few people. Only while there is nothing before this week, the figures of its
    days are told, in steps of enough people.
    """
    sunday = monday + 6 if last == monday + 6 else monday - 1
    if sunday < last and not any(len(crowd) for crowd in crowds(sunday)):
        return settled([sunday, *range(monday, last + 1)], crowds, threshold)
    return settled([sunday - 7, sunday], crowds, threshold)


def released(days: Sequence[int], people: Callable[[Sequence[int]], Sequence[int]], threshold: int) -> int:
    """How many of ``days``, from the first on, may be told as a running total: each step of it is about enough people.

    ``people`` gives, for some days, how many are in each group that the total is about.
    """
    told = 0
    for number in range(1, len(days) + 1):
        groups = people(days[told:number])
        if any(groups) and all(enough(each, threshold) for each in groups):
            told = number
    return told
