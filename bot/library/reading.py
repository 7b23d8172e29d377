"""One file of content/ read into what it holds, or into the problems that keep it from being used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict

from bot.core.errors import BadContent, Problem
from bot.core.knowledge import Attachment, Entry, Page, Prompt, Quiz, Step
from bot.core.refs import LANGUAGES, Language
from bot.core.signals import What
from bot.files import FrontMatter, Located, read_markdown, read_yaml, validate
from bot.library.markup import MAX_CHARACTERS, markup_problems, placeholders, sections

MAX_TITLE = 200
"""A title is one line of a list; a longer one is a body in the wrong place."""

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_MARKDOWN_NAME = re.compile(rf"(?P<path>{_NAME}(?:/{_NAME})*)\.(?P<language>fr|en)\.md")
_WORDS_NAME = re.compile(r"messages/(?P<file>[a-z_]+)\.yaml")
_WORD_KEY = re.compile(r"[a-z][a-z0-9_]*")
_STRAY_BRACE = re.compile(r"[{}]")
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def _one_line(text: str) -> str:
    line = text.strip()
    if not line:
        raise ValueError("must not be empty")
    if "\n" in line or len(line) > MAX_TITLE:
        raise ValueError(f"must be one line of at most {MAX_TITLE} characters")
    return line


def _short(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} characters")
    return _not_empty(text)


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _slug(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError("may hold only small letters, digits, and single hyphens between them")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
Text = Annotated[str, AfterValidator(_short)]


def _tag(text: str) -> str:
    """As a slug, with the letters of every language: people read tags, each in their own."""
    if text != text.lower() or not re.fullmatch(r"[^\W_]+(?:-[^\W_]+)*", text):
        raise ValueError("may hold only small letters, digits, and single hyphens between them")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>/]+[^\s<>]*", text):
        raise ValueError("must be an address that begins with https:// or http://")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
Tag = Annotated[str, AfterValidator(_tag)]


@dataclass(frozen=True, kw_only=True)
class _Matter:
    """What any front matter may hold."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    title: Line
    owner: Line = "animator"
    review_by: date | None = None


@dataclass(frozen=True, kw_only=True)
class _AttachmentMatter:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    title: Line
    url: Annotated[str, AfterValidator(_address)]


@dataclass(frozen=True, kw_only=True)
class _QuizMatter:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    question: Line
    choices: tuple[Line, ...]
    right: int
    why: Line | None = None


@dataclass(frozen=True, kw_only=True)
class _EntryMatter(_Matter):
    questions: tuple[Line, ...] = ()
    tags: tuple[Tag, ...] = ()
    audience: Literal["everyone", "employees"] = "everyone"
    see_also: tuple[Slug, ...] = ()
    channels: tuple[Line, ...] = ()
    attachments: tuple[_AttachmentMatter, ...] = ()
    state: Literal["draft", "approved"] = "approved"


