"""A trouble: one thing that stands in the way of a post, with what it is, where it is written, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is. Only errors make `allant rehearse` end with exit code 1."""

    ERROR = 0  # something will not go out, or not as it should
    WARNING = 1  # it goes out, but later, or not at its best
    NOTE = 2  # good to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """``code`` names the kind for other programs. ``line`` counts from 1, 0 for the whole file; ``item`` and
    ``channel`` are empty where it concerns none. ``moments`` (aware UTC): the posts concerned, none for all of them."""

    code: str
    severity: Severity
    reason: str
    mend: str
    file: str = ""
    line: int = 0
    item: str = ""
    channel: str = ""
    moments: tuple[datetime, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def gathered(troubles: Iterable[Trouble]) -> list[Trouble]:
    """The same trouble of many posts told once, with all their moments; the worst first, then by place in the files."""
    by_kind: dict[Trouble, set[datetime]] = {}
    for each in troubles:
        by_kind.setdefault(replace(each, moments=()), set()).update(each.moments)
    found = [replace(each, moments=tuple(sorted(moments))) for each, moments in by_kind.items()]
    return sorted(found, key=lambda each: (each.severity, each.file, each.line, each.code, each.channel, each.reason))
