"""The inbox: events wait durably, their words sealed, until they are handled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, literal, select, update

from bot.core.events import Event, place_of
from bot.core.leases import LANE
from bot.core.ports import Accepted, Inbox
from bot.store import tables
from bot.store.codec import decode_event, encode_event
from bot.store.database import GROUP, Database
from bot.store.leases import SharedLeases
from bot.store.moments import Moment, micros
from bot.store.secrecy import Seal, Unreadable
from bot.store.wakeups import ACCEPTED, tell

log = logging.getLogger("allant.store")

_columns = tables.inbox.c
_lane = func.coalesce(_columns.lane, _columns.workspace)
"""A process of an older version writes no lane."""
_MARK_HANDLED = (
    update(tables.inbox)
    .where(_columns.number == bindparam("accepted"), _columns.handled_at.is_(None))
    .values(handled_at=bindparam("now", type_=Moment), payload=None, lane=None)
)


class _Row(NamedTuple):
    """What a new row of the inbox holds."""

    workspace: str
    event_id: str
    kind: str
    at: int
    payload: bytes
    unreadable: bool
    lane: str


class StoredInbox(Inbox):
    """The inbox in the database."""

    def __init__(self, database: Database, seal: Seal, leases: SharedLeases | None = None) -> None:
        """``leases``: of the processes that share the database, if several do."""
        self._database = database
        self._seal = seal
        self._leases = leases

    async def accept(self, event: Event) -> Accepted | None:
        """See the port. What waits at the same time is committed together."""
        event, words = encode_event(event)
        workspace, kind = str(event.workspace), type(event).__name__
        payload = self._seal.close(words, _name(workspace, event.id, kind))
        row = _Row(workspace, event.id, kind, micros(event.at), payload, False, place_of(event))
        number = await self._database.write_batched(_accept_all, row)
        return None if number is None else Accepted(number, event)

    async def waiting(self, limit: int = 1000, lane: str | None = None) -> Sequence[Accepted]:
        """See the port. What cannot be read (another secret, say) is logged by its id and waits no longer."""
        statement = select(tables.inbox).where(_columns.handled_at.is_(None)).order_by(_columns.number).limit(limit)
        if lane is not None:
            statement = statement.where(_lane == lane)
        while True:
            rows = await self._database.read(lambda connection: connection.execute(statement).all())
            readable, lost = self._open_all(rows)
            if lost:
                await self._database.write(partial(_give_up, numbers=lost))
            if readable or not rows:
                return readable

    async def lanes(self, limit: int = 1000) -> Sequence[str]:
        """See the port."""

        def work(connection: Connection) -> Sequence[str]:
            free = [] if self._leases is None else [self._leases.free(literal(LANE) + _lane, connection)]
            statement = select(_lane).where(_columns.handled_at.is_(None), *free).group_by(_lane)
            return connection.scalars(statement.order_by(func.min(_columns.number)).limit(limit)).all()

        return await self._database.read(work)

    def _open_all(self, rows: Sequence[Row[Any]]) -> tuple[list[Accepted], list[int]]:
        readable, lost = [], []
        for row in rows:
            try:
                words = self._seal.open(row.payload or b"", _name(row.workspace, row.event_id, row.kind))
                readable.append(Accepted(row.number, decode_event(row.kind, words)))
            except (Unreadable, ValueError, KeyError) as error:
                # Only the error's name: the text of a ValidationError would quote the words.
                log.error("event %s waits but cannot be read, given up: %s", row.event_id, type(error).__name__)
                lost.append(row.number)
        return readable, lost


def _name(workspace: str, event_id: str, kind: str) -> bytes:
    return "\0".join((workspace, event_id, kind)).encode()


def _accept_all(connection: Connection, rows: Sequence[_Row]) -> list[int | None]:
    """Each row's number, None for those already there or twice among ``rows``."""
    statement = _accepting(connection.dialect.paramstyle, len(rows))
    inserted = connection.exec_driver_sql(statement, tuple(chain.from_iterable(rows))).all()
    if inserted:
        tell(connection, ACCEPTED)
    new = {(workspace, event_id): number for number, workspace, event_id in inserted}
    return [new.pop((row[0], row[1]), None) for row in rows]


@lru_cache(maxsize=GROUP)
def _accepting(paramstyle: str, count: int) -> str:
    """The INSERT of ``count`` rows, in the text that the driver takes: this is the hottest statement of all, and having
    SQLAlchemy put the parameters of each row in their places cost a fifth of taking an event in."""
    mark = "?" if paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(_Row._fields))})"
    return (
        f"INSERT INTO {tables.inbox.name} ({', '.join(_Row._fields)}) VALUES {', '.join([row] * count)} "  # noqa: S608  # Names of our own only.
        "ON CONFLICT (workspace, event_id) DO NOTHING RETURNING number, workspace, event_id"
    )


def _give_up(connection: Connection, numbers: Sequence[int]) -> None:
    connection.execute(
        update(tables.inbox)
        .where(_columns.number.in_(numbers), _columns.handled_at.is_(None))
        .values(handled_at=_columns.at, payload=None, lane=None, unreadable=True)
    )


def mark_handled(connection: Connection, accepted: Accepted, at: datetime) -> bool:
    """Drop the event's words; False when it was handled already."""
    return connection.execute(_MARK_HANDLED, {"accepted": accepted.number, "now": at}).rowcount > 0
