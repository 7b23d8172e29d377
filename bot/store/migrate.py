"""Bringing a database to the schema of this version, with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.core.errors import BadInput
from bot.store import postgres
from bot.store.dialect import WRITES, engine_for, explained, keep_write_ahead_log, shown
from bot.store.tables import REVISION

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).resolve().parent / "migrations"


def upgrade(url: str) -> str:
    """Bring the database at ``url`` to the newest schema, making it where there is none; returns its revision.

    Raises BadInput when the address is wrong, the file cannot be read or is no database of Allant, or its schema is
    newer than this version.
    """
    engine = engine_for(url)
    try:
        return upgrade_engine(engine, url)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine, url: str) -> str:
    """As :func:`upgrade`, with an engine that stays open (a database in memory lives in it)."""
    address = shown(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                postgres.check(connection)
            found = revision(connection)
        if found not in (None, REVISION) and found not in known_revisions():
            raise BadInput(
                f"the database {address} was made by a newer version of Allant (schema {found}, this version knows "
                f"{REVISION}): install that version, or restore a backup from before"
            )
        keep_write_ahead_log(engine)
        if found == REVISION:
            return found
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            # Of two processes that start at once, the second finds that there is nothing left to do.
            _bring_up(connection)
    except DBAPIError as error:
        raise BadInput(f"the database {address} cannot be used: {explained(error)}") from None
    except SQLAlchemyError as error:
        raise BadInput(f"the database {address} cannot be used: {type(error).__name__}") from None
    return REVISION


_made: list[str] = []
"""The statements that make an empty SQLite database one of this version: what the migrations left behind in the first
that this process made. Every further one takes 5 ms instead of 31."""


def _bring_up(connection: Connection) -> None:
    if connection.dialect.name != "sqlite" or revision(connection) is not None:
        bring_to(connection, "head")
        return
    if not _made:
        bring_to(connection, "head")
        found = text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
        _made[:] = connection.scalars(found).all()
        return
    for statement in _made:
        connection.exec_driver_sql(statement)
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), {"revision": REVISION})


def revision(connection: Connection) -> str | None:
    """The schema's revision; None in an empty database. Raises BadInput in one that is not Allant's."""
    names = inspect(connection).get_table_names()
    if "alembic_version" in names:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)
    if names:
        raise BadInput("the database holds tables that are not Allant's: give Allant a database of its own")
    return None


def known_revisions() -> set[str]:
    """The revisions this version has a migration for."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def config() -> Config:
    """Alembic's settings, which need no file. Alembic is loaded only when there is something to migrate: it would
    otherwise take a tenth of a second of every start."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def bring_to(connection: Connection, wanted: str) -> None:
    """Bring the schema up to the revision ``wanted``, or to the newest (``head``), within the caller's transaction."""
    from alembic import command

    if connection.dialect.name == "postgresql":
        postgres.one_at_a_time(connection)
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, wanted)
