"""The metrics: how every report, message and page asks for them, with small groups hidden already.

``await ctx.metrics.report(workspace, until=date)`` gives all of them at once. What each means, in words and as a
formula, is in bot.core.definitions and on the page docs/metrics.md, which is made from there. Whatever shows a figure
shows it from here: a figure that is not in a :class:`Report` is not to be shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import THRESHOLD

Why = Literal["", "few", "nothing", "gone"]
"""Why a figure has no value: ``few`` people are behind it, or it could be worked out who; there is ``nothing`` to
divide by; or that time is closed, and what the figure needs is ``gone``."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric. ``value`` is None exactly when ``why`` says something. ``as_of``: the last day that it covers."""

    name: str
    value: float | None
    as_of: date
    why: Why = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One ISO week, by its Monday; each figure None where few people are behind it. ``whole``: it is over."""

    monday: date
    whole: bool
    active: int | None
    posting: int | None
    messages: int | None
    posts: int | None
    replies: int | None
    reactions: int | None
    joins: int | None

    @property
    def name(self) -> str:
        """Its ISO name, ``2026-W48``."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who joined in a month (``2026-11``): how many, and how many of them were active in each month from there on."""

    month: str
    people: int | None
    active: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Silence:
    """A channel in which nobody wrote for four weeks, and the month of its last message (None: nobody ever wrote)."""

    channel: str
    since: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a post brings in 48 hours, over what is usual: on average, with its 95 % interval."""

    after: float
    usual: float
    more: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What followed the posts of one calendar item or practice (``item``). ``posts``: how many could be compared.

    The gains are None, and ``why`` says so, where few people were there (``few``) or there are too few posts to tell
    (``nothing``: there is not enough evidence). With gains that are not ``clear`` there is not enough evidence either.
    """

    item: str
    posts: int
    replies: Gain | None
    people: Gain | None
    reactions: Gain | None
    why: Why = ""

    @property
    def evidence(self) -> bool:
        """Whether any gain is clear."""
        return any(each is not None and each.clear for each in (self.replies, self.people, self.reactions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every metric of a workspace, or of one channel of it, as of the end of the day ``until`` (UTC).

    ``figures`` has every name of bot.core.definitions. Totals are over ``weeks``, the last of which holds ``until``;
    ``withheld`` of these have too few people and are in no total.
    """

    workspace: WorkspaceRef
    channel: ChannelRef | None
    until: date
    threshold: int
    figures: Mapping[str, Figure]
    weeks: Sequence[Week]
    withheld: int
    retention: Sequence[Cohort]
    silent: Sequence[Silence]
    effects: Sequence[Effect]

    def value(self, name: str) -> float | None:
        """The figure's value, None where it is hidden or there is none."""
        return self.figures[name].value


class Metrics(ABC):
    """Where figures come from."""

    @abstractmethod
    async def report(
        self,
        workspace: WorkspaceRef,
        *,
        until: date,
        channel: ChannelRef | None = None,
        weeks: int = 4,
        threshold: int = THRESHOLD,
    ) -> Report:
        """Every metric. ``until``: a UTC day; ``weeks``: how many ISO weeks the totals cover, that of ``until``
        included. ``threshold``: the policy's; below THRESHOLD it is THRESHOLD."""
