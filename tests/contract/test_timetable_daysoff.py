"""Days that are not worked: public holidays by country and region, and what becomes of an item on one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import holidays
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.calendar import Anchor, Item, OnHolidays, When
from bot.core.community import Channel, Hours, Member
from bot.core.errors import BadInput
from bot.core.policy import PolicyRules, is_worked
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.span import Span
from bot.timetable import Schedules
from bot.timetable.moments import moment_for, moments
from bot.timetable.places import Places
from bot.timetable.publicholidays import check_place

WORKSPACE = WorkspaceRef("playground", "acme")
SINCE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@cache
def place(country: str, region: str, working_days: tuple[int, ...] = (0, 1, 2, 3, 4)) -> PolicyRules:
    closed = (date(2027, 8, 2), date(2027, 8, 3), date(2027, 8, 4))
    return Places(PolicyRules(country=country, region=region, working_days=working_days, holidays=closed), {}).at("")


def an_item(when: When, on: OnHolidays = OnHolidays.AFTER) -> Item:
    return Item(id="one", when=when, to=("#general",), words={}, holidays=on)


def some(item: Item, rules: PolicyRules, since: datetime, until: datetime) -> list[datetime]:
    found = []
    for moment in moments(item, rules, since, SINCE, {}):
        if moment >= until:
            break
        found.append(moment)
    return found


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text + "+02:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (OnHolidays.SEND, ["2027-07-07", "2027-07-14", "2027-07-21"]),
        (OnHolidays.SKIP, ["2027-07-07", "2027-07-21"]),
        (OnHolidays.BEFORE, ["2027-07-07", "2027-07-13", "2027-07-21"]),
        (OnHolidays.AFTER, ["2027-07-07", "2027-07-15", "2027-07-21"]),
    ],
)
def test_a_wednesday_that_is_bastille_day(on: OnHolidays, expected: list[str]) -> None:
    item = an_item(When(rrule="FREQ=WEEKLY;BYDAY=WE", at=time(10)), on)
    found = some(item, place("FR", ""), paris("2027-07-05T00:00"), paris("2027-07-25T00:00"))
    assert found == [paris(f"{day}T10:00") for day in expected]


def test_what_is_moved_onto_another_of_the_same_item_is_one_with_it() -> None:
    daily = an_item(When(rrule="FREQ=DAILY", at=time(9)))
    found = some(daily, place("FR", ""), paris("2027-07-13T00:00"), paris("2027-07-20T00:00"))
    assert [moment.day for moment in found] == [13, 15, 16, 19]


def test_a_moved_post_is_found_from_the_middle_of_the_days_off() -> None:
    """On the Tuesday after a closed Friday to Monday, the Friday's post is still to come."""
    rules = PolicyRules(holidays=(date(2027, 5, 14), date(2027, 5, 17)))
    item = an_item(When(rrule="FREQ=WEEKLY;BYDAY=FR", at=time(11)))
    assert next(moments(item, rules, paris("2027-05-18T08:00"), SINCE, {})) == paris("2027-05-18T11:00")


def test_a_day_of_the_week_that_the_item_names_is_its_own() -> None:
    saturdays = an_item(When(rrule="FREQ=WEEKLY;BYDAY=SA", at=time(10)))
    found = some(saturdays, place("FR", ""), paris("2027-05-01T00:00"), paris("2027-05-15T00:00"))
    # 1 and 8 May are holidays besides: then the next day on which the item may go out is a Monday.
    assert [moment.day for moment in found] == [3, 10]
    the_15th = an_item(When(rrule="FREQ=MONTHLY;BYMONTHDAY=15", at=time(10)))
    found = some(the_15th, place("FR", ""), paris("2027-05-01T00:00"), paris("2027-08-31T00:00"))
    assert [(moment.month, moment.day) for moment in found] == [(5, 18), (6, 15), (7, 15), (8, 16)]


def test_where_nobody_ever_works_a_post_stays_on_its_day() -> None:
    rules = PolicyRules(holidays=tuple(date(2027, 1, 1) + DAY * n for n in range(800)))
    item = an_item(When(once=datetime(2027, 6, 1, 10)))  # noqa: DTZ001  # Local by meaning.
    assert list(moments(item, rules, SINCE, SINCE, {})) == [paris("2027-06-01T10:00")]


