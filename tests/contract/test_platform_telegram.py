"""Telegram passes the suite of the platforms, on a small Bot API on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.core.errors import Refused, Unreachable, Unsure
from tests.contract.platform_suite import PlatformSuite
from tests.contract.platform_world import World
from tests.wire.telegram_server import BotApi
from tests.wire.telegram_world import TelegramWorld


class TestTelegram(PlatformSuite):
    troubles = (Refused, Unsure, Unreachable)

    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with BotApi().serving() as api:
            world = TelegramWorld(api)
            try:
                await world.open()
                yield world
            finally:
                await world.close()
