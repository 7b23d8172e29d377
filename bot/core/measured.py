"""The last state of a post: what is out for two days is measured, by the plain counts of what came back to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.community import Member
from bot.core.delivery import Delivery, State, Verb
from bot.core.editorial import Fate, Slot
from bot.core.feature import Context
from bot.core.message import Markup
from bot.core.refs import ChannelRef
from bot.core.signals import THRESHOLD, Response

MEASURED_AFTER = timedelta(hours=48)
"""How long what comes back to a copy is counted, from when it went out."""
MOST_COPIES = 1000
"""In channels, of one occurrence: they are planned before the direct messages, so these are among the first."""
MOST_LOOKED_AT = 60
"""Latest occurrences among which the last one out is sought."""


@dataclass(frozen=True, slots=True)
class Measured:
    """``at``: when the last copy has been out for long enough. ``response``: None until then."""

    at: datetime
    response: Response | None = None


async def measured(ctx: Context, keys: Iterable[str]) -> Measured | None:
    """Where the copies stand whose keys in the ledger begin with one of ``keys``. None when none is out in a channel:
    what people do with a direct message is not counted."""
    rows: list[Delivery] = []
    for key in sorted(set(keys)):
        rows += await ctx.ledger.under(ctx.workspace, key, limit=MOST_COPIES)
    return await measured_copies(ctx, rows)


async def measured_copies(ctx: Context, rows: Iterable[Delivery]) -> Measured | None:
    """As :func:`measured`, of these rows of the ledger."""
    copies = [row for row in rows if row.verb is Verb.SEND and isinstance(row.to, ChannelRef) and not row.visible_to]
    out = {row.id: row.sent_at for row in copies if row.state is State.SENT and row.sent_at is not None}
    if not out:
        return None
    waiting = [row.due for row in copies if row.state in (State.PLANNED, State.SENDING)]
    at = max([*out.values(), *waiting]) + MEASURED_AFTER
    if at > ctx.now:
        return Measured(at)
    response = await ctx.measures.response(ctx.workspace, out, MEASURED_AFTER, threshold=ctx.policy.threshold)
    return Measured(at, response)


async def last_out(ctx: Context, item: str) -> list[Slot]:
    """The item's latest occurrence that went out, in every zone; empty when none did."""
    slots = await ctx.occurrences.of(ctx.workspace, item, limit=MOST_LOOKED_AT)
    out = [slot for slot in slots if slot.fate is Fate.OUT]
    return [slot for slot in out if slot.key == out[0].key]


async def last_measured_words(ctx: Context, member: Member, slots: Collection[Slot]) -> Markup | None:
    """When the occurrence :func:`last_out` went out, and what came of it; None without one."""
    if not slots:
        return None
    due = max(slot.due for slot in slots)
    when = ctx.say_moment(member.language, due, ctx.zone_of(member))
    found = await measured(ctx, {slot.key for slot in slots})
    if found is None:
        return ctx.words(member.language, "measured.last_out", when=when)
    return ctx.words(member.language, "measured.last", when=when, measured=measured_words(ctx, member, found))


def measured_words(ctx: Context, member: Member, found: Measured) -> Markup:
    """``measured: 3 replies, 12 reactions, by 9 people``; before that, when it will be."""
    language = member.language
    if found.response is None:
        return ctx.words(language, "measured.not_yet", when=ctx.say_moment(language, found.at, ctx.zone_of(member)))
    response = found.response
    if not response.replies and not response.reactions:
        return ctx.words(language, "measured.silence")
    if response.people is None:
        people = ctx.words(language, "measured.few", threshold=max(ctx.policy.threshold, THRESHOLD))
    else:
        people = ctx.words(language, "measured.people", count=response.people)
    replies = ctx.words(language, "measured.replies", count=response.replies)
    reactions = ctx.words(language, "measured.reactions", count=response.reactions)
    return ctx.words(language, "measured.counts", replies=replies, reactions=reactions, people=people)
