"""Measuring the answers on question sets, and calibrating the search on an organisation's own questions.

What answers here is what answers in the chat: the library as it is put together for `allant run`, its search, its gate
and its thresholds; only the entries come from a file.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.core.errors import BadInput
from bot.core.knowledge import Entry, Found
from bot.core.refs import LANGUAGES, Language
from bot.library import ContentLibrary, Figures, shipped
from bot.searching import make_embedders, make_library, read_calibration, write_calibration
from bot.settings import Settings

Way = Literal["direct", "channel"]
"""Asked of the bot, or overheard in a channel."""

Progress = Callable[[str, int, int], None]

PROMISED = 0.95
"""Of the answers given at most one in twenty may be wrong."""
FEWEST = 50
"""Fewer questions than this say nothing about one answer in twenty."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the entries that answer it; none: silence is right."""

    id: str
    text: str
    language: Language
    relevant: frozenset[str]


def read_queries(path: Path, fallback: Language) -> list[Query]:
    """One JSON object a line: ``{"qid", "text", "lang", "relevant": [ids]}``; ``qid`` and ``lang`` may be left out.
    Raises BadInput naming the line."""
    found = []
    for number, line in _lines(path):
        text, relevant = line.get("text"), line.get("relevant")
        if not isinstance(text, str) or not isinstance(relevant, list):
            raise BadInput(f"{path}:{number}: needs “text” and “relevant” (a list of entries, empty for none)")
        name = str(line.get("qid", number))
        found.append(Query(name, text, _language(line, fallback), frozenset(map(str, relevant))))
    return found


def read_corpus(path: Path, fallback: Language) -> list[Entry]:
    """One JSON object a line: ``{"id", "lang", "question", "answer"?, "paraphrases"?}``. Raises BadInput."""
    found = []
    for number, line in _lines(path):
        if not isinstance(line.get("id"), str) or not isinstance(line.get("question"), str):
            raise BadInput(f"{path}:{number}: needs “id” and “question”")
        found.append(
            Entry(
                slug=line["id"],
                kind="faq",
                language=_language(line, fallback),
                title=line["question"],
                body=str(line.get("answer") or ""),
                questions=tuple(map(str, line.get("paraphrases") or ())),
            )
        )
    return found


def _lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8 text") from None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise BadInput(f"{path}:{number}: is not a JSON object")
        found.append((number, value))
    return found


def _language(line: Mapping[str, Any], fallback: Language) -> Language:
    written = line.get("lang")
    return "fr" if written == "fr" else "en" if written == "en" else fallback


async def answers(
    settings: Settings, corpus: Sequence[Entry], queries: Sequence[Query], progress: Progress
) -> list[tuple[Query, Found]]:
    """What the search finds for each question among the entries of ``corpus``."""
    with tempfile.TemporaryDirectory(prefix="allant-eval-") as folder:
        library = ContentLibrary(
            Path(folder),
            embedders=make_embedders(settings),
            # Apart from the organisation's own, from which what is not its content is removed.
            index_folder=settings.index_dir / "measured",
            figures=read_calibration(settings.calibration_file),
        )
        library.serve(corpus)
        return await _asked(library, queries, progress)


async def _asked(library: ContentLibrary, queries: Sequence[Query], progress: Progress) -> list[tuple[Query, Found]]:
    try:
        await library.refresh(lambda done, total: progress("Reading the entries", done, total))
        found = []
        for number, query in enumerate(queries, start=1):
            found.append((query, await library.search(query.text, query.language, guest=False)))
            progress("Asking", number, len(queries))
        return found
    finally:
        await library.close()


def answered(found: Found, way: Way) -> bool:
    """Whether the first entry is given as the answer: what the FAQ's dialogues go by."""
    return bool(found.hits) and (found.good if way == "direct" else found.sure)


