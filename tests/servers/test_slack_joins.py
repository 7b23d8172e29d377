"""Who comes and goes, the scopes we ask for, and OAuth, on emulate's Slack, as `allant run` serves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.core.checkup import Gravity
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.service import serve
from bot.settings import Settings, starter_folder
from bot.slack_setup import doctor, scopes_needed, workspaces
from bot.store import Store
from tests.servers import process
from tests.servers.emulate_slack import (
    BOT_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    SIGNING_SECRET,
    TEAM,
    EmulateSlack,
    emulate_slack,
)
from tests.servers.test_slack_whole import FILES

pytestmark = pytest.mark.servers
PATIENCE = 20.0
ACME = WorkspaceRef("slack", TEAM)


class House:
    """A served Allant beside emulate's Slack."""

    def __init__(self, slack: EmulateSlack, settings: Settings) -> None:
        self.slack = slack
        self.settings = settings

    async def until(self, so: Callable[[Store], Awaitable[bool]]) -> None:
        """Until the database says so."""
        store = await Store.open(self.settings.database_url, secret=self.settings.secret())
        try:
            async with asyncio.timeout(PATIENCE):
                while not await so(store):  # noqa: ASYNC110  # Another process may have written it.
                    await asyncio.sleep(0.1)
        finally:
            await store.close()

    async def answers(self, channel: str, thread: str) -> list[str]:
        """What was answered in a thread."""
        said = (await self.slack.act("alice", "conversations.replies", channel=channel, ts=thread))["messages"]
        return [str(each["text"]) for each in said if each["ts"] != thread]


@contextlib.asynccontextmanager
async def house(folder: Path, *, installed: bool) -> AsyncIterator[House]:
    """``installed``: with the bot's token in the settings, else the workspace has to connect itself."""
    schedules = folder / "schedules"
    schedules.mkdir()
    for name, text in FILES.items():
        (schedules / name).write_text(text, encoding="utf-8")
    port = process.free_port()
    public_url = f"http://127.0.0.1:{port}"
    with emulate_slack(
        folder / "server",
        scopes=scopes_needed(),
        event_url=f"{public_url}/hooks/slack/events",
        redirect_url=f"{public_url}/hooks/slack/oauth",
    ) as url:
        slack = EmulateSlack(url)
        settings = Settings(
            database_url=f"sqlite:///{folder / 'allant.db'}",
            secret_file=folder / "allant.key",
            content_dir=starter_folder("content"),
            schedules_dir=schedules,
            port=port,
            public_url=public_url,
            language="en",
            slack_api_url=slack.api_url,
            slack_signing_secret=SecretStr(SIGNING_SECRET),
            slack_bot_token=SecretStr(BOT_TOKEN if installed else ""),
            slack_client_id="" if installed else CLIENT_ID,
            slack_client_secret=SecretStr("" if installed else CLIENT_SECRET),
        )
        stop, ready = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(serve(settings, stop, say=lambda _: ready.set()))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            assert ready.is_set(), serving.exception()
            yield House(slack, settings)
        finally:
            stop.set()
            waiting.cancel()
            with contextlib.suppress(Exception):
                await serving
            await slack.close()


async def test_the_doctor_sees_where_the_bot_is_missing_and_that_it_was_invited(tmp_path: Path) -> None:
    async with house(tmp_path, installed=True) as play:
        general = await play.slack.channel("general")
        (before,) = await doctor(play.settings)
        found = {each.key: each for each in before.findings}
        assert found["not_in_channel"].values == {"names": "#general", "bot": "allant"}
        assert {found[key].gravity for key in ("token", "hook")} == {Gravity.WELL}
        await play.slack.act("alice", "conversations.join", channel=general)
        await play.slack.act("alice", "conversations.invite", channel=general, users=await play.slack.id_of("bot"))
        (after,) = await doctor(play.settings)
        assert "not_in_channel" not in {each.key for each in after.findings}


async def test_the_scopes_we_ask_for_suffice_to_answer_a_question(tmp_path: Path) -> None:
    async with house(tmp_path, installed=True) as play:
        general, bot = await play.slack.channel("general"), await play.slack.id_of("bot")
        await play.slack.act("alice", "conversations.join", channel=general)
        await play.slack.act("alice", "conversations.invite", channel=general, users=bot)
        question = f"<@{bot}> how do I mute a channel?"
        asked = await play.slack.act("alice", "chat.postMessage", channel=general, text=question)
        async with asyncio.timeout(PATIENCE):
            while not (said := await play.answers(general, asked["ts"])):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert "mute" in said[0].lower()


async def test_somebody_who_enters_a_channel_becomes_known_by_name(tmp_path: Path) -> None:
    async with house(tmp_path, installed=True) as play:
        slack, random = play.slack, await play.slack.channel("random")
        carol = MemberRef(ACME, await slack.id_of("carol"))
        await slack.act("carol", "users.profile.set", profile={"display_name": "Carole"})
        await slack.act("carol", "conversations.join", channel=random)

        async def known(store: Store) -> bool:
            member = await store.members.get(carol)
            return member is not None and member.name == "Carole"

        await play.until(known)


async def test_a_workspace_connects_itself_by_oauth(tmp_path: Path) -> None:
    async with house(tmp_path, installed=False) as play:
        async with httpx.AsyncClient(base_url=play.settings.public_url) as browser:
            sent = await browser.get("/hooks/slack/install")
            back = await play.slack.agree(sent.headers["location"], "bob")
            done = await browser.get(back)
        assert "Allant is connected to Acme" in done.text
        (kept,) = await workspaces(play.settings)
        assert kept.workspace == ACME
        bob = MemberRef(ACME, await play.slack.id_of("bob"))
        general = ChannelRef(ACME, await play.slack.channel("general"))

        async def listened_to(store: Store) -> bool:
            member = await store.members.get(bob)
            return member is not None and member.name != "" and await store.channels.get(general) is not None

        await play.until(listened_to)
        reports = await doctor(play.settings)
        assert [each.title for each in reports] == ["", "Acme (slack/T000000001)"]
        assert "token" in {each.key for each in reports[1].findings}
