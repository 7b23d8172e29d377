"""Figures over the signals, read from the raw rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, select, type_coerce
from sqlalchemy.sql.selectable import Select

from bot.core.delivery import Verb
from bot.core.ports import Measures
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import THRESHOLD, DayCount, Figures, Response, WeekFigures, What
from bot.store import tables
from bot.store.database import Database
from bot.store.deliveries import ARRIVED, UNASKED
from bot.store.moments import EPOCH, micros
from bot.store.response import response
from bot.store.secrecy import Keys

ACTIVITY = (What.POSTED, What.REPLIED, What.REACTED, What.COMMAND)
"""What makes a member active."""

SPEAKING = (What.POSTED, What.REPLIED)
TAKING_PART = (What.POSTED, What.REPLIED, What.REACTED)
"""What makes a newcomer an activated one, within ``ACTIVATED_WITHIN`` of joining."""

ACTIVATED_WITHIN = timedelta(days=14)
MONTH = timedelta(days=28)
"""Four whole weeks, so that every month has as many weekends; also how long a silent channel has been silent."""

_QUARTER = 15 * 60 * 1_000_000
"""A quarter of an hour in microseconds: every zone's midnight falls on one."""

_WEEK = 7 * 24 * 3600 * 1_000_000
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)

_signals = tables.signals.c
_deliveries = tables.deliveries.c
_channels = tables.channels.c


def _is(*kinds: What) -> ColumnElement[bool]:
    return _signals.what.in_([kind.value for kind in kinds])


def _monday(moment: datetime) -> datetime:
    """The start, in UTC, of the ISO week in which ``moment`` lies."""
    day = moment.astimezone(UTC).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(0), UTC)


