"""The store that the contract suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.contract.store_house import SECRET


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store; another kind of database is another parameter and another address."""
    url = f"sqlite:///{tmp_path / 'allant.db'}" if request.param == "file" else "sqlite://"
    opened = await Store.open(url, secret=SECRET)
    yield opened
    await opened.close()
