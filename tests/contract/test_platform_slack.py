"""Slack passes the suite of the platforms, over Socket Mode and over signed HTTP, on a Slack of our own on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.core.errors import RateLimited, Refused, Unreachable, Unsure
from tests.contract.platform_suite import PlatformSuite, World
from tests.wire.slack_world import SlackWorld


class TestSlack(PlatformSuite):
    troubles = (Refused, RateLimited, Unsure, Unreachable)

    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        world = SlackWorld()
        try:
            await world.open()
            yield world
        finally:
            await world.close()
