"""The command that makes a report: as a page, a table, data or a picture."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from bot.core.errors import BadInput
from bot.settings import read_settings

out = Console(highlight=False, stderr=True)
Format = Literal["html", "csv", "json", "png"]


def register(cli: typer.Typer) -> None:
    """Add the command to ``allant``."""
    cli.command()(report)


def report(
    period: Annotated[
        str, typer.Option(help="week or month (the last whole one), or such as 2026-W47 or 2026-10.")
    ] = "week",
    chosen: Annotated[Format, typer.Option("--format", help="html (self-contained), csv, json or png.")] = "html",
    target: Annotated[Path | None, typer.Option("--out", help="The file to write (default: print it).")] = None,
    language: Annotated[Literal["fr", "en"], typer.Option("--language", "-l", help="fr or en.")] = "en",
    workspace: Annotated[
        str, typer.Option("--workspace", help="platform/workspace; needed only when the database holds several.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file without asking.")] = False,
) -> None:
    """How a week or a month went, and the way to each goal. No figure is about fewer than 5 people.

    The pictures need `pip install 'allant[reports]'`; a page without it is words and tables. The JSON is described in
    docs/report-json.md."""
    from bot import reporting

    kind: Format = "json" if as_json else chosen
    if target is not None and target.exists() and not yes:
        typer.confirm(f"{target} exists. Overwrite it?", abort=True, err=True)
    if kind == "png" and target is None and sys.stdout.isatty():
        raise BadInput("a picture is no text: name a file with --out report.png")
    made = asyncio.run(
        reporting.make(
            read_settings(), period=period, kind=kind, language=language, workspace=workspace, now=datetime.now(UTC)
        )
    )
    if target is None:
        sys.stdout.buffer.write(made)
        sys.stdout.buffer.flush()
        return
    try:
        target.write_bytes(made)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror}") from None
    out.print(f"Written: {escape(str(target))}")
