"""The moments of an item on the wall clock: RFC 5545 rules, single moments, and the weeks of a launch."""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from bot.core.calendar import When
from bot.core.errors import BadInput

EPOCH = date(2024, 1, 1)
"""The Monday from which “every 2 weeks” counts where nothing else is said."""
HORIZON_YEARS = 12
"""How far ahead a rule is searched: 29 February is at most eight years away."""
MOST_COUNT = 5_000
_DAY_PARTS = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")


def local_moments(when: When, zone: str, earliest: datetime, installed: date) -> Iterator[datetime]:
    """The naive local moments of ``when`` on or after ``earliest`` (naive local), in order, before days off move any.
    A single moment may also come earlier.

    ``installed``: the local date of the installation, for launches that count from it. ``zone`` places an UNTIL given
    in UTC. Ends when none is left, or :data:`HORIZON_YEARS` ahead. Nothing for items that count from a person's
    arrival or from an event.
    """
    if when.once is not None:
        yield when.once
    elif when.week is not None:
        monday = when.start or installed
        monday += timedelta(days=-monday.weekday() % 7)
        day = monday + timedelta(weeks=when.week - 1, days=when.weekday or 0)
        yield datetime.combine(day, when.at or time(0))
    elif when.rrule:
        also = sorted(moment for moment in when.also if moment >= earliest)
        yield from heapq.merge(_by_rule(when, zone, earliest), also)


def _by_rule(when: When, zone: str, earliest: datetime) -> Iterator[datetime]:
    for local in _from(when, zone, earliest):
        if when.until is not None and local.date() > when.until:
            return
        if when.start is not None and local.date() < when.start:
            continue
        if local.date() not in when.excluded and local not in when.excluded_moments:
            yield local


def _from(when: When, zone: str, earliest: datetime) -> Iterable[datetime]:
    frequency, counts = _kind(when.rrule)
    if counts:
        counted = _counted(when, zone)
        return counted[bisect_left(counted, earliest) :]
    # An hourly rule is followed from the day before: from the month's start it takes up to 700 steps more.
    day = earliest.day if frequency == "HOURLY" else 1
    found: Iterator[datetime] = _rule(when, zone, earliest.year, earliest.month, day).xafter(earliest, inc=True)
    return found


@lru_cache(maxsize=4096)
def _kind(text: str) -> tuple[str, bool]:
    """The frequency of an RRULE, and whether it counts its moments."""
    parts = parse_rule(text)
    return parts["FREQ"], "COUNT" in parts


@lru_cache(maxsize=64)
def _counted(when: When, zone: str) -> tuple[datetime, ...]:
    """Every moment of a rule that counts, which can only be followed from its start."""
    return tuple(_rule(when, zone, (when.start or EPOCH).year))


@lru_cache(maxsize=1024)
def named_weekdays(when: When) -> frozenset[int]:
    """The days of the week (0 Monday) that ``when`` names, be it by a date: the animator meant them, though nobody
    works then. None where the day follows from a count or a date that wanders through the week."""
    named = {moment.weekday() for moment in when.also}
    if when.once is not None:
        named.add(when.once.weekday())
    if when.week is not None:
        named.add(when.weekday or 0)
    if when.rrule:
        by_day = _with_day(parse_rule(when.rrule), when.start or EPOCH).get("BYDAY", "")
        named |= {_WEEKDAYS.index(each[-2:]) for each in by_day.split(",") if each}
    return frozenset(named)


@lru_cache(maxsize=2048)
def _rule(when: When, zone: str, year: int, month: int = 1, day: int = 1) -> rrule:
    """The rule beginning shortly before this day. A rule is followed step by step from its start, so one that began
    years ago would cost milliseconds; it is moved ahead by whole intervals, which keeps its phase. It remembers the
    steps it took, so that the next look costs less."""
    start = when.start or EPOCH
    parts = _with_day(parse_rule(when.rrule), start)
    began = datetime.combine(start, when.at or time(0))
    if "COUNT" not in parts:
        target = date(year, month, day) - timedelta(days=1)
        if when.start is None or when.start < target:
            began = _moved(began, parts, target)
        horizon = datetime.combine(date(max(year, began.year) + HORIZON_YEARS, 1, 1), time(0))
        parts["UNTIL"] = f"{min(_until(parts.get('UNTIL'), zone) or horizon, horizon):%Y%m%dT%H%M%S}"
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    found = rrulestr(text, dtstart=began, cache=True)
    assert isinstance(found, rrule)  # noqa: S101  # One RRULE and nothing else never makes a set.
    return found


