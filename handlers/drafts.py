"""Drafts: a post that the writing service proposes as an item of the calendar, for an animator to edit and approve."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from bot.core.actions import Remember
from bot.core.calendar import Item, When
from bot.core.changing import put_item
from bot.core.community import Member, Role
from bot.core.editorial import KeptItem, Status
from bot.core.errors import BadInput, WriterUnavailable
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.itemform import item_form
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.refs import Language
from bot.core.written import tame

MAX_KEPT = 100
"""Items waiting to be approved, with which no more drafts are proposed: more than anybody reads."""
SHOWN = 30


@dataclass(frozen=True, slots=True)
class LastNumber:
    """The last number given: an old button must never mean a newer draft."""

    number: int = 0


async def _waiting(ctx: Context) -> list[KeptItem]:
    """Drafts, then what is in review."""
    drafts = await ctx.items.all(ctx.workspace, status=Status.DRAFT, limit=MAX_KEPT)
    return [*drafts, *await ctx.items.all(ctx.workspace, status=Status.IN_REVIEW, limit=MAX_KEPT)]


async def draft(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar draft THEME``"""
    member = await ctx.member(command.member)
    theme = " ".join(arguments.split())
    if not theme:
        raise BadInput(ctx.words(member.language, "drafts.no_theme"))
    try:
        written = await ctx.writer.draft(theme)
    except WriterUnavailable as error:
        reason = ctx.reason(member.language, error)
        raise BadInput(ctx.words(member.language, "drafts.no_writer", reason=reason)) from None
    # Numbered only now: the service may take its time, and somebody else ask for a draft meanwhile.
    if len(await _waiting(ctx)) >= MAX_KEPT:
        raise BadInput(ctx.words(member.language, "drafts.too_many", most=MAX_KEPT))
    last = await ctx.note(LastNumber, "") or LastNumber()
    texts: dict[Language, str] = {"fr": tame(written.fr), "en": tame(written.en)}
    words = {language: text for language, text in texts.items() if text}
    item = Item(id=f"draft-{last.number + 1}", when=When(), to=(), words=words)
    kept = KeptItem(item=item, owner=str(member.ref))
    ctx.do(Remember("", LastNumber(last.number + 1)))
    await put_item(ctx, member, None, kept)
    ctx.reply(command, await _shown(ctx, member, kept))


async def _shown(ctx: Context, member: Member, kept: KeptItem) -> Message:
    language, item = member.language, kept.item
    canned = ctx.writer.name == "canned"
    writer = ctx.words(language, "drafts.by_template" if canned else "drafts.by_service", name=ctx.writer.name)
    parts = [ctx.words(language, "drafts.written", item=item.id, writer=writer), *item.words.values()]
    button = Button(ctx.words(language, "drafts.discard"), f"calendar delete {item.id}", "danger")
    form = await item_form(ctx, member, kept, Status.APPROVED)
    return Message(Markup("\n\n---\n\n".join(parts)), (button,), form)


async def show(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar drafts``: every item that waits to be finished or approved."""
    member = await ctx.member(command.member)
    language, waiting = member.language, await _waiting(ctx)
    if not waiting:
        ctx.reply(command, ctx.words(language, "drafts.none"))
        return
    lines: list[str] = [ctx.words(language, "drafts.list_head"), ""]
    for kept in waiting[:SHOWN]:
        state = ctx.words(language, f"agenda.is_{kept.status.value}")
        values = {"item": kept.item.id, "start": _start(kept.item, language), "state": state}
        lines.append("- " + ctx.words(language, "drafts.line", **values))
    buttons = [
        Button(ctx.words(language, "drafts.open", item=Markup(kept.item.id)), f"calendar edit {kept.item.id}")
        for kept in waiting[:5]
    ]
    ctx.reply(command, Message(join_lines(lines), tuple(buttons)))


def _start(item: Item, language: Language) -> str:
    """The first words, in plain text."""
    text = item.words.get(language) or next(iter(item.words.values()), "")
    return " ".join(re.sub(r"[\\*_`#>\[\]]", "", text).split()[:8]).rstrip(" .,;:!?…")


_for_animators = partial(Command, role=Role.ANIMATOR)

FEATURE = Feature(
    name="drafts",
    commands=(
        _for_animators(path=("calendar", "draft"), french=("calendrier", "brouillon"), run=draft, has_arguments=True),
        _for_animators(path=("calendar", "drafts"), french=("calendrier", "brouillons"), run=show),
    ),
)
