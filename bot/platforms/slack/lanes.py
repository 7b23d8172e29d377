"""Work in the order in which it came, within each lane; lanes side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Lanes:
    """What is said in one channel is taken in in its order, though every event has a task of its own."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}

    async def in_turn(self, lane: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` after what was given before it to the same lane, whether that went well or not. The turn is taken
        before the first wait, so callers keep the order in which they call."""
        before = self._last.get(lane)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last[lane] = mine
        try:
            if before is not None:
                await asyncio.shield(before)
            await work()
        finally:
            if before is not None and not before.done():
                # We were ended while still waiting: those behind us wait for whom we waited for.
                before.add_done_callback(lambda _: mine.set_result(None))
            else:
                mine.set_result(None)
            if self._last.get(lane) is mine:
                del self._last[lane]
