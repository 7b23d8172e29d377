"""How fast each platform may be written to: a token bucket for each workspace and for each place.

The numbers are the vendors' own where they publish them, a little under them otherwise; a platform that asks us to wait
(RateLimited) is obeyed besides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.leases import Held, Rested
from bot.core.refs import ChannelRef, MemberRef, Place, WorkspaceRef


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_second`` messages in the long run, up to ``burst`` at once after a rest."""

    per_second: float
    burst: int = 1


_HOUR = Rate(1740 / 3600, 60)
Rates = Rate | tuple[Rate, ...] | None
"""What holds at the same time: each of them must have room. None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one platform takes: over a whole workspace, in one channel, in one direct conversation."""

    workspace: Rate | None = None
    channel: Rates = None
    member: Rates = None
    private: re.Pattern[str] | None = None
    """The ids of channels that are conversations with one person of that id: they go by ``member``."""


# A bucket lets through at most burst + seconds · per_second in any stretch of time: the numbers are chosen so that this
# never passes a documented window (a test plays it), and they are small where a window is short.
PACES: Mapping[str, Pace] = {
    # chat.postMessage: about one a second in a channel with short bursts; the workspace limit is unpublished.
    "slack": Pace(workspace=Rate(10, 20), channel=Rate(1, 3), member=Rate(1, 3)),
    # 30 a second over all, 20 a minute in a group, 1 a second in one chat.
    # A private chat is one place, whether it is named by the person or as the channel in which they wrote.
    "telegram": Pace(
        workspace=Rate(28, 2),
        channel=(Rate(1, 1), Rate(18 / 60, 2)),
        member=Rate(0.95, 1),
        private=re.compile(r"\d+"),
    ),
    # 50 a second over all; in a conversation 7 in 1 s, 8 in 2 s, 60 in 30 s and 1,800 an hour.
    "teams": Pace(workspace=Rate(40, 10), channel=(Rate(1, 6), _HOUR), member=(Rate(1, 6), _HOUR)),
    # A homeserver's limits are its administrator's; it says how long to wait.
    "matrix": Pace(),
    "playground": Pace(),
}
CAUTIOUS = Pace(workspace=Rate(10, 10), channel=Rate(1, 1), member=Rate(1, 1))
"""For a platform nobody described."""

_KEPT_BUCKETS = 20_000
"""Above this many, buckets that are full again (they say nothing any more) are dropped."""


class _Bucket:
    def __init__(self, rate: Rate, now: datetime) -> None:
        self.rate = rate
        self.tokens = float(rate.burst)
        self.stamp = now

    def refill(self, now: datetime) -> None:
        """A clock that was set back gives nothing and takes nothing."""
        elapsed = max(0.0, (now - self.stamp).total_seconds())
        self.tokens = min(float(self.rate.burst), self.tokens + elapsed * self.rate.per_second)
        self.stamp = now

    def missing(self, now: datetime) -> float:
        """Seconds until a token is there. A rest too small for the clock's microseconds counts as none."""
        self.refill(now)
        return 0.0 if self.tokens > 0.9999 else (1.0 - self.tokens) / self.rate.per_second


