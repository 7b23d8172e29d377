"""When an item goes out, as it is picked in a form: how often, from which day, at what time; and as it is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.calendar import Item, When
from bot.core.forms import listed, several
from bot.core.localtime import instant
from bot.core.written import parse_moment

REPEATS = ("once", "daily", "workdays", "weekly", "monthly", "other")
"""How often: once, every day, every working day, weekly on the days ticked, monthly on that date, or in words."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOCAL = "local"
"""By the clock of each channel and person, where others go by that of one zone."""
PICKS = ("repeat", "day", "time", "days", "clock")
"""The fields that are picked; ``when`` holds what is written."""
LAST_OF_EVERY_MONTH = 28
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EVERY = {"daily": "day", "workdays": "weekday"}
_MAIN = frozenset({"every", "chaque", "on", "le", "week", "semaine", "rrule", "before", "avant", "after", "après"})
_MAIN |= {"apres"}
"""What says by itself when an item goes out; other lines narrow it down."""
LINES = (
    _MAIN
    | {"at", "à", "a", "from", "depuis", "until", "except", "jusqu'au", "jusqu’au", "sauf", "also", "aussi"}
    | {"holidays", "fériés", "feries", "zone", "missed", "grace"}
)
_SEVERAL = frozenset({"except", "sauf", "also", "aussi"})


class Wrong(Exception):
    """What is picked cannot be: ``field`` says where, ``key`` what, among the words of editing.yaml."""

    def __init__(self, field: str, key: str) -> None:
        super().__init__(key)
        self.field, self.key = field, key


def written_when(item: Item) -> str:
    """When the item goes out, as it may be written into the form again: one ``name: value`` a line."""
    pieces = re.split(rf", (?=(?:{'|'.join(sorted(LINES))}): )", item.said)
    lines = [piece for piece in pieces if piece]
    if item.zone:
        lines.append(f"zone: {item.zone}")
    if item.missed != "late":
        lines.append(f"missed: {item.missed}")
    return "\n".join(lines)


def parse_when(text: str, now: datetime, zone: str) -> dict[str, Any]:
    """``every: monday 09:30`` and more lines like it, or ``monday 09:30``, ``2026-12-18 10:00``, ``01/12/2026 10:00``
    and ``now``, as a file would have it. A moment alone is the writer's own time, in ``zone``."""
    moment = parse_moment(text, now, zone)
    if moment is not None:
        # A post is planned by the minute, and for one that is still to come.
        minute = moment if moment > now else now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        local = minute.astimezone(ZoneInfo(zone))
        return {"on": f"{local:%Y-%m-%d %H:%M}", "zone": zone}
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        known = name.strip().casefold()
        if colon and known in LINES:
            found[known] = [each.strip() for each in value.split(",")] if known in _SEVERAL else value.strip()
        elif line.strip():
            found.setdefault("every", line.strip())
    return found


# From an item to what is picked


def picks_of(item: Item, zone: str) -> dict[str, str]:
    """The picks (and what is left to write, under ``when``) that say when the item goes out. ``zone``: of whoever fills
    in the form, in which a single moment is shown where it is one for everybody."""
    when = item.when
    if when == When():  # A draft that says no moment yet.
        return {"repeat": "once"}
    picked = {"repeat": "other", "when": written_when(item), "clock": item.zone or LOCAL}
    if when.once is not None:
        local = when.once
        if item.zone:
            local = instant(local, item.zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            picked["clock"] = zone
        picked |= {"repeat": "once", "day": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}"}
    elif (repeat := _repeat(when)) and when.at is not None:
        picked |= {"repeat": repeat, "time": f"{when.at:%H:%M}"}
        if repeat == "monthly":
            picked["day"] = f"{_day_of_month(when):%Y-%m-%d}"
        elif when.start is not None:
            picked["day"] = f"{when.start:%Y-%m-%d}"
        if repeat == "weekly":
            picked["days"] = listed(WEEKDAYS[_CODES.index(code)] for code in _rule(when)["BYDAY"].split(","))
    if picked["repeat"] != "other":
        left_out = _MAIN | {"from", "depuis", "zone"}
        lines = picked["when"].splitlines()
        picked["when"] = "\n".join(line for line in lines if line.partition(":")[0].strip() not in left_out)
    return picked


def _rule(when: When) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in when.rrule.upper().removeprefix("RRULE:").split(";") if part)


def _repeat(when: When) -> str:
    """Which of :data:`REPEATS` the rule is; empty when it is none of them."""
    parts = _rule(when)
    if parts.pop("INTERVAL", "1") != "1":
        return ""
    if parts == {"FREQ": "DAILY"}:
        return "daily"
    if parts.keys() == {"FREQ", "BYDAY"} and parts["FREQ"] == "WEEKLY":
        days = parts["BYDAY"].split(",")
        return "workdays" if days == list(_CODES[:5]) else "weekly" if set(days) <= set(_CODES) else ""
    if parts.keys() == {"FREQ", "BYMONTHDAY"} and parts["FREQ"] == "MONTHLY" and parts["BYMONTHDAY"].isdecimal():
        return "monthly"
    return ""


