"""Answer, offer a list, or stay silent: pure decisions over what a search found.

The thresholds were set on eight sets of real and crowd-written questions, in French and English, two of which ask in
one language and answer in the other: 4,001 questions with an answer and 3,215 lines without one, 542 of them chat.
There, with the ranking of :mod:`bot.library.search`, the first entry is right for .65 of the questions that have an
answer (mean of the sets; .80 in English short questions, .66 in French searches, .36 to .60 across languages). An
answer called *good* is right in .81 of cases and given to .35 of those who have one; an answer called *sure* is right
in .97, given to .08, and to none of the chat. Words alone cannot do much more: they do not know that two sentences
mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.questions import looks_like_question
from bot.core.refs import Language
from bot.library.search import Evidence

GOOD_SCORE, GOOD_COVERAGE, GOOD_MATCHED, GOOD_LEAD = 0.2, 0.4, 2, 0.1
"""Enough to answer somebody who asked; .81 right on the sets. Otherwise a short list helps more."""
ALONE_SCORE, ALONE_COVERAGE, ALONE_LEAD = 0.5, 0.99, 0.2
"""For “where is the charter?”, of which one word carries the meaning: all of it must be there, and stand out."""
SURE_SCORE, SURE_COVERAGE, SURE_MATCHED, SURE_LEAD = 0.25, 0.6, 3, 0.35
"""Enough to speak unasked; .98 right on the sets. What is .95 on questions one has seen is nearer .9 on others,
hence the reserve."""


def lead(found: Sequence[Evidence]) -> float:
    """By how much the best entry beats the second, as a share of its own score: 1 when it is alone."""
    if not found or found[0].score <= 0:
        return 0.0
    second = found[1].score if len(found) > 1 else 0.0
    return (found[0].score - second) / found[0].score


def is_good(found: Sequence[Evidence]) -> bool:
    """Whether the best entry may be given as the answer to somebody who asked. ``found`` is best first."""
    several = _passes(found, GOOD_SCORE, GOOD_COVERAGE, GOOD_MATCHED, GOOD_LEAD)
    alone = _passes(found, ALONE_SCORE, ALONE_COVERAGE, 1, ALONE_LEAD)
    return several or alone or _is_exact(found)


def is_sure(question: str, language: Language, found: Sequence[Evidence]) -> bool:
    """Whether the best entry may be said unasked in a channel: strict, and only to what looks like a question."""
    certain = _passes(found, SURE_SCORE, SURE_COVERAGE, SURE_MATCHED, SURE_LEAD) or _is_exact(found)
    return certain and looks_like_question(question, language)


def _is_exact(found: Sequence[Evidence]) -> bool:
    """Whether somebody wrote this very question into the best entry: .96 right on the sets, near-duplicates apart."""
    return bool(found) and found[0].exact


def _passes(found: Sequence[Evidence], score: float, coverage: float, matched: int, ahead: float) -> bool:
    if not found:
        return False
    best = found[0]
    return best.score >= score and best.coverage >= coverage and best.matched >= matched and lead(found) >= ahead
