"""Recurrences against computations of another kind: minute by minute around every clock change, and rules followed
from their true beginning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.calendar import Item, OnHolidays, When
from bot.core.errors import BadInput
from bot.core.localtime import instant
from bot.core.policy import PolicyRules
from bot.timetable.moments import moments as moments_of
from bot.timetable.recurrence import EPOCH, check_rule

MINUTE = timedelta(minutes=1)
YEARS = (2011, 2026, 2027)
"""2011 for the day that Samoa left out; the others for what is to come."""


def moments(when: When, zone: str, since: datetime, installed: date) -> Iterator[datetime]:
    """Those of an item that no day off moves."""
    item = Item(id="one", when=when, to=(), words={}, zone=zone, holidays=OnHolidays.SEND)
    return moments_of(item, PolicyRules(), since, datetime.combine(installed, time(12), UTC), {})


def daily(at: time) -> When:
    return When(rrule="FREQ=DAILY", at=at)


def between(when: When, zone: str, since: datetime, until: datetime) -> list[datetime]:
    found = []
    for moment in moments(when, zone, since, EPOCH):
        if moment >= until:
            break
        found.append(moment)
    return found


@cache
def changes() -> list[tuple[str, datetime]]:
    """Every clock change of the sample years: a zone, and the last UTC midnight before. Zones that change at the same
    moments by the same offsets stand for each other."""
    seen: dict[tuple[object, ...], str] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day) for year in YEARS for day in range(366)]
        offsets = [day.astimezone(zone).utcoffset() for day in days]
        found = tuple(
            (day, offsets[number], offsets[number + 1])
            for number, day in enumerate(days[:-1])
            if offsets[number] != offsets[number + 1] and days[number + 1] - day == timedelta(days=1)
        )
        if found:
            seen.setdefault(found, name)
    return [(name, change[0]) for found, name in seen.items() for change in found]  # type: ignore[index]


@lru_cache(maxsize=1)
def clock_around(zone: str, midnight: datetime) -> list[tuple[datetime, datetime]]:
    """Each minute, and what the clock on the wall shows then."""
    tz, first = ZoneInfo(zone), midnight - timedelta(hours=30)
    minutes = (first + MINUTE * n for n in range(4 * 24 * 60))
    return [(minute, minute.astimezone(tz).replace(tzinfo=None)) for minute in minutes]


def walked(zone: str, midnight: datetime, at: time) -> list[datetime]:
    """What “every day at” means around ``midnight``, found by looking at the clock each minute."""
    wanted = {datetime.combine(midnight.date() + timedelta(days=ahead), at) for ahead in range(-3, 5)}
    found: dict[datetime, datetime] = {}
    for (_, before), (minute, local) in pairwise(clock_around(zone, midnight)):
        if local in wanted:
            found.setdefault(local, minute)
        elif local - before > MINUTE:
            found.update({each: minute for each in wanted if before < each < local})
    return sorted(set(found.values()))


def compare(zone: str, midnight: datetime, at: time) -> None:
    since, until = midnight - timedelta(days=1), midnight + timedelta(days=2)
    expected = [moment for moment in walked(zone, midnight, at) if since <= moment < until]
    assert between(daily(at), zone, since, until) == expected, (zone, midnight, at)


def test_every_clock_change_of_the_world() -> None:
    """At a time inside the change, where the clock shows the hour not at all or twice."""
    assert len({zone for zone, _ in changes()}) > 30
    for zone, midnight in changes():
        tz = ZoneInfo(zone)
        offset = midnight.astimezone(tz).utcoffset()
        minute = next(n for n in range(1441) if (midnight + MINUTE * n).astimezone(tz).utcoffset() != offset)
        before = (midnight + MINUTE * (minute - 1)).astimezone(tz)
        after = (midnight + MINUTE * minute).astimezone(tz)
        compare(zone, midnight, (after.replace(tzinfo=None) + timedelta(minutes=1)).time())
        compare(zone, midnight, (before.replace(tzinfo=None) + timedelta(minutes=15)).time())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_time_of_day_around_a_clock_change(data: st.DataObject) -> None:
    zone, midnight = data.draw(st.sampled_from(changes()))
    at = data.draw(st.times()).replace(second=0, microsecond=0)
    compare(zone, midnight, at)


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("Europe/Paris", "2027-03-28 02:30", "2027-03-28 01:00"),  # 02:00 becomes 03:00: goes out at 03:00.
        ("Europe/Paris", "2027-10-31 02:30", "2027-10-31 00:30"),  # Twice: the first, still summer time.
        ("America/New_York", "2027-03-14 02:30", "2027-03-14 07:00"),
        ("America/New_York", "2027-11-07 01:30", "2027-11-07 05:30"),
        ("Australia/Lord_Howe", "2027-10-03 02:10", "2027-10-02 15:30"),  # Half an hour only.
        ("Australia/Lord_Howe", "2027-04-04 01:45", "2027-04-03 14:45"),
    ],
)
def test_both_clock_changes_in_three_zones(zone: str, local: str, expected: str) -> None:
    assert instant(datetime.fromisoformat(local), zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_an_hour_left_out_is_one_moment_not_two() -> None:
    hourly = When(rrule="FREQ=HOURLY", at=time(0, 0))
    since = datetime(2027, 3, 28, 0, tzinfo=UTC)
    assert between(hourly, "Europe/Paris", since, since + timedelta(hours=3)) == [
        since + timedelta(hours=hour) for hour in range(3)
    ]


@st.composite
def rules(draw: st.DrawFn) -> When:
    frequency = draw(st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 7))}"]
    days = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    if frequency == "WEEKLY" and draw(st.booleans()):
        parts.append("BYDAY=" + ",".join(sorted(draw(st.sets(days, min_size=1, max_size=3)))))
    elif frequency in ("MONTHLY", "YEARLY"):
        kind = draw(st.sampled_from(["", "BYMONTHDAY", "BYDAY"]))
        if kind == "BYMONTHDAY":
            parts.append(f"BYMONTHDAY={draw(st.sampled_from([1, 15, 28, 31, -1]))}")
        elif kind == "BYDAY":
            parts.append(f"BYDAY={draw(st.sampled_from([1, 2, 4, -1]))}{draw(days)}")
    if frequency == "YEARLY" and draw(st.booleans()):
        parts.append(f"BYMONTH={draw(st.integers(1, 12))}")
    start = draw(st.none() | st.dates(date(2023, 1, 1), date(2027, 12, 31)))
    return When(rrule=";".join(parts), at=time(draw(st.integers(0, 23)), draw(st.sampled_from([0, 30]))), start=start)


@settings(max_examples=250, deadline=None)
@given(rules(), st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)))  # noqa: DTZ001  # Made aware below.
def test_a_rule_keeps_its_phase_however_long_ago_it_began(when: When, since: datetime) -> None:
    first = datetime.combine(when.start or EPOCH, when.at or time(0))
    slow = rrulestr(when.rrule + ";UNTIL=20350101T000000", dtstart=first).xafter(since, inc=True)
    expected = [local.replace(tzinfo=UTC) for local in islice(slow, 4)]
    found = list(islice(moments(when, "UTC", since.replace(tzinfo=UTC), EPOCH), len(expected)))
    assert found == expected


def test_until_from_and_except() -> None:
    when = When(
        rrule="FREQ=DAILY",
        at=time(9),
        start=date(2027, 1, 4),
        until=date(2027, 1, 8),
        excluded=frozenset({date(2027, 1, 6)}),
    )
    found = moments(when, "Europe/Paris", datetime(2026, 1, 1, tzinfo=UTC), EPOCH)
    assert [moment.day for moment in found] == [4, 5, 7, 8]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("FREQ=DAILY;COUNT=3", [4, 5, 6]),
        ("FREQ=DAILY;UNTIL=20270106", [4, 5, 6]),
        ("FREQ=DAILY;UNTIL=20270106T080000Z", [4, 5, 6]),  # 09:00 in Paris, included.
        ("FREQ=DAILY;UNTIL=20270106T085959", [4, 5]),
        ("RRULE:freq=weekly;byday=mo;count=2", [4, 11]),
    ],
)
def test_the_ends_a_rule_may_have(text: str, days: list[int]) -> None:
    when = When(rrule=text, at=time(9), start=date(2027, 1, 4))
    check_rule(when)
    found = moments(when, "Europe/Paris", datetime(2026, 1, 1, tzinfo=UTC), EPOCH)
    assert [moment.day for moment in found] == days


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FREQ=MINUTELY", "far too often"),
        ("FREQ=SECONDLY;INTERVAL=86400", "far too often"),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,10", "more often than once an hour"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never happens"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "add from:"),
        ("DTSTART:20270101T000000\nRRULE:FREQ=DAILY", "say the start with from:"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "cannot both"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=x", "INTERVAL"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL"),
        ("FREQ=DAILY;FREQ=WEEKLY", "given twice"),
        ("FREQ=SOMETIMES", "FREQ must be one of"),
        ("every monday", "not NAME=VALUE"),
        ("FREQ=WEEKLY;BYDAY=XX", "can be followed"),
        ("FREQ=MONTHLY;BYMONTHDAY=ten", "can be followed"),
        ("FREQ=DAILY;BYSECOND=5", "BYSECOND"),
        ("FREQ=WEEKLY;NONSENSE=1", "can be followed"),
        ("", "not NAME=VALUE"),
    ],
)
def test_rules_that_are_refused_say_why(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check_rule(When(rrule=text, at=time(9)))


def test_29_february_is_found() -> None:
    when = When(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", at=time(9))
    check_rule(when)
    found = list(islice(moments(when, "UTC", datetime(2097, 1, 1, tzinfo=UTC), EPOCH), 1))
    assert found == [datetime(2104, 2, 29, 9, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("installed", "starts", "expected"),
    [
        (date(2026, 11, 23), None, "2026-12-08 09:00"),  # Installed on a Monday: that week is the first.
        (date(2026, 11, 24), None, "2026-12-15 09:00"),
        (date(2026, 11, 29), None, "2026-12-15 09:00"),
        (date(2026, 11, 24), date(2027, 6, 28), "2027-07-13 08:00"),  # Summer time.
    ],
)
def test_a_launch_counts_its_weeks(installed: date, starts: date | None, expected: str) -> None:
    when = When(week=3, weekday=1, at=time(10), start=starts)
    found = list(moments(when, "Europe/Paris", datetime(2026, 1, 1, tzinfo=UTC), installed))
    assert found == [datetime.fromisoformat(expected).replace(tzinfo=UTC)]
