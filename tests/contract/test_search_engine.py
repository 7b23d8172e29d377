"""The search as it runs: ready at once by words, by meaning once the vectors are there, and whatever fails."""

from __future__ import annotations

import asyncio
import hashlib
import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.embedding import Embedder, Family
from bot.core.errors import EmbedderUnavailable
from bot.core.knowledge import Entry
from bot.library.engine import MAX_PASSAGES, SearchEngine, passages
from bot.library.vectors import VectorFile, text_key

SYNONYMS = {"car": "vehicle", "automobile": "vehicle", "voiture": "vehicle", "broken": "fault", "panne": "fault"}


class Bags(Embedder):
    """Vectors of the words a text has, whatever their order; some words mean the same."""

    def __init__(self, family: Family = "e5", name: str = "bags-1") -> None:
        self._family, self._name = family, name
        self.asked: list[str] = []
        self.told: list[str] = []
        self.broken = ""
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def family(self) -> Family:
        return self._family

    async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        await asyncio.sleep(0)
        if self.broken:
            raise EmbedderUnavailable(self.broken)
        (self.asked if asked else self.told).extend(texts)
        return [_bag(text) for text in texts]

    async def close(self) -> None:
        self.closed = True


def _bag(text: str) -> array[float]:
    found = [0.01] * 64
    for word in text.casefold().replace("?", " ").split():
        digest = hashlib.sha256(SYNONYMS.get(word, word).encode()).digest()
        for place in digest[:4]:
            found[place % 64] += 1.0
    length = math.sqrt(sum(value * value for value in found))
    return array("f", (value / length for value in found))


def entry(slug: str, title: str, body: str = "") -> Entry:
    return Entry(slug=slug, kind="faq", language="en", title=title, body=body)


ENTRIES = (
    entry("car", "my automobile has a fault", "Call the garage."),
    entry("leave", "book annual holidays", "In the calendar."),
    entry("badge", "open the front door", "Hold it to the reader."),
    entry("canteen", "lunch menu today", "On the wall."),
    *(entry(f"more-{number}", f"thing{number} of{number} another{number} kind{number}") for number in range(6)),
)


async def firsts(engine: SearchEngine, question: str) -> list[str]:
    found = await engine.search(question, "en", guest=False)
    return [each.entry.slug for each in found.evidence][:1]


async def test_words_answer_until_the_vectors_are_there() -> None:
    engine = SearchEngine([bags := Bags()])
    engine.put(ENTRIES)
    assert await firsts(engine, "car broken") == []
    assert await firsts(engine, "lunch menu") == ["canteen"]
    assert bags.asked == []  # Nothing to compare a question with yet: it costs nothing.
    steps: list[tuple[int, int]] = []
    await engine.refresh(lambda done, total: steps.append((done, total)))
    assert steps[-1] == (14, 14)
    assert steps == sorted(steps)
    assert engine.standing.ready
    assert await firsts(engine, "car broken") == ["car"]
    assert (await engine.search("car broken", "en", guest=False)).mode == "e5"


async def test_the_same_question_is_embedded_once() -> None:
    engine = SearchEngine([bags := Bags()])
    engine.put(ENTRIES)
    await engine.refresh()
    for _ in range(3):
        await engine.search("car broken", "en", guest=True)
    assert bags.asked == ["car broken"]


async def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    first = SearchEngine([bags := Bags()], tmp_path)
    first.put(ENTRIES)
    await first.refresh()
    bags.told.clear()
    changed = (replace(ENTRIES[0], body="Call the other garage."), *ENTRIES[1:], entry("new", "water the plants"))
    first.put(changed)
    assert await firsts(first, "car broken") == ["car"]  # The index from before goes on.
    await first.refresh()
    assert sorted(bags.told) == ["my automobile has a fault : Call the other garage.", "water the plants"]
    assert await firsts(first, "plants") == ["new"]
    # Another process starts from what is on disk.
    second = SearchEngine([again := Bags()], tmp_path)
    second.put(changed)
    await second.refresh()
    assert again.told == []
    assert await firsts(second, "car broken") == ["car"]


async def test_what_is_gone_is_not_found_and_not_kept(tmp_path: Path) -> None:
    engine = SearchEngine([Bags()], tmp_path)
    engine.put(ENTRIES)
    await engine.refresh()
    engine.put(ENTRIES[1:])
    await engine.refresh()
    found = await engine.search("car broken", "en", guest=False)
    assert "car" not in [each.entry.slug for each in found.evidence]


