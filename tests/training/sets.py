"""Question sets as the trainer and `make eval` read them: a folder of folders with corpus.jsonl and queries.jsonl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.core.knowledge import Entry
from bot.core.refs import Language


@dataclass(frozen=True, slots=True)
class Query:
    """A question, its language, and the entries that answer it (none: silence is right). ``chat``: no question."""

    id: str
    text: str
    language: Language
    relevant: frozenset[str]
    kind: str


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    entries: tuple[Entry, ...]
    queries: tuple[Query, ...]


def read_sets(folder: Path) -> list[QuestionSet]:
    """Every folder under ``folder`` that has both files, by name."""
    return [
        QuestionSet(path.parent.name, read_corpus(path), read_queries(path.with_name("queries.jsonl")))
        for path in sorted(folder.rglob("corpus.jsonl"))
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_corpus(path: Path) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            slug=each["id"],
            kind="faq",
            language=each["lang"],
            title=each["question"],
            body=each.get("answer") or "",
            questions=tuple(each.get("paraphrases") or ()),
        )
        for each in _lines(path)
    )


def read_queries(path: Path) -> tuple[Query, ...]:
    return tuple(
        Query(each["qid"], each["text"], each["lang"], frozenset(each["relevant"]), each.get("kind", ""))
        for each in _lines(path)
    )


ALIKE = 0.05
"""Sets that share a larger part of their titles and questions count as one."""


def families(sets: Sequence[QuestionSet]) -> list[list[int]]:
    """The sets, by place, grouped by what they share: whoever leaves one out leaves out all that is alike."""
    texts = [
        {entry.title for entry in each.entries} | {query.text for query in each.queries if query.relevant}
        for each in sets
    ]
    groups: list[list[int]] = []
    for place, mine in enumerate(texts):
        near = [
            group
            for group in groups
            if any(len(mine & texts[other]) > ALIKE * min(len(mine), len(texts[other])) for other in group)
        ]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([place, *(each for group in near for each in group)]))
    return groups
