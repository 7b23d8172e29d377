"""Questions and answers from elsewhere: a CSV, a folder of Markdown, a page with a FAQPage of schema.org."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.core.errors import BadContent, BadInput
from bot.core.refs import LANGUAGES, Language
from bot.files import read_markdown
from bot.library.analysis import terms
from bot.library.html import Node, as_markdown, parse_html
from bot.library.markup import sections

MOST_BYTES = 20_000_000
MOST_PAIRS = 5000
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "title", "titre", "q"),
    "answer": ("answer", "réponse", "reponse", "body", "text", "texte", "a"),
    "questions": ("questions", "other questions", "autres questions", "variants", "variantes", "alternatives"),
    "tags": ("tags", "étiquettes", "etiquettes", "category", "catégorie", "categorie", "categories", "topic", "sujet"),
    "language": ("language", "langue", "lang"),
    "audience": ("audience", "public"),
}
"""The names that columns go by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question with its answer, in Markdown, and where it stood."""

    where: str
    question: str
    answer: str
    language: Language
    questions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    audience: str = "everyone"


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be used, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was read. ``skipped`` is in the order of the source."""

    pairs: tuple[Pair, ...]
    skipped: tuple[Skipped, ...]


def read_pairs(source: Path, language: Language | None = None) -> Pairs:
    """The pairs of a .csv, an .html page, a .md file or a folder of them. ``language``: of what does not say its own;
    without it, the one whose small words it has. Raises BadInput when the source cannot be used at all."""
    try:
        if source.is_dir():
            return _collected(_from_folder(source, language))
        if source.stat().st_size > MOST_BYTES:
            raise BadInput(f"{source}: is larger than {MOST_BYTES // 1_000_000} MB")
        if source.suffix.casefold() == ".md":
            return _collected(_from_markdown(source, source.name, language))
        text = _text(source.read_bytes())
    except OSError as error:
        raise BadInput(f"{source}: {error.strerror}") from None
    if source.suffix.casefold() in (".html", ".htm", ".xhtml"):
        return _collected(_from_page(text, language))
    if source.suffix.casefold() in (".csv", ".tsv", ".txt"):
        return _collected(_from_csv(text, language))
    raise BadInput(f"{source}: must be a .csv or .tsv, an .html page, a .md file, or a folder of Markdown")


