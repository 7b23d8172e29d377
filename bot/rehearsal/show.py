"""A rehearsal as tables for people and as data for other programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from bot.rehearsal.play import Rehearsal
from bot.rehearsal.simulate import Played
from bot.rehearsal.troubles import Severity, Trouble

_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def as_data(rehearsal: Rehearsal) -> dict[str, Any]:
    """Moments in ISO 8601; those called local are on the clock of the channel."""
    return {
        "since": rehearsal.since.isoformat(),
        "until": rehearsal.until.isoformat(),
        "workspace": None if rehearsal.from_files_only else str(rehearsal.workspace),
        "posts": [_post_data(each) for each in rehearsal.played],
        "problems": [_trouble_data(each) for each in rehearsal.troubles],
        "counts": {severity.name.lower(): count for severity, count in _counts(rehearsal).items()},
    }


def _post_data(played: Played) -> dict[str, Any]:
    post = played.post
    return {
        "item": post.item.id,
        "file": post.item.file,
        "line": post.item.line,
        "channel": post.place,
        "at": post.at.isoformat(),
        "local": post.local.replace(tzinfo=None).isoformat(timespec="minutes"),
        "zone": post.channel.zone,
        "languages": list(post.languages),
        "characters": len(post.text),
        "outcome": played.outcome,
        "outcome_at": played.at.isoformat(),
        "reason": played.reason,
    }


def _trouble_data(trouble: Trouble) -> dict[str, Any]:
    return {
        "code": trouble.code,
        "severity": trouble.severity.name.lower(),
        "file": trouble.file,
        "line": trouble.line,
        "item": trouble.item,
        "channel": trouble.channel,
        "reason": trouble.reason,
        "mend": trouble.mend,
        "moments": [moment.isoformat() for moment in trouble.moments],
    }


def _counts(rehearsal: Rehearsal) -> dict[Severity, int]:
    return {severity: sum(each.severity is severity for each in rehearsal.troubles) for severity in Severity}


def as_tables(rehearsal: Rehearsal) -> RenderableType:
    """Every post in order, then what stands in the way, the worst first."""
    span = f"{rehearsal.since:%Y-%m-%d} to {rehearsal.until:%Y-%m-%d}"
    parts: list[RenderableType] = []
    if rehearsal.from_files_only:
        parts.append("No database yet: the channels are those of channels.yaml, and who is responsible is not checked.")
    parts.append(_posts_table(rehearsal, f"{len(rehearsal.played)} posts from {span}"))
    if not rehearsal.troubles:
        return Group(*parts, "[green]Nothing stands in the way.[/green]")
    counts = _counts(rehearsal)
    title = ", ".join(f"{count} {severity.name.lower()}s" for severity, count in counts.items() if count)
    return Group(*parts, _troubles_table(rehearsal.troubles, title))


def _posts_table(rehearsal: Rehearsal, title: str) -> Table:
    table = Table("When (local)", "Channel", "Item", "Language", "Length", "", title=title, title_justify="left")
    for each in rehearsal.played:
        post = each.post
        zone = post.at.astimezone(ZoneInfo(post.channel.zone)).tzname()
        length = str(len(post.text))
        row = (f"{post.local:%a %Y-%m-%d %H:%M} {zone}", escape(post.place), post.item.id)
        table.add_row(*row, "+".join(post.languages), length, _outcome(each))
    return table


def _outcome(played: Played) -> str:
    if played.outcome == "out":
        return ""
    if played.outcome == "held_back":
        return "[red]held back[/red]"
    local = played.at.astimezone(ZoneInfo(played.post.channel.zone))
    return f"[yellow]→ {local:%a %m-%d %H:%M}[/yellow]"


def _troubles_table(troubles: list[Trouble], title: str) -> Table:
    table = Table("Where", "What", "How to mend it", title=title, title_justify="left")
    for each in troubles:
        style = _STYLES[each.severity]
        what = f"[{style}]{each.severity.name.lower()}[/{style}] {each.code}\n"
        what += escape(f"{each.item}: {each.reason}" if each.item else each.reason) + _times(each.moments)
        table.add_row(escape(each.where), what, escape(each.mend))
    return table


def _times(moments: tuple[datetime, ...]) -> str:
    if not moments:
        return ""
    first = f"{moments[0]:%Y-%m-%d}"
    return f" ({first})" if len(moments) == 1 else f" ({len(moments)} times, first on {first})"
