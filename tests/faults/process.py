"""A real `allant run` in a process of its own, to be killed."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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
                # By words alone: reading the models at each of many starts would take longer than all the rest.
                env=clean | {"ALLANT_MEANING": "false"} | dict(settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = ""
        # One that a failed test leaves behind would go on for ever, and slow down everything after it.
        atexit.register(self.process.kill)

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
        atexit.unregister(self.process.kill)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


ALWAYS_OPEN = """
policy:
  zone: UTC
  quiet_from: "00:00"
  quiet_to: "00:00"
  working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
  channel_day: 1000
  channel_week: 1000
  member_day: 1000
  member_week: 1000
"""
GREET_TOGETHER = "welcome: {channels: [general], window_minutes: 1}"
GREET_ALONE = 'welcome: {channels: [], default_channel: ""}'


def schedules(folder: Path, posts: int) -> list[str]:
    """Schedules with so many posts, a minute apart; their ids. The first comes when the bot surely runs."""
    items = []
    lines = ["items:"] if posts else ["items: []"]
    now = datetime.now(UTC)
    for ahead in range(1, posts + 1):
        moment = now + timedelta(minutes=ahead + 1)
        items.append(f"minute-{ahead}")
        lines += [
            f"  - id: minute-{ahead}",
            f'    on: "{moment:%Y-%m-%d %H:%M}"',
            '    to: ["#general", "#random"]',
            "    zone: UTC",
            f'    words: {{en: "post {ahead}", fr: "message {ahead}"}}',
        ]
    own = folder / "schedules"
    own.mkdir(parents=True)
    (own / "policy.yaml").write_text(ALWAYS_OPEN, encoding="utf-8")
    (own / "welcome.yaml").write_text(GREET_TOGETHER if posts else GREET_ALONE, encoding="utf-8")
    (own / "items.yaml").write_text("\n".join(lines), encoding="utf-8")
    return items
