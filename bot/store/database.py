"""The database: reads on a few threads, writes through one writer that commits in groups.

Several callers that write at the same time share one transaction and so one wait for the disk. Each keeps its own
savepoint: when its work fails, it alone is undone and gets the exception. A lone caller waits for nobody.

While the database is away, or another process stands in the way, work is done again (see bot.store.patience): so it
must be able to run more than once, which it is as long as it only works through its connection.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from bot.store import postgres
from bot.store.dialect import WRITES, engine_for, for_reading, in_memory, leave_no_trace, marks_commits, passing
from bot.store.patience import Patience, was_committed
from bot.store.postgres import RUNNING

T = TypeVar("T")
Item = TypeVar("Item")

GROUP = 500
"""About the most units of work in one commit: so that the first of them does not wait for a crowd without end."""

READERS = 4
"""Threads that read; SQLAlchemy's pool keeps five connections, the fifth is the writer's."""

Batch = Callable[[Connection, Sequence[Item]], Sequence[T]]
"""Does the work of many callers at once and gives each its result, in the same order."""


@dataclass(slots=True)
class _Unit:
    """One caller's work, and where its outcome goes. With ``batch``, ``work`` is the item given to it."""

    work: Any
    batch: Batch[Any, Any] | None
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = field(default=None)


class Database:
    """Opened by :meth:`bot.store.Store.open`, which sees to the schema first."""

    def __init__(self, url: str, name: str = RUNNING) -> None:
        """``name``: by what a server knows us. Raises BadInput when ``url`` names no usable database."""
        self.engine: Engine = engine_for(url, name)
        self._writing = self.engine.execution_options(**{WRITES: True})
        self._reading = for_reading(self.engine)
        self._patience = Patience()
        self._doubts, self._marking, self._name = marks_commits(self.engine), False, uuid.uuid4().hex
        # A database in memory has one connection, which reads and writes take in turn.
        self._in_memory = in_memory(url)
        self._turn: AbstractContextManager[Any] = threading.Lock() if self._in_memory else nullcontext()
        self._gathering: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
        self._asked: dict[tuple[asyncio.AbstractEventLoop, Batch[Any, Any]], list[_Unit]] = {}
        self._queue: SimpleQueue[list[_Unit] | None] = SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="allant-read")
        self._writer = threading.Thread(target=self._write_groups, name="allant-write", daemon=True)
        self._writer.start()
        self._closed = False

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, run on a thread in a transaction that sees one moment of the database. Raises
        StoreUnavailable when the database stays away."""
        if self._in_memory:
            return self._read(work)  # There is no disk to wait for: a thread would cost more than the reading.
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def read_batched(self, batch: Batch[Item, T], item: Item) -> T:
        """As :meth:`read`; ``batch`` gets the items of everybody who asks in the same turn of the event loop."""
        loop = asyncio.get_running_loop()
        unit = _Unit(item, batch, loop, loop.create_future())
        asked = self._asked.get((loop, batch))
        if asked is None:
            self._asked[loop, batch] = [unit]
            loop.call_soon(self._read_for_all, loop, batch)
        else:
            asked.append(unit)
        result: T = await unit.future
        return result

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work`` once it is committed. What it raises is raised here, and it left nothing behind.
        Raises StoreUnavailable when the database stays away."""
        result: T = await self._submit(work, None)
        return result

    async def write_batched(self, batch: Batch[Item, T], item: Item) -> T:
        """As :meth:`write`; ``batch`` gets the items of everybody who waits with the same ``batch``."""
        result: T = await self._submit(item, batch)
        return result

    async def leave_no_trace(self) -> None:
        """See :func:`bot.store.dialect.leave_no_trace`."""
        await asyncio.get_running_loop().run_in_executor(self._readers, self._leave_no_trace)

    async def close(self) -> None:
        """Finish what was submitted, then let go of the database."""
        if self._closed:
            return
        self._closed = True
        self._patience.end()
        for loop in list(self._gathering):
            self._hand_over(loop)
        self._queue.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self.engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        def attempt() -> T:
            with self._turn, self._reading.connect() as connection:
                return work(connection)

        return self._patience.persist(attempt)

    def _read_for_all(self, loop: asyncio.AbstractEventLoop, batch: Batch[Any, Any]) -> None:
        units = self._asked.pop((loop, batch))

        def done(reading: asyncio.Future[Sequence[Any]]) -> None:
            error = reading.exception()
            for number, unit in enumerate(units):
                unit.error = error
                unit.result = None if error is not None else reading.result()[number]
            _settle(units)

        def work(connection: Connection) -> Sequence[Any]:
            return batch(connection, [unit.work for unit in units])

        loop.run_in_executor(self._readers, self._read, work).add_done_callback(done)

    def _leave_no_trace(self) -> None:
        with self._turn:
            leave_no_trace(self.engine)

    def _submit(self, work: Any, batch: Batch[Any, Any] | None) -> asyncio.Future[Any]:
        if self._closed:
            raise RuntimeError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        unit = _Unit(work, batch, loop, future)
        gathering = self._gathering.get(loop)
        if gathering is None:
            # Handed over once the loop has run what is ready: whoever writes in the same turn comes along, and the
            # writer is woken once. Nobody waits, as the loop comes to this before it would wait for anything.
            self._gathering[loop] = [unit]
            loop.call_soon(self._hand_over, loop)
        else:
            gathering.append(unit)
        return future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        units = self._gathering.pop(loop, [])
        for start in range(0, len(units), GROUP):
            self._queue.put(units[start : start + GROUP])

    def _write_groups(self) -> None:
        last = False
        while not last:
            first = self._queue.get()
            if first is None:
                return
            group, last = self._with_all_who_wait(first)
            try:
                self._patience.persist(partial(self._commit, group))
            except Exception as error:
                # The commit failed, or the connection did, or a lone caller's work: nothing of it is in the database.
                for unit in group:
                    unit.error = error
            _answer(group)

    def _commit(self, group: Sequence[_Unit]) -> None:
        for unit in group:
            unit.result = unit.error = None
        if self._doubts and not self._marking:
            with self._writing.begin() as connection:
                postgres.begin_marking(connection, self._name)
            self._marking = True
        mark = ""
        try:
            with self._turn, self._writing.begin() as connection:
                _run(connection, group)
                if self._doubts:
                    mark = postgres.mark_commit(connection, self._name)
        except Exception as error:
            # Cut off after COMMIT was sent: done again blindly, an event would count as a repeated one, and a delivery
            # as another process's.
            if not mark or not passing(error):
                raise
            if not was_committed(self.engine, self._name, mark, self._patience):
                raise

    def _with_all_who_wait(self, first: list[_Unit]) -> tuple[list[_Unit], bool]:
        """The group, and whether it is the last."""
        group = first
        while len(group) < GROUP:
            try:
                units = self._queue.get_nowait()
            except Empty:
                break
            if units is None:
                return group, True
            group += units
        return group, False


