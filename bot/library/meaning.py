"""Finding entries by what they mean: vectors of one embedder, bent so that what is common to all counts little.

Loaded only where an embedder is: numpy comes with the extra ``allant[meaning]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.core.embedding import Family

Floats = npt.NDArray[np.float32]

DATA = Path(__file__).parent / "data"
PRIOR = 100
"""How many vectors of the library the general figures weigh: a small library bends little by itself."""
WITHIN: Mapping[str, float] = {"e5": 0.5, "use": 0.0, "service": 0.0}
"""How much of the bend comes from how vectors of the same meaning differ (learnt), the rest from how all differ."""
SHRINK: Mapping[str, float] = {"e5": 1.0, "use": 3.0, "service": 1.0}
"""The more, the less is bent. All three measured with one question set at a time left out."""


Learnt = Mapping[str, Floats]


@cache
def learnt_for(family: Family) -> Learnt:
    """The matrices that come with Allant: how vectors spread, and how those of one meaning do; none for a service."""
    path = DATA / f"{family}.npz"
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as read:
        return {name: read[name].astype(np.float32) for name in read.files}


def _second_moment(learnt: Learnt, name: str, size: int) -> Floats:
    """A learnt matrix of trace 1, kept as its strongest directions and an even rest; without one, all directions are
    alike."""
    if f"{name}_directions" not in learnt or learnt[f"{name}_directions"].shape[0] != size:
        return np.asarray(np.eye(size) / size, dtype=np.float32)
    directions, strengths, rest = (learnt[f"{name}_{part}"] for part in ("directions", "strengths", "rest"))
    return np.asarray((directions * strengths) @ directions.T + rest * np.eye(size, dtype=np.float32), dtype=np.float32)


def bend_for(family: Family, vectors: Floats, learnt: Learnt | None = None) -> Floats:
    """The matrix that vectors are multiplied by, from the library's own phrasings (a row each). ``learnt``: other
    matrices than the shipped ones, while they are trained."""
    learnt = learnt_for(family) if learnt is None else learnt
    count, size = vectors.shape
    own = vectors.T @ vectors
    own = own / max(float(np.trace(own)), 1e-9)
    common = (count * own + PRIOR * _second_moment(learnt, "common", size)) / (count + PRIOR)
    share = WITHIN[family]
    both = (1 - share) * common
    if share:
        both = both + share * _second_moment(learnt, "within", size)
    strengths, directions = np.linalg.eigh(both.astype(np.float64))
    bent = directions / np.sqrt(np.maximum(strengths, 0.0) + SHRINK[family] * strengths.mean())
    # Scaled to keep figures near one: only directions matter.
    return np.asarray(bent / np.sqrt(size), dtype=np.float32)


def unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Part:
    """An entry's bent vectors of length 1: its phrasings, their middle, and the passages of its text (or none)."""

    phrasings: npt.NDArray[np.float16]
    passages: npt.NDArray[np.float16]


class MeaningIndex:
    """The vectors of every entry by one embedder. Never changed: :meth:`changed` gives another."""

    def __init__(self, family: Family, bend: Floats, parts: Mapping[int, Part]) -> None:
        self.family = family
        self.bend = bend
        self.parts = dict(parts)
        self._numbers = np.array(sorted(self.parts), dtype=np.int64)
        size = bend.shape[1]
        self._middles = np.zeros((len(self._numbers), size), dtype=np.float32)
        self._texts = np.zeros((len(self._numbers), size), dtype=np.float32)
        self._has_text = np.zeros(len(self._numbers), dtype=bool)
        self._place: dict[int, int] = {}
        self._masks: dict[frozenset[int], npt.NDArray[np.bool_]] = {}
        for place, number in enumerate(self._numbers):
            part = self.parts[int(number)]
            self._place[int(number)] = place
            self._middles[place] = part.phrasings.astype(np.float32).mean(axis=0)
            if len(part.passages):
                self._texts[place] = part.passages.astype(np.float32).mean(axis=0)
                self._has_text[place] = True
        self._middles = unit(self._middles)
        self._texts = unit(self._texts)

    def bent(self, vectors: Floats) -> npt.NDArray[np.float16]:
        """Raw vectors, bent as this index bends them."""
        return np.asarray(unit(vectors @ self.bend), dtype=np.float16)

    def changed(self, gone: Sequence[int], come: Mapping[int, Part]) -> MeaningIndex:
        """This index without the entries ``gone``, with those that ``come``, bent as before."""
        parts = {number: part for number, part in self.parts.items() if number not in set(gone)}
        return MeaningIndex(self.family, self.bend, {**parts, **come})

    def search(self, vector: Sequence[float], most: int, wanted: frozenset[int] | None) -> Found:
        """The entries nearest to a question's raw vector, of those ``wanted`` (None: of all)."""
        asked = unit(np.asarray(vector, dtype=np.float32) @ self.bend)
        near = self._middles @ asked
        best = near
        if self._has_text.any():
            best = np.maximum(near, np.where(self._has_text, self._texts @ asked, -1.0))
        chosen: set[int] = set()
        for scores in (near, best):
            if wanted is not None:
                scores = np.where(self._mask(wanted), scores, -2.0)
            places = np.argpartition(-scores, most - 1)[:most] if most < len(scores) else np.arange(len(scores))
            chosen.update(int(self._numbers[place]) for place in places if scores[place] > -2.0)
        return Found(self, asked, near, chosen)

    def _mask(self, wanted: frozenset[int]) -> npt.NDArray[np.bool_]:
        """Which places are ``wanted``: the same few sets come again and again."""
        if wanted not in self._masks:
            self._masks[wanted] = np.fromiter((int(each) in wanted for each in self._numbers), dtype=bool)
        return self._masks[wanted]

    def features(self, asked: Floats, near: Floats, number: int) -> dict[str, float]:
        part, place = self.parts[number], self._place[number]
        middle = float(near[place])
        name = "use" if self.family == "use" else "e5"
        found = {name: middle, f"{name}_phrasing": float((part.phrasings.astype(np.float32) @ asked).max())}
        if name == "e5":
            text = float((part.passages.astype(np.float32) @ asked).max()) if len(part.passages) else middle
            found["e5_body"] = text
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """What a search by meaning gave: the entries worth a closer look, and their features on demand."""

    index: MeaningIndex
    asked: Floats
    near: Floats
    chosen: set[int]

    def features(self, number: int) -> dict[str, float]:
        return self.index.features(self.asked, self.near, number)
