"""Files that take their place in one step: whole, on disk, and readable by their owner only."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.core.errors import BadInput

_COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open, or was not closed."""


@contextlib.contextmanager
def aside(target: Path) -> Iterator[Path]:
    """A new file beside ``target``, so that it can take its place in one step; gone afterwards if it did not."""
    try:
        # Only its owner may read it: it holds people's names.
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror}") from None
    os.close(handle)
    copy = Path(name)
    try:
        yield copy
    finally:
        for path in (copy, *companions(copy)):
            path.unlink(missing_ok=True)


def companions(path: Path) -> list[Path]:
    """The files that SQLite keeps beside this one."""
    return [path.with_name(path.name + ending) for ending in _COMPANIONS]


def put(copy: Path, target: Path) -> None:
    """``copy`` becomes ``target``, on disk before this returns."""
    _to_disk(copy)
    copy.replace(target)
    _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
