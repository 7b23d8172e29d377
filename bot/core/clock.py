"""What time it is: the machine's clock, and one that a simulation moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.core.ports import Clock


class SystemClock(Clock):
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock(Clock):
    """A clock that stands still until it is moved: for simulations, rehearsals and tests."""

    def __init__(self, start: datetime) -> None:
        """``start`` is an aware moment; raises ValueError for a naive one."""
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware moment")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Set the clock to the aware ``moment``; it may also go back, as real clocks do."""
        self._now = moment.astimezone(UTC)
