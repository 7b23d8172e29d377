"""The roster: under which number a person stands in the bitmaps, month by month.

Each month has a key of its own, drawn at random, and everybody's member key is made with it: the keys of two months
have nothing in common. What joins them is the number. Whoever turns up in a month for the first time gets the number
they already have in any month that is still open, so that people are counted once over windows that lie across the end
of a month; with no number in an open month they get a new one. Closing a month (see bot.store.closing) destroys its
key, its roster rows and its bitmaps together: of a number that lives on in later months nothing older is left to which
it could lead. A window of 28 days never touches more than two months, and a month is closed no sooner than
``keep_signals`` after its end, so that every window the figures need is whole.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, select, update

from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import rollup_tables, tables
from bot.store.calendar_days import day_of, month_of
from bot.store.dialect import Insert, prepared
from bot.store.secrecy import KNOWN, Keys

AT_ONCE = 900
"""Values in one IN: below what the oldest SQLite takes."""
KEY_BYTES = 32
BEFORE_MONTHS = 0
"""The month of what was kept before there were months."""

_RAW = "raw/"
"""How the fills are called that say from when on a workspace's signals are kept."""

_periods = rollup_tables.periods.c
_roster = rollup_tables.roster.c
_members = tables.members.c


@dataclass(frozen=True, slots=True)
class Person:
    """What the figures know of whoever stands behind a member key."""

    number: int
    joined: int | None
    first_day: int
    team: str
    manager: bool


def month_keys(connection: Connection, workspace: WorkspaceRef) -> dict[int, bytes | None]:
    """The keys of the workspace's open months."""
    rows = connection.execute(
        select(_periods.period, _periods.key)
        .where(_periods.workspace == str(workspace), _periods.closed_at.is_(None))
        .order_by(_periods.period)
    )
    return {row.period: row.key for row in rows}


def closed_months(connection: Connection, workspace: WorkspaceRef) -> set[int]:
    """The months that are over for good: nothing is counted in them any more."""
    statement = select(_periods.period).where(_periods.workspace == str(workspace), _periods.closed_at.is_not(None))
    return set(connection.scalars(statement))


def keys_of(connection: Connection, keys: Keys, member: MemberRef) -> list[bytes]:
    """All member keys of a person in the months that are open: what they are found by, to show or erase."""
    return [keys.of_month(member, key) for key in month_keys(connection, member.workspace).values()]


def numbers_of(connection: Connection, workspace: str, member_keys: Sequence[bytes]) -> set[int]:
    """The numbers under which these keys stand."""
    statement = select(_roster.number).where(_roster.workspace == workspace, _roster.member_key.in_(member_keys))
    return set(connection.scalars(statement)) if member_keys else set()


def forget_before(connection: Connection, workspace: str, upto: datetime) -> None:
    """Signals from before ``upto`` are let go of, and none is taken any more."""
    connection.execute(_forgetting(connection), {"statistic": f"{_RAW}{workspace}", "upto": upto})


def forgotten_before(connection: Connection, workspace: str) -> datetime | None:
    """Before when no signal of the workspace is taken any more."""
    fills = rollup_tables.fills.c
    return connection.scalar(select(fills.upto).where(fills.statistic == f"{_RAW}{workspace}"))


def close_before_months(connection: Connection, workspace: str, at: datetime) -> None:
    """Let go of the keys from before there were months, once no signal has one of them any more."""
    old = (_roster.workspace == workspace) & (_roster.period == BEFORE_MONTHS)
    signals = tables.signals.c
    used = select(signals.id).where(signals.workspace == workspace, signals.member_key == _roster.member_key).exists()
    if connection.scalar(select(_roster.number).where(old, used).limit(1)) is None:
        connection.execute(delete(rollup_tables.roster).where(old))
        connection.execute(
            update(rollup_tables.periods)
            .where(_periods.workspace == workspace, _periods.period == BEFORE_MONTHS, _periods.closed_at.is_(None))
            .values(closed_at=at)
        )


