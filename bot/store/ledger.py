"""The ledger as features read it: what was, is and will be delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, select

from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.ledger import Decision, Pause, Query
from bot.core.policy import Attention, start_of_day
from bot.core.ports import Ledger
from bot.core.refs import ChannelRef, MessageRef, Place, WorkspaceRef, place_key
from bot.store import decisions, pausing, tables
from bot.store.database import Database
from bot.store.deliveries import ARRIVED, UNASKED, begins, to_delivery

_columns = tables.deliveries.c
_NO_HOME = _columns.verb != Verb.HOME.value
"""What a member's home shows is said to nobody."""


class StoredLedger(Ledger):
    """The ledger in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(
        self, workspace: WorkspaceRef, *, feature: str = "", state: State | None = None, limit: int = 20
    ) -> Sequence[Delivery]:
        where = [_columns.workspace == str(workspace), _NO_HOME]
        if feature:
            where.append(_columns.feature == feature)
        if state is not None:
            where.append(_columns.state == state.value)
        return await self._find(limit, *where)

    async def find(self, workspace: WorkspaceRef, key: str) -> Delivery | None:
        found = await self._find(1, _columns.workspace == str(workspace), _columns.key == key)
        return found[0] if found else None

    async def sent_as(self, workspace: WorkspaceRef, channel: ChannelRef, message_id: str) -> Delivery | None:
        found = await self._find(
            1,
            _columns.sent_as == str(MessageRef(channel, message_id)),
            _columns.workspace == str(workspace),
            _columns.verb == Verb.SEND.value,
        )
        return found[0] if found else None

    async def attention(self, place: Place, now: datetime, zone: str) -> Attention:
        """What may have arrived counts as well: the budget is there for people, so doubt is on their side."""
        today, welcome = _columns.out_at >= start_of_day(now, zone), _columns.kind == Kind.WELCOME.value
        statement = select(
            func.count(case((today, 1))),
            func.count(),
            func.count(case((and_(today, welcome), 1))),
            func.count(case((welcome, 1))),
        ).where(
            _columns.place == place_key(place),
            _columns.out_at > now - timedelta(days=7),
            _columns.out_at <= now,
            _columns.verb == Verb.SEND.value,
            _columns.kind.in_(UNASKED),
            _columns.state.in_([*ARRIVED, State.SENDING.value, State.UNCERTAIN.value]),
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one())
        return Attention(*row)

    async def held_back(self, workspace: WorkspaceRef, since: datetime) -> Mapping[str, int]:
        """``since`` is compared with the last moment for which the delivery was due."""
        statement = (
            select(_columns.reason, func.count())
            .where(
                _columns.state == State.HELD_BACK.value,
                _columns.due >= since,
                _columns.workspace == str(workspace),
                _NO_HOME,
            )
            .group_by(_columns.reason)
            .order_by(_columns.reason)
        )
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(statement)})

    async def search(self, query: Query) -> Sequence[Delivery]:
        where: list[ColumnElement[bool]] = [_NO_HOME]
        if query.workspace is not None:
            where.append(_columns.workspace == str(query.workspace))
        if query.place is not None:
            where.append(_columns.place == place_key(query.place))
        if query.features:
            where.append(_columns.feature.in_(query.features))
        if query.states:
            where.append(_columns.state.in_([state.value for state in query.states]))
        if query.since is not None:
            where.append(func.coalesce(_columns.out_at, _columns.due) >= query.since)
        if query.prefix:
            where.append(_columns.key.startswith(query.prefix, autoescape=True))
        if query.before:
            where.append(_columns.id < query.before)
        if not query.answers:
            where.append(_columns.kind != Kind.ANSWER.value)
        if query.undecided:
            where.append(~decisions.dropped())
        return await self._find(query.limit, *where)

    async def numbered(self, workspace: WorkspaceRef, number: int) -> Delivery | None:
        found = await self._find(1, _columns.id == number, _columns.workspace == str(workspace))
        return found[0] if found else None

    async def decisions(self, numbers: Sequence[int]) -> Mapping[int, Decision]:
        return await self._database.read(lambda connection: decisions.latest(connection, numbers))

    async def for_digest(self, place: Place, now: datetime) -> Sequence[Delivery]:
        statement = (
            select(tables.deliveries)
            .where(
                _columns.place == place_key(place),
                _columns.reason == "for_digest",
                _columns.due <= now,
                decisions.waiting(),
            )
            .order_by(_columns.priority, _columns.id)
        )
        return await self._database.read(lambda connection: [to_delivery(row) for row in connection.execute(statement)])

    async def coming(self, place: Place, until: datetime) -> Mapping[Kind, int]:
        statement = (
            select(_columns.kind, func.count())
            .where(
                _columns.place == place_key(place),
                _columns.due <= until,
                _columns.verb == Verb.SEND.value,
                decisions.waiting(),
            )
            .group_by(_columns.kind)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {Kind(row[0]): row[1] for row in rows}

    async def paused(self, workspace: WorkspaceRef, now: datetime) -> Pause | None:
        return await self._database.read(lambda connection: pausing.in_force(connection, workspace, now))

    async def under(
        self, workspace: WorkspaceRef, prefix: str, *, state: State | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Delivery]:
        where = [*begins(workspace, prefix), _columns.id > after]
        if state is not None:
            where.append(_columns.state == state.value)
        statement = select(tables.deliveries).where(*where).order_by(_columns.id).limit(limit)
        return await self._database.read(lambda connection: [to_delivery(row) for row in connection.execute(statement)])

    async def tally(self, workspace: WorkspaceRef, prefix: str) -> Mapping[State, int]:
        statement = (
            select(_columns.state, func.count())
            .where(*begins(workspace, prefix), _columns.verb == Verb.SEND.value)
            .group_by(_columns.state)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {State(row[0]): row[1] for row in rows}

    async def _find(self, limit: int, *where: ColumnElement[bool]) -> list[Delivery]:
        statement = select(tables.deliveries).where(*where).order_by(_columns.id.desc()).limit(limit)
        return await self._database.read(lambda connection: [to_delivery(row) for row in connection.execute(statement)])
