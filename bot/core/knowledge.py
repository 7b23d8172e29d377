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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An answer of the FAQ, or a tutorial, in one language. ``slug`` is the same in both languages."""

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


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found; ``score`` lies between 0 (nothing in common) and 1 (a perfect match)."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives: hits, best first, and whether the best is sure enough to speak unasked in a channel,
    or good enough to be given as the answer to somebody who asked."""

    hits: tuple[Hit, ...]
    sure: bool = False
    good: bool = False


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
