"""Texts that say the same, together: by their words, and by their vectors where there are any."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bot.core.embedding import Family
from bot.core.refs import LANGUAGES
from bot.library.analysis import terms

SAME_WORDS = 0.5
"""Two texts say the same when their words do, weighted by how rare each is among the texts, by this cosine or more."""
SAME_MEANING: Mapping[Family, float] = {"use": 0.82, "e5": 0.93, "service": 0.9}
"""The same of the vectors. How to mute a channel and how to leave one, which want different answers, are .80 apart for
the sentence encoder and .92 for e5; the same question in two languages is .84 to .89 and .90 to .96."""
MOST = 500
"""Beyond so many texts each is its own group: the work grows with the square."""


def grouped(texts: Sequence[str], vectors: Sequence[Sequence[float]] = (), family: Family = "e5") -> list[list[int]]:
    """The numbers of ``texts`` in groups, in the order of their first. ``vectors``: one of unit length for each text,
    or none at all. A text joins the first group whose first text is like it: chains of likeness do not grow."""
    if len(texts) > MOST:
        return [[number] for number in range(len(texts))]
    bags = _bags(texts)
    groups: list[list[int]] = []
    for number in range(len(texts)):
        for group in groups:
            first = group[0]
            meant = bool(vectors) and _dot(vectors[first], vectors[number]) >= SAME_MEANING[family]
            if meant or _cosine(bags[first], bags[number]) >= SAME_WORDS:
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def _bags(texts: Sequence[str]) -> list[dict[str, float]]:
    """Each text's stems in its language: the one of whose small words it has more. A text of nothing but small words
    keeps its letters."""
    counted = [set(_fewest([terms(text, language) for language in LANGUAGES])) for text in texts]
    known: Counter[str] = Counter()
    for bag in counted:
        known.update(bag)
    most = len(texts) + 1
    weighed = [{stem: 1 + math.log(most / known[stem]) for stem in bag} for bag in counted]
    return [bag or {f"\0{text.strip().casefold()}": 1.0} for bag, text in zip(weighed, texts, strict=True)]


def _fewest(several: Sequence[Sequence[str]]) -> Sequence[str]:
    return min(several, key=len)


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    common = sum(weight * other[stem] for stem, weight in one.items() if stem in other)
    lengths = math.sqrt(sum(each**2 for each in one.values()) * sum(each**2 for each in other.values()))
    return common / lengths if lengths else 0.0


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
