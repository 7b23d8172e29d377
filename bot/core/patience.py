"""Waiting for a platform that is away or asks us to wait, and for a store that is away."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.core.errors import RateLimited, SignedOut, Unreachable, Unsure
from bot.core.events import Event
from bot.core.platform import OnEvent

log = logging.getLogger("allant.platforms")

T = TypeVar("T")

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
"""Between two tries the wait doubles, up to this."""


async def patiently(ask: Callable[[], Awaitable[T]], *, tries: int = 0) -> T:
    """What ``ask`` gives, asked again while the platform is away (``tries`` 0: for as long as it takes; each wait it
    asks for itself is obeyed and counts as none). Raises what cannot be mended by waiting: SignedOut, Refused."""
    failed = 0
    while True:
        try:
            answer = await ask()
        except SignedOut:
            raise
        except RateLimited as error:
            await asyncio.sleep(error.retry_after)
        except (Unreachable, Unsure) as error:
            failed += 1
            if failed == tries:
                raise
            if failed == 1:
                log.warning("%s; trying again until it works", error)
            await asyncio.sleep(pause(failed))
        else:
            if failed:
                log.info("the platform is back after %d tries", failed)
            return answer


async def hand_over(event: Event, on_event: OnEvent) -> None:
    """Have the event accepted, however long the store is away: what follows in the place waits behind it."""
    failed = 0
    while True:
        try:
            await on_event(event)
            return
        except Exception as error:
            failed += 1
            log.error("an event could not be kept, trying again: %s", type(error).__name__)
            await asyncio.sleep(pause(failed))


def pause(failed: int, longest: float = LONGEST_SECONDS) -> float:
    """Seconds before the next try after ``failed`` failures, ``longest`` at most, spread so that many clients do not
    come back at once."""
    top = min(FIRST_SECONDS * 2.0 ** min(failed, 16), longest)
    return random.uniform(top / 2, top)  # noqa: S311  # Spreading load, no secret.
