"""A bot whose disk is full for a while: ``python -m tests.faults.full_disk FOLDER``, where mounting is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

from tests.faults.judge import Judge
from tests.faults.nursery import Nursery
from tests.faults.trial import Trial, report

PLACES = 12


async def trial_on(disk: Path, nursery: Nursery) -> None:
    """Posts come due all the while; for eight seconds nothing can be written."""
    async with Judge().serving() as judge, Trial(judge, nursery, f"sqlite:///{disk}/allant.db") as trial:
        worker = trial.start()
        for number in range(60):
            await trial.post(number % PLACES, ahead=number * 0.25)
        await asyncio.sleep(3)
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(512)):
                pass
        before = len(judge.arrivals)
        await asyncio.sleep(8)
        meanwhile = len(judge.arrivals) - before
        ballast.unlink()
        await trial.settled()
        assert before > 0, "it had begun"
        assert meanwhile < 32, "the disk was not full"
        assert nursery.lives(worker)
        report("disk full for 8 s", await trial.verdict() | {"sent meanwhile": meanwhile})


def main() -> None:
    folder = Path(sys.argv[1])
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=True)
    nursery = Nursery(folder)
    try:
        asyncio.run(trial_on(disk, nursery))
    finally:
        nursery.close()


if __name__ == "__main__":
    main()
