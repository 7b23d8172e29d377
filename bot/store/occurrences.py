"""Occurrences made ahead: the port, and the actions that plan and close them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, bindparam, delete, func, select, type_coerce, update

from bot.core.actions import (
    DropOccurrences,
    MarkOccurrences,
    PlanOccurrences,
    SetTimer,
    WakeForOccurrences,
)
from bot.core.editorial import Fate, Plan, Plans, Slot
from bot.core.errors import Overtaken
from bot.core.records import Occurrences
from bot.core.refs import WorkspaceRef
from bot.store import tables, timers
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared
from bot.store.moments import Moment, micros, moment

_columns = tables.occurrences.c
_plans = tables.plans.c
_PLANNED = Fate.PLANNED.value
_AT_ONCE = 500
"""Ids named in one statement: databases allow some tens of thousands of values."""


_FATES = {fate.value: fate for fate in Fate}
_SLOT = [
    _columns.item,
    type_coerce(_columns.at, BigInteger).label("at"),
    _columns.zone,
    type_coerce(_columns.due, BigInteger).label("due"),
    _columns.state,
    _columns.reason,
]
"""What a slot is read from: the moments as the numbers they are kept as, since a thousand come due together and having
each pass through its column's type took as long as reading them."""


def _to_slot(row: Any) -> Slot:
    item, at, zone, due, state, reason = row
    return Slot(item=item, at=moment(at), zone=zone, due=moment(due), fate=_FATES[state], reason=reason)


