"""A real `allant run` in a process of its own, to be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ALLANT = str(Path(sys.executable).with_name("allant"))


class Running:
    """`allant run` in ``folder``, with the given settings, on a free port of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ALLANT_")}
        self.log = folder / "allant.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [ALLANT, "run", "--port", "0"],
                cwd=folder,
                env=clean | dict(settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = ""

    def wait_until_ready(self) -> str:
        """The address it listens on. Fails with its log when it ends before it is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = re.search(r"ready on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                return self.url
        raise AssertionError(f"allant ended with {self.process.wait()}: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL: nothing of it gets to run any more."""
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM, as a service manager does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
