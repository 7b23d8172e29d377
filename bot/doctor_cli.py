"""`allant doctor`: the command that shows what :mod:`bot.doctor` finds."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bot.settings import read_settings

out = Console(highlight=False)


def register(cli: typer.Typer) -> None:
    """Add the command to ``allant``."""
    cli.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Look at what is configured: what works, what is missing, and how to mend it. Exit code 1 when something fails."""
    from bot import doctor as doctors

    found = doctors.examine(read_settings())
    if as_json:
        data = [{"what": each.what, "state": each.state, "says": each.says, "mend": each.mend} for each in found]
        print(json.dumps({"findings": data}, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
    else:
        # The name of a setting is read to its end: it folds rather than being cut.
        table = Table("What", "", Column("Finding", overflow="fold"), Column("How to mend it", overflow="fold"))
        colours = {"ok": "green", "off": "dim", "warn": "yellow", "fail": "red"}
        for each in found:
            table.add_row(each.what, f"[{colours[each.state]}]{each.state}[/]", escape(each.says), escape(each.mend))
        out.print(table)
    raise typer.Exit(1 if any(each.state == "fail" for each in found) else 0)