class StoredMeasures(Measures):
    """Figures from the database. A figure about fewer people than the threshold is None; about nobody it is 0."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def figures(
        self,
        workspace: WorkspaceRef,
        *,
        at: datetime,
        channel: ChannelRef | None = None,
        weeks: int = 4,
        threshold: int = THRESHOLD,
    ) -> Figures:
        """Active: distinct people who posted, replied, reacted or gave a command in the day, 7 or 28 days before
        ``at``. Newcomers: joined within 28 days before it, unknown before that; activated: took part within 14 days
        of joining. Totals are over the ``weeks`` ISO weeks, the last of which is the one of ``at``."""
        survey = _Survey(workspace, channel, at, weeks, max(threshold, THRESHOLD))
        return await self._database.read(survey.figures)

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
        statement = (
            select(_signals.id)
            .where(
                _signals.workspace == str(member.workspace),
                _signals.member_key == self._keys.of_member(member),
                _signals.at >= since,
                _is(what),
            )
            .limit(1)
        )
        return await self._database.read(lambda connection: connection.scalar(statement)) is not None

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


class _Survey:
    """One reading of all figures, within one transaction."""

    def __init__(
        self, workspace: WorkspaceRef, channel: ChannelRef | None, at: datetime, weeks: int, threshold: int
    ) -> None:
        self._workspace = workspace
        self._channel = channel
        self._at = at
        self._threshold = threshold
        self._mondays = [_monday(at) - timedelta(weeks=back) for back in range(max(weeks, 1) - 1, -1, -1)]

    def figures(self, connection: Connection) -> Figures:
        totals = self._totals(connection)
        newcomers, activated = self._newcomers(connection)
        posts = self._bot_posts(connection)
        return Figures(
            workspace=self._workspace,
            channel=self._channel,
            at=self._at,
            threshold=self._threshold,
            active_day=self._active(connection, timedelta(days=1)),
            active_week=self._active(connection, timedelta(days=7)),
            active_month=self._active(connection, MONTH),
            messages=totals[What.POSTED] + totals[What.REPLIED],
            replies=totals[What.REPLIED],
            reactions=totals[What.REACTED],
            commands=totals[What.COMMAND],
            newcomers=self._people(newcomers),
            newcomers_activated=self._people(activated),
            silent_channels=self._silent(connection),
            bot_posts=posts,
            replies_per_bot_post=totals[What.BOT_REPLIED] / posts if posts else None,
            asked=totals[What.ASKED],
            answered=totals[What.ANSWERED],
            unanswered=totals[What.UNANSWERED],
            helped=totals[What.HELPED],
            not_helped=totals[What.NOT_HELPED],
            weeks=self._weeks(connection),
        )

    def _people(self, number: int) -> int | None:
        return number if number == 0 or number >= self._threshold else None

    def _here(self, since: datetime) -> list[ColumnElement[bool]]:
        """Signals of the surveyed place after ``since`` (included), up to the surveyed moment."""
        where = [_signals.workspace == str(self._workspace), _signals.at >= since, _signals.at <= self._at]
        if self._channel is not None:
            where.append(_signals.channel == str(self._channel))
        return where

    def _active(self, connection: Connection, span: timedelta) -> int | None:
        statement = select(func.count(_signals.member_key.distinct())).where(
            *self._here(self._at - span), _is(*ACTIVITY)
        )
        return self._people(connection.scalar(statement) or 0)

    def _totals(self, connection: Connection) -> dict[What, int]:
        statement = select(_signals.what, func.count()).where(*self._here(self._mondays[0])).group_by(_signals.what)
        return {**dict.fromkeys(What, 0), **{What(what): number for what, number in connection.execute(statement)}}

    def _newcomers(self, connection: Connection) -> tuple[int, int]:
        """How many joined and were unknown before, and how many of them took part soon after."""
        joined = self._joined().cte("joined")
        number = connection.scalar(select(func.count()).select_from(joined)) or 0
        took_part = (
            select(_signals.id)
            .where(
                *self._here(self._at - MONTH),
                _signals.member_key == joined.c.member_key,
                _is(*TAKING_PART),
                type_coerce(_signals.at, BigInteger) >= joined.c.at,
                type_coerce(_signals.at, BigInteger) <= joined.c.at + ACTIVATED_WITHIN // timedelta(microseconds=1),
            )
            .exists()
        )
        activated = connection.scalar(select(func.count()).select_from(joined).where(took_part)) or 0
        return number, activated

    def _joined(self) -> Select[tuple[bytes, int]]:
        before = tables.signals.alias("before")
        known = (
            select(before.c.id)
            .where(
                before.c.workspace == _signals.workspace,
                before.c.member_key == _signals.member_key,
                before.c.at < self._at - MONTH,
                *([before.c.channel == str(self._channel)] if self._channel is not None else []),
            )
            .exists()
        )
        return (
            select(_signals.member_key, func.min(type_coerce(_signals.at, BigInteger)).label("at"))
            .where(*self._here(self._at - MONTH), _is(What.JOINED), _signals.member_key.is_not(None), ~known)
            .group_by(_signals.member_key)
        )

    def _silent(self, connection: Connection) -> tuple[str, ...]:
        """Names of the channels nobody spoke in for four weeks: neither by their last message nor by a signal."""
        spoken = (
            select(_signals.id)
            .where(
                _signals.workspace == str(self._workspace),
                _signals.channel == _channels.ref,
                _signals.at >= self._at - MONTH,
                _is(*SPEAKING),
            )
            .exists()
        )
        quiet = func.coalesce(type_coerce(_channels.last_message_at, BigInteger), 0) < micros(self._at - MONTH)
        statement = (
            select(_channels.name)
            .where(
                _channels.workspace == str(self._workspace),
                _channels.direct.is_(False),
                _channels.archived.is_(False),
                quiet,
                ~spoken,
                *([_channels.ref == str(self._channel)] if self._channel is not None else []),
            )
            .order_by(_channels.name)
        )
        return tuple(connection.scalars(statement))

    def _bot_posts(self, connection: Connection) -> int:
        """Unasked messages of the bot in channels, over the weeks."""
        place = (
            _deliveries.place == f"#{self._channel}"
            if self._channel is not None
            else _deliveries.place.startswith("#", autoescape=True)
        )
        statement = select(func.count()).where(
            _deliveries.workspace == str(self._workspace),
            _deliveries.out_at >= self._mondays[0],
            _deliveries.out_at <= self._at,
            _deliveries.state.in_(ARRIVED),
            _deliveries.verb == Verb.SEND.value,
            _deliveries.kind.in_(UNASKED),
            _deliveries.private.is_(False),
            place,
        )
        return connection.scalar(statement) or 0

    def _weeks(self, connection: Connection) -> tuple[WeekFigures, ...]:
        number = (type_coerce(_signals.at, BigInteger) - micros(_MONDAY)) // _WEEK
        statement = (
            select(
                number,
                func.count(case((_is(*ACTIVITY), _signals.member_key)).distinct()),
                func.count(case((_is(*SPEAKING), 1))),
                func.count(case((_is(What.REPLIED), 1))),
                func.count(case((_is(What.REACTED), 1))),
                func.count(case((_is(What.JOINED), 1))),
                func.count(case((_is(What.JOINED), _signals.member_key)).distinct()),
            )
            .where(*self._here(self._mondays[0]))
            .group_by(number)
        )
        found = {row[0]: row for row in connection.execute(statement)}
        weeks = []
        for monday in self._mondays:
            row = found.get((monday - _MONDAY).days // 7, (0, 0, 0, 0, 0, 0, 0))
            weeks.append(
                WeekFigures(
                    week=monday.date(),
                    active_members=self._people(row[1]),
                    messages=row[2],
                    replies=row[3],
                    reactions=row[4],
                    # Whoever was forgotten counts as a join of nobody: the doubt is on the side of the people.
                    joins=row[5] if row[5] == 0 or row[6] >= self._threshold else None,
                )
            )
        return tuple(weeks)
