"""`allant export faq`: the answers written in chat, as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.core.errors import BadInput
from bot.settings import Settings, read_settings

err = Console(stderr=True, highlight=False)


def register(exports: typer.Typer) -> None:
    """Add the command to ``allant export``."""
    exports.command("faq")(export_faq)


def export_faq(
    target: Annotated[Path | None, typer.Option("--out", help="The folder to write to (default: print them).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite files without asking.")] = False,
) -> None:
    """Write the approved answers of the FAQ that were written in chat as Markdown files of content/faq."""
    from bot.importing import write

    files = asyncio.run(files_from_chat(read_settings()))
    if not files:
        err.print("No answer written in chat is approved.")
    for name, text in files:
        if target is None:
            print(f"==> {name} <==\n{text}")  # noqa: T201  # The command's output.
            continue
        if (target / name).exists() and not yes and not typer.confirm(f"{target / name} exists. Overwrite it?"):
            continue
        write(target / name, text)
        err.print(f"{target / name}")
    if target is not None and files:
        err.print("A file comes before the answer of the same name in chat: `allant check`, then delete those.")


async def files_from_chat(settings: Settings) -> list[tuple[str, str]]:
    """The names and texts of the files; of every workspace, as the library serves them. Raises BadInput."""
    from bot.forecast import has_database
    from bot.library import file_of
    from bot.store import Store

    if not has_database(settings):
        raise BadInput(f"nothing was written in chat yet: Allant has not run with {settings.database_url}")
    store = await Store.open(settings.database_url, secret=settings.secret())
    try:
        return [file_of(entry) for kept in await store.answers.approved() for entry in kept.entries()]
    finally:
        await store.close()
