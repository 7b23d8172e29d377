"""Wall-clock time: a moment in somebody's zone, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECOND = timedelta(seconds=1)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def known_zone(name: str, fallback: str) -> str:
    """``name`` when it is an IANA zone, else ``fallback``: platforms also send empty or invented names."""
    return name if is_zone(name) else fallback


def instant(local: datetime, zone: str) -> datetime:
    """The aware UTC moment of the naive ``local`` in ``zone``.

    A time that exists twice is its first; one that does not exist is the next that does (02:30 becomes 03:00 where the
    clock jumps from 02:00 to 03:00).
    """
    tz = ZoneInfo(zone)
    moment = local.replace(tzinfo=tz).astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == local:
        return moment
    # In the gap the two readings of the time lie on either side of the change.
    return clock_change(local.replace(tzinfo=tz, fold=1).astimezone(UTC), moment, zone)


def clock_change(before: datetime, after: datetime, zone: str) -> datetime:
    """The first moment of the new time, where the clocks of ``zone`` change once between two aware UTC moments."""
    tz = ZoneInfo(zone)
    offset = after.astimezone(tz).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(tz).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def local_moment(day: date, at: time, zone: str) -> datetime:
    """``at`` on ``day`` in ``zone`` as aware UTC, as :func:`instant` reads it."""
    return instant(datetime.combine(day, at), zone)


def local_date(moment: datetime, zone: str) -> date:
    """The date of the aware ``moment`` in ``zone``."""
    return moment.astimezone(ZoneInfo(zone)).date()
