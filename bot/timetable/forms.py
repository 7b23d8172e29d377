"""The plain forms of schedules/*.yaml: ``every: monday 09:30``, ``chaque: 2 semaines le mardi 14:00`` and the like.

English and French words may stand in either key. A year's day is month-day after “year” and day-month after “an”, as
each language has it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from bot.core.calendar import When
from bot.core.errors import BadInput

WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "mon", "lundi", "lun"),
            ("tuesday", "tue", "mardi", "mar"),
            ("wednesday", "wed", "mercredi", "mer"),
            ("thursday", "thu", "jeudi", "jeu"),
            ("friday", "fri", "vendredi", "ven"),
            ("saturday", "sat", "samedi", "sam"),
            ("sunday", "sun", "dimanche", "dim"),
        )
    )
    for name in names
}
"""The days' names without accents, Monday 0."""
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "janvier"),
            ("february", "fevrier"),
            ("march", "mars"),
            ("april", "avril"),
            ("may", "mai"),
            ("june", "juin"),
            ("july", "juillet"),
            ("august", "aout"),
            ("september", "septembre"),
            ("october", "octobre"),
            ("november", "novembre"),
            ("december", "decembre"),
        ),
        start=1,
    )
    for name in names
}
_ORDINALS = {
    name: number
    for number, names in (
        (1, ("first", "1st", "premier", "1er")),
        (2, ("second", "2nd", "deuxieme", "2e")),
        (3, ("third", "3rd", "troisieme", "3e")),
        (4, ("fourth", "4th", "quatrieme", "4e")),
        (-1, ("last", "dernier")),
    )
    for name in names
}
_UNITS = {"hour": "hours", "heure": "hours", "h": "hours", "minute": "minutes", "min": "minutes", "m": "minutes"}
_UNITS |= {"day": "days", "jour": "days", "d": "days", "j": "days", "week": "weeks", "semaine": "weeks", "w": "weeks"}

EXAMPLES = (
    "write for example “monday 09:30”, “weekday 09:00”, “day 09:00”, “2 weeks on tuesday 14:00”, "
    "“month on the first monday 10:00”, “month on the 15 10:00” or “year on 06-21 10:00”"
)