def _run(connection: Connection, group: Sequence[_Unit]) -> None:
    if len(group) == 1:
        # Whoever is alone needs no savepoint: what undoes their work is undoing the transaction.
        (unit,) = group
        unit.result = unit.work(connection) if unit.batch is None else unit.batch(connection, [unit.work])[0]
        return
    batches: dict[Batch[Any, Any], list[_Unit]] = {}
    for unit in group:
        if unit.batch is not None:
            batches.setdefault(unit.batch, []).append(unit)
    for batch, units in batches.items():
        _run_batch(connection, batch, units)
    for unit in group:
        if unit.batch is None:
            _run_alone(connection, unit, unit.work)


def _run_batch(connection: Connection, batch: Batch[Any, Any], units: Sequence[_Unit]) -> None:
    try:
        with connection.begin_nested():
            results = batch(connection, [unit.work for unit in units])
    except Exception as error:
        if connection.invalidated or not connection.in_transaction() or passing(error):
            raise
        # One of them cannot be stored: each is tried for itself, so that only that one fails.
        for unit in units:
            _run_alone(connection, unit, partial(_only, batch, unit.work))
        return
    for unit, result in zip(units, results, strict=True):
        unit.result = result


def _only(batch: Batch[Any, Any], item: Any, connection: Connection) -> Any:
    return batch(connection, [item])[0]


def _run_alone(connection: Connection, unit: _Unit, work: Callable[[Connection], Any]) -> None:
    try:
        with connection.begin_nested():
            unit.result = work(connection)
    except Exception as error:
        if connection.invalidated or not connection.in_transaction() or passing(error):
            raise
        unit.error = error


def _answer(group: Sequence[_Unit]) -> None:
    """Hand the outcomes over, waking each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in group:
        loops.setdefault(unit.loop, []).append(unit)
    for loop, units in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, units)


def _settle(units: Sequence[_Unit]) -> None:
    for unit in units:
        if unit.future.done():  # The caller was cancelled meanwhile; the work is done all the same.
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.result)
