"""Backing the database up while it is used, and putting a backup in its place.

For an SQLite file this uses SQLite's own online backup; for PostgreSQL see bot.store.portable.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.core.errors import BadInput
from bot.store import archive, portable
from bot.store.dialect import database_file
from bot.store.erasures import Erasure, enlist_at, listed_at
from bot.store.inplace import aside, companions, put
from bot.store.migrate import known_revisions, upgrade
from bot.store.rows import Progress, unseen


def backup(url: str, target: Path, progress: Progress = unseen) -> None:
    """Copy the database at ``url`` to the file ``target``, at one moment, while others read and write it.

    An SQLite file becomes an SQLite file, anything else a portable archive (see bot.store.archive). The copy is checked
    before it takes ``target``'s place: a former backup of that name is replaced by a good one or not at all. Raises
    BadInput when there is no such database, it is damaged, or ``target`` cannot be written.
    """
    source = database_file(url)
    if source is None:
        portable.backup(url, target, progress)
        return
    if not source.is_file():
        raise BadInput(f"there is no database {source} to back up")
    if target.exists() and target.samefile(source):
        raise BadInput(f"{target} is the database itself: name another file for the backup")
    with aside(target) as copy:
        _copy(source, copy)
        _check(copy, source)
        put(copy, target)


def restore(url: str, source: Path, progress: Progress = unseen, erasures: Sequence[Erasure] = ()) -> Path | None:
    """Put the backup ``source``, of either kind, in the place of the database at ``url``, of either kind; returns where
    the former one is kept. What people asked to have erased after the backup was made, as the former database and
    ``erasures`` know it, is erased from it when Allant next opens it.

    Nothing changes (BadInput) when ``source`` is damaged, is no database of Allant, or is from a newer version, nor
    while Allant is running on the database. An older schema is brought up to date, at the latest when Allant next opens
    it.
    """
    if not source.is_file():
        raise BadInput(f"there is no backup {source}")
    database = database_file(url)
    if database is None:
        return _restore_rows(url, source, progress, erasures)
    if database.exists() and source.samefile(database):
        raise BadInput(f"{source} is the database itself: name a backup")
    with aside(database) as copy:
        if archive.is_one(source):
            portable.make(f"sqlite:///{copy}", source, progress)
        else:
            _copy(source, copy)
        _check(copy, source)
        known = [*listed_at(url), *erasures] if database.exists() else list(erasures)
        if known:
            upgrade(f"sqlite:///{copy}")
            enlist_at(f"sqlite:///{copy}", known)
            close_off(copy)
        kept = _keep_former(database)
        put(copy, database)
    return kept


def _restore_rows(url: str, source: Path, progress: Progress, erasures: Sequence[Erasure]) -> Path | None:
    if archive.is_one(source):
        return portable.restore(url, source, source.parent, progress, erasures)
    # The backup of an SQLite file: read into an archive first, which is then restored like any other.
    with aside(source.with_name(f"{source.name}.zip")) as packed, aside(source) as copy:
        _copy(source, copy)
        _check(copy, source)
        portable.backup(f"sqlite:///{copy}", packed, unseen)
        return portable.restore(url, packed, source.parent, progress, erasures)


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
    close_off(database)
    kept = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    # The companions go first: left behind, they would be taken for the restored database's own.
    for companion, former in zip(companions(database), companions(kept), strict=True):
        if companion.exists():
            companion.rename(former)
    try:
        # A second name for the file, so that at no moment there is no database.
        os.link(database, kept)
    except OSError:
        database.rename(kept)  # This file system knows no second names.
    return kept


def close_off(database: Path) -> None:
    """Fold the write-ahead log into the file, which only works while nobody else has it open (else BadInput)."""
    try:
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BadInput(f"{database} is in use: stop Allant first") from None
    except sqlite3.DatabaseError:
        # It is damaged, which may be why it is being replaced: it is kept as it is.
        return
