"""The search as it runs: answers at once with what is ready, and gets ready in the background what changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from array import array
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.embedding import Embedder, Family
from bot.core.errors import EmbedderUnavailable, where
from bot.core.knowledge import Entry
from bot.core.refs import Language
from bot.library.ranking import Figures, Mode
from bot.library.search import Index, Ranked

if TYPE_CHECKING:
    from bot.library.vectors import VectorFile

log = logging.getLogger("allant.search")

PASSAGE_LETTERS, MAX_PASSAGES = 300, 3
"""An entry's text is compared in so many passages of so many letters, from its beginning; each with the title."""
FEW = 0.2
"""While no larger share of the entries lacks vectors, the index from before goes on answering until they are there."""
AT_A_TIME = 2
"""Texts asked of an embedder at once: a person's question waits for no more than these (0.1 s each at most)."""
REMEMBERED = 64
"""The vectors of the latest questions are kept for a moment: the same question is often searched twice."""
AGAIN_SECONDS = 60.0
"""After an embedder failed, the texts that lack vectors are tried again after so long."""

Progress = Callable[[int, int], None]
"""Told how many texts are done, of how many."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the search is: ``embedders`` in use by name; ``done`` of ``total`` texts have vectors; ``trouble`` says
    why meaning is not used, empty when all is well."""

    embedders: tuple[str, ...]
    done: int
    total: int
    trouble: str = ""

    @property
    def ready(self) -> bool:
        return self.done == self.total and not self.trouble