@dataclass(frozen=True, kw_only=True)
class _TutorialMatter(_EntryMatter):
    minutes: int
    quiz: tuple[_QuizMatter, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _PageMatter(_Matter):
    day: int | None = None
    skip_when: tuple[What, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _PromptMatter:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Slug
    tone: Literal["light", "serious"]
    kind: Slug
    tags: tuple[Slug, ...] = ()
    en: Text
    fr: Text


@dataclass(frozen=True, kw_only=True)
class _PromptFile:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    prompts: tuple[_PromptMatter, ...]


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A FAQ entry or a tutorial in one language, with the lines of its front matter. ``draft``: it is checked, and
    nobody finds it."""

    entry: Entry
    meta: Located
    placeholders: frozenset[str]
    draft: bool = False


@dataclass(frozen=True, slots=True)
class PageFile:
    page: Page
    meta: Located
    review_by: date | None
    placeholders: frozenset[str]


@dataclass(frozen=True, slots=True)
class PromptsFile:
    prompts: tuple[Prompt, ...]
    located: Located


@dataclass(frozen=True, slots=True)
class WordsFile:
    """``words`` maps ``file.key`` (or ``file.key.one`` and ``file.key.other``) to the text in each language."""

    words: Mapping[str, Mapping[Language, str]]


Read = EntryFile | PageFile | PromptsFile | WordsFile


def read_content(path: Path, name: str) -> Read:
    """The file at ``path``, called ``name`` (its place under content/, with slashes). Raises BadContent."""
    return _reader(name)(path, name)


def _reader(name: str) -> Callable[[Path, str], Read]:
    folder = name.partition("/")[0]
    readers: dict[str, Callable[[Path, str], Read]] = {
        "faq": _read_entry,
        "tutorials": _read_tutorial,
        "welcome": _read_page,
        "charter": _read_page,
        "calendar": _read_page,
        "icebreakers": _read_prompts,
        "messages": _read_words,
    }
    reader = readers.get(folder) if "/" in name else None
    if reader is None:
        mend = f"put it into one of {', '.join(readers)}"
        raise BadContent([Problem(name, 0, "lies where nothing is read", mend)])
    return reader


def _named(name: str) -> tuple[str, Language]:
    """The name without ending, and the language, of ``faq/threads.fr.md``."""
    match = _MARKDOWN_NAME.fullmatch(name)
    if match is None:
        mend = "name it like threads.fr.md: small letters, digits and hyphens, then .fr.md or .en.md"
        raise BadContent([Problem(name, 0, "has a name that cannot be used", mend)])
    return match["path"], "fr" if match["language"] == "fr" else "en"


def _require_mapping(located: Located) -> None:
    if not isinstance(located.value, dict):
        raise BadContent([located.problem((), "must hold “name: value” lines")])


def _body(file: FrontMatter, name: str) -> str:
    """The body, once nothing in it is wrong."""
    if not file.body.strip():
        raise BadContent([Problem(name, file.body_line, "has no text under its front matter", "write it")])
    problems = markup_problems(file.body, name, file.body_line)
    if problems:
        raise BadContent(problems)
    return file.body


def _read_entry(path: Path, name: str) -> EntryFile:
    stem, language = _named(name)
    file = read_markdown(path, name)
    _require_mapping(file.meta)
    matter: _EntryMatter = validate(_EntryMatter, file.meta)
    body = _body(file, name)
    entry = Entry(
        slug=_only_slug(stem, name),
        kind="faq",
        language=language,
        title=matter.title,
        body=body,
        questions=matter.questions,
        tags=matter.tags,
        audience=matter.audience,
        owner=matter.owner,
        review_by=matter.review_by,
        see_also=matter.see_also,
        channels=matter.channels,
        attachments=_attachments(matter),
    )
    return EntryFile(entry, file.meta, placeholders(f"{matter.title}\n{body}"), matter.state == "draft")


def _attachments(matter: _EntryMatter) -> tuple[Attachment, ...]:
    return tuple(Attachment(each.title, each.url) for each in matter.attachments)


MOST_CHOICES = 5
"""Choices of a quiz's question: each is a button."""


def _quiz(matter: _TutorialMatter, meta: Located) -> tuple[Quiz, ...]:
    """The questions at the end. Raises BadContent."""
    for number, each in enumerate(matter.quiz):
        if not 2 <= len(each.choices) <= MOST_CHOICES:
            raise BadContent([meta.problem(["quiz", number, "choices"], f"“choices” must be 2 to {MOST_CHOICES}")])
        if not 1 <= each.right <= len(each.choices):
            reason = f"“right” must be the number of a choice, 1 to {len(each.choices)}"
            raise BadContent([meta.problem(["quiz", number, "right"], reason)])
    return tuple(Quiz(each.question, each.choices, each.right - 1, each.why or "") for each in matter.quiz)


def _read_tutorial(path: Path, name: str) -> EntryFile:
    stem, language = _named(name)
    file = read_markdown(path, name)
    _require_mapping(file.meta)
    matter: _TutorialMatter = validate(_TutorialMatter, file.meta)
    if not 1 <= matter.minutes <= 240:
        raise BadContent([file.meta.problem(["minutes"], "“minutes” must lie between 1 and 240")])
    intro, steps = sections(_body(file, name))
    entry = Entry(
        slug=_only_slug(stem, name),
        kind="tutorial",
        language=language,
        title=matter.title,
        body=intro,
        questions=matter.questions,
        tags=matter.tags,
        audience=matter.audience,
        owner=matter.owner,
        review_by=matter.review_by,
        see_also=matter.see_also,
        minutes=matter.minutes,
        steps=tuple(Step(title, text) for title, text in steps),
        channels=matter.channels,
        attachments=_attachments(matter),
        quiz=_quiz(matter, file.meta),
    )
    if not steps or not intro or not all(step.title and step.body for step in entry.steps):
        mend = "write a few words, then each step as “## Title” with its text under it"
        raise BadContent([Problem(name, file.body_line, "is not made of an opening and steps", mend)])
    return EntryFile(entry, file.meta, placeholders(f"{matter.title}\n{file.body}"), matter.state == "draft")


def _only_slug(stem: str, name: str) -> str:
    _, _, slug = stem.partition("/")
    if "/" in slug:
        raise BadContent([Problem(name, 0, "lies in a folder of a folder", "move it up")])
    return slug


def _read_page(path: Path, name: str) -> PageFile:
    stem, language = _named(name)
    file = read_markdown(path, name)
    _require_mapping(file.meta)
    matter: _PageMatter = validate(_PageMatter, file.meta)
    in_name = re.search(r"/day-([0-9]+)$", stem)
    if in_name and matter.day != int(in_name[1]):
        problem = file.meta.problem(["day"], f"“day” must be {in_name[1]}, as in the file's name")
        raise BadContent([problem])
    page = Page(
        name=stem,
        language=language,
        title=matter.title,
        body=_body(file, name),
        day=matter.day,
        skip_when=tuple(what.value for what in matter.skip_when),
    )
    return PageFile(page, file.meta, matter.review_by, placeholders(f"{page.title}\n{page.body}"))


def _read_prompts(path: Path, name: str) -> PromptsFile:
    located = read_yaml(path, name)
    _require_mapping(located)
    read: _PromptFile = validate(_PromptFile, located)
    prompts = read.prompts
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, prompt in enumerate(prompts):
        if prompt.id in seen:
            problems.append(located.problem(["prompts", number, "id"], f"gives the id “{prompt.id}” twice"))
        seen.add(prompt.id)
        for language in LANGUAGES:
            line = located.line(["prompts", number, language])
            problems += markup_problems(getattr(prompt, language), name, line)
    if problems:
        raise BadContent(problems)
    made = tuple(Prompt(each.id, each.tone, each.kind, each.tags, each.en, each.fr) for each in prompts)
    return PromptsFile(made, located)


def _read_words(path: Path, name: str) -> WordsFile:
    match = _WORDS_NAME.fullmatch(name)
    if match is None:
        mend = "name it like messages/core.yaml, with small letters and underscores"
        raise BadContent([Problem(name, 0, "has a name that cannot be used", mend)])
    located = read_yaml(path, name)
    _require_mapping(located)
    words: dict[str, Mapping[Language, str]] = {}
    problems: list[Problem] = []
    for key, value in located.value.items():
        if not _WORD_KEY.fullmatch(str(key)):
            problems.append(located.problem([str(key)], f"has the key “{key}”", "use small letters and underscores"))
            continue
        counted = isinstance(value, dict) and set(value) & {"one", "other"}
        for form in ("one", "other") if counted else ("",):
            keys = [str(key), form] if form else [str(key)]
            problems += _words_problems(located, keys, value.get(form) if form else value)
            words[".".join((match["file"], *keys))] = _stripped(value.get(form) if form else value)
        if counted and set(value) - {"one", "other"}:
            problems.append(located.problem([str(key)], f"“{key}” may hold only one and other"))
    if problems:
        raise BadContent(problems)
    return WordsFile(words)


def _stripped(value: object) -> dict[Language, str]:
    texts = value if isinstance(value, dict) else {}
    return {language: str(texts.get(language, "")).strip("\n") for language in LANGUAGES}


def _words_problems(located: Located, keys: list[str], value: object) -> list[Problem]:
    """What is wrong with one text in its two languages."""
    shown = ".".join(keys)
    if not isinstance(value, dict) or set(value) != set(LANGUAGES):
        return [located.problem(keys, f"“{shown}” needs en and fr, and nothing else")]
    problems = []
    for language in LANGUAGES:
        text = value[language]
        if not isinstance(text, str) or not text.strip():
            problems.append(located.problem([*keys, language], f"“{shown}.{language}” must be text"))
            continue
        problems += markup_problems(text, located.file, located.line([*keys, language]))
        if _STRAY_BRACE.search(_PLACEHOLDER.sub("", text)):
            reason = f"“{shown}.{language}” has a brace that is no {{placeholder}}"
            problems.append(located.problem([*keys, language], reason, "a placeholder is {small_letters}"))
    if not problems:
        # French says 0 and 1 with the same form and so shows the number where English need not.
        spare = {"count"} if keys[-1] == "one" else set()
        if placeholders(value["fr"]) - spare != placeholders(value["en"]) - spare:
            problems.append(located.problem(keys, f"“{shown}” has other placeholders in French than in English"))
    return problems
