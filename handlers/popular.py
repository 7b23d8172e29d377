"""Questions in members' homes: what is asked most, and for animators what nobody answered."""

from __future__ import annotations

from datetime import timedelta

from bot.core.community import Member, Role
from bot.core.faq import OpenQuestion
from bot.core.feature import Context, Feature, HomePart
from bot.core.home import page_of, section
from bot.core.message import Button, Section, channel_link, escape
from bot.core.signals import What

WEEKS = 4
MOST_OFFERED = 3
"""Buttons of a page: more of them than lines to read helps nobody."""


async def popular(ctx: Context, member: Member, page: int) -> Section | None:
    """What people asked most in the last weeks, each with its answer behind a button."""
    language = member.language
    counts = await ctx.measures.counts(ctx.workspace, What.ASKED, ctx.now - timedelta(weeks=WEEKS))
    ranked = sorted(counts, key=lambda slug: (-counts[slug], slug))
    found = [ctx.library.entry(slug, language, guest=member.guest, kind="faq") for slug in ranked if slug]
    shown, at, pages = page_of([each for each in found if each is not None], page)
    if not shown:
        return None
    buttons = [Button(each.title, f"faq show {each.slug}") for each in shown[:MOST_OFFERED]]
    lines = [escape(each.title) for each in shown[MOST_OFFERED:]]
    head = ctx.words(language, "popular.head")
    return section(ctx, language, "popular", head, lines, page=at, pages=pages, buttons=buttons)


async def unanswered(ctx: Context, member: Member, page: int) -> Section | None:
    """Questions in channels to which nobody replied, and how many were asked of the bot alone in vain."""
    language = member.language
    found = await ctx.notes.all(ctx.workspace, OpenQuestion)
    alone = sum((await ctx.measures.counts(ctx.workspace, What.UNANSWERED, ctx.now - timedelta(weeks=1))).values())
    shown, at, pages = page_of(sorted(found.values(), key=lambda each: each.asked_at, reverse=True), page)
    lines: list[str] = []
    for each in shown:
        channel = await ctx.channels.get(each.message.channel)
        if channel is not None:
            when = ctx.say_moment(language, each.asked_at, ctx.zone_of(member))
            lines.append(f"{channel_link(channel)}, {when}")
    if alone:
        lines.append(ctx.words(language, "popular.alone", count=alone))
    head = ctx.words(language, "popular.unanswered", count=len(found))
    write = Button(ctx.words(language, "faq.write_answer"), "faq write", "primary")
    return section(ctx, language, "questions", head, lines, page=at, pages=pages, buttons=(write,))


FEATURE = Feature(
    name="popular",
    home=(
        HomePart(name="popular", place=30, make=popular),
        HomePart(name="questions", place=80, make=unanswered, role=Role.ANIMATOR),
    ),
)
