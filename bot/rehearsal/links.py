"""Links that lead nowhere: in our own content and, when asked, out on the web."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from bot.core.community import Channel
from bot.core.dispatch import catalogue, route
from bot.core.errors import BadInput, Unreachable
from bot.core.refs import LANGUAGES
from bot.forecast import Files
from bot.library import links_in
from bot.rehearsal.troubles import Severity, Trouble
from handlers import FEATURES

AT_ONCE = 8
"""Addresses asked at the same time."""
SECONDS = 10.0
"""What one address may take to answer."""
_CLOSED_TO_US = frozenset({401, 403, 405, 407, 429})
"""Answers that say nothing of whether a person with a browser would get through."""
_COMMAND = re.compile(r"`[/!]allant ([^`{]+)`")

Status = Callable[[str], Awaitable[int]]
"""What an address answers, see LinkChecker.status."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text people will read, and where it begins."""

    text: str
    file: str
    line: int
    item: str = ""


def all_words(files: Files) -> Iterator[Words]:
    """Every Markdown file of content/, and the words written in the items themselves."""
    for found in files.library.markdown_files():
        yield Words(found.body, found.meta.file, found.body_line)
    for item in files.schedules.items():
        for text in item.words.values():
            yield Words(text, item.file, item.line, item.id)


def own_troubles(files: Files, words: Sequence[Words], channels: Sequence[Channel]) -> Iterator[Trouble]:
    """Links to channels, pages and commands that do not exist."""
    names = {name.casefold() for each in channels for name in (each.name, each.ref.id)}
    for each in words:
        for link in links_in(each.text):
            reason, mend = _wrong(link.address, files, names)
            if reason:
                yield _at(each, link.line, reason, mend)
        for number, line in enumerate(each.text.split("\n"), start=1):
            for typed in _COMMAND.findall(line):
                if route(catalogue(FEATURES), typed) is None:
                    yield _at(each, number, f"names “/allant {typed}”, which does not exist", "see `/allant help`")
    for slug, (name, missing) in _see_also(files).items():
        yield Trouble(
            code="dead_link",
            severity=Severity.ERROR,
            reason=f"“see_also” names {missing}, which does not exist",
            mend="correct or remove it",
            file=name,
            item=slug,
        )


def _see_also(files: Files) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for language in LANGUAGES:
        entries = files.library.entries(language, guest=False)
        slugs = {entry.slug for entry in entries}
        for entry in entries:
            folder = "faq" if entry.kind == "faq" else "tutorials"
            for slug in entry.see_also:
                if slug not in slugs:
                    found[entry.slug] = (f"{folder}/{entry.slug}.{entry.language}.md", slug)
    return found


def _wrong(address: str, files: Files, channels: set[str]) -> tuple[str, str]:
    """Why the address leads nowhere, and what to do; empty when nothing is known against it."""
    scheme, colon, rest = address.partition(":")
    if colon and scheme == "channel":
        if unquote(rest).casefold() not in channels and "{" not in unquote(rest):
            return f"links to the channel “{unquote(rest)}”, which does not exist", "correct its name"
        return "", ""
    if re.match(r"(https?://|mailto:|mention:)", address) or "{" in unquote(address):
        return "", ""
    bare = re.sub(r"(\.(fr|en))?\.md$", "", unquote(address).removeprefix("/").removeprefix("content/"))
    bare = re.sub(r"^(\.\./|\./)+", "", bare).partition("#")[0]
    folder, _, slug = bare.partition("/")
    exists = files.library.entry(slug, "fr", guest=False) or files.library.page(bare, "fr")
    if exists is not None:
        command = {"faq": f"`/allant faq {slug}`", "tutorials": f"`/allant tuto {slug}`"}.get(folder, "its words")
        return f"links to {address}: in a chat such a link leads nowhere", f"write {command} instead"
    return f"links to {address or 'nothing'}, which is not there", "a link begins with https:// or names a channel"


async def web_troubles(words: Sequence[Words], status: Status) -> list[Trouble]:
    """Addresses on the web that do not answer as they should; each is asked once, several at a time."""
    places: defaultdict[str, list[tuple[Words, int]]] = defaultdict(list)
    for each in words:
        for link in links_in(each.text):
            if link.address.startswith(("http://", "https://")) and "{" not in link.address:
                places[link.address].append((each, link.line))
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(address: str) -> tuple[Severity, str] | None:
        async with slots:
            return await _verdict(address, status)

    verdicts = await asyncio.gather(*(ask(address) for address in places))
    found = []
    for (address, where), verdict in zip(places.items(), verdicts, strict=True):
        if verdict is not None:
            severity, reason = verdict
            mend = "correct or remove it" if severity is Severity.ERROR else "look at it in a browser"
            code = "dead_link" if severity is Severity.ERROR else "unchecked_link"
            found += [_at(each, line, f"links to {address}: {reason}", mend, code, severity) for each, line in where]
    return found


async def _verdict(address: str, status: Status) -> tuple[Severity, str] | None:
    try:
        answer = await status(address)
    except BadInput as error:
        return Severity.WARNING, str(error)
    except Unreachable as error:
        return Severity.WARNING, str(error)
    if answer < 400:
        return None
    if answer in _CLOSED_TO_US:
        return Severity.NOTE, f"it answers {answer}: perhaps only people who are logged in see it"
    if answer >= 500:
        return Severity.WARNING, f"it answers {answer}: its server has a problem"
    return Severity.ERROR, f"it answers {answer}: there is no such page"


def _at(
    words: Words,
    line: int,
    reason: str,
    mend: str,
    code: str = "dead_link",
    severity: Severity = Severity.ERROR,
) -> Trouble:
    # The line of words written in an item is the item's: where in the YAML a line of them stands is not known.
    number = words.line if words.item else words.line + line - 1
    return Trouble(
        code=code, severity=severity, reason=reason, mend=mend, file=words.file, line=number, item=words.item
    )
