"""Items written as YAML read back to the same items, whatever they hold."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.calendar import APPROVED, DRAFT, Anchor, Audience, Item, Missed, OnHolidays, When
from bot.core.refs import Language
from bot.core.span import Span
from bot.files import parse_yaml
from bot.settings import starter_folder
from bot.timetable import Schedules, files_of
from bot.timetable.items import read_items

EXAMPLE = Item(id="a", when=When(), to=("#general",), words={"en": "Hi", "fr": "Salut"})

TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DAYS = st.dates(date(1990, 1, 1), date(2200, 1, 1))
ONCE = st.builds(datetime.combine, DAYS, TIMES).map(lambda moment: When(once=moment))
LAUNCH = st.builds(
    lambda week, weekday, at, start: When(week=week, weekday=weekday, at=at, start=start),
    st.integers(1, 520),
    st.integers(0, 6),
    TIMES,
    st.none() | DAYS.map(lambda day: day - timedelta(days=day.weekday())),
)
MOMENTS = st.frozensets(st.builds(datetime.combine, DAYS, TIMES), max_size=3)
RULES = st.builds(
    lambda rule, at, start, until, excluded, moments, also: When(
        rrule=rule, at=at, start=start, until=until, excluded=excluded, excluded_moments=moments, also=also
    ),
    st.sampled_from(["FREQ=WEEKLY;BYDAY=MO", "FREQ=MONTHLY;BYDAY=-1FR", "RRULE:FREQ=DAILY;INTERVAL=3", "FREQ=YEARLY"]),
    TIMES,
    st.none() | DAYS,
    st.none() | DAYS,
    st.frozensets(DAYS, max_size=4),
    MOMENTS,
    MOMENTS,
)
IDS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,79}", fullmatch=True)
FORWARDS = st.builds(Span, months=st.integers(0, 500), days=st.integers(0, 12_000), minutes=st.integers(0, 90_000))
EVENT = st.builds(
    lambda event, offset, back, at: When(
        event=event, offset=-offset if back else offset, at=None if offset.minutes else at
    ),
    IDS.filter(lambda name: name not in ("arrival", "arrivee", "joining", "probation", "essai")),
    FORWARDS,
    st.booleans(),
    st.none() | TIMES,
)
PERSONAL = st.builds(
    lambda anchor, months, days, back, at: When(
        relative_to=anchor,
        offset=-Span(months, days) if back and anchor is not Anchor.ARRIVAL else Span(months, days),
        at=at,
    ),
    st.sampled_from(Anchor),
    st.integers(0, 500),
    st.integers(0, 9_000),
    st.booleans(),
    TIMES,
)
# Whatever a person, a feed or a model may write, with what YAML takes for something else more often than chance would.
TEXTS = (
    st.text(min_size=1)
    | st.text("ab:#-*&!%@`'\"|>{}[],?\n\t \\éœ🎉\u2028\x85\x00", min_size=1)
    | st.sampled_from(["on", "yes", "null", "~", "12:30", "010", "1e3", "2027-01-04", "- a", "a: b", "*a", "---", "=a"])
)
WORDS = TEXTS.map(str.strip).filter(bool)
PLACES = st.from_regex(r"(#|tag:)[^\s\x00-\x1f\x85\u2028\u2029]{1,20}", fullmatch=True).filter(
    lambda place: place == place.strip() and len(place.split()) == 1
)
AUDIENCES = st.sampled_from([each.value for each in Audience if each is not Audience.PERSON])


def made(page: str, words: dict[Language, str], when: When, to: list[str], **fields: Any) -> Item:
    places = ("@person",) if when.relative_to is not None else tuple(to)
    return Item(page=page, words={} if page else words, when=when, to=places, **fields)


ITEMS = st.builds(
    made,
    id=IDS,
    when=ONCE | LAUNCH | RULES | EVENT | PERSONAL,
    to=st.lists(PLACES | AUDIENCES, min_size=1, max_size=4, unique=True),
    holidays=st.sampled_from(OnHolidays),
    state=st.sampled_from([DRAFT, APPROVED]),
    page=st.sampled_from(["", "", "launch-01-hello", "2027", "on", "deep/er"]),
    words=st.dictionaries(st.sampled_from(["en", "fr"]), WORDS, min_size=1),
    zone=st.sampled_from(["", "Europe/Paris", "Asia/Kolkata"]),
    owner=WORDS,
    missed=st.sampled_from(Missed),
    grace=st.timedeltas(timedelta(), timedelta(days=400)),
)


def same(item: Item) -> Item:
    """The item without where it stands and how it was said."""
    return dataclasses.replace(item, file="", line=0, said="")


def read_back(text: str) -> list[Item]:
    found = read_items(parse_yaml(text, "export.yaml"))
    assert [str(problem) for problem in found.problems] == []
    return [same(item) for item in found.items]


@settings(max_examples=150, deadline=None)
@given(ITEMS)
def test_any_item_reads_back_as_it_was(item: Item) -> None:
    (text,) = files_of([item])
    assert read_back(text) == [item]


@settings(max_examples=25, deadline=None)
@given(st.lists(ITEMS, max_size=6, unique_by=lambda item: item.id))
def test_many_items_read_back_from_as_many_files_as_they_need(items: list[Item]) -> None:
    found = [item for text in files_of(items) for item in read_back(text)]
    assert sorted(found, key=lambda item: item.id) == sorted(items, key=lambda item: item.id)


def test_the_starter_calendar_is_written_in_its_own_plain_words(tmp_path: Path) -> None:
    schedules = Schedules(starter_folder("schedules"), {})
    schedules.load()
    items = schedules.items()
    (text,) = files_of(items, "Exported.\nTwice.")
    assert text.startswith("# Exported.\n# Twice.\nitems:\n")
    assert "every: thursday 11:00" in text
    again = read_items(parse_yaml(text, "export.yaml")).items
    assert [(same(item), item.said) for item in again] == [(same(item), item.said) for item in items]


@pytest.mark.parametrize("said", ["every: tuesday 09:30", "every: whenever", "rrule: FREQ=DAILY, at: 09:30"])
def test_a_plain_form_that_says_something_else_is_not_written(said: str) -> None:
    item = dataclasses.replace(EXAMPLE, when=When(rrule="FREQ=WEEKLY;BYDAY=MO", at=time(9, 30)), said=said)
    (text,) = files_of([item])
    assert "every" not in text
    assert read_back(text) == [same(item)]


def test_every_field_of_an_item_is_written_or_known_to_say_where_it_stands() -> None:
    """A field added to Item or When has to be thought of in the writer too."""
    assert {each.name for each in dataclasses.fields(Item)} == {
        *("id", "when", "to", "page", "words", "zone", "owner", "missed", "grace", "holidays", "state"),
        *("file", "line", "said"),
    }
    assert {each.name for each in dataclasses.fields(When)} == {
        *("once", "rrule", "start", "at", "until", "excluded", "excluded_moments", "also"),
        *("week", "weekday", "relative_to", "event", "offset"),
    }
