"""The schema: made by migrations, equal to the tables, and never mistaken for another."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.core.errors import BadInput
from bot.store import Store
from bot.store.dialect import WRITES, engine_for
from bot.store.migrate import config, known_revisions, upgrade
from bot.store.tables import REVISION, Row
from tests.contract.store_house import NOW, SECRET, posted


def structure(connection: Connection) -> dict[str, str]:
    """The statements SQLite keeps for each table and index, without the layout of the text."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    # A column that was added later stands in the text with other spaces around it.
    return {
        row.name: re.sub(r"\s*([,()]|\s)\s*", r"\1", row.sql)
        for row in rows
        if not row.name.startswith(("alembic", "sqlite"))
    }


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    migrated_url = f"sqlite:///{tmp_path / 'migrated.db'}"
    assert upgrade(migrated_url) == REVISION
    migrated, made = engine_for(migrated_url), engine_for(f"sqlite:///{tmp_path / 'made.db'}")
    try:
        with made.execution_options(**{WRITES: True}).begin() as connection:
            Row.metadata.create_all(connection)
            expected = structure(connection)
        with migrated.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Row.metadata) == []
            assert structure(connection) == expected
    finally:
        migrated.dispose()
        made.dispose()


def test_the_newest_migration_is_the_schema_of_the_tables() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [REVISION]
    assert REVISION in known_revisions()


def test_upgrading_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    assert [upgrade(url), upgrade(url)] == [REVISION, REVISION]


async def test_a_store_opened_again_has_everything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a % b é.db'}"
    store = await Store.open(url, secret=SECRET)
    accepted = await store.inbox.accept(posted())
    await store.close()
    store = await Store.open(url, secret=SECRET)
    try:
        assert await store.inbox.waiting() == [accepted]
        assert await store.timers.due(NOW) == []
    finally:
        await store.close()


def newer(path: Path) -> None:
    upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all\n" * 500)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (newer, "newer version of Allant"),
        (foreign, "not Allant's"),
        (garbage, "file is not a database"),
        (folder, "unable to open database file"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, spoil: object, reason: str) -> None:
    path = tmp_path / "allant.db"
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(BadInput, match=reason):
        await Store.open(f"sqlite:///{path}", secret=SECRET)
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("allant.db", "is not valid"),
        ("", "is not valid"),
        ("mysql://localhost/allant", "does not know"),
        ("sqlite+nonsense:///allant.db", "not installed"),
        ("sqlite:////no/such/folder/allant.db", "unable to open"),
    ],
)
async def test_a_wrong_address_is_refused(url: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        await Store.open(url, secret=SECRET)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(BadInput) as caught:
        upgrade("postgresql+psycopg://allant:tiger@127.0.0.1:1/allant")
    assert "tiger" not in str(caught.value)


def test_every_new_database_of_a_process_is_the_same(tmp_path: Path) -> None:
    """The first is made by the migrations, the others from what these left behind."""
    found = []
    for name in ("first", "second"):
        url = f"sqlite:///{tmp_path / name}.db"
        assert upgrade(url) == REVISION
        engine = engine_for(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == REVISION
            found.append(connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master")).all())
        engine.dispose()
    assert sorted(map(str, found[0])) == sorted(map(str, found[1]))