class Limits:
    """The buckets of every workspace and place. ``paces``, by platform name, replace or add to :data:`PACES`."""

    def __init__(self, paces: Mapping[str, Pace] | None = None, *, shared: bool = False) -> None:
        """``shared``: other processes write to the same workspaces, whose pace :class:`bot.delivery.turns.Turns` keeps
        then."""
        self._paces = {**PACES, **(paces or {})}
        self._shared = shared
        self._buckets: dict[tuple[WorkspaceRef | Place, int], _Bucket] = {}

    def ready_at(self, place: Place, now: datetime) -> datetime:
        """The first moment at which ``place`` may be written to: ``now`` when it may at once."""
        missing = max((bucket.missing(now) for bucket in self._of(place, now)), default=0.0)
        return now + timedelta(seconds=missing)

    def place_ready_at(self, place: Place, now: datetime) -> datetime:
        """As :meth:`ready_at`, for the place's own limits alone."""
        place = self._same(place)
        own = [self._buckets.get((place, number)) for number in range(len(self._own(place)))]
        missing = max((bucket.missing(now) for bucket in own if bucket is not None), default=0.0)
        return now + timedelta(seconds=missing)

    def take(self, place: Place, now: datetime) -> bool:
        """Take what one message costs. False, and nothing taken, when it may not go yet."""
        if self.ready_at(place, now) > now:
            return False
        for bucket in self._of(place, now):
            bucket.tokens -= 1
        return True

    def give_back(self, place: Place) -> None:
        """What :meth:`take` took was not used."""
        place = self._same(place)
        for number in range(len(self._own(place))):
            bucket = self._buckets.get((place, number))
            if bucket is not None:
                bucket.tokens += 1

    def sent(self, place: Place, now: datetime) -> None:
        """The send ended at ``now``: the place's pause counts from its end, else the platform, which counts arrivals,
        sees messages closer together than we meant (measured 0.997 s for 1 s)."""
        place = self._same(place)
        for number in range(len(self._own(place))):
            bucket = self._buckets.get((place, number))
            if bucket is not None:
                bucket.stamp = max(bucket.stamp, now)
        if len(self._buckets) > _KEPT_BUCKETS:
            self._drop_full(now)

    def of_workspace(self, workspace: WorkspaceRef) -> Rate | None:
        """What the workspace takes over all its places; None: no limit."""
        return self._paces.get(workspace.platform, CAUTIOUS).workspace

    def leave(self, place: Place, now: datetime) -> Rested:
        """What another process that goes on with ``place`` must know."""
        place = self._same(place)
        buckets = [self._buckets.pop((place, number), None) for number in range(len(self._own(place)))]
        left = [bucket for bucket in buckets if bucket is not None]
        if not left:
            return Rested()
        ready = max(bucket.missing(now) for bucket in left)
        full = max((bucket.rate.burst - bucket.tokens) / bucket.rate.per_second for bucket in left)
        return Rested(timedelta(seconds=ready), timedelta(seconds=full))

    def go_on(self, place: Place, held: Held, now: datetime) -> None:
        """Another process wrote to ``place`` before us, and left it as ``held`` says. Where it did not say, it may have
        written a moment ago. Of several buckets only the emptiest is known; the others are taken to be no fuller."""
        place = self._same(place)
        self._of(place, now)
        for number in range(len(self._own(place))):
            bucket = self._buckets[place, number]
            if held.orphaned:
                bucket.tokens = 0.0
            else:
                wait = held.rested_in.total_seconds()
                bucket.tokens = max(0.0, bucket.rate.burst - wait * bucket.rate.per_second)

    def _own(self, place: Place) -> tuple[Rate, ...]:
        pace = self._paces.get(place.workspace.platform, CAUTIOUS)
        return _several(pace.channel if isinstance(place, ChannelRef) else pace.member)

    def _same(self, place: Place) -> Place:
        """The place under the one name its buckets have."""
        pace = self._paces.get(place.workspace.platform, CAUTIOUS)
        if isinstance(place, ChannelRef) and pace.private is not None and pace.private.fullmatch(place.id):
            return MemberRef(place.workspace, place.id)
        return place

    def _of(self, place: Place, now: datetime) -> list[_Bucket]:
        place = self._same(place)
        pace = self._paces.get(place.workspace.platform, CAUTIOUS)
        found = []
        workspace = () if self._shared or pace.workspace is None else (pace.workspace,)
        for key, rates in ((place.workspace, workspace), (place, self._own(place))):
            for number, rate in enumerate(rates):
                bucket = self._buckets.get((key, number))
                if bucket is None:
                    bucket = self._buckets[key, number] = _Bucket(rate, now)
                found.append(bucket)
        return found

    def _drop_full(self, now: datetime) -> None:
        for key, bucket in list(self._buckets.items()):
            bucket.refill(now)
            if bucket.tokens >= bucket.rate.burst:
                del self._buckets[key]


def _several(rates: Rates) -> tuple[Rate, ...]:
    if rates is None:
        return ()
    return rates if isinstance(rates, tuple) else (rates,)
