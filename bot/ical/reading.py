"""Events of other calendars, made into items of ours: to be looked over by an animator before anything goes out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Event

from bot.core.calendar import Item, When
from bot.core.errors import BadInput
from bot.core.refs import LANGUAGES
from bot.ical.blocks import MOST_LINE, Block, take_apart
from bot.ical.words import words_of
from bot.ical.zones import Zones

MOST_SECONDS = 30
"""A year of somebody's meetings is read in less than one."""
MOST_DATES = 500
"""Of the days an event is left out on, or added on."""


_TZID = re.compile(
    r'(?P<head>(?P<name>[A-Za-z-]+)(?:;[^;:="]+=(?:"[^"]*"|[^;:"]*))*?);TZID=(?P<tzid>"[^"]*"|[^;:"]*)', re.I
)


@dataclass(frozen=True, slots=True)
class Untold:
    """Something of an event that an item cannot hold, or a choice that was made for it. ``line`` of the file, from 1.
    ``left_out``: no item was made of it at all."""

    line: int
    event: str
    reason: str
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """The items with the line of the file each comes from, and what could not be told."""

    items: tuple[Item, ...] = ()
    untold: tuple[Untold, ...] = ()


class _LeftOut(Exception):
    """No item can be made of the event; the text says why."""


@dataclass
class _Found:
    """One event on its way to an item. ``replaces``: the local moment of its series that it stands for."""

    line: int
    name: str
    uid: str
    when: When
    zone: str
    text: str
    notes: list[str] = field(default_factory=list)
    replaces: datetime | None = None
    cancelled: bool = False


def read_events(
    data: bytes, *, to: Sequence[str], zone: str, all_day: time, taken: Collection[str] = (), now: datetime
) -> Imported:
    """Every event of the file ``data`` as an item for the places ``to``.

    ``zone``: the workspace's IANA zone, for what the file gives in UTC or in a zone nobody knows. ``all_day``: when
    the post of an event that lasts all day goes out. ``taken``: ids already used. What was over at ``now`` (aware) is
    left out. Raises BadInput when the file as a whole cannot be used.
    """
    blocks = take_apart(data)
    zones = Zones(blocks.zones, zone)
    untold = [
        Untold(0, f"{count} {kind}", "only events become items", left_out=True)
        for kind, count in sorted(blocks.others.items())
    ]
    found: list[_Found] = []
    begun = monotonic()
    for block in blocks.events:
        if monotonic() - begun > MOST_SECONDS:
            raise BadInput(f"line {block.line}: reading the events takes longer than {MOST_SECONDS} s: split the file")
        try:
            found.append(_Reader(block, zones, zone, all_day).read())
        except _LeftOut as error:
            untold.append(Untold(block.line, _name_in(block), str(error), left_out=True))
    items: list[Item] = []
    used = set(taken)
    for each in _joined(found, untold):
        if each.when.once is not None and _over(each, zone, now):
            untold.append(Untold(each.line, each.name, "it is over", left_out=True))
            continue
        untold += [Untold(each.line, each.name, note) for note in each.notes]
        items.append(_item(each, to, _id(each.name, used)))
    return Imported(tuple(items), tuple(sorted(untold, key=lambda one: one.line)))


def _item(found: _Found, to: Sequence[str], identifier: str) -> Item:
    words = dict.fromkeys(LANGUAGES, found.text)
    return Item(id=identifier, when=found.when, to=tuple(to), words=words, zone=found.zone, line=found.line)


def _over(found: _Found, zone: str, now: datetime) -> bool:
    assert found.when.once is not None  # noqa: S101  # Asked of single events only.
    return found.when.once.replace(tzinfo=ZoneInfo(found.zone or zone)) < now


def _joined(found: list[_Found], untold: list[Untold]) -> Iterator[_Found]:
    """Series without the moments that other events stand for, and those events on their own."""
    by_uid: dict[str, list[_Found]] = {}
    for each in found:
        if each.replaces is not None and each.uid:
            by_uid.setdefault(each.uid, []).append(each)
    for each in found:
        if each.replaces is None:
            changed = by_uid.get(each.uid, []) if each.uid and each.when.rrule else []
            moments = {one.replaces for one in changed if one.replaces is not None}
            yield replace(each, when=_without(each.when, moments)) if moments else each
        elif each.cancelled:
            untold.append(Untold(each.line, each.name, "this time of the series is cancelled: it is left out of it"))
        else:
            yield each