def _with_day(parts: dict[str, str], start: date) -> dict[str, str]:
    """``parts`` with what the rule would take from its start written out, so that moving the start changes nothing."""
    if any(name in parts for name in _DAY_PARTS):
        return parts
    match parts["FREQ"]:
        case "WEEKLY":
            return {**parts, "BYDAY": _WEEKDAYS[start.weekday()]}
        case "MONTHLY":
            return {**parts, "BYMONTHDAY": str(start.day)}
        case "YEARLY":
            return {"BYMONTH": str(start.month), **parts, "BYMONTHDAY": str(start.day)}
    return parts


def _moved(began: datetime, parts: dict[str, str], target: date) -> datetime:
    """``began`` moved by whole intervals to at or just before ``target``."""
    frequency, interval = parts["FREQ"], int(parts.get("INTERVAL", "1"))
    days = (target - began.date()).days
    if frequency == "YEARLY":
        years = (target.year - began.year) // interval * interval
        return began if years == 0 else began.replace(year=began.year + years, month=1, day=1)
    if frequency == "MONTHLY":
        months = ((target.year - began.year) * 12 + target.month - began.month) // interval * interval
        whole = began.year * 12 + began.month - 1 + months
        return began if months == 0 else began.replace(year=whole // 12, month=whole % 12 + 1, day=1)
    if frequency == "HOURLY":
        return began + timedelta(hours=days * 24 // interval * interval)
    step = interval * 7 if frequency == "WEEKLY" else interval
    return began + timedelta(days=days // step * step)


def _until(text: str | None, zone: str) -> datetime | None:
    """UNTIL as a local time of ``zone``. A date alone includes its whole day."""
    if text is None:
        return None
    if "T" not in text:
        return datetime.combine(_date(text), time(23, 59, 59))
    naive = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007  # Local by meaning, or below.
    if not text.endswith("Z"):
        return naive
    return naive.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007  # A date has no zone.


def parse_rule(text: str) -> dict[str, str]:
    """The parts of an RRULE by name. Raises BadInput with the reason when it is not one we follow."""
    if re.search(r"DTSTART|EXDATE|RDATE|EXRULE", text, re.IGNORECASE) or "\n" in text.strip():
        raise BadInput(
            "holds more than one RRULE: say the start with from:, the time with at:, left-out days with except:"
        )
    parts: dict[str, str] = {}
    for piece in text.strip().upper().removeprefix("RRULE:").strip(";").split(";"):
        name, sign, value = (each.strip() for each in piece.partition("="))
        if not (name and sign and value) or name in parts:
            raise BadInput(f"is not an RRULE: “{piece}” is not NAME=VALUE, or is given twice")
        parts[name] = value.replace(" ", "")
    frequency = parts.get("FREQ", "")
    if frequency in ("SECONDLY", "MINUTELY"):
        raise BadInput(f"FREQ={frequency} would write far too often: once an hour is the most")
    if frequency not in _FREQUENCIES:
        raise BadInput("is not an RRULE: FREQ must be one of " + ", ".join(_FREQUENCIES))
    if "BYSECOND" in parts:
        raise BadInput("BYSECOND is not followed: a minute is the finest step")
    if "COUNT" in parts and "UNTIL" in parts:
        raise BadInput("COUNT and UNTIL cannot both be given")
    return parts


def check_rule(when: When) -> None:
    """Raises BadInput when the rule of ``when`` cannot be followed, never happens, or happens too often."""
    parts = parse_rule(when.rrule)
    try:
        interval, count = int(parts.get("INTERVAL", "1")), int(parts.get("COUNT", "1"))
        _until(parts.get("UNTIL"), "UTC")
    except ValueError:
        raise BadInput("is not an RRULE: INTERVAL and COUNT are numbers, UNTIL is a date such as 20270131") from None
    if not 1 <= interval <= 1000 or not 1 <= count <= MOST_COUNT:
        raise BadInput(f"INTERVAL goes from 1 to 1000 and COUNT from 1 to {MOST_COUNT}")
    if "COUNT" in parts and when.start is None:
        raise BadInput("COUNT counts from a first day: add from: with a date")
    start = when.start or EPOCH
    # Looked at without its count: a rule that never happens would otherwise be searched to the end of the calendar.
    endless = ";".join(f"{name}={value}" for name, value in parts.items() if name != "COUNT")
    try:
        rule = _rule(When(rrule=endless, at=when.at, start=when.start), "UTC", start.year, start.month)
        first = list(islice(rule, 50))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise BadInput(f"is not an RRULE that can be followed: {error}") from None
    if not first:
        raise BadInput("never happens")
    if any(later - earlier < timedelta(hours=1) for earlier, later in pairwise(first)):
        raise BadInput("would write more often than once an hour")
