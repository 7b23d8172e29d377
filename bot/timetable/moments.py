"""From the clock on the wall to the moment it means: what a local time is on the days the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def known_zone(name: str) -> bool:
    """Whether there is a time zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def instant(local: datetime, zone: str) -> datetime:
    """The aware UTC moment of the naive ``local`` in ``zone``.

    A time that exists twice is its first; one that does not exist is the next that does (02:30 becomes 03:00 where the
    clock jumps from 02:00 to 03:00).
    """
    tz = ZoneInfo(zone)
    moment = local.replace(tzinfo=tz).astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == local:
        return moment
    # In the gap the two readings of the time lie on either side of the change, which is then found by halving.
    before, after = local.replace(tzinfo=tz, fold=1).astimezone(UTC), moment
    offset = after.astimezone(tz).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(tz).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
