"""Working off the inbox together: when several processes share the database, each takes lanes nobody else works on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from bot.core.events import Event
from bot.core.leases import LANE, Leases, Rested
from bot.core.ports import Accepted, Inbox

log = logging.getLogger("allant.intake")

AT_ONCE = 16
"""Lanes worked on at the same time; the rest is left to the other processes."""
LOOK_EVERY = 1.0
"""Seconds: what other processes accept is told, but a word may be lost."""
RETRY_SECONDS = 1.0
"""Before an event whose handling failed (the store is away, say) is tried again, in its place."""


class Backlog:
    """Handles what any process accepted: in order within a lane, once."""

    def __init__(self, inbox: Inbox, leases: Leases, handle: Callable[[Event, Accepted], Awaitable[None]]) -> None:
        self._inbox = inbox
        self._leases = leases
        self._handle = handle
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        leases.on_lost(self._abandon)

    def wake(self) -> None:
        """Something was accepted: look."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. What is not handled stays in the inbox."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._take_lanes()
                except Exception as error:
                    log.error("the inbox could not be read, trying again: %s", type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._woken.wait()
        finally:
            tasks = list(self._lanes.values())
            self._abandon()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_lanes(self) -> None:
        room = AT_ONCE - len(self._lanes)
        if room <= 0:
            return
        waiting = [lane for lane in await self._inbox.lanes(AT_ONCE * 2) if lane not in self._lanes][:room]
        held = await self._leases.take([LANE + lane for lane in waiting])
        for lane in waiting:
            if LANE + lane in held:
                self._open(lane)

    def _open(self, lane: str) -> None:
        def done(_: asyncio.Task[None]) -> None:
            del self._lanes[lane]
            self.wake()

        task = asyncio.create_task(self._work_off(lane))
        self._lanes[lane] = task
        task.add_done_callback(done)

    async def _work_off(self, lane: str) -> None:
        try:
            while self._leases.valid and (waiting := await self._inbox.waiting(lane=lane, limit=100)):
                for accepted in waiting:
                    if not self._leases.valid:
                        return
                    await self._handle(accepted.event, accepted)
        except Exception as error:
            log.error("handling put off, trying again: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self._give_back(lane)

    async def _give_back(self, lane: str) -> None:
        try:
            await self._leases.give_back({LANE + lane: Rested()})
        except Exception as error:
            log.error("a lease could not be given back: %s", type(error).__name__)

    def _abandon(self) -> None:
        for task in self._lanes.values():
            task.cancel()
