"""From what speaks for each entry to an order, and to the probability that the first is right.

The figures (bot/library/data/search.json) are trained by ``python -m tests.training``, which also tells how well they
do on questions they were not trained on. An order is a weighted sum of how well words and meaning fit; the gate is a
logistic regression over that order: how far the first is ahead, whether the rankers agree, what the question is like.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from bot.core.questions import looks_like_question
from bot.core.refs import Language

Mode = Literal["words", "e5", "use", "e5+use"]
"""What the search has beside words: each combination has figures of its own."""

WORDS = ("whole", "best", "common")
FEATURES: Mapping[Mode, tuple[str, ...]] = {
    "words": WORDS,
    "e5": (*WORDS, "e5", "e5_phrasing", "e5_body"),
    "use": (*WORDS, "use", "use_phrasing"),
    "e5+use": (*WORDS, "e5", "e5_phrasing", "e5_body", "use", "use_phrasing"),
}
"""What speaks for an entry, by name: its words as a whole, its best phrasing's, and what the question has in common
with the nearest phrasing; the cosine with the middle of its phrasings, with the nearest one, with its text."""

DATA = Path(__file__).parent / "data" / "search.json"


@dataclass(frozen=True, slots=True)
class Figures:
    """The trained figures of one mode. ``direct`` and ``channel`` are the least probabilities with which the first
    entry is given as the answer to somebody who asked, and said unasked; ``offer`` that with which an entry is worth
    offering in a list. ``slope`` and ``shift`` are an organisation's own calibration of the gate."""

    rank: Mapping[str, float]
    gate: Mapping[str, float]
    direct: float
    channel: float
    offer: float
    slope: float = 1.0
    shift: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)

    def calibrated(self, slope: float, shift: float, direct: float, channel: float) -> Figures:
        return replace(self, slope=slope, shift=shift, direct=direct, channel=channel)


@cache
def shipped() -> Mapping[str, Figures]:
    """The figures that come with Allant, by mode."""
    read = json.loads(DATA.read_text(encoding="utf-8"))
    return {mode: Figures(**each) for mode, each in read["modes"].items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate needs to know of a question: how many words carry meaning, and what it looks like."""

    text: str
    language: Language
    terms: int


def score(figures: Figures, features: Mapping[str, float]) -> float:
    """How much speaks for an entry: only differences between the entries of one search mean something."""
    return sum(weight * features[name] for name, weight in figures.rank.items())


def signs(
    mode: Mode, scores: Sequence[float], rows: Sequence[Mapping[str, float]], asked: Asked, *, crosses: bool
) -> dict[str, float]:
    """What the gate looks at. ``rows`` are the features of the candidates, whose first is the winner; ``scores`` are
    theirs. ``crosses``: the winner is in another language than the question."""
    first, others = rows[0], rows[1:]
    total = sum(math.exp(each - scores[0]) for each in scores)
    share = 1.0 / total
    odds = math.log((share + 1e-6) / (1.0 - share + 1e-6))
    found = {
        "one": 1.0,
        "odds": odds,
        "margin": scores[0] - scores[1] if len(scores) > 1 else 10.0,
        "terms": math.log1p(asked.terms),
        "short": float(asked.terms <= 1),
        "mark": float("?" in asked.text),
        "question": float(looks_like_question(asked.text, asked.language)),
        "crosses": float(crosses),
        "odds_crosses": odds * crosses,
    }
    agreeing = 0
    names = [name for name in FEATURES[mode] if name != "best"]
    for name in FEATURES[mode]:
        best_other = max((row[name] for row in others), default=0.0)
        found[name] = first[name]
        found[f"{name}_lead"] = first[name] - best_other
        found[f"{name}_gap"] = max(best_other - first[name], 0.0)
        agreeing += name in names and first[name] >= best_other
        # Words say little across languages: what they say there is weighed apart.
        if name in WORDS:
            found[f"{name}_crosses"] = first[name] * crosses
    found["agreement"] = agreeing / len(names)
    for name, sharpness in (("e5", 12.0), ("use", 12.0)):
        if name in first:
            weights = [math.exp(sharpness * (row[name] - first[name])) for row in rows]
            found[f"{name}_share"] = 1.0 / sum(weights)
    return found


def probability(figures: Figures, found: Mapping[str, float]) -> float:
    """That the first entry is right, between 0 and 1."""
    logit = sum(weight * found[name] for name, weight in figures.gate.items())
    logit = figures.slope * logit + figures.shift
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))
