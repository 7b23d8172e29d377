"""Figures for a terminal and for other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bot.core.definitions import DEFINITIONS, Unit, by_name
from bot.core.metrics import Effect, Figure, Gain, Report, Week


def as_json(report: Report, channel: str = "") -> dict[str, Any]:
    """The report with stable keys, ready for JSON. ``channel``: its name, when it is about one.

    ``workspace`` is ``platform/id``; ``channel`` a name or null; ``until`` the last day (UTC), ``at`` its end as an ISO
    8601 moment. ``figures``: for each name of docs/metrics.md its ``value``, the day it is ``as_of``, and ``why`` it
    has no value (``few`` people, ``nothing`` to divide by, ``gone``), empty where it has one; shares are from 0 to 1,
    times in seconds. ``weeks``: for each, its ISO name ``week`` (``2018-W10``), its Monday ``from``, whether it is
    ``whole`` (over), ``active_members``, ``posting_members``, ``messages``, ``posts``, ``replies``, ``reactions``,
    ``joins``; null where few people are behind a figure. ``withheld_weeks``: how many weeks are in no total, as too few
    people wrote. ``retention``: for each ``month`` of joining how many ``people`` joined, and of them ``active`` by
    month. ``silent``: each ``channel`` with the month ``since`` which it is. ``effects``: for each ``item`` how many
    ``posts`` could be compared, whether there is ``evidence``, ``why`` there are no gains, and for ``replies``,
    ``people`` and ``reactions`` of 48 hours what came ``after``, what is ``usual``, how many ``more`` that is, and its
    95 % interval from ``low`` to ``high``.

    ``active``, ``totals``, ``newcomers``, ``silent_channels``, ``bot`` and ``faq`` hold some of the figures once more,
    by the names they have had from the beginning. A figure about people is null when it concerns fewer of them than
    ``threshold``.
    """
    value = report.value
    return {
        "workspace": str(report.workspace),
        "channel": channel or (report.channel.id if report.channel else None),
        "at": datetime.combine(report.until + timedelta(days=1), time(0), UTC).isoformat(),
        "until": report.until.isoformat(),
        "threshold": report.threshold,
        "active": {"day": value("active_day"), "week": value("active_week"), "month": value("active_28_days")},
        "totals": {name: value(name) for name in ("messages", "replies", "reactions", "commands")},
        "newcomers": {"joined": value("newcomers"), "activated": value("newcomers_activated")},
        "silent_channels": [each.channel for each in report.silent],
        "bot": {"posts": value("bot_posts"), "replies_per_post": _rounded(value("replies_per_bot_post"))},
        "faq": {
            "asked": value("faq_asked"),
            "answered": value("faq_found"),
            "unanswered": value("faq_unanswered"),
            "helped": value("faq_helped"),
            "not_helped": value("faq_not_helped"),
        },
        "weeks": [_week_as_json(week) for week in report.weeks],
        "withheld_weeks": report.withheld,
        "figures": {name: _figure_as_json(report.figures[name]) for name in by_name()},
        "retention": [
            {"month": each.month, "people": each.people, "active": dict(each.active)} for each in report.retention
        ],
        "silent": [{"channel": each.channel, "since": each.since} for each in report.silent],
        "effects": [_effect_as_json(each) for each in report.effects],
    }


def as_rows(report: Report, title: Callable[[str], str]) -> list[tuple[str, str]]:
    """The figures as label and value, for people. ``title``: what a metric is called."""
    return [
        (title(each.name), said(report.figures[each.name], report.threshold)) for each in DEFINITIONS if each.listed
    ]


def said(figure: Figure, threshold: int) -> str:
    """A figure in English words."""
    if figure.value is None:
        return {"few": f"fewer than {threshold}", "nothing": "–", "gone": "no longer kept"}[figure.why]
    match by_name()[figure.name].unit:
        case Unit.SHARE:
            return f"{figure.value:.0%}"
        case Unit.RATIO:
            return f"{round(figure.value, 2):g}"
        case Unit.SECONDS:
            return f"within {span(figure.value)}"
    return f"{figure.value:,.0f}"


def span(seconds: float) -> str:
    """``45 min``, ``1.5 h``, ``3 d``."""
    for unit, length in (("d", 86400), ("h", 3600)):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds / 60:g} min"


def week_rows(report: Report) -> list[tuple[str, str, str, str, str, str]]:
    """For each week its Monday with the ISO week, then active members, messages, replies, reactions, joins."""

    def few(number: int | None) -> str:
        return f"fewer than {report.threshold}" if number is None else f"{number:,}"

    return [
        (
            f"{week.monday} ({week.name})",
            few(week.active),
            few(week.messages),
            few(week.replies),
            few(week.reactions),
            few(week.joins),
        )
        for week in report.weeks
    ]


def effect_rows(report: Report) -> list[tuple[str, str, str]]:
    """For each item how many posts were compared, and what they brought."""
    return [(each.item, str(each.posts), _effect_said(each, report.threshold)) for each in report.effects]


def _effect_said(effect: Effect, threshold: int) -> str:
    if effect.why == "few":
        return f"fewer than {threshold} people"
    gains = {"replies": effect.replies, "people": effect.people, "reactions": effect.reactions}
    clear = [f"{_signed(each)} {name}" for name, each in gains.items() if each is not None and each.clear]
    return ", ".join(clear) or "not enough evidence"


def _signed(gain: Gain) -> str:
    return f"{gain.more:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})"


def _week_as_json(week: Week) -> dict[str, Any]:
    return {
        "week": week.name,
        "from": week.monday.isoformat(),
        "whole": week.whole,
        "active_members": week.active,
        "posting_members": week.posting,
        "messages": week.messages,
        "posts": week.posts,
        "replies": week.replies,
        "reactions": week.reactions,
        "joins": week.joins,
    }


def _figure_as_json(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "as_of": figure.as_of.isoformat(), "why": figure.why}


def _effect_as_json(effect: Effect) -> dict[str, Any]:
    gains = {
        name: None if gain is None else {key: round(number, 3) for key, number in asdict(gain).items()}
        for name, gain in (("replies", effect.replies), ("people", effect.people), ("reactions", effect.reactions))
    }
    return {"item": effect.item, "posts": effect.posts, "evidence": effect.evidence, "why": effect.why, **gains}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
