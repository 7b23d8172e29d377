"""Answers of the FAQ as messages, the same whoever gives them: the entry, “did you mean”, and what is counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.core.actions import Count, Remember
from bot.core.faq import Subject
from bot.core.feature import Context
from bot.core.knowledge import Entry, Found
from bot.core.message import Button, Markup, Message, join_lines, link
from bot.core.refs import Language, MemberRef
from bot.core.signals import Signal, What

CHOICES = 3
"""How many entries a “did you mean” offers: more is a list to read, not help."""
MOST_LINKED = 3
_ENTRY_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(entry:([a-z0-9-]+)\)")
KEEPS_SUBJECT = timedelta(minutes=30)
"""What is asked so soon after an answer in the same thread may be about the same thing."""
FOLLOW_UP_WORDS = 12
"""A follow-up leans on what was said before and is short; a longer question says itself what it is about."""


def worth_offering(found: Found) -> list[Entry]:
    """The entries for a “did you mean”: those that the search found worth it."""
    return [hit.entry for hit in found.hits[: min(CHOICES, found.worth)]]


def answer(ctx: Context, language: Language, entry: Entry, *, guest: bool, question: str = "") -> Message:
    """The entry as a message, with what else to see and the two buttons. ``guest``: a guest may read it. ``question``:
    the name of the question that it answers, for what the buttons say of it."""
    if entry.kind == "tutorial":
        button = Button(ctx.words(language, "faq.start_tutorial"), f"tuto {entry.slug}", "primary")
        return Message(ctx.words(language, "faq.tutorial", title=entry.title), (button,))
    body, linked = without_links(ctx, language, entry.body, guest=guest, own=entry.slug)
    lines = [f"**{entry.title}**", "", body]
    if entry.attachments:
        lines += ["", *(f"- {link(each.title, each.url)}" for each in entry.attachments)]
    if entry.language != language:
        lines += ["", f"*{ctx.words(language, 'faq.other_language')}*"]
    more = [ctx.library.entry(slug, language, guest=guest) for slug in entry.see_also]
    titles = [f"*{each.title}*" for each in more if each is not None]
    if titles:
        lines += ["", ctx.words(language, "faq.see_also", titles=Markup(" · ".join(titles)))]
    of = f" {question}" if question else ""
    buttons = [
        Button(ctx.words(language, "faq.helped"), f"faq helped {entry.slug}{of}", "primary"),
        Button(ctx.words(language, "faq.not_helped"), f"faq unhelped {entry.slug}{of}"),
    ]
    buttons += [
        Button(each.title, f"tuto {each.slug}" if each.kind == "tutorial" else f"faq show {each.slug}")
        for each in linked[:MOST_LINKED]
    ]
    return Message(join_lines(lines), tuple(buttons))


def without_links(
    ctx: Context, language: Language, text: str, *, guest: bool, own: str = ""
) -> tuple[str, list[Entry]]:
    """The text with links to entries as plain emphasis, and those of these entries that may be read, for buttons; the
    entry ``own``, whose text it is, left out."""
    found: dict[str, Entry] = {}

    def one(match: re.Match[str]) -> str:
        other = ctx.library.entry(match.group(2), language, guest=guest)
        if other is not None and other.slug != own:
            found[other.slug] = other
        return f"*{match.group(1)}*" if other is not None else match.group(1)

    return _ENTRY_LINK.sub(one, text), list(found.values())


def did_you_mean(ctx: Context, language: Language, entries: Sequence[Entry], question: str = "") -> Message:
    """A few entries to choose from, and the way out."""
    commands = {"tutorial": "tuto", "faq": "faq show"}
    of = f" {question}" if question else ""
    choices = [
        Button(entry.title, f"{commands[entry.kind]} {entry.slug}{of if entry.kind == 'faq' else ''}")
        for entry in entries
    ]
    none = Button(ctx.words(language, "faq.none_of_these"), f"faq none{of}")
    return Message(ctx.words(language, "faq.did_you_mean", count=len(entries)), (*choices, none))


def signal(ctx: Context, source: str, what: What, member: MemberRef | None, about: str = "") -> Count:
    """``source`` and ``what`` together are counted once."""
    return Count(
        Signal(
            source=f"faq/{source}/{what.value}",
            workspace=ctx.workspace,
            at=ctx.now,
            what=what,
            member=member,
            about=about,
        )
    )


async def search_in_context(
    ctx: Context, text: str, language: Language, *, guest: bool, place: str, kind: str = ""
) -> Found:
    """What answers ``text``; when nothing does by itself, and it is short and follows an answer in the same ``place``
    (a thread, or the conversation with the bot), what answers it together with what that answer was about."""
    found = await ctx.library.search(text, language, guest=guest, kind=kind)
    if found.good or len(text.split()) > FOLLOW_UP_WORDS:
        return found
    subject = await ctx.note(Subject, place)
    if subject is None or ctx.now - subject.at > KEEPS_SUBJECT:
        return found
    entry = ctx.library.entry(subject.slug, language, guest=guest)
    if entry is None:
        return found
    together = await ctx.library.search(f"{entry.title} {text}", language, guest=guest, kind=kind)
    # Of course the entry itself fits its own title: what was asked is what fits beside it.
    alone = {hit.entry.slug for hit in found.hits[:CHOICES]}
    others = [hit for hit in together.hits if hit.entry.slug != entry.slug]
    near = [hit for hit in others if hit.entry.slug in alone]
    if not near:
        return found
    both = near[0].entry.slug == found.hits[0].entry.slug == others[0].entry.slug
    hits = (near[0], *(hit for hit in others if hit is not near[0]))
    return replace(together, hits=hits, good=both, worth=max(1, min(found.worth, len(hits))))


def about(ctx: Context, place: str, entry: Entry, member: MemberRef | None = None) -> None:
    """From now on ``place`` is about the entry. ``member``: whose conversation it is, when it is nobody else's."""
    ctx.do(Remember(place, Subject(entry.slug, ctx.now), member))
