"""Recurrences in every zone that changes its clock, 2020 to 2030, against two other computations: python-dateutil's
zones with the clock looked at minute by minute, and recurring-ical-events, which reads calendars as mail programs do.

By default each set of clock changes is looked at once, around its changes. ``make test-long`` looks at every zone, on
every day.
"""

from __future__ import annotations

import importlib.resources
import io
import zoneinfo
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
import recurring_ical_events
from dateutil import tz
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from bot.core.calendar import Item, OnHolidays, When
from bot.core.policy import PolicyRules
from bot.timetable.moments import moments

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 12, 31, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def ours(when: When, zone: str, since: datetime, until: datetime) -> list[datetime]:
    item = Item(id="one", when=when, to=(), words={}, zone=zone, holidays=OnHolidays.SEND)
    found = []
    for moment in moments(item, PolicyRules(), since, FIRST, {}):
        if moment >= until:
            break
        found.append(moment)
    return found


@cache
def other_zone(name: str) -> tzinfo:
    """The zone as dateutil reads it, from the very file that Python's own reading takes."""
    for folder in zoneinfo.TZPATH:
        if (Path(folder) / name).is_file():
            return tz.tzfile(str(Path(folder) / name))
    data = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return tz.tzfile(io.BytesIO(data))


def by_dateutil(local: datetime, zone: tzinfo) -> datetime:
    """The moment of a local time: the first at which dateutil's clock shows it, or where it never does, the first at
    which the clock shows a later time. Read from UTC to local only: the other way dateutil errs at the edges of
    changes that put the clock back for the summer, as in Morocco."""

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None)

    around = local.replace(tzinfo=UTC)
    offsets = {shown(around + step) - (around + step).replace(tzinfo=None) for step in (-DAY, DAY)}
    tries = sorted(around - offset for offset in offsets)
    found = next((each for each in tries if shown(each) == local), None)
    if found is None:
        found = tries[0]
        while shown(found) < local:
            found += MINUTE
    return found


