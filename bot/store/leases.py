"""Leases in the database: for several processes on one PostgreSQL database.

Each process says every few seconds that it is alive; a lease is as good as its process. The database's clock decides
when a process is dead, as those of several machines differ; the process itself goes by its monotonic clock, started
*before* it asked, so that it stops at the latest when the others may take over.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, insert, or_, select, update

from bot.core.leases import Held, Leases, Rested
from bot.core.ports import Clock
from bot.store import tables
from bot.store.database import Database
from bot.store.dialect import inserting, now_in_database
from bot.store.moments import Moment

log = logging.getLogger("allant.store")

LEASE = timedelta(seconds=10)
"""How long a process that says nothing is believed to live."""
GRACE = 5
"""A fifth of a lease passes between a process's end, by its own reckoning, and the taking over: a request it sent last
may still be under way."""
RENEWALS = 4
"""Signs of life within one lease, so that one lost on the way changes nothing."""
_KEPT = timedelta(days=1)
"""Leases nobody held for so long are removed: nothing of their pace matters any more."""

_lease, _process = tables.leases.c, tables.processes.c


def steady() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class DatabaseClock(Clock):
    """The database's clock, carried on by the machine's steady one: the same for all processes, and a machine whose
    clock is wrong or is set sends nothing early. Each sign of life puts it right."""

    def __init__(self) -> None:
        self._at, self._since = datetime.now(UTC), steady()

    def set(self, now: datetime) -> None:
        """It was ``now`` a moment ago, so this clock is a moment late rather than early."""
        self._at, self._since = now, steady()

    def now(self) -> datetime:
        return self._at + timedelta(seconds=steady() - self._since)


@dataclass(frozen=True, slots=True)
class Peer:
    """A living process, for the metrics: what it does, and its version."""

    id: str
    role: str
    version: str


class SharedLeases(Leases):
    """The leases of one process. :meth:`join` before anything else; :meth:`run` as long as it works."""

    shared = True

    def __init__(self, database: Database, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease
        self._grace = lease / GRACE
        self._id = ""
        self._role = self._version = ""
        self._deadline = 0.0
        self.clock = DatabaseClock()
        self._tell: list[Callable[[], None]] = []

    @property
    def id(self) -> str:
        """This process's name in the database; another after its leases were lost."""
        return self._id

    @property
    def valid(self) -> bool:
        return steady() < self._deadline

    async def join(self, role: str, version: str) -> None:
        """Be one of the processes. ``role`` and ``version`` are for showing."""
        self._role, self._version = role, version
        began, name = steady(), uuid.uuid4().hex
        now = await self._database.write(partial(_join, name=name, role=role, version=version, lease=self._lease))
        self.clock.set(now)
        self._id, self._deadline = name, began + self._lease.total_seconds()

    async def run(self) -> None:
        """Say that we live, until cancelled. When that fails for a whole lease, or the database says that we were
        given up, all is lost and we join anew."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / RENEWALS)
            await self._stay()

    async def _stay(self) -> None:
        began = steady()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - began)):
                alive, now = await self._database.write(partial(_renew, name=self._id, lease=self._lease))
        except Exception as error:
            log.warning("no sign of life could be given: %s", type(error).__name__)
            alive = True  # Not known. The deadline decides.
        else:
            self.clock.set(now)
            if alive:
                self._deadline = began + self._lease.total_seconds()
        if alive and self.valid:
            return
        self._deadline = 0.0
        log.error("this process was given up by the others: what it was doing stops, and it begins anew")
        for tell in self._tell:
            tell()
        try:
            await self.join(self._role, self._version)
        except Exception as error:
            log.error("the database is away, trying again: %s", type(error).__name__)

    async def leave(self) -> None:
        """Give everything back and be no process any more. Leases still in hand stop being valid first."""
        self._deadline = 0.0
        if self._id:
            await self._database.write(partial(_leave, name=self._id))

    async def peers(self) -> list[Peer]:
        """All living processes, this one included."""

        def work(connection: Connection) -> list[Peer]:
            living = _process.until > now_in_database(connection)
            rows = connection.execute(select(tables.processes).where(living).order_by(_process.id))
            return [Peer(row.id, row.role, row.version) for row in rows]

        return await self._database.read(work)

    async def take(self, names: Collection[str]) -> Mapping[str, Held]:
        if not names or not self.valid:
            return {}
        mine = self._id
        held = await self._database.write(partial(_take, mine=mine, names=sorted(names), grace=self._grace))
        # Whoever slept through the answer was given up meanwhile, and may have joined anew: these are others' by now.
        return held if self.valid and self._id == mine else {}

    async def give_back(self, names: Mapping[str, Rested]) -> None:
        if names:
            await self._database.write_batched(_give_back_all, (self._id, names))

    async def reserve(self, name: str, per_second: float, burst: int, count: int) -> timedelta:
        return await self._database.write(
            partial(_reserve, name=name, each=timedelta(seconds=1 / per_second), burst=burst, count=count)
        )

    def on_lost(self, tell: Callable[[], None]) -> None:
        self._tell.append(tell)

    def free(self, name: ColumnElement[str], connection: Connection) -> ColumnElement[bool]:
        """For a query: whether the lease called ``name`` is neither held by another living process nor resting."""
        now = now_in_database(connection)
        other = _lease.owner.in_(_living(now, self._grace)) & (_lease.owner != self._id)
        return ~select(_lease.name).where(_lease.name == name, or_(other, _lease.ready_at > now)).exists()


def _living(now: datetime, grace: timedelta) -> Select[tuple[str]]:
    return select(_process.id).where(_process.until > now - grace)


def _join(connection: Connection, name: str, role: str, version: str, lease: timedelta) -> datetime:
    now = now_in_database(connection)
    # Rows of processes long dead go, and leases nobody used for long: both would only pile up.
    connection.execute(delete(tables.processes).where(_process.until < now - _KEPT))
    unused = or_(_lease.owner.is_(None), _lease.owner.not_in(select(_process.id)))
    connection.execute(delete(tables.leases).where(unused, _lease.taken_at < now - _KEPT))
    connection.execute(
        insert(tables.processes).values(id=name, until=now + lease, started_at=now, role=role, version=version)
    )
    return now


def _renew(connection: Connection, name: str, lease: timedelta) -> tuple[bool, datetime]:
    now = now_in_database(connection)
    statement = update(tables.processes).where(_process.id == name, _process.until > now).values(until=now + lease)
    return connection.execute(statement).rowcount > 0, now


def _leave(connection: Connection, name: str) -> None:
    connection.execute(update(tables.leases).where(_lease.owner == name).values(owner=None))
    connection.execute(delete(tables.processes).where(_process.id == name))


def _take(connection: Connection, mine: str, names: list[str], grace: timedelta) -> dict[str, Held]:
    now = now_in_database(connection)
    found = connection.execute(
        select(_lease.name, _lease.owner, _lease.rested_at).where(_lease.name.in_(names)).order_by(_lease.name)
    )
    before = {row.name: row for row in found}
    # In the order of the names, as everybody does, so that two processes never wait for each other in a circle.
    new = [{"name": name, "owner": mine, "taken_at": now} for name in names]
    statement = inserting(connection, tables.leases).values(new)
    living = _living(now, grace)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": mine, "taken_at": now},
        where=or_(_lease.owner.is_(None), _lease.owner == mine, _lease.owner.not_in(living)),
    )
    taken = connection.scalars(statement.returning(_lease.name)).all()
    return {name: _held(before[name], mine, now) if name in before else Held() for name in taken}


def _held(row: Any, mine: str, now: datetime) -> Held:
    rested_in = timedelta() if row.rested_at is None else max(row.rested_at - now, timedelta())
    return Held(rested_in, orphaned=row.owner not in (None, mine))


def _give_back_all(connection: Connection, items: Sequence[tuple[str, Mapping[str, Rested]]]) -> list[None]:
    now = now_in_database(connection)
    rows = [
        {"lease": name, "holder": mine, "ready": now + rested.ready_in, "rested": now + rested.rested_in}
        for mine, names in items
        for name, rested in names.items()
    ]
    connection.execute(_GIVE_BACK, sorted(rows, key=lambda row: str(row["lease"])))
    return [None] * len(items)


_GIVE_BACK = (
    update(tables.leases)
    .where(_lease.name == bindparam("lease"), _lease.owner == bindparam("holder"))
    .values(owner=None, ready_at=bindparam("ready", type_=Moment), rested_at=bindparam("rested", type_=Moment))
)


def _reserve(connection: Connection, name: str, each: timedelta, burst: int, count: int) -> timedelta:
    now = now_in_database(connection)
    first = inserting(connection, tables.leases).values(name=name, taken_at=now)
    connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
    locked = select(_lease.rested_at).where(_lease.name == name).with_for_update()
    rested_at = connection.scalar(locked)
    earliest = now - (burst - 1) * each
    start = earliest if rested_at is None else max(rested_at - burst * each + each, earliest)
    connection.execute(
        update(tables.leases)
        .where(_lease.name == name)
        .values(rested_at=start + (burst - 1 + count) * each, taken_at=now)
    )
    return start - now
