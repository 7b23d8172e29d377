"""Spans of time as people type them: “2h”, “30 min”, “3 days”, “1 semaine”."""

from __future__ import annotations

import re
from datetime import timedelta

_SPAN = re.compile(r"(\d{1,4})\s*([a-z]+)")
_UNITS = {
    timedelta(minutes=1): ("m", "mn", "min", "mins", "minute", "minutes"),
    timedelta(hours=1): ("h", "hour", "hours", "heure", "heures"),
    timedelta(days=1): ("d", "day", "days", "j", "jour", "jours"),
    timedelta(weeks=1): ("w", "week", "weeks", "s", "sem", "semaine", "semaines"),
}
_KNOWN = {name: unit for unit, names in _UNITS.items() for name in names}


def read_span(text: str) -> timedelta | None:
    """The span of a number and a unit, in English or French; None for anything else, or for nothing at all."""
    match = _SPAN.fullmatch(text.strip().casefold())
    unit = _KNOWN.get(match.group(2)) if match else None
    if match is None or unit is None or int(match.group(1)) == 0:
        return None
    return int(match.group(1)) * unit
