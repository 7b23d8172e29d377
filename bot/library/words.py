"""Finding entries by their words: BM25 in each language, with slips of the finger, split words and abbreviations."""

from __future__ import annotations

import heapq
import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.knowledge import Entry
from bot.core.refs import Language
from bot.library.analysis import fold, one_edit_away, terms, words_of

TITLE_WEIGHT, QUESTION_WEIGHT, TAG_WEIGHT, BODY_WEIGHT = 3, 1, 1, 1
"""How often a word counts in the whole entry, by where it stands."""
WHOLE_K1, WHOLE_B = 1.5, 0.75
PHRASING_K1, PHRASING_B = 1.2, 0.9
MIN_TYPO_LETTERS = 5
"""Shorter words have too many neighbours one letter away for a guess to be right."""
MAX_GUESSES = 8
"""Words nobody knows are looked up letter by letter, which takes a while: in a question no more than this many."""
MAX_QUERY_TERMS = 40
MAX_POSTINGS = 60_000
"""A question of many frequent words looks at this many places at most, beginning with its rarest words."""
EXPANDED = 0.5
"""What a word counts that stands for an abbreviation in the question, or the reverse."""

_SHORT_FORM = re.compile(r"\(([A-Z][A-Za-z]{1,5})\)")


@dataclass(frozen=True, slots=True)
class Analysed:
    """An entry's terms: how often each counts in the whole, and each phrasing's. The title's is the first."""

    whole: dict[str, int]
    phrasings: tuple[tuple[str, ...], ...]
    short_forms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Abbreviations the entry explains, each with the terms it stands for."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's terms by how rare they are in phrasings (``perfect``: their sum, without what stands for others),
    and in whole entries (``whole``: their sum)."""

    rare: dict[str, float]
    weights: dict[str, float]
    perfect: float
    whole: float


def analyse(entry: Entry) -> Analysed:
    """The terms of ``entry``, in its own language."""
    language = entry.language
    phrasings = [tuple(terms(text, language)) for text in (entry.title, *entry.questions)]
    body = "\n".join((entry.body, *(f"{step.title}\n{step.body}" for step in entry.steps)))
    whole: Counter[str] = Counter()
    for number, phrasing in enumerate(phrasings):
        for term in phrasing:
            whole[term] += TITLE_WEIGHT if number == 0 else QUESTION_WEIGHT
    for term in terms(" ".join(entry.tags).replace("-", " "), language):
        whole[term] += TAG_WEIGHT
    for term in terms(body, language):
        whole[term] += BODY_WEIGHT
    texts = (entry.title, *entry.questions, body)
    return Analysed(dict(whole), tuple(phrasings), tuple(_short_forms(texts, language)))


def _short_forms(texts: Iterable[str], language: Language) -> Iterable[tuple[str, tuple[str, ...]]]:
    """“réduction du temps de travail (RTT)” says what RTT stands for: its letters begin the words before it."""
    for text in texts:
        for found in _SHORT_FORM.finditer(text[:4000]):
            short = fold(found[1])
            before = words_of(text[max(0, found.start() - 120) : found.start()])
            # Little words such as “de” give no letter, or do: “Comité d’entreprise” is CE, “mise à jour” is MAJ.
            for skip in (False, True):
                spelled = [word for word in before if not skip or len(word) > 3][-len(short) :]
                if len(spelled) == len(short) and all(
                    word[0] == letter for word, letter in zip(spelled, short, strict=True)
                ):
                    meant = tuple(terms(" ".join(spelled), language))
                    (key,) = terms(short, language) or ("",)
                    if meant and key:
                        yield key, meant
                    break


class WordIndex:
    """The entries of one language, searchable by their words. Never changed: :meth:`changed` gives another.

    ``documents`` maps a number to each entry's terms; numbers stay with their entries.
    """

    def __init__(self, language: Language, documents: dict[int, Analysed]) -> None:
        self.language = language
        self.documents: dict[int, Analysed] = {}
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._asked: Counter[str] = Counter()
        """For each term in how many phrasings it stands."""
        self._lengths: dict[int, int] = {}
        self._letters: dict[tuple[str, int], set[str]] = {}
        self._short: dict[str, tuple[str, ...]] = {}
        self._put(documents)
        self._settle()

    def changed(self, gone: Iterable[int], come: dict[int, Analysed]) -> WordIndex:
        """This index without the documents ``gone`` and with those that ``come``; what is the same is shared."""
        other = WordIndex.__new__(WordIndex)
        other.language = self.language
        other.documents = dict(self.documents)
        other._postings = dict(self._postings)
        other._asked = Counter(self._asked)
        other._lengths = dict(self._lengths)
        other._letters = dict(self._letters)
        other._short = dict(self._short)
        other._remove(gone)
        other._put(come)
        other._settle()
        return other

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            document = self.documents.pop(number)
            del self._lengths[number]
            for term in document.whole:
                having, counts = self._postings[term]
                keep = [place for place, each in enumerate(having) if each != number]
                if keep:
                    self._postings[term] = (
                        array("I", (having[place] for place in keep)),
                        array("H", (counts[place] for place in keep)),
                    )
                else:
                    del self._postings[term]
                    self._letters[_bucket(term)] = self._letters[_bucket(term)] - {term}
            for phrasing in document.phrasings:
                self._asked.subtract(set(phrasing))

    def _put(self, documents: dict[int, Analysed]) -> None:
        """Put documents in, whose numbers are higher than those that are here: each list of places stays sorted."""
        new: dict[str, tuple[array[int], array[int]]] = {}
        for number, document in sorted(documents.items()):
            self.documents[number] = document
            self._lengths[number] = sum(document.whole.values())
            for term, count in document.whole.items():
                places = new.get(term)
                if places is None:
                    having, counts = self._postings.get(term) or (array("I"), array("H"))
                    places = new[term] = having[:], counts[:]
                places[0].append(number)
                places[1].append(min(count, 65_535))
            for phrasing in document.phrasings:
                self._asked.update(set(phrasing))
            self._short.update(document.short_forms)
        fresh: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        for term in new.keys() - self._postings.keys():
            fresh[_bucket(term)].add(term)
        for bucket, added in fresh.items():
            self._letters[bucket] = self._letters.get(bucket, set()) | added
        self._postings.update(new)

    def _settle(self) -> None:
        self._rarities: dict[str, float] = {}
        """Those asked for, worked out once; at most one for each term there is."""
        total = len(self.documents)
        average = sum(self._lengths.values()) / total if total else 1.0
        part = WHOLE_K1 * WHOLE_B / (average or 1.0)
        self._rooms = {number: WHOLE_K1 * (1 - WHOLE_B) + part * length for number, length in self._lengths.items()}
        phrasings = sum(len(document.phrasings) for document in self.documents.values())
        length = sum(self._asked.values()) / phrasings if phrasings else 1.0
        self._phrasings, self._phrasing_length = phrasings, length or 1.0
        self._unknown = math.log(1 + (total + 0.5) / 0.5)
        self._unasked = math.log(1 + (phrasings + 0.5) / 0.5)

    def rarity(self, term: str) -> float:
        """How much a term says: rare ones more; one nobody wrote says that something is missing here."""
        known = self._rarities.get(term)
        if known is None:
            postings = self._postings.get(term)
            if postings is None:
                return self._unknown
            having = len(postings[0])
            known = self._rarities[term] = math.log(1 + (len(self.documents) - having + 0.5) / (having + 0.5))
        return known

    def _rarity_asked(self, term: str) -> float:
        having = self._asked.get(term, 0)
        return math.log(1 + (self._phrasings - having + 0.5) / (having + 0.5)) if having > 0 else self._unasked

    def understood(self, question: str) -> dict[str, float]:
        """The question's terms as this index knows them, each with what it counts (1, or less for a guess)."""
        asked: dict[str, float] = {}
        guesses = MAX_GUESSES
        for term in dict.fromkeys(terms(question, self.language)[: MAX_QUERY_TERMS * 4]):
            if len(asked) >= MAX_QUERY_TERMS:
                break
            if term in self._postings:
                asked[term] = 1.0
            elif guesses and len(term) >= MIN_TYPO_LETTERS:
                guesses -= 1
                for known in self._guessed(term):
                    asked[known] = 1.0
            else:
                asked[term] = 1.0
        self._expand(asked)
        return asked

    def _guessed(self, term: str) -> tuple[str, ...]:
        """What an unknown term was probably meant to be: one letter off, or two words run together."""
        near = [
            each
            for length in (len(term), len(term) + 1, len(term) - 1)
            for each in sorted(self._letters.get((term[0], length), ()))
        ]
        meant = one_edit_away(term, near)
        if meant is not None:
            return (meant,)
        for cut in range(3, len(term) - 2):
            first, second = terms(term[:cut], self.language), terms(term[cut:], self.language)
            if first and second and first[0] in self._postings and second[0] in self._postings:
                return first[0], second[0]
        return (term,)

    def _expand(self, asked: dict[str, float]) -> None:
        # Only where nobody asks in these words: else they would count twice.
        for short, meant in self._short.items():
            if short in asked:
                if not self._asked.get(short):
                    for term in meant:
                        asked.setdefault(term, EXPANDED)
            elif self._asked.get(short) and all(term in asked for term in meant):
                known = all(self._asked.get(term) for term in meant)
                asked.update({} if known else {short: EXPANDED})

    def whole_scores(self, asked: dict[str, float]) -> dict[int, float]:
        """For each entry with one of the words, how well it fits as a whole, between 0 and 1."""
        perfect = sum(self.rarity(term) * counts for term, counts in asked.items() if counts == 1.0)
        known = sorted(
            ((self.rarity(term) * asked[term], term) for term in asked if term in self._postings), reverse=True
        )
        scores: dict[int, float] = {}
        looked = 0
        rooms, get = self._rooms, scores.get
        for weight, term in known:
            having, counts = self._postings[term]
            if looked and looked + len(having) > MAX_POSTINGS:
                break
            looked += len(having)
            share = weight / (perfect or 1.0)
            for number, count in zip(having, counts, strict=True):
                scores[number] = get(number, 0.0) + share * (count / (count + rooms[number]))
        return scores

    def best(self, scores: dict[int, float], most: int) -> list[int]:
        """The entries with the highest scores, best first; of equals the first."""
        return heapq.nsmallest(most, scores, key=lambda number: (-scores[number], number))

    def weighed(self, asked: dict[str, float]) -> Weighed:
        """What each term of a question weighs here: the same for every entry it is compared with."""
        rare = {term: self._rarity_asked(term) * counts for term, counts in asked.items()}
        weights = {term: self.rarity(term) for term, counts in asked.items() if counts == 1.0}
        return Weighed(rare, weights, sum(rare[term] for term in weights) or 1.0, sum(weights.values()))

    def phrasing_scores(self, number: int, asked: Weighed) -> tuple[float, float]:
        """Of one entry: how well its best phrasing fits, and how much the question and the phrasing that is nearest to
        it have in common (twice the common words' weight over both weights), each between 0 and 1."""
        fits = common = 0.0
        for phrasing in self.documents[number].phrasings:
            shared = asked.rare.keys() & phrasing
            if not shared:
                continue
            room = PHRASING_K1 * (1 - PHRASING_B + PHRASING_B * len(phrasing) / self._phrasing_length)
            fits = max(fits, sum(asked.rare[term] for term in shared) / (1 + room) / asked.perfect)
            both = sum(asked.weights.get(term, 0.0) for term in shared)
            common = max(common, 2 * both / (asked.whole + sum(map(self.rarity, set(phrasing)))))
        return min(fits, 1.0), common


def _bucket(term: str) -> tuple[str, int]:
    return term[0], len(term)
