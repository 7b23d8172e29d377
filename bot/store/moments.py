"""How moments are kept: one type of column for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for a moment without a zone, whose meaning nobody knows."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stored")
    return (moment - EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The moment, aware UTC, of these microseconds since 1970."""
    return EPOCH + number * _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware moment, which comes back aware and in UTC.

    It is kept as microseconds since 1970: whole numbers compare and divide alike in every database, so the grouping
    by week or hour needs no SQL of one database only.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)
