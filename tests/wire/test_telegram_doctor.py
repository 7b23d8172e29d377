"""`allant telegram doctor`: what it finds, and how it says to mend it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli
from bot.settings import Settings
from bot.telegram_setup import look
from tests.wire.telegram_chats import TOKEN
from tests.wire.telegram_house import RULES_NONE, house
from tests.wire.telegram_server import BotApi


def settings(api: BotApi, folder: Path, **more: object) -> Settings:
    return Settings(
        telegram_token=TOKEN,  # type: ignore[arg-type]  # pydantic makes a secret of it.
        telegram_api_url=api.url,
        database_url=f"sqlite:///{folder / 'allant.db'}",
        secret_file=folder / "allant.key",
        **more,  # type: ignore[arg-type]  # Each test names settings.
    )


async def test_all_is_well_where_the_bot_is_an_administrator(tmp_path: Path) -> None:
    async with BotApi().serving() as api:
        async with house(tmp_path, api, schedules=RULES_NONE) as play:
            await api.admit_bot(api.group("general"), api.user("Owner"))
            await play.settle()
        found = await look(settings(api, tmp_path))
        assert {each.state for each in found} == {"fine"}
        assert "general: the bot sees and says all it needs and may let people in" in [each.said for each in found]


async def test_what_is_wrong_is_named_with_what_to_do(tmp_path: Path) -> None:
    async with BotApi(privacy=True).serving() as api:
        async with house(tmp_path, api, schedules=RULES_NONE) as play:
            owner, silent, left = api.user("Owner"), api.group("general", bot="member"), api.group("old")
            for room in (silent, left):
                await api.admit_bot(room, owner)
            await play.settle()
        left.members.clear()
        api.webhook["url"] = "https://elsewhere.example.org/hook"
        found = {each.said: each for each in await look(settings(api, tmp_path))}
        said = "\n".join(found)
        assert "privacy mode is on" in said
        assert "general: sees commands only, sees neither reactions nor everybody who comes" in said
        assert "old: Forbidden: bot was kicked" in said
        assert "a webhook is set for this bot" in said
        assert all(each.mend for each in found.values() if each.state != "fine")
        by_webhook = settings(api, tmp_path, telegram_webhook=True, public_url="https://allant.example.org")
        assert "Telegram does not call this Allant" in "\n".join(each.said for each in await look(by_webhook))


async def test_the_command_shows_it_and_ends_with_one_when_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with BotApi().serving() as api:
        monkeypatch.setenv("ALLANT_TELEGRAM_API_URL", api.url)
        without = await asyncio.to_thread(CliRunner().invoke, cli, ["telegram", "doctor"])
        assert "BotFather" in str(without.exception)
        monkeypatch.setenv("ALLANT_TELEGRAM_TOKEN", TOKEN)
        right = await asyncio.to_thread(CliRunner().invoke, cli, ["telegram", "doctor"])
        assert right.exit_code == 0
        assert "@allant_test_bot" in right.output
        monkeypatch.setenv("ALLANT_TELEGRAM_TOKEN", TOKEN.replace("A", "B"))
        wrong = await asyncio.to_thread(CliRunner().invoke, cli, ["telegram", "doctor"])
        assert wrong.exit_code == 1
        assert "does not know this token" in wrong.output
        assert TOKEN.replace("A", "B") not in wrong.output
