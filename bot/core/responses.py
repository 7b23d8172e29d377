"""How quickly somebody is answered, in buckets: exact enough to read, and no single message's time is kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import timedelta

BOUNDS: tuple[timedelta, ...] = tuple(
    timedelta(minutes=minutes)
    for minutes in (
        *(1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45),
        *(60 * hours for hours in (1, 1.5, 2, 3, 4, 6, 8, 12, 18)),
        *(24 * 60 * days for days in (1, 2, 3, 4, 5, 7, 10, 14, 21, 28)),
    )
)
"""The upper ends of the buckets, each included; what took longer is in one more."""

_MICROS = [bound // timedelta(microseconds=1) for bound in BOUNDS]


def bucket_of(micros: int) -> int:
    """The bucket of a response that took so many microseconds; what came before the message took none."""
    return bisect_left(_MICROS, micros)


def within(buckets: Mapping[int, int], share: float) -> timedelta | None:
    """The shortest bound within which at least ``share`` of all responses came; None where there are none, or where
    that took longer than the longest bound."""
    total = sum(buckets.values())
    so_far = 0
    for number, bound in enumerate(BOUNDS):
        so_far += buckets.get(number, 0)
        if total and so_far >= share * total:
            return bound
    return None
