"""How the simulated server misbehaves when asked to: for rehearsing what a real platform does on a bad day.

ServerTrouble
├── TooBusy        it asks to wait (HTTP 429 elsewhere)
├── NotReached     the request never arrived
├── NoAnswer       the connection broke after the request was sent: it may have been carried out
└── NotAllowed     it refuses for good
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum


class ServerTrouble(Exception):
    """The playground's server did not do what it was asked."""


class TooBusy(ServerTrouble):
    """Wait ``retry_after`` seconds."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"too busy for {retry_after} s")


class NotReached(ServerTrouble):
    """The request did not arrive."""


class NoAnswer(ServerTrouble):
    """The request was sent and no answer came."""


class NotAllowed(ServerTrouble):
    """The request is refused for good; the text says why."""


class Fault(StrEnum):
    """What can go wrong with one request of the bot."""

    RATE_LIMIT = "rate_limit"
    UNREACHABLE = "unreachable"
    UNSURE_DONE = "unsure_done"  # carried out, but the answer is lost
    UNSURE_LOST = "unsure_lost"  # lost on the way, which the bot cannot know
    REFUSE = "refuse"


class Faults:
    """The switch. ``fail_next`` queues faults for the bot's next requests; ``always`` holds until set to None.

    ``repeat_events``: every event is delivered twice, as platforms do when an acknowledgement comes late.
    ``retry_after`` is what a rate limit asks to wait, in seconds.
    """

    def __init__(self) -> None:
        self.always: Fault | None = None
        self.repeat_events = False
        self.retry_after = 1.0
        self._next: deque[Fault] = deque()

    def fail_next(self, *faults: Fault) -> None:
        """The next requests of the bot fail in these ways, one each, in this order."""
        self._next.extend(faults)

    def clear(self) -> None:
        """Everything works again."""
        self.always = None
        self.repeat_events = False
        self._next.clear()

    def before(self) -> Fault | None:
        """Called for each request, before it is carried out: raises, or gives the fault that comes after."""
        fault = self._next.popleft() if self._next else self.always
        if fault is Fault.RATE_LIMIT:
            raise TooBusy(self.retry_after)
        if fault is Fault.UNREACHABLE:
            raise NotReached
        if fault is Fault.UNSURE_LOST:
            raise NoAnswer
        if fault is Fault.REFUSE:
            raise NotAllowed("refused")
        return fault

    @staticmethod
    def after(fault: Fault | None) -> None:
        """Called once the request was carried out."""
        if fault is Fault.UNSURE_DONE:
            raise NoAnswer
