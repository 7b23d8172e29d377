"""Finding the entries that answer a question, by words and by meaning, and how far to trust the first."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.core.knowledge import Entry
from bot.core.refs import LANGUAGES, Language
from bot.library.analysis import language_of, terms, words_of
from bot.library.ranking import Asked, Figures, Mode, probability, score, shipped, signs
from bot.library.words import Analysed, WordIndex, analyse

if TYPE_CHECKING:
    from bot.library.meaning import Found, MeaningIndex

CANDIDATES = 30
"""So many entries found by words, and by each embedder, are looked at closely."""
MIN_EXACT_WORDS = 2
EXACT = 0.96
"""How often the one entry in which somebody wrote this very question is right (near-duplicates apart)."""

Key = tuple[str, str, Language]
"""Kind, slug and language: what an entry is known by."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry found. ``score`` is the probability, from 0 to 1, that it is the right one; ``exact``: the question is
    just one of its phrasings, and no other entry's."""

    entry: Entry
    score: float
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a search found, best first, every slug once, and what was made of the question."""

    evidence: tuple[Evidence, ...]
    language: Language
    mode: Mode
    crosses: bool = False
    """The first entry is in another language than the question, and exists in that one only."""
    signs: Mapping[str, float] | None = None
    """What the gate looked at; what it is trained on."""

    @property
    def probability(self) -> float:
        """That the first is right, from 0 to 1; 0 when nothing was found."""
        return self.evidence[0].score if self.evidence else 0.0


class Index:
    """The entries of both languages at one moment. Never changed: :meth:`changed` and :meth:`meant` give others.

    With vectors of the question the search uses meaning too, as far as there is an index of it.
    """

    def __init__(self, entries: Sequence[Entry], figures: Mapping[str, Figures] | None = None) -> None:
        """Figures other than the shipped ones: an organisation's calibration."""
        self._figures = figures or shipped()
        self.entries: dict[int, Entry] = {}
        self.numbers: dict[Key, int] = {}
        self.words: dict[Language, WordIndex] = {}
        self._exact: dict[str, set[int]] = {}
        self.meanings: dict[str, MeaningIndex] = {}
        self._shown: dict[tuple[bool, str], frozenset[int]] = {}
        documents: dict[Language, dict[int, Analysed]] = {language: {} for language in LANGUAGES}
        # In an order of their own, so that neither the order of files nor what happened before matters.
        for number, entry in enumerate(sorted(entries, key=key_of)):
            self._enter(number, entry)
            documents[entry.language][number] = analyse(entry)
        for language, each in documents.items():
            self.words[language] = WordIndex(language, each)

    def changed(self, entries: Sequence[Entry]) -> Index:
        """An index of ``entries``: what is as it was is taken over, also its vectors; what is new has none yet."""
        wanted = {key_of(entry): entry for entry in entries}
        gone = {number for key, number in self.numbers.items() if wanted.get(key) != self.entries[number]}
        come = [entry for key, entry in sorted(wanted.items()) if self._entry(key) != entry]
        if len(gone) + len(come) > max(len(self.entries) // 4, 1) and not self.meanings:
            return Index(entries, self._figures)
        other = self._copy()
        first = max(self.entries, default=-1) + 1
        for number in gone:
            other._leave(number)
        documents: dict[Language, dict[int, Analysed]] = defaultdict(dict)
        for number, entry in enumerate(come, first):
            other._enter(number, entry)
            documents[entry.language][number] = analyse(entry)
        for language, index in self.words.items():
            mine = [number for number in gone if number in index.documents]
            if mine or documents[language]:
                other.words[language] = index.changed(mine, documents[language])
        return other

    def meant(self, meanings: Mapping[str, MeaningIndex]) -> Index:
        """This index with other vectors, by the name of their embedder."""
        other = self._copy()
        other.meanings = dict(meanings)
        return other

    def with_figures(self, figures: Mapping[str, Figures]) -> Index:
        other = self._copy()
        other._figures = figures
        return other

    def _copy(self) -> Index:
        other = Index.__new__(Index)
        other._figures = self._figures
        other.entries, other.numbers = dict(self.entries), dict(self.numbers)
        other.words, other._exact = dict(self.words), dict(self._exact)
        other.meanings = self.meanings
        other._shown = {}
        return other

    def _wanted(self, guest: bool, kind: str) -> frozenset[int] | None:
        """The entries a guest may see, and of this kind; None for all. Worked out once for each index."""
        if not guest and not kind:
            return None
        if (guest, kind) not in self._shown:
            self._shown[guest, kind] = frozenset(
                number
                for number, entry in self.entries.items()
                if kind in ("", entry.kind) and not (guest and entry.audience == "employees")
            )
        return self._shown[guest, kind]

    def _entry(self, key: Key) -> Entry | None:
        number = self.numbers.get(key)
        return None if number is None else self.entries[number]

    def _enter(self, number: int, entry: Entry) -> None:
        self.entries[number] = entry
        self.numbers[key_of(entry)] = number
        for phrasing in _phrasings(entry):
            self._exact[phrasing] = self._exact.get(phrasing, set()) | {number}

    def _leave(self, number: int) -> None:
        entry = self.entries.pop(number)
        if self.numbers.get(key_of(entry)) == number:
            del self.numbers[key_of(entry)]
        for phrasing in _phrasings(entry):
            self._exact[phrasing] = self._exact[phrasing] - {number}

    def figures(self, mode: Mode) -> Figures:
        return self._figures[mode]

    def mode(self, vectors: Mapping[str, Sequence[float]]) -> Mode:
        """Which figures fit what can be compared."""
        families = {self.meanings[name].family for name in vectors if name in self.meanings}
        if "use" in families:
            return "e5+use" if len(families) > 1 else "use"
        return "e5" if families else "words"

    def search(
        self,
        question: str,
        language: Language,
        *,
        guest: bool,
        kind: str = "",
        vectors: Mapping[str, Sequence[float]] | None = None,
    ) -> Ranked:
        """The entries that fit ``question``, best first: every slug once, in the language in which it fits best.

        ``language``: the asker's, which counts where the question itself does not tell its own. ``vectors``: the
        question's, by the name of the embedder. An entry in which just this question is written comes before others.
        """
        vectors = {name: each for name, each in (vectors or {}).items() if name in self.meanings}
        mode = self.mode(vectors)
        spoken = language_of(question) or language

        wanted = self._wanted(guest, kind)
        rows = self._rows(question, vectors, wanted)
        figures = self.figures(mode)
        exact = {number for number in self._exactly(question) if wanted is None or number in wanted}
        sole = len({(self.entries[number].kind, self.entries[number].slug) for number in exact}) == 1
        best: dict[tuple[str, str], tuple[bool, float, int]] = {}
        for number, row in rows.items():
            entry = self.entries[number]
            mark = (sole and number in exact, score(figures, row), number)
            known = best.get((entry.kind, entry.slug))
            if known is None or mark[:2] > known[:2]:
                best[entry.kind, entry.slug] = mark
        order = sorted(best.values(), key=lambda mark: (not mark[0], -mark[1], key_of(self.entries[mark[2]])))
        if not order:
            return Ranked((), spoken, mode)
        return self._judged(question, spoken, mode, order, rows)

    def _judged(
        self,
        question: str,
        spoken: Language,
        mode: Mode,
        order: Sequence[tuple[bool, float, int]],
        rows: Mapping[int, Mapping[str, float]],
    ) -> Ranked:
        figures = self.figures(mode)
        first = self.entries[order[0][2]]
        crosses = first.language != spoken and (first.kind, first.slug, spoken) not in self.numbers
        asked = Asked(question, spoken, len(terms(question, spoken)))
        scores = [mark[1] for mark in order]
        found = signs(mode, scores, [rows[mark[2]] for mark in order], asked, crosses=crosses)
        sure = probability(figures, found)
        if order[0][0]:
            sure = max(sure, EXACT)
        shares = [math.exp(min(0.0, each - scores[0])) for each in scores]
        evidence = tuple(
            Evidence(self.entries[mark[2]], sure if place == 0 else sure * shares[place] * 0.999, mark[0])
            for place, mark in enumerate(order)
        )
        return Ranked(evidence, spoken, mode, crosses, found)

    def _rows(
        self, question: str, vectors: Mapping[str, Sequence[float]], wanted: frozenset[int] | None
    ) -> dict[int, dict[str, float]]:
        """The features of each candidate. ``wanted``: the entries that may be found; None for all."""
        asked = {language: index.understood(question) for language, index in self.words.items()}
        weighed = {language: index.weighed(asked[language]) for language, index in self.words.items()}
        whole: dict[int, float] = {}
        chosen: set[int] = set()
        for language, index in self.words.items():
            scores = index.whole_scores(asked[language])
            if wanted is not None:
                scores = {number: each for number, each in scores.items() if number in wanted}
            whole.update(scores)
            chosen.update(index.best(scores, CANDIDATES))
        found: list[Found] = []
        for name, vector in vectors.items():
            meaning = self.meanings[name].search(vector, CANDIDATES, wanted)
            found.append(meaning)
            chosen.update(meaning.chosen & self.entries.keys())
        rows: dict[int, dict[str, float]] = {}
        for number in sorted(chosen):
            index = self.words[self.entries[number].language]
            best, common = index.phrasing_scores(number, weighed[index.language])
            row = {"whole": whole.get(number, 0.0), "best": best, "common": common}
            for each in found:
                if number in each.index.parts:
                    row.update(each.features(number))
            if not found or all(number in each.index.parts for each in found):
                rows[number] = row
        return rows

    def _exactly(self, question: str) -> set[int]:
        """The entries one of whose phrasings is the question, accents and punctuation apart."""
        said = _plain(question)
        return self._exact.get(said, set()) if said else set()


def key_of(entry: Entry) -> Key:
    return entry.kind, entry.slug, entry.language


def _plain(text: str) -> str:
    said = words_of(text)
    return " ".join(said) if len(said) >= MIN_EXACT_WORDS else ""


def _phrasings(entry: Entry) -> set[str]:
    return {_plain(text) for text in (entry.title, *entry.questions)} - {""}
