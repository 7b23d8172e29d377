"""What the library holds: entries, tutorials, pages, prompts, and what a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.core.refs import Language


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a tutorial."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something on the web that belongs to an entry: a form, a picture, a recording."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Quiz:
    """A question at the end of a tutorial: ``right`` is the place (from 0) of the right one among ``choices``; ``why``
    is said when somebody answered."""

    question: str
    choices: tuple[str, ...]
    right: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An answer of the FAQ, or a tutorial, in one language. ``slug`` is the same in both languages. ``channels`` (names
    or ``tag:…``): unasked it is said only there; none: anywhere. In ``body``, a link to ``entry:SLUG`` leads to another
    entry."""

    slug: str
    kind: Literal["faq", "tutorial"]
    language: Language
    title: str
    body: str
    questions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    audience: Literal["everyone", "employees"] = "everyone"
    owner: str = "animator"
    review_by: date | None = None
    see_also: tuple[str, ...] = ()
    minutes: int = 0
    steps: tuple[Step, ...] = ()
    channels: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    quiz: tuple[Quiz, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found; ``score`` is the probability, between 0 and 1, that it is the right one."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives: ``hits`` best first, each slug once, and what may be done with the first.

    ``good``: it may be given as the answer to somebody who asked. ``sure``: it may be said unasked in a channel; never
    so when the text does not look like a question. Both compare :attr:`probability` with thresholds that were
    calibrated, on question sets or on the organisation's own questions. ``worth``: how many of the hits, from the
    first, are worth offering to choose from.
    """

    hits: tuple[Hit, ...]
    sure: bool = False
    good: bool = False
    worth: int = 0
    question: bool = False
    """Whether the text looks like a question at all (:func:`bot.core.questions.looks_like_question`)."""
    language: Language | None = None
    """The language the text is written in, as far as it tells; else the asker's."""
    crosses: bool = False
    """The first entry exists only in the other language than the question's."""
    by_meaning: bool = False
    """Whether meaning was compared too, or words alone."""

    @property
    def probability(self) -> float:
        """That the first hit is right, between 0 and 1; 0 without hits."""
        return self.hits[0].score if self.hits else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Words by name, in one language: ``calendar/launch-01-hello``, ``welcome/employee/day-3``, ``charter/charter``."""

    name: str
    language: Language
    title: str
    body: str
    day: int | None = None
    skip_when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """An icebreaker or a question, in both languages."""

    id: str
    tone: Literal["light", "serious"]
    kind: str
    tags: tuple[str, ...]
    en: str
    fr: str