def _day_of_month(when: When) -> date:
    """A day that shows which day of the month is meant: the first one since the rule starts, or of a January."""
    day = int(_rule(when)["BYMONTHDAY"])
    first = (when.start or date(2024, 1, 1)).replace(day=1)
    while True:
        try:
            shown = first.replace(day=day)
        except ValueError:
            shown = date.min
        if shown >= (when.start or first):
            return shown
        first = (first + timedelta(days=32)).replace(day=1)


# From what is picked to what a file would have


def read_picks(
    fields: Mapping[str, str], now: datetime, zone: str, shown: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """When the item goes out, as a file would have it, from what is picked and written; empty when nothing says it.
    Raises Wrong. ``zone``: of whoever filled in the form. ``shown``: what the form held when it was opened; whoever
    writes something else and leaves the picks as they were means what they wrote."""
    repeat, words = fields.get("repeat", "").strip(), fields.get("when", "").strip()
    picked = repeat in REPEATS and repeat != "other" and any(fields.get(name, "").strip() for name in ("day", "time"))
    written = parse_when(words, now, zone) if words else {}
    says_it = bool(_MAIN & written.keys())
    if not picked and not (repeat in REPEATS[1:-1] and not says_it):
        return _in_words(fields, written, says_it, zone)
    if says_it:
        if shown is None or any(fields.get(name, "") != shown.get(name, "") for name in PICKS if name in fields):
            raise Wrong("when", "said_twice")
        return _in_words(fields, written, says_it, zone)
    return {**_picked(repeat, fields, now, zone), **written}


def _in_words(fields: Mapping[str, str], written: dict[str, Any], says_it: bool, zone: str) -> dict[str, Any]:
    clock = fields.get("clock", "").strip()
    if not says_it:
        return {}
    moment = "on" in written and "zone" in written
    return {**({"zone": clock} if clock not in ("", LOCAL) and not moment else {}), **written}


def _picked(repeat: str, fields: Mapping[str, str], now: datetime, zone: str) -> dict[str, Any]:
    at, day = _time(fields.get("time", "")), _day(fields.get("day", ""), required=repeat in ("once", "monthly"))
    clock = fields.get("clock", "").strip() or (zone if repeat == "once" else LOCAL)
    found: dict[str, Any] = {} if clock == LOCAL else {"zone": clock}
    if repeat == "once" and day is not None:
        where = zone if clock == LOCAL else clock
        if instant(datetime.combine(day, at), where) <= now.astimezone(UTC) and clock != LOCAL:
            raise Wrong("day", "is_past")
        return {**found, "on": f"{day:%Y-%m-%d} {at:%H:%M}"}
    # What is repeated from a day that has passed is repeated from now on.
    if day is not None and day > now.astimezone(ZoneInfo(zone)).date():
        found["from"] = f"{day:%Y-%m-%d}"
    if repeat == "monthly" and day is not None:
        if day.day > LAST_OF_EVERY_MONTH:
            raise Wrong("day", "not_every_month")
        return {**found, "every": f"month on the {day.day} {at:%H:%M}"}
    if repeat == "weekly":
        days = [each for each in several(fields.get("days", "").casefold()) if each in WEEKDAYS]
        if not days and day is not None:
            days = [WEEKDAYS[day.weekday()]]
        if not days:
            raise Wrong("days", "no_days")
        return {**found, "every": f"{listed(sorted(days, key=WEEKDAYS.index))} {at:%H:%M}"}
    return {**found, "every": f"{_EVERY[repeat]} {at:%H:%M}"}


def _time(text: str) -> time:
    found = re.fullmatch(r"(\d{1,2})(?:[:h](\d{2})?)?(?::00)?", text.strip().casefold())
    if found is None:
        raise Wrong("time", "no_time")
    try:
        return time(int(found[1]), int(found[2] or 0))
    except ValueError:
        raise Wrong("time", "no_time") from None


def _day(text: str, *, required: bool) -> date | None:
    """``2026-12-01`` or ``01/12/2026``."""
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text.strip())
    french = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text.strip())
    if not text.strip() and not required:
        return None
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if french:
            return date(int(french[3]), int(french[2]), int(french[1]))
    except ValueError:
        pass
    raise Wrong("day", "no_day_given")


def clocks(item: Item | None, own: str, zones: Collection[str]) -> Sequence[str]:
    """The zones by whose clock the item may go (``own`` first), and :data:`LOCAL`; none where everybody, in ``zones``,
    has the same."""
    offered = list(dict.fromkeys([own, *([item.zone] if item is not None and item.zone else [])]))
    return [*offered, LOCAL] if {*offered, *zones} != {own} else []