class Enrolment:
    """Gives the member keys for the signals of one recording, and writes down who is new in a month."""

    def __init__(self, connection: Connection, keys: Keys, workspace: WorkspaceRef) -> None:
        self._connection = connection
        self._keys = keys
        self._workspace = workspace
        self._months = month_keys(connection, workspace)
        self._closed: set[int] | None = None

    def open(self, month: int) -> bool:
        """Whether signals of the month can be counted; a month nobody knows yet is opened."""
        if month in self._months:
            return True
        if self._closed is None:
            self._closed = closed_months(self._connection, self._workspace)
        if month in self._closed:
            return False
        row = {"workspace": str(self._workspace), "period": month, "key": os.urandom(KEY_BYTES), "closed_at": None}
        self._connection.execute(_opening(self._connection), row)
        self._months = month_keys(self._connection, self._workspace)  # Another process may have been first.
        return month in self._months

    def enrol(self, seen: Mapping[tuple[MemberRef, int], datetime]) -> dict[tuple[MemberRef, int], bytes]:
        """The member key for each person and month in ``seen``, whose values are when they were first seen in it."""
        enrolled = self._keys.enrolled
        at_hand = {pair: enrolled[pair] for pair in seen if pair in enrolled}
        made = {pair: self._keys.of_month(pair[0], self._months[pair[1]]) for pair in seen if pair not in at_hand}
        if not made:
            return at_hand
        known = self._found(list(made.values()))
        if len(enrolled) >= KNOWN:
            enrolled.clear()
        # Only who was there before: what this transaction writes may yet be undone.
        enrolled.update({pair: key for pair, key in made.items() if key in known})
        strangers: dict[MemberRef, list[int]] = {}
        for (member, month), key in made.items():
            if key not in known:
                strangers.setdefault(member, []).append(month)
        if strangers:
            self._admit(strangers, made, seen)
        return made | at_hand

    def _found(self, member_keys: Sequence[bytes]) -> dict[bytes, Person]:
        return people(self._connection, str(self._workspace), member_keys)

    def _admit(
        self,
        strangers: Mapping[MemberRef, Sequence[int]],
        made: Mapping[tuple[MemberRef, int], bytes],
        seen: Mapping[tuple[MemberRef, int], datetime],
    ) -> None:
        """Write down people who are new in a month, under the number they have in another, or a new one."""
        _one_at_a_time(self._connection, self._workspace)
        elsewhere = {
            member: [self._keys.of_month(member, key) for key in self._months.values()] for member in strangers
        }
        known = self._found([key for keys in elsewhere.values() for key in keys])
        told = self._told(strangers)
        number = highest(self._connection, str(self._workspace))
        rows = []
        for member, months in sorted(strangers.items(), key=lambda each: min(seen[each[0], m] for m in each[1])):
            before = min(
                (known[key] for key in elsewhere[member] if key in known), key=lambda each: each.number, default=None
            )
            first = min(day_of(seen[member, month]) for month in months)
            row = told.get(str(member))
            if before is None:
                number += 1
                joined_at = row.joined_at if row is not None else None
                first = first if joined_at is None else min(first, day_of(joined_at))
                before = Person(number, None, first, row.team if row else "", bool(row.manager) if row else False)
            rows += [self._row(made[member, month], month, before) for month in months]
        self._connection.execute(_enrolling(self._connection), rows)

    def _told(self, members: Collection[MemberRef]) -> dict[str, Any]:
        """What the list of who is who says of them."""
        found: dict[str, Any] = {}
        refs = [str(member) for member in members]
        for start in range(0, len(refs), AT_ONCE):
            statement = select(_members.ref, _members.joined_at, _members.team, _members.manager).where(
                _members.ref.in_(refs[start : start + AT_ONCE])
            )
            found |= {row.ref: row for row in self._connection.execute(statement)}
        return found

    def _row(self, key: bytes, month: int, person: Person) -> dict[str, Any]:
        return {
            "workspace": str(self._workspace),
            "member_key": key,
            "period": month,
            "number": person.number,
            "joined": person.joined,
            "first_day": person.first_day,
            "team": person.team,
            "manager": person.manager,
        }


def people(connection: Connection, workspace: str, member_keys: Sequence[bytes]) -> dict[bytes, Person]:
    """Who stands behind the keys, for those that are in the roster."""
    found: dict[bytes, Person] = {}
    for start in range(0, len(member_keys), AT_ONCE):
        chosen = member_keys[start : start + AT_ONCE]
        statement = _finding(connection.dialect.paramstyle, len(chosen))
        for key, *rest in connection.exec_driver_sql(statement, (workspace, *chosen)):
            number, joined, first_day, team, manager = rest
            found[bytes(key)] = Person(number, joined, first_day, team, bool(manager))
    return found


