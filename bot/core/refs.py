"""Names of things on a chat platform: a workspace, a channel, a member, a message.

A ref is how the rest of Allant points at something without knowing the vendor. Its text form
(``str(ref)``) is stable and is what the store keeps: ``platform/workspace/id`` and, for a message,
``platform/workspace/channel\\tmessage``. ``parse`` reads it back and raises ``ValueError`` on anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")


def other_language(language: Language) -> Language:
    """The other of the two languages, for falling back when words exist in one only."""
    return "en" if language == "fr" else "fr"


def _three(text: str) -> tuple[str, str, str]:
    platform, _, rest = text.partition("/")
    workspace, _, identifier = rest.partition("/")
    if not (platform and workspace and identifier):
        raise ValueError(f"not a ref: {text!r} (expected platform/workspace/id)")
    return platform, workspace, identifier


@dataclass(frozen=True, slots=True, order=True)
class WorkspaceRef:
    """One installation on one platform. Neither part may contain a slash."""

    platform: str
    id: str

    def __str__(self) -> str:
        return f"{self.platform}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> WorkspaceRef:
        platform, _, identifier = text.partition("/")
        if not (platform and identifier) or "/" in identifier:
            raise ValueError(f"not a workspace ref: {text!r} (expected platform/workspace)")
        return cls(platform, identifier)


@dataclass(frozen=True, slots=True, order=True)
class ChannelRef:
    """A place to talk: a channel, a room, a group, or a direct conversation with the bot."""

    workspace: WorkspaceRef
    id: str

    def __str__(self) -> str:
        # Written out, as every event is asked for it: through the workspace's own text it takes twice as long.
        return f"{self.workspace.platform}/{self.workspace.id}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> ChannelRef:
        platform, workspace, identifier = _three(text)
        return cls(WorkspaceRef(platform, workspace), identifier)


@dataclass(frozen=True, slots=True, order=True)
class MemberRef:
    """A person in a workspace."""

    workspace: WorkspaceRef
    id: str

    def __str__(self) -> str:
        return f"{self.workspace}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> MemberRef:
        platform, workspace, identifier = _three(text)
        return cls(WorkspaceRef(platform, workspace), identifier)


@dataclass(frozen=True, slots=True, order=True)
class MessageRef:
    """A message in a channel. The root message of a thread names the thread."""

    channel: ChannelRef
    id: str

    @property
    def workspace(self) -> WorkspaceRef:
        return self.channel.workspace

    def __str__(self) -> str:
        return f"{self.channel}\t{self.id}"

    @classmethod
    def parse(cls, text: str) -> MessageRef:
        channel, _, identifier = text.partition("\t")
        if not identifier:
            raise ValueError(f"not a message ref: {text!r}")
        return cls(ChannelRef.parse(channel), identifier)


Place = ChannelRef | MemberRef
"""Where a message goes: a channel, or a member (a direct message)."""


def place_key(place: Place) -> str:
    """A place as one text: ``#`` and a channel's ref, or ``@`` and a member's, as the two may have the same id."""
    return f"{'@' if isinstance(place, MemberRef) else '#'}{place}"