async def test_another_content_altogether_is_searched_by_words_at_once() -> None:
    engine = SearchEngine([Bags()])
    engine.put(ENTRIES)
    await engine.refresh()
    engine.put([entry("other", "print a poster"), entry("more", "borrow a bicycle")])
    assert await firsts(engine, "poster") == ["other"]
    assert (await engine.search("poster", "en", guest=False)).mode == "words"
    await engine.refresh()
    assert (await engine.search("poster", "en", guest=False)).mode == "e5"


async def test_an_embedder_that_fails_leaves_words_and_is_tried_again() -> None:
    engine = SearchEngine([bags := Bags()])
    bags.broken = "the model is away"
    engine.put(ENTRIES)
    await engine.refresh()
    assert engine.standing.trouble == "bags-1: the model is away"
    assert await firsts(engine, "lunch menu") == ["canteen"]
    bags.broken = ""
    await engine.refresh()
    assert engine.standing.ready
    bags.broken = "the model is away again"
    assert await firsts(engine, "lunch menu") == ["canteen"]
    assert (await engine.search("lunch menu today", "en", guest=False)).mode == "words"


async def test_of_two_embedders_one_may_fail() -> None:
    one, other = Bags("e5", "bags-1"), Bags("use", "bags-2")
    engine = SearchEngine([one, other])
    engine.put(ENTRIES)
    await engine.refresh()
    assert (await engine.search("car broken", "en", guest=False)).mode == "e5+use"
    one.broken = "away"
    found = await engine.search("car faulty", "en", guest=False)
    assert found.mode == "use"
    assert found.evidence[0].entry.slug == "car"
    await engine.close()
    assert one.closed
    assert other.closed


async def test_it_keeps_itself_fresh_and_survives_what_nobody_thought_of() -> None:
    class Odd(Bags):
        async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
            if self.broken:
                raise RuntimeError("nobody thought of this")
            return await super().embed(texts, asked=asked)

    engine = SearchEngine([odd := Odd()])
    odd.broken = "once"
    engine.put(ENTRIES)
    keeping = asyncio.create_task(engine.keep_fresh())
    await asyncio.sleep(0)
    while not engine.index.meanings:
        await asyncio.sleep(0.01)
        odd.broken = ""
        engine.put((*engine._entries, entry(f"e{len(engine._entries)}", "water the plants")))
    assert await firsts(engine, "car broken") == ["car"]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def test_a_long_text_is_read_in_pieces() -> None:
    found = passages(entry("long", "A title", "word " * 5000))
    assert len(found) == MAX_PASSAGES
    assert all(each.startswith("A title : word") and len(each) < 400 for each in found)
    assert passages(entry("short", "A title")) == []
    assert len(passages(entry("unbroken", "T", "x" * 5000))) == MAX_PASSAGES


# Vectors on disk


def _vectors(*texts: str) -> dict[bytes, array[float]]:
    return {text_key(text): _bag(text) for text in texts}


def test_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "deep", "m")
    file.add(_vectors("one", "two"))
    file.add(_vectors("three"))
    again = VectorFile(tmp_path / "deep", "m")
    assert len(again) == 3
    assert again.get([text_key("three")])[0] == pytest.approx(_bag("three"), abs=1e-3)


def test_what_a_crash_cut_short_is_dropped_and_written_over(tmp_path: Path) -> None:
    VectorFile(tmp_path, "m").add(_vectors("one", "two"))
    path = tmp_path / "m.vectors"
    path.write_bytes(path.read_bytes()[:-7])
    file = VectorFile(tmp_path, "m")
    assert len(file) == 1
    file.add(_vectors("three"))
    again = VectorFile(tmp_path, "m")
    assert len(again) == 2
    assert again.get([text_key("three")])[0] == pytest.approx(_bag("three"), abs=1e-3)


@pytest.mark.parametrize("content", [b"", b"something else altogether", b"allantv1\xff\xff\xff\xff" + b"x" * 99])
def test_a_file_of_another_kind_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.vectors").write_bytes(content)
    file = VectorFile(tmp_path, "m")
    assert len(file) == 0
    file.add(_vectors("one"))
    assert len(VectorFile(tmp_path, "m")) == 1


def test_another_size_of_vector_begins_anew(tmp_path: Path) -> None:
    file = VectorFile(tmp_path, "m")
    file.add(_vectors("one"))
    file.add({text_key("two"): array("f", [0.6, 0.8])})
    assert len(VectorFile(tmp_path, "m")) == 1


def test_where_nothing_can_be_written_vectors_are_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file in its place")
    file = VectorFile(tmp_path / "folder", "m")
    file.add(_vectors("one"))
    assert text_key("one") in file
