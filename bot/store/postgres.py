"""What PostgreSQL alone needs: how it is opened, what its errors mean, and what became of a commit cut off half-way.

Nothing here imports the driver (psycopg 3): SQLAlchemy does when an address asks for PostgreSQL, so that a bot on
SQLite carries none of it in memory.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from bot.core.errors import BadInput

DRIVER = "postgresql+psycopg"

OLDEST = 14
"""The oldest major version that is tried and still kept up by its makers."""

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
"""No statement of the bot comes near this: one that does hangs, and must not hold its connection for ever."""
LOCK_SECONDS = 15
"""How long a row that another process changes is waited for; as SQLite's BUSY_SECONDS."""
IDLE_SECONDS = 60
"""A transaction whose process hangs in the middle is ended by the server, so that what it locked is free again."""
SILENT_MILLISECONDS = 20_000
"""After this long without an answer of the network, a connection counts as broken (half-open connections)."""

RUNNING = "allant"
"""By this name the server knows the connections of a bot that runs."""
KEEPING = "allant db"
"""And those of a command that backs up, restores or moves a database."""

GOING_TRIES, GOING_SECONDS = 20, 0.05
"""A connection that was closed is on the server's list for a moment yet."""

_MIGRATING = 0x616C6C616E74  # "allant"
"""The number of the advisory lock that lets one process at a time change the schema."""

_PASSING = ("08", "40", "53", "57P", "58", "25006", "25P03", "25P04", "55P03")
"""SQLSTATE beginnings of what may succeed when it is done again: connection lost, serialisation and deadlock, no room,
server stopping or starting, its disk failing, a standby not yet promoted, time-outs of locks and of idle transactions.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_REASONS = (
    ("password authentication failed", "it refuses the user or the password"),
    ("no password supplied", "it asks for a password, and the address has none"),
    ("no pg_hba.conf entry", "it accepts no connection from here for this user and database (its pg_hba.conf)"),
    ("role ", "it knows no such user: CREATE USER … PASSWORD …"),
    ("database ", "it has no such database: CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0"),
    ("could not translate host name", "no machine of this name is known"),
    ("failed to resolve host", "no machine of this name is known"),
    ("Connection refused", "nothing answers there: is it running, and on this port?"),
    ("No such file or directory", "nothing answers there: is it running, and is its socket in this folder?"),
    ("timeout expired", f"nothing answered within {CONNECT_SECONDS} seconds"),
    ("too many clients", "it has no connection left: raise its max_connections"),
    ("remaining connection slots", "it has no connection left: raise its max_connections"),
    ("starting up", "it is starting: try again in a moment"),
    ("permission denied for schema", "the user may not make tables there: make it the owner of the database"),
)
"""Words of the driver and the server, and what they mean; the first that fits. A server that speaks another language is
quoted as it is."""


def engine_for(url: URL, name: str = RUNNING) -> Engine:
    """An engine whose connections have time limits. Raises ModuleNotFoundError when psycopg is not installed.

    ``name`` is by what the server knows its connections.
    """
    limits = {
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "lock_timeout": LOCK_SECONDS * 1000,
        "idle_in_transaction_session_timeout": IDLE_SECONDS * 1000,
    }
    asked = url.query.get("options", "")
    options = " ".join([*(f"-c {name}={value}" for name, value in limits.items()), str(asked)]).strip()
    engine = create_engine(
        url,
        pool_size=5,
        max_overflow=2,
        pool_pre_ping=True,
        # An error's text must never quote what was to be stored.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": SILENT_MILLISECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            # Whatever the database's own is, which is checked once we are in.
            "client_encoding": "utf8",
            "application_name": name,
            "options": options,
        },
    )
    event.listen(engine, "connect", _no_zero_characters)
    return engine


def _no_zero_characters(connection: Any, _record: object) -> None:
    """PostgreSQL's text cannot hold U+0000, which names and ids from a platform may: it becomes U+FFFD."""
    from psycopg.types.string import StrDumper

    class Whole(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(whole(obj))

    connection.adapters.register_dumper(str, Whole)


def whole(words: str) -> str:
    """``words`` as PostgreSQL can hold them."""
    return words.replace("\0", "\ufffd") if "\0" in words else words


def check(connection: Connection) -> None:
    """Raises BadInput unless this is a PostgreSQL that Allant can live in."""
    # Such as 180006, for 18.6.
    found = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    if found < OLDEST:
        raise BadInput(f"this is PostgreSQL {found}: Allant needs {OLDEST} or newer")
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise BadInput(
            f"the database's encoding is {encoding}, which cannot hold every name: make one with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def one_at_a_time(connection: Connection) -> None:
    """Wait until no other process changes the schema; until the end of the transaction none but us may. A change of
    a large table takes its time, so nothing limits it."""
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))


