"""Answers written in chat, in the library: served as soon as they are approved, whichever process wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.core.actions import Action, Drop, Planned, Remember, RemoveAnswer, WriteAnswer
from bot.core.answers import Answers
from bot.core.faq import Withheld
from bot.core.ports import Accepted, Journal, Notes, Timer
from bot.core.refs import WorkspaceRef
from bot.library import ContentLibrary


class Served:
    """Has the library serve what ``answers`` holds, and nothing that is withheld in one of the ``workspaces``."""

    def __init__(
        self, answers: Answers, library: ContentLibrary, notes: Notes, workspaces: Collection[WorkspaceRef]
    ) -> None:
        self._answers = answers
        self._library = library
        self._notes = notes
        self._workspaces = tuple(workspaces)
        self._seen: str | None = None

    async def refresh(self) -> None:
        """Take in what was written since the last call, if anything was."""
        withheld: set[str] = set()
        for workspace in self._workspaces:
            withheld |= (await self._notes.all(workspace, Withheld)).keys()
        self._library.withhold(withheld)
        seen = await self._answers.stamp()
        if seen == self._seen:
            return
        entries = [entry for kept in await self._answers.approved() for entry in kept.entries()]
        await asyncio.to_thread(self._library.take_in, entries)
        self._seen = seen


class ServingJournal(Journal):
    """``journal``, after whose commits the library serves what they changed: an answer is found at once."""

    def __init__(self, journal: Journal, served: Served) -> None:
        self._journal = journal
        self._served = served

    async def commit(
        self,
        workspace: WorkspaceRef,
        plans: Sequence[Planned],
        *,
        at: datetime,
        source: str,
        handled: Accepted | None = None,
        fired: Timer | None = None,
    ) -> int:
        planned = await self._journal.commit(workspace, plans, at=at, source=source, handled=handled, fired=fired)
        if any(_concerns_library(action) for plan in plans for action in plan.actions):
            await self._served.refresh()
        return planned


def _concerns_library(action: Action) -> bool:
    if isinstance(action, (Remember, Drop)):
        return Withheld in (type(getattr(action, "value", None)), getattr(action, "type", None))
    return isinstance(action, (WriteAnswer, RemoveAnswer))
