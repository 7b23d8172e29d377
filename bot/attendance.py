"""Who listens to a workspace: the tasks of this process, and whose task it is among several processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from bot.core.errors import BadInput, where
from bot.core.leases import LISTEN, Rested
from bot.core.refs import WorkspaceRef
from bot.store.leases import SharedLeases

Listen = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger("allant")

ATTEND_AGAIN = 2.0
"""Seconds until a process asks again whether a workspace is without anybody who listens to it."""

LISTEN_AGAIN = 30.0
"""Seconds until a workspace whose listening failed is listened to again."""


class Attendance:
    """A task for each workspace. One that ends by itself is an error, which :meth:`run` raises."""

    def __init__(self) -> None:
        self._tasks: dict[WorkspaceRef, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def begin(self, workspace: WorkspaceRef, work: Coroutine[Any, Any, None]) -> None:
        """Work on the workspace until :meth:`end`."""
        self._tasks[workspace] = asyncio.create_task(work, name=f"attendance of {workspace}")
        self._changed.set()

    async def end(self, workspace: WorkspaceRef) -> None:
        """Stop working on the workspace; nothing is raised, also when it had failed."""
        task = self._tasks.pop(workspace, None)
        self._changed.set()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        await asyncio.gather(*(self.end(workspace) for workspace in list(self._tasks)))

    async def run(self) -> NoReturn:
        """Until cancelled, or one of them ends."""
        while True:
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait([changed, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
            for task in self._tasks.values():
                if task.done():
                    task.result()
                    raise RuntimeError(f"{task.get_name()} stopped")


async def attend(
    workspace: WorkspaceRef, listen: Callable[[], Coroutine[Any, Any, None]], leases: SharedLeases
) -> None:
    """``listen`` as long as this is our task: one process does, and another when that one dies."""
    name = f"{LISTEN}{workspace}"
    while True:
        if not await leases.take([name]):
            await asyncio.sleep(ATTEND_AGAIN)
            continue
        try:
            await _until_lost(listen(), leases)
        finally:
            with contextlib.suppress(Exception):
                await leases.give_back({name: Rested()})


async def kept_up(workspace: WorkspaceRef, listen: Listen) -> None:
    """``listen`` again and again, for a workspace that came by itself: its troubles do not end the others. What only
    its own people can mend is said once, and waits for them."""
    while True:
        try:
            await listen()
        except BadInput as error:
            log.error("%s is not listened to any more: %s", workspace, error)
            await asyncio.Event().wait()
        except Exception as error:
            log.error("listening to %s stopped, trying again: %s", workspace, where(error))
            await asyncio.sleep(LISTEN_AGAIN)


async def _until_lost(work: Coroutine[Any, Any, None], leases: SharedLeases) -> None:
    """``work``, ended when our leases are: somebody else does it then. Raises what ``work`` raises."""
    held_by = leases.id
    task = asyncio.create_task(work)
    try:
        while not task.done() and leases.valid and leases.id == held_by:
            await asyncio.wait([task], timeout=1.0)
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