@st.composite
def whens(draw: st.DrawFn) -> When:
    rule = draw(
        st.sampled_from(
            [
                "FREQ=DAILY",
                "FREQ=DAILY;INTERVAL=3",
                "FREQ=HOURLY;INTERVAL=5",
                "FREQ=WEEKLY;BYDAY=MO,SA",
                "FREQ=WEEKLY;BYDAY=FR",
                "FREQ=MONTHLY;BYMONTHDAY=1",
                "FREQ=MONTHLY;BYMONTHDAY=-1",
                "FREQ=DAILY;BYHOUR=8,17",
            ]
        )
    )
    at = time(draw(st.integers(0, 23)), draw(st.sampled_from([0, 30])))
    return When(rrule=rule, at=at, start=date(2026, 1, 5))


EARLY_ON_A_SATURDAY = (OnHolidays.AFTER, ("FR", ""), (0, 1, 2, 3, 4), 20)
"""Looked for from the Sunday on, what is due at one on the Saturday comes at one on the Monday."""


@settings(max_examples=80, deadline=None)
@example(When(rrule="FREQ=HOURLY;INTERVAL=5", at=time(0), start=date(2026, 1, 5)), *EARLY_ON_A_SATURDAY)
@given(
    whens(),
    st.sampled_from([OnHolidays.SKIP, OnHolidays.BEFORE, OnHolidays.AFTER]),
    st.sampled_from([("FR", ""), ("FR", "57"), ("DE", "BY"), ("JP", "")]),
    st.sampled_from([(0, 1, 2, 3, 4), (1,), (6, 0, 1, 2, 3)]),
    st.integers(0, 500),
)
def test_moved_moments_are_those_found_by_moving_each(
    when: When, on: OnHolidays, where: tuple[str, str], working_days: tuple[int, ...], days: int
) -> None:
    rules = place(*where, working_days)
    named = {"MO,SA": {0, 5}, "FR": {4}}.get(when.rrule.partition("BYDAY=")[2], set())
    official = holidays.country_holidays(where[0], subdiv=where[1] or None)

    def off(day: date) -> bool:
        return day in official or day in rules.holidays or day.weekday() not in {*working_days, *named}

    def moved(local: datetime) -> datetime | None:
        while off(local.date()):
            if on is OnHolidays.SKIP:
                return None
            local += DAY if on is OnHolidays.AFTER else -DAY
        return local

    since = SINCE + DAY * days
    until = since + DAY * 20
    zone = "Asia/Tokyo"  # Whose clock never changes: the moments are the local times less nine hours.
    still = [
        moment.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=9)
        for moment in some(an_item(when, OnHolidays.SEND), replaced(rules, zone), since - DAY * 40, until + DAY * 40)
    ]
    expected = {each for each in map(moved, still) if each is not None}
    expected_moments = sorted((each - timedelta(hours=9)).replace(tzinfo=UTC) for each in expected)
    assert some(an_item(when, on), replaced(rules, zone), since, until) == [
        each for each in expected_moments if since <= each < until
    ]


@cache
def replaced(rules: PolicyRules, zone: str) -> PolicyRules:
    return Places(rules, {}).at(zone)


# Countries and regions


@pytest.mark.parametrize(
    ("country", "region", "day", "name"),
    [
        ("FR", "", date(2027, 7, 14), "National Day"),
        ("FR", "", date(2027, 12, 26), ""),
        ("FR", "57", date(2027, 12, 26), "Saint Stephen's Day"),
        ("FR", "Moselle", date(2040, 12, 26), "Saint Stephen's Day"),
        ("DE", "BY", date(2027, 1, 6), "Epiphany"),
        ("DE", "BE", date(2027, 1, 6), ""),
        ("", "", date(2027, 12, 25), ""),
        ("FR", "", date(1492, 12, 25), ""),
    ],
)
def test_the_holidays_of_a_country_and_its_regions(country: str, region: str, day: date, name: str) -> None:
    check_place(country, region)
    assert place(country, region).holiday(day) == name
    assert is_worked(day, place(country, region)) == (not name and day.weekday() < 5)


