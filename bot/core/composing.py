"""A short answer written by a model from the entries that were found: only where that is wanted, and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bot.core.answering import answer
from bot.core.errors import WriterUnavailable
from bot.core.feature import Context
from bot.core.grounding import is_grounded
from bot.core.knowledge import Entry, Found
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.refs import Language
from bot.core.written import tame

PATIENCE_SECONDS = 2.0
"""Longer nobody waits for it: the entry itself is there at once."""
MOST_SOURCES = 3
LONGEST = 700
"""Characters of a short answer; a longer one is none."""


def source_text(entry: Entry) -> str:
    """What an entry says, for a model to answer from and for checking the answer."""
    steps = "\n".join(f"{step.title}\n{step.body}" for step in entry.steps)
    links = "\n".join(f"{each.title} {each.url}" for each in entry.attachments)
    return "\n".join(part for part in (entry.title, entry.body, steps, links) if part)


async def composed(
    ctx: Context, language: Language, words: str, found: Found, *, guest: bool, question: str
) -> Message | None:
    """A short answer to ``words`` with the entries it comes from behind buttons; None where no model is asked, where
    it fails, takes too long or does not find the answer in the entries, or says what these do not."""
    if not ctx.writer.composes:
        return None
    sources = [hit.entry for hit in found.hits[: max(1, min(MOST_SOURCES, found.worth))]]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reply = await ctx.writer.compose(words, language, [(each.slug, source_text(each)) for each in sources])
    except (WriterUnavailable, TimeoutError):
        return None
    used = [each for each in sources if reply is not None and each.slug in reply.sources]
    if reply is None or not used or len(used) != len(set(reply.sources)):
        return None
    text = tame(reply.text)
    if not text or len(text) > LONGEST or not is_grounded(text, map(source_text, used)):
        return None
    return _said(ctx, language, text, used, answer(ctx, language, used[0], guest=guest, question=question))


def _said(ctx: Context, language: Language, text: str, used: Sequence[Entry], whole: Message) -> Message:
    titles = Markup(" · ".join(f"*{each.title}*" for each in used))
    lines = [text, "", f"*{ctx.words(language, 'faq.composed')}* {titles}"]
    judging = whole.buttons[:2] if used[0].kind == "faq" else ()
    shown = tuple(
        Button(each.title, f"tuto {each.slug}" if each.kind == "tutorial" else f"faq show {each.slug}") for each in used
    )
    return replace(whole, text=join_lines(lines), buttons=(*judging, *shown))
