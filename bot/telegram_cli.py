"""``allant telegram``: how the bot stands with Telegram, and how to mend what is wrong."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot.core.errors import BadInput
from bot.settings import read_settings

out = Console(highlight=False)
telegram = typer.Typer(help="Telegram: what is set up, what is wrong, how to mend it.", no_args_is_help=True)
_MARKS = {"fine": "[green]ok  [/]", "note": "[yellow]note[/]", "wrong": "[red]bad [/]"}


def register(cli: typer.Typer) -> None:
    """Add the commands to ``allant``."""
    cli.add_typer(telegram, name="telegram")


@telegram.callback()
def _telegram() -> None:
    """Telegram: what is set up, what is wrong, how to mend it."""


@telegram.command()
def doctor(
    webhook: Annotated[
        bool | None, typer.Option(help="Look as if ALLANT_TELEGRAM_WEBHOOK were so (default: as it is set).")
    ] = None,
) -> None:
    """Look at the token, privacy mode, webhook or polling, the clock, and the bot's rights in each of its groups.

    Nothing is changed, and no update is taken from a bot that runs. Ends with 1 when something is wrong.
    """
    chosen = {} if webhook is None else {"telegram_webhook": webhook}
    settings = read_settings(**chosen)
    if not settings.telegram_token.get_secret_value():
        raise BadInput(
            "ALLANT_TELEGRAM_TOKEN is not set: talk to @BotFather on Telegram, send /newbot, and put the token it "
            "gives you into .env (docs/telegram.md goes through it)"
        )
    from bot.telegram_setup import look

    found = asyncio.run(look(settings))
    for each in found:
        out.print(f"{_MARKS[each.state]} {escape(each.said)}")
        if each.mend:
            out.print(f"     [dim]→ {escape(each.mend)}[/]")
    wrong = sum(each.state == "wrong" for each in found)
    out.print("Nothing is wrong." if not wrong else f"{wrong} to mend.")
    if wrong:
        raise typer.Exit(1)
