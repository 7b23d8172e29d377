"""Every row of every table as plain lines: what a database is moved by, and what a portable backup holds.

The tables are those that the database itself describes, not those of this version, so that a table cannot be forgotten
and a database of an older schema can be read as it is.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, Table, Text, collate, func, insert, select, text

from bot.store.postgres import whole

BATCH = 1000
"""Rows in one INSERT, and between two steps of the progress that is shown."""

Progress = Callable[[str, int, int], None]
"""Told the table, how many of its rows are done, and how many there are."""


def unseen(_table: str, _done: int, _total: int) -> None:
    """The progress that nobody looks at."""


VERSION_TABLE = "alembic_version"
_ENGINE = "procrastinate_"
"""How the tables of the engine for many processes begin: they hold what is being worked on, which is found again."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a table holds: two tables with the same summary have the same rows. ``last_number``: the highest number the
    database ever gave to one of its rows, 0 where it gives none."""

    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    last_number: int


def tables_of(connection: Connection) -> list[Table]:
    """Allant's tables in this database, each after those it refers to."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name != VERSION_TABLE and not name.startswith(_ENGINE))
    return found.sorted_tables


def count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def read(connection: Connection, table: Table) -> Iterator[bytes]:
    """The table's rows as lines of JSON, in the order of its key: the same in every kind of database."""
    statement = select(*_columns(table)).order_by(*_key(connection, table))
    for row in connection.execute(statement, execution_options={"yield_per": BATCH}):
        yield _line(row)


def fill(connection: Connection, table: Table, lines: Iterable[bytes]) -> None:
    """Put the rows into the table, which is empty."""
    columns = _columns(table)
    binary = [isinstance(column.type, LargeBinary) for column in columns]
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        connection.execute(insert(table), [_row(columns, binary, line) for line in batch])


def summed(
    connection: Connection, table: Table, lines: Iterable[bytes], on_batch: Callable[[int], None] | None = None
) -> tuple[Iterator[bytes], Callable[[], Summary]]:
    """The lines, counted and hashed as they pass, and the summary of ``table`` once they have."""
    digest, passed = hashlib.sha256(), 0

    def passing() -> Iterator[bytes]:
        nonlocal passed
        for line in lines:
            digest.update(line)
            passed += 1
            if on_batch is not None and passed % BATCH == 0:
                on_batch(passed)
            yield line
        if on_batch is not None:
            on_batch(passed)

    def summary() -> Summary:
        columns = tuple(column.name for column in _columns(table))
        return Summary(table.name, columns, passed, digest.hexdigest(), last_number(connection, table))

    return passing(), summary


def summary_of(connection: Connection, table: Table) -> Summary:
    """What the table holds at this moment."""
    lines, summary = summed(connection, table, read(connection, table))
    for _ in lines:
        pass
    return summary()


def last_number(connection: Connection, table: Table) -> int:
    """The highest number the database gave to a row of this table, were it erased since; 0 where it gives none."""
    counter, column = _counter(connection, table), table.autoincrement_column
    if counter is None or column is None:
        return 0
    highest = connection.scalar(select(func.max(column))) or 0
    if connection.dialect.name == "sqlite":
        given = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": counter})
    else:
        given = connection.scalar(text(f"SELECT CASE WHEN is_called THEN last_value END FROM {counter}"))  # noqa: S608  # The server's own name for it.
    return max(highest, given or 0)


def continue_after(connection: Connection, table: Table, number: int) -> None:
    """The next row's number is higher than ``number``, so that no number ever means two things."""
    counter = _counter(connection, table)
    if counter is None or number == 0:
        return
    values = {"name": counter, "number": number}
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT setval(CAST(:name AS regclass), :number)"), values)
        return
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values)


def _counter(connection: Connection, table: Table) -> str | None:
    """What the database counts this table's rows with; None where it does not, or begins again after erasing."""
    column = table.autoincrement_column
    if column is None:
        return None
    if connection.dialect.name == "postgresql":
        asked = text("SELECT pg_get_serial_sequence(:table, :column)")
        found = connection.scalar(asked, {"table": table.name, "column": column.name})
        return None if found is None else str(found)
    made = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table.name})
    return table.name if "AUTOINCREMENT" in str(made) else None


def _key(connection: Connection, table: Table) -> list[Any]:
    columns = list(table.primary_key.columns) or list(table.columns)
    if connection.dialect.name != "postgresql":
        return columns
    # By the bytes of the letters, as SQLite orders them, and not by the rules of some language.
    return [collate(column, "C") if isinstance(column.type, Text) else column for column in columns]


def _columns(table: Table) -> list[Any]:
    """By name: databases that came to this schema by different ways have them in different orders."""
    return sorted(table.columns, key=lambda column: column.name)


def _line(row: Iterable[Any]) -> bytes:
    return json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> str | int | float | bool | None:
    if isinstance(value, str):
        return whole(value)  # What one of the databases cannot hold is in none of them.
    if isinstance(value, bytes | memoryview):
        return b64encode(value).decode()
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"no line can hold a {type(value).__name__}")


def _row(columns: list[Any], binary: list[bool], line: bytes) -> dict[str, Any]:
    """Raises ValueError when the line is not of this table."""
    values = json.loads(line)
    return {
        column.name: b64decode(value, validate=True) if is_binary and value is not None else value
        for column, is_binary, value in zip(columns, binary, values, strict=True)
    }
