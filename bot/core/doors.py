"""How workspaces connect themselves while we run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from bot.core.installations import Installed
from bot.core.platform import Platform
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.webhook import Webhook

Admit = Callable[[Installed, MemberRef | None], Awaitable[None]]
"""Takes in a workspace that connected itself, and who did it there: they administer it from now on."""


class Door(ABC):
    """A platform that lets workspaces connect themselves."""

    platform: str
    """Its name in their refs."""
    webhooks: Sequence[Webhook] = ()
    """The addresses it needs whether or not a workspace is connected."""

    @abstractmethod
    async def open(self, installed: Installed) -> Platform:
        """The workspace's platform, ready to listen. Raises BadInput when it cannot be one."""

    @abstractmethod
    async def answers(self, installed: Installed) -> bool:
        """Whether its credentials are still good, as far as can be told: news of their end may be old."""

    @abstractmethod
    async def revoke(self, installed: Installed) -> None:
        """Give the credentials back, so that nobody can use them. Raises PlatformError."""

    def shut(self, workspace: WorkspaceRef) -> None:
        """The workspace is no longer connected: forget what was kept of it in memory."""
        del workspace  # Most keep nothing.
