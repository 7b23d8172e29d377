"""Which IANA zone a TZID means: Outlook writes Windows' names, others paths, and some a name of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from bot.core.localtime import is_zone
from bot.ical.blocks import Block

_SAMPLES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=11 * number) for number in range(100)]
"""Moments over three years, at which two zones that are the same must agree."""


class Zones:
    """The zones of one file. ``fallback``: the zone tried first where only the rules of the clock are known."""

    def __init__(self, blocks: Iterable[Block], fallback: str) -> None:
        self._fallback = fallback
        self._described = {name: block for block in blocks if (name := _property(block.lines, "TZID"))}
        self._found: dict[str, str] = {}

    def named(self, tzid: str) -> str:
        """The IANA name for ``tzid``; empty when nothing says which is meant."""
        if tzid not in self._found:
            self._found[tzid] = self._find(tzid)
        return self._found[tzid]

    def _find(self, tzid: str) -> str:
        block = self._described.get(tzid)
        location = _property(block.lines, "X-LIC-LOCATION") if block is not None else ""
        for name in (tzid, location):
            if found := _by_name(name.strip().strip('"')):
                return found
        return self._by_rules(block) if block is not None else ""

    def _by_rules(self, block: Block) -> str:
        """The first known zone whose clocks show the same as the one the file describes."""
        try:
            described = Timezone.from_ical(block.text)
            offsets = _offsets(described.to_tz()) if isinstance(described, Timezone) else []
        except Exception:
            # Whatever a stranger's file makes the library stumble over, the zone is then not known.
            return ""
        candidates: Sequence[str] = (self._fallback, *WINDOWS_TO_OLSON.values())
        return next((name for name in candidates if is_zone(name) and _offsets(ZoneInfo(name)) == offsets), "")


def _by_name(name: str) -> str:
    """``Europe/Paris``, ``/mozilla.org/20050126_1/Europe/Paris``, ``Romance Standard Time``, ``Z``."""
    if name in ("Z", "GMT", "Etc/UTC", "Coordinated Universal Time"):
        return "UTC"
    if name in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[name]
    parts = re.sub(r"\s", "_", name).strip("/").split("/")
    for length in (3, 2, 1):
        tail = "/".join(parts[-length:])
        if length <= len(parts) and re.fullmatch(r"[A-Za-z0-9_+\-/]+", tail) and is_zone(tail):
            return tail
    return ""


def _offsets(zone: tzinfo) -> list[timedelta | None]:
    # Asked at local times, as a zone made from a file may not know how to go back from UTC.
    return [moment.replace(tzinfo=zone).utcoffset() for moment in _SAMPLES]


def _property(lines: Sequence[str], name: str) -> str:
    for line in lines:
        head, _, value = line.partition(":")
        if head.partition(";")[0].strip().upper() == name:
            return value.strip()
    return ""
