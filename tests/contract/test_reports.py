"""Reports as pages, tables and data; the goals in files; the charts: what other programs and people may rely on."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.charts import Chart, Series
from bot.core.definitions import by_name
from bot.core.errors import BadContent, BadInput
from bot.core.goals import Goal, GoalRules, Standing, expected, progress
from bot.core.metrics import Figure
from bot.core.periods import month_of, read_period, week_of
from bot.core.refs import LANGUAGES, Language, MemberRef
from bot.core.reports import Bulletin, gather
from bot.core.reportwords import Wording
from bot.core.signals import THRESHOLD, Signal, What
from bot.files import parse_yaml
from bot.library import ContentLibrary
from bot.signals import ChartPainter, report_csv, report_json, report_page
from bot.signals.pages import neutral
from bot.signals.painting import PAPER, STYLES
from bot.store import Store
from bot.timetable.goals import misplaced, read_goals
from tests.contract.store_house import ACME, GENERAL, SECRET, at_home

TODAY = date(2026, 11, 23)
GOAL = Goal(
    id="habit",
    name={"en": "More people =1+1", "fr": "Plus de monde <b>"},
    measure="active_28_days",
    start=0,
    target=20,
    since=date(2026, 11, 1),
    by=date(2026, 12, 20),
)


# Periods


def test_the_last_whole_week_and_month() -> None:
    assert read_period("week", TODAY).name == "2026-W47"
    month = read_period("mois", TODAY)
    assert (month.name, month.first, month.until, month.weeks) == ("2026-10", date(2026, 9, 28), date(2026, 10, 25), 4)
    assert not read_period("2026-11", TODAY).whole
    for wrong in ("yesterday", "2026-13", "2026-W54", "2027-01", "2026-11-23", "0000-01"):
        with pytest.raises(BadInput):
            read_period(wrong, TODAY)


@given(day=st.dates(date(2001, 1, 8), date(2090, 1, 1)))
def test_every_week_is_in_one_month_and_what_was_before_ends_where_it_begins(day: date) -> None:
    far = date(2099, 1, 1)
    week = week_of(day, far)
    months = [
        month_of(each.year, each.month, far)
        for each in {day, week.until, (week.until.replace(day=1) - timedelta(days=1)).replace(day=1)}
    ]
    assert len({m.name for m in months if m.first <= week.first and week.until <= m.until}) == 1
    for period in (week, *months):
        assert period.before.until + timedelta(days=1) == period.first
        assert (period.until - period.first).days == period.weeks * 7 - 1


# Goals


@given(day=st.dates(date(2026, 10, 1), date(2027, 2, 1)), value=st.integers(0, 60))
def test_a_goal_stands_where_its_way_says(day: date, value: int) -> None:
    found = progress(GOAL, Figure("active_28_days", value, day), day)
    assert GOAL.start <= found.expected <= GOAL.target
    if day < GOAL.since:
        assert found.standing is Standing.NOT_BEGUN
    elif value >= GOAL.target:
        assert found.standing is Standing.REACHED
    elif day >= GOAL.by:
        assert found.standing is Standing.MISSED
    else:
        short = expected(GOAL, day) - value
        assert (found.standing is Standing.BEHIND) == (short > 2 + 1e-9)


def test_a_goal_may_lead_downwards() -> None:
    goal = Goal(
        id="quick",
        name=GOAL.name,
        measure="first_response_median",
        start=7200,
        target=1800,
        since=date(2026, 11, 1),
        by=date(2026, 12, 1),
    )
    assert progress(goal, Figure("", 1800, TODAY), TODAY).standing is Standing.REACHED
    assert progress(goal, Figure("", 7200, TODAY), TODAY).standing is Standing.BEHIND
    assert progress(goal, Figure("", None, TODAY, "few"), TODAY).standing is Standing.HIDDEN


WRITTEN = {
    "id": "habit",
    "name": "{en: More people, fr: Plus de monde}",
    "measure": "active_28_days",
    "from": "40",
    "to": "120",
    "since": "2026-12-01",
    "by": "2027-05-31",
}


def written(**changes: str | None) -> str:
    values = {name: value for name, value in {**WRITTEN, **changes}.items() if value is not None}
    return "goals:\n" + "\n".join(f"  {'- ' if not n else '  '}{k}: {v}" for n, (k, v) in enumerate(values.items()))


def test_a_goal_is_read_as_it_is_written() -> None:
    text = written(measure="answered_share", **{"from": "12,5 %", "to": "0.6"}, channel='"#help"')
    [goal] = read_goals(parse_yaml(text, "goals.yaml"), "goals").goals
    assert (goal.start, goal.target, goal.channel, goal.by) == (0.125, 0.6, "#help", date(2027, 5, 31))
    quick = written(measure="first_response_90", **{"from": "2 days", "to": "4h"})
    [goal] = read_goals(parse_yaml(quick, "goals.yaml"), "goals").goals
    assert (goal.start, goal.target) == (172800, 14400)
    assert read_goals(parse_yaml("goals: []", "goals.yaml"), "goals") == GoalRules()


@pytest.mark.parametrize(
    ("changes", "line", "reason", "mend"),
    [
        ({"measure": "activ_28_days"}, 4, "is not known", "did you mean “active_28_days”?"),
        ({"measure": "managers_posting"}, 4, "may not be shown", "managers_posting_share"),
        ({"from": "3"}, 5, "fewer than 5 people", "5 or more"),
        ({"to": "4", "from": "40"}, 6, "fewer than 5 people", "5 or more"),
        ({"to": "40"}, 6, "no way to go", ""),
        ({"to": "lots"}, 6, "no figure", "a number"),
        ({"measure": "answered_share"}, 5, "cannot be reached", "40 %"),
        ({"by": "2026-11-30"}, 8, "not after", "after 2026-12-01"),
        ({"by": "soon"}, 8, "not a date", ""),
        ({"since": None}, 2, "“since” is missing", "2026-11-30"),
        ({"name": "More people"}, 3, "both languages", "fr:"),
        ({"chanel": "general"}, 9, "“chanel” is not known", "channel"),
        ({"tag": "social"}, 4, "cannot be added up", "messages"),
        ({"measure": "silent_channels", "channel": "general"}, 4, "whole community", "leave out"),
        ({"channel": "general", "tag": "social"}, 10, "not both", "keep one"),
    ],
)
def test_what_is_wrong_with_a_goal_is_told_with_its_line_and_how_to_mend_it(
    changes: dict[str, str | None], line: int, reason: str, mend: str
) -> None:
    with pytest.raises(BadContent) as caught:
        read_goals(parse_yaml(written(**changes), "goals.yaml"), "goals")
    problems = caught.value.problems
    assert any(each.line == line and reason in each.reason and mend in each.mend for each in problems), problems


def test_a_goal_for_a_place_or_campaign_that_is_not_there_is_told() -> None:
    text = written(channel="genral", campaign="lunch-")
    rules = read_goals(parse_yaml(text, "goals.yaml"), "goals")
    found = list(misplaced(rules, {"general"}, {"social"}, ["launch-01-hello"]))
    assert (found[0].line, found[0].mend) == (2, "did you mean “general”?")
    assert "lunch-" in found[1].reason


# The charts


def brightness(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_is_read_on_paper_and_no_two_series_look_alike_without_colours() -> None:
    for colour, *_ in STYLES:
        assert (brightness(PAPER) + 0.05) / (brightness(colour) + 0.05) >= 4.5
    for place in (1, 2, 3):  # Line, marker, hatching: each alone tells every series from every other.
        assert len({style[place] for style in STYLES}) == len(STYLES)


async def test_a_chart_is_a_png_that_says_in_words_what_it_shows() -> None:
    chart = Chart(
        kind="lines",
        name="people",
        title="People",
        alt="People. 1: 7; 2: fewer than 5.",
        labels=("1", "2"),
        series=(Series("active", (7.0, None)),),
        unsaid="< 5",
    )
    [image] = await ChartPainter().paint([chart])
    assert (image.alt, image.name) == (chart.alt, "people.png")
    assert "iVBOR" not in repr(image)
    [again] = await ChartPainter().paint([chart])
    assert image == again


# As data, table and page


@pytest.fixture
async def bulletin(tmp_path: Path) -> AsyncIterator[Bulletin]:
    """Nine people wrote in each of the last four weeks; somebody called like a formula."""
    store = await Store.open("sqlite://", secret=SECRET)
    try:
        await at_home(store)
        await store.record_signals(list(life()))
        yield await gather(store.metrics, store.channels, ACME, read_period("week", TODAY), [GOAL], threshold=THRESHOLD)
    finally:
        await store.close()


def life() -> Iterator[Signal]:
    for week, number in itertools.product(range(1, 5), range(9)):
        at = datetime(2026, 11, 20, 9, tzinfo=UTC) - timedelta(weeks=week - 1, minutes=number)
        name, member = f"{week}/{number}", MemberRef(ACME, f"P{number}")
        common = {"workspace": ACME, "member": member, "channel": GENERAL}
        yield Signal(source=name, at=at, what=What.POSTED, **common)  # type: ignore[arg-type]
        yield Signal(source=f"{name}/join", at=at, what=What.JOINED, **common)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def library() -> ContentLibrary:
    loaded = ContentLibrary(Path("content"))
    loaded.load()
    return loaded


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every path of a JSON, the names of measures and months left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = "<measure>" if key in by_name() and at.endswith("figures") else key
            name = "<month>" if re.fullmatch(r"\d{4}-\d{2}", name) else name
            yield from paths(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        yield f"{at}[]"
        for inner in value:
            yield from paths(inner, f"{at}[]")
    else:
        yield at


def test_the_data_is_all_there_and_described(bulletin: Bulletin) -> None:
    data = json.loads(json.dumps(report_json(bulletin)))
    page = Path("docs/report-json.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    for part in ("now", "before"):
        assert set(data[part]["figures"]) == set(by_name())
    found = {path.replace("before.", "now.", 1) if path.startswith("before.") else path for path in paths(data)}
    # What has no rows in this short life is described all the same.
    none_here = {path for path in described if path.startswith("now.effects[].")}
    lists = {f"{part}[]" for part in ("now.effects", "now.silent", "now.silent_channels", "now.retention", "now.weeks")}
    assert found - lists - {"trend[]", "goals[]"} == described - none_here


def test_another_program_can_check_the_figures(bulletin: Bulletin) -> None:
    data = report_json(bulletin)
    assert data["now"]["figures"]["active_week"] == {"value": 9, "as_of": "2026-11-22", "why": ""}
    assert data["now"]["totals"]["messages"] == sum(week["messages"] for week in data["now"]["weeks"]) == 9
    [goal] = data["goals"]
    assert goal["value"] == data["now"]["figures"]["active_28_days"]["value"]
    days = (date.fromisoformat(goal["by"]) - date.fromisoformat(goal["since"])).days
    done = (date.fromisoformat(goal["day"]) - date.fromisoformat(goal["since"])).days
    assert goal["expected"] == pytest.approx(goal["from"] + (goal["to"] - goal["from"]) * done / days, abs=1e-5)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_holds_the_same_figures_and_no_formula(
    bulletin: Bulletin, library: ContentLibrary, language: Language
) -> None:
    rows = list(csv.DictReader(io.StringIO(report_csv(Wording(library.words, language, bulletin)))))
    figures = {row["name"]: row for row in rows if row["part"] == "figure"}
    for name, figure in bulletin.now.figures.items():
        assert figures[name]["value"] == "" if figure.value is None else float(figures[name]["value"]) == figure.value
        assert figures[name]["why"] == figure.why
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@" and cell]


@given(text=st.text(min_size=1))
def test_no_text_begins_a_formula(text: str) -> None:
    assert str(neutral(text))[0] not in "=+-@\t\r\n"
    assert neutral(-1.5) == -1.5


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_page_needs_nothing_from_outside_and_escapes_what_people_named(
    bulletin: Bulletin, library: ContentLibrary, language: Language
) -> None:
    wording = Wording(library.words, language, bulletin)
    page = report_page(wording, ())
    assert f'<html lang="{language}">' in page
    assert "<b>" not in page
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert all(each.startswith("data:") for each in addresses)
    assert "default-src 'none'" in page
    assert "<script" not in page
    for name in ("messages", "posts"):
        assert str(library.words(language, f"metrics.{name}")).replace("\\", "")[:12] in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sponsor_reads_of_no_channel(bulletin: Bulletin, library: ContentLibrary, language: Language) -> None:
    wording = Wording(library.words, language, bulletin)
    assert bulletin.now.silent
    assert bulletin.now.silent[0].channel in wording.message("animator")
    assert bulletin.now.silent[0].channel not in wording.message("sponsor")
