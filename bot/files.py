"""Reading the files people write: YAML, and Markdown with front matter, every mistake with its line.

Used by the rooms that read content/ and schedules/. Values are checked with pydantic against plain dataclasses or
TypedDicts; a mistake becomes a :class:`~bot.core.errors.Problem` that names file, line, reason and mend.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bot.core.errors import BadContent, Problem

T = TypeVar("T")
MAX_BYTES = 1_000_000
"""A content or schedule file larger than this is refused: it is a mistake or an attack, never words people read."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value read from YAML, with the line (from 1) of each part by its path: ``("items", 0, "id")``."""

    file: str
    value: Any
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of ``path``, or of the nearest part around it."""
        steps = tuple(path)
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def problem(self, path: Sequence[str | int], reason: str, mend: str = "") -> Problem:
        return Problem(self.file, self.line(path), reason, mend)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """A Markdown file: its front matter and its body. ``body_line`` is the line on which the body begins."""

    meta: Located
    body: str
    body_line: int


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key given twice, which YAML itself would resolve silently to the last.

    Of plain words only true and false are yes or no, and numbers are decimal, as in YAML 1.2: in 1.1, which PyYAML
    follows, the key ``on`` is a yes, ``19:00`` is 1140 (counted in sixties) and ``010`` is 8.
    """


_CBase: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Quick(_CBase):  # type: ignore[misc]  # PyYAML may have been built without libyaml.
    """As :class:`_UniqueKeys`, by libyaml: about five times as fast. What it refuses is read again by the other, whose
    reasons we know and show."""


_LOADERS = (_Quick, _UniqueKeys)
for _loader in _LOADERS:
    # A table of its own: PyYAML keeps it on the class, shared with everybody else's loader.
    _loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("bool", "int", "float")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for _tag, _pattern, _first in (
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"[-+]?(?:0|[1-9][0-9_]*)$", "-+0123456789"),
        ("float", r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ):
        _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (dict, list)):
            raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    made: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return made


for _loader in _LOADERS:
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_text(path: Path, name: str) -> str:
    """The file's text. Raises BadContent when it cannot be read, is too large, or is not UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadContent([Problem(name, 0, f"cannot be read: {error.strerror}", "check that it exists")]) from None
    if len(data) > MAX_BYTES:
        raise BadContent([Problem(name, 0, f"is larger than {MAX_BYTES:,} bytes", "split it")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadContent([Problem(name, line, "is not UTF-8 text", "save it as UTF-8")]) from None


def parse_yaml(text: str, name: str, first_line: int = 1) -> Located:
    """The YAML in ``text``; ``first_line`` is the line of the file on which it begins. Raises BadContent."""
    try:
        if "*" in text:
            _refuse_aliases(text, name, first_line)
        node, value = _load_either(text)
        if node is None:
            return Located(name, None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + first_line
        reason = error.problem or "is not valid YAML"
        mend = "look at the indentation, and quote text that holds “: ” or begins with a special character"
        raise BadContent([Problem(name, line, f"is not valid YAML: {reason}", mend)]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadContent([Problem(name, first_line, f"is not valid YAML: {type(error).__name__}")]) from None
    lines: dict[tuple[str | int, ...], int] = {}
    _lines(node, (), lines, first_line)
    return Located(name, value, lines)


def _load_either(text: str) -> tuple[yaml.Node | None, Any]:
    if _is_shallow(text):
        try:
            return _load(_Quick, text)
        except yaml.YAMLError:
            return _load(_UniqueKeys, text)
    return _load(_UniqueKeys, text)


_SHALLOW_INSIDE, _SHALLOW_LEAD = 1_000, 100
_LEAD = re.compile(r"[ \-?:]*")


def _is_shallow(text: str) -> bool:
    """Whether nothing in it can be nested so deep that libyaml, which goes down level by level on the stack of the
    process, would end it (seen at 50,000 brackets). A level needs a bracket, or one more step into the line."""
    if text.count("[") + text.count("{") > _SHALLOW_INSIDE:
        return False
    leads = (_LEAD.match(line) for line in text.splitlines())
    return all(lead is not None and lead.end() <= _SHALLOW_LEAD for lead in leads)


def _load(kind: Any, text: str) -> tuple[yaml.Node | None, Any]:
    """The only document in ``text``, and what it says; None and None when there is none."""
    loader = kind(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_aliases(text: str, name: str, first_line: int) -> None:
    """Aliases can make a small file huge (“billion laughs”), and no file of ours needs them."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = (event.start_mark.line if event.start_mark else 0) + first_line
            raise BadContent([Problem(name, line, "uses a YAML alias (*)", "write the value out, or quote the text")])


def _lines(
    node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], first_line: int
) -> None:
    lines.setdefault(path, node.start_mark.line + first_line)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + first_line
            _lines(value, inner, lines, first_line)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _lines(value, (*path, index), lines, first_line)


def read_yaml(path: Path, name: str) -> Located:
    """A YAML file, called ``name`` in problems. Raises BadContent."""
    return parse_yaml(read_text(path, name), name)


def read_markdown(path: Path, name: str) -> FrontMatter:
    """A Markdown file that begins with front matter between two lines of three dashes. Raises BadContent."""
    text = read_text(path, name)
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        raise BadContent([Problem(name, 1, "has no front matter", "begin with ---, title: …, and ---")])
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            meta = parse_yaml("\n".join(lines[1:number]), name, first_line=2)
            body = "\n".join(lines[number + 1 :])
            return FrontMatter(meta, body.strip("\n"), number + 2 + _blank_lines(lines[number + 1 :]))
    raise BadContent([Problem(name, 1, "has front matter that does not end", "close it with a line of ---")])


def _blank_lines(lines: Sequence[str]) -> int:
    count = 0
    for line in lines:
        if line.strip():
            break
        count += 1
    return count


_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "unexpected_keyword_argument": "is not known here",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping (name: value lines)",
    "date_from_datetime_parsing": "must be a date such as 2027-01-31",
    "date_parsing": "must be a date such as 2027-01-31",
    "time_parsing": "must be a time such as 09:30, in quotes",
}


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""One for each type met: making one takes a millisecond, which each of three hundred files would pay again."""


def _adapter_for(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def validate(kind: type[T] | Any, located: Located, path: Sequence[str | int] = ()) -> T:
    """The part of ``located`` at ``path`` as ``kind`` (a dataclass, TypedDict or any type). Raises BadContent."""
    value = located.value
    for step in path:
        value = value[step]
    try:
        result: T = _adapter_for(kind).validate_python(value)
    except ValidationError as error:
        raise BadContent([_problem(located, path, each) for each in error.errors()]) from None
    return result


def _problem(located: Located, path: Sequence[str | int], error: ErrorDetails) -> Problem:
    inner = [step for step in error["loc"] if isinstance(step, int) or not step.startswith("function-")]
    where = ".".join(str(step) for step in inner) or "the whole"
    reason = _REASONS.get(error["type"], error["msg"].removeprefix("Value error, "))
    allowed = error.get("ctx", {}).get("expected")
    return located.problem([*path, *inner], f"“{where}” {reason}", f"use {allowed}" if allowed else "")
