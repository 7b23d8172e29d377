"""A report in words and charts, in the language of whoever reads it: for messages and for pages alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from bot.core.charts import Chart, Series
from bot.core.definitions import Unit, by_name
from bot.core.goals import Goal, Progress, Standing
from bot.core.message import Markup, join_lines
from bot.core.metrics import Effect, Figure, Gain, Report, Week
from bot.core.periods import Period
from bot.core.refs import Language
from bot.core.reports import Bulletin

Words = Callable[..., Markup]
"""``words(language, key, **values)``: the bot's words of content/messages."""

FOR_ANIMATORS = (
    "active_week",
    "posting_week",
    "messages",
    "answered_share",
    "first_response_median",
    "newcomers",
    "newcomers_activated_share",
    "cross_team_share",
    "faq_found_share",
)
FOR_SPONSORS = (
    "active_28_days",
    "posting_28_days",
    "messages",
    "answered_share",
    "newcomers_activated_share",
    "cross_team_share",
    "managers_posting_share",
)
"""The measures that a message tells; the page has all of them."""
MOST_SILENT = 8
MOST_EFFECTS = 4


class Wording:
    """Says a bulletin in one language."""

    def __init__(self, words: Words, language: Language, bulletin: Bulletin) -> None:
        self._words = words
        self.language = language
        self.bulletin = bulletin
        self.threshold = bulletin.now.threshold

    def words(self, key: str, **values: object) -> Markup:
        return self._words(self.language, key, **values)

    # Numbers and days

    def number(self, value: float, decimals: int = 0) -> str:
        text = f"{value:,.{decimals}f}"
        return text.replace(",", "\u202f").replace(".", ",") if self.language == "fr" else text

    def amount(self, measure: str, value: float) -> Markup:
        """A value of the measure with its unit."""
        unit = by_name()[measure].unit
        if unit is Unit.SHARE:
            return self.words("signals.percent", number=self.number(value * 100))
        if unit is Unit.SECONDS:
            for key, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
                if value >= length or key == "minutes":
                    return self.words(f"signals.{key}", number=self.number(value / length, _decimals(value / length)))
        return Markup(self.number(value, _decimals(value) if unit is Unit.RATIO else 0))

    def figure(self, figure: Figure) -> Markup:
        """A figure, or why it is not told."""
        if figure.value is None:
            return self.words(f"signals.why_{figure.why}", threshold=self.threshold)
        return self.amount(figure.name, figure.value)

    def people(self, number: int | None) -> Markup:
        """A count of a week."""
        return self.words("reports.unsaid", threshold=self.threshold) if number is None else Markup(self.number(number))

    def day(self, day: date) -> Markup:
        number = self.words("time.first") if day.day == 1 else Markup(day.day)
        return self.words("reports.day", number=number, month=self.words(f"time.month_{day.month}"))

    def whole_day(self, day: date) -> Markup:
        return Markup(f"{self.day(day)} {day.year}")

    def title(self, period: Period) -> Markup:
        values = {"first": self.day(period.first), "last": self.whole_day(period.until)}
        if period.kind == "week":
            return self.words("reports.title_week", number=period.name[-2:].lstrip("0"), **values)
        year, month = period.name.split("-")
        name = self.words(f"time.month_{int(month)}")
        return self.words("reports.title_month", month=Markup(name[:1].upper() + name[1:]), year=year, **values)

    # The message

    def message(self, audience: str) -> Markup:
        """``animator`` or ``sponsor``: what each of them needs to know, in a few lines."""
        found, animator = self.bulletin, audience == "animator"
        lines: list[str] = [self.words(f"reports.head_{audience}", title=self.title(found.period)), ""]
        if not found.period.whole:
            lines += [self.words("reports.going_on", last=self.whole_day(found.period.until)), ""]
        lines += [f"- {self.line(name)}" for name in (FOR_ANIMATORS if animator else FOR_SPONSORS)]
        if found.goals:
            lines += ["", self.words("reports.goals_head"), "", *(f"- {self.goal(each)}" for each in found.goals)]
        if animator and any(each.standing is Standing.BEHIND for each in found.goals):
            lines += ["", self.words("reports.behind_advice")]
        effects = self.clear_effects()
        if animator or effects:
            lines += ["", self.words("reports.effects_head"), ""]
            lines += [f"- {each}" for each in effects[:MOST_EFFECTS]] or [self.words("reports.no_effect")]
        if animator and found.now.silent:
            lines += ["", self.words("reports.silent_head", channels=self._silent())]
        lines += ["", self.words("reports.privacy", threshold=self.threshold)]
        return join_lines(lines)

    def line(self, name: str) -> Markup:
        """A measure with what it was before; without where both are as of the same day, or it was not told."""
        title, now = self.words(f"metrics.{name}"), self.bulletin.now.figures[name]
        return self.words("reports.line", title=title, value=self.figure(now), change=self._change(name))

    def _change(self, name: str) -> Markup:
        now, before = self.bulletin.now.figures[name], self.bulletin.before.figures[name]
        if before.value is None or (before.value == now.value and (before.as_of == now.as_of or not now.value)):
            return Markup("")
        return self.words(f"reports.change_{self.bulletin.period.kind}", before=self.figure(before))

    def goal(self, progress: Progress) -> Markup:
        """Where a goal should be by now and where it is, for people who never saw a chart."""
        goal = progress.goal
        values = {
            "name": goal.said_name(self.language),
            "standing": self.words(f"reports.standing_{progress.standing.value}"),
            "start": self.amount(goal.measure, goal.start),
            "target": self.amount(goal.measure, goal.target),
            "by": self.whole_day(goal.by),
        }
        if progress.value is None:
            return self.words("reports.goal_hidden", **values)
        return self.words(
            "reports.goal",
            **values,
            value=self.amount(goal.measure, progress.value),
            expected=self.amount(goal.measure, progress.expected),
        )

    def clear_effects(self) -> list[Markup]:
        """Of the items whose posts brought more or less than usual without doubt, what that was."""
        return [self.effect(each) for each in self.bulletin.now.effects if each.evidence]

    def effect(self, effect: Effect) -> Markup:
        gains: Mapping[str, Gain | None] = {
            "replies": effect.replies,
            "people": effect.people,
            "reactions": effect.reactions,
        }
        said = [
            self.words(
                f"reports.gain_{name}",
                more=self._signed(gain.more),
                low=self._signed(gain.low),
                high=self._signed(gain.high),
            )
            for name, gain in gains.items()
            if gain is not None and gain.clear
        ]
        what = Markup(", ".join(said)) if said else self.words("signals.no_evidence")
        return self.words("reports.effect", item=effect.item, count=effect.posts, what=what)

    def _signed(self, value: float) -> Markup:
        return Markup(("+" if value >= 0 else "−") + self.number(abs(value), 1))

    def silent(self) -> list[Markup]:
        """Each silent channel with the month of its last message."""
        return [
            self.words("signals.silent_channel", name=each.channel, month=each.since)
            if each.since
            else self.words("signals.never_spoken", name=each.channel)
            for each in self.bulletin.now.silent
        ]

    def _silent(self) -> Markup:
        names = self.silent()
        shown: list[str] = list(names[:MOST_SILENT])
        if len(names) > MOST_SILENT:
            shown.append(self.words("reports.silent_more", count=len(names) - MOST_SILENT))
        return Markup(", ".join(shown))

    def head(self, name: str) -> tuple[str, str, str]:
        """A measure's title, value, and what it was before: as plain text, for a page."""
        now = self.bulletin.now.figures[name]
        return plain(self.words(f"metrics.{name}")), plain(self.figure(now)), plain(self._change(name)).strip(" ()")

    # The charts

    def charts(self) -> list[Chart]:
        """Who takes part each week, what is said, and how people take part; none of nothing at all."""
        weeks = self.bulletin.trend.weeks
        charts = [
            self._weekly(
                "lines", "people", weeks, {"active": [w.active for w in weeks], "writing": [w.posting for w in weeks]}
            ),
            self._weekly(
                "bars", "messages", weeks, {"posts": [w.posts for w in weeks], "replies": [w.replies for w in weeks]}
            ),
            self._ladder(self.bulletin.now),
        ]
        return [each for each in charts if any(value != 0 for series in each.series for value in series.values)]

    def _weekly(
        self, kind: str, name: str, weeks: Sequence[Week], columns: Mapping[str, Sequence[int | None]]
    ) -> Chart:
        labels = tuple(plain(self.day(week.monday)) for week in weeks)
        series = tuple(
            Series(
                plain(self.words(f"reports.chart_{key}")),
                tuple(None if each is None else float(each) for each in values),
            )
            for key, values in columns.items()
        )
        return self._chart("lines" if kind == "lines" else "bars", name, labels, series)

    def _ladder(self, report: Report) -> Chart:
        names = ("readers", "reactors", "contributors", "animators")
        labels = tuple(plain(self.words(f"reports.chart_{name}")) for name in names)
        return self._chart("steps", "ladder", labels, (Series("", tuple(report.value(name) for name in names)),))

    def _chart(self, kind: str, name: str, labels: tuple[str, ...], series: tuple[Series, ...]) -> Chart:
        title = plain(self.words(f"reports.chart_{name}"))
        return Chart(
            kind="lines" if kind == "lines" else "bars" if kind == "bars" else "steps",
            name=name,
            title=title,
            alt=self._alt(title, labels, series),
            labels=labels,
            series=series,
            unsaid=plain(self.words("reports.short_unsaid", threshold=self.threshold)),
            decimal_comma=self.language == "fr",
        )

    def _alt(self, title: str, labels: Sequence[str], series: Sequence[Series]) -> str:
        """All values in plain words: nobody who cannot see the chart knows less."""
        parts = []
        for place, label in enumerate(labels):
            values = ", ".join(
                plain(
                    self.words("reports.alt_value", name=each.name, value=self._alt_number(each.values[place]))
                ).strip()
                for each in series
            )
            parts.append(plain(self.words("reports.alt_part", label=label, values=Markup(values))))
        return f"{title}. {self.words('reports.alt_between').join(parts)}."

    def _alt_number(self, value: float | None) -> Markup:
        if value is None:
            return self.words("reports.unsaid", threshold=self.threshold)
        return Markup(self.number(value))


def meant_for(goals: Sequence[Goal], name: str) -> list[Goal]:
    """The goals that a sponsor of this name or id (without @) answers for."""
    return [goal for goal in goals if goal.sponsor.removeprefix("@").casefold() == name.casefold()]


def _decimals(value: float) -> int:
    return 0 if value == int(value) else 1


def plain(text: str) -> str:
    """Markdown of ours as text: its escapes gone."""
    return re.sub(r"\\(.)", r"\1", text)
