"""Many real processes quickly: one process loads everything once, and forks a worker for each line it is told.

``python -m tests.faults.nursery`` reads a JSON object with the settings of a worker per line and answers with its
process number. The workers are bots on the judge's platform; they can be killed, stopped and starved like any process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bot.app import assemble, running
from bot.core.actions import Send, SetTimer
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Receipt
from bot.core.errors import Unreachable, Unsure
from bot.core.events import MessagePosted
from bot.core.feature import Context, Feature, Listener, TimerFired
from bot.core.message import Message
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.delivery import Limits, Pace, Rate
from bot.settings import read_settings

JUDGED = WorkspaceRef("judged", "court")
TICK = timedelta(seconds=0.5)


class JudgedPlatform(Platform):
    """The judge's chat server. ``tells``: it can be asked whether a message arrived."""

    def __init__(self, url: str, *, tells: bool, patience: float) -> None:
        self.workspace = JUDGED
        self.can = Capabilities(can_look_up=tells)
        self._client = httpx.AsyncClient(base_url=url, timeout=patience)

    async def directory(self) -> AsyncIterator[Member | Channel]:
        nobody: tuple[Member | Channel, ...] = ()
        for each in nobody:
            yield each

    async def run(self, on_event: OnEvent) -> None:
        after = 0
        while True:
            with contextlib.suppress(httpx.HTTPError):
                for event in (await self._client.get("/events", params={"after": after})).json():
                    place = ChannelRef(JUDGED, event["place"])
                    await on_event(
                        MessagePosted(
                            id=event["id"],
                            at=datetime.now(UTC),
                            workspace=JUDGED,
                            message=MessageRef(place, event["id"]),
                            member=MemberRef(JUDGED, "ann"),
                            text="",
                        )
                    )
                    after += 1
                continue
            await asyncio.sleep(0.2)

    async def do(self, delivery: Delivery) -> Receipt:
        place = str(delivery.to.id)
        message = {"key": delivery.key, "place": place, "text": delivery.message.text, "sender": os.getpid()}
        try:
            answer = await self._client.post("/send", json=message)
        except httpx.ConnectError:
            raise Unreachable("no connection") from None
        except httpx.HTTPError:
            raise Unsure("no answer") from None
        return Receipt(MessageRef(ChannelRef(JUDGED, place), str(answer.json()["id"])))

    async def find(self, delivery: Delivery) -> Receipt | None:
        try:
            number = (await self._client.get("/find", params={"key": delivery.key})).json()["id"]
        except httpx.HTTPError:
            raise Unreachable("no connection") from None
        return None if number is None else Receipt(MessageRef(ChannelRef(JUDGED, str(delivery.to.id)), str(number)))

    async def close(self) -> None:
        await self._client.aclose()


async def echo(ctx: Context, event: MessagePosted) -> None:
    ctx.do(Send(to=event.message.channel, message=Message(f"echo {event.id}"), kind=Kind.ANSWER))


async def tick(ctx: Context, fired: TimerFired) -> None:
    """``key`` is a place and how many ticks are left: each says so and sets the next."""
    place, left = fired.key.split("/")
    words = Message(f"tick {left}")
    ctx.do(Send(to=ChannelRef(JUDGED, place), message=words, kind=Kind.ANSWER, key=f"tick/{place}/{left}"))
    if int(left) > 1:
        ctx.do(SetTimer("tick", f"{place}/{int(left) - 1}", fired.due + TICK))


COURT = Feature(name="court", commands=(), listeners=(Listener(MessagePosted, echo),), timers={"tick": tick})


async def work(judge: str, settings: Mapping[str, Any], role: Any, tells: bool, rate: float, patience: float) -> None:
    platform = JudgedPlatform(judge, tells=tells, patience=patience)
    allant = await assemble(
        read_settings(**settings),
        [platform],
        features=(COURT,),
        limits=Limits({"judged": Pace(channel=Rate(rate, 1))}, shared="postgres" in settings["database_url"]),
        role=role,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(allant):
        print("ready", flush=True)  # noqa: T201  # How the parent knows.
        await stop.wait()


class Nursery:
    """The tests' end: starts workers, and ends them all at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        tree: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``tree``: where the code lies, if not here. ``environment``: more of it, for the workers."""
        self.folder = folder
        (folder / "content").mkdir(exist_ok=True)
        (folder / "schedules").mkdir(exist_ok=True)
        self.log = folder / "workers.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=tree,
                env=os.environ | ({"PYTHONPATH": str(tree)} if tree else {}) | dict(environment or {}),
                start_new_session=True,
            )

    def start(
        self,
        judge: str,
        database: str,
        *,
        role: str = "all",
        tells: bool = True,
        rate: float = 50.0,
        lease: float = 1.5,
        patience: float = 5.0,
    ) -> int:
        """A new worker's process number; it has begun to start."""
        settings = {
            "database_url": database,
            "secret_file": str(self.folder / "secret.key"),
            "content_dir": str(self.folder / "content"),
            "schedules_dir": str(self.folder / "schedules"),
            "lease_seconds": lease,
            "log_level": "error",
        }
        line = {"judge": judge, "settings": settings, "role": role, "tells": tells, "rate": rate, "patience": patience}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    @staticmethod
    def kill(worker: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Nothing if it ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, number)

    @staticmethod
    def lives(worker: int) -> bool:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """The end of the nursery and of all in it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def main() -> None:
    # The system buries the workers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            asyncio.run(work(**json.loads(line)))
            os._exit(0)
        print(child, flush=True)  # noqa: T201  # The answer.


if __name__ == "__main__":
    main()
