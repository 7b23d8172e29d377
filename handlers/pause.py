"""Pause: one command stops everything unasked on every platform, and one lets it go on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.core.actions import PauseAll, ResumeAll
from bot.core.community import Member, Role
from bot.core.delivery import Delivery, State
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.ledger import Pause, Query
from bot.core.message import Button, Markup, Message
from bot.core.pausing import pause_words
from bot.core.refs import Language
from bot.core.spans import read_span

LONGEST = timedelta(days=90)
"""A pause of longer is no pause: better without an end, so that somebody decides."""
MOST_COUNTED = 1000
_FOR = re.compile(r"^(for|pendant|during|durant)\s+", re.IGNORECASE)


async def pause(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant pause everything [for 2 hours]``: at once, as an emergency asks; undone by one button."""
    member = await ctx.member(command.member)
    until = _until(ctx, member.language, arguments)
    before = await ctx.ledger.paused(ctx.workspace, ctx.now)
    now = Pause(before.since if before else ctx.now, until, command.member)
    ctx.do(PauseAll(command.member, until))
    head = await pause_words(ctx, member, now)
    does = ctx.words(member.language, "pause.does", count=len(await _waiting(ctx)))
    button = Button(ctx.words(member.language, "pause.resume"), "resume everything", "primary")
    ctx.reply(command, Message(Markup(f"{head}\n\n{does}"), (button,)))
    await _tell_others(ctx, member, now)


def _until(ctx: Context, language: Language, arguments: str) -> datetime | None:
    text = _FOR.sub("", arguments.strip())
    if not text:
        return None
    span = read_span(text)
    if span is None or span > LONGEST:
        raise BadInput(ctx.words(language, "pause.bad_span", text=text))
    return ctx.now + span


async def _tell_others(ctx: Context, member: Member, now: Pause) -> None:
    """Those who animate must not wonder why nothing goes out."""

    def notice(language: Language) -> Message:
        words = {"by": member.name, "since": ctx.say_moment(language, now.since, ctx.policy.zone)}
        button = Button(ctx.words(language, "pause.resume"), "resume everything")
        if now.until is None:
            return Message(ctx.words(language, "pause.now", **words), (button,))
        until = ctx.say_moment(language, now.until, ctx.policy.zone)
        return Message(ctx.words(language, "pause.now_until", until=until, **words), (button,))

    await ctx.tell_animators(notice, but=member.ref)


async def resume(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant resume everything``: what waited goes out under its rules; what is too late is held back."""
    member = await ctx.member(command.member)
    if await ctx.ledger.paused(ctx.workspace, ctx.now) is None:
        ctx.reply(command, ctx.words(member.language, "pause.not_paused"))
        return
    waiting = [each for each in await _waiting(ctx) if each.reason == "paused"]
    ctx.do(ResumeAll())
    ctx.reply(command, ctx.words(member.language, "pause.resumed", count=len(waiting)))
    await ctx.tell_animators(
        lambda language: Message(ctx.words(language, "pause.resumed_by", by=member.name)), but=member.ref
    )


async def _waiting(ctx: Context) -> list[Delivery]:
    """What waits unasked, here; other workspaces are not counted."""
    query = Query(workspace=ctx.workspace, states=(State.PLANNED,), answers=False, limit=MOST_COUNTED)
    return [each for each in await ctx.ledger.search(query) if each.kind.unasked]


FEATURE = Feature(
    name="pause",
    commands=(
        Command(
            path=("pause", "everything"), french=("pause", "tout"), run=pause, role=Role.ANIMATOR, has_arguments=True
        ),
        Command(path=("resume", "everything"), french=("reprendre", "tout"), run=resume, role=Role.ANIMATOR),
    ),
)
