"""Portable backups: taken from PostgreSQL while it is used, restored into either kind of database or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text as sql

from bot.core.errors import BadInput
from bot.store import Store
from bot.store.backup import backup, restore
from bot.store.dialect import engine_for
from bot.store.migrate import bring_to, upgrade
from bot.store.rows import unseen
from bot.store.tables import REVISION, Row
from tests.contract.store_house import SECRET, posted
from tests.contract.test_store_move import fill_all, summaries, without_numbers
from tests.postgres import PostgresServer


async def accept(url: str, *numbers: int) -> None:
    store = await Store.open(url, secret=SECRET)
    try:
        for number in numbers:
            await store.inbox.accept(posted(number))
    finally:
        await store.close()


async def waiting(url: str) -> list[str]:
    store = await Store.open(url, secret=SECRET)
    try:
        return [each.event.id for each in await store.inbox.waiting()]
    finally:
        await store.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "allant.zip"


async def test_a_backup_brings_everything_back_and_keeps_what_was_there(postgres_address: str, target: Path) -> None:
    await accept(postgres_address, 1, 2)
    backup(postgres_address, target)
    await accept(postgres_address, 3)
    kept = restore(postgres_address, target)
    assert await waiting(postgres_address) == ["event-1", "event-2"]
    assert kept is not None
    assert restore(postgres_address, kept) is not None
    assert await waiting(postgres_address) == ["event-1", "event-2", "event-3"]
    await accept(postgres_address, 4)
    assert (await waiting(postgres_address))[-1] == "event-4"


def test_a_backup_holds_every_row_and_fits_either_kind(
    postgres: PostgresServer, postgres_address: str, target: Path, tmp_path: Path
) -> None:
    fill_all(postgres_address)
    before = summaries(postgres_address)
    backup(postgres_address, target)
    empty, other = postgres.empty(), f"sqlite:///{tmp_path / 'other.db'}"
    try:
        assert restore(empty, target) is None
        assert restore(other, target) is None
        assert summaries(empty) == before
        assert without_numbers(summaries(other)) == without_numbers(before)
        # And the backup of the SQLite file goes back to PostgreSQL.
        backup(other, tmp_path / "file.db")
        assert restore(empty, tmp_path / "file.db") is not None
        assert without_numbers(summaries(empty)) == without_numbers(before)
    finally:
        postgres.drop(empty)
    assert sorted(path.suffix for path in target.parent.iterdir()) == [".zip"]


async def test_a_backup_is_of_one_moment_while_others_write(postgres_address: str, target: Path) -> None:
    store = await Store.open(postgres_address, secret=SECRET)
    begun = asyncio.Event()
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    async def produce() -> int:
        number = 0
        while not done.is_set():
            await asyncio.gather(*(store.inbox.accept(posted(number + ahead)) for ahead in range(10)))
            number += 10
            if number >= 100:
                begun.set()
        return number

    def during(_table: str, _rows: int, _total: int) -> None:
        # The backup goes on only once more has been written, table by table.
        asyncio.run_coroutine_threadsafe(store.inbox.accept(posted(1_000_000 + _rows)), loop).result(20)

    try:
        producing = asyncio.create_task(produce())
        await begun.wait()
        await asyncio.to_thread(backup, postgres_address, target, during)
        done.set()
        written = await producing
    finally:
        await store.close()
    restore(postgres_address, target)
    found = await waiting(postgres_address)
    # All of a moment: the events up to one, and none after it.
    assert found == [f"event-{number}" for number in range(len(found))]
    assert 100 <= len(found) < written


async def test_nothing_is_restored_while_allant_runs(postgres_address: str, target: Path) -> None:
    backup(postgres_address, target)
    store = await Store.open(postgres_address, secret=SECRET)
    try:
        await store.inbox.accept(posted(2))
        with pytest.raises(BadInput, match="stop Allant first"):
            restore(postgres_address, target)
    finally:
        await store.close()
    assert await waiting(postgres_address) == ["event-2"]
    assert list(target.parent.iterdir()) == [target]


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write the archive anew with other contents, as a whole zip file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            new = change(name, data)
            if new is not None:
                archive.writestr(name, new)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda each: each.compress_size)
    data = bytearray(path.read_bytes())
    # In the middle of what is packed: of the headers before it not every byte matters to anybody.
    data[largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2] ^= 0xFF
    path.write_bytes(data)


def a_row_less(path: Path) -> None:
    rewrite(path, lambda name, data: data.split(b"\n", 1)[1] if "inbox" in name else data)


def a_table_less(path: Path) -> None:
    rewrite(path, lambda name, data: None if "inbox" in name else data)


def no_manifest(path: Path) -> None:
    rewrite(path, lambda name, data: None if name == "allant.json" else data)


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")


def manifest(path: Path, **said: object) -> None:
    rewrite(
        path, lambda name, data: json.dumps({**json.loads(data), **said}).encode() if name == "allant.json" else data
    )


def newer(path: Path) -> None:
    manifest(path, revision="9999")


def newer_format(path: Path) -> None:
    manifest(path, format="allant backup 2")


def odd_manifest(path: Path) -> None:
    manifest(path, tables=[{"table": "inbox"}])


def fewer_tables(path: Path) -> None:
    manifest(path, tables=[])


def text(path: Path) -> None:
    path.write_text("not a database\n" * 1000, encoding="utf-8")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        damage,
        a_row_less,
        a_table_less,
        no_manifest,
        another_zip,
        newer,
        newer_format,
        odd_manifest,
        fewer_tables,
        text,
        empty,
        missing,
    ],
)
def test_a_backup_that_is_no_good_changes_nothing(
    postgres_address: str, target: Path, tmp_path: Path, spoil: Callable[[Path], None], kind: str
) -> None:
    fill_all(postgres_address, each=5)
    backup(postgres_address, target)
    spoil(target)
    url = postgres_address if kind == "postgres" else f"sqlite:///{tmp_path / 'allant.db'}"
    if kind == "sqlite":
        fill_all(url, each=3)
    before = summaries(url)
    with pytest.raises(BadInput):
        restore(url, target)
    assert summaries(url) == before
    assert [path for path in target.parent.iterdir() if path != target] == []


def test_a_row_that_lies_is_found_before_anything_is_kept(postgres_address: str, target: Path) -> None:
    """Somebody who changes a row and mends the sums too can still only write rows, and only of the right form."""
    fill_all(postgres_address, each=5)
    backup(postgres_address, target)
    changed = b'["one value"]\n'

    def lie(name: str, data: bytes) -> bytes:
        if name == "tables/note.jsonl":
            return changed
        if name == "allant.json":
            said = json.loads(data)
            for each in said["tables"]:
                if each["table"] == "note":
                    each.update(rows=1, sha256=hashlib.sha256(changed).hexdigest())
            return json.dumps(said).encode()
        return data

    rewrite(target, lie)
    before = summaries(postgres_address)
    with pytest.raises(BadInput, match="has a row of another form"):
        restore(postgres_address, target)
    assert summaries(postgres_address) == before
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_backup_leaves_the_former_one(postgres_address: str, empty_postgres: str, target: Path) -> None:
    backup(postgres_address, target)
    good = target.read_bytes()
    with pytest.raises(BadInput, match="nothing to back up"):
        backup(empty_postgres, target)
    with pytest.raises(BadInput, match="nothing answers there"):
        backup("postgresql://127.0.0.1:1/allant", target)
    assert target.read_bytes() == good
    assert target.stat().st_mode & 0o077 == 0
    assert list(target.parent.iterdir()) == [target]


def test_a_database_of_somebody_else_is_not_replaced(postgres_address: str, empty_postgres: str, target: Path) -> None:
    backup(postgres_address, target)
    with psycopg.connect(empty_postgres) as connection:
        connection.execute("CREATE TABLE customers (id integer)")
    with pytest.raises(BadInput, match="not Allant's"):
        restore(empty_postgres, target)
    with psycopg.connect(empty_postgres) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (0,)


def test_a_backup_of_the_first_schema_is_brought_up_to_date(
    empty_postgres: str, postgres_address: str, target: Path, tmp_path: Path
) -> None:
    engine = engine_for(empty_postgres)
    try:
        with engine.begin() as connection:
            bring_to(connection, "0001")
            connection.execute(sql("INSERT INTO note VALUES ('w', 'kind', 'key', '{}', NULL)"))
    finally:
        engine.dispose()
    backup(empty_postgres, target)
    for url in (postgres_address, f"sqlite:///{tmp_path / 'allant.db'}"):
        restore(url, target)
        assert upgrade(url) == REVISION
        found = {each.table: each.rows for each in summaries(url)}
        assert found["note"] == 1
        assert set(found) == set(Row.metadata.tables)


def test_the_tables_of_the_engine_stay_where_they_are(postgres_address: str, target: Path) -> None:
    upgrade(postgres_address)
    with psycopg.connect(postgres_address) as connection:
        connection.execute("CREATE TABLE procrastinate_jobs (id integer)")
        connection.execute("INSERT INTO procrastinate_jobs VALUES (7)")
    backup(postgres_address, target, unseen)
    restore(postgres_address, target)
    with psycopg.connect(postgres_address) as connection:
        assert connection.execute("SELECT id FROM procrastinate_jobs").fetchall() == [(7,)]
