"""Everything the library holds at one moment, put together from its files, and never changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.knowledge import Entry, Page, Prompt
from bot.core.refs import Language, other_language
from bot.library.analysis import fold
from bot.library.reading import EntryFile, PageFile, PromptsFile, Read, WordsFile

KINDS = ("faq", "tutorial")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries by kind, slug and language; pages by name and language; words by key and language."""

    entries: Mapping[tuple[str, str, Language], Entry]
    pages: Mapping[tuple[str, Language], Page]
    words: Mapping[str, Mapping[Language, str]]
    prompts: tuple[Prompt, ...]

    def entry(self, slug: str, language: Language, kind: str = "") -> Entry | None:
        for each in [kind] if kind else KINDS:
            for spoken in (language, other_language(language)):
                found = self.entries.get((each, slug, spoken))
                if found is not None:
                    return found
        return None

    def all_entries(self, language: Language, kind: str = "") -> list[Entry]:
        """Each once, in ``language`` where there is one, by title."""
        chosen = {}
        for entry in self.entries.values():
            if kind in ("", entry.kind) and (entry.language == language or (entry.kind, entry.slug) not in chosen):
                chosen[entry.kind, entry.slug] = entry
        return sorted(chosen.values(), key=lambda entry: (fold(entry.title), entry.slug))

    def page(self, name: str, language: Language) -> Page | None:
        return self.pages.get((name, language)) or self.pages.get((name, other_language(language)))

    def page_names(self, folder: str) -> list[str]:
        """The pages right in ``folder``; ``day-7`` comes before ``day-14``."""
        names = {name for name, _ in self.pages if name.rpartition("/")[0] == folder.strip("/")}
        return sorted(names, key=_with_numbers)


def _with_numbers(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def assemble(files: Iterable[Read], made: Sequence[Entry] = ()) -> Shelf:
    """A shelf of ``files``, and of entries ``made`` elsewhere that no file has the slug of."""
    entries: dict[tuple[str, str, Language], Entry] = {}
    pages: dict[tuple[str, Language], Page] = {}
    words: dict[str, Mapping[Language, str]] = {}
    prompts: dict[str, Prompt] = {}
    for file in files:
        if isinstance(file, EntryFile) and file.draft:
            continue
        if isinstance(file, EntryFile):
            entries[file.entry.kind, file.entry.slug, file.entry.language] = file.entry
        elif isinstance(file, PageFile):
            pages[file.page.name, file.page.language] = file.page
        elif isinstance(file, PromptsFile):
            for prompt in file.prompts:
                prompts.setdefault(prompt.id, prompt)
        elif isinstance(file, WordsFile):
            words.update(file.words)
    written = {(kind, slug) for kind, slug, _ in entries}
    entries |= {(each.kind, each.slug, each.language): each for each in made if (each.kind, each.slug) not in written}
    entries = _guarded(entries)
    return Shelf(entries, pages, words, tuple(prompts.values()))


def _guarded(entries: Mapping[tuple[str, str, Language], Entry]) -> dict[tuple[str, str, Language], Entry]:
    """An entry for employees in one language is for employees in both, so that a slip shows guests nothing."""
    internal = {(entry.kind, entry.slug) for entry in entries.values() if entry.audience == "employees"}
    return {
        key: replace(entry, audience="employees") if key[:2] in internal else entry for key, entry in entries.items()
    }
