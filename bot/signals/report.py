"""Figures for a terminal and for other programs."""

from __future__ import annotations

from functools import partial
from typing import Any

from bot.core.signals import Figures, WeekFigures


def as_json(figures: Figures, channel: str = "") -> dict[str, Any]:
    """The figures with stable keys, ready for JSON. ``channel``: its name, when they are about one.

    ``workspace`` is ``platform/id``; ``channel`` a name or null; ``at`` an ISO 8601 moment in UTC. Under ``active``
    the people of the last ``day``, ``week`` and ``month`` (28 days). ``totals`` are over ``weeks``: ``messages``
    (``replies`` among them), ``reactions``, ``commands``. ``newcomers``: ``joined`` in 28 days, and ``activated`` who
    took part within 14 days. ``silent_channels`` are names. ``bot``: its unasked ``posts`` in channels and
    ``replies_per_post`` (null without posts). ``faq``: ``asked``, ``answered``, ``unanswered``, ``helped``,
    ``not_helped``. ``weeks``: for each, its ISO name ``week`` (``2018-W10``), its Monday ``from``, ``active_members``,
    ``messages``, ``replies``, ``reactions``, ``joins`` (of the workspace and of channels). A figure about people is
    null when it concerns fewer of them than ``threshold``.
    """
    return {
        "workspace": str(figures.workspace),
        "channel": channel or (figures.channel.id if figures.channel else None),
        "at": figures.at.isoformat(),
        "threshold": figures.threshold,
        "active": {"day": figures.active_day, "week": figures.active_week, "month": figures.active_month},
        "totals": {
            "messages": figures.messages,
            "replies": figures.replies,
            "reactions": figures.reactions,
            "commands": figures.commands,
        },
        "newcomers": {"joined": figures.newcomers, "activated": figures.newcomers_activated},
        "silent_channels": list(figures.silent_channels),
        "bot": {"posts": figures.bot_posts, "replies_per_post": _rounded(figures.replies_per_bot_post)},
        "faq": {
            "asked": figures.asked,
            "answered": figures.answered,
            "unanswered": figures.unanswered,
            "helped": figures.helped,
            "not_helped": figures.not_helped,
        },
        "weeks": [_week_as_json(week) for week in figures.weeks],
    }


def as_rows(figures: Figures) -> list[tuple[str, str]]:
    """The figures as label and value, for people."""

    people = partial(_people, figures)
    replies = _rounded(figures.replies_per_bot_post)
    return [
        ("Active members, last day", people(figures.active_day)),
        ("Active members, last 7 days", people(figures.active_week)),
        ("Active members, last 28 days", people(figures.active_month)),
        ("Newcomers, last 28 days", people(figures.newcomers)),
        ("Newcomers active within 14 days", people(figures.newcomers_activated)),
        ("Messages", f"{figures.messages:,}"),
        ("Replies among them", f"{figures.replies:,}"),
        ("Reactions", f"{figures.reactions:,}"),
        ("Commands", f"{figures.commands:,}"),
        ("Posts of the bot", f"{figures.bot_posts:,}"),
        ("Replies to each post of the bot", "–" if replies is None else f"{replies:g}"),
        ("Questions to the FAQ", f"{figures.asked:,}"),
        ("Answered, unanswered", f"{figures.answered:,}, {figures.unanswered:,}"),
        ("Helped, did not help", f"{figures.helped:,}, {figures.not_helped:,}"),
        ("Silent for 28 days", ", ".join(f"#{name}" for name in figures.silent_channels) or "no channel"),
    ]


def week_rows(figures: Figures) -> list[tuple[str, str, str, str, str, str]]:
    """For each week its Monday with the ISO week, then active members, messages, replies, reactions, joins."""
    return [
        (
            f"{week.week} ({_iso(week)})",
            _people(figures, week.active_members),
            f"{week.messages:,}",
            f"{week.replies:,}",
            f"{week.reactions:,}",
            _people(figures, week.joins),
        )
        for week in figures.weeks
    ]


def _week_as_json(week: WeekFigures) -> dict[str, Any]:
    return {
        "week": _iso(week),
        "from": week.week.isoformat(),
        "active_members": week.active_members,
        "messages": week.messages,
        "replies": week.replies,
        "reactions": week.reactions,
        "joins": week.joins,
    }


def _people(figures: Figures, value: int | None) -> str:
    return f"fewer than {figures.threshold}" if value is None else f"{value:,}"


def _iso(week: WeekFigures) -> str:
    year, number, _ = week.week.isocalendar()
    return f"{year}-W{number:02}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
