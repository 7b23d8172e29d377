"""The way in: every event is committed before it is acknowledged, then handled in the order of its channel."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from bot.core.events import Event, place_of
from bot.core.ports import Accepted, Inbox

log = logging.getLogger("allant.intake")


class Intake:
    """Takes events from the adapters; one at a time per channel, several channels at once.

    An event whose handling raises (the store is away, say) is tried again after ``retry_seconds``, in its place, so
    that nothing accepted is lost and the order within a channel holds.
    """

    def __init__(
        self,
        inbox: Inbox,
        handle: Callable[[Event, Accepted], Awaitable[None]],
        *,
        retry_seconds: float = 1.0,
        at_once: int = 16,
    ) -> None:
        self._inbox = inbox
        self._handle = handle
        self._retry_seconds = retry_seconds
        self._slots = asyncio.Semaphore(at_once)
        self._queues: dict[str, deque[Accepted]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, event: Event) -> None:
        """Returns once the event is durable: the adapter may then acknowledge it. A repeated event is dropped."""
        accepted = await self._inbox.accept(event)
        if accepted is not None:
            self._enqueue(accepted)

    async def resume(self) -> int:
        """Go on with what an earlier run accepted but did not handle. Returns how many there were."""
        total, last = 0, -1
        while True:
            waiting = [each for each in await self._inbox.waiting() if each.number > last]
            if not waiting:
                return total
            for accepted in waiting:
                self._enqueue(accepted)
            total, last = total + len(waiting), waiting[-1].number
            await self.idle()

    async def idle(self) -> None:
        """Wait until everything taken in so far is handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop handling at once. What is not handled stays in the inbox."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _enqueue(self, accepted: Accepted) -> None:
        place = place_of(accepted.event)
        queue = self._queues.get(place)
        if queue is not None:
            queue.append(accepted)
            return
        self._queues[place] = deque([accepted])
        task = asyncio.create_task(self._drain(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, place: str) -> None:
        queue = self._queues[place]
        try:
            while queue:
                async with self._slots:
                    try:
                        await self._handle(queue[0].event, queue[0])
                    except Exception as error:
                        log.error("handling put off, trying again: %s", type(error).__name__)
                        await asyncio.sleep(self._retry_seconds)
                        continue
                queue.popleft()
        finally:
            del self._queues[place]
