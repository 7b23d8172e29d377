"""The outbox on SQLite and the real clock, before platforms that answer at once: pace, cost, and use of the limits.

Everything sent is of the kind “answer”, which no attention budget and no quiet hours hold back: what is measured is
the way from the ledger to the platform, and not how much of it people are spared.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

from bot.core.actions import Planned, Send
from bot.core.clock import SystemClock
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Receipt
from bot.core.directory import Directory
from bot.core.events import Event
from bot.core.message import Message
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.policy import PolicyRules
from bot.core.refs import ChannelRef, MessageRef, Place, WorkspaceRef
from bot.delivery import Limits, Outbox, Pace, Rate
from bot.delivery.limits import PACES
from bot.store import Store
from bot.timetable import Schedules
from tests.bench.figures import show

CHANNELS, SECONDS = 1_000, 20
WARM = 3
"""Seconds after the start that are not counted: a thousand places are found and begun there."""
MINUTE, MINUTE_CHANNELS, WATCHED = 5_000, 200, 30


class Counter(Platform):
    """Notes when something arrives, by the steady clock, and answers at once."""

    def __init__(self, name: str) -> None:
        self.workspace = WorkspaceRef(name, "bench")
        self.can = Capabilities(can_look_up=True)
        self.arrivals: list[tuple[float, Place]] = []

    async def directory(self) -> AsyncIterator[Member | Channel]:
        for each in self.channels(0):
            yield each

    def channels(self, count: int) -> list[Channel]:
        return [Channel(ChannelRef(self.workspace, f"C{n}"), name=f"room-{n}") for n in range(count)]

    async def run(self, on_event: OnEvent) -> None:
        await asyncio.Event().wait()

    async def do(self, delivery: Delivery) -> Receipt:
        self.arrivals.append((time.monotonic(), delivery.to))
        assert isinstance(delivery.to, ChannelRef)
        return Receipt(MessageRef(delivery.to, str(len(self.arrivals))))

    async def find(self, delivery: Delivery) -> Receipt | None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def delivering(platforms: Sequence[Counter], loads: Mapping[str, tuple[int, int]]) -> AsyncIterator[Outbox]:
    """An outbox with work: of each platform, so many channels and so many messages for each. It does not run yet."""
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        store = await Store.open(f"sqlite:///{folder}/a.db", secret=b"s" * 32)
        clock = SystemClock()
        for platform in platforms:
            channels, each = loads[platform.workspace.platform]
            await store.register(platform.channels(channels))
            now = clock.now()
            for turn in range(each):
                sends = tuple(
                    Send(to=channel.ref, message=Message(f"Hello for the {turn}th time"), kind=Kind.ANSWER, due=now)
                    for channel in platform.channels(channels)
                )
                await store.journal.commit(platform.workspace, [Planned("bench", sends)], at=now, source=f"turn {turn}")
        (Path(folder) / "schedules").mkdir()
        schedules = Schedules(Path(folder) / "schedules", {"policy": PolicyRules})
        schedules.load()
        outbox = Outbox(
            store.outbound,
            store.ledger,
            store.members,
            Directory(store.channels, schedules),
            schedules,
            {platform.workspace: platform for platform in platforms},
            clock,
            Limits({"steady": Pace(channel=Rate(1, 1))}),
            nothing,
        )
        try:
            yield outbox
        finally:
            await store.close()


async def nothing(_: Event) -> None:
    """Nobody is told of trouble: there is none."""


async def run_for(outbox: Outbox, seconds: float) -> None:
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def steady() -> None:
    platform = Counter("steady")
    async with delivering([platform], {"steady": (CHANNELS, SECONDS + WARM + 2)}) as outbox:
        task = asyncio.create_task(outbox.run())
        await asyncio.sleep(WARM)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(SECONDS)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    by_place: defaultdict[Place, list[float]] = defaultdict(list)
    for at, place in platform.arrivals:
        if at >= began:
            by_place[place].append(at)
    gaps = sorted(later - earlier for times in by_place.values() for earlier, later in pairwise(times))
    sent = sum(len(times) for times in by_place.values()) / SECONDS
    show(f"{CHANNELS:,} channels, one a second each", f"{sent:,.0f} messages/s", f"(aim {CHANNELS:,})")
    show("  smallest gap in a channel", f"{gaps[0]:.4f} s", "(aim never under 1.0)")
    middle, late = statistics.median(gaps), gaps[len(gaps) * 99 // 100]
    show("  median gap", f"{middle:.4f} s", f"(aim under 1.05)   99 % within {late:.3f}")
    show("  share of a core", f"{share * 100:.1f} %", f"(aim under 10)   {share / sent * 1e6:,.0f} µs a message")


async def due_minute() -> None:
    platforms = [Counter("slack"), Counter("telegram")]
    load = (MINUTE_CHANNELS, MINUTE // MINUTE_CHANNELS)
    async with delivering(platforms, {"slack": load, "telegram": load}) as outbox:
        began, cpu = time.monotonic(), time.process_time()
        await run_for(outbox, WATCHED)
        share = (time.process_time() - cpu) / WATCHED
    for platform in platforms:
        rate = PACES[platform.workspace.platform].workspace
        assert rate is not None
        allowed = rate.burst + rate.per_second * WATCHED
        sent = sum(at < began + WATCHED for at, _ in platform.arrivals)
        name = platform.workspace.platform.title()
        show(
            f"{MINUTE:,} due at once, {MINUTE_CHANNELS} channels, {name}",
            f"{sent / allowed * 100:.0f} %",
            f"of what the limits allow in {WATCHED} s (aim 90)   {sent:,} of {allowed:,.0f}",
        )
    show("  share of a core, both together", f"{share * 100:.0f} %")


def run() -> None:
    asyncio.run(steady())
    asyncio.run(due_minute())
