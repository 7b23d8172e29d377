"""The adapter passes the platforms' suite on local-slack, as far as local-slack goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.errors import Refused
from tests.contract.platform_suite import PlatformSuite
from tests.contract.platform_world import World
from tests.servers.local_slack import LocalSlack, local_slack
from tests.servers.slack_world import LocalSlackWorld

pytestmark = pytest.mark.servers
LACKING = {
    "test_somebody_joins": "it sends nobody's coming",
    "test_somebody_joins_the_channel": "the same",
    "test_an_event_that_could_not_be_kept_comes_again_with_the_same_id": "it brings nothing twice",
    "test_a_key_is_looked_up": "it keeps no metadata",
    "test_a_form_stays_open_while_the_answer_is_a_form": "it keeps neither what was filled in nor what is wrong",
    "test_a_button_in_a_form_gives_its_command_with_what_is_filled_in": "it presses buttons of messages only",
    "test_a_button_in_a_home_is_pressed": "the same",
}
"""What of the suite cannot be shown here, and why; our own Slack on the wire shows it."""


class TestLocalSlack(PlatformSuite):
    troubles = (Refused,)

    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[World]:
        with local_slack(tmp_path / "server") as url:
            server = LocalSlack(url, "")
            world = LocalSlackWorld(server)
            try:
                await world.open()
                yield world
            finally:
                await world.close()
                await server.close()


for name in LACKING:
    setattr(TestLocalSlack, name, None)