def _without(when: When, moments: Collection[datetime]) -> When:
    """``when`` less these local moments: as whole days where a day has one moment only."""
    several = "HOURLY" in when.rrule.upper() or "BYHOUR" in when.rrule.upper() or "BYMINUTE" in when.rrule.upper()
    added = {moment for moment in when.also if moment in moments}
    days = {moment.date() for moment in moments if not several and moment.time() == when.at}
    rest = {moment for moment in moments if moment.date() not in days}
    return replace(
        when,
        excluded=when.excluded | days,
        excluded_moments=when.excluded_moments | rest,
        also=when.also - added,
    )


def _id(name: str, used: set[str]) -> str:
    """An id of its own from the event's name."""
    letters = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    bare = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:60].rstrip("-") or "event"
    chosen, number = bare, 1
    while chosen in used:
        number += 1
        chosen = f"{bare}-{number}"
    used.add(chosen)
    return chosen


def _name_in(block: Block) -> str:
    """The event's name as well as it can be had from a text that could not be read."""
    for line in block.lines:
        head, _, value = line.partition(":")
        if head.partition(";")[0].strip().upper() == "SUMMARY":
            return value.strip()[:80]
    return "an event without a name"


class _Reader:
    """One event."""

    def __init__(self, block: Block, zones: Zones, workspace_zone: str, all_day: time) -> None:
        self._block = block
        self._zones = zones
        self._workspace_zone = workspace_zone
        self._all_day = all_day
        self._notes: list[str] = []
        self._zone = ""

    def read(self) -> _Found:
        if any(len(line) > MOST_LINE for line in self._block.lines):
            raise _LeftOut(f"one of its properties is longer than {MOST_LINE:,} characters")
        try:
            event = Event.from_ical("\r\n".join(self._with_known_zones(self._block.lines)) + "\r\n")
        except Exception as error:
            # Strangers' files break the library in ways nobody listed; they must not break the other events.
            raise _LeftOut(f"it cannot be read ({type(error).__name__})") from None
        if not isinstance(event, Event):
            raise _LeftOut("it cannot be read")
        name = " ".join(str(self._get(event, "SUMMARY") or "").split())[:200] or "event"
        replaced = self._get(event, "RECURRENCE-ID")
        cancelled = str(self._get(event, "STATUS") or "").upper() == "CANCELLED"
        if str(self._get(event, "CLASS") or "PUBLIC").upper() in ("PRIVATE", "CONFIDENTIAL"):
            raise _LeftOut("it is marked as private")
        if cancelled and replaced is None:
            raise _LeftOut("it is cancelled")
        if replaced is not None and str(replaced.params.get("RANGE", "")).upper() == "THISANDFUTURE":
            raise _LeftOut("it changes this and all later times of a series: write the new series by hand")
        zone, first = self._start(event)
        text, notes = words_of(event, name)
        self._notes += notes
        return _Found(
            line=self._block.line,
            name=name,
            uid=str(self._get(event, "UID") or ""),
            when=When(once=first) if replaced is not None else self._when(event, zone, first),
            zone=zone,
            text=text,
            notes=self._notes,
            replaces=None if replaced is None else self._local(self._dt(replaced), zone),
            cancelled=cancelled,
        )

    def _with_known_zones(self, lines: Sequence[str]) -> Iterator[str]:
        """The lines, every TZID in them an IANA name. One that nobody knows is left out: the time on the clock, which
        is what the file says, then stays."""
        for line in lines:
            found = _TZID.match(line)
            if found is None:
                yield line
                continue
            tzid = found["tzid"].strip('"')
            zone = self._zones.named(tzid)
            if found["name"].upper() == "DTSTART":
                self._zone = zone or self._workspace_zone
                if not zone:
                    self._notes.append(f"nobody knows its time zone “{tzid[:60]}”: taken for {self._workspace_zone}")
            yield found["head"] + (f";TZID={zone}" if zone else "") + line[found.end() :]

    def _get(self, event: Event, name: str) -> Any:
        """A property; of several, the first."""
        value = event.get(name)
        return value[0] if isinstance(value, list) and value else value

    def _dt(self, value: Any) -> date | datetime:
        try:
            found = value.dt
        except Exception:
            found = None  # The library keeps what it cannot read, and complains only when it is asked for.
        if not isinstance(found, date):
            raise _LeftOut("a date or time in it cannot be read")
        return found

    def _start(self, event: Event) -> tuple[str, datetime]:
        """The zone of the item (empty: each channel's own) and its first local moment."""
        start = self._get(event, "DTSTART")
        if start is None:
            raise _LeftOut("it does not say when it starts (DTSTART)")
        moment = self._dt(start)
        if not isinstance(moment, datetime):
            self._notes.append(f"it lasts all day: it goes out at {self._all_day:%H:%M}")
            return "", datetime.combine(moment, self._all_day)
        if moment.year < 1900 or moment.year > 2200:
            raise _LeftOut(f"it lies in the year {moment.year}")
        if self._zone:
            return self._zone, _minutes(moment.replace(tzinfo=None))
        if moment.tzinfo is None:
            return "", _minutes(moment)
        if event.get("RRULE") is not None:
            return "UTC", _minutes(moment.astimezone(UTC).replace(tzinfo=None))
        return self._workspace_zone, _minutes(moment.astimezone(ZoneInfo(self._workspace_zone)).replace(tzinfo=None))

    def _local(self, moment: date | datetime, zone: str) -> datetime:
        """Another moment of the event, on the clock of its zone."""
        if not isinstance(moment, datetime):
            return datetime.combine(moment, self._all_day)
        if moment.tzinfo is None or not zone:
            return _minutes(moment.replace(tzinfo=None))
        if moment.utcoffset() is None:
            raise _LeftOut("a date or time in it cannot be read")
        return _minutes(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))

    def _when(self, event: Event, zone: str, first: datetime) -> When:
        rules = event.get("RRULE")
        if isinstance(rules, list):
            raise _LeftOut("it repeats by several rules (RRULE): an item has one")
        if event.get("EXRULE") is not None:
            self._notes.append("its EXRULE is not followed: see which days to leave out")
        also = frozenset(self._dates(event, "RDATE", zone))
        if rules is None and not also - {first}:
            return When(once=first)
        rule = "FREQ=DAILY;COUNT=1" if rules is None else rules.to_ical().decode("utf-8", "replace")
        if not re.match(r"(.*;)?FREQ=[A-Z]+", rule, re.IGNORECASE):
            raise _LeftOut("its rule (RRULE) cannot be read")
        begins = _first_of(rule, first)
        if begins is None:
            raise _LeftOut("its rule (RRULE) never happens")
        if begins != first:
            # RFC 5545: the start belongs to the series even where the rule leaves it out.
            also |= {first}
        when = When(rrule=rule, start=first.date(), at=first.time(), also=also - {first} if rules is None else also)
        excluded = set(self._dates(event, "EXDATE", zone))
        days = {each.date() for each in self._days(event, "EXDATE")}
        when = replace(when, excluded=frozenset(days))
        return _without(when, {each for each in excluded if each.date() not in days})

    def _dates(self, event: Event, name: str, zone: str) -> Iterator[datetime]:
        for moment in self._moments(event, name):
            yield self._local(moment, zone)

    def _days(self, event: Event, name: str) -> Iterator[datetime]:
        """Those given as whole days, as midnights."""
        for moment in self._moments(event, name):
            if not isinstance(moment, datetime):
                yield datetime.combine(moment, time(0))

    def _moments(self, event: Event, name: str) -> Iterator[date | datetime]:
        value = event.get(name)
        count = 0
        for each in value if isinstance(value, list) else [value] if value is not None else []:
            for single in getattr(each, "dts", ()):
                count += 1
                if count > MOST_DATES:
                    raise _LeftOut(f"it names more than {MOST_DATES} dates under {name}")
                found = getattr(single, "dt", None)
                if isinstance(found, tuple) and found:
                    found = found[0]  # A period: its start is what we post at.
                if isinstance(found, date):
                    yield found
                else:
                    self._notes.append(f"a date under {name} cannot be read and is left out")


def _minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _first_of(rule: str, first: datetime) -> datetime | None:
    """The first moment of the rule from ``first`` on, its COUNT and UNTIL left aside; None when it never happens.

    A rule that never happens is searched up to the year 9999, which takes minutes, and a hostile file may hold
    thousands. The calendar repeats itself every 400 years: so it is asked as late as possible.
    """
    parts = [part for part in rule.split(";") if part and part.partition("=")[0].upper() not in ("COUNT", "UNTIL")]
    later = 400 * ((9599 - first.year) // 400)
    try:
        found = next(iter(rrulestr(";".join(parts), dtstart=first.replace(year=first.year + later))), None)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return first  # A rule that cannot be followed is refused later, with the reason.
    return found.replace(year=found.year - later) if found is not None else None
