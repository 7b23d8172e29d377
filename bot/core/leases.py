"""Who works on what, when several processes share one database.

A lease says that this process, and no other, works on something for now: a place to deliver to, a lane of events, a
feature's timers, the listening to a workspace. It lapses with its process, so that what a killed process held is taken
over by another. A process that lost the database knows by its own clock when its leases lapsed, and stops sending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

LANE = "lane:"
PLACE = "place:"
TIMERS = "timers:"
LISTEN = "listen:"
PACE = "pace:"
"""What the names of leases begin with: a lane of events, a place to deliver to, a feature's timers, the listening to a
workspace, and a pace that all share."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease just taken. ``rested_in``: how long until what it stands for is fully rested (see :class:`Rested`), as
    far as the process before said. ``orphaned``: that process never gave it back, so what it did last is not known."""

    rested_in: timedelta = timedelta()
    orphaned: bool = False


@dataclass(frozen=True, slots=True)
class Rested:
    """What is said when a lease is given back: not again for ``ready_in``; as if never used after ``rested_in``. Spans
    and no moments, as the clocks of two machines differ."""

    ready_in: timedelta = timedelta()
    rested_in: timedelta = timedelta()


class Leases(ABC):
    """The leases of this process."""

    shared: bool
    """Whether other processes may hold leases. When not, everything is this process's own."""

    @property
    @abstractmethod
    def valid(self) -> bool:
        """Whether what was taken is still ours, by this process's own clock: nothing is sent when it is not."""

    @abstractmethod
    async def take(self, names: Collection[str]) -> Mapping[str, Held]:
        """Those of ``names`` that are ours from now on: free, given up by a process that died, or ours before."""

    @abstractmethod
    async def give_back(self, names: Mapping[str, Rested]) -> None:
        """What is no longer held; names that are not ours are left alone."""

    @abstractmethod
    async def reserve(self, name: str, per_second: float, burst: int, count: int) -> timedelta:
        """Reserve ``count`` turns of a pace that all processes share. The first turn is this long from now (negative:
        it has been due that long), the others follow at ``per_second``; ``burst`` turns may come at once after a
        rest."""

    @abstractmethod
    def on_lost(self, tell: Callable[[], None]) -> None:
        """``tell`` is called when the leases lapsed under us: what is being sent must stop at once."""


class SoleLeases(Leases):
    """For the only process on its database: all is its own, nothing is written down."""

    shared = False

    @property
    def valid(self) -> bool:
        return True

    async def take(self, names: Collection[str]) -> Mapping[str, Held]:
        return {name: Held() for name in names}

    async def give_back(self, names: Mapping[str, Rested]) -> None:
        """Nothing was written down."""

    async def reserve(self, name: str, per_second: float, burst: int, count: int) -> timedelta:
        raise RuntimeError("a sole process keeps its pace in memory")

    def on_lost(self, tell: Callable[[], None]) -> None:
        """They are never lost."""