@cache
def changes(name: str) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """The clock changes of a zone: the UTC minute, and how far from UTC the clock was before and is after. No zone
    changes twice in a week."""

    zone = ZoneInfo(name)

    def offset(moment: datetime) -> timedelta:
        found = moment.astimezone(zone).utcoffset()
        assert found is not None
        return found

    def change(week: datetime) -> tuple[datetime, timedelta, timedelta]:
        after = offset(week + 7 * DAY)
        minute = bisect_left(range(7 * 1440), True, key=lambda n: offset(week + n * MINUTE) == after)
        return week + minute * MINUTE, offset(week), after

    weeks = [FIRST + 7 * DAY * n for n in range((LAST - FIRST) // (7 * DAY))]
    return tuple(change(week) for week in weeks if offset(week) != offset(week + 7 * DAY))


@cache
def changing() -> tuple[str, ...]:
    return tuple(name for name in sorted(available_timezones()) if changes(name))


@cache
def different() -> tuple[str, ...]:
    """One zone for each set of clock changes."""
    return tuple({changes(name): name for name in changing()}.values())


def times_of_day(name: str) -> set[time]:
    """Those that some change leaves out or shows twice, those on either side, and one that is ordinary."""
    found = {time(9, 30)}
    for minute, before, after in changes(name):
        was, is_ = (minute + before).replace(tzinfo=None), (minute + after).replace(tzinfo=None)
        for edge in (was, is_):
            found |= {(edge + step * MINUTE).time() for step in (-1, 0, 1)}
        found.add((min(was, is_) + abs(is_ - was) / 2).time().replace(second=0))
    return found


def compare(name: str, at: time, since: datetime, until: datetime) -> int:
    """Our “every day at” beside dateutil's, from one day to another (UTC midnights). Returns how many were compared."""
    zone = other_zone(name)
    days = range(-2, (until - since).days + 2)
    expected = sorted({by_dateutil(datetime.combine(since + DAY * n, at), zone) for n in days})
    expected = [moment for moment in expected if since <= moment < until]
    assert ours(When(rrule="FREQ=DAILY", at=at), name, since, until) == expected, (name, at)
    return len(expected)


def test_around_every_clock_change_of_ten_years() -> None:
    compared = 0
    for name in different():
        for minute, *_ in changes(name):
            midnight = minute.replace(hour=0, minute=0)
            for at in times_of_day(name) if minute.year in (2025, 2026) else {time(2, 30)}:
                compared += compare(name, at, midnight - DAY, midnight + 2 * DAY)
    assert len(different()) > 40
    assert compared > 5_000


@pytest.mark.long
def test_every_day_of_ten_years_in_every_zone_that_changes_its_clock() -> None:
    compared = sum(compare(name, at, FIRST, LAST) for name in changing() for at in sorted(times_of_day(name))[::2])
    # Shown by make test-long.
    print(f"{compared:,} moments in {len(changing())} zones are those of dateutil")  # noqa: T201
    assert compared > 1_000_000


# As mail programs read it


def calendar_moments(when: When, zone: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """The starts of a VEVENT with this rule. One at a time that does not exist is left out: programs disagree on it."""
    assert when.start is not None
    assert when.at is not None
    begins = datetime.combine(when.start, when.at)
    left_out = "".join(f"EXDATE;TZID={zone}:{each:%Y%m%dT%H%M%S}\r\n" for each in sorted(when.excluded_moments))
    added = "".join(f"RDATE;TZID={zone}:{each:%Y%m%dT%H%M%S}\r\n" for each in sorted(when.also))
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTAMP:20200101T000000Z\r\n"
        f"DTSTART;TZID={zone}:{begins:%Y%m%dT%H%M%S}\r\nDURATION:PT1M\r\nRRULE:{when.rrule}\r\n{left_out}{added}"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    for event in recurring_ical_events.of(Calendar.from_ical(text)).between(since, until):
        start = event["DTSTART"].dt
        moment = start.astimezone(UTC)
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == start.replace(tzinfo=None):
            yield moment


def existing(found: list[datetime], zone: str, at: time) -> list[datetime]:
    """Those at the time of day asked for: the others stand for times that do not exist."""
    return [moment for moment in found if moment.astimezone(ZoneInfo(zone)).time() == at]


_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def rules(draw: st.DrawFn) -> When:
    """A rule that begins on one of its own days: on another, RFC 5545 leaves open whether DTSTART counts."""
    start = draw(st.dates(datetime(2020, 1, 1).date(), datetime(2026, 12, 31).date()))  # noqa: DTZ001  # A date.
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 4))}"]
    own = _DAYS[start.weekday()]
    nth = (start.day - 1) // 7 + 1
    if frequency == "WEEKLY":
        days = {own, *draw(st.sets(st.sampled_from(_DAYS), max_size=2))}
        parts.append("BYDAY=" + ",".join(sorted(days, key=_DAYS.index)))
    elif frequency == "MONTHLY":
        kinds = [f"BYMONTHDAY={start.day}", f"BYDAY={nth}{own}", f"BYDAY={','.join(_DAYS)};BYSETPOS={start.day}"]
        parts.append(draw(st.sampled_from(kinds)))
    elif frequency == "YEARLY":
        parts.append(
            f"BYMONTH={start.month};" + draw(st.sampled_from([f"BYMONTHDAY={start.day}", f"BYDAY={nth}{own}"]))
        )
    match draw(st.sampled_from(["", "COUNT", "UNTIL"])):
        case "COUNT":
            parts.append(f"COUNT={draw(st.integers(1, 300))}")
        case "UNTIL":
            parts.append(f"UNTIL={draw(st.dates(start, datetime(2030, 12, 31).date())):%Y%m%d}T235959Z")  # noqa: DTZ001
    at = draw(st.times()).replace(second=0, microsecond=0)
    nearby = st.integers(1, 400).map(lambda days: datetime.combine(start + DAY * days, at))
    return When(
        rrule=";".join(parts),
        at=at,
        start=start,
        excluded_moments=frozenset(draw(st.sets(nearby, max_size=3))),
        also=frozenset(draw(st.sets(nearby, max_size=2))),
    )


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_rules_are_read_as_mail_programs_read_them(data: st.DataObject) -> None:
    when, zone = data.draw(rules()), data.draw(st.sampled_from(different()))
    assert when.start is not None
    assert when.at is not None
    # RFC 5545 takes EXDATE from RDATE too, as we do not: what is both added and left out is nobody's wish.
    if when.also & when.excluded_moments:
        return
    since = datetime.combine(when.start, time(0), UTC) + DAY * data.draw(st.integers(0, 900))
    until = since + DAY * 200
    expected = sorted(set(calendar_moments(when, zone, since, until)))
    assert existing(ours(when, zone, since, until), zone, when.at) == expected


@pytest.mark.long
def test_ten_years_of_every_set_of_clock_changes_as_mail_programs_read_them() -> None:
    compared = 0
    for name in different():
        for at in (time(0, 30), time(1, 30), time(2, 30), time(3), time(23, 45)):
            when = When(rrule="FREQ=DAILY", at=at, start=FIRST.date())
            expected = sorted(set(calendar_moments(when, name, FIRST + DAY, LAST)))
            assert existing(ours(when, name, FIRST + DAY, LAST), name, at) == expected, (name, at)
            compared += len(expected)
    print(f"{compared:,} moments of {len(different())} sets are those of recurring-ical-events")  # noqa: T201
    assert compared > 200_000
