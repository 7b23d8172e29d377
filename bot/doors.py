"""Workspaces that come and go while Allant runs: what the store says is connected, is connected, in every process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from bot.core.actions import GiveRole, Planned
from bot.core.community import Member, Role
from bot.core.doors import Door
from bot.core.errors import AllantError, BadInput, where
from bot.core.installations import Installed
from bot.core.platform import Platform
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.webhook import Webhook
from bot.store import Store

log = logging.getLogger("allant")

FOLLOW_SECONDS = 5.0
"""How often a process looks whether another one, or the command line, connected or disconnected a workspace."""


class Doors:
    """The doors of this process, and the workspaces that came in through them."""

    def __init__(
        self,
        doors: Sequence[Door],
        store: Store,
        connect: Callable[[Platform], Awaitable[None]],
        disconnect: Callable[[WorkspaceRef], Awaitable[None]],
        connected: Mapping[WorkspaceRef, Platform],
    ) -> None:
        """``connected``: all workspaces of this process. Those of the settings are none of ours, and stay."""
        self._doors = {door.platform: door for door in doors}
        self._store = store
        self._installations = store.installations
        self._connect = connect
        self._disconnect = disconnect
        self._connected = connected
        self._ours: dict[WorkspaceRef, datetime] = {}
        self._refused: dict[WorkspaceRef, datetime] = {}
        self._woken = asyncio.Event()
        self._one_look = asyncio.Lock()

    @property
    def webhooks(self) -> list[Webhook]:
        return [each for door in self._doors.values() for each in door.webhooks]

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.look()
            except Exception as error:
                log.error("the connected workspaces could not be looked up, trying again: %s", where(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FOLLOW_SECONDS):
                    await self._woken.wait()

    def wake(self) -> None:
        """A workspace was just connected or disconnected here: no need to wait."""
        self._woken.set()

    async def look(self) -> None:
        """Connect and disconnect what the store says."""
        async with self._one_look:
            kept = {each.workspace: each for each in await self._installations.all()}
            for workspace, at in list(self._ours.items()):
                if workspace not in kept or kept[workspace].at != at:
                    await self._let_go(workspace)
            for installed in kept.values():
                if installed.workspace not in self._connected:
                    await self._take_in(installed)

    async def admit(self, installed: Installed, installer: MemberRef | None) -> None:
        """Keep a workspace that connected itself, and let whoever did it administer it. It is listened to soon after,
        in each process."""
        await self._installations.keep(installed)
        if installer is not None:
            if await self._store.members.get(installer) is None:
                await self._store.register([Member(installer, name="")])
            plan = Planned("admin", (GiveRole(installer, Role.ADMIN),))
            source = f"installation/{installed.at.isoformat()}"
            await self._store.journal.commit(installed.workspace, [plan], at=installed.at, source=source)
        self.wake()

    async def gone(self, workspace: WorkspaceRef) -> None:
        """The platform says that we were taken out there. Returns once that is on disk. Where what we hold is still
        good it is old news, from before the workspace was connected anew."""
        found = [each for each in await self._installations.all() if each.workspace == workspace]
        door = self._doors.get(workspace.platform)
        if not found or door is None:
            log.error("%s took Allant out, or revoked its token: connect it again, or stop naming it", workspace)
            return
        if await door.answers(found[0]):
            return
        await self._installations.forget(workspace)
        log.warning("%s (%s) took Allant out: disconnected. What it planned waits there.", workspace, found[0].name)
        self.wake()

    async def _take_in(self, installed: Installed) -> None:
        door = self._doors.get(installed.workspace.platform)
        if door is None or self._refused.get(installed.workspace) == installed.at:
            return
        try:
            await self._connect(await door.open(installed))
        except BadInput as error:
            self._refused[installed.workspace] = installed.at
            log.error("%s (%s) cannot be connected: %s", installed.workspace, installed.name, error)
        except AllantError as error:
            log.warning("%s (%s) cannot be connected yet: %s", installed.workspace, installed.name, error)
        else:
            self._ours[installed.workspace] = installed.at
            log.info("%s (%s) is connected", installed.workspace, installed.name)

    async def _let_go(self, workspace: WorkspaceRef) -> None:
        del self._ours[workspace]
        await self._disconnect(workspace)
        self._doors[workspace.platform].shut(workspace)
        log.info("%s is disconnected", workspace)
