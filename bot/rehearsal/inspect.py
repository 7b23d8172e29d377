"""What is wrong with the items themselves: their words, their places, who is responsible for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bot.core.calendar import Item
from bot.core.community import Channel, Member, Role
from bot.core.directory import addressed
from bot.core.refs import LANGUAGES, MemberRef
from bot.forecast import Files, Known, Post, words_of
from bot.rehearsal.troubles import Severity, Trouble

LONG = 4000
"""Characters: most platforms cut or split a message that is longer (Telegram at 4,096)."""
ROLES = {"animator": Role.ANIMATOR, "admin": Role.ADMIN, "administrator": Role.ADMIN}
"""Roles that Allant gives."""
OUTSIDE_ROLES = frozenset({"sponsor", "ambassador", "manager", "member"})
"""Roles that people have without Allant's knowing who they are; they may not publish in a one-way channel."""


def place_troubles(files: Files, items: Iterable[Item], channels: Sequence[Channel]) -> Iterator[Trouble]:
    """Channels and tags that do not exist."""
    names = ", ".join(sorted(f"#{channel.name}" for channel in channels)) or "none"
    for item in items:
        for place in item.channels:
            if not addressed(channels, [place]):
                what = f"no channel has the tag “{place[4:]}”" if place.startswith("tag:") else f"there is no {place}"
                yield about(item, "unknown_channel", Severity.ERROR, what, f"correct it; the channels are: {names}")
    wanted = files.policy.animators_channel.removeprefix("#").casefold()
    if wanted and wanted not in {name.casefold() for each in channels for name in (each.name, each.ref.id)}:
        yield Trouble(
            code="unknown_channel",
            severity=Severity.ERROR,
            reason=f"animators_channel names #{wanted}, which does not exist: animators get direct messages instead",
            mend=f"correct it; the channels are: {names}",
            file="policy.yaml",
        )


def word_troubles(files: Files, items: Iterable[Item], channels: Sequence[Channel]) -> Iterator[Trouble]:
    """Words that are missing, in all languages or in one."""
    for item in items:
        there = words_of(item, files.library)
        page = f"content/calendar/{item.page}" if item.page else ""
        if not there:
            mend = f"write {page}.fr.md and {page}.en.md" if page else "write them under words:"
            yield about(item, "no_words", Severity.ERROR, "has no words in any language", mend)
            continue
        heard = {each.language for each in addressed(channels, item.channels)}
        heard |= {"both"} if item.audiences else set()
        for language in LANGUAGES:
            if language not in there:
                needed = bool(heard & {language, "both"}) or not heard
                reason = f"has no words in “{language}”" + ("" if needed else ", which none of its channels needs now")
                mend = f"write {page}.{language}.md" if page else f"add them under {language}:"
                severity = Severity.ERROR if needed else Severity.WARNING
                yield about(item, "missing_translation", severity, reason, mend)


def length_troubles(posts: Iterable[Post]) -> Iterator[Trouble]:
    for post in posts:
        if len(post.text) > LONG:
            reason = f"is {len(post.text):,} characters long: platforms cut or split what is over {LONG:,}"
            mend = "shorten it, or post each language on its own"
            yield about(post.item, "too_long", Severity.WARNING, reason, mend, post.channel)


async def owner_troubles(items: Iterable[Item], known: Known) -> list[Trouble]:
    """People responsible who are not there any more."""
    found = []
    for item in items:
        if item.owner.casefold() in OUTSIDE_ROLES or known.store is None:
            continue
        role = ROLES.get(item.owner.casefold())
        mend = "name somebody else, or a role, under owner:"
        if role is not None:
            if not await known.store.members.with_role(known.workspace, role):
                reason = f"nobody is {item.owner} (any more), so nobody is responsible for it"
                mend = "give the role: /allant roles give @name animator"
                found.append(about(item, "owner_left", Severity.ERROR, reason, mend))
            continue
        member = await person(item.owner, known)
        if member is None:
            reason = f"the person responsible, “{item.owner}”, is nobody here (any more)"
            found.append(about(item, "owner_left", Severity.ERROR, reason, mend))
        elif not member.active:
            reason = f"the person responsible, “{item.owner}”, has left"
            found.append(about(item, "owner_left", Severity.ERROR, reason, mend))
    return found


def question_troubles(posts: Iterable[Post]) -> Iterator[Trouble]:
    """Questions asked where nobody can answer."""
    for post in posts:
        if post.channel.one_way and _asks(post):
            reason = f"asks a question in #{post.channel.name}, where members can only react, not reply"
            mend = "say where to answer (for example in #general), or ask there"
            yield about(post.item, "one_way_question", Severity.WARNING, reason, mend, post.channel)


def _asks(post: Post) -> bool:
    """Whether the post asks and names no other place to answer."""
    text = re.sub(r"https?://\S+|`[^`]*`", "", post.text)
    elsewhere = [name for name in re.findall(r"(?<!\w)#([\w-]+)", text) if name.casefold() != post.channel.name]
    return "?" in text and not elsewhere


async def person(owner: str, known: Known) -> Member | None:
    """The member an item names by ref, id or name."""
    if known.store is None:
        return None
    try:
        return await known.store.members.get(MemberRef.parse(owner))
    except ValueError:
        return await known.store.members.named(known.workspace, owner)


def about(item: Item, code: str, severity: Severity, reason: str, mend: str, channel: Channel | None = None) -> Trouble:
    return Trouble(
        code=code,
        severity=severity,
        reason=reason,
        mend=mend,
        file=item.file,
        line=item.line,
        item=item.id,
        channel="" if channel is None else channel.name if channel.direct else f"#{channel.name}",
    )