def passages(entry: Entry) -> list[str]:
    """The entry's text in pieces that an embedder reads whole, each after the title, which says what it is about."""
    text = " ".join(
        " ".join((entry.body, *(f"{step.title}. {step.body}" for step in entry.steps)))[: PASSAGE_LETTERS * 8].split()
    )
    found: list[str] = []
    while text and len(found) < MAX_PASSAGES:
        cut = len(text) if len(text) <= PASSAGE_LETTERS else text.rfind(" ", PASSAGE_LETTERS // 2, PASSAGE_LETTERS)
        cut = cut if cut > 0 else PASSAGE_LETTERS
        found.append(f"{entry.title} : {text[:cut].strip()}")
        text = text[cut:].strip()
    return found


def phrasings(entry: Entry) -> list[str]:
    return [text for text in (entry.title, *entry.questions) if text.strip()] or [entry.slug]


class SearchEngine:
    """Searches :attr:`index`, and keeps it up with the entries and their vectors."""

    def __init__(
        self,
        embedders: Sequence[Embedder] = (),
        folder: Path | None = None,
        figures: Mapping[str, Figures] | None = None,
    ) -> None:
        """``folder``: where vectors are kept between starts; None for in memory only. ``figures``: an organisation's
        own calibration."""
        self._embedders = tuple(embedders)
        self._folder = folder
        self._entries: tuple[Entry, ...] = ()
        self._words = Index((), figures)
        """The newest entries, perhaps without vectors."""
        self.index = self._words
        """What is searched."""
        self._files: dict[str, VectorFile] = {}
        self._trouble: dict[str, str] = {}
        self._done = self._total = 0
        self._changed = asyncio.Event()
        self._recent: OrderedDict[bytes, dict[str, array[float]]] = OrderedDict()

    @property
    def standing(self) -> Standing:
        trouble = "; ".join(f"{name}: {reason}" for name, reason in self._trouble.items())
        return Standing(tuple(each.name for each in self._embedders), self._done, self._total, trouble)

    @property
    def mode(self) -> Mode:
        return self.index.mode(dict.fromkeys(self.index.meanings, ()))

    def figures(self, mode: Mode) -> Figures:
        return self.index.figures(mode)

    def put(self, entries: Sequence[Entry]) -> None:
        """The entries are these now. Their words can be searched at once; vectors follow with :meth:`refresh`."""
        chosen = tuple(entries)
        if set(chosen) == set(self._entries):
            return
        self._entries = chosen
        self._words = self._words.changed(chosen)
        if not self._few_lack():
            self.index = self._words.meant({})
        self._changed.set()

    def _few_lack(self) -> bool:
        """Whether the searched index has vectors, and few of the newest entries are not in it as they are."""
        if not self.index.meanings:
            return False
        before = set(self.index.entries.values())
        lacking = sum(entry not in before for entry in self._entries)
        return lacking <= FEW * len(self._entries)

    async def search(self, question: str, language: Language, *, guest: bool, kind: str = "") -> Ranked:
        """See :meth:`Index.search`. Without vectors, or when an embedder fails, by words alone."""
        index = self.index
        vectors = await self._vectors(question) if index.meanings else {}
        if len(index.entries) < 500 and not vectors:
            return index.search(question, language, guest=guest, kind=kind)
        return await asyncio.to_thread(index.search, question, language, guest=guest, kind=kind, vectors=vectors)

    async def _vectors(self, question: str) -> Mapping[str, array[float]]:
        key = blake2b(question.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._recent.get(key)
        if known is not None:
            self._recent.move_to_end(key)
            return known
        found: dict[str, array[float]] = {}
        for each in self._embedders:
            try:
                (found[each.name],) = await each.embed([question], asked=True)
            except EmbedderUnavailable as error:
                self._note(each, str(error))
        if len(found) == len(self._embedders):
            self._recent[key] = found
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return found

    async def vectors_of(self, texts: Sequence[str]) -> tuple[Sequence[Sequence[float]], Family]:
        """The vectors of ``texts`` by one embedder in use, and its family; none when meaning is not compared now."""
        found = [await self._vectors(text) for text in texts] if self.index.meanings else []
        # The sentence encoder tells questions apart far better than the other, which puts all of them close together.
        for each in sorted(self._embedders, key=lambda embedder: embedder.family != "use"):
            if found and all(each.name in vectors for vectors in found):
                return [vectors[each.name] for vectors in found], each.family
        return (), "e5"

    def _note(self, embedder: Embedder, reason: str) -> None:
        if self._trouble.get(embedder.name) != reason:
            log.warning("search by meaning: %s", reason)
        self._trouble[embedder.name] = reason

    async def keep_fresh(self) -> None:
        """Refresh whenever the entries changed; again after a while when an embedder failed. Runs until cancelled."""
        while True:
            self._changed.clear()
            failed = False
            try:
                await self.refresh()
            except Exception as error:
                # A search without meaning is better than a bot that stops.
                log.error("search by meaning: %s", where(error))
                failed = True
            if not self._trouble and not failed:
                await self._changed.wait()
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), AGAIN_SECONDS)

    async def refresh(self, progress: Progress | None = None) -> None:
        """Get the vectors that are missing, keep them, and put an index with them in place of the one before."""
        if not self._embedders:
            return
        from bot.library.vectors import text_key

        entries, words = self._entries, self._words
        texts = _texts(entries)
        await self._embed(texts, progress)
        for file in self._files.values():
            await asyncio.to_thread(file.keep_only, {text_key(text) for text in texts})
        usable = [each for each in self._embedders if each.name not in self._trouble]
        if entries is not self._entries:
            self._changed.set()
        if not usable:
            return
        self.index = await asyncio.to_thread(self._meant, words, usable)

    async def _embed(self, texts: Mapping[str, bool], progress: Progress | None) -> None:
        """Vectors for ``texts``: each with whether it is a phrasing, which every embedder wants, or a passage."""
        from bot.library.vectors import VectorFile, text_key

        missing: list[tuple[Embedder, list[str]]] = []
        for each in self._embedders:
            if each.name not in self._files:
                self._files[each.name] = await asyncio.to_thread(VectorFile, self._folder, each.name)
            file = self._files[each.name]
            mine = [text for text, phrasing in texts.items() if phrasing or each.family != "use"]
            missing.append((each, [text for text in mine if text_key(text) not in file]))
        self._total = sum(len(lacking) for _, lacking in missing)
        self._done = 0
        for each, lacking in missing:
            file = self._files[each.name]
            self._trouble.pop(each.name, None)
            # The longest last, so that texts given together take alike long.
            lacking.sort(key=len)
            kept: dict[bytes, array[float]] = {}
            try:
                for start in range(0, len(lacking), AT_A_TIME):
                    some = lacking[start : start + AT_A_TIME]
                    vectors = await each.embed(some, asked=False)
                    kept.update(zip(map(text_key, some), vectors, strict=True))
                    self._done += len(some)
                    if len(kept) >= 256:
                        await asyncio.to_thread(file.add, kept)
                        kept = {}
                    if progress is not None:
                        progress(self._done, self._total)
            except EmbedderUnavailable as error:
                self._note(each, str(error))
            await asyncio.to_thread(file.add, kept)
        self._done = sum(len(lacking) for _, lacking in missing) if not self._trouble else self._done

    def _meant(self, words: Index, embedders: Sequence[Embedder]) -> Index:
        from bot.library.meaning import MeaningIndex, Part, bend_for
        from bot.library.vectors import text_key

        meanings: dict[str, MeaningIndex] = {}
        for each in embedders:
            file = self._files[each.name]
            before = self.index.meanings.get(each.name)
            new = [number for number in words.entries if before is None or number not in before.parts]
            spoken = {number: phrasings(words.entries[number]) for number in new}
            texts = {number: passages(words.entries[number]) if each.family != "use" else [] for number in new}
            if before is None or len(new) > FEW * len(words.entries) or len(words.entries) < 500:
                new = sorted(words.entries)
                spoken = {number: phrasings(words.entries[number]) for number in new}
                texts = {number: passages(words.entries[number]) if each.family != "use" else [] for number in new}
                every = file.get(text_key(text) for number in new for text in spoken[number])
                before = MeaningIndex(each.family, bend_for(each.family, every), {})
            # All at once: thousands of small products would take seconds.
            bent = before.bent(file.get(text_key(text) for number in new for text in (*spoken[number], *texts[number])))
            parts, place = {}, 0
            for number in new:
                middle, end = place + len(spoken[number]), place + len(spoken[number]) + len(texts[number])
                parts[number] = Part(bent[place:middle], bent[middle:end])
                place = end
            gone = [number for number in before.parts if number not in words.entries]
            meanings[each.name] = before.changed(gone, parts)
        return words.meant(meanings)

    async def close(self) -> None:
        for each in self._embedders:
            await each.close()


def _texts(entries: Sequence[Entry]) -> dict[str, bool]:
    """Every text that wants a vector, with whether it is a phrasing (of any entry)."""
    found: dict[str, bool] = {}
    for entry in entries:
        for text in phrasings(entry):
            found[text] = True
        for text in passages(entry):
            found.setdefault(text, False)
    return found
