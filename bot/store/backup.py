"""Backing the database up while it is used, and putting a backup in its place.

For SQLite, whose own online backup this uses; PostgreSQL has tools of its own.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.core.errors import BadInput
from bot.store.dialect import database_file
from bot.store.migrate import known_revisions

_COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open, or was not closed."""


def backup(url: str, target: Path) -> None:
    """Copy the database at ``url`` to the file ``target``, at one moment, while others read and write it.

    The copy is checked before it takes ``target``'s place: a former backup of that name is replaced by a good one or
    not at all. Raises BadInput when there is no such database, it is damaged, or ``target`` cannot be written.
    """
    source = _file(url)
    if not source.is_file():
        raise BadInput(f"there is no database {source} to back up")
    if target.exists() and target.samefile(source):
        raise BadInput(f"{target} is the database itself: name another file for the backup")
    with _aside(target) as copy:
        _copy(source, copy)
        _check(copy, source)
        _put(copy, target)


def restore(url: str, source: Path) -> Path | None:
    """Put the backup ``source`` in the place of the database at ``url``; returns where the former one is kept.

    Nothing changes (BadInput) when ``source`` is damaged, is no database of Allant, or is from a newer version, nor
    while Allant is running on the database. An older schema is brought up to date when Allant next opens it.
    """
    database = _file(url)
    if not source.is_file():
        raise BadInput(f"there is no backup {source}")
    if database.exists() and source.samefile(database):
        raise BadInput(f"{source} is the database itself: name a backup")
    with _aside(database) as copy:
        _copy(source, copy)
        _check(copy, source)
        kept = _keep_former(database)
        _put(copy, database)
    return kept


def _file(url: str) -> Path:
    path = database_file(url)
    if path is None:
        raise BadInput("only an SQLite file is backed up this way: use your database's own tools (pg_dump) for others")
    return path


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A new file beside ``target``, so that it can take its place in one step; gone afterwards if it did not."""
    try:
        # Only its owner may read it: it holds people's names.
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror}") from None
    os.close(handle)
    copy = Path(name)
    try:
        yield copy
    finally:
        for path in (copy, *_companions(copy)):
            path.unlink(missing_ok=True)


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _COMPANIONS]


def _copy(source: Path, copy: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(copy)) as writing,
        ):
            reading.backup(writing)
            # One file without companions, which can be read from where nothing may be written.
            writing.execute("PRAGMA journal_mode=DELETE").close()
    except sqlite3.Error as error:
        raise BadInput(f"{source} cannot be copied: {error}") from None


def _check(copy: Path, source: Path) -> None:
    """Raises BadInput unless ``copy`` (of ``source``) is whole and of a schema that this version knows."""
    try:
        with closing(sqlite3.connect(copy)) as connection:
            findings = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            if findings != ["ok"]:
                raise BadInput(f"{source} is damaged: {findings[0]}")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        raise BadInput(f"{source} is not a database of Allant") from None
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{source} is damaged: {error}") from None
    if row is None or row[0] not in known_revisions():
        raise BadInput(f"{source} was made by another version of Allant (schema {row[0] if row else 'none'})")


def _keep_former(database: Path) -> Path | None:
    """Rename the former database, with all its companions hold; None when there is none."""
    if not database.exists():
        return None
    _close_off(database)
    kept = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    # The companions go first: left behind, they would be taken for the restored database's own.
    for companion, former in zip(_companions(database), _companions(kept), strict=True):
        if companion.exists():
            companion.rename(former)
    try:
        # A second name for the file, so that at no moment there is no database.
        os.link(database, kept)
    except OSError:
        database.rename(kept)  # This file system knows no second names.
    return kept


def _close_off(database: Path) -> None:
    """Fold the write-ahead log into the file, which only works while nobody else has it open."""
    try:
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BadInput(f"{database} is in use: stop Allant first, then restore") from None
    except sqlite3.DatabaseError:
        # It is damaged, which may be why it is being replaced: it is kept as it is.
        return


def _put(copy: Path, target: Path) -> None:
    """``copy`` becomes ``target``, on disk before this returns."""
    _to_disk(copy)
    copy.replace(target)
    _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
