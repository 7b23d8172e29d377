"""One commit of the journal while it is being written: what the functions that apply actions work with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from bot.core.refs import WorkspaceRef
from bot.core.signals import Signal
from bot.store.secrecy import Keys, Seal


@dataclass(slots=True)
class Commit:
    """``feature`` is the one whose actions are being applied; ``source`` names the cause; ``at`` is the present."""

    connection: Connection
    keys: Keys
    seal: Seal
    workspace: WorkspaceRef
    at: datetime
    source: str
    feature: str = ""
    outward: Counter[str] = field(default_factory=Counter)
    """How many outward actions each feature had so far: the number in the keys of those without one."""
    planned: list[int] = field(default_factory=list)
    """The numbers of the deliveries planned by this commit."""
    counted: list[Signal] = field(default_factory=list)
    """What this commit counts, recorded together at its end."""

    def next_key(self) -> str:
        """The key of an outward action that has none."""
        number = self.outward[self.feature]
        self.outward[self.feature] += 1
        return f"{self.feature}/{self.source}/{number}"