@lru_cache(maxsize=AT_ONCE)
def _finding(paramstyle: str, count: int) -> str:
    """In the driver's own text, as this is asked for every batch of signals."""
    mark = "?" if paramstyle == "qmark" else "%s"
    return (
        "SELECT member_key, number, joined, first_day, team, manager FROM signal_member "  # noqa: S608  # Marks only.
        f"WHERE workspace = {mark} AND member_key IN ({', '.join([mark] * count)})"
    )


def highest(connection: Connection, workspace: str) -> int:
    """The highest number that stands in the roster, or stood in one of the bitmaps that are still there."""
    return connection.scalar(select(func.max(_roster.number)).where(_roster.workspace == workspace)) or 0


def note_joined(connection: Connection, workspace: str, joined: Mapping[int, int]) -> None:
    """These numbers joined in these months, for as long as they are in the roster."""
    for number, month in joined.items():
        connection.execute(
            update(rollup_tables.roster)
            .where(_roster.workspace == workspace, _roster.number == number)
            .values(joined=month)
        )


def leaders(connection: Connection, workspace: str) -> tuple[int, list[int]]:
    """How many people are marked as leading a team, and the numbers of those who were seen."""
    marked = connection.scalar(
        select(func.count())
        .select_from(tables.members)
        .where(
            _members.workspace == workspace,
            _members.manager.is_(True),
            _members.active.is_(True),
            _members.bot.is_(False),
        )
    )
    seen = select(_roster.number).where(_roster.workspace == workspace, _roster.manager.is_(True)).distinct()
    return marked or 0, list(connection.scalars(seen))


def correct(connection: Connection, workspace: str, number: int, first_day: int) -> None:
    """This number was first seen earlier than was known, and joined at another time or before anything is known."""
    connection.execute(
        update(rollup_tables.roster)
        .where(_roster.workspace == workspace, _roster.number == number)
        .values(first_day=first_day, joined=None)
    )


def tell(connection: Connection, keys: Keys, member: MemberRef, **values: Any) -> None:
    """The member's team, or whether they lead one, changed: it counts from now on."""
    known = keys_of(connection, keys, member)
    if known:
        connection.execute(
            update(rollup_tables.roster)
            .where(_roster.workspace == str(member.workspace), _roster.member_key.in_(known))
            .values(**values)
        )


def add_unknown(connection: Connection, workspace: str, strangers: Mapping[bytes, int]) -> dict[bytes, Person]:
    """Keys that signals have and the roster has not (any more), with the day each was first seen: new numbers."""
    number = highest(connection, workspace)
    found = {}
    for key, day in sorted(strangers.items(), key=lambda each: (each[1], each[0])):
        number += 1
        found[key] = Person(number, None, day, "", False)
    rows = [
        {
            "workspace": workspace,
            "member_key": key,
            "period": month_of(strangers[key]),
            "number": each.number,
            "joined": None,
            "first_day": each.first_day,
            "team": "",
            "manager": False,
        }
        for key, each in found.items()
    ]
    connection.execute(insert(rollup_tables.roster), rows)
    return found


def _one_at_a_time(connection: Connection, workspace: WorkspaceRef) -> None:
    """Until the end of the transaction nobody else gives numbers here. SQLite has one writer anyway."""
    connection.execute(
        select(_periods.period).where(_periods.workspace == str(workspace)).order_by(_periods.period).with_for_update()
    ).all()


@prepared
def _opening(insert: Insert) -> Executable:
    return insert(rollup_tables.periods).on_conflict_do_nothing(index_elements=["workspace", "period"])


@prepared
def _forgetting(insert: Insert) -> Executable:
    statement = insert(rollup_tables.fills).values(
        statistic=bindparam("statistic"), started_at=None, done_at=None, upto=bindparam("upto"), number=0
    )
    return statement.on_conflict_do_update(index_elements=["statistic"], set_={"upto": statement.excluded.upto})


@prepared
def _enrolling(insert: Insert) -> Executable:
    return insert(rollup_tables.roster).on_conflict_do_nothing(index_elements=["workspace", "member_key"])
