"""Slack passes the suite of the platforms, over Socket Mode and over signed HTTP, on a Slack of our own on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.core.errors import RateLimited, Refused, Unreachable, Unsure
from tests.contract.platform_suite import PlatformSuite
from tests.contract.platform_world import World
from tests.wire.slack_world import SlackWorld


class TestOverHttp:
    """The same over signed requests: what differs is how it gets here and how it is acknowledged."""

    @pytest.fixture
    async def world(self) -> AsyncIterator[SlackWorld]:
        world = SlackWorld(over_http=True)
        try:
            await world.open()
            yield world
        finally:
            await world.close()

    test_somebody_joins_the_channel = PlatformSuite.test_somebody_joins_the_channel
    test_a_message_that_names_the_bot = PlatformSuite.test_a_message_that_names_the_bot
    test_a_command = PlatformSuite.test_a_command
    test_that_could_not_be_kept = PlatformSuite.test_an_event_that_could_not_be_kept_comes_again_with_the_same_id
    test_a_button_is_pressed = PlatformSuite.test_a_button_is_shown_and_pressed
    test_every_kind_of_field = PlatformSuite.test_every_kind_of_field_is_filled_in
    test_a_form_stays_open = PlatformSuite.test_a_form_stays_open_while_the_answer_is_a_form
    delivery, send = PlatformSuite.delivery, PlatformSuite.send


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
