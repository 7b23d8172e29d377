"""Closing a month: its bitmaps become counts, its key is destroyed, and nobody can tell any more who was who in it.

What is counted then is what reports may tell: for the Sundays and days of the month, and for the first weeks of the
next, whose windows reach back into it; never fewer people than the threshold, nor a channel's week from which a small
channel's could be worked out. Done a month at a time, oldest first, each in one transaction: a killed run leaves a
month open or closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Connection, Executable, delete, func, select

from bot.core.hiding import hidden_cells
from bot.core.signals import THRESHOLD
from bot.store import crowds, rollup_tables
from bot.store.calendar_days import date_of, first_day, month_of
from bot.store.crowds import ACTIVE, CROWDS, WRITING
from bot.store.dialect import Insert, prepared
from bot.store.windows import MONTH_DAYS, union

GROUPS: Mapping[str, Sequence[str]] = {
    "active": ACTIVE,
    "posting": WRITING,
    **{name: (name,) for name in ("posted", "replied", "reacted", "used", "joined", "left", "crossed", "stayed")},
}
"""The groups whose people are counted by week; totals of that time are told only where there are enough of them."""

_crowds = rollup_tables.crowds.c
_periods = rollup_tables.periods.c
_roster = rollup_tables.roster.c

Days = Mapping[int, Mapping[str, BitMap]]


def to_close(connection: Connection, workspace: str, before: int) -> list[int]:
    """The months with bitmaps or keys whose last day lies before the day ``before``, oldest first."""
    first = connection.scalar(
        select(func.min(_crowds.day)).where(_crowds.workspace == workspace, _crowds.scope.not_like("joined/%"))
    )
    months = set(
        connection.scalars(
            select(_periods.period).where(
                _periods.workspace == workspace, _periods.period > 0, _periods.closed_at.is_(None)
            )
        )
    )
    if first is not None:
        months |= set(range(month_of(first), month_of(before) + 1))
    return sorted(month for month in months if first_day(month + 1) <= before)


def close(connection: Connection, workspace: str, month: int, at: datetime) -> int:
    """Close one month; how many days' rows of bitmaps went."""
    begins, ends = first_day(month), first_day(month + 1) - 1
    rows = [*_of_workspace(connection, workspace, begins, ends), *_of_channels(connection, workspace, begins, ends)]
    rows += _of_cohorts(connection, workspace, month)
    if rows:
        connection.execute(_keeping(connection), [{"workspace": workspace, **row} for row in rows])
    in_month = (_crowds.day >= begins) & (_crowds.day <= ends) & _crowds.scope.not_like("joined/%")
    joined = (_crowds.day == month) & _crowds.scope.like("joined/%")
    gone = connection.execute(
        delete(rollup_tables.crowds).where(_crowds.workspace == workspace, in_month | joined)
    ).rowcount
    connection.execute(delete(rollup_tables.roster).where(_roster.workspace == workspace, _roster.period == month))
    connection.execute(_closing(connection), {"workspace": workspace, "period": month, "key": None, "closed_at": at})
    return gone


def _row(scope: str, day: int, days: int, crowd: str, people: int) -> Iterator[dict[str, Any]]:
    if people >= THRESHOLD:
        yield {"scope": scope, "day": day, "days": days, "crowd": crowd, "people": people}


def _of_workspace(connection: Connection, workspace: str, begins: int, ends: int) -> Iterator[dict[str, Any]]:
    found = crowds.read(connection, workspace, [""], CROWDS, (begins - MONTH_DAYS, ends + MONTH_DAYS)).get("", {})
    for day in range(begins, ends + MONTH_DAYS):
        for name in ("active", "posting"):
            if day <= ends:
                yield from _row("", day, 1, name, _people(found, GROUPS[name], day, day))
            if _is_sunday(day):
                yield from _row("", day, MONTH_DAYS, name, _people(found, GROUPS[name], day - MONTH_DAYS + 1, day))
    for sunday in _sundays(begins, ends):
        for name, names in GROUPS.items():
            yield from _row("", sunday, 7, name, _people(found, names, sunday - 6, sunday))


def _of_channels(connection: Connection, workspace: str, begins: int, ends: int) -> Iterator[dict[str, Any]]:
    """A week at a time: the channels of a large workspace have many bitmaps."""
    for sunday in _sundays(begins, ends):
        found = crowds.read(connection, workspace, None, CROWDS, (sunday - 6, sunday))
        writers = {scope: _people(days, WRITING, sunday - 6, sunday) for scope, days in found.items()}
        for scope in found.keys() - hidden_cells(writers, THRESHOLD):
            for name, names in GROUPS.items():
                yield from _row(scope, sunday, 7, name, _people(found[scope], names, sunday - 6, sunday))


def _of_cohorts(connection: Connection, workspace: str, month: int) -> Iterator[dict[str, Any]]:
    statement = select(_crowds.scope, _crowds.joined, _crowds.used).where(
        _crowds.workspace == workspace, _crowds.scope.like("joined/%"), _crowds.day == month
    )
    for scope, joined, used in connection.execute(statement):
        yield from _row(scope, month, 0, "joined", len(crowds.opened(joined)))
        yield from _row(scope, month, 0, "used", len(crowds.opened(used)))


def _people(days: Days, names: Sequence[str], first: int, last: int) -> int:
    return len(
        union(
            found[name] for day in range(first, last + 1) if (found := days.get(day)) for name in names if name in found
        )
    )


def _is_sunday(day: int) -> bool:
    return date_of(day).weekday() == 6


def _sundays(begins: int, ends: int) -> list[int]:
    """The Sundays of all weeks that touch these days."""
    return [day for day in range(begins, ends + 7) if _is_sunday(day)]


@prepared
def _keeping(insert: Insert) -> Executable:
    """What was counted when its earlier days were closed stays: those are no longer there."""
    return insert(rollup_tables.headcounts).on_conflict_do_nothing(
        index_elements=["workspace", "scope", "day", "days", "crowd"]
    )


@prepared
def _closing(insert: Insert) -> Executable:
    statement = insert(rollup_tables.periods)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "period"],
        set_={"key": statement.excluded.key, "closed_at": statement.excluded.closed_at},
    )
