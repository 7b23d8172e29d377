"""What happens to the calendar items of somebody who no longer animates."""

from __future__ import annotations

from dataclasses import replace

from bot.core.actions import Send, WriteItem
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.feature import Context
from bot.core.message import Button, Message
from bot.core.publishing import PublishingRules, deputy_of

MOST_ITEMS = 5000
"""Items made in chat, of one workspace: beyond any calendar that people read."""
SHOWN = 15


async def hand_over(ctx: Context, leaver: Member, key: str = "editing.inherited") -> None:
    """Their items go on: the deputy inherits them and is told. With nobody left to animate they are the animators'.
    ``key``: the words that say why, to the deputy."""
    owned = await ctx.items.all(ctx.workspace, owner=str(leaver.ref), limit=MOST_ITEMS)
    if not owned:
        return
    animators = [each for each in await ctx.members.with_role(ctx.workspace, Role.ANIMATOR) if not each.bot]
    heir = deputy_of(leaver, ctx.timetable.rules(PublishingRules), animators)
    ctx.do(*(WriteItem(replace(kept, owner=str(heir.ref) if heir else "animator")) for kept in owned))
    if heir is None:
        return
    named = ", ".join(kept.item.id for kept in owned[:SHOWN])
    values = {"name": leaver.name or ctx.words(heir.language, "editing.somebody"), "items": named}
    text = ctx.words(heir.language, key, count=len(owned), **values)
    button = Button(ctx.words(heir.language, "editing.see_list"), "calendar list")
    ctx.do(Send(to=heir.ref, message=Message(text, (button,)), kind=Kind.NOTICE))
