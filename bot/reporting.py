"""What `allant report` does: the figures of a period, as the bytes of a page, a table, data or a picture."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Literal

from bot.checking import rules_by_name
from bot.core.directory import Directory
from bot.core.errors import BadInput
from bot.core.goals import GoalRules
from bot.core.periods import Period, read_period
from bot.core.policy import PolicyRules
from bot.core.refs import Language, WorkspaceRef
from bot.core.reports import Bulletin, gather
from bot.core.reportwords import Wording
from bot.history import choose_workspace, opened
from bot.library import ContentLibrary
from bot.settings import Settings, starter_folder
from bot.signals import ChartPainter, report_csv, report_json, report_page
from bot.store import Store
from bot.timetable import Schedules


async def make(
    settings: Settings,
    *,
    period: str,
    kind: Literal["html", "csv", "json", "png"],
    language: Language,
    workspace: str,
    now: datetime,
) -> bytes:
    """The report in the form asked for. Raises BadInput for a wrong period or workspace, and NoPainter for a picture
    where nothing can draw one."""
    _read(period, now.date())  # A wrong one is told before anything else is looked for.
    async with opened(settings) as store:
        chosen = await choose_workspace(store, workspace)
        bulletin = await _gathered(settings, store, chosen, period, now)
    if kind == "json":
        return (json.dumps(report_json(bulletin), indent=2, ensure_ascii=False) + "\n").encode()
    library = ContentLibrary(settings.content, spare=starter_folder("content"))
    library.load()
    wording = Wording(library.words, language, bulletin)
    if kind == "csv":
        # With the mark by which Excel knows UTF-8.
        return report_csv(wording).encode("utf-8-sig")
    painter = ChartPainter()
    if kind == "png":
        charts = wording.charts()
        if not charts:
            raise BadInput(f"there is nothing to draw: nothing was counted in the weeks up to {bulletin.period.until}")
        return (await painter.sheet(charts)).data
    images = await painter.paint(wording.charts()) if painter.ready else ()
    return report_page(wording, images).encode()


async def _gathered(settings: Settings, store: Store, workspace: WorkspaceRef, text: str, now: datetime) -> Bulletin:
    schedules = Schedules(settings.schedules, rules_by_name())
    schedules.load()
    return await gather(
        store.metrics,
        Directory(store.channels, schedules),
        workspace,
        await _period(store, workspace, text, now),
        schedules.rules(GoalRules).goals,
        schedules.rules(PolicyRules).threshold,
    )


async def _period(store: Store, workspace: WorkspaceRef, text: str, now: datetime) -> Period:
    """The period asked for. Of a past that is over (an import), “week” and “month” are its last ones."""
    today = now.date()
    last = await store.measures.last_signal_at(workspace)
    if last is not None and text.strip().casefold() in ("week", "month") and last < now - timedelta(weeks=9):
        today = last.date() + timedelta(days=35 if text.strip().casefold() == "month" else 7)
    return _read(text, today)


def _read(text: str, today: date) -> Period:
    try:
        return read_period(text, today)
    except BadInput as error:
        raise BadInput(f"--period: {error}") from None
