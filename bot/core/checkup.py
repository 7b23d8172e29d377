"""What a platform finds when it looks itself over: whether we may and can do there what the files ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.message import Markup
from bot.core.refs import Language


class Gravity(StrEnum):
    WELL = "well"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. The bot's words say it: ``checkup.is_<key>``, and unless it is well, how to mend it:
    ``checkup.mend_<key>``; both are filled in with ``values``. ``key`` is stable, for programs."""

    key: str
    gravity: Gravity = Gravity.ERROR
    values: Mapping[str, str] = field(default_factory=dict)

    def said(self, words: Callable[..., Markup], language: Language) -> Markup:
        return words(language, f"checkup.is_{self.key}", **self.values)

    def mend(self, words: Callable[..., Markup], language: Language) -> Markup:
        """What to do; empty when nothing is to be done."""
        return Markup() if self.gravity is Gravity.WELL else words(language, f"checkup.mend_{self.key}", **self.values)


def well(key: str, **values: str) -> Finding:
    return Finding(key=key, gravity=Gravity.WELL, values=values)


def warning(key: str, **values: str) -> Finding:
    return Finding(key=key, gravity=Gravity.WARNING, values=values)


def error(key: str, **values: str) -> Finding:
    return Finding(key=key, values=values)


def amiss(findings: Sequence[Finding]) -> list[Finding]:
    """What needs a hand, the gravest first."""
    wrong = [each for each in findings if each.gravity is not Gravity.WELL]
    return sorted(wrong, key=lambda each: each.gravity is Gravity.WARNING)
