"""Backing up and restoring a database row by row, by the archives of bot.store.archive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.core.errors import BadInput
from bot.store import archive, postgres, rows
from bot.store.dialect import WRITES, engine_for, explained, for_reading, shown
from bot.store.erasures import Erasure, enlist, listed
from bot.store.inplace import aside, put
from bot.store.migrate import revision


def backup(url: str, target: Path, progress: rows.Progress) -> None:
    """Write the archive of the database at ``url``, as it is at one moment, while others read and write it."""
    with aside(target) as copy, _opened(url) as engine, for_reading(engine).connect() as connection:
        _without_limits(connection)
        archive.write(connection, copy, progress)
        archive.check(copy)
        put(copy, target)


def make(url: str, source: Path, progress: rows.Progress) -> None:
    """Fill the empty database at ``url`` with the archive. Raises BadInput, and leaves it empty, when it is no good."""
    archive.check(source)
    with _opened(url) as engine, engine.execution_options(**{WRITES: True}).begin() as connection:
        archive.fill(connection, source, progress)


def restore(url: str, source: Path, beside: Path, progress: rows.Progress, more: Sequence[Erasure] = ()) -> Path | None:
    """Put the archive in the place of what the database at ``url``, on a server, holds: in one transaction, so that
    nothing changes unless all of it arrives. What was there is first kept as an archive in the folder ``beside``, whose
    path is returned; None when nothing was there. Its list of erasures, and ``more`` of them, go along."""
    archive.check(source)
    with (
        _opened(url) as engine,
        engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection,
        contextlib.ExitStack() as undoing,
    ):
        with connection.begin():
            _refuse_others(connection)
            tables = rows.tables_of(connection)
        # A new transaction: the moment it sees must lie after the locks, so that what is kept is what is replaced.
        with connection.begin():
            postgres.without_limits(connection)
            postgres.keep_writers_out(connection, tables)
            kept = _keep(connection, beside) if any(rows.count(connection, table) for table in tables) else None
            if kept is not None:
                undoing.callback(kept.unlink)
            known = [*listed(connection), *more]
            archive.clear(connection)
            archive.fill(connection, source, progress)
            enlist(connection, known)
        undoing.pop_all()
    return kept


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Engine]:
    engine = engine_for(url, postgres.KEEPING)
    try:
        yield engine
    except DBAPIError as error:
        raise BadInput(f"the database {shown(url)} cannot be used: {explained(error)}") from None
    finally:
        engine.dispose()


def _without_limits(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        postgres.without_limits(connection)


def _refuse_others(connection: Connection) -> None:
    """Raises BadInput where a bot runs, and where the database is somebody else's."""
    postgres.check(connection)
    postgres.refuse_while_running(connection)
    revision(connection)


def _keep(connection: Connection, beside: Path) -> Path:
    kept = beside / f"allant.before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.zip"
    with aside(kept) as copy:
        archive.write(connection, copy, rows.unseen)
        archive.check(copy)
        put(copy, kept)
    return kept
