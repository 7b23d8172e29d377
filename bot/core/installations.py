"""The workspaces that were connected while Allant ran: by their own administrators, with a few clicks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.refs import WorkspaceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A workspace that connected itself. ``name`` is what its people call it. ``credentials`` are what its platform
    gave us to speak there, by names of the adapter's own. ``at``: when it was connected last, an aware UTC moment;
    connected anew, it is another one, as its credentials may be."""

    workspace: WorkspaceRef
    name: str
    credentials: Mapping[str, str] = field(repr=False)
    at: datetime


class Installations(ABC):
    """Where they are kept, with their credentials sealed; and the marks of those who connected them, each good once."""

    @abstractmethod
    async def spend(self, mark: str, until: datetime, now: datetime) -> bool:
        """Whether ``mark`` was not spent before; from now on it is, and remembered until it is worth nothing anyway. Of
        several who ask at once, one hears yes."""

    @abstractmethod
    async def keep(self, installed: Installed) -> None:
        """On disk when it returns, in the place of what was kept of this workspace."""

    @abstractmethod
    async def all(self) -> Sequence[Installed]:
        """Every workspace whose credentials can be read, in order; those sealed with another secret cannot."""

    @abstractmethod
    async def unreadable(self) -> Sequence[WorkspaceRef]:
        """The workspaces whose credentials cannot be read: they must be connected anew."""

    @abstractmethod
    async def forget(self, workspace: WorkspaceRef) -> bool:
        """Let go of the workspace's credentials. What was counted and planned there stays, for when it comes back.
        Whether there were any."""
