"""What can only be seen over all files of content/ together, and in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from bot.core.errors import Problem
from bot.core.refs import LANGUAGES, other_language
from bot.library.links import links_in
from bot.library.reading import EntryFile, PageFile, PromptsFile, Read

K = TypeVar("K", bound=Hashable)


def cross_problems(files: Mapping[str, Read], today: date) -> list[Problem]:
    """``files`` are the good ones by name; ``today`` is a date in no particular zone, for review dates."""
    entries = [each for each in files.values() if isinstance(each, EntryFile)]
    pages = [each for each in files.values() if isinstance(each, PageFile)]
    return [
        *_entry_pairs(entries),
        *_page_pairs(pages),
        *_references(entries),
        *_reviews(entries, pages, today),
        *_twice([each for each in files.values() if isinstance(each, PromptsFile)]),
    ]


def _missing(file: str, language: str) -> Problem:
    return Problem(file, 0, "has no translation", f"write {file.rsplit('.', 2)[0]}.{language}.md")


def _entry_pairs(files: list[EntryFile]) -> Iterator[Problem]:
    by_slug: defaultdict[tuple[str, str], dict[str, EntryFile]] = defaultdict(dict)
    for file in files:
        by_slug[file.entry.kind, file.entry.slug][file.entry.language] = file
    for (kind, slug), pair in by_slug.items():
        if kind == "tutorial" and ("faq", slug) in by_slug:
            yield next(iter(pair.values())).meta.problem((), f"has the same name as faq/{slug}", "rename one of them")
        if len(pair) < len(LANGUAGES):
            alone = next(iter(pair.values()))
            yield _missing(alone.meta.file, other_language(alone.entry.language))
            continue
        yield from _differences(pair["fr"], pair["en"])


def _differences(french: EntryFile, english: EntryFile) -> Iterator[Problem]:
    # Tags are read by people, each in their own language: only their number can be compared.
    if len(french.entry.tags) != len(english.entry.tags):
        yield french.meta.problem(["tags"], "has not as many “tags” as the English file", "give each in both languages")
    for field in ("audience", "owner", "see_also", "minutes", "channels"):
        if getattr(french.entry, field) != getattr(english.entry, field):
            yield french.meta.problem([field], f"“{field}” differs from the English file", "make them the same")
    if len(french.entry.steps) != len(english.entry.steps):
        yield french.meta.problem((), "has another number of steps than the English file", "make them the same")
    if len(french.entry.quiz) != len(english.entry.quiz):
        yield french.meta.problem(["quiz"], "has another number of questions in its quiz than the English file")
    if french.placeholders != english.placeholders:
        yield french.meta.problem((), "has other {placeholders} than the English file", "make them the same")


def _page_pairs(files: list[PageFile]) -> Iterator[Problem]:
    by_name: defaultdict[str, dict[str, PageFile]] = defaultdict(dict)
    for file in files:
        by_name[file.page.name][file.page.language] = file
    for pair in by_name.values():
        if len(pair) < len(LANGUAGES):
            alone = next(iter(pair.values()))
            yield _missing(alone.meta.file, other_language(alone.page.language))
            continue
        french, english = pair["fr"], pair["en"]
        if set(french.page.skip_when) != set(english.page.skip_when):
            yield french.meta.problem(["skip_when"], "“skip_when” differs from the English file", "make them the same")
        if french.placeholders != english.placeholders:
            yield french.meta.problem((), "has other {placeholders} than the English file", "make them the same")


def _references(files: list[EntryFile]) -> Iterator[Problem]:
    slugs = {file.entry.slug for file in files}
    for file in files:
        for number, slug in enumerate(file.entry.see_also):
            if slug not in slugs:
                yield file.meta.problem(
                    ["see_also", number], f"“see_also” names {slug}, which does not exist", "correct or remove it"
                )
            elif slug == file.entry.slug:
                yield file.meta.problem(["see_also", number], "“see_also” names the file itself", "remove it")
        for text in (file.entry.body, *(step.body for step in file.entry.steps)):
            for link in links_in(text):
                kind, _, slug = link.address.partition(":")
                if kind == "entry" and slug not in slugs:
                    yield file.meta.problem((), f"links to entry:{slug}, which does not exist", "correct or remove it")


def _reviews(entries: list[EntryFile], pages: list[PageFile], today: date) -> Iterator[Problem]:
    dated = [(file.meta, file.entry.review_by) for file in entries]
    dated += [(file.meta, file.review_by) for file in pages]
    for meta, review_by in dated:
        if review_by is not None and review_by < today:
            mend = "read it again, correct it, and set the next review_by"
            yield meta.problem(["review_by"], f"was to be reviewed by {review_by.isoformat()}", mend)


def _twice(files: list[PromptsFile]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file in files:
        for number, prompt in enumerate(file.prompts):
            elsewhere = first.setdefault(prompt.id, file.located.file)
            if elsewhere != file.located.file:
                reason = f"gives the id “{prompt.id}”, which is also in {elsewhere}"
                yield file.located.problem(["prompts", number, "id"], reason, "choose another id")
