"""Files that are their owner's alone: what Allant keeps about people is nobody else's to read on a shared machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Make the empty file ``path``, readable and writable by its owner only; one that exists stays as it is.

    What hinders it (no such folder, no right) raises nothing: whoever opens the file next says it better.
    """
    with contextlib.suppress(OSError):
        # Made with these rights, not given them afterwards: there is no moment at which others could open it.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
