"""Finding the entries that answer a question: BM25 over words, in each language, and how far to trust the result."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.knowledge import Entry
from bot.core.refs import LANGUAGES, Language
from bot.library.analysis import one_edit_away, terms

TITLE_WEIGHT, QUESTION_WEIGHT, TAG_WEIGHT, BODY_WEIGHT = 3, 1, 1, 1
"""How often a word counts in the whole entry, by where it stands."""
PHRASING_SHARE = 0.6
"""The part of the score that comes from the best single phrasing (the title or one question); the rest from the
whole entry. Measured on eight question sets: 0.0 finds the right entry first in .599 of questions, 0.6 in .649."""
WHOLE_K1, WHOLE_B = 1.5, 0.75
PHRASING_K1, PHRASING_B = 1.2, 0.9
MIN_TYPO_LETTERS = 5
"""Shorter words have too many neighbours one letter away for a guess to be right."""
MAX_QUERY_TERMS = 40
MIN_EXACT_WORDS = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an entry. ``score`` lies between 0 and 1: the share of what a perfect match would score.

    ``coverage`` is the share of the question's meaning (words weighted by rarity) found in the entry's title,
    questions and tags; ``matched`` counts those words. ``exact``: the question has just the words of one of its
    phrasings, at least two, and of no other entry's.
    """

    entry: Entry
    score: float
    coverage: float
    matched: int
    exact: bool = False


class _Ranking:
    """BM25 over lists of terms, in Lucene's form. Communities have hundreds of entries, not millions: the sums need no
    library, and numpy alone would take 13 MiB of the bot's memory."""

    def __init__(self, documents: Sequence[Sequence[str]], k1: float, b: float) -> None:
        self._size = total = len(documents)
        average = sum(map(len, documents)) / total or 1.0
        self._shares: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        """For each term the documents that have it, with how much they are about it: between 0 and 1."""
        for number, document in enumerate(documents):
            room = k1 * (1 - b + b * len(document) / average)
            for term, count in Counter(document).items():
                self._shares[term].append((number, count / (count + room)))
        self.rarity = {
            term: math.log(1 + (total - len(having) + 0.5) / (len(having) + 0.5))
            for term, having in self._shares.items()
        }
        self._unknown = math.log(1 + (total + 0.5) / 0.5)

    def weight(self, term: str) -> float:
        """How much a term says: rare words more; a word nobody wrote says that something is missing here."""
        return self.rarity.get(term, self._unknown)

    def scores(self, question: Sequence[str]) -> Sequence[float]:
        """For each document, between 0 and 1; empty when no word is known."""
        known = [term for term in question if term in self.rarity]
        if not known:
            return []
        perfect = sum(self.weight(term) for term in question)
        scores = [0.0] * self._size
        for term in known:
            weight = self.rarity[term] / perfect
            for number, share in self._shares[term]:
                scores[number] += weight * share
        return scores


class LanguageIndex:
    """The entries of one language, searchable."""

    def __init__(self, entries: Sequence[Entry], language: Language) -> None:
        self._entries = tuple(entries)
        self._language = language
        whole, phrasings, self._owner = [], [], []
        self._strong: list[frozenset[str]] = []
        owners_by_words: defaultdict[frozenset[str], set[int]] = defaultdict(set)
        for number, entry in enumerate(entries):
            title = terms(entry.title, language)
            questions = [terms(question, language) for question in entry.questions]
            tags = terms(" ".join(entry.tags).replace("-", " "), language)
            body = terms("\n".join((entry.body, *(f"{step.title}\n{step.body}" for step in entry.steps))), language)
            asked = [term for question in questions for term in question]
            whole.append(title * TITLE_WEIGHT + asked * QUESTION_WEIGHT + tags * TAG_WEIGHT + body * BODY_WEIGHT)
            for phrasing in (title, *questions):
                owners_by_words[frozenset(phrasing)].add(number)
                phrasings.append(phrasing)
                self._owner.append(number)
            self._strong.append(frozenset((*title, *asked, *tags)))
        self._exact = {
            words: next(iter(owners))
            for words, owners in owners_by_words.items()
            if len(words) >= MIN_EXACT_WORDS and len(owners) == 1
        }
        self._whole = _Ranking(whole, WHOLE_K1, WHOLE_B)
        self._phrasings = _Ranking(phrasings, PHRASING_K1, PHRASING_B)
        self._by_first_letter: defaultdict[str, list[str]] = defaultdict(list)
        for term in sorted(self._whole.rarity):
            self._by_first_letter[term[0]].append(term)

    def search(self, question: str) -> list[Evidence]:
        """What speaks for each entry that shares a word with ``question``, in no order."""
        asked = [self._spelled(term) for term in dict.fromkeys(terms(question, self._language))][:MAX_QUERY_TERMS]
        whole = self._whole.scores(asked)
        if not whole:
            return []
        best_phrasing = [0.0] * len(self._entries)
        for owner, score in zip(self._owner, self._phrasings.scores(asked), strict=False):
            best_phrasing[owner] = max(best_phrasing[owner], score)
        return [
            self._evidence(number, asked, (1 - PHRASING_SHARE) * score + PHRASING_SHARE * best_phrasing[number])
            for number, score in enumerate(whole)
            if score > 0
        ]

    def _evidence(self, number: int, asked: Sequence[str], score: float) -> Evidence:
        strong = self._strong[number]
        matched = [term for term in asked if term in strong]
        total = sum(self._whole.weight(term) for term in asked)
        coverage = sum(self._whole.weight(term) for term in matched) / total
        exact = self._exact.get(frozenset(asked)) == number
        return Evidence(self._entries[number], score, coverage, len(matched), exact)

    def _spelled(self, term: str) -> str:
        """The term, or the known one it was probably meant to be."""
        if term in self._whole.rarity or len(term) < MIN_TYPO_LETTERS:
            return term
        return one_edit_away(term, self._by_first_letter.get(term[0], ())) or term


class Index:
    """The entries of both languages."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._parts: list[LanguageIndex] = []
        for language in LANGUAGES:
            mine = [entry for entry in entries if entry.language == language]
            if mine:
                self._parts.append(LanguageIndex(mine, language))

    def search(self, question: str, *, guest: bool, kind: str = "") -> list[Evidence]:
        """What speaks for each entry, best first: every slug once, in the language in which it fits best.

        An entry in which just this question is written comes before all others.
        """
        best: dict[tuple[str, str], Evidence] = {}
        for part in self._parts:
            for evidence in part.search(question):
                entry = evidence.entry
                if (guest and entry.audience == "employees") or (kind and entry.kind != kind):
                    continue
                key = (entry.kind, entry.slug)
                if key not in best or _rank(evidence) < _rank(best[key]):
                    best[key] = evidence
        return sorted(best.values(), key=_rank)


def _rank(evidence: Evidence) -> tuple[bool, float, str]:
    return not evidence.exact, -evidence.score, evidence.entry.slug
