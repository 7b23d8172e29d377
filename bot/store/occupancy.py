"""Only one Allant works on an SQLite file: a second one would send what the first is sending."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from bot.core.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows has no such lock; there, one has to see to it oneself.
    fcntl = None  # type: ignore[assignment]  # A module otherwise.


class Occupancy:
    """A lock beside the database's file. The system lets go of it when the process ends, however it ends."""

    def __init__(self, file: Path) -> None:
        self._path = file.with_name(f"{file.name}.lock")
        self._held: IO[str] | None = None

    def take(self) -> None:
        """Raises BadInput when another process holds it."""
        if fcntl is None or self._held is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        held = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            who = held.read().strip() or "?"
            held.close()
            raise BadInput(
                f"Allant already runs on {self._path.with_suffix('').name} (process {who}): stop it first, or use "
                "PostgreSQL for several processes"
            ) from None
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        self._held = held

    def let_go(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
