"""What platforms put aside: sealed, for a while, erased with whom it is about; the same for every drawer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.actions import Forget
from bot.core.platform import Drawer
from bot.core.policy import PolicyRules
from bot.store import Store
from tests.contract.in_memory_drawer import InMemoryDrawer
from tests.contract.store_house import ACME, ALICE, BOB, SECRET, do, on_disk

LATER = timedelta(hours=1)


class DrawerSuite:
    """Subclass it, and override the fixture."""

    @pytest.fixture
    def drawer(self) -> Drawer:
        raise NotImplementedError

    async def test_what_was_put_is_there_until_its_moment(self, drawer: Drawer) -> None:
        now = datetime.now(UTC)
        assert await drawer.get("form/1") == ""
        await drawer.put("form/1", "words", until=now + LATER)
        await drawer.put("form/2", "old words", until=now - LATER)
        assert [await drawer.get("form/1"), await drawer.get("form/2")] == ["words", ""]
        await drawer.put("form/1", "others ✓", until=now + LATER)
        assert await drawer.get("form/1") == "others ✓"

    async def test_what_was_dropped_is_gone(self, drawer: Drawer) -> None:
        await drawer.put("a", "words", until=datetime.now(UTC) + LATER)
        await drawer.drop("a")
        await drawer.drop("never there")
        assert await drawer.get("a") == ""

    async def test_names_begin_as_asked_and_come_in_order(self, drawer: Drawer) -> None:
        until = datetime.now(UTC) + LATER
        for name in ("chat/-2", "chat/-10", "chatter", "person/1"):
            await drawer.put(name, "x", until=until)
        await drawer.put("chat/-3", "x", until=datetime.now(UTC) - LATER)
        assert await drawer.names("chat/") == ["chat/-10", "chat/-2"]


class TestInMemoryDrawer(DrawerSuite):
    @pytest.fixture
    def drawer(self) -> Drawer:
        return InMemoryDrawer()


class TestStoredDrawer(DrawerSuite):
    @pytest.fixture
    def drawer(self, store: Store) -> Drawer:
        return store.drawer(ACME)


async def test_it_is_sealed_and_another_secret_does_not_open_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    store = await Store.open(url, secret=SECRET)
    await store.drawer(ACME).put("a", "confidential-words", until=datetime.now(UTC) + LATER)
    await store.close()
    assert b"confidential-words" not in on_disk(tmp_path)
    other = await Store.open(url, secret=b"another secret, of thirty-two by")
    assert await other.drawer(ACME).get("a") == ""
    await other.close()


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    yield store
    await store.close()


async def test_it_goes_with_the_person_and_nothing_is_put_aside_about_them_again(kept: Store) -> None:
    drawer, until = kept.drawer(ACME), datetime.now(UTC) + LATER
    await drawer.put("filling/1", "hers", until=until, member=ALICE)
    await drawer.put("filling/2", "his", until=until, member=BOB)
    await do(kept, Forget(ALICE))
    assert [await drawer.get("filling/1"), await drawer.get("filling/2")] == ["", "his"]
    await drawer.put("filling/1", "hers again", until=until, member=ALICE)
    assert await drawer.get("filling/1") == ""


async def test_housekeeping_lets_go_of_what_is_over(kept: Store) -> None:
    drawer, now = kept.drawer(ACME), datetime.now(UTC)
    await drawer.put("old", "x", until=now - LATER)
    await drawer.put("new", "x", until=now + LATER)
    gone = await kept.housekeeper.tidy(now, PolicyRules(), [ACME])
    assert gone["put aside"] == 1
    assert await drawer.get("new") == "x"
