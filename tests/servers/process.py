"""A server of other people as a child process: started, waited for, ended with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(
    command: Sequence[str], folder: Path, ready: Callable[[], bool], env: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """``command`` in ``folder`` until the end of the block; gives the file with what it prints.

    Begins once ``ready`` says so; raises RuntimeError with what it printed when it ends before, or takes too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "output.log"
    with said.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{said.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.05)
        yield said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
