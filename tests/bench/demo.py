"""Thirty days of the simulated organisation, as fast as they go."""

from __future__ import annotations

import json
import subprocess
import time

from tests.faults.process import ALLANT


def run() -> None:
    began = time.perf_counter()
    run = subprocess.run(
        [ALLANT, "demo", "--days", "30", "--fast", "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    took = time.perf_counter() - began
    report = json.loads(run.stdout)
    per_day = took / 30
    print(f"30 days of the demo                          {took:10.1f} s (aim 30)  {86_400 / per_day:,.0f} x real time")
    print(f"  acts {report['acts']}, ledger {report['ledger']}")
