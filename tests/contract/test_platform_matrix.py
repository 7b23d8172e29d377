"""Matrix passes the suite of the platforms, on a real homeserver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.errors import Refused, Unreachable, Unsure
from tests.contract.platform_suite import PlatformSuite
from tests.contract.platform_world import World
from tests.wire.matrix_world import MatrixWorld
from tests.wire.synapse import Synapse


class TestMatrix(PlatformSuite):
    troubles = (Refused, Unsure, Unreachable)

    @pytest.fixture
    async def world(self, synapse: Synapse, tmp_path: Path) -> AsyncIterator[World]:
        world = MatrixWorld(synapse, tmp_path)
        try:
            await world.open()
            yield world
        finally:
            await world.close()
