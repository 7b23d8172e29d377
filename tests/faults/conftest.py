"""What the trials with real processes stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.judge import Judge
from tests.faults.nursery import Nursery


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with Judge().serving() as serving:
        yield serving