@pytest.mark.parametrize(
    ("country", "region", "reason"),
    [
        ("FX", "", "no public holidays are known for the country “FX”: use a code such as “FR"),
        ("France", "", "no public holidays are known"),
        ("FR", "Mosele", "did you mean “Moselle”"),
        ("FR", "99", "not a region of FR"),
        ("SG", "X", "has no regions"),
        ("", "57", "needs “country”"),
    ],
)
def test_places_nobody_knows_are_refused_with_what_is_near(country: str, region: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check_place(country, region)


def test_a_country_that_a_new_version_no_longer_knows_has_no_holidays() -> None:
    """Somebody may have chosen it with an older one."""
    assert place("XX", "YY").holiday(date(2027, 12, 25)) == ""


def test_one_country_does_not_bring_the_other_249_into_memory() -> None:
    code = """
import sys
from datetime import date
from bot.timetable.publicholidays import KnownRules
assert "holidays" not in sys.modules
assert KnownRules(country="FR", region="57").holiday(date(2027, 12, 26))
print(sum(name.startswith("holidays.countries.") for name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 5


# Places with rules of their own

POLICY = """
policy: {zone: Europe/Paris, country: FR, holidays: [2027-05-07]}
channels:
  munich: {zone: Europe/Berlin, country: DE, region: BY, quiet_from: "18:00", working_days: [monday, tuesday]}
  metz: {region: 57}
  general: {}
"""


@pytest.fixture
def schedules(tmp_path: Path) -> Schedules:
    (tmp_path / "a.yaml").write_text(POLICY, encoding="utf-8")
    schedules = Schedules(tmp_path, {"policy": PolicyRules})
    assert schedules.load() == ()
    return schedules


def channel(name: str, zone: str = "Europe/Paris") -> Channel:
    return Channel(ChannelRef(WORKSPACE, name), name, zone=zone)


def test_each_channel_has_the_policy_with_what_is_its_own(schedules: Schedules) -> None:
    munich, metz, general = (schedules.policy_for(channel(name)) for name in ("Munich", "metz", "general"))
    assert (munich.zone, munich.quiet_from, munich.quiet_to) == ("Europe/Berlin", time(18), time(8))
    assert (munich.working_days, munich.days, munich.whose_holidays) == ((0, 1), "DE-BY/01", "DE-BY")
    assert munich.holiday(date(2027, 10, 3)) == "German Unity Day"
    assert munich.holiday(date(2027, 5, 7))  # The organisation's own closing days hold everywhere.
    assert not munich.holiday(date(2027, 7, 14))
    assert metz.days == "FR-57"
    assert metz.holiday(date(2027, 12, 26))
    assert not general.holiday(date(2027, 12, 26))
    assert general == schedules.rules(PolicyRules)


def test_each_person_has_the_policy_with_what_they_chose(schedules: Schedules) -> None:
    hours = Hours(quiet_from=time(16), working_days=(0, 1, 3))
    part_time = Member(MemberRef(WORKSPACE, "u1"), "Ann", zone="America/Montreal", hours=hours)
    rules = schedules.policy_for(member=part_time)
    assert (rules.zone, rules.quiet_from, rules.working_days) == ("America/Montreal", time(16), (0, 1, 3))
    assert rules.days == "FR/013"
    nowhere = Member(MemberRef(WORKSPACE, "u2"), "Bob", zone="Mars/Base")
    assert schedules.policy_for(member=nowhere) == schedules.rules(PolicyRules)


def test_another_country_leaves_the_region_of_the_policy_behind() -> None:
    places = Places(PolicyRules(country="FR", region="57"), {})
    member = Member(MemberRef(WORKSPACE, "u1"), "Ann", zone="Europe/Berlin", hours=Hours(country="DE"))
    assert places.of(member=member).days == "DE"


def test_one_item_in_channels_of_two_countries_goes_out_on_each_ones_working_days(schedules: Schedules) -> None:
    item = an_item(When(rrule="FREQ=WEEKLY;BYDAY=WE", at=time(10)))
    (french, german) = (schedules.policy_for(channel("general")), schedules.policy_for(channel("munich")))
    assert schedules.next(item, paris("2027-07-12T00:00"), SINCE, french) == paris("2027-07-15T10:00")
    assert schedules.next(item, paris("2027-07-12T00:00"), SINCE, german) == paris("2027-07-14T10:00")


# What counts from a day in a person's life here


@pytest.mark.parametrize(
    ("anchor", "offset", "on", "expected"),
    [
        (Anchor.ARRIVAL, Span(days=30), OnHolidays.AFTER, "2027-05-18T09:30"),  # A Sunday, then Whit Monday.
        (Anchor.ARRIVAL, Span(days=30), OnHolidays.BEFORE, "2027-05-14T09:30"),
        (Anchor.ARRIVAL, Span(days=30), OnHolidays.SEND, "2027-05-16T09:30"),
        (Anchor.ARRIVAL, Span(days=30), OnHolidays.SKIP, None),
        (Anchor.ARRIVAL, Span(months=1), OnHolidays.AFTER, "2027-05-18T09:30"),
        (Anchor.PROBATION_END, Span(days=-7), OnHolidays.BEFORE, "2027-07-09T09:30"),
        (Anchor.PROBATION_END, Span(), OnHolidays.AFTER, "2027-07-16T09:30"),
    ],
)
def test_moments_in_a_persons_life_here(anchor: Anchor, offset: Span, on: OnHolidays, expected: str | None) -> None:
    item = an_item(When(relative_to=anchor, offset=offset, at=time(9, 30)), on)
    found = moment_for(item, place("FR", ""), date(2027, 4, 16))
    assert found == (paris(expected) if expected else None)
    assert list(moments(item, place("FR", ""), SINCE, SINCE, {})) == []


def test_a_persons_moment_is_by_their_own_clock(schedules: Schedules) -> None:
    item = an_item(When(relative_to=Anchor.ARRIVAL, offset=Span(days=1), at=time(9, 30)))
    assert schedules.moment_for(item, date(2027, 4, 19), "America/New_York") == datetime(
        2027, 4, 20, 13, 30, tzinfo=UTC
    )
    assert schedules.moment_for(an_item(When(rrule="FREQ=DAILY", at=time(9))), date(2027, 4, 19)) is None


@pytest.mark.parametrize(
    ("start", "span", "expected"),
    [
        (date(2027, 1, 31), Span(months=1), date(2027, 2, 28)),
        (date(2028, 1, 31), Span(months=1, days=1), date(2028, 3, 1)),
        (date(2027, 3, 31), Span(months=-13), date(2026, 2, 28)),
        (date(2027, 1, 1), Span(days=-1), date(2026, 12, 31)),
    ],
)
def test_a_span_counts_as_calendars_do(start: date, span: Span, expected: date) -> None:
    assert span.day_from(start) == expected


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-600, 600))
def test_months_keep_the_day_where_the_month_has_it(start: date, months: int) -> None:
    found = Span(months=months).day_from(start)
    assert (found.year * 12 + found.month) - (start.year * 12 + start.month) == months
    assert found.day == start.day or (found + DAY).day == 1


# What counts from another item


def read(folder: Path, lines: str) -> tuple[Schedules, list[str]]:
    (folder / "events.yaml").write_text(f"items:\n{lines}", encoding="utf-8")
    schedules = Schedules(folder, {"policy": PolicyRules})
    return schedules, [str(problem) for problem in schedules.load()]


EVENT = '  - {id: open-day, on: 2027-07-19 14:00, to: "#general", words: w, zone: Europe/Paris}\n'


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("before: 3 days before open-day", "2027-07-16T14:00"),
        ("before: 1 week before open-day, at: 9:30", "2027-07-12T09:30"),
        ("avant: 2 semaines avant open-day, à: 9h30", "2027-07-05T09:30"),
        ("before: 1 day before open-day", "2027-07-16T14:00"),  # Sunday is not worked: the Friday before.
        ("before: 1 day before open-day, fériés: envoyer", "2027-07-18T14:00"),
        ("before: 2 hours before open-day", "2027-07-19T12:00"),
        ("before: 90 minutes open-day", "2027-07-19T12:30"),
        ("after: 2 days after open-day", "2027-07-21T14:00"),
        ("après: un mois après open-day", "2027-08-19T14:00"),
    ],
)
def test_moments_around_another_item(tmp_path: Path, when: str, expected: str) -> None:
    schedules, problems = read(tmp_path, EVENT + f'  - {{id: one, {when}, to: "#general", words: w}}\n')
    assert problems == []
    item = schedules.item("one")
    assert item is not None
    assert schedules.next(item, SINCE, SINCE) == paris(expected)
    assert schedules.next(item, paris(expected), SINCE) is None


def test_a_reminder_follows_its_event_through_the_zones(tmp_path: Path) -> None:
    """The open day is at two in the afternoon in Paris wherever it is announced: for New York, at eight."""
    schedules, _ = read(tmp_path, EVENT + '  - {id: one, before: 3 days before open-day, to: "#general", words: w}\n')
    item = schedules.items()[0]
    assert schedules.next(item, SINCE, SINCE, "America/New_York") == datetime(2027, 7, 16, 12, tzinfo=UTC)


def test_a_reminder_of_something_weekly_comes_weekly_and_follows_its_days_off(tmp_path: Path) -> None:
    lines = (
        '  - {id: lunch, every: wednesday 12:00, to: "#general", words: w}\n'
        '  - {id: one, before: 1 day before lunch, at: 16:00, to: "#general", words: w}\n'
    )
    schedules, _ = read(tmp_path, lines)
    (tmp_path / "policy.yaml").write_text("policy: {country: FR}", encoding="utf-8")
    schedules.load()
    found = schedules.between(paris("2027-07-05T00:00"), paris("2027-07-23T00:00"), SINCE)
    # The lunch of 14 July is on the 15th, so its reminder would be on the holiday: it comes on the 13th.
    assert [(each.item.id, each.at.day) for each in found] == [
        ("one", 6),
        ("lunch", 7),
        ("one", 13),
        ("lunch", 15),
        ("one", 20),
        ("lunch", 21),
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-40, 40),
    st.integers(-2, 2),
    st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.integers(0, 400),
)
def test_no_moment_around_another_item_is_lost(days: int, months: int, at: time | None, later: int) -> None:
    """From whatever moment they are looked for, those found are the ones found from long before."""
    if days * months < 0:
        return
    event = Item(id="event", when=When(rrule="FREQ=WEEKLY;BYDAY=TU", at=time(2, 30)), to=(), words={})
    item = an_item(When(event="event", offset=Span(months=months, days=days), at=at), OnHolidays.SEND)
    since = SINCE + DAY * later

    def found(start: datetime) -> list[datetime]:
        taken: list[datetime] = []
        for moment in moments(item, PolicyRules(), start, SINCE, {"event": event}):
            if moment >= since + DAY * 60:
                return taken
            taken.append(moment)
        return taken

    assert found(since) == [moment for moment in found(since - DAY * 200) if moment >= since]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("before: 3 days before opn-day", "counts from “opn-day”, which is no item (did you mean “open-day”?)"),
        ("after: 3 days after one", "counts from itself: one → one"),
        ("after: 3 days after person", "whose moment is another for each person"),
    ],
)
def test_events_that_cannot_be_followed_are_named(tmp_path: Path, lines: str, expected: str) -> None:
    person = '  - {id: person, after: 1 day from arrival, at: 9:00, to: "@person", words: w}\n'
    schedules, problems = read(tmp_path, EVENT + person + f'  - {{id: one, {lines}, to: "#general", words: w}}\n')
    assert [problem for problem in problems if expected in problem and problem.startswith("events.yaml:4")] == problems
    assert len(problems) == 1
    assert schedules.item("one") is None
    assert schedules.item("open-day") is not None


def test_a_slip_in_what_an_item_counts_from_keeps_it_as_it_was(tmp_path: Path) -> None:
    schedules, _ = read(tmp_path, EVENT + '  - {id: one, before: 3 days before open-day, to: "#general", words: w}\n')
    (tmp_path / "events.yaml").write_text(
        f'items:\n{EVENT}  - {{id: one, before: 3 days before opn-day, to: "#general", words: w}}\n', encoding="utf-8"
    )
    assert "did you mean" in str(schedules.load()[0])
    item = schedules.item("one")
    assert item is not None
    assert schedules.next(item, SINCE, SINCE) == paris("2027-07-16T14:00")


# Telling what changed


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("14:00", "15:00"),  # The event it counts from.
        lambda text: text.replace("3 days", "4 days"),
        lambda text: text.replace("zone: Europe/Paris", "zone: Europe/Rome"),
        lambda text: text.replace("words: w}", "words: w, holidays: skip}"),
        lambda text: text + "policy: {country: FR}\n",
        lambda text: text + "policy: {zone: Asia/Tokyo}\n",
        lambda text: text + "policy: {working_days: [monday]}\n",
    ],
)
def test_whatever_may_move_an_item_changes_its_description(tmp_path: Path, change: Callable[[str], str]) -> None:
    text = f'items:\n{EVENT}  - {{id: one, before: 3 days before open-day, to: "#general", words: w}}\n'
    described = []
    for each in (text, text + "\n# Nothing new.\n", change(text)):
        (tmp_path / "events.yaml").write_text(each, encoding="utf-8")
        schedules = Schedules(tmp_path, {"policy": PolicyRules})
        assert schedules.load() == ()
        item = schedules.item("one")
        assert item is not None
        described.append(schedules.described(item))
    assert described[0] == described[1] != described[2]
