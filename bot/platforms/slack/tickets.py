"""What an answer may use of the interaction it answers: a modal while the trigger lives, the response address.

A ticket travels as the opaque token of a command through the core to the delivery that answers it. It is as secret as a
token of Slack's, though short-lived: it is sealed where it is kept, and never logged.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from bot.core.delivery import Delivery
from bot.platforms.slack.reading import Json, mapping, text

TRIGGER_SECONDS = 2.7
"""Slack forgets a trigger after 3 seconds; the way there takes its time as well."""
KEPT = 1_000
"""Tickets remembered beside those that travel with their answers."""
RESPONSE_SECONDS = 1750.0
"""A response address lives for 30 minutes, and takes five answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """``at``: when Slack made it, in seconds since 1970. ``view``: the modal that was submitted. ``command``: what led
    to it, to be given again by a button where the trigger is too old. ``channel``, ``thread`` and ``message``: where
    the person was, for the command that a form gives."""

    at: float
    handle: str = ""
    trigger: str = field(default="", repr=False)
    response: str = field(default="", repr=False)
    view: str = ""
    command: str = ""
    channel: str = ""
    thread: str = ""
    message: str = ""

    def written(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    def trigger_lives(self, now: float) -> bool:
        return bool(self.trigger) and 0 <= now - self.at < TRIGGER_SECONDS

    def response_lives(self, now: float) -> bool:
        return bool(self.response) and 0 <= now - self.at < RESPONSE_SECONDS


def read_ticket(token: str) -> Ticket | None:
    """None for what is no ticket of ours."""
    try:
        said = mapping(json.loads(token)) if token else {}
        at = float(said["at"])
    except (ValueError, KeyError, TypeError):
        return None
    names = ("handle", "trigger", "response", "view", "command", "channel", "thread", "message")
    return Ticket(at=at, **{name: text(said.get(name)) for name in names})


class Held:
    """What interactions still wait for: submitted modals whose acknowledgement is held back, for a moment, for the
    delivery that answers them; and the tickets of late, for answers that only name the event they answer."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def remember(self, event: str, ticket: Ticket) -> None:
        self._tickets[event] = ticket
        if len(self._tickets) > KEPT:
            self._tickets.popitem(last=False)

    def ticket(self, delivery: Delivery) -> Ticket | None:
        """The ticket of what this delivery answers."""
        return read_ticket(delivery.token) or self._tickets.get(delivery.answers)

    def begin(self) -> str:
        """A new handle; somebody waits under it from now on."""
        handle = secrets.token_hex(8)
        self._waiting[handle] = asyncio.get_running_loop().create_future()
        return handle

    async def answer(self, handle: str, seconds: float) -> Json | None:
        """What the acknowledgement shall say, if the delivery comes in time; None otherwise, and from then on the
        delivery has to change the modal itself."""
        waiting = self._waiting[handle]
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                return await waiting
        except TimeoutError:
            return None
        finally:
            self.end(handle)

    def give(self, handle: str, answer: Json) -> bool:
        """Whether somebody still waited."""
        waiting = self._waiting.get(handle)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(answer)
        return True

    def end(self, handle: str) -> None:
        self._waiting.pop(handle, None)