def evaluate(
    settings: Settings, corpus: Path, queries: Path, target: Path, way: Way, progress: Progress
) -> dict[str, Any]:
    """Ask every question of ``queries`` among the entries of ``corpus``, write a line each to ``target``, and give
    the measures."""
    asked = asyncio.run(
        answers(settings, read_corpus(corpus, settings.language), read_queries(queries, settings.language), progress)
    )
    with target.open("w", encoding="utf-8") as out:
        for query, found in asked:
            line = {
                "qid": query.id,
                "ranked": [[hit.entry.slug, round(hit.score, 6)] for hit in found.hits],
                "answered": answered(found, way),
                "confidence": round(found.probability, 6),
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return measures(asked, way)


def measures(asked: Sequence[tuple[Query, Found]], way: Way) -> dict[str, Any]:
    """Of the questions with an entry, how many had it first and among the first three, and were answered with it; of
    the answers, how many were right; of the questions without, how many were answered."""
    inside = [(query, found) for query, found in asked if query.relevant]
    given = [(query, found) for query, found in asked if answered(found, way)]
    right = sum(_place(query, found) == 1 for query, found in given)
    outside = len(asked) - len(inside)
    return {
        "questions": len(inside),
        "without an entry": outside,
        "right entry first": _share(sum(_place(*each) == 1 for each in inside), len(inside)),
        "among the first three": _share(sum(1 <= _place(*each) <= 3 for each in inside), len(inside)),
        "answered rightly": _share(right, len(inside)),
        "answers that are right": _share(right, len(given)),
        "answered without an entry": _share(sum(not query.relevant for query, _ in given), outside),
        "by meaning": any(found.by_meaning for _, found in asked),
    }


def _place(query: Query, found: Found) -> int:
    """Where the first right entry stands, from 1; 0: nowhere."""
    return next((place for place, hit in enumerate(found.hits, 1) if hit.entry.slug in query.relevant), 0)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What calibrating gave: the mode it holds for, the figures, and how the answers are before and after."""

    mode: str
    figures: Figures
    before: Mapping[str, Any]
    measured: Mapping[str, float]


def calibrate(settings: Settings, queries: Path, progress: Progress) -> Calibration:
    """Fit the gate and its thresholds to the organisation's own questions about its own content, and keep them.

    Raises BadInput when there are too few questions, or too few without an entry, to tell anything.
    """
    own = read_queries(queries, settings.language)
    outside = sum(not query.relevant for query in own)
    if len(own) < FEWEST or outside < FEWEST // 5:
        raise BadInput(
            f"{queries} has {len(own)} questions, {outside} of them without an entry: at least {FEWEST} are needed, "
            f"{FEWEST // 5} of them without (with “relevant”: []), to tell one wrong answer in twenty"
        )
    library = make_library(settings.model_copy(update={"calibration_file": Path("/nonexistent")}))
    library.load()
    known = {entry.slug for language in LANGUAGES for entry in library.entries(language, guest=False)}
    if unknown := sorted({slug for query in own for slug in query.relevant} - known):
        raise BadInput(f"{queries} names entries that do not exist: {', '.join(unknown[:5])}")
    asked = asyncio.run(_asked(library, own, progress))
    mode = library.mode
    points = [(found.probability, _place(query, found) == 1) for query, found in asked if found.hits]
    slope, shift = _platt(points)
    confident = [(_bent(sure, slope, shift), right) for sure, right in points]
    least = _least(confident, PROMISED)
    base = shipped()[mode]
    # Words alone answer whoever asks more freely than a channel: that stays so.
    direct = min(least, _bent(base.direct, slope, shift)) if mode == "words" else least
    figures = base.calibrated(slope, shift, direct, least)
    inside = len(own) - outside
    measured = {
        "questions": float(len(own)),
        "answered": round(sum(right and sure >= least for sure, right in confident) / max(inside, 1), 4),
    }
    write_calibration(settings.calibration_file, mode, figures, measured)
    return Calibration(mode, figures, measures(asked, "direct"), measured)


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(bounded / (1 - bounded))


def _bent(probability: float, slope: float, shift: float) -> float:
    return 1.0 / (1.0 + math.exp(-(slope * _logit(probability) + shift)))


def _platt(points: Sequence[tuple[float, bool]], hold: float = 5.0) -> tuple[float, float]:
    """Slope and shift of the gate's log odds under which they fit these answers best; held near 1 and 0, so that few
    questions change little."""
    slope, shift = 1.0, 0.0
    for _ in range(50):
        gradient, curve = [hold * (slope - 1.0), hold * shift / 4], [[hold, 0.0], [0.0, hold / 4]]
        for probability, right in points:
            value = _logit(probability)
            chance = _bent(probability, slope, shift)
            error, weight = chance - right, max(chance * (1 - chance), 1e-6)
            gradient[0] += error * value
            gradient[1] += error
            curve[0][0] += weight * value * value
            curve[0][1] += weight * value
            curve[1][1] += weight
        curve[1][0] = curve[0][1]
        determinant = curve[0][0] * curve[1][1] - curve[0][1] * curve[1][0]
        steps = (
            (curve[1][1] * gradient[0] - curve[0][1] * gradient[1]) / determinant,
            (curve[0][0] * gradient[1] - curve[1][0] * gradient[0]) / determinant,
        )
        slope, shift = max(slope - steps[0], 0.05), shift - steps[1]
        if max(map(abs, steps)) < 1e-6:
            break
    return slope, shift


def _least(points: Sequence[tuple[float, bool]], precision: float) -> float:
    """The least probability from which on the answers are as right as promised. Where even the surest are not, one
    that almost nothing passes."""
    best, good = 0.999, 0
    ordered = sorted(points, key=lambda each: -each[0])
    for place, (sure, right) in enumerate(ordered, start=1):
        good += right
        # Ten answers at least: the first few are right by luck.
        if place >= 10 and good / place >= precision:
            best = sure
    return best
