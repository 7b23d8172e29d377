"""Backing up while the store is used, and restoring without ever losing what was there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.errors import BadInput
from bot.store import Store
from bot.store.backup import backup, restore
from bot.store.migrate import upgrade
from tests.contract.store_house import SECRET, posted


class House:
    """A database in a folder, and a folder for backups."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.folder.mkdir()
        self.database = self.folder / "allant.db"
        self.url = f"sqlite:///{self.database}"
        self.target = folder / "backup.db"

    async def accept(self, *numbers: int) -> None:
        store = await Store.open(self.url, secret=SECRET)
        try:
            for number in numbers:
                await store.inbox.accept(posted(number))
        finally:
            await store.close()

    async def waiting(self) -> list[str]:
        store = await Store.open(self.url, secret=SECRET)
        try:
            return [each.event.id for each in await store.inbox.waiting()]
        finally:
            await store.close()

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_backup_brings_everything_back(house: House) -> None:
    await house.accept(1, 2)
    backup(house.url, house.target)
    await house.accept(3)
    kept = restore(house.url, house.target)
    assert await house.waiting() == ["event-1", "event-2"]
    assert kept is not None
    assert kept.parent == house.folder
    assert restore(house.url, kept) is not None
    assert await house.waiting() == ["event-1", "event-2", "event-3"]


async def test_a_backup_is_of_one_moment_while_others_write(house: House) -> None:
    store = await Store.open(house.url, secret=SECRET)
    try:

        async def produce() -> None:
            for number in range(600):
                await store.inbox.accept(posted(number))

        producing = asyncio.create_task(produce())
        while not await store.inbox.waiting(limit=1):
            pass
        await asyncio.to_thread(backup, house.url, house.target)
        await producing
    finally:
        await store.close()
    restore(house.url, house.target)
    found = await house.waiting()
    assert found == [f"event-{number}" for number in range(len(found))]
    assert found


async def test_a_backup_is_one_file_that_only_its_owner_reads(house: House) -> None:
    await house.accept(1)
    backup(house.url, house.target)
    assert sorted(path.name for path in house.target.parent.iterdir()) == ["backup.db", "data"]
    assert house.target.stat().st_mode & 0o077 == 0


async def test_a_backup_replaces_the_former_one(house: House) -> None:
    await house.accept(1)
    backup(house.url, house.target)
    await house.accept(2)
    backup(house.url, house.target)
    restore(house.url, house.target)
    assert await house.waiting() == ["event-1", "event-2"]


async def test_a_damaged_database_does_not_replace_a_good_backup(house: House) -> None:
    await house.accept(*range(200))
    backup(house.url, house.target)
    good = house.target.read_bytes()
    damage(house.database)
    with pytest.raises(BadInput, match="damaged"):
        backup(house.url, house.target)
    assert house.target.read_bytes() == good


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\xa5" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not a database\n" * 1000, encoding="utf-8")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [damage, cut, empty, text, foreign, newer, missing])
async def test_a_backup_that_is_no_good_changes_nothing(house: House, spoil: Callable[[Path], None]) -> None:
    await house.accept(*range(200))
    backup(house.url, house.target)
    spoil(house.target)
    before = house.content()
    with pytest.raises(BadInput):
        restore(house.url, house.target)
    assert house.content() == before


async def test_nothing_is_restored_while_allant_runs(house: House) -> None:
    await house.accept(1)
    backup(house.url, house.target)
    store = await Store.open(house.url, secret=SECRET)
    try:
        await store.inbox.accept(posted(2))
        with pytest.raises(BadInput, match="stop Allant first"):
            restore(house.url, house.target)
        await store.inbox.accept(posted(3))
    finally:
        await store.close()
    assert await house.waiting() == ["event-1", "event-2", "event-3"]


async def test_a_damaged_database_is_replaced_and_kept(house: House) -> None:
    await house.accept(1)
    backup(house.url, house.target)
    text(house.database)
    broken = house.database.read_bytes()
    kept = restore(house.url, house.target)
    assert kept is not None
    assert kept.read_bytes() == broken
    assert await house.waiting() == ["event-1"]


async def test_a_backup_makes_a_database_where_there_is_none(house: House) -> None:
    await house.accept(1)
    backup(house.url, house.target)
    house.database.unlink()
    assert restore(house.url, house.target) is None
    assert await house.waiting() == ["event-1"]


def test_the_database_itself_is_no_backup(house: House) -> None:
    upgrade(house.url)
    for work in (backup, restore):
        with pytest.raises(BadInput, match="the database itself"):
            work(house.url, house.database)


def test_what_cannot_be_done_says_why(house: House) -> None:
    with pytest.raises(BadInput, match="there is no database"):
        backup(house.url, house.target)
    upgrade(house.url)
    with pytest.raises(BadInput, match="cannot be written"):
        backup(house.url, house.target.parent / "nowhere" / "backup.db")
    with pytest.raises(BadInput, match="there is no backup"):
        restore(house.url, house.target)
