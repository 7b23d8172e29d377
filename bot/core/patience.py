"""Waiting for a platform that is away, or that asks us to wait."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.core.errors import RateLimited, SignedOut, Unreachable, Unsure

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


def pause(failed: int) -> float:
    """Seconds before the next try after ``failed`` failures, spread so that many clients do not come back at once."""
    top = min(FIRST_SECONDS * 2.0 ** min(failed, 16), LONGEST_SECONDS)
    return random.uniform(top / 2, top)  # noqa: S311  # Spreading load, no secret.
