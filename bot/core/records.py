"""The ports of what is kept of the editorial calendar. Like those of bot.core.ports, each has one contract suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.core.editorial import Change, Fate, KeptItem, Plans, Slot, Status, Subject
from bot.core.refs import MemberRef, WorkspaceRef


class Occurrences(ABC):
    """The occurrences made ahead, and what became of those that came."""

    @abstractmethod
    async def due(self, workspace: WorkspaceRef, now: datetime, limit: int = 1000) -> Sequence[Slot]:
        """Those planned and due by ``now``, earliest first."""

    @abstractmethod
    async def next_due(self, workspace: WorkspaceRef) -> datetime | None:
        """When the earliest planned one is due; None when none is planned."""

    @abstractmethod
    async def coming(
        self,
        workspace: WorkspaceRef,
        *,
        since: datetime,
        until: datetime | None = None,
        item: str = "",
        fate: Fate = Fate.PLANNED,
        limit: int = 1000,
    ) -> Sequence[Slot]:
        """Those of that fate that are due from ``since`` (included) to ``until`` (not), earliest first; of ``item`` or
        of all."""

    @abstractmethod
    async def get(self, workspace: WorkspaceRef, item: str, at: datetime, zone: str) -> Slot | None: ...

    @abstractmethod
    async def of(
        self,
        workspace: WorkspaceRef,
        item: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Slot]:
        """The item's occurrences with moments from ``since`` on, whatever became of them, earliest first; without
        ``since`` the latest, newest first. Those at ``until`` and later are left out."""

    @abstractmethod
    async def first(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, Slot]:
        """The earliest planned occurrence of each of ``items`` that has one."""

    @abstractmethod
    async def plans(self, workspace: WorkspaceRef, after: str = "", last: str = "") -> Plans:
        """How far each item is planned: those with ids beyond ``after``, up to ``last`` (included; empty: to the end),
        in the order of their characters."""


class Items(ABC):
    """The calendar items made in chat."""

    @abstractmethod
    async def get(self, workspace: WorkspaceRef, item: str) -> KeptItem | None: ...

    @abstractmethod
    async def named(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, KeptItem]:
        """Those of ``items`` that there are."""

    @abstractmethod
    async def all(
        self,
        workspace: WorkspaceRef,
        *,
        status: Status | None = None,
        owner: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> Sequence[KeptItem]:
        """By id, those up to the id ``after`` left out; narrowed to a state and an owner."""


class Changes(ABC):
    """Who changed what in the calendar."""

    @abstractmethod
    async def get(self, workspace: WorkspaceRef, number: int) -> Change | None: ...

    @abstractmethod
    async def of(self, workspace: WorkspaceRef, item: str, limit: int = 20) -> Sequence[Change]:
        """The changes of an item and of its occurrences, newest first."""

    @abstractmethod
    async def latest(self, workspace: WorkspaceRef, subject: Subject, what: str) -> Change | None:
        """The newest change of exactly this."""

    @abstractmethod
    async def newest(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, Change]:
        """The newest change of what each of ``items`` is (its occurrences and pauses left out), where there is one."""

    @abstractmethod
    async def last_by(self, member: MemberRef) -> Change | None:
        """The member's newest change that is neither undone nor an undoing itself."""
