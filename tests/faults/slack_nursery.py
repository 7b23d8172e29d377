"""Bots on Slack that start quickly: one process loads everything once, and forks what `allant run` does for each line.

``python -m tests.faults.slack_nursery`` reads a JSON object with a folder and settings per line, and answers with the
new process's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bot.markdown
import bot.platforms.slack  # noqa: F401  # Loaded before the forks, which then start at once.
from bot.service import serve
from bot.settings import read_settings


class SlackNursery:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "bots.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.slack_nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def start(self, settings: Mapping[str, Any]) -> int:
        """A new bot's process number; it has begun to start."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(self.folder), "settings": settings}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    @staticmethod
    def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


async def live(settings: Mapping[str, Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(read_settings(**settings), stop, say=lambda _: None)


def main() -> None:
    # The system buries the bots.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            told = json.loads(line)
            os.chdir(told["folder"])
            asyncio.run(live(told["settings"]))
            os._exit(0)
        print(child, flush=True)  # noqa: T201  # The answer.


if __name__ == "__main__":
    main()
