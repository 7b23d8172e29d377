"""The starter content: complete in both languages, and in step with the code that says it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from bot import feedreader, writer
from bot.core.dispatch import catalogue, route
from bot.core.refs import LANGUAGES, Language
from bot.library import ContentLibrary
from handlers import FEATURES

ROOT = Path(__file__).parents[2]
WRITTEN = date(2026, 11, 23)
"""The day the starter content was last gone over: its review dates are an organisation's business, not the build's."""


@cache
def library() -> ContentLibrary:
    loaded = ContentLibrary(ROOT / "content")
    loaded.load()
    return loaded


def test_nothing_is_wrong_in_the_starter_content() -> None:
    assert [str(problem) for problem in library().check(WRITTEN)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_enough_of_it_in_each_language(language: Language) -> None:
    counts = {}
    for kind in ("faq", "tutorial"):
        entries = library().entries(language, guest=False, kind=kind)
        assert {entry.language for entry in entries} == {language}
        counts[kind] = len(entries)
    assert counts["faq"] >= 40
    assert counts["tutorial"] >= 12


def test_there_are_prompts_for_two_years_of_weeks_in_both_tones() -> None:
    prompts = library().prompts()
    assert len(prompts) >= 104
    assert {prompt.tone for prompt in prompts} == {"light", "serious"}


@pytest.mark.parametrize("journey", ["employee", "guest", "manager"])
def test_each_journey_has_its_five_steps(journey: str) -> None:
    pages = library().pages(f"welcome/{journey}")
    assert [page.rpartition("-")[2] for page in pages] == ["0", "1", "3", "7", "14"]


def test_a_guest_finds_something() -> None:
    assert len(library().entries("fr", guest=True)) >= 20
    assert len(library().entries("fr", guest=True)) < len(library().entries("fr", guest=False))


async def test_every_entry_is_found_by_its_own_title_and_questions() -> None:
    missed = []
    for language in LANGUAGES:
        for entry in library().entries(language, guest=False):
            for question in (entry.title, *entry.questions):
                found = await library().search(question, language, guest=False, kind=entry.kind)
                if entry.slug not in [hit.entry.slug for hit in found.hits[:3]]:
                    missed.append(f"{entry.slug}.{language}: {question}")
    assert missed == []


# Words and the code that says them


def sources() -> Iterator[ast.AST]:
    for folder in ("bot", "handlers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"), str(path))


def message_files() -> set[str]:
    return {path.stem for path in (ROOT / "content/messages").glob("*.yaml")}


MADE_OF_TOO_LITTLE = {
    r"core\.[a-z0-9_]+": r"core\.role_(member|animator|admin)",
    r"tutorials\.[a-z0-9_]+": r"tutorials\.(back|next|done)",
}
"""Keys whose last part is a variable altogether, by what the variable can be: or they would excuse any unsaid word."""


@cache
def keys_in_code() -> tuple[frozenset[str], frozenset[str]]:
    """The keys written out in the code, and as patterns those made from pieces (f"privacy.is_{key}")."""
    begins = rf"(?:{'|'.join(sorted(message_files()))})\\?\."
    keys: set[str] = set()
    patterns: set[str] = set()
    for tree in sources():
        made = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        patterns |= {pattern for node in made if (pattern := pattern_of(node)) and re.match(begins, pattern)}
        pieces = {id(part) for node in made for part in node.values}
        for text in texts(tree, but=pieces):
            if re.fullmatch(begins + r"(?!yaml$|py$|md$)[a-z0-9_]+", text):
                keys.add(text)
    return frozenset(keys), frozenset(MADE_OF_TOO_LITTLE.get(pattern, pattern) for pattern in patterns)


def texts(tree: ast.AST, but: set[int]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in but:
            yield node.value


def pattern_of(node: ast.JoinedStr) -> str:
    """What the f-string can become, or nothing when it is no key."""
    written = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
    if not all(each is None or re.fullmatch(r"[a-z0-9_.]+", each) for each in written):
        return ""
    return "".join("[a-z0-9_]+" if each is None else each.replace(".", r"\.") for each in written)


def keys_of_commands() -> set[str]:
    """Each command's help, and its arguments where it has some."""
    keys = set()
    for name, command in catalogue(FEATURES):
        if not command.hidden:
            path = "_".join(command.path)
            keys.add(f"{name}.help_{path}")
            if command.has_arguments:
                keys.add(f"{name}.usage_{path}")
            if command.shortcut:
                keys.add(f"{name}.shortcut_{path}")
    return keys


def test_every_word_the_code_says_is_written() -> None:
    keys, patterns = keys_in_code()
    known = library().keys()
    assert sorted((keys | keys_of_commands()) - known) == []
    assert [pattern for pattern in sorted(patterns) if not any(re.fullmatch(pattern, key) for key in known)] == []


@pytest.mark.parametrize("reasons", [feedreader.REASONS, writer.REASONS])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_an_outside_service_is_told_whole(reasons: dict[str, str], language: Language) -> None:
    """The words name no value that the error does not carry: what is not filled in would show its braces."""
    for key, text in reasons.items():
        carried = dict.fromkeys(re.findall(r"\{(\w+)\}", text), "7")
        assert "{" not in library().words(language, key, **carried), key


def test_every_word_that_is_written_is_said() -> None:
    keys, patterns = keys_in_code()
    said = keys | keys_of_commands()
    known = library().keys()
    unsaid = [key for key in known if key not in said and not any(re.fullmatch(p, key) for p in patterns)]
    assert sorted(unsaid) == []


def test_every_command_that_content_names_exists() -> None:
    commands = catalogue(FEATURES)
    unknown = []
    for path in sorted((ROOT / "content").rglob("*.*")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for text in re.findall(r"`[/!]allant ([^`{]+)", line):
                if route(commands, text) is None:
                    unknown.append(f"{path.relative_to(ROOT)}:{number}: {text}")
    assert unknown == []
