"""What differs between databases: how they are opened, how a transaction begins, how a conflict is ignored.

Everything else in this room is plain SQLAlchemy, so that PostgreSQL needs another address and nothing more; what
concerns PostgreSQL alone is in bot.store.postgres.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from bot.core.errors import BadInput
from bot.private import make_private
from bot.store import postgres

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
_LIKE = "write it like sqlite:///allant.db or postgresql://user:password@host/database"
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
"""What ends by itself or by somebody's hand: another process writes, or the disk is full."""


def parse(url: str) -> URL:
    """The database's address. Raises BadInput when it is not one, or of a database Allant does not know."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Nothing of it is quoted: what could not be read may be a part of the password.
        raise BadInput(
            f"the database address is not valid: {_LIKE} (in a password, write @ as %40, : as %3A, / as %2F)"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername=postgres.DRIVER)
    if parsed.get_backend_name() not in _INSERTS:
        raise BadInput(f"Allant does not know the database “{parsed.get_backend_name()}”: {_LIKE}")
    if parsed.host is not None and "@" in parsed.host:
        raise BadInput("the database address has a password with an @ in it: write it as %40")
    return parsed


def shown(url: str) -> str:
    """The address as it may be shown: without the password, wherever in it that is, and as people write it."""
    parsed = parse(url)
    if parsed.drivername == postgres.DRIVER:
        parsed = parsed.set(drivername="postgresql")
    hidden = parsed.difference_update_query([name for name in parsed.query if "password" in name.lower()])
    return hidden.render_as_string(hide_password=True)


def database_file(url: str) -> Path | None:
    """The file of an SQLite database; None for one in memory, or for another kind of database."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def in_memory(url: str) -> bool:
    """Whether this is an SQLite database in memory, which lives in one connection."""
    return parse(url).get_backend_name() == "sqlite" and database_file(url) is None


def engine_for(url: str, name: str = postgres.RUNNING) -> Engine:
    """An engine for the address, known to a server by ``name``. Raises BadInput when it names no usable database."""
    parsed = parse(url)
    # An error's text must never quote what was to be stored.
    options = {"hide_parameters": True}
    try:
        if parsed.get_backend_name() == "postgresql":
            return postgres.engine_for(parsed, name)
        if in_memory(url):
            engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False}, **options)
        else:
            engine = create_engine(parsed, **options)
    except (NoSuchModuleError, ImportError):
        mend = "pip install 'allant[postgres]'" if parsed.drivername == postgres.DRIVER else _LIKE
        raise BadInput(f"the driver for {parsed.drivername} is not installed: {mend}") from None
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


def for_reading(engine: Engine) -> Engine:
    """The engine for transactions that only read, and see one moment of the database however long they take."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


def passing(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again in a while."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.OperationalError):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _PASSING
    return postgres.passing(error)


def explained(error: DBAPIError) -> str:
    """What the driver says is wrong, in one line and without a password."""
    return str(error.orig) if isinstance(error.orig, sqlite3.Error) else postgres.explained(error)


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


def marks_commits(engine: Engine) -> bool:
    """Whether it can be in doubt if a transaction was committed. SQLite, being in our own process, leaves no doubt."""
    return engine.dialect.name == "postgresql"


def now_in_database(connection: Connection) -> datetime:
    """The present moment by the database's clock, aware UTC: processes on several machines agree on no other. SQLite
    has none of its own, and all its processes are on one machine."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.scalars(select(func.clock_timestamp())).one()
    return moment.astimezone(UTC)


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


def inserting(connection: Connection, table: Table) -> sqlite.Insert:
    """An INSERT as :data:`Insert` begins it, for a statement that is another one each time."""
    return cast(Insert, _INSERTS[connection.dialect.name])(table)
