"""The commands that bring signals and teams in from files of other programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot.core.errors import BadInput
from bot.core.refs import MemberRef, WorkspaceRef
from bot.settings import Settings, read_settings
from bot.signals.plain_file import PlainFile, read_signals, read_teams

out = Console(highlight=False)

Into = Annotated[str, typer.Option("--workspace", help="Where they belong, written platform/workspace.")]


def register(imports: typer.Typer, db: typer.Typer) -> None:
    """Add the commands to ``allant import`` and ``allant db``."""
    db.command("erasures")(write_erasures)
    imports.command("signals")(import_signals)
    imports.command("teams")(import_teams)


def import_signals(
    file: Annotated[Path, typer.Argument(help="A .csv or .jsonl file: see the administrator's guide.")],
    workspace: Into = "",
) -> None:
    """Read what happened elsewhere into signals: at, what, member, channel, id, reply_to. Twice changes nothing."""
    place = _workspace(workspace, file)
    read = read_signals(file, place)
    new = asyncio.run(_record(read_settings(), read))
    left = len(read.signals) - new
    out.print(
        f"{escape(str(place))}: {len(read.signals):,} lines, {new:,} new, {left:,} counted before or not counted."
    )


def import_teams(
    file: Annotated[Path, typer.Argument(help="A .csv file with the columns member (an id) and team.")],
    workspace: Into,
) -> None:
    """Say who belongs to which team, for the figures about talk across teams. Whoever is not named keeps theirs."""
    teams = read_teams(file, _workspace(workspace, file))
    known = asyncio.run(_assign(read_settings(), teams))
    out.print(f"{known:,} of {len(teams):,} people are known here, and have their team now.")


async def _record(settings: Settings, read: PlainFile) -> int:
    from bot.history import opened

    async with opened(settings) as store:
        await store.introduce([*read.members, *read.channels])
        return await store.record_signals(read.signals)


async def _assign(settings: Settings, teams: dict[MemberRef, str]) -> int:
    from bot.history import opened

    async with opened(settings) as store:
        return await store.assign_teams(teams)


def _workspace(text: str, file: Path) -> WorkspaceRef:
    try:
        return WorkspaceRef.parse(text) if text else WorkspaceRef("file", file.stem.replace("/", "-") or "import")
    except ValueError:
        raise BadInput(f"--workspace {text}: write platform/workspace") from None


def write_erasures(target: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write the list of who asked to be forgotten or not to be counted, without a name, to keep apart from backups.

    `allant db restore --erasures FILE` erases them again from a backup that is older."""
    from bot.history import write_erasures as write

    out.print(f"{write(read_settings(), target):,} erasures written to {escape(str(target))}.")
