"""Letting go of what is old: a little at a time, so that nobody who writes has to wait for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Delete, Select, Update, and_, delete, or_, select, update

from bot.core.delivery import State
from bot.core.editorial import Fate
from bot.core.policy import PolicyRules
from bot.core.ports import Housekeeper
from bot.core.refs import WorkspaceRef
from bot.store import rollup_tables, tables
from bot.store.calendar_days import day_of, month_of
from bot.store.closing import close, to_close
from bot.store.database import Database
from bot.store.deliveries import ARRIVED, RESENDABLE
from bot.store.folding import BATCH as FOLDED
from bot.store.folding import fold, mark_begun
from bot.store.roster import close_before_months, forget_before

BATCH = 500
"""Rows let go of in one transaction: a few milliseconds, after which whoever waits to write has their turn."""

_inbox = tables.inbox.c
_deliveries = tables.deliveries.c
_decisions = tables.decisions.c
_signals = tables.signals.c
_occurrences = tables.occurrences.c
_changes = tables.changes.c
_aside = tables.aside.c

HOUSEKEEPING = "housekeeping"
"""Under this name the table of fills has when it last ran, and how much it let go of in all."""

OVER = (*ARRIVED, *RESENDABLE, State.HELD_BACK.value)
"""States in which nothing more happens to a delivery by itself."""


class StoredHousekeeper(Housekeeper):
    """Tidies the database. What is old is looked for on a reader's thread, where it hinders nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tidy(self, now: datetime, rules: PolicyRules, workspaces: Collection[WorkspaceRef]) -> Mapping[str, int]:
        await self._database.write(partial(_begun, now=now))
        while await self._database.write(fold) == FOLDED:
            pass  # What goes is in the rollups first. What arrives meanwhile is not old.
        for workspace in workspaces:
            # From here on nothing so old is counted any more: it could not be known whether it was counted already.
            await self._database.write(partial(forget_before, workspace=str(workspace), upto=now - rules.keep_signals))
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
                _signals.rolled.is_(True),
            ),
        }
        gone["put aside"] = await self._in_batches(_aside.name, delete(tables.aside), _aside.until < now)
        gone |= await self._figures(now, rules, [str(each) for each in workspaces])
        over = now - rules.keep_deliveries
        gone["occurrences"] = await self._in_batches(
            _occurrences.at,
            delete(tables.occurrences),
            _occurrences.at < over,
            _occurrences.due < over,
            _occurrences.state != Fate.PLANNED.value,
        )
        gone["changes"] = await self._in_batches(_changes.number, delete(tables.changes), _changes.at < over)
        await self._database.write(partial(_ended, now=now, number=sum(gone.values())))
        if any(gone.values()):
            await self._database.leave_no_trace()
        return gone

    async def _figures(self, now: datetime, rules: PolicyRules, workspaces: Sequence[str]) -> dict[str, int]:
        """Close the months whose signals are all gone, and let go of figures that are older than they are kept."""
        closed = 0
        for workspace in workspaces:
            before = day_of(now - rules.keep_signals)
            for month in await self._database.read(partial(to_close, workspace=workspace, before=before)):
                await self._database.write(partial(close, workspace=workspace, month=month, at=now))
                closed += 1
            await self._database.write(partial(close_before_months, workspace=workspace, at=now))
        old = day_of(now - rules.keep_figures)
        figures = 0
        for table in (rollup_tables.tallies, rollup_tables.headcounts):
            # A cohort's day is a month, which is a far smaller number than any day since 1985.
            where = [table.c.workspace.in_(workspaces), table.c.day < old]
            if table is rollup_tables.headcounts:
                where.append(or_(table.c.days > 0, table.c.day < month_of(old)))
            figures += await self._database.write(partial(_apply, delete(table).where(*where)))
        effects = rollup_tables.effects
        figures += await self._database.write(
            partial(
                _apply,
                delete(effects).where(effects.c.workspace.in_(workspaces), effects.c.at < now - rules.keep_figures),
            )
        )
        return {"months": closed, "figures": figures}

    async def _in_batches(self, key: Column[Any], change: Update | Delete, *old: ColumnElement[bool]) -> int:
        """Apply ``change`` to every row that is ``old``; how many there were."""
        total = 0
        # In no order, so that an index gives the first few at once instead of sorting all there are.
        search = select(key).where(*old).limit(BATCH)
        while keys := await self._database.read(partial(_keys, search)):
            # Asked again while writing: what was found may have been planned anew meanwhile.
            total += await self._database.write(partial(_apply, change.where(key.in_(keys), *old)))
        return total


def _begun(connection: Connection, now: datetime) -> None:
    mark_begun(connection, HOUSEKEEPING, now)


def _ended(connection: Connection, now: datetime, number: int) -> None:
    fills = rollup_tables.fills
    connection.execute(
        update(fills)
        .where(fills.c.statistic == HOUSEKEEPING)
        .values(done_at=now, upto=now, number=fills.c.number + number)
    )


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
