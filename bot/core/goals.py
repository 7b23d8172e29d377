"""Goals: what a community wants to reach, by when, and how far it is. Pure decisions over schedules/goals.yaml.

A goal is SMART: one measure of docs/metrics.md (specific, measurable), from where to where, from which day to which
day (time-bound), and who answers for it. Where it should be by now lies on the straight line between both ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from bot.core.definitions import Definition, Unit, by_name
from bot.core.metrics import Figure, Why
from bot.core.refs import Language

MEASURED_WEEKS = 4
"""Messages, reactions and the like are counted over this many weeks, so that a goal does not follow single weeks."""
TOLERANCE = 0.1
"""Short of the line by less than this part of the whole way still counts as on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal of schedules/goals.yaml, under ``goals:``.

    ``start`` and ``target`` (``from`` and ``to`` in the file) are in the measure's unit: people, times, seconds, shares
    from 0 to 1. ``since`` and ``by`` are days. ``sponsor``: ``@name``, who gets the monthly report. ``channel``: only
    this one; ``tag``: all channels of this tag together; with neither, the whole community. ``campaign``: the items of
    the calendar whose ids begin so work towards it.
    """

    id: str
    name: Mapping[Language, str]
    measure: str
    start: float
    target: float
    since: date
    by: date
    sponsor: str = ""
    channel: str = ""
    tag: str = ""
    campaign: str = ""
    line: int = 0
    file: str = ""

    @property
    def definition(self) -> Definition:
        return by_name()[self.measure]

    def said_name(self, language: Language) -> str:
        return self.name.get(language) or next(iter(self.name.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalRules:
    """All of them, in the file's order."""

    goals: tuple[Goal, ...] = field(default=())


class Standing(StrEnum):
    """Where a goal stands."""

    NOT_BEGUN = "not_begun"
    HIDDEN = "hidden"  # too few people, or no figure yet
    AHEAD = "ahead"
    ON_WAY = "on_way"
    BEHIND = "behind"
    REACHED = "reached"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A goal on a day. ``value``: where it is (None where it may not be told, and ``why``); ``expected``: where it
    should be; ``way``: how much of the way is done, 0 at the start and 1 at the target."""

    goal: Goal
    day: date
    value: float | None
    why: Why
    expected: float
    way: float | None
    standing: Standing


def expected(goal: Goal, day: date) -> float:
    """Where the goal should be on ``day``: on the straight line, and at its ends outside of the time."""
    part = (day - goal.since).days / (goal.by - goal.since).days
    return goal.start + (goal.target - goal.start) * min(max(part, 0.0), 1.0)


def progress(goal: Goal, figure: Figure, day: date) -> Progress:
    """How far the goal is on ``day``, by the figure of its measure."""
    should = expected(goal, day)
    way = None if figure.value is None else (figure.value - goal.start) / (goal.target - goal.start)
    should_way = (should - goal.start) / (goal.target - goal.start)
    return Progress(
        goal=goal,
        day=day,
        value=figure.value,
        why=figure.why,
        expected=should,
        way=way,
        standing=_standing(goal, way, should_way, day),
    )


def _standing(goal: Goal, way: float | None, should: float, day: date) -> Standing:
    if day < goal.since:
        return Standing.NOT_BEGUN
    if way is None:
        return Standing.HIDDEN
    if way >= 1:
        return Standing.REACHED
    if day >= goal.by:
        return Standing.MISSED
    if way > should + TOLERANCE:
        return Standing.AHEAD
    return Standing.ON_WAY if way >= should - TOLERANCE else Standing.BEHIND


WHOLE_COMMUNITY_ONLY = frozenset(
    {"silent_channels", "managers_posting_share", "newcomers_activated_share", "onboarded_share", "onboarded"}
)
"""What a single channel has no figure of."""


def may_be_a_goal(measure: str) -> bool:
    """Whether a measure may be shown to whoever follows a goal: those of ``allant stats``, which hide small groups."""
    found = by_name().get(measure)
    return found is not None and found.listed


def adds_up(measure: str) -> bool:
    """Whether the figures of several channels can be added: people may be in several of them."""
    return by_name()[measure].unit is Unit.TIMES