def refuse_while_running(connection: Connection) -> None:
    """Raises BadInput when a bot is connected to the database, or another command is at work on it as a whole."""
    connected = _others(connection, "TRUE", {})
    if connected:
        raise BadInput(f"the database is in use ({connected} connections of Allant): stop Allant first")


def refuse_another_secret(connection: Connection, name: str) -> None:
    """Raises BadInput when a bot is connected under another name than ``name`` (see :func:`running_as`): each would
    give up the events that the other accepts, as it cannot read them, and count people under keys of its own."""
    other = "application_name NOT IN (:name, :keeping)"
    if _others(connection, other, {"name": name, "keeping": KEEPING}):
        raise BadInput(
            "Allant runs on this database already, with another secret: give every process the same "
            "ALLANT_SECRET_FILE, or the same ALLANT_SECRET_HEX"
        )


def running_as(fingerprint: str) -> str:
    """The name of a bot's connections, which tells on the server that processes share one secret."""
    return f"{RUNNING} {fingerprint}"


def _others(connection: Connection, which: str, values: dict[str, str]) -> int:
    """How many other connections of Allant's there are, once those that were just closed are gone."""
    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "  # noqa: S608  # ``which`` is our own.
        f"AND application_name LIKE '{RUNNING}%' AND {which}"
    )
    for _ in range(GOING_TRIES):
        found = connection.scalar(asked, values) or 0
        if not found:
            break
        # The server remembers its first answer until the transaction ends, or until it is told to forget it.
        connection.execute(text("SELECT pg_stat_clear_snapshot(), pg_sleep(:seconds)"), {"seconds": GOING_SECONDS})
    return found


def without_limits(connection: Connection) -> None:
    """For this transaction, which reads or writes whole tables."""
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))


def keep_writers_out(connection: Connection, tables: Sequence[Table]) -> None:
    """Until the end of the transaction the tables can be read and not written. Raises BadInput when somebody does."""
    if not tables:
        return
    names = ", ".join(connection.dialect.identifier_preparer.format_table(table) for table in tables)
    try:
        connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE NOWAIT"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == "55P03":
            raise BadInput("the database is in use: stop Allant first") from None
        raise


def explained(error: DBAPIError) -> str:
    """Why the database cannot be used, in one line and without the password."""
    said = " ".join(str(error.orig).split())
    # The driver tells the way to it first: ``connection failed: connection to server at … failed: FATAL: …``.
    fatal = said.rpartition("FATAL: ")[2].strip() if "FATAL: " in said else ""
    for words, meaning in _REASONS:
        if words in said:
            return f"{meaning} ({fatal})" if fatal else meaning
    return fatal or said


def passing(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again in a while."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # No answer of the server's: the connection could not be made, or was lost.
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return str(state).startswith(_PASSING)


def begin_marking(connection: Connection, writer: str) -> None:
    """Before a writer's first commit: its row is there from now on, so that one who looks can wait for it. The rows of
    writers that ended long ago go."""
    connection.execute(_LONG_AGO)
    mark_commit(connection, writer)


def mark_commit(connection: Connection, writer: str) -> str:
    """Leave a mark in this transaction, by which :func:`was_committed` finds out later.

    The transaction's own number would not do: after a crash the server may give a lost one's number to another.
    """
    mark = uuid.uuid4().hex
    connection.execute(_MARK, {"writer": writer, "mark": mark})
    return mark


def was_committed(connection: Connection, writer: str, mark: str) -> bool | None:
    """What became of a transaction whose COMMIT was sent and not answered; None while the server still works on it."""
    try:
        found = connection.scalar(_LAST_MARK, {"writer": writer})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCKED:
            return None
        raise
    return bool(found == mark)


_LOCKED = "55P03"
_MARK = text(
    "INSERT INTO commit_mark (writer, mark, at) "
    "VALUES (:writer, :mark, CAST(extract(epoch FROM now()) * 1000000 AS bigint)) "
    "ON CONFLICT (writer) DO UPDATE SET mark = excluded.mark, at = excluded.at"
)
_LAST_MARK = text("SELECT mark FROM commit_mark WHERE writer = :writer FOR UPDATE NOWAIT")
_LONG_AGO = text(
    "DELETE FROM commit_mark WHERE at < CAST(extract(epoch FROM now() - interval '30 days') * 1000000 AS bigint)"
)
