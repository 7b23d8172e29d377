"""Doing work again while the database is away, for as long as a caller can be asked to wait."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from sqlalchemy import Engine, exc

from bot.core.errors import StoreUnavailable
from bot.store import postgres
from bot.store.dialect import explained, passing

log = logging.getLogger("allant.store")

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that work waits for a database that is away, so that a restart of PostgreSQL, or its moving to another
machine, is a pause and not a failure. The platforms' own time limits are shorter, but they deliver again."""
LAST_PATIENCE = 5.0
"""Seconds once we are closing: whoever stops the bot does not wait a minute for it."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between attempts, doubling; half of each is drawn, so that processes do not come back in step."""


class Patience:
    """One for a database: how long its work waits, and what is logged of it."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._away_since: float | None = None
        self._lock = threading.Lock()

    def end(self) -> None:
        """From now on nothing waits long."""
        self._closing.set()

    def persist(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns, made again while what it raises may pass. Raises StoreUnavailable at the end of the
        patience; all other errors are raised as they come."""
        began, pause = monotonic(), FIRST_PAUSE
        while True:
            try:
                result = attempt()
            except (exc.DBAPIError, exc.TimeoutError) as error:
                if isinstance(error, exc.DBAPIError) and not passing(error):
                    raise
                reason = explained(error) if isinstance(error, exc.DBAPIError) else "all its connections are in use"
                patience = LAST_PATIENCE if self._closing.is_set() else PATIENCE
                if monotonic() - began + pause > patience:
                    raise StoreUnavailable(f"the database is not available: {reason}") from None
                if pause > LONGEST_PAUSE / 2:
                    self._note_away(began, reason)
                # Not the event's own wait: once it is set that would return at once, again and again.
                threading.Event().wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  # No secret.
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._note_back()
                return result

    def _note_away(self, since: float, reason: str) -> None:
        with self._lock:
            if self._away_since is None:
                self._away_since = since
                log.warning("the database is away, waiting for it: %s", reason)

    def _note_back(self) -> None:
        if self._away_since is None:
            return
        with self._lock:
            if self._away_since is not None:
                log.warning("the database is back after %.0f s", monotonic() - self._away_since)
                self._away_since = None


def was_committed(engine: Engine, writer: str, mark: str, patience: Patience) -> bool:
    """What became of a transaction that was cut off while it was committed. Raises StoreUnavailable when that cannot
    be learned."""

    def ask() -> bool:
        with engine.connect() as connection:
            found = postgres.was_committed(connection, writer, mark)
        if found is None:
            # The server has not noticed yet that we are gone: as good as away.
            raise exc.TimeoutError("the transaction is still under way")
        return found

    return patience.persist(ask)
