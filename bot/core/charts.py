"""Charts, as data: what is drawn, and the port of whatever draws it.

They are read in black and white too, and by people who see colours differently: whoever draws them tells series apart
by line, marker and hatching, and writes each one's name beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.core.errors import AllantError
from bot.core.message import Image


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one kind of bar: a value for each of the chart's labels, None where it may not be told."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """``kind``: ``lines``; ``bars`` stood on each other; ``steps``, one bar a label, lying. ``name`` is what its file
    is called. ``alt`` says the same in plain words. ``unsaid`` stands where a value may not be told (``< 5``).
    ``percent``: the values are shares from 0 to 1.
    ``decimal_comma``: as French writes numbers."""

    kind: Literal["lines", "bars", "steps"]
    name: str
    title: str
    alt: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unsaid: str
    percent: bool = False
    decimal_comma: bool = False


class NoPainter(AllantError):
    """The library that draws is not installed."""


class Painter(ABC):
    """Draws charts."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether it can draw: a report is words alone otherwise."""

    @abstractmethod
    async def paint(self, charts: Sequence[Chart]) -> Sequence[Image]:
        """An image for each chart, in their order, without holding anybody up. Raises NoPainter."""

    @abstractmethod
    async def sheet(self, charts: Sequence[Chart]) -> Image:
        """All charts below each other in one image. Raises NoPainter."""
