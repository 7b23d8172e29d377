"""The library: reads content/, keeps the last good version of each file, and finds the right words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from bot.core.embedding import Embedder
from bot.core.errors import BadContent, Problem
from bot.core.knowledge import Entry, Found, Hit, Page, Prompt
from bot.core.message import Markup, fill
from bot.core.ports import Library
from bot.core.questions import looks_like_question
from bot.core.refs import Language
from bot.files import FrontMatter, read_markdown
from bot.library.crosscheck import cross_problems
from bot.library.engine import Progress, SearchEngine, Standing
from bot.library.grouping import grouped
from bot.library.lookalikes import lookalike_problems
from bot.library.ranking import Figures, Mode
from bot.library.reading import EntryFile, Read, read_content
from bot.library.shelf import Shelf, assemble

ENDINGS = (".md", ".yaml", ".yml")
"""Other files (pictures, notes of an editor) may lie in the folder; nobody reads them."""
MAX_HITS = 10
NEAR = 0.1
"""A hit is worth offering beside the first when it is at least so likely, as a share of the first's probability."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """How the last try to read a file went: ``good`` is its last good version, perhaps from an earlier try."""

    stamp: tuple[int, ...]
    good: Read | None
    problems: tuple[Problem, ...]


class ContentLibrary(Library):
    """Words people read, from the Markdown and YAML files of a folder (see docs and ``check`` for their form).

    Empty until :meth:`load` was called. What is served changes in one step, at the end of a load.
    """

    def __init__(
        self,
        folder: Path,
        *,
        spare: Path | None = None,
        part: str = "",
        embedders: Sequence[Embedder] = (),
        index_folder: Path | None = None,
        figures: Mapping[str, Figures] | None = None,
    ) -> None:
        """``spare``: a content folder whose messages stand in for those that ``folder`` lacks: an organisation's own
        copy is older than the next version's words. ``part``: read only this folder in it.

        ``embedders`` let the search compare meaning once :meth:`refresh` or :meth:`keep_fresh` ran; their vectors are
        kept in ``index_folder``. ``figures``: the organisation's own calibration of the search.
        """
        self._folder = folder
        self._part = part
        self._spare = None if spare is None or spare == folder else ContentLibrary(spare, part="messages")
        self._tried: dict[str, _Tried] = {}
        self._made: tuple[Entry, ...] = ()
        self._withheld: frozenset[str] = frozenset()
        self._shelf: Shelf = assemble(())
        self._engine = SearchEngine(embedders, index_folder, figures)

    def load(self) -> tuple[Problem, ...]:
        """Read what changed. Returns what is wrong with single files, which keep their last good version.

        A file that was never good is left out; one that was deleted goes. When the folder itself is gone, everything
        stays as it was.
        """
        if not self._folder.is_dir():
            return (self._no_folder(),)
        tried = {name: self._try(name, path) for name, path in self._files().items()}
        self._tried = tried
        self._put(self._assembled(tried))
        return tuple(sorted(problem for each in tried.values() for problem in each.problems))

    def take_in(self, made: Sequence[Entry]) -> None:
        """Serve these entries, written elsewhere than in files, as well, and no longer those taken in before. A file's
        entry of the same slug comes first."""
        self._made = tuple(made)
        self._put(self._assembled(self._tried))

    def _put(self, shelf: Shelf) -> None:
        if shelf.entries != self._shelf.entries:
            self._engine.put(list(shelf.entries.values()))
        self._shelf = shelf

    def _assembled(self, tried: Mapping[str, _Tried]) -> Shelf:
        return assemble((each.good for each in tried.values() if each.good is not None), self._made)

    def check(self, today: date | None = None) -> tuple[Problem, ...]:
        """Every problem of every file as it is on disk, also what only shows over all of them; changes nothing.

        ``today`` (default: the date in UTC) decides which entries are past their review.
        """
        if not self._folder.is_dir():
            return (self._no_folder(),)
        good: dict[str, Read] = {}
        problems: list[Problem] = []
        for name, path in self._files().items():
            try:
                good[name] = read_content(path, name)
            except BadContent as bad:
                problems += bad.problems
        problems += cross_problems(good, today or datetime.now(UTC).date())
        problems += lookalike_problems([each for each in good.values() if isinstance(each, EntryFile)])
        return tuple(sorted(problems))

    @property
    def fingerprint(self) -> str:
        """Changes when a file of the folder is added, removed or written, read or not: ask it, then load."""
        seen = sha256()
        for name, path in self._files().items():
            seen.update(f"{name}\0{_stamp(path)}\n".encode("utf-8", "surrogateescape"))
        return seen.hexdigest()

    def words(self, language: Language, key: str, **values: object) -> Markup:
        words = self._shelf.words
        counted = f"{key}.{_form(language, values['count'])}" if "count" in values else key
        texts = words.get(counted) or words.get(key)
        if texts is not None:
            return fill(texts[language], values)
        if self._spare is None:
            raise KeyError(key)
        if not self._spare.keys():
            self._spare.load()
        return self._spare.words(language, key, **values)

    def keys(self) -> frozenset[str]:
        """Every key that :meth:`words` knows, a counted one without ``.one`` and ``.other``."""
        return frozenset(key.removesuffix(".one").removesuffix(".other") for key in self._shelf.words)

    async def search(self, question: str, language: Language, *, guest: bool, kind: str = "") -> Found:
        ranked = await self._engine.search(question, language, guest=guest, kind=kind)
        figures = self._engine.figures(ranked.mode)
        asks = looks_like_question(question, ranked.language)
        hits = []
        for each in ranked.evidence[:MAX_HITS]:
            # What is searched may be a moment older than the files: what is gone, or no longer for guests, is left out.
            entry = self.entry(each.entry.slug, language, guest=guest, kind=each.entry.kind)
            if entry is not None:
                hits.append(Hit(entry, each.score))
        first = hits[0].score if hits else 0.0
        return Found(
            tuple(hits),
            sure=asks and first >= figures.channel,
            good=first >= figures.direct,
            worth=_worth(hits, figures.offer),
            question=asks,
            language=ranked.language,
            crosses=ranked.crosses,
            by_meaning=ranked.mode != "words",
        )

    def serve(self, entries: Sequence[Entry]) -> None:
        """Hold these entries in place of a folder's: for measuring on question sets. The next load ends it."""
        self._shelf = replace(self._shelf, entries={(each.kind, each.slug, each.language): each for each in entries})
        self._engine.put(list(self._shelf.entries.values()))

    @property
    def mode(self) -> Mode:
        """What the search goes by now: words, or which kinds of meaning beside."""
        return self._engine.mode

    @property
    def standing(self) -> Standing:
        """How far the search by meaning is."""
        return self._engine.standing

    async def refresh(self, progress: Progress | None = None) -> None:
        """Get the vectors that are missing; the search goes on meanwhile. ``progress`` is told of the texts done."""
        await self._engine.refresh(progress)

    async def keep_fresh(self) -> None:
        """Refresh now, and whenever entries changed, until cancelled."""
        await self._engine.keep_fresh()

    async def close(self) -> None:
        """Let go of the embedders."""
        await self._engine.close()

    async def alike(self, questions: Sequence[str]) -> Sequence[Sequence[int]]:
        return grouped(questions, *await self._engine.vectors_of(questions))

    def entry(self, slug: str, language: Language, *, guest: bool, kind: str = "") -> Entry | None:
        found = self._shelf.entry(slug, language, kind)
        hidden = found is None or slug in self._withheld or (guest and found.audience == "employees")
        return None if hidden else found

    def withhold(self, slugs: Collection[str]) -> None:
        """Neither find nor show these entries, until the next call."""
        self._withheld = frozenset(slugs)

    def entries(self, language: Language, *, guest: bool, kind: str = "") -> Sequence[Entry]:
        every = self._shelf.all_entries(language, kind)
        return [
            entry
            for entry in every
            if entry.slug not in self._withheld and not (guest and entry.audience == "employees")
        ]

    def page(self, name: str, language: Language) -> Page | None:
        return self._shelf.page(name, language)

    def pages(self, folder: str) -> Sequence[str]:
        return self._shelf.page_names(folder)

    def prompts(self) -> Sequence[Prompt]:
        return self._shelf.prompts

    def markdown_files(self) -> Iterator[FrontMatter]:
        """Each Markdown file of the folder as it is on disk, by name, those that cannot be read left out."""
        for name, path in self._files().items():
            if path.suffix == ".md":
                with contextlib.suppress(BadContent):
                    yield read_markdown(path, name)

    def _no_folder(self) -> Problem:
        return Problem(str(self._folder), 0, "is not a folder", "set ALLANT_CONTENT_DIR, or run: allant init")

    def _files(self) -> dict[str, Path]:
        """The files to read, by their place in the folder, in a stable order. Hidden ones and READMEs are not."""
        found = {}
        for root, folders, names in os.walk(self._folder / self._part):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            folder = Path(root)
            place = "" if folder == self._folder else folder.relative_to(self._folder).as_posix() + "/"
            for name in names:
                if name.endswith(ENDINGS) and not name.startswith((".", "README")):
                    found[place + name] = folder / name
        return dict(sorted(found.items()))

    def _try(self, name: str, path: Path) -> _Tried:
        stamp = _stamp(path)
        last = self._tried.get(name)
        if last is not None and last.stamp == stamp:
            return last
        try:
            return _Tried(stamp, read_content(path, name), ())
        except BadContent as bad:
            return _Tried(stamp, last.good if last is not None else None, bad.problems)


def _worth(hits: Sequence[Hit], offer: float) -> int:
    """How many hits are worth offering: none when even the first three together are hardly right."""
    if sum(each.score for each in hits[:3]) < offer:
        return 0
    return sum(each.score >= hits[0].score * NEAR for each in hits)


def _stamp(path: Path) -> tuple[int, ...]:
    """When a file was last written or put in its place, and its size; empty when it cannot be seen."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size


def _form(language: Language, count: object) -> str:
    """The plural form: French says 0 and 1 alike, English only 1."""
    if not isinstance(count, (int, float)):
        return "other"
    return "one" if (abs(count) < 2 if language == "fr" else abs(count) == 1) else "other"
