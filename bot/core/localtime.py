"""Wall-clock time: a moment in somebody's zone, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def known_zone(name: str, fallback: str) -> str:
    """``name`` when it is an IANA zone, else ``fallback``: platforms also send empty or invented names."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return fallback
    return name


def local_moment(day: date, at: time, zone: str) -> datetime:
    """``at`` on ``day`` in ``zone`` as aware UTC; in a skipped hour the moment the clocks jump to or after it, in a
    repeated hour the first of the two."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def local_date(moment: datetime, zone: str) -> date:
    """The date of the aware ``moment`` in ``zone``."""
    return moment.astimezone(ZoneInfo(zone)).date()
