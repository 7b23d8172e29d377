"""Moving a database to one of the other kind: every row of every table arrives, or none does."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, SmallInteger, Text, insert
from sqlalchemy.engine import make_url

from bot.core.errors import BadInput
from bot.store import Store, postgres, rows
from bot.store.dialect import WRITES, engine_for
from bot.store.migrate import upgrade
from bot.store.moments import Moment
from bot.store.move import move
from bot.store.occupancy import Occupancy
from bot.store.rows import Summary, unseen
from bot.store.tables import Row
from tests.contract.store_house import SECRET, posted
from tests.postgres import PostgresServer

WORDS = (
    "",
    "plain",
    "l’été « à la française »",
    "\u202eright to left",
    "🎉👩‍👩‍👧 e\u0301",
    "a\nb\tc\\d\"e'f",
    "%s :n {x} $1",
    "Zz",
)
"""What text may hold; the order of these is not the same in every language."""


def value_for(column: Column[Any], number: int, draw: random.Random) -> Any:
    """A value that the column may hold, different for each number where it has to be."""
    if column.nullable and number % 3 == 0:
        return None
    kind = column.type
    if isinstance(kind, Moment):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=draw.randrange(-(10**16), 10**16))
    if isinstance(kind, Boolean):
        return draw.random() < 0.5
    if isinstance(kind, LargeBinary):
        return number.to_bytes(4) + draw.randbytes(draw.randrange(40))
    if isinstance(kind, SmallInteger):
        return draw.randrange(-(2**15), 2**15)
    if isinstance(kind, Integer):
        # BIGINT's ends too; a key must be one that a database could have given.
        if column.primary_key:
            return number + 1 if number else 2**62
        return draw.choice((0, -1, draw.randrange(-(2**31), 2**31)))
    if isinstance(kind, Float):
        return draw.choice((0.0, -0.1, 1e300, draw.random()))
    if isinstance(kind, Text):
        return f"{draw.choice(WORDS)}{number}"
    raise AssertionError(f"a column of a new kind: {column} is {kind!r}; see that bot.store.rows can carry it")


def fill_all(url: str, each: int = 40) -> None:
    """Rows in every table that there is, a new one's too."""
    upgrade(url)
    draw = random.Random(7)
    engine = engine_for(url)
    try:
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            for table in Row.metadata.sorted_tables:
                made = [{c.name: value_for(c, number, draw) for c in table.columns} for number in range(each)]
                connection.execute(insert(table), made)
                if table.autoincrement_column is not None:
                    # The last number given is of a row that is no more.
                    connection.execute(table.delete().where(table.autoincrement_column == 2**62))
    finally:
        engine.dispose()


def summaries(url: str) -> list[Summary]:
    engine = engine_for(url, postgres.KEEPING)
    try:
        with engine.connect() as connection:
            return [rows.summary_of(connection, table) for table in rows.tables_of(connection)]
    finally:
        engine.dispose()


def without_numbers(found: Sequence[Summary]) -> list[tuple[object, ...]]:
    return [(each.table, each.columns, each.rows, each.sha256) for each in found]


@pytest.fixture
def sqlite_address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'allant.db'}"


def test_every_row_of_every_table_arrives_and_comes_back(
    sqlite_address: str, empty_postgres: str, tmp_path: Path
) -> None:
    fill_all(sqlite_address)
    before = summaries(sqlite_address)
    told: list[tuple[str, int, int]] = []
    moved = move(sqlite_address, empty_postgres, lambda *step: told.append(step))
    assert {each.table for each in moved} == set(Row.metadata.tables)
    assert all(each.rows >= 39 for each in moved)
    assert list(moved) == before
    assert without_numbers(summaries(empty_postgres)) == without_numbers(before)
    assert {(name, done) for name, done, total in told if done == total} == {(each.table, each.rows) for each in moved}
    assert summaries(sqlite_address) == before

    back = f"sqlite:///{tmp_path / 'back.db'}"
    move(empty_postgres, back, unseen)
    assert without_numbers(summaries(back)) == without_numbers(before)
    numbers = {each.table: each.last_number for each in summaries(back)}
    assert numbers["delivery"] == numbers["inbox"] == 2**62


async def test_the_store_goes_on_where_it_was(sqlite_address: str, empty_postgres: str) -> None:
    store = await Store.open(sqlite_address, secret=SECRET)
    first = [await store.inbox.accept(posted(number)) for number in range(3)]
    await store.close()
    move(sqlite_address, empty_postgres, unseen)
    store = await Store.open(empty_postgres, secret=SECRET)
    try:
        assert await store.inbox.waiting() == first
        assert await store.inbox.accept(posted(1)) is None
        new = await store.inbox.accept(posted(9))
        assert new is not None
        assert new.number > 3
    finally:
        await store.close()


