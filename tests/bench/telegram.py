"""A post to many groups, and to many people, against the small Bot API with Telegram's limits enforced.

Time at the server runs faster for the larger one, and our own limits with it: in each of its seconds it takes what
Telegram takes in a second, and refuses what is more. The share is of the rate that the limits allow, 30 a second over
all.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bot.core.actions import Planned, Send
from bot.core.clock import SystemClock
from bot.core.community import Channel, Member
from bot.core.delivery import Kind, State
from bot.core.directory import Directory
from bot.core.events import Event
from bot.core.message import Message
from bot.core.policy import PolicyRules
from bot.core.refs import ChannelRef, MemberRef, Place
from bot.delivery import Limits, Outbox, Pace, Rate
from bot.delivery.limits import PACES, Rates
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.api import PER_SECOND
from bot.store import Store
from bot.timetable import Schedules
from tests.bench.figures import show
from tests.contract.in_memory_drawer import InMemoryDrawer, simple_equipment
from tests.wire.telegram_chats import TOKEN
from tests.wire.telegram_chats import Limits as TheirLimits
from tests.wire.telegram_server import BotApi

GROUPS, PEOPLE = 200, 2_000
FASTER = 1.5
"""How many times as fast time runs for the people: 67 seconds would be long to wait."""
OVER_ALL = 30
"""Messages a second that Telegram takes (Bots FAQ)."""


def scaled(pace: Pace, times: float) -> Pace:
    """Ours, for a clock that runs so many times as fast."""

    def several(rates: Rates) -> Rates:
        if rates is None:
            return None
        return tuple(
            Rate(each.per_second * times, each.burst) for each in ((rates,) if isinstance(rates, Rate) else rates)
        )

    assert pace.workspace is not None
    over_all = Rate(pace.workspace.per_second * times, pace.workspace.burst)
    return Pace(workspace=over_all, channel=several(pace.channel), member=several(pace.member), private=pace.private)


def addressees(api: BotApi, platform: TelegramPlatform, count: int, *, people: bool) -> Sequence[Member | Channel]:
    found: list[Member | Channel] = []
    for number in range(count):
        if people:
            user = api.user(f"Person {number}")
            api.started.add(user)
            found.append(Member(MemberRef(platform.workspace, str(user)), name=f"Person {number}"))
        else:
            room = api.group(f"room {number}")
            found.append(Channel(ChannelRef(platform.workspace, str(room.id)), name=f"room-{number}"))
    return found


async def posted(count: int, *, people: bool, times: float) -> None:
    async with BotApi(limits=TheirLimits(scale=times)).serving() as api:
        platform = TelegramPlatform(
            token=TOKEN, api_url=api.url, language="en", renderer=MarkdownRenderer(), per_second=PER_SECOND * times
        )
        platform.equip(simple_equipment(InMemoryDrawer()))
        seconds, written = await deliver(api, platform, addressees(api, platform, count, people=people), times)
        await platform.close()
        asked = api.methods().count("sendMessage")
    share = count / (OVER_ALL * times) / seconds
    show(
        f"Telegram: a post to {count:,} {'people' if people else 'groups'}",
        f"{share * 100:.0f} %",
        f"of the allowed rate (aim 90)   {count / seconds / times:.1f} a second"
        + (f", time {times:g} times as fast" if times != 1 else ""),
    )
    show("  asked to wait by the server", f"{asked - count} times", f"  {written:,} sent, each once")


async def deliver(
    api: BotApi, platform: TelegramPlatform, known: Sequence[Member | Channel], times: float
) -> tuple[float, int]:
    """The seconds it took, and how many the ledger says were sent."""
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        (Path(folder) / "schedules").mkdir()
        schedules = Schedules(Path(folder) / "schedules", {"policy": PolicyRules})
        schedules.load()
        store = await Store.open(f"sqlite:///{folder}/a.db", secret=b"s" * 32)
        try:
            await store.register(known)
            clock = SystemClock()
            now = clock.now()
            places: list[Place] = [each.ref for each in known]
            sends = [Send(to=each, message=Message("Tea at **four**"), kind=Kind.ANSWER, due=now) for each in places]
            await store.journal.commit(platform.workspace, [Planned("bench", tuple(sends))], at=now, source="post")
            outbox = Outbox(
                store.outbound,
                store.ledger,
                store.members,
                Directory(store.channels, schedules),
                schedules,
                {platform.workspace: platform},
                clock,
                Limits({"telegram": scaled(PACES["telegram"], times)}),
                nothing,
            )
            began = time.monotonic()
            task = asyncio.create_task(outbox.run())
            while api.taken < len(known):  # noqa: ASYNC110  # It counts, and tells nobody.
                await asyncio.sleep(0.02)
            seconds = time.monotonic() - began
            await asyncio.sleep(1.0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return seconds, len(await store.ledger.recent(platform.workspace, state=State.SENT, limit=100_000))
        finally:
            await store.close()


async def nothing(_: Event) -> None:
    """Nobody is told of trouble: there is none."""


def run() -> None:
    asyncio.run(posted(GROUPS, people=False, times=1.0))
    asyncio.run(posted(PEOPLE, people=True, times=FASTER))
