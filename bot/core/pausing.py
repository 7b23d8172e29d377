"""How the pause of everything is told to those who may end it."""

from __future__ import annotations

from bot.core.community import Member
from bot.core.feature import Context
from bot.core.ledger import Pause
from bot.core.message import Markup


async def pause_line(ctx: Context, member: Member) -> Markup | None:
    """Who paused everything, since when and until when, in the member's words and time; None when nothing is."""
    pause = await ctx.ledger.paused(ctx.workspace, ctx.now)
    return None if pause is None else await pause_words(ctx, member, pause)


async def pause_words(ctx: Context, member: Member, pause: Pause) -> Markup:
    """The pause in the member's words and time."""
    language, zone = member.language, ctx.zone_of(member)
    by = await ctx.members.get(pause.by) if pause.by else None
    who = by.name if by is not None and by.name else ctx.words(language, "pause.somebody")
    values = {"since": ctx.say_moment(language, pause.since, zone), "by": who}
    if pause.until is None:
        return ctx.words(language, "pause.now", **values)
    return ctx.words(language, "pause.now_until", until=ctx.say_moment(language, pause.until, zone), **values)
