"""Welcoming newcomers: what the personal welcome and the public greeting have in common.

The kinds of note are stored as ``welcome.Waiting`` and ``welcome.Greeted``, by the name of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.core.community import Member
from bot.core.feature import Context
from bot.core.message import Markup, fill, mention
from bot.core.refs import Language, MemberRef

LONGEST_WINDOW = 60
"""Minutes. Somebody greeted later than an hour after arriving has the impression that nobody saw them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeRules:
    """schedules/welcome.yaml, under ``welcome:``."""

    channels: tuple[str, ...] = ("general", "newcomers")
    """Where those who join are greeted; somebody new to several of them is greeted in the first."""
    default_channel: str = "general"
    """Where somebody is greeted who joins the workspace; empty: nowhere."""
    window_minutes: int = 10
    """Those who join within so many minutes of the first are greeted together."""
    names: int = 5
    """How many are called by name; the others are counted."""
    at: time = time(9, 30)
    """When the messages of the later days go out, on working days of the member's zone."""
    again_after_days: int = 180
    """Who comes back sooner than this is not welcomed anew."""

    def __post_init__(self) -> None:
        if not 1 <= self.window_minutes <= LONGEST_WINDOW:
            raise ValueError(f"window_minutes must be from 1 to {LONGEST_WINDOW}")
        if self.names < 1:
            raise ValueError("names must be 1 or more")

    @property
    def again_after(self) -> timedelta:
        return timedelta(days=self.again_after_days)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A newcomer waiting to be greeted in a channel; kept under the channel's id and the member's."""

    channel: str
    member: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Greeted:
    """A newcomer was greeted; kept under the member's id and the channel's."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody opened the conversation with the bot, where that is needed; kept under the member's id."""

    at: datetime


async def can_be_told(ctx: Context, ref: MemberRef) -> bool:
    """Whether the bot can write to the member alone: where the conversation must be opened for that, whether it is."""
    return not ctx.can.direct_needs_opening or await ctx.note(Opened, ref.id) is not None


async def forgotten(ctx: Context, ref: MemberRef) -> bool:
    """Whether the member asked to be forgotten: then nothing may be kept about them, not even a journey."""
    return bool((await ctx.notes.about(ref)).get("forgotten"))


def public_greeting(ctx: Context, language: Language, named: Sequence[Member], total: int) -> Markup:
    """The post that greets those ``named``, of ``total`` newcomers, in one language."""
    page = ctx.library.page("welcome/public", language)
    body = page.body if page is not None else ctx.words(language, "welcome.public")
    return fill(body, {"names": say_names(ctx.words, language, [mention(each) for each in named], total)})


def say_names(words: Callable[..., Markup], language: Language, names: Sequence[Markup], total: int) -> Markup:
    """``A, B and C``, or ``A, B, C and 497 others`` when ``total`` is more than the names."""
    last: str
    if total > len(names):
        first, last = list(names), words(language, "welcome.others", count=total - len(names))
    else:
        first, last = list(names[:-1]), names[-1]
    if not first:
        return Markup(last)
    return words(language, "welcome.and", first=Markup(", ".join(first)), last=Markup(last))
