"""`allant import faq`: questions and answers from elsewhere, as drafts among the files of content/faq."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.core.errors import BadInput
from bot.core.knowledge import Entry
from bot.library import Pair, Pairs, Skipped, file_of, markup_problems, read_pairs
from bot.settings import Settings, read_settings, starter_folder

REVIEWED_AFTER = timedelta(days=365)
LONGEST_TITLE = 200
out = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Drafts:
    """Files ready to be written, by name, and what was left out and why."""

    files: tuple[tuple[str, str], ...]
    skipped: tuple[Skipped, ...]


def register(imports: typer.Typer) -> None:
    """Add the command to ``allant import``."""
    imports.command("faq")(import_faq)


def import_faq(
    source: Annotated[
        Path, typer.Argument(help="A .csv, an .html page with a FAQPage, a .md file, or a folder of them.")
    ],
    target: Annotated[
        Path | None, typer.Option("--out", help="The folder to write to (default: faq in the content folder).")
    ] = None,
    language: Annotated[str, typer.Option(help="fr or en, where the source does not say (default: guessed).")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
) -> None:
    """Import questions and answers as drafts: nobody finds one before its line "state: draft" is deleted.

    A CSV has columns question and answer (and perhaps questions, tags, language, audience), or two without names. A
    page has a FAQPage of schema.org, as JSON-LD or microdata. Nothing that is there already is overwritten.
    """
    from bot.importing import write

    if language not in ("", "fr", "en"):
        raise BadInput(f"--language {language}: must be fr or en")
    folder = target or _folder(read_settings())
    read = read_pairs(source, "fr" if language == "fr" else "en" if language == "en" else None)
    taken = {path.name for path in folder.glob("*.md")} if folder.is_dir() else set()
    made = drafts(read, taken, datetime.now(UTC).date())
    for name, text in made.files:
        if not dry_run:
            write(folder / name, text)
    _tell(made, folder, written=not dry_run)


def _folder(settings: Settings) -> Path:
    if settings.content.resolve() == starter_folder("content").resolve():
        raise BadInput("there is no content/ here: run `allant init DIR` first, or name a folder with --out")
    return settings.content / "faq"


def drafts(read: Pairs, taken: Collection[str], today: date) -> Drafts:
    """The files for the pairs, none of which has a name among ``taken``; each read back as what was found."""
    names, files, skipped = set(taken), list[tuple[str, str]](), list(read.skipped)
    for pair in read.pairs:
        reason = _wrong(pair)
        slug = slug_of(pair.question) or "answer"
        if not reason and f"{slug}.{pair.language}.md" in taken:
            reason = f"is there already: {slug}.{pair.language}.md"
        if reason:
            skipped.append(Skipped(pair.where, reason))
            continue
        number = 1
        while f"{slug if number == 1 else f'{slug}-{number}'}.{pair.language}.md" in names:
            number += 1
        slug = slug if number == 1 else f"{slug}-{number}"
        name, text = file_of(_entry(pair, slug, today), draft=True)
        names.add(name)
        files.append((name, text))
    return Drafts(tuple(files), tuple(skipped))


def _wrong(pair: Pair) -> str:
    """Why the pair cannot be a file of ours; empty when it can."""
    if len(pair.question) > LONGEST_TITLE:
        return f"its question is longer than {LONGEST_TITLE} characters"
    problems = markup_problems(f"{pair.question}\n\n{pair.answer}", pair.where, 1)
    return problems[0].reason if problems else ""


def _entry(pair: Pair, slug: str, today: date) -> Entry:
    return Entry(
        slug=slug,
        kind="faq",
        language=pair.language,
        title=pair.question,
        body=pair.answer,
        questions=tuple(each for each in pair.questions if len(each) <= LONGEST_TITLE),
        tags=pair.tags,
        audience="employees" if pair.audience == "employees" else "everyone",
        review_by=today + REVIEWED_AFTER,
    )


def slug_of(text: str) -> str:
    """A file's name from a question: its first words in plain letters."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return "-".join(re.findall(r"[a-z0-9]+", bare)[:7])[:60].strip("-")


def _tell(made: Drafts, folder: Path, *, written: bool) -> None:
    count = len(made.files)
    verb = "written to" if written else "would be written to"
    out.print(
        f"{count} {'draft' if count == 1 else 'drafts'} {verb} {escape(str(folder))}; {len(made.skipped)} left out."
    )
    if made.skipped:
        table = Table("Where", "Why it was left out")
        for each in made.skipped:
            table.add_row(escape(each.where), escape(each.reason))
        out.print(table)
    if count:
        out.print(
            "For each: read it, write the other language, then delete its line “state: draft”. `allant check` lists "
            "what is missing."
        )
