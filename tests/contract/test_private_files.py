"""What holds people's names or a secret is readable by its owner only, from the moment it exists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.clock import SystemClock
from bot.platforms.matrix.session import Session, SessionFile
from bot.platforms.playground import PlaygroundServer
from bot.private import make_private
from bot.settings import read_settings
from bot.store import Store
from bot.store.backup import backup, restore
from tests.contract.store_house import SECRET, at_home


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    """The most generous habits a machine may have."""
    former = os.umask(0)
    yield
    os.umask(former)


def modes(folder: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}


async def test_the_database_and_its_companions(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    try:
        await at_home(store)
        assert modes(tmp_path) == {"allant.db": 0o600, "allant.db-wal": 0o600, "allant.db-shm": 0o600}
    finally:
        await store.close()


async def test_backups_and_what_is_restored_from_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    await (await Store.open(url, secret=SECRET)).close()
    backup(url, tmp_path / "backup.db")
    restore(url, tmp_path / "backup.db")
    found = modes(tmp_path)
    assert len(found) == 3  # The database, the backup, and the database from before.
    assert set(found.values()) == {0o600}


def test_the_playground(tmp_path: Path) -> None:
    server = PlaygroundServer(tmp_path / "playground.db", SystemClock())
    found = modes(tmp_path)
    server.close()
    assert "playground.db" in found
    assert set(found.values()) == {0o600}


def test_the_secret_and_the_matrix_session(tmp_path: Path) -> None:
    read_settings(secret_file=tmp_path / "allant.key").secret()
    SessionFile(tmp_path / "matrix.json").save(Session("https://example.org", "@bot:example.org", token="t"))
    assert modes(tmp_path) == {"allant.key": 0o600, "matrix.json": 0o600}


def test_a_file_that_exists_keeps_its_rights_and_its_content(tmp_path: Path) -> None:
    """Whoever gave a group the right to read it had a reason."""
    file = tmp_path / "allant.db"
    file.write_text("kept")
    file.chmod(0o640)
    make_private(file)
    assert (modes(tmp_path), file.read_text()) == ({"allant.db": 0o640}, "kept")


def test_what_cannot_be_made_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    make_private(tmp_path / "nowhere" / "allant.db")
    assert modes(tmp_path) == {}
