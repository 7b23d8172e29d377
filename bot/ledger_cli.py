"""The commands over the ledger: what went out and what did not, and the pause of everything."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.core.delivery import State
from bot.core.errors import BadInput
from bot.core.ledger import Pause, Query
from bot.core.refs import WorkspaceRef
from bot.core.spans import read_span
from bot.settings import read_settings

out = Console(highlight=False)
MOST = 100_000
"""Rows in one answer."""

Only = Annotated[str, typer.Option("--workspace", help="Only this one, written platform/workspace (default: all).")]


def register(cli: typer.Typer) -> None:
    """Add the commands to ``allant``."""
    cli.command()(deliveries)
    cli.command()(pause)
    cli.command()(resume)


def deliveries(
    channel: Annotated[str, typer.Option(help="Only to this channel, by name or id.")] = "",
    feature: Annotated[str, typer.Option(help="Only of this practice: calendar, welcome, nudge, watch …")] = "",
    state: Annotated[
        list[State] | None, typer.Option(help="Only in this state; may be given several times.", case_sensitive=False)
    ] = None,
    since: Annotated[str, typer.Option(help="Not before: 2d, 12h, or 2026-11-20 (UTC).")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many, the latest first.")] = 20,
    workspace: Only = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """The ledger: what went out, what waits, what did not arrive, and why. No word of any message is shown."""
    from bot import ledger_view

    query = Query(
        workspace=_workspace(workspace),
        features=(feature,) if feature else (),
        states=tuple(state or ()),
        since=_since(since),
        # Who asked what, and when, is nobody's business.
        answers=False,
        limit=limit,
    )
    rows = asyncio.run(ledger_view.listed(read_settings(), query, channel))
    if as_json:
        found = [each.as_json() for each in rows]
        print(json.dumps({"deliveries": found}, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
        return
    if not rows:
        out.print("Nothing of the kind in the ledger.")
        return
    table = Table("No.", "When (UTC)", "Practice", "What", "Where", "State", "Why", title_justify="left")
    for each in rows:
        table.add_row(*(escape(cell) for cell in each.as_row()))
    out.print(table)


Words = Annotated[
    list[str] | None, typer.Argument(help="“everything”, as in the chat, also with “for 2 hours”; may be left out.")
]


def pause(
    words: Words = None,
    span: Annotated[str, typer.Option("--for", help="For so long, such as 2h or “3 days”; else until resumed.")] = "",
    workspace: Only = "",
) -> None:
    """Stop everything unasked, on every platform, within seconds; answers and notices go on. Survives restarts."""
    from bot import ledger_view

    said = _everything("pause", words)
    if span and said:
        raise BadInput(f"--for {span}: it was said already: for {said}")
    length = read_span(span or said) if span or said else None
    if (span or said) and length is None:
        raise BadInput(f"--for {span or said}: write such as 2h, “30 min” or “3 days”")
    chosen, now = _workspace(workspace), datetime.now(UTC)
    until = now + length if length else None

    asyncio.run(ledger_view.pause(read_settings(), Pause(now, until, everywhere=chosen is None), chosen))
    end = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until `allant resume`"
    out.print(
        f"Paused {escape(str(chosen)) if chosen else 'everything'} {end}: no welcome, post, prompt or news goes out. "
        "Answers and notices go on; what falls due waits, and what is then too late is held back."
    )


def resume(words: Words = None, workspace: Only = "") -> None:
    """End the pause: what waited goes out under its rules."""
    from bot import ledger_view

    rest = _everything("resume", words)
    if rest:
        raise BadInput(f"resume {rest}: only everything is resumed here; an item is resumed in the chat")
    chosen = _workspace(workspace)
    waiting = asyncio.run(ledger_view.resume(read_settings(), datetime.now(UTC), chosen))
    if waiting is None:
        alone = f"{escape(str(chosen))} was not paused by itself" if chosen else "Nothing was paused as a whole"
        out.print(f"{alone}; nothing has changed.")
        return
    out.print(f"Resumed {escape(str(chosen)) if chosen else 'everything'}; {waiting} that waited may go out now.")


def _everything(command: str, words: list[str] | None) -> str:
    """The span after “everything” and “for”, as they are written in the chat, in either language; empty for none."""
    rest = list(words or [])
    if rest and rest[0].casefold() in ("everything", "tout"):
        del rest[0]
    elif rest:
        raise BadInput(
            f"{command} {rest[0]}: only everything is paused here, or a --workspace; an item is paused in the chat"
        )
    if rest and rest[0].casefold() in ("for", "pendant", "during", "durant"):
        del rest[0]
    return " ".join(rest)


def _workspace(text: str) -> WorkspaceRef | None:
    try:
        return WorkspaceRef.parse(text) if text else None
    except ValueError:
        raise BadInput(f"--workspace {text}: write platform/workspace") from None


def _since(text: str) -> datetime | None:
    if not text:
        return None
    span = read_span(text)
    if span is not None:
        return datetime.now(UTC) - span
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"--since {text}: write such as 2d, 12h, or 2026-11-20") from None
