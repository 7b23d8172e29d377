"""Letting go of what is old: a little at a time, so that nobody who writes has to wait for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Delete, Select, Update, and_, delete, or_, select, update

from bot.core.delivery import State
from bot.core.editorial import Fate
from bot.core.policy import PolicyRules
from bot.core.ports import Housekeeper
from bot.core.refs import WorkspaceRef
from bot.store import tables
from bot.store.database import Database
from bot.store.deliveries import ARRIVED, RESENDABLE

BATCH = 500
"""Rows let go of in one transaction: a few milliseconds, after which whoever waits to write has their turn."""

_inbox = tables.inbox.c
_deliveries = tables.deliveries.c
_decisions = tables.decisions.c
_signals = tables.signals.c
_occurrences = tables.occurrences.c
_changes = tables.changes.c
_aside = tables.aside.c

OVER = (*ARRIVED, *RESENDABLE, State.HELD_BACK.value)
"""States in which nothing more happens to a delivery by itself."""


class StoredHousekeeper(Housekeeper):
    """Tidies the database. What is old is looked for on a reader's thread, where it hinders nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tidy(self, now: datetime, rules: PolicyRules, workspaces: Collection[WorkspaceRef]) -> Mapping[str, int]:
        gone = {
            "words": await self._in_batches(
                _deliveries.id,
                update(tables.deliveries).values(message=None),
                _over(RESENDABLE, now - rules.keep_unsent),
                _deliveries.private.is_(True),
                _deliveries.message.is_not(None),
            ),
            "events": await self._in_batches(
                _inbox.number, delete(tables.inbox), _inbox.handled_at < now - rules.keep_events
            ),
            "deliveries": await self._in_batches(
                _deliveries.id, delete(tables.deliveries), _over(OVER, now - rules.keep_deliveries)
            ),
            "decisions": await self._in_batches(
                _decisions.id, delete(tables.decisions), _decisions.at < now - rules.keep_deliveries
            ),
            "signals": await self._in_batches(
                _signals.id,
                delete(tables.signals),
                _signals.at < now - rules.keep_signals,
                _signals.workspace.in_([str(each) for each in workspaces]),
            ),
        }
        gone["put aside"] = await self._in_batches(_aside.name, delete(tables.aside), _aside.until < now)
        over = now - rules.keep_deliveries
        gone["occurrences"] = await self._in_batches(
            _occurrences.at,
            delete(tables.occurrences),
            _occurrences.at < over,
            _occurrences.due < over,
            _occurrences.state != Fate.PLANNED.value,
        )
        gone["changes"] = await self._in_batches(_changes.number, delete(tables.changes), _changes.at < over)
        if any(gone.values()):
            await self._database.leave_no_trace()
        return gone

    async def _in_batches(self, key: Column[Any], change: Update | Delete, *old: ColumnElement[bool]) -> int:
        """Apply ``change`` to every row that is ``old``; how many there were."""
        total = 0
        # In no order, so that an index gives the first few at once instead of sorting all there are.
        search = select(key).where(*old).limit(BATCH)
        while keys := await self._database.read(partial(_keys, search)):
            # Asked again while writing: what was found may have been planned anew meanwhile.
            total += await self._database.write(partial(_apply, change.where(key.in_(keys), *old)))
        return total


def _over(states: Collection[str], before: datetime) -> ColumnElement[bool]:
    """Deliveries in these states whose end lies ``before``: when they last left, or were to leave and never did."""
    return and_(
        _deliveries.state.in_(states),
        or_(_deliveries.out_at < before, and_(_deliveries.out_at.is_(None), _deliveries.due < before)),
    )


def _keys(search: Select[Any], connection: Connection) -> list[Any]:
    return list(connection.scalars(search))


def _apply(change: Update | Delete, connection: Connection) -> int:
    return connection.execute(change).rowcount