def _any(names: dict[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


_DAY = rf"(?:{_any(WEEKDAYS)})s?"
_CLOCK = r"(?:(?:at|a) )?(?P<hour>\d{1,2})(?::(?P<minute>\d{2})|h(?P<minutes>\d{2})?)"
_ON = r"(?:(?:on|le|les) )?(?:the )?"
_N = r"(?:(?P<n>\d{1,3}) )?"


def plain(text: object) -> str:
    """``text`` in lower case without accents, with single spaces: how names and forms are compared."""
    bare = unicodedata.normalize("NFD", str(text).casefold().replace("’", "'"))
    return " ".join("".join(letter for letter in bare if not unicodedata.combining(letter)).split())


def clock(text: object) -> time:
    """A time of day: ``09:30``, ``9:30``, ``9h30``, ``9h``. Raises BadInput."""
    if isinstance(text, time):
        return text
    found = re.fullmatch(_CLOCK, plain(text))
    if found is None:
        raise BadInput(f"“{text}” is not a time such as 09:30")
    return _clock(found)


def _clock(found: re.Match[str]) -> time:
    try:
        return time(int(found["hour"]), int(found["minute"] or found["minutes"] or 0))
    except ValueError:
        raise BadInput(f"“{found['hour']}:{found['minute'] or '00'}” is not a time of day") from None


def duration(text: object) -> timedelta:
    """``2h``, ``1h30``, ``45 min``, ``3 days``, ``2 semaines`` and sums of them. Raises BadInput."""
    words = plain(text)
    total, rest = timedelta(), words
    while found := re.match(r"(\d{1,6}(?:[.,]\d+)?) ?([a-z]+?)s?(?=[\d ]|$)(?: ?(?:and|et))? ?", rest):
        unit = _UNITS.get(found[2])
        if unit is None:
            break
        total += timedelta(**{unit: float(found[1].replace(",", "."))})
        rest = rest[found.end() :]
        if unit == "hours" and re.fullmatch(r"\d{2}", rest):
            total, rest = total + timedelta(minutes=int(rest)), ""
    if rest or not words:
        raise BadInput(f"“{text}” is not a duration such as 2h, 30 min or 3 days")
    return total


def day(text: object) -> date:
    """A date: ``2027-01-31``. Raises BadInput."""
    if isinstance(text, datetime):
        raise BadInput("must be a date without a time, such as 2027-01-31")
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(str(text).strip())
    except ValueError:
        raise BadInput(f"“{text}” is not a date such as 2027-01-31") from None


def once(text: object) -> When:
    """A single moment: ``2026-12-18 10:00``. Raises BadInput."""
    if isinstance(text, datetime):
        if text.tzinfo is not None:
            raise BadInput("holds a zone: write the time on the clock, and the zone under zone:")
        return When(once=text.replace(second=0, microsecond=0))
    found = re.fullmatch(rf"(\d{{4}}-\d{{2}}-\d{{2}})[t ]{_CLOCK}", plain(text))
    if found is None:
        raise BadInput(f"“{text}” is not a date and a time such as 2026-12-18 10:00")
    return When(once=datetime.combine(day(found[1]), _clock(found)))


def launch_week(text: object, starts: date | None) -> When:
    """A moment of a launch: ``3 tuesday 10:00``. ``starts``: its first Monday, None for the installation's."""
    found = re.fullmatch(rf"(?:(?:week|semaine) )?(?P<n>\d{{1,3}}) {_ON}(?P<day>{_DAY}) {_CLOCK}", plain(text))
    if found is None:
        raise BadInput(f"“{text}” is not a week, a day and a time such as 3 tuesday 10:00")
    week = int(found["n"])
    if not 1 <= week <= 520:
        raise BadInput("weeks count from 1 to 520")
    return When(week=week, weekday=_weekday(found["day"]), at=_clock(found), start=starts)


def every(text: object) -> When:
    """What follows ``every:``, as a rule. Raises BadInput."""
    words = plain(text)
    for pattern, rule in _FORMS:
        found = re.fullmatch(f"{pattern} {_CLOCK}", words)
        if found is not None:
            return When(rrule=rule(found), at=_clock(found))
    raise BadInput(f"“{text}” is not understood")


def _weekday(name: str) -> int:
    return WEEKDAYS[name] if name in WEEKDAYS else WEEKDAYS[name.removesuffix("s")]


def _rule(frequency: str, found: re.Match[str], days: str = "") -> str:
    parts = [f"FREQ={frequency}"]
    if found.groupdict().get("n"):
        parts.append(f"INTERVAL={int(found['n'])}")
    if days:
        parts.append(days)
    return ";".join(parts)


def _on_days(found: re.Match[str]) -> str:
    named = [_weekday(name) for name in re.findall(_DAY, found["days"])]
    return _rule("WEEKLY", found, "BYDAY=" + ",".join(_CODES[each] for each in sorted(set(named))))


def _nth_day(found: re.Match[str]) -> str:
    return _rule("MONTHLY", found, f"BYDAY={_ORDINALS[found['nth']]}{_CODES[_weekday(found['day'])]}")


def _day_of_month(found: re.Match[str]) -> str:
    number = int(found["number"])
    if not 1 <= number <= 28:
        raise BadInput(f"the {number} is not in every month: use 1 to 28, or “month on the last day”")
    return _rule("MONTHLY", found, f"BYMONTHDAY={number}")


def _in_year(found: re.Match[str], month: int, number: int) -> str:
    try:
        date(2023, month, number)  # Not a leap year: 29 February would be left out three years of four.
    except ValueError:
        raise BadInput(f"day {number} of month {month} is not in every year") from None
    return _rule("YEARLY", found, f"BYMONTH={month};BYMONTHDAY={number}")


_FORMS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (rf"(?P<days>{_DAY}(?:(?:, ?| and | et |, and ){_DAY})*)", _on_days),
    (r"(?:weekday|working day|jour ouvre|jour ouvrable)s?", lambda _: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    (rf"{_N}(?:day|jour)s?", lambda found: _rule("DAILY", found)),
    (rf"{_N}(?:week|semaine)s? {_ON}(?P<days>{_DAY}(?:(?:, ?| and | et |, and ){_DAY})*)", _on_days),
    (rf"{_N}(?:months?|mois) {_ON}(?P<nth>{_any(_ORDINALS)}) (?P<day>{_DAY})", _nth_day),
    (rf"{_N}(?:months?|mois) {_ON}(?:last day|dernier jour)", lambda found: _rule("MONTHLY", found, "BYMONTHDAY=-1")),
    (rf"{_N}(?:months?|mois) {_ON}(?P<number>\d{{1,2}})(?:st|nd|rd|th|er)?", _day_of_month),
    (
        rf"{_N}years? {_ON}(?P<month>\d{{1,2}})[-/](?P<number>\d{{1,2}})",
        lambda found: _in_year(found, int(found["month"]), int(found["number"])),
    ),
    (
        rf"{_N}(?:ans?|annees?) {_ON}(?P<number>\d{{1,2}})[-/](?P<month>\d{{1,2}})",
        lambda found: _in_year(found, int(found["month"]), int(found["number"])),
    ),
    (
        rf"{_N}(?:years?|ans?|annees?) {_ON}(?P<number>\d{{1,2}})(?:st|nd|rd|th|er)? (?P<month>{_any(_MONTHS)})",
        lambda found: _in_year(found, _MONTHS[found["month"]], int(found["number"])),
    ),
    (
        rf"{_N}years? {_ON}(?P<month>{_any(_MONTHS)}) (?P<number>\d{{1,2}})(?:st|nd|rd|th)?",
        lambda found: _in_year(found, _MONTHS[found["month"]], int(found["number"])),
    ),
)
