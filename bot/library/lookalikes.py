"""Entries that stand in each other's way: those that ask or say the same, and those that no question finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from bot.core.errors import Problem
from bot.core.knowledge import Entry
from bot.core.refs import LANGUAGES, Language
from bot.library.analysis import terms
from bot.library.reading import EntryFile
from bot.library.search import Index

ASKS_THE_SAME = 0.99
ASKS_NEARLY_THE_SAME = 0.8
SAYS_THE_SAME = 0.75
"""What two sets of words have in common, of all they have: from there on they are called alike."""
COMMON = 60
"""A word in more texts than this says too little to bring two of them together."""
AMONG = 3
"""A question finds an entry when it is among so many first ones: as many as “did you mean” offers."""
MOST_ASKED = 3000
"""Phrasings that are searched: beyond, the titles alone are."""


def lookalike_problems(files: Sequence[EntryFile]) -> Iterator[Problem]:
    """Duplicates, near-duplicates, and entries that no question of theirs finds; drafts too, as they are to become
    entries."""
    for language in LANGUAGES:
        own = [file for file in files if file.entry.language == language]
        yield from _alike(own, language)
    yield from _unfound([file for file in files if not file.draft])


def _alike(files: Sequence[EntryFile], language: Language) -> Iterator[Problem]:
    told: set[int] = set()  # The first lookalike of an entry is enough to begin with.
    asked = [
        (number, set(terms(text, language)))
        for number, file in enumerate(files)
        for text in (file.entry.title, *file.entry.questions)
    ]
    for one, other, share in _pairs([each for each in asked if len(each[1]) > 1], ASKS_NEARLY_THE_SAME):
        if other not in told:
            told.add(other)
            how = "asks the same as" if share >= ASKS_THE_SAME else "asks nearly the same as"
            yield _problem(files[other], f"{how} {files[one].meta.file}")
    said = [(number, set(terms(_text(file.entry), language))) for number, file in enumerate(files)]
    for one, other, _ in _pairs([each for each in said if len(each[1]) > 4], SAYS_THE_SAME):
        if other not in told:
            told.add(other)
            yield _problem(files[other], f"says nearly the same as {files[one].meta.file}")


def _problem(file: EntryFile, reason: str) -> Problem:
    return file.meta.problem(["title"], reason, "make one entry of both, or say what differs in their questions")


def _text(entry: Entry) -> str:
    return "\n".join((entry.body, *(step.body for step in entry.steps)))


def _pairs(bags: Sequence[tuple[int, set[str]]], least: float) -> Iterator[tuple[int, int, float]]:
    """Owners of two bags whose words are the same to ``least``, with how much: the earlier owner first."""
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for place, (_, bag) in enumerate(bags):
        for term in bag:
            holders[term].append(place)
    for place, (owner, bag) in enumerate(bags):
        common: Counter[int] = Counter()
        for term in bag:
            if len(holders[term]) <= COMMON:
                common.update(each for each in holders[term] if each < place)
        for earlier in common:
            before, words = bags[earlier]
            share = len(bag & words) / len(bag | words)
            if before != owner and share >= least:
                yield before, owner, share


def _unfound(files: Sequence[EntryFile]) -> Iterator[Problem]:
    """Entries that none of their own ways of asking brings among the first, by their words."""
    index = Index([file.entry for file in files])
    every = sum(1 + len(file.entry.questions) for file in files)
    for file in files:
        entry = file.entry
        texts = (entry.title, *entry.questions) if every <= MOST_ASKED else (entry.title,)
        if not any(_finds(index, text, entry) for text in texts):
            mend = "add “questions” as people ask them, in words that no other entry has"
            yield file.meta.problem(["questions"], "is found by no question of its own", mend)


def _finds(index: Index, text: str, entry: Entry) -> bool:
    found = index.search(text, entry.language, guest=False)
    return any((each.entry.kind, each.entry.slug) == (entry.kind, entry.slug) for each in found.evidence[:AMONG])