class StoredOccurrences(Occurrences):
    """The occurrences in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, workspace: WorkspaceRef, now: datetime, limit: int = 1000) -> Sequence[Slot]:
        return await self._find(
            limit, _columns.workspace == str(workspace), _columns.state == _PLANNED, _columns.due <= now
        )

    async def next_due(self, workspace: WorkspaceRef) -> datetime | None:
        return await self._database.read(lambda connection: connection.scalar(_NEXT, {"workspace": str(workspace)}))

    async def coming(
        self,
        workspace: WorkspaceRef,
        *,
        since: datetime,
        until: datetime | None = None,
        item: str = "",
        fate: Fate = Fate.PLANNED,
        limit: int = 1000,
    ) -> Sequence[Slot]:
        where = [_columns.workspace == str(workspace), _columns.state == fate.value, _columns.due >= since]
        if until is not None:
            where.append(_columns.due < until)
        if item:
            where.append(_columns.item == item)
        return await self._find(limit, *where)

    async def get(self, workspace: WorkspaceRef, item: str, at: datetime, zone: str) -> Slot | None:
        found = await self._find(
            1,
            _columns.workspace == str(workspace),
            _columns.item == item,
            _columns.at == at,
            _columns.zone == zone,
        )
        return found[0] if found else None

    async def of(
        self,
        workspace: WorkspaceRef,
        item: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Slot]:
        statement = select(*_SLOT).where(_columns.workspace == str(workspace), _columns.item == item)
        if until is not None:
            statement = statement.where(_columns.at < until)
        if since is None:
            statement = statement.order_by(_columns.at.desc(), _columns.zone)
        else:
            statement = statement.where(_columns.at >= since).order_by(_columns.at, _columns.zone)
        return await self._read(statement.limit(limit))

    async def first(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, Slot]:
        wanted, found = sorted(set(items)), {}
        for start in range(0, len(wanted), _AT_ONCE):
            rank = (
                func.row_number()
                .over(partition_by=_columns.item, order_by=(_columns.due, _columns.at, _columns.zone))
                .label("rank")
            )
            ranked = (
                select(*_SLOT, rank)
                .where(
                    _columns.workspace == str(workspace),
                    _columns.item.in_(wanted[start : start + _AT_ONCE]),
                    _columns.state == _PLANNED,
                )
                .subquery()
            )
            columns = [each for each in ranked.c if each is not ranked.c.rank]
            for slot in await self._read(select(*columns).where(ranked.c.rank == 1)):
                found[slot.item] = slot
        return found

    async def plans(self, workspace: WorkspaceRef, after: str = "", last: str = "") -> Plans:
        statement = select(_plans.item, _plans.print, _plans.until).where(
            _plans.workspace == str(workspace), _plans.item > after
        )
        if last:
            statement = statement.where(_plans.item <= last)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.item: Plan(row.print, row.until) for row in rows}

    async def _find(self, limit: int, *where: ColumnElement[bool]) -> list[Slot]:
        order = (_columns.due, _columns.item, _columns.at, _columns.zone)
        return await self._read(select(*_SLOT).where(*where).order_by(*order).limit(limit))

    async def _read(self, statement: Any) -> list[Slot]:
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_to_slot(row) for row in rows]


_NEXT = select(func.min(_columns.due)).where(_columns.workspace == bindparam("workspace"), _columns.state == _PLANNED)
_OUTDATED = select(_columns.at, _columns.zone).where(
    _columns.workspace == bindparam("workspace"),
    _columns.item == bindparam("item"),
    _columns.at > bindparam("since", type_=Moment),
    _columns.state == _PLANNED,
)
_PRINT = select(_plans.print).where(_plans.workspace == bindparam("workspace"), _plans.item == bindparam("item"))
_REMOVE = delete(tables.occurrences).where(
    _columns.workspace == bindparam("of_workspace"),
    _columns.item == bindparam("of_item"),
    _columns.at == bindparam("of_at", type_=Moment),
    _columns.zone == bindparam("of_zone"),
)


@prepared
def _adding(insert: Insert) -> Executable:
    return insert(tables.occurrences).on_conflict_do_nothing(index_elements=["workspace", "item", "at", "zone"])


_MARKED_AT_ONCE = 100
"""Rows of one statement that marks."""


@lru_cache(maxsize=2 * _MARKED_AT_ONCE)
def _marking(paramstyle: str, count: int) -> str:
    """The statement that marks ``count`` occurrences, in the text that the driver takes: when a thousand are due, row
    by row and through SQLAlchemy it was the better part of claiming them. What is so already is not written again."""
    mark = "?" if paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(_MARKED))})"
    name, changing = tables.occurrences.name, ("due", "state", "reason")
    new = ", ".join(f"{each} = excluded.{each}" for each in changing)
    other = " OR ".join(f"{name}.{each} <> excluded.{each}" for each in changing)
    return (
        f"INSERT INTO {name} ({', '.join(_MARKED)}) VALUES {', '.join([row] * count)} "  # noqa: S608  # Names of our own only.
        f"ON CONFLICT (workspace, item, at, zone) DO UPDATE SET {new} WHERE {other}"
    )


_MARKED = ("workspace", "item", "at", "zone", "due", "state", "reason")


@prepared
def _noting_plan(insert: Insert) -> Executable:
    statement = insert(tables.plans)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "item"],
        set_={"print": statement.excluded["print"], "until": statement.excluded["until"]},
    )


def plan(commit: Commit, action: PlanOccurrences) -> None:
    connection, workspace = commit.connection, str(commit.workspace)
    wanted = set(action.moments)
    # Beyond the horizon stand those that somebody moved from there. They go only when the item's moments changed.
    before = connection.scalar(_PRINT, {"workspace": workspace, "item": action.item})
    until = action.plan.until if before == action.plan.print else None
    found = connection.execute(_OUTDATED, {"workspace": workspace, "item": action.item, "since": action.since})
    outdated = [
        {"of_workspace": workspace, "of_item": action.item, "of_at": row.at, "of_zone": row.zone}
        for row in found
        if (row.at, row.zone) not in wanted and (until is None or row.at < until)
    ]
    if outdated:
        connection.execute(_REMOVE, outdated)
    if action.moments:
        rows = [_values(workspace, Slot(item=action.item, at=at, zone=zone, due=at)) for at, zone in action.moments]
        connection.execute(_adding(connection), rows)
    values = {"workspace": workspace, "item": action.item, "print": action.plan.print, "until": action.plan.until}
    connection.execute(_noting_plan(connection), values)


def _values(workspace: str, slot: Slot) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "item": slot.item,
        "at": slot.at,
        "zone": slot.zone,
        "due": slot.due,
        "state": slot.fate.value,
        "reason": slot.reason,
    }


def drop(commit: Commit, action: DropOccurrences) -> None:
    own = (_columns.workspace == str(commit.workspace), _columns.item == action.item)
    commit.connection.execute(delete(tables.occurrences).where(*own, _columns.state == _PLANNED))
    commit.connection.execute(
        update(tables.occurrences).where(*own, _columns.state == Fate.ASKED.value).values(state=Fate.CANCELLED.value)
    )
    commit.connection.execute(
        delete(tables.plans).where(_plans.workspace == str(commit.workspace), _plans.item == action.item)
    )


def mark(commit: Commit, action: MarkOccurrences) -> None:
    if action.instead_of:
        _refuse_if_overtaken(commit, action.instead_of)
    workspace, connection = str(commit.workspace), commit.connection
    # The last word about each: one statement must not change a row twice.
    latest = {(slot.item, slot.at, slot.zone): slot for slot in action.slots}
    rows = [
        (workspace, slot.item, micros(slot.at), slot.zone, micros(slot.due), slot.fate.value, slot.reason)
        for slot in latest.values()
    ]
    for start in range(0, len(rows), _MARKED_AT_ONCE):
        part = rows[start : start + _MARKED_AT_ONCE]
        statement = _marking(connection.dialect.paramstyle, len(part))
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))


def _refuse_if_overtaken(commit: Commit, slots: Sequence[Slot]) -> None:
    expected = {(slot.item, slot.at, slot.zone): (slot.fate, slot.due) for slot in slots}
    statement = select(*_SLOT).where(
        _columns.workspace == str(commit.workspace),
        _columns.item.in_({slot.item for slot in slots}),
        _columns.at.in_({slot.at for slot in slots}),
    )
    for row in commit.connection.execute(statement.with_for_update()).all():
        now = _to_slot(row)
        if expected.get((now.item, now.at, now.zone), (now.fate, now.due)) != (now.fate, now.due):
            raise Overtaken(f"an occurrence of {now.item} is {now.fate} by now")


def wake(commit: Commit, action: WakeForOccurrences) -> None:
    """Where more is due already, the timer is set to just before the one that fired: a clock that waits a while before
    it fires the very same timer again takes this one for another."""
    due = commit.connection.scalar(_NEXT, {"workspace": str(commit.workspace)})
    if due is None:
        timers.remove(commit, action.feature, action.name, "")
        return
    if action.fired is not None and due <= commit.at:
        due = min(due, action.fired) - timedelta(microseconds=1)
    timers.set_timer(commit, SetTimer(action.name, "", due, feature=action.feature))
