"""Workspaces that connected themselves: kept sealed; and what is good once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.installations import Installed
from bot.core.refs import WorkspaceRef
from bot.store import Store
from tests.contract.store_house import ACME, NOW, OTHER, SECRET, on_disk

TOKEN = "xoxb-a-very-secret-token"


def installed(workspace: WorkspaceRef = ACME, token: str = TOKEN, minutes: int = 0) -> Installed:
    return Installed(
        workspace=workspace, name="Acme", credentials={"token": token}, at=NOW + timedelta(minutes=minutes)
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    yield store
    await store.close()


async def test_a_workspace_is_kept_and_its_token_cannot_be_read_on_the_disk(store: Store, tmp_path: Path) -> None:
    await store.installations.keep(installed(OTHER))
    await store.installations.keep(installed())
    assert await store.installations.all() == [installed(), installed(OTHER)]
    assert TOKEN.encode() not in on_disk(tmp_path)
    assert TOKEN not in repr(await store.installations.all())


async def test_connected_anew_it_takes_the_place_of_the_old(store: Store) -> None:
    await store.installations.keep(installed())
    await store.installations.keep(installed(token="another", minutes=5))
    assert await store.installations.all() == [installed(token="another", minutes=5)]


async def test_let_go_its_credentials_are_gone(store: Store) -> None:
    await store.installations.keep(installed())
    assert await store.installations.forget(ACME)
    assert not await store.installations.forget(ACME)
    assert await store.installations.all() == []


async def test_sealed_with_another_secret_they_are_named_and_not_used(store: Store, tmp_path: Path) -> None:
    await store.installations.keep(installed())
    other = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=b"another secret of thirty-two byte")
    assert await other.installations.all() == []
    assert await other.installations.unreadable() == [ACME]
    await other.close()
    assert await store.installations.unreadable() == []


async def test_a_token_moved_to_another_workspaces_row_does_not_open(store: Store, tmp_path: Path) -> None:
    await store.installations.keep(installed())
    with closing(sqlite3.connect(tmp_path / "allant.db")) as raw, raw:
        raw.execute("UPDATE installation SET workspace = ?", (str(OTHER),))
    assert await store.installations.all() == []


async def test_a_mark_is_good_once_also_for_many_at_once(store: Store) -> None:
    until = NOW + timedelta(minutes=10)
    asked = await asyncio.gather(*(store.installations.spend("mark", until, NOW) for _ in range(5)))
    assert sorted(asked) == [False, False, False, False, True]
    assert await store.installations.spend("another", until, NOW)


async def test_marks_worth_nothing_any_more_are_let_go(store: Store, tmp_path: Path) -> None:
    await store.installations.spend("a mark of old", NOW + timedelta(minutes=10), NOW)
    await store.installations.spend("new", NOW + timedelta(hours=2), NOW + timedelta(hours=1))
    with closing(sqlite3.connect(tmp_path / "allant.db")) as raw:
        assert raw.execute("SELECT mark FROM spent").fetchall() == [("new",)]
