"""`make bench`: speed and memory, measured as ratios within one run, and printed with what they are compared to.

Nothing here asserts a time: the machine decides, and the reader judges. The aims are those of the design.
``python -m tests.bench calendar delivery`` runs those alone; ``signals --full`` with 100 million signals.
"""

from __future__ import annotations

import os
import sys

from tests.bench import calendar, delivery, demo, home, idle, ingest, search, signals, slack, telegram, workers

ALL = {
    "ingest": ingest.run,
    "idle": idle.run,
    "demo": demo.run,
    "calendar": calendar.run,
    "delivery": delivery.run,
    "telegram": telegram.run,
    "workers": workers.run,
    "slack": slack.run,
    "home": home.run,
    "signals": signals.run,
    "search": search.run,
}


def main(arguments: list[str]) -> None:
    names = [name for name in arguments if not name.startswith("-")]
    signals.FULL = "--full" in arguments
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    # The bots that are measured search by words alone; `search` brings its own embedders.
    os.environ["ALLANT_MEANING"] = "false"
    for name in names or ALL:
        ALL[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
