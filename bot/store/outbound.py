"""The ledger as the outbox works through it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, func, literal, or_, select, update

from bot.core.delivery import Delivery, Receipt, State, Verb
from bot.core.leases import PLACE
from bot.core.ledger import TRIED_AGAIN, WAITING_REASONS
from bot.core.ports import Outbound
from bot.core.refs import Place, WorkspaceRef, place_key
from bot.store import tables
from bot.store.codec import SEALED
from bot.store.database import Database
from bot.store.deliveries import RESENDABLE, to_delivery, token_row
from bot.store.forgetting import forget_addressee
from bot.store.leases import SharedLeases
from bot.store.moments import Moment
from bot.store.sealing import opened
from bot.store.secrecy import Keys, Seal, Unreadable

_columns = tables.deliveries.c


class StoredOutbound(Outbound):
    """The ledger in the database, for one outbox or several."""

    def __init__(self, database: Database, keys: Keys, seal: Seal, leases: SharedLeases | None = None) -> None:
        """``seal`` closes the tokens. ``leases``: of the processes that share the database, if several do."""
        self._database = database
        self._keys = keys
        self._seal = seal
        self._leases = leases

    async def claim(
        self,
        now: datetime,
        limit: int = 200,
        busy: Collection[Place | WorkspaceRef] = (),
        only: Place | None = None,
    ) -> Sequence[Delivery]:
        if only is not None:
            return await self._database.read_batched(self._more, (place_key(only), now, limit))
        under_way = tables.deliveries.alias("under_way")
        blocked = (
            select(under_way.c.id)
            .where(under_way.c.state == State.SENDING.value, under_way.c.place == _columns.place)
            .exists()
        )
        statement = (
            select(tables.deliveries)
            .where(*_planned(busy), _columns.due <= now, ~blocked)
            .order_by(_columns.priority, _columns.id)
            .limit(limit)
        )
        return await self._read(statement, free=True)

    async def sending(self, delivery: Delivery, now: datetime) -> bool:
        return await self._database.write_batched(_sending, (delivery.id, now))

    async def sent(self, delivery: Delivery, receipt: Receipt, now: datetime) -> None:
        """A withdrawal that went out also marks what it withdrew as recalled."""
        await self._database.write_batched(self._sent, (delivery, receipt, now))

    def _sent(self, connection: Connection, items: Sequence[tuple[Delivery, Receipt, datetime]]) -> list[None]:
        rows = [
            {"number": delivery.id, "at": now, "known_as": str(receipt.message) if receipt.message else None}
            for delivery, receipt, now in items
        ]
        connection.execute(_SENT, sorted(rows, key=lambda row: cast(int, row["number"])))
        for delivery, _, _ in items:
            if delivery.verb is Verb.WITHDRAW and delivery.target is not None:
                connection.execute(_RECALL, {"known_as": str(delivery.target)})
            forget_addressee(connection, self._keys, delivery)
        return [None] * len(items)

    async def postpone(self, delivery: Delivery, until: datetime, reason: str) -> None:
        statement = (
            update(tables.deliveries)
            .where(_columns.id == delivery.id, _columns.state.in_([State.PLANNED.value, State.SENDING.value]))
            .values(
                state=State.PLANNED.value,
                due=until,
                reason=reason,
                out_at=None,
                attempts=_columns.attempts + (0 if reason in WAITING_REASONS else 1),
            )
        )
        await self._database.write(lambda connection: connection.execute(statement))

    async def close(self, delivery: Delivery, state: State, reason: str) -> None:
        def work(connection: Connection) -> None:
            _finish(connection, delivery, state=state.value, reason=reason)
            forget_addressee(connection, self._keys, delivery)

        await self._database.write(work)

    async def half_sent(self) -> Sequence[Delivery]:
        statement = select(tables.deliveries).where(_columns.state == State.SENDING.value).order_by(_columns.id)
        return await self._read(statement, free=True)

    async def resting(self, now: datetime) -> Sequence[Delivery]:
        statement = select(tables.deliveries).where(
            _columns.state == State.PLANNED.value, _columns.due > now, _columns.reason.in_(TRIED_AGAIN)
        )
        return await self._read(statement)

    async def next_due(self, busy: Collection[Place | WorkspaceRef] = ()) -> datetime | None:
        statement = select(func.min(_columns.due)).where(*_planned(busy))
        return await self._database.read(lambda connection: connection.scalar(statement.where(*self._free(connection))))

    async def _read(self, statement: Select[Any], *, free: bool = False) -> list[Delivery]:
        def work(connection: Connection) -> list[Delivery]:
            where = self._free(connection) if free else []
            return [self._opened(row) for row in connection.execute(statement.where(*where))]

        return await self._database.read(work)

    def _opened(self, row: Row[Any]) -> Delivery:
        """The delivery with its token; without, where it was sealed with another secret."""
        delivery = opened(self._keys, to_delivery(row))
        if row.token is None:
            return delivery
        try:
            token = self._seal.open(row.token, token_row(delivery.workspace, delivery.key))
        except Unreadable:
            return delivery
        return replace(delivery, token=token.decode())

    def _more(self, connection: Connection, items: Sequence[tuple[str, datetime, int]]) -> list[list[Delivery]]:
        """What comes next in each of several places, by the earliest of their moments, all of the same instant."""
        places = sorted({place for place, _, _ in items})
        values = {"places": places, "now": min(now for _, now, _ in items), "most": max(most for _, _, most in items)}
        found: dict[str, list[Delivery]] = {place: [] for place in places}
        blocked = set(connection.scalars(_UNDER_WAY, {"places": places}))
        for row in connection.execute(_FIRST, values):
            if row.place not in blocked:
                found[row.place].append(self._opened(row))
        return [found[place][:most] for place, _, most in items]

    def _free(self, connection: Connection) -> list[ColumnElement[bool]]:
        """Places that no other process works on."""
        return [] if self._leases is None else [self._leases.free(literal(PLACE) + _columns.place, connection)]


_DONE_WITH = case(
    (or_(_columns.private.is_(True), _columns.message.startswith(SEALED, autoescape=True)), None),
    else_=_columns.message,
)
"""What only one person was to see, or repeats what somebody wrote, is dropped with the end of its delivery."""
_SEND = (
    update(tables.deliveries)
    .where(_columns.id.in_(bindparam("numbers", expanding=True)), _columns.state == State.PLANNED.value)
    .values(state=State.SENDING.value, out_at=bindparam("at", type_=Moment))
    .returning(_columns.id)
)
_SENT = (
    update(tables.deliveries)
    .where(_columns.id == bindparam("number"))
    .values(
        state=State.SENT.value,
        reason="",
        out_at=bindparam("at", type_=Moment),
        sent_as=bindparam("known_as"),
        message=_DONE_WITH,
        token=None,
    )
)
_RECALL = (
    update(tables.deliveries)
    .where(
        _columns.sent_as == bindparam("known_as"),
        _columns.state == State.SENT.value,
        _columns.verb == Verb.SEND.value,
    )
    .values(state=State.RECALLED.value)
)


def _sending(connection: Connection, items: Sequence[tuple[int, datetime]]) -> list[bool]:
    """All of them at the latest of their moments, which are of the same instant."""
    numbers = sorted(number for number, _ in items)
    taken = set(connection.scalars(_SEND, {"numbers": numbers, "at": max(at for _, at in items)}))
    return [number in taken for number, _ in items]


_RANKED = (
    select(
        tables.deliveries,
        func.row_number().over(partition_by=_columns.place, order_by=(_columns.priority, _columns.id)).label("rank"),
    )
    .where(
        _columns.state == State.PLANNED.value,
        _columns.place.in_(bindparam("places", expanding=True)),
        _columns.due <= bindparam("now", type_=Moment),
    )
    .subquery()
)
_FIRST = select(_RANKED).where(_RANKED.c.rank <= bindparam("most")).order_by(_RANKED.c.rank)
_UNDER_WAY = select(_columns.place).where(
    _columns.state == State.SENDING.value, _columns.place.in_(bindparam("places", expanding=True))
)


def _planned(busy: Collection[Place | WorkspaceRef]) -> list[ColumnElement[bool]]:
    where = [_columns.state == State.PLANNED.value]
    workspaces = [str(each) for each in busy if isinstance(each, WorkspaceRef)]
    if len(workspaces) < len(busy):
        where.append(_columns.place.not_in([place_key(each) for each in busy if not isinstance(each, WorkspaceRef)]))
    if workspaces:
        where.append(_columns.workspace.not_in(workspaces))
    return where


def _finish(connection: Connection, delivery: Delivery, **values: Any) -> None:
    """What may not have arrived is kept for a while, so that it can be sent again (the housekeeping drops it then)."""
    if values["state"] not in RESENDABLE:
        values["message"] = _DONE_WITH
    connection.execute(update(tables.deliveries).where(_columns.id == delivery.id).values(**values, token=None))
