"""Charts drawn by matplotlib, without a screen or a browser.

matplotlib (the extra ``allant[reports]``) is loaded only when something is drawn, and draws in a thread of its own: it
takes some tenths of a second, during which everything else goes on. What is drawn is told apart by line, marker,
hatching and a name beside it; the colours are those of Okabe and Ito (2008), which people who see colours differently
tell apart, in an order whose greys differ as well.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from bot.core.charts import Chart, NoPainter, Painter
from bot.core.message import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")

INK = "#1a1a1a"
PAPER = "#ffffff"
STYLES: tuple[tuple[str, str, str, str], ...] = (
    ("#0072b2", "-", "o", ""),
    ("#a63f00", "--", "s", "///"),
    ("#00694f", ":", "^", "..."),
    ("#7a3b66", "-.", "D", "xx"),
)
"""Colour, line, marker and hatching of each series. The colours are Okabe and Ito's, darkened until each has at least
4.5 : 1 to white paper (WCAG 2.2, 1.4.3), as names are written in them."""
WIDE, HIGH, DOTS = 7.2, 3.4, 110
"""Inches and dots an inch: 792 pixels, what a chat shows without scaling, and sharp enough for print."""
MOST_LABELS = 13
_ONE_AT_A_TIME = ThreadPoolExecutor(max_workers=1, thread_name_prefix="allant-charts")
"""matplotlib's caches of fonts are not made for several threads."""


class ChartPainter(Painter):
    """Draws with matplotlib where that is installed."""

    @property
    def ready(self) -> bool:
        return importlib.util.find_spec("matplotlib") is not None

    async def paint(self, charts: Sequence[Chart]) -> Sequence[Image]:
        return await self._aside(lambda: [_image([chart]) for chart in charts])

    async def sheet(self, charts: Sequence[Chart]) -> Image:
        return await self._aside(lambda: _image(charts))

    async def _aside(self, work: Callable[[], T]) -> T:
        if not self.ready:
            raise NoPainter("charts need matplotlib: install the extra allant[reports]")
        return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, work)


def _image(charts: Sequence[Chart]) -> Image:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Its own settings would come from the user's files otherwise, and a chart look different from machine to machine.
    with rc_context({"font.family": "DejaVu Sans", "font.size": 10, "hatch.linewidth": 0.8, "svg.fonttype": "none"}):
        figure = Figure(figsize=(WIDE, HIGH * len(charts)), dpi=DOTS, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        for axes, chart in zip(figure.subplots(len(charts), 1, squeeze=False)[:, 0], charts, strict=True):
            _draw(axes, chart)
        file = io.BytesIO()
        # The time and the version are left out: the same figures give the same file.
        figure.savefig(file, format="png", metadata={"Software": None})
    name = charts[0].name if len(charts) == 1 else "report"
    return Image.of_png(file.getvalue(), "\n".join(chart.alt for chart in charts), f"{name}.png")


def _draw(axes: Axes, chart: Chart) -> None:
    axes.set_facecolor(PAPER)
    axes.set_title(chart.title, loc="left", fontsize=11.5, fontweight="bold", color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK)
    {"lines": _lines, "bars": _bars, "steps": _steps}[chart.kind](axes, chart)


def _lines(axes: Axes, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    ends: list[tuple[float, str, str]] = []
    for number, (series, (colour, line, marker, _)) in enumerate(zip(chart.series, STYLES, strict=False)):
        values = [float("nan") if each is None else each for each in series.values]
        # Each is thinner than the one below it, so that two lines in one place are seen as two.
        width, size = (3.4, 8.5) if number == 0 else (1.6, 4.5)
        axes.plot(
            places, values, color=colour, linestyle=line, marker=marker, markersize=size, linewidth=width, zorder=3
        )
        last = next((each for each in reversed(series.values) if each is not None), None)
        if last is not None:
            ends.append((last, series.name, colour))
    _scale(axes, chart)
    _beside(axes, ends, len(places) - 1)
    hidden = [place for place in places if any(series.values[place] is None for series in chart.series)]
    _mark_hidden(axes, chart, hidden)
    _name_places(axes, chart)


def _beside(axes: Axes, ends: Sequence[tuple[float, str, str]], last: int) -> None:
    """Each series' name at the end of its line, none on another."""
    low, high = axes.get_ylim()
    step = (high - low) * 0.085
    at = low - step
    for value, name, colour in sorted(ends):
        at = max(value, at + step)
        axes.annotate(
            name,
            (last, at),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )


def _bars(axes: Axes, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    below = [0.0] * len(places)
    for series, (colour, _, _, hatch) in zip(chart.series, STYLES, strict=False):
        heights = [each or 0.0 for each in series.values]
        # Filled in white behind the hatching: its lines, and not a shade, are what tells it apart.
        fill = colour if not hatch else PAPER
        axes.bar(
            places,
            heights,
            bottom=below,
            width=0.72,
            facecolor=fill,
            edgecolor=colour,
            hatch=hatch,
            linewidth=1.2,
            label=series.name,
            zorder=3,
        )
        below = [one + other for one, other in zip(below, heights, strict=True)]
    _scale(axes, chart)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, labelcolor=INK, reverse=True, handleheight=1.6
    )
    hidden = [place for place in places if any(series.values[place] is None for series in chart.series)]
    _mark_hidden(axes, chart, hidden)
    _name_places(axes, chart)


def _steps(axes: Axes, chart: Chart) -> None:
    values = chart.series[0].values
    places = list(range(len(values)))[::-1]
    for place, value, (colour, _, _, hatch) in zip(places, values, STYLES, strict=False):
        fill = colour if not hatch else PAPER
        axes.barh(place, value or 0.0, height=0.62, facecolor=fill, edgecolor=colour, hatch=hatch, linewidth=1.2)
        said = chart.unsaid if value is None else _number(chart, value)
        axes.annotate(said, (value or 0.0, place), xytext=(6, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(places, list(chart.labels))
    axes.set_xlim(0, max([each or 0 for each in values] + [1]) * 1.15)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])


def _mark_hidden(axes: Axes, chart: Chart, hidden: Sequence[int]) -> None:
    """Say where a value may not be told, so that a gap is not taken for nothing."""
    for place in hidden:
        axes.annotate(
            chart.unsaid,
            (place, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=8,
            color=INK,
            zorder=5,
        )


def _scale(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    top = max([each for series in chart.series for each in series.values if each is not None], default=0.0)
    if chart.kind == "bars":
        top = max(axes.get_ylim()[1], 1.0)
    axes.set_ylim(0, 1 if chart.percent and top <= 1 else max(top * 1.12, 1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=not chart.percent))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(chart, value)))
    axes.grid(axis="y", color="#d0d0d0", linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)


def _name_places(axes: Axes, chart: Chart) -> None:
    every = -(-len(chart.labels) // MOST_LABELS)
    # Counted from the end, so that the last one is always named.
    shown = list(range(len(chart.labels) - 1, -1, -every))[::-1]
    axes.set_xticks(shown, [chart.labels[place] for place in shown], rotation=30, ha="right", rotation_mode="anchor")


def _number(chart: Chart, value: float) -> str:
    text = f"{value * 100:.0f} %" if chart.percent else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return text.replace(",", "\u202f").replace(".", ",") if chart.decimal_comma else text
