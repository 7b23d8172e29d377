"""The stores that the contract suites run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.contract.store_house import SECRET


@pytest.fixture(params=["sqlite", "postgres"])
def durable_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that outlives who has it open, one of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_address"))
    return f"sqlite:///{tmp_path / 'allant.db'}"


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def any_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind there is; another kind is another parameter."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_address"))
    return f"sqlite:///{tmp_path / 'allant.db'}" if request.param == "sqlite" else "sqlite://"


@pytest.fixture
async def store(any_address: str) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await Store.open(any_address, secret=SECRET)
    yield opened
    await opened.close()
