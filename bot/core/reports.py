"""A report: the figures of a period, those of the one before, twelve weeks to see where it goes, and the goals.

It holds nothing but what :mod:`bot.core.metrics` tells, so that small groups are hidden in it as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bot.core.community import Channel
from bot.core.goals import MEASURED_WEEKS, Goal, Progress, progress
from bot.core.metrics import Figure, Metrics, Report
from bot.core.periods import Period
from bot.core.ports import Channels
from bot.core.refs import WorkspaceRef

TREND_WEEKS = 12
"""A quarter: long enough to see a direction, short enough to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """``now``: the period's figures; ``before``: those of the period before; ``trend``: the last weeks up to its
    end."""

    period: Period
    now: Report
    before: Report
    trend: Report
    goals: tuple[Progress, ...]


async def gather(
    metrics: Metrics,
    channels: Channels,
    workspace: WorkspaceRef,
    period: Period,
    goals: Sequence[Goal],
    threshold: int,
) -> Bulletin:
    """Everything that a report says. ``threshold``: the policy's; the metrics never go below the promised one."""
    before = period.before
    now = await metrics.report(workspace, until=period.until, weeks=period.weeks, threshold=threshold)
    return Bulletin(
        period=period,
        now=now,
        before=await metrics.report(workspace, until=before.until, weeks=before.weeks, threshold=threshold),
        trend=await metrics.report(workspace, until=period.until, weeks=TREND_WEEKS, threshold=threshold),
        goals=tuple(
            [await _progress(metrics, channels, workspace, goal, period.until, now.threshold) for goal in goals]
        ),
    )


async def _progress(
    metrics: Metrics, channels: Channels, workspace: WorkspaceRef, goal: Goal, day: date, threshold: int
) -> Progress:
    if not goal.channel and not goal.tag:
        report = await metrics.report(workspace, until=day, weeks=MEASURED_WEEKS, threshold=threshold)
        return progress(goal, report.figures[goal.measure], day)
    places = [each for each in await channels.all(workspace) if _meant(each, goal)]
    found = [
        (
            await metrics.report(workspace, until=day, channel=place.ref, weeks=MEASURED_WEEKS, threshold=threshold)
        ).figures[goal.measure]
        for place in places
    ]
    return progress(goal, _together(goal, found, day), day)


def _meant(channel: Channel, goal: Goal) -> bool:
    if goal.tag:
        return goal.tag.casefold() in (tag.casefold() for tag in channel.tags)
    return goal.channel.removeprefix("#").casefold() in (channel.name.casefold(), channel.ref.id.casefold())


def _together(goal: Goal, found: Sequence[Figure], day: date) -> Figure:
    """One figure for all of them: hidden as soon as one is, as the sum would tell it."""
    if not found:
        return Figure(goal.measure, None, day, "nothing")
    for each in found:
        if each.value is None:
            return each
    return Figure(goal.measure, sum(each.value or 0 for each in found), found[0].as_of)
