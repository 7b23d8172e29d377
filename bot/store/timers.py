"""Durable timers: the port, and the actions about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Row, delete, func, select

from bot.core.actions import CancelTimer, SetTimer
from bot.core.ports import Timer, Timers
from bot.core.refs import WorkspaceRef
from bot.store import tables
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared

_columns = tables.timers.c


def _to_timer(row: Row[Any]) -> Timer:
    return Timer(WorkspaceRef.parse(row.workspace), row.feature, row.name, row.key, row.due)


def _is(workspace: WorkspaceRef, feature: str, name: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _columns.workspace == str(workspace),
        _columns.feature == feature,
        _columns.name == name,
        _columns.key == key,
    )


class StoredTimers(Timers):
    """The timers in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workspace: WorkspaceRef, feature: str, name: str, key: str) -> Timer | None:
        found = await self._find(1, *_is(workspace, feature, name, key))
        return found[0] if found else None

    async def all(self, workspace: WorkspaceRef, feature: str, name: str) -> Sequence[Timer]:
        return await self._find(
            None, _columns.workspace == str(workspace), _columns.feature == feature, _columns.name == name
        )

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        return await self._find(limit, _columns.due <= now)

    async def next_due(self) -> datetime | None:
        statement = select(func.min(_columns.due))
        return await self._database.read(lambda connection: connection.scalar(statement))

    async def _find(self, limit: int | None, *where: ColumnElement[bool]) -> list[Timer]:
        """Earliest first."""
        statement = select(tables.timers).where(*where).order_by(_columns.due, _columns.key).limit(limit)
        return await self._database.read(lambda connection: [_to_timer(row) for row in connection.execute(statement)])


@prepared
def _setting(insert: Insert) -> Executable:
    statement = insert(tables.timers)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "feature", "name", "key"],
        set_={"due": statement.excluded.due, "member": statement.excluded.member},
    )


def set_timer(commit: Commit, action: SetTimer) -> None:
    values = {
        "workspace": str(commit.workspace),
        "feature": action.feature or commit.feature,
        "name": action.name,
        "key": action.key,
        "due": action.due,
        "member": str(action.member) if action.member else None,
    }
    commit.connection.execute(_setting(commit.connection), values)


def cancel_timer(commit: Commit, action: CancelTimer) -> None:
    remove(commit, commit.feature, action.name, action.key)


def remove(commit: Commit, feature: str, name: str, key: str) -> None:
    """The timer of any feature."""
    commit.connection.execute(delete(tables.timers).where(*_is(commit.workspace, feature, name, key)))


def take_fired(connection: Connection, timer: Timer) -> bool:
    """Remove the timer; False when it is gone, or was set anew to another moment."""
    where = _is(timer.workspace, timer.feature, timer.name, timer.key)
    statement = delete(tables.timers).where(*where, _columns.due == timer.due)
    return connection.execute(statement).rowcount > 0
