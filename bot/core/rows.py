"""Rows of the ledger in words: where a delivery goes, where it stands and why, and what people decided about it."""

from __future__ import annotations

from datetime import timedelta

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, State
from bot.core.feature import Context
from bot.core.ledger import Decision, digest_key
from bot.core.message import Markup, channel_link
from bot.core.reasons import reason_words
from bot.core.refs import ChannelRef, Language, MemberRef

LATE = timedelta(minutes=1)
"""Later than this after its planned moment, something was moved."""


async def channel_of(ctx: Context, delivery: Delivery) -> Channel | None:
    """The channel, where everybody may know that it goes there."""
    if not isinstance(delivery.to, ChannelRef) or delivery.visible_to is not None:
        return None
    channel = await ctx.channels.get(delivery.to)
    return channel if channel is not None and not channel.direct else None


async def place_words(ctx: Context, language: Language, delivery: Delivery) -> Markup:
    """Where it goes; whom a direct message goes to is not shown."""
    channel = await channel_of(ctx, delivery)
    return channel_link(channel) if channel is not None else ctx.words(language, "deliveries.direct")


async def name_words(ctx: Context, language: Language, ref: MemberRef | None) -> str:
    """The name of whoever did something; somebody, once they have been forgotten."""
    by = await ctx.members.get(ref) if ref is not None else None
    return by.name if by is not None and by.name else ctx.words(language, "deliveries.somebody")


async def decided_words(ctx: Context, member: Member, decision: Decision | None) -> str:
    """What was decided, by whom and when, after a space; empty without a decision."""
    if decision is None:
        return ""
    values = {
        "by": await name_words(ctx, member.language, decision.by),
        "when": ctx.say_moment(member.language, decision.at, ctx.zone_of(member)),
    }
    return " " + ctx.words(member.language, f"deliveries.decided_{decision.what}", **values)


def state_words(ctx: Context, member: Member, delivery: Delivery) -> Markup:
    """The state with its reason: ``held back: quiet hours``, ``moved to …: …``."""
    language = member.language
    said: str = ctx.words(language, f"deliveries.state_{delivery.state.value}")
    planned_for = delivery.planned_for or delivery.due
    if delivery.state is State.PLANNED and delivery.due - planned_for > LATE:
        until = ctx.say_moment(language, delivery.due, ctx.zone_of(member))
        said = ctx.words(language, "deliveries.moved", until=until)
    if digest_key(delivery.reason):
        said = ctx.words(language, "deliveries.merged")
    said = f"**{said}**"
    if delivery.reason and not digest_key(delivery.reason):
        reason = reason_words(ctx.words, language, delivery.reason)
        said = ctx.words(language, "deliveries.because", state=Markup(said), reason=reason)
    if delivery.state is State.UNCERTAIN:
        said += " " + ctx.words(language, "deliveries.may_be_there")
    return Markup(said)