def _text(data: bytes) -> str:
    """Spreadsheets in French write CSV in the encoding of Windows unless told otherwise."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _collected(found: Iterator[Pair | Skipped]) -> Pairs:
    pairs: list[Pair] = []
    skipped: list[Skipped] = []
    seen: dict[tuple[str, str], str] = {}
    for each in found:
        if isinstance(each, Skipped):
            skipped.append(each)
            continue
        key = (each.question.casefold(), each.language)
        if not each.question.strip() or not each.answer.strip():
            skipped.append(Skipped(each.where, "has no question" if not each.question.strip() else "has no answer"))
        elif key in seen:
            skipped.append(Skipped(each.where, f"asks the same as {seen[key]}"))
        elif len(pairs) == MOST_PAIRS:
            skipped.append(Skipped(each.where, f"comes after {MOST_PAIRS:,} others"))
        else:
            seen[key] = each.where
            pairs.append(each)
    return Pairs(tuple(pairs), tuple(skipped))


def guessed(text: str, language: Language | None) -> Language:
    """The language that was said, else the one whose small words the text has more of."""
    if language is not None:
        return language
    return min(LANGUAGES, key=lambda each: len(terms(text, each)))


# CSV


def _from_csv(text: str, language: Language | None) -> Iterator[Pair | Skipped]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), dialect, strict=False))
    except csv.Error as error:
        raise BadInput(f"is no CSV: {error}") from None
    if not rows:
        return
    columns = _columns([each.strip().casefold() for each in rows[0]])
    first = 1 if "question" in columns and "answer" in columns else 0
    if first == 0:
        columns = {"question": 0, "answer": 1}
    for number, row in enumerate(rows[first:], start=first + 1):
        if any(each.strip() for each in row):
            yield _from_row(f"row {number}", row, columns, language)


def _columns(head: Sequence[str]) -> dict[str, int]:
    found = {}
    for name, known in _COLUMNS.items():
        place = next((head.index(each) for each in known if each in head), None)
        if place is not None:
            found[name] = place
    return found


def _from_row(where: str, row: Sequence[str], columns: Mapping[str, int], language: Language | None) -> Pair | Skipped:
    def cell(name: str) -> str:
        place = columns.get(name)
        return row[place].strip() if place is not None and place < len(row) else ""

    question, answer = " ".join(cell("question").split()), cell("answer")
    if re.search(r"<(?:p|br|ul|ol|li|a|b|strong|div)\b", answer, re.IGNORECASE):
        answer = as_markdown(parse_html(answer))
    said = cell("language").casefold()[:2]
    own: Language | None = "fr" if said == "fr" else "en" if said == "en" else language
    if said and said not in LANGUAGES:
        return Skipped(where, f"is in a language that is neither French nor English: {cell('language')[:20]}")
    if question and not re.search(r"[^\W\d_]{3}", question):
        return Skipped(where, "its question has no word: name the columns “question” and “answer” in the first row")
    audience = cell("audience").casefold()
    return Pair(
        where=where,
        question=question,
        answer=answer,
        language=guessed(f"{question} {answer}", own),
        questions=_several(cell("questions"), r"[\n|;]"),
        tags=_tags(_several(cell("tags"), r"[\n|;,]")),
        audience="employees" if audience in ("employees", "internal", "interne", "salariés") else "everyone",
    )


def _several(text: str, between: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(each.split()) for each in re.split(between, text) if each.strip()))


def _tags(several: Sequence[str]) -> tuple[str, ...]:
    made = ("-".join(re.findall(r"[^\W_]+", each.casefold())) for each in several)
    return tuple(dict.fromkeys(each for each in made if each))


# Markdown


def _from_folder(folder: Path, language: Language | None) -> Iterator[Pair | Skipped]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix.casefold() not in (".md", ".markdown"):
            yield Skipped(name, "is no Markdown file (.md)")
        elif path.stat().st_size > MOST_BYTES:
            yield Skipped(name, f"is larger than {MOST_BYTES // 1_000_000} MB")
        else:
            yield from _from_markdown(path, name, language)


def _from_markdown(path: Path, name: str, language: Language | None) -> Iterator[Pair | Skipped]:
    """The file as one answer under its title; or, where several of its headings ask something, each as one."""
    named = re.search(r"\.(fr|en)\.md$", name)
    own: Language | None = "fr" if named and named[1] == "fr" else "en" if named else language
    text = _text(path.read_bytes())
    matter: Mapping[str, Any] = {}
    if text.startswith("---\n"):
        try:
            file = read_markdown(path, name)
        except BadContent as error:
            yield Skipped(name, "; ".join(each.reason for each in error.problems))
            return
        matter, text = (file.meta.value if isinstance(file.meta.value, dict) else {}), file.body
    _, parts = sections(text)
    asking = [(title, body) for title, body in parts if title.rstrip().endswith("?")]
    if len(asking) > 1 and not matter.get("title"):
        for title, body in asking:
            yield Pair(where=f"{name}: {title}", question=title, answer=body, language=guessed(f"{title} {body}", own))
        for title, _ in parts:
            if not title.rstrip().endswith("?"):
                yield Skipped(f"{name}: {title}", "asks nothing: its heading ends without a question mark")
        return
    head = re.match(r"\s*#\s+(.+?)\s*#*\s*(?:\n|$)", text)
    title = str(matter.get("title") or (head[1] if head else "") or "")
    body = text[head.end() :] if head else text
    if not title:
        yield Skipped(name, "has no title: write one into its front matter, or as “# Title”")
        return
    asked = matter.get("questions")
    tagged = matter.get("tags")
    yield Pair(
        where=name,
        question=" ".join(title.split()),
        answer=body.strip(),
        language=guessed(f"{title} {body}", own),
        questions=tuple(str(each) for each in asked) if isinstance(asked, list) else (),
        tags=_tags([str(each) for each in tagged]) if isinstance(tagged, list) else (),
        audience="employees" if matter.get("audience") == "employees" else "everyone",
    )


# A page


def _from_page(text: str, language: Language | None) -> Iterator[Pair | Skipped]:
    """The page's FAQPage, in JSON-LD and in microdata. Raises BadInput when it has none."""
    page = parse_html(text)
    said = next((node.attributes.get("lang", "") for node in page.walk() if node.name == "html"), "")[:2].casefold()
    own: Language | None = language or ("fr" if said == "fr" else "en" if said == "en" else None)
    found: list[Pair | Skipped] = []
    for node in page.walk():
        if node.name == "script" and "ld+json" in node.attributes.get("type", ""):
            found += _from_json(node.text(), own)
    number = 0
    for node in page.walk():
        if _is(node, "Question") and any(_is(each, "FAQPage") for each in node.above()):
            number += 1
            found.append(_from_microdata(node, f"microdata question {number}", own))
    if not found:
        raise BadInput("the page holds no schema.org FAQPage, neither as JSON-LD nor as microdata")
    yield from found


def _is(node: Node, kind: str) -> bool:
    types = node.attributes.get("itemtype", "").split()
    return any(re.fullmatch(rf"https?://schema\.org/{kind}/?", each) for each in types)


def _from_json(text: str, language: Language | None) -> list[Pair | Skipped]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return [Skipped("JSON-LD", "is no JSON")]
    found: list[Pair | Skipped] = []
    for thing in _things(data):
        if "FAQPage" not in _listed(thing.get("@type")):
            continue
        own: Language | None = language
        for number, each in enumerate(_listed(thing.get("mainEntity")), start=1):
            where = f"JSON-LD question {number}"
            if not isinstance(each, dict) or "Question" not in _listed(each.get("@type")):
                found.append(Skipped(where, "is no Question"))
                continue
            answers = [one for one in _listed(each.get("acceptedAnswer")) if isinstance(one, dict)]
            answer = as_markdown(parse_html(str(answers[0].get("text") or ""))) if answers else ""
            question = as_markdown(parse_html(str(each.get("name") or "")))
            said = f"{question} {answer}"
            found.append(
                Pair(where=where, question=" ".join(question.split()), answer=answer, language=guessed(said, own))
            )
    return found


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _things(data: object, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The things of a JSON-LD text: alone, in a list, or in a graph."""
    if depth > 3:
        return
    for each in _listed(data):
        if isinstance(each, dict):
            yield each
            yield from _things(each.get("@graph"), depth + 1)


def _from_microdata(node: Node, where: str, language: Language | None) -> Pair:
    def prop(root: Node, name: str) -> Node | None:
        return next((each for each in root.walk() if name in each.attributes.get("itemprop", "").split()), None)

    name, accepted = prop(node, "name"), prop(node, "acceptedAnswer")
    text = (prop(accepted, "text") or accepted) if accepted is not None else None
    question = (name.attributes.get("content") or name.text()) if name is not None else ""
    answer = as_markdown(text) if text is not None else ""
    question = " ".join(question.split())
    return Pair(where=where, question=question, answer=answer, language=guessed(f"{question} {answer}", language))
