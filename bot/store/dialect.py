"""What differs between databases: how they are opened, how a transaction begins, how a conflict is ignored.

Everything else in this room is plain SQLAlchemy, so that PostgreSQL needs another address and nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from bot.core.errors import BadInput
from bot.private import make_private

T = TypeVar("T")

WRITES = "allant_writes"
"""The execution option of connections that will write: SQLite takes its lock at once, so it never fails half-way."""

BUSY_SECONDS = 15
"""How long SQLite waits for another process that writes, before it gives up."""

_PRAGMAS = (
    # First, so that two processes which open a new file at once wait for each other.
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # What is deleted is overwritten with zeros: erasing a person leaves nothing in the file's free pages.
    "PRAGMA secure_delete=ON",
)

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def parse(url: str) -> URL:
    """The database's address. Raises BadInput when it is not one, or of a database Allant does not know."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput("the database address is not valid: write it like sqlite:///allant.db") from None
    if parsed.get_backend_name() not in _INSERTS:
        raise BadInput(f"Allant does not know the database “{parsed.get_backend_name()}”: use sqlite:///allant.db")
    return parsed


def database_file(url: str) -> Path | None:
    """The file of an SQLite database; None for one in memory, or for another kind of database."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def in_memory(url: str) -> bool:
    """Whether this is an SQLite database in memory, which lives in one connection."""
    return parse(url).get_backend_name() == "sqlite" and database_file(url) is None


def engine_for(url: str) -> Engine:
    """An engine for the address. Raises BadInput when it names no usable database."""
    parsed = parse(url)
    # An error's text must never quote what was to be stored.
    options = {"hide_parameters": True}
    try:
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True, **options)
        if in_memory(url):
            engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False}, **options)
        else:
            engine = create_engine(parsed, **options)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise BadInput(f"the driver for {parsed.drivername} is not installed: install it beside Allant") from None
    event.listen(engine, "do_connect", partial(_make_private, database_file(url)))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(file: Path | None, *_connecting: Any) -> None:
    """A new database is its owner's alone: it holds people's names. SQLite gives its companions the same rights."""
    if file is not None and not str(file).startswith("file:"):
        make_private(file)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """SQLAlchemy's documented recipe: without the driver's own BEGIN, transactions and savepoints are what they say."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def keep_write_ahead_log(engine: Engine) -> None:
    """Let readers and the writer work side by side. SQLite keeps this in the file, so it is asked for only once the
    file is known to be ours. Raises BadInput when the file cannot be written."""
    try:
        _pragma(engine, "journal_mode=WAL")
    except sqlite3.Error as error:
        raise BadInput(f"the database {engine.url.database} cannot be used: {error}") from None


def leave_no_trace(engine: Engine) -> None:
    """What was erased goes from the disk now, not when SQLite next happens to reuse its write-ahead log."""
    _pragma(engine, "wal_checkpoint(TRUNCATE)")


def _pragma(engine: Engine, pragma: str) -> None:
    """Run outside any transaction; nothing for databases other than SQLite."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"PRAGMA {pragma}")


Insert = Callable[[Table], sqlite.Insert]
"""Begins an INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``. It is typed as SQLite's:
PostgreSQL's has the same methods with the same arguments."""


def prepared(build: Callable[[Insert], T]) -> Callable[[Connection], T]:
    """Makes a function that builds a statement from an :data:`Insert` into one that gives it for a connection.

    It is built once for each dialect: building costs as much as running it.
    """

    @cache
    def in_dialect(name: str) -> T:
        return build(cast(Insert, _INSERTS[name]))

    return lambda connection: in_dialect(connection.dialect.name)
