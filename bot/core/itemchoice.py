"""Which item, asked with a form: for commands about one item that were given without it."""

from __future__ import annotations

from bot.core.editorial import Status
from bot.core.events import CommandGiven
from bot.core.excerpt import plain
from bot.core.feature import CHOSEN, Context
from bot.core.message import Field, Form

MOST_OFFERED = 100
"""As many as platforms show in one list, at the least."""


async def choose_item(ctx: Context, command: CommandGiven, arguments: str) -> Form | None:
    """The form: what waits to be finished first, then what goes out soonest, then the others; None without any."""
    language = await ctx.language_of(command.member)
    ids: dict[str, None] = {}
    for status in (Status.DRAFT, Status.IN_REVIEW):
        ids |= {kept.item.id: None for kept in await ctx.items.all(ctx.workspace, status=status, limit=MOST_OFFERED)}
    ids |= {slot.item: None for slot in await ctx.occurrences.coming(ctx.workspace, since=ctx.now, limit=MOST_OFFERED)}
    ids |= {kept.item.id: None for kept in await ctx.items.all(ctx.workspace, limit=MOST_OFFERED)}
    ids |= {item.id: None for item in ctx.timetable.items()}
    if not ids:
        return None
    label = plain(ctx.words(language, "editing.field_item"))
    field = Field(CHOSEN, label)
    if len(ids) <= MOST_OFFERED:
        field = Field(CHOSEN, label, "choice", choices=tuple((each, each) for each in ids))
    title = plain(ctx.words(language, "editing.choose_title"))
    return Form(title, command.text, (field,), ctx.words(language, "editing.choose"))
