"""Moving everything from one database to another, of whatever kinds: from SQLite to PostgreSQL as a rule.

All of it happens in one transaction on each side. The source can be read meanwhile and not written; the target has all
of it or, whatever goes wrong, nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import DBAPIError

from bot.core.errors import BadInput
from bot.store import postgres, rows
from bot.store.backup import close_off
from bot.store.dialect import WRITES, database_file, engine_for, explained, parse, shown
from bot.store.migrate import revision, upgrade_engine
from bot.store.occupancy import Occupancy
from bot.store.tables import REVISION


def move(source: str, target: str, progress: rows.Progress) -> Sequence[rows.Summary]:
    """Copy every table from ``source`` to ``target`` (SQLAlchemy addresses), then read both sides again and compare
    each row; returns what was moved, by table.

    Raises BadInput, and leaves the target as empty as it was, when the source is not at this version's schema or in
    use, when the target holds anything, or when what arrived is not what was sent.
    """
    if _same(source, target):
        raise BadInput("the two addresses name the same database: move to another one")
    with _alone(source), _alone(target), _opened(source) as giving, _opened(target) as taking:
        try:
            with _held(giving, source) as origin:
                upgrade_engine(taking, target)
                with _fresh(taking, target) as goal:
                    return _copy(origin, goal, progress)
        except DBAPIError as error:
            raise BadInput(f"the move was given up, and nothing has moved: {explained(error)}") from None


def _same(source: str, target: str) -> bool:
    here, there = database_file(source), database_file(target)
    if here is not None and there is not None:
        return here.resolve() == there.resolve()
    return parse(source) == parse(target)


@contextlib.contextmanager
def _alone(url: str) -> Iterator[None]:
    """No bot starts on an SQLite file meanwhile; for a server see :func:`bot.store.postgres.refuse_while_running`."""
    file = database_file(url)
    occupancy = Occupancy(file) if file is not None and file.is_file() else None
    if occupancy is not None:
        occupancy.take()
    try:
        yield
    finally:
        if occupancy is not None:
            occupancy.let_go()


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Engine]:
    engine = engine_for(url, postgres.KEEPING)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def _held(engine: Engine, url: str) -> Iterator[Connection]:
    """The source in one transaction that sees one moment of it and keeps writers out."""
    file = database_file(url)
    if engine.dialect.name == "sqlite":
        if file is None or not file.is_file():
            raise BadInput(f"there is no database {shown(url)} to move")
        close_off(file)
        engine = engine.execution_options(**{WRITES: True})
    else:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise BadInput(f"the database {shown(url)} cannot be used: {explained(error)}") from None
    with connection:
        if engine.dialect.name == "postgresql":
            postgres.refuse_while_running(connection)
        found = revision(connection)
        if found != REVISION:
            raise BadInput(
                f"the database {shown(url)} is of another version (schema {found or 'none'}, this one has {REVISION}): "
                "bring it up to date first with `allant db upgrade`"
            )
        if engine.dialect.name == "postgresql":
            tables = rows.tables_of(connection)
            # A new transaction: the moment it sees must lie after the locks.
            connection.rollback()
            postgres.without_limits(connection)
            postgres.keep_writers_out(connection, tables)
        yield connection


@contextlib.contextmanager
def _fresh(engine: Engine, url: str) -> Iterator[Connection]:
    """The target in the transaction that fills it. Raises BadInput when there is anything in it, or anybody on it."""
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        if engine.dialect.name == "postgresql":
            postgres.refuse_while_running(connection)
            postgres.without_limits(connection)
        for table in rows.tables_of(connection):
            if number := rows.count(connection, table):
                raise BadInput(
                    f"the database {shown(url)} is not empty ({number:,} rows in “{table.name}”): nothing was moved; "
                    "name a database without anything in it"
                )
        yield connection


def _copy(origin: Connection, goal: Connection, progress: rows.Progress) -> list[rows.Summary]:
    giving, taking = rows.tables_of(origin), {table.name: table for table in rows.tables_of(goal)}
    if {table.name for table in giving} != set(taking):
        raise BadInput("the two databases do not have the same tables: was one of them changed by hand?")
    moved = [_copy_table(origin, goal, table, taking[table.name], progress) for table in giving]
    for summary in moved:
        arrived = rows.summary_of(goal, taking[summary.table])
        if (arrived.columns, arrived.rows, arrived.sha256) != (summary.columns, summary.rows, summary.sha256):
            raise BadInput(
                f"what arrived in “{summary.table}” is not what was sent ({arrived.rows:,} rows of {summary.rows:,}): "
                "nothing was moved"
            )
    return moved


def _copy_table(
    origin: Connection, goal: Connection, table: Table, new: Table, progress: rows.Progress
) -> rows.Summary:
    step = partial(_step, progress, table.name, rows.count(origin, table))
    lines, summary = rows.summed(origin, table, rows.read(origin, table), step)
    rows.fill(goal, new, lines)
    moved = summary()
    rows.continue_after(goal, new, moved.last_number)
    return moved


def _step(progress: rows.Progress, name: str, total: int, done: int) -> None:
    progress(name, done, total)
