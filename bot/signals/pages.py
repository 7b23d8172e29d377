"""A report as data, as a table for spreadsheets, and as a page that needs nothing from outside."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from bot.core.definitions import DEFINITIONS, by_name
from bot.core.goals import Progress
from bot.core.message import Image
from bot.core.periods import Period
from bot.core.reports import Bulletin
from bot.core.reportwords import Wording, plain
from bot.signals.report import as_json

VERSION = 1
"""Of the JSON: it grows when a key goes or changes its meaning; new keys may come at any time."""


def report_json(bulletin: Bulletin) -> dict[str, Any]:
    """Every figure of a report with stable keys: see docs/report-json.md, which a test holds to this."""
    return {
        "version": VERSION,
        "period": _period(bulletin.period),
        "previous_period": _period(bulletin.period.before),
        "now": as_json(bulletin.now),
        "before": as_json(bulletin.before),
        "trend": as_json(bulletin.trend)["weeks"],
        "goals": [_goal(each) for each in bulletin.goals],
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "kind": period.kind,
        "name": period.name,
        "first": period.first.isoformat(),
        "until": period.until.isoformat(),
        "weeks": period.weeks,
        "whole": period.whole,
    }


def _goal(progress: Progress) -> dict[str, Any]:
    goal = progress.goal
    return {
        "id": goal.id,
        "name": dict(goal.name),
        "measure": goal.measure,
        "unit": goal.definition.unit.value,
        "from": goal.start,
        "to": goal.target,
        "since": goal.since.isoformat(),
        "by": goal.by.isoformat(),
        "channel": goal.channel or None,
        "tag": goal.tag or None,
        "campaign": goal.campaign or None,
        "day": progress.day.isoformat(),
        "value": progress.value,
        "why": progress.why,
        "expected": round(progress.expected, 6),
        "way": None if progress.way is None else round(progress.way, 6),
        "standing": progress.standing.value,
    }


# The table


def neutral(cell: object) -> object:
    """Text that a spreadsheet would take for a formula, with a quotation mark before it; numbers stay numbers."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        return f"'{cell}"
    return cell


def report_csv(wording: Wording) -> str:
    """One figure a row: part, name, title, value, why it has none, as of which day, value and day of the period before.
    Values are plain numbers, shares from 0 to 1, times in seconds."""
    bulletin = wording.bulletin
    rows: list[list[object]] = [
        ["part", "name", "title", "value", "why", "as_of", "before", "before_as_of"],
        ["period", bulletin.period.name, plain(wording.title(bulletin.period)), "", "", bulletin.period.until, "", ""],
    ]
    for definition in DEFINITIONS:
        now, before = bulletin.now.figures[definition.name], bulletin.before.figures[definition.name]
        title = plain(wording.words(f"metrics.{definition.name}"))
        rows.append(
            ["figure", definition.name, title, _cell(now.value), now.why, now.as_of, _cell(before.value), before.as_of]
        )
    for week in bulletin.trend.weeks:
        for name in ("active", "posting", "messages", "posts", "replies", "reactions", "joins"):
            value = getattr(week, name)
            rows.append(["week", f"{week.name}/{name}", "", _cell(value), "few" if value is None else "", "", "", ""])
    for each in bulletin.goals:
        title = each.goal.said_name(wording.language)
        rows.append(["goal", each.goal.id, title, _cell(each.value), each.why, each.day, _cell(each.expected), ""])
    for silent in bulletin.now.silent:
        rows.append(["silent", silent.channel, "", "", "", silent.since or "", "", ""])
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([[neutral(cell) for cell in row] for row in rows])
    return file.getvalue()


def _cell(value: float | None) -> float | str:
    if value is None:
        return ""
    return int(value) if value == int(value) else round(value, 6)


# The page

_PAGE = Path(__file__).with_name("report.html")


def report_page(wording: Wording, images: Sequence[Image]) -> str:
    """The report as one HTML file: styles and pictures are in it, nothing else is ever asked for, and it prints."""
    bulletin = wording.bulletin
    last = wording.whole_day(bulletin.period.until)

    def say(key: str, **values: object) -> str:
        return plain(wording.words(key, **values))

    # Whatever is filled in is escaped.
    page = Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8"))
    return page.render(
        language=wording.language,
        title=say("reports.page_title"),
        period=plain(wording.title(bulletin.period)),
        of=say("reports.page_of", workspace=str(bulletin.now.workspace), day=last),
        going_on="" if bulletin.period.whole else say("reports.going_on", last=last),
        heads=[wording.head(name) for name in ("active_week", "active_28_days", "messages", "answered_share")],
        goals=[_goal_row(wording, each) for each in bulletin.goals],
        images=images,
        missing=not images and bool(wording.charts()),
        weeks=_weeks(wording),
        effects=[plain(wording.effect(each)) for each in bulletin.now.effects],
        silent=[plain(each) for each in wording.silent()],
        figures=[_figure_row(wording, name) for name in by_name()],
        privacy=say("reports.privacy", threshold=wording.threshold),
        say=say,
        column=lambda key: say(f"reports.page_{key}"),
    )


def _goal_row(wording: Wording, progress: Progress) -> dict[str, Any]:
    goal = progress.goal
    due = (progress.expected - goal.start) / (goal.target - goal.start)
    return {
        "words": plain(wording.goal(progress)).replace("**", ""),
        "way": None if progress.way is None else round(min(max(progress.way, 0), 1) * 100, 1),
        "due": round(due * 100, 1),
    }


def _weeks(wording: Wording) -> list[list[str]]:
    return [
        [
            plain(wording.whole_day(week.monday)),
            *(
                plain(wording.people(each))
                for each in (week.active, week.posting, week.messages, week.replies, week.reactions)
            ),
        ]
        for week in wording.bulletin.trend.weeks
    ]


def _figure_row(wording: Wording, name: str) -> dict[str, str]:
    bulletin = wording.bulletin
    means = " ".join(plain(wording.words(f"metrics.{name}_{part}")) for part in ("is", "not"))
    return {
        "title": plain(wording.words(f"metrics.{name}")),
        "means": means,
        "now": plain(wording.figure(bulletin.now.figures[name])),
        "before": plain(wording.figure(bulletin.before.figures[name])),
    }
