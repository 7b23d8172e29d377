"""What the commands over the past and the database do: imports, figures, the nudge's dry run, backups."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from bot.checking import rules_by_name
from bot.core.community import Channel
from bot.core.errors import BadInput
from bot.core.metrics import Report
from bot.core.policy import PolicyRules
from bot.core.refs import WorkspaceRef
from bot.library import ContentLibrary
from bot.settings import Settings, starter_folder
from bot.signals import as_json, as_rows, effect_rows, read_export, week_rows
from bot.store import Store, erasures, migrate
from bot.store import backup as backups
from bot.store import move as moves
from bot.store.dialect import shown
from bot.store.rows import Progress
from bot.timetable import Schedules
from handlers.nudge import NudgeRules, days_to_speak


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    store = await Store.open(settings.database_url, secret=settings.secret())
    try:
        yield store
    finally:
        await store.close()


async def import_slack(
    settings: Settings, file: Path, name: str, progress: Callable[[int, int], None]
) -> RenderableType:
    """Read the export into signals; what was found and what was new, for showing. Raises BadContent."""
    workspace = WorkspaceRef("slack-export", (name or file.stem).replace("/", "-"))
    export = await asyncio.to_thread(read_export, file, workspace, progress)
    async with opened(settings) as store:
        await store.register([*export.members, *export.channels])
        new = await store.record_signals(export.signals)
    table = Table(title=f"{workspace}", title_justify="left", show_header=False)
    table.add_row("Messages", f"{export.messages:,}")
    table.add_row("People who wrote", f"{export.people:,}")
    table.add_row("Channels", f"{len(export.channels):,}")
    if export.first and export.last:
        table.add_row("From, to", f"{export.first:%Y-%m-%d}, {export.last:%Y-%m-%d}")
    table.add_row("Signals", f"{len(export.signals):,}, of which new: {new:,}")
    return table


async def choose_workspace(store: Store, text: str) -> WorkspaceRef:
    """The workspace named, or the only one. Raises BadInput listing them otherwise."""
    known = sorted(await store.measures.workspaces())
    if text:
        wanted = [each for each in known if text in (str(each), each.id)]
        if wanted:
            return wanted[0]
    elif len(known) == 1:
        return known[0]
    if not known:
        raise BadInput("there are no signals yet: run Allant for a while, or `allant import slack-export FILE.zip`")
    names = ", ".join(str(each) for each in known)
    raise BadInput(f"which workspace? Add --workspace with one of: {names}")


async def _channel(store: Store, workspace: WorkspaceRef, name: str) -> Channel | None:
    if not name:
        return None
    channels = await store.channels.all(workspace)
    for channel in channels:
        if name.removeprefix("#").casefold() in (channel.name.casefold(), channel.ref.id.casefold()):
            return channel
    known = ", ".join(f"#{each.name}" for each in channels)
    raise BadInput(f"there is no channel {name!r} in {workspace}; there are: {known}")


async def stats(
    settings: Settings, workspace: str, channel: str, weeks: int, until: datetime | None
) -> tuple[RenderableType, dict[str, Any]]:
    """The figures as tables and as JSON. Of a past that is over, as of its last signal unless ``until`` is given."""
    schedules = Schedules(settings.schedules, rules_by_name())
    schedules.load()
    async with opened(settings) as store:
        chosen = await choose_workspace(store, workspace)
        place = await _channel(store, chosen, channel)
        last = await store.measures.last_signal_at(chosen)
        now = datetime.now(UTC)
        day = (until or now).date()
        if until is None and last is not None and last < now - timedelta(weeks=weeks):
            day = last.date()
        figures = await store.metrics.report(
            chosen,
            until=day,
            channel=place.ref if place else None,
            weeks=weeks,
            threshold=schedules.rules(PolicyRules).threshold,
        )
    return _tables(figures, place.name if place else "", _titles(settings)), as_json(
        figures, place.name if place else ""
    )


def _titles(settings: Settings) -> Callable[[str], str]:
    """What the metrics are called, in English: the command line speaks no other language."""
    library = ContentLibrary(settings.content, spare=starter_folder("content"))
    library.load()
    return lambda name: str(library.words("en", f"metrics.{name}"))


def _tables(figures: Report, channel: str, title: Callable[[str], str]) -> RenderableType:
    where = f"{figures.workspace}" + (f", #{channel}" if channel else "")
    top = Table(title=f"{where}, as of the end of {figures.until} UTC", title_justify="left", show_header=False)
    for label, value in as_rows(figures, title):
        top.add_row(escape(label), escape(value))
    for each in figures.silent[:20]:
        top.add_row("", escape(f"#{each.channel}") + (f", since {each.since}" if each.since else ", nobody ever wrote"))
    weeks = Table("Week from", "Active", "Messages", "Replies", "Reactions", "Joins")
    for week in week_rows(figures):
        weeks.add_row(*week)
    parts: list[RenderableType] = [top, weeks]
    if figures.retention:
        parts.append(_retention(figures))
    if figures.effects:
        effects = Table("Posts of", "Compared", "More within 48 hours than usual (95 % interval)")
        for item, posts, gains in effect_rows(figures):
            effects.add_row(escape(item), posts, escape(gains))
        parts.append(effects)
    return Group(*parts)


def _retention(figures: Report) -> RenderableType:
    few = f"fewer than {figures.threshold}"
    table = Table("Joined in", "People", "Active in the months since, from that one on")
    for cohort in figures.retention:
        people = few if cohort.people is None else f"{cohort.people:,}"
        months = ", ".join("–" if number is None else f"{number:,}" for number in cohort.active.values())
        table.add_row(cohort.month, people, months)
    return table


async def nudge_days(settings: Settings, workspace: str, channel: str) -> dict[str, list[str]]:
    """For each channel of the past, the days on which a nudge would have been posted; nothing is sent."""
    schedules = Schedules(settings.schedules, rules_by_name())
    schedules.load()
    rules = schedules.rules(NudgeRules)
    found: dict[str, list[str]] = {}
    async with opened(settings) as store:
        chosen = await choose_workspace(store, workspace)
        last = await store.measures.last_signal_at(chosen)
        only = await _channel(store, chosen, channel)
        for each in [only] if only else await store.channels.all(chosen):
            first = await store.measures.first_signal_at(each.ref)
            if last is None or first is None:
                found[each.name] = []
                continue
            days = await store.measures.days(each.ref, first.date(), last.date(), each.zone)
            spoken = days_to_speak(days, rules, schedules.policy_for(each))
            found[each.name] = [day.isoformat() for day in spoken]
    return found


def upgrade(settings: Settings) -> str:
    """Bring the schema up to date; its revision."""
    return migrate.upgrade(settings.database_url)


def backup(settings: Settings, target: Path, progress: Progress) -> None:
    backups.backup(settings.database_url, target, progress)


def restore(settings: Settings, source: Path, progress: Progress, erased: Path | None = None) -> Path | None:
    """Put the backup in place; where the former database is kept, if there was one. ``erased``: a list of erasures."""
    known = erasures.read_list(erased) if erased is not None else []
    return backups.restore(settings.database_url, source, progress, known)


def write_erasures(settings: Settings, target: Path) -> int:
    """Write the list of erasures; how many there are."""
    found = erasures.listed_at(settings.database_url)
    erasures.write_list(found, target)
    return len(found)


def address(settings: Settings) -> str:
    """The database's address as it may be shown."""
    return shown(settings.database_url)


def move(settings: Settings, target: str, progress: Progress) -> tuple[RenderableType, str]:
    """Move the database to another address; what was moved, and what is left to do, for showing."""
    moved = moves.move(settings.database_url, target, progress)
    table = Table("Table", "Rows", "SHA-256 of all rows, the same on both sides", title="Moved", title_justify="left")
    for each in moved:
        table.add_row(each.table, f"{each.rows:,}", each.sha256[:16])
    left = (
        "Every row was read again on both sides and is the same.\n"
        f"Now set this in .env{_with_password(target)}:\n\n"
        f"  ALLANT_DATABASE_URL={shown(target)}\n\n"
        f"The secret stays the same: {settings.secret_file}. What was moved is still in {address(settings)}: "
        "keep it until you are content, and never start Allant on it again, which would say everything twice."
    )
    return table, left


def _with_password(url: str) -> str:
    return ", with the password in the place of ***" if "***" in shown(url) else ""
