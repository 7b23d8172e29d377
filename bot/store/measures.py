"""Figures over the signals, read from the raw rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, func, select, type_coerce

from bot.core.ports import Measures
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import THRESHOLD, DayCount, Response, What
from bot.store import tables
from bot.store.database import Database
from bot.store.moments import EPOCH
from bot.store.response import response
from bot.store.roster import keys_of
from bot.store.secrecy import Keys

SPEAKING = (What.POSTED, What.REPLIED)

_QUARTER = 15 * 60 * 1_000_000
"""A quarter of an hour in microseconds: every zone's midnight falls on one."""

_signals = tables.signals.c


def _is(*kinds: What) -> ColumnElement[bool]:
    return _signals.what.in_([kind.value for kind in kinds])


class StoredMeasures(Measures):
    """Counts from the database."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def days(self, channel: ChannelRef, since: date, until: date, zone: str) -> Sequence[DayCount]:
        tz = ZoneInfo(zone)
        start = datetime.combine(since, time(0), tz)
        end = datetime.combine(until + timedelta(days=1), time(0), tz)
        quarter = type_coerce(_signals.at, BigInteger) // _QUARTER
        statement = (
            select(quarter, func.count())
            .where(
                _signals.workspace == str(channel.workspace),
                _signals.channel == str(channel),
                _signals.at >= start,
                _signals.at < end,
                _is(*SPEAKING),
            )
            .group_by(quarter)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        messages: Counter[date] = Counter()
        for number, count in rows:
            messages[(EPOCH + timedelta(microseconds=number * _QUARTER)).astimezone(tz).date()] += count
        span = (until - since).days + 1
        return [DayCount(day, messages[day]) for day in (since + timedelta(days=ahead) for ahead in range(span))]

    async def did(self, member: MemberRef, what: What, since: datetime) -> bool:
        def work(connection: Connection) -> bool:
            statement = (
                select(_signals.id)
                .where(
                    _signals.workspace == str(member.workspace),
                    _signals.member_key.in_(keys_of(connection, self._keys, member)),
                    _signals.at >= since,
                    _is(what),
                )
                .limit(1)
            )
            return connection.scalar(statement) is not None

        return await self._database.read(work)

    async def counts(self, workspace: WorkspaceRef, what: What, since: datetime) -> Mapping[str, int]:
        statement = (
            select(_signals.about, func.count())
            .where(_signals.workspace == str(workspace), _is(what), _signals.at >= since)
            .group_by(_signals.about)
            .order_by(_signals.about)
        )
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(statement)})

    async def last_signal_at(self, workspace: WorkspaceRef) -> datetime | None:
        statement = select(func.max(_signals.at)).where(_signals.workspace == str(workspace))
        return await self._database.read(lambda connection: connection.scalar(statement))

    async def first_signal_at(self, channel: ChannelRef) -> datetime | None:
        statement = select(func.min(_signals.at)).where(_signals.channel == str(channel))
        return await self._database.read(lambda connection: connection.scalar(statement))

    async def workspaces(self) -> Sequence[WorkspaceRef]:
        found = await self._database.read(lambda connection: _distinct(connection, _signals.workspace))
        return [WorkspaceRef.parse(text) for text in found]

    async def response(
        self,
        workspace: WorkspaceRef,
        posts: Mapping[int, datetime],
        within: timedelta,
        *,
        threshold: int = THRESHOLD,
    ) -> Response:
        few = max(threshold, THRESHOLD)
        return await self._database.read(lambda connection: response(connection, workspace, posts, within, few))


def _distinct(connection: Connection, column: ColumnElement[str], *where: ColumnElement[bool]) -> list[str]:
    """The column's values in order, by hopping along its index: a few steps instead of reading every signal."""
    found: list[str] = []
    last = ""
    while True:
        value = connection.scalar(select(func.min(column)).where(*where, column > last))
        if value is None:
            return found
        found.append(value)
        last = value