@pytest.mark.parametrize("running", ["sqlite", "postgres"])
async def test_nothing_is_moved_while_allant_runs(sqlite_address: str, postgres_address: str, running: str) -> None:
    upgrade(sqlite_address)
    source, target = sqlite_address, postgres_address
    store = await Store.open(source if running == "sqlite" else target, secret=SECRET)
    try:
        await store.inbox.accept(posted(1))
        with pytest.raises(BadInput, match="stop Allant first"):
            move(source, target, unseen)
        if running == "postgres":
            with pytest.raises(BadInput, match="stop Allant first"):
                move(target, source, unseen)
        assert await store.inbox.accept(posted(2)) is not None
    finally:
        await store.close()


def test_a_bot_that_holds_the_file_without_using_it_is_seen(sqlite_address: str, postgres_address: str) -> None:
    upgrade(sqlite_address)
    occupancy = Occupancy(Path(make_url(sqlite_address).database or ""))
    occupancy.take()
    try:
        for source, target in ((sqlite_address, postgres_address), (postgres_address, sqlite_address)):
            with pytest.raises(BadInput, match="already runs"):
                move(source, target, unseen)
    finally:
        occupancy.let_go()
    move(sqlite_address, postgres_address, unseen)


def test_nobody_writes_to_the_source_meanwhile(sqlite_address: str, postgres_address: str, tmp_path: Path) -> None:
    fill_all(sqlite_address)
    refused: list[str] = []

    def write(table: str, done: int, _total: int) -> None:
        with (
            closing(sqlite3.connect(make_url(sqlite_address).database or "", timeout=0)) as connection,
            pytest.raises(sqlite3.OperationalError) as caught,
        ):
            connection.execute("DELETE FROM member")
        refused.append(str(caught.value))

    move(sqlite_address, postgres_address, write)
    assert set(refused) == {"database is locked"}

    def write_there(table: str, done: int, _total: int) -> None:
        with psycopg.connect(postgres_address, options="-c lock_timeout=1ms") as connection:
            with pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute("DELETE FROM member")
            refused.append(table)

    move(postgres_address, f"sqlite:///{tmp_path / 'back.db'}", write_there)
    assert set(Row.metadata.tables) < set(refused)


def test_a_target_with_anything_in_it_is_refused(sqlite_address: str, postgres_address: str, tmp_path: Path) -> None:
    fill_all(sqlite_address, each=3)
    with psycopg.connect(postgres_address) as connection:
        connection.execute("INSERT INTO forgotten VALUES ('x')")
    before = summaries(postgres_address)
    with pytest.raises(BadInput, match="is not empty"):
        move(sqlite_address, postgres_address, unseen)
    assert summaries(postgres_address) == before
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as foreign, foreign:
        foreign.execute("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(BadInput, match="not Allant's"):
        move(sqlite_address, f"sqlite:///{other}", unseen)


def test_a_move_that_breaks_off_leaves_the_target_empty(sqlite_address: str, postgres_address: str) -> None:
    fill_all(sqlite_address)

    def stumble(table: str, _done: int, _total: int) -> None:
        if table == "signal":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(sqlite_address, postgres_address, stumble)
    assert {each.rows for each in summaries(postgres_address)} == {0}
    move(sqlite_address, postgres_address, unseen)


def test_what_arrives_changed_is_noticed(sqlite_address: str, postgres_address: str) -> None:
    fill_all(sqlite_address)
    with psycopg.connect(postgres_address) as connection:
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.name = upper(NEW.name); RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER spoil BEFORE INSERT ON member FOR EACH ROW EXECUTE FUNCTION spoil()")
    with pytest.raises(BadInput, match="what arrived in “member” is not what was sent"):
        move(sqlite_address, postgres_address, unseen)
    assert {each.rows for each in summaries(postgres_address)} == {0}


def test_what_cannot_be_moved_says_why(sqlite_address: str, postgres: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no database"):
        move(sqlite_address, postgres.address(), unseen)
    with pytest.raises(BadInput, match="there is no database"):
        move("sqlite://", postgres.address(), unseen)
    upgrade(sqlite_address)
    with pytest.raises(BadInput, match="the same database"):
        move(sqlite_address, f"sqlite:///{tmp_path}/./allant.db", unseen)
    with pytest.raises(BadInput, match="no such database"):
        move(sqlite_address, postgres.address("nowhere"), unseen)
    with closing(sqlite3.connect(tmp_path / "allant.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(BadInput, match="allant db upgrade"):
        move(sqlite_address, postgres.address(), unseen)
