"""The whole of Allant on local-slack, over signed HTTP, as `allant run` serves it: what people see in Slack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.service import serve
from bot.settings import Settings, starter_folder
from bot.slack_setup import doctor
from tests.servers import process
from tests.servers.local_slack import (
    BOT,
    BOT_TOKEN,
    GENERAL,
    PATIENCE,
    SIGNING_SECRET,
    TEAM,
    Json,
    LocalSlack,
    local_slack,
)
from tests.servers.slack_world import states
from tests.wire.slack_people import labels_of, text_of

pytestmark = pytest.mark.servers

ADA, EVE = (LocalSlack.id_of(name) for name in ("Ada", "Eve"))
CHLOE = "U0CHLOE"
"""Not there yet."""
FILES = {
    "policy.yaml": """
policy: {zone: UTC, quiet_from: "00:00", quiet_to: "00:00", channel_day: 50, channel_week: 50, member_day: 50,
  member_week: 50, working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}
""",
    "welcome.yaml": "welcome: {channels: [general], window_minutes: 10}",
    "channels.yaml": "channels: {general: {tags: [everyone], language: both}, help: {tags: [help]}}",
}


class Community:
    """local-slack with Allant in it. Ada administers it."""

    def __init__(self, slack: LocalSlack, settings: Settings) -> None:
        self.slack = slack
        self.settings = settings

    async def told(self, person: str, words: str) -> Json:
        """What the bot says to somebody alone with these words in it, waiting for it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for each in await self.slack.told(person):
                    if words in text_of(each):
                        return each
                await asyncio.sleep(0.05)

    async def shown(self, person: str, words: str) -> Json:
        """What the bot answers in #general. That it is for one person is not kept here where Slack's own default
        (answers to commands are for whoever gave them) says so."""
        return await self.slack.until(
            lambda messages: next(
                (each for each in messages if each.get("ephemeral_to", person) == person and words in text_of(each)),
                None,
            ),
            GENERAL,
        )

    async def form(self) -> Json:
        async with asyncio.timeout(PATIENCE):
            while (view := await self.slack.modal()) is None:  # noqa: ASYNC110  # It has no event.
                await asyncio.sleep(0.05)
            return view

    async def home(self, person: str, words: str) -> Json:
        async with asyncio.timeout(PATIENCE):
            while True:
                shown = await self.slack.home(person)
                if shown is not None and words in text_of(shown):
                    return shown
                await asyncio.sleep(0.05)


@pytest.fixture
async def community(tmp_path: Path) -> AsyncIterator[Community]:
    schedules = tmp_path / "schedules"
    schedules.mkdir()
    for name, text in FILES.items():
        (schedules / name).write_text(text, encoding="utf-8")
    port = process.free_port()
    public_url = f"http://127.0.0.1:{port}"
    with local_slack(tmp_path / "server", request_url=f"{public_url}/hooks/slack/events") as url:
        slack = LocalSlack(url, f"{public_url}/hooks/slack/events")
        settings = Settings(
            database_url=f"sqlite:///{tmp_path / 'allant.db'}",
            secret_file=tmp_path / "allant.key",
            content_dir=starter_folder("content"),
            schedules_dir=schedules,
            port=port,
            public_url=public_url,
            admins=(f"slack/{TEAM}/{ADA}",),
            language="en",
            slack_api_url=slack.api_url,
            slack_bot_token=SecretStr(BOT_TOKEN),
            slack_signing_secret=SecretStr(SIGNING_SECRET),
        )
        stop, ready = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(serve(settings, stop, say=lambda _: ready.set()))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            assert ready.is_set(), serving.exception()
            yield Community(slack, settings)
        finally:
            stop.set()
            waiting.cancel()
            with contextlib.suppress(Exception):
                await serving
            await slack.close()


async def test_a_newcomer_is_welcomed_in_their_language(community: Community) -> None:
    await community.slack.arrives(CHLOE, "Chloé", locale="fr-FR")
    welcome = await community.told(CHLOE, "bienvenue")
    assert welcome["user"] == BOT
    assert "Chloé" in text_of(welcome)


async def test_a_question_is_answered_where_it_is_asked(community: Community) -> None:
    ts = await community.slack.say(EVE, GENERAL, f"<@{BOT}> how do I mute a channel?")
    answer = await community.slack.until(
        lambda messages: next((each for each in messages if each.get("thread_ts") == ts and each["user"] == BOT), None),
        GENERAL,
    )
    assert "mute" in text_of(answer).lower()


async def test_a_question_asked_alone_is_answered(community: Community) -> None:
    await community.slack.say(EVE, EVE, "how do I mute a channel?")
    answer = await community.told(EVE, "ute")
    assert "mute" in text_of(answer).lower()


async def test_a_command_is_answered_to_whoever_gave_it_and_a_button_pressed(community: Community) -> None:
    await community.slack.slash(EVE, GENERAL, "hepl")
    answer = await community.shown(EVE, "I do not know this command")
    await community.slack.press(EVE, GENERAL, answer["ts"], labels_of(answer)[0])
    assert "/allant" in text_of(await community.shown(EVE, "What you may ask of me"))


async def test_an_administrator_learns_what_is_amiss_and_how_to_mend_it(community: Community) -> None:
    told = await community.told(ADA, "in my way here")
    assert "#help (channels.yaml)" in text_of(told)
    await community.slack.slash(ADA, GENERAL, "checkup")
    shown = text_of(await community.shown(ADA, "looked at"))
    assert "I speak as allant in Acme (slack/T0001)" in shown
    assert "Create them, or correct the files" in shown


async def test_an_item_is_planned_in_a_modal(community: Community) -> None:
    await community.slack.slash(ADA, GENERAL, "calendar add")
    form = await community.form()
    filled = {
        "field:to": [GENERAL],
        "field:repeat": "once",
        "field:day": "2031-03-04",
        "field:time": "10:00",
        "field:en": "Time for tea",
        "field:fr": "C’est l’heure du thé",
        "field:then": "approve",
    }
    assert filled.keys() <= {each.get("block_id") for each in form["blocks"]}
    await community.slack.submit(ADA, states(form, filled))
    planned = await community.shown(ADA, "is approved")
    assert "Tuesday 4 March 2031, 10:00" in text_of(planned)
    assert "Undo" in labels_of(planned)
    assert await community.slack.modal() is None


async def test_each_person_has_a_home(community: Community) -> None:
    await community.slack.control("open-home", user=ADA)
    home = await community.home(ADA, "Coming up")
    assert "Health" in text_of(home)
    assert "Parler français" in labels_of(home)
    await community.slack.control("open-home", user=EVE)
    assert "Health" not in text_of(await community.home(EVE, "Coming up"))


async def test_the_doctor_calls_allant_as_slack_does(community: Community) -> None:
    (report,) = await doctor(community.settings)
    found = {each.key: each for each in report.findings}
    assert report.fails
    assert found["no_channel"].values["names"] == "#help (channels.yaml)"
    assert found["hook"].values["url"] == community.slack.request_url
    assert {"token", "clock", "admins"} <= set(found)
