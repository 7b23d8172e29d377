"""A portable backup: every row of a database in one zip file, which no tool of a certain PostgreSQL is needed for.

``tables/NAME.jsonl`` has a line for each row; ``allant.json``, written last, has the schema's revision and each table's
summary, so that a file which is cut short or changed is recognised before anything is touched. It can be restored into
either kind of database, and by every later version of Allant.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from bot.core.errors import BadInput
from bot.store import rows
from bot.store.migrate import bring_to, known_revisions, revision

_MANIFEST = "allant.json"
_FORMAT = "allant backup 1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself: the schema's revision, when it was made (ISO 8601, UTC), and what is in it."""

    revision: str
    made_at: str
    tables: tuple[rows.Summary, ...]


def is_one(source: Path) -> bool:
    """Whether the file looks like an archive; whether it is a good one, :func:`check` says."""
    return zipfile.is_zipfile(source) or source.read_bytes()[:4] == b"PK\3\4"


def write(connection: Connection, target: Path, progress: rows.Progress) -> Manifest:
    """Write all rows that ``connection`` sees into the file. Its transaction must see one moment of the database."""
    found = revision(connection)
    if found is None:
        raise BadInput("the database is empty: there is nothing to back up")
    summaries = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for table in rows.tables_of(connection):
            total = rows.count(connection, table)
            lines, summary = rows.summed(
                connection, table, rows.read(connection, table), _step(progress, table.name, total)
            )
            with archive.open(_member(table.name), "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line)
            summaries.append(summary())
        manifest = Manifest(found, datetime.now(UTC).isoformat(timespec="seconds"), tuple(summaries))
        archive.writestr(_MANIFEST, json.dumps({"format": _FORMAT, **asdict(manifest)}, indent=2))
    return manifest


def check(source: Path) -> Manifest:
    """Read the whole archive and compare it with what it says of itself. Raises BadInput when it is damaged, is none of
    Allant's, or was made by a newer version."""
    with _opened(source) as archive:
        manifest = _manifest(archive, source)
        if manifest.revision not in known_revisions():
            raise BadInput(f"{source} was made by a newer version of Allant (schema {manifest.revision})")
        for summary in manifest.tables:
            digest, number = hashlib.sha256(), 0
            with archive.open(_member(summary.table)) as file:
                for line in file:
                    digest.update(line)
                    number += 1
            if (number, digest.hexdigest()) != (summary.rows, summary.sha256):
                raise BadInput(f"{source} is damaged: “{summary.table}” is not as it was written")
    return manifest


def fill(connection: Connection, source: Path, progress: rows.Progress) -> Manifest:
    """Make the archive's schema in an empty database, put its rows in, and bring it up to this version's schema, all in
    the caller's transaction. ``source`` has been checked; what does not fit all the same is BadInput."""
    with _opened(source) as archive:
        manifest = _manifest(archive, source)
        bring_to(connection, manifest.revision)
        tables = {table.name: table for table in rows.tables_of(connection)}
        if set(tables) != {summary.table for summary in manifest.tables}:
            raise BadInput(f"{source} does not have the tables of its schema ({manifest.revision})")
        by_name = {summary.table: summary for summary in manifest.tables}
        for name, table in tables.items():
            with archive.open(_member(name)) as file:
                step = _step(progress, name, by_name[name].rows)
                lines, _ = rows.summed(connection, table, iter(file), step)
                try:
                    rows.fill(connection, table, lines)
                except (ValueError, TypeError):
                    raise BadInput(f"{source} is damaged: “{name}” has a row of another form") from None
            rows.continue_after(connection, table, by_name[name].last_number)
        _compare(connection, manifest, source)
        bring_to(connection, "head")
    return manifest


def clear(connection: Connection) -> None:
    """Drop everything of Allant's, in the caller's transaction."""
    found = MetaData()
    ours = {table.name for table in rows.tables_of(connection)}
    found.reflect(connection, only=lambda name, _: name in ours or name == rows.VERSION_TABLE)
    found.drop_all(connection)


def _compare(connection: Connection, manifest: Manifest, source: Path) -> None:
    for table in rows.tables_of(connection):
        arrived = rows.summary_of(connection, table)
        said = next(summary for summary in manifest.tables if summary.table == table.name)
        if (arrived.columns, arrived.rows, arrived.sha256) != (said.columns, said.rows, said.sha256):
            raise BadInput(f"“{table.name}” did not arrive as it is in {source}: nothing was restored")


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, zlib.error) as error:
        raise BadInput(f"{source} is damaged or no backup of Allant ({type(error).__name__})") from None
    except DBAPIError:
        raise
    except OSError as error:
        raise BadInput(f"{source} cannot be read: {error.strerror}") from None


def _manifest(archive: zipfile.ZipFile, source: Path) -> Manifest:
    try:
        said = json.loads(archive.read(_MANIFEST))
        if said["format"] != _FORMAT:
            raise BadInput(f"{source} was made by a newer version of Allant ({said['format']})")
        tables = tuple(rows.Summary(**{**each, "columns": tuple(each["columns"])}) for each in said["tables"])
        return Manifest(str(said["revision"]), str(said["made_at"]), tables)
    except (ValueError, TypeError, KeyError):
        raise BadInput(f"{source} is no backup of Allant, or is damaged") from None


def _step(progress: rows.Progress, name: str, total: int) -> Callable[[int], None]:
    return lambda done: progress(name, done, total)
