"""An onboarding wave on Slack: newcomers' direct messages and a post to many channels, before a Slack with its limits.

The real adapter, slack_sdk and outbox on one side; on the other, in a process of its own, the Slack of tests/wire,
which enforces what is documented (a message a second in a channel with short bursts) and, over the workspace, the ten a
second that we take as the unpublished limit. Both run ``FASTER`` times faster than the clock, so that nine minutes take
one and a half: the rates are multiplied on both sides, and nothing else is changed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bot.core.actions import Planned, Send
from bot.core.clock import SystemClock
from bot.core.community import Channel, Member
from bot.core.delivery import Kind
from bot.core.directory import Directory
from bot.core.message import Button, Message
from bot.core.policy import PolicyRules
from bot.delivery import Limits, Outbox, Pace, Rate
from bot.delivery.limits import PACES
from bot.markdown import MarkdownRenderer
from bot.store import Store
from bot.timetable import Schedules
from tests.bench.delivery import nothing
from tests.bench.figures import show
from tests.wire.slack_org import APP_TOKEN, BOT_TOKEN
from tests.wire.slack_server import Manners, SlackServer

NEWCOMERS, CHANNELS = 5_000, 200
FASTER = 6.0
LONGEST = 115.0
"""Seconds of the run's own clock; what is not out by then counts as not sent."""


async def serve() -> None:
    """The Slack in its own process: says where it is, then what it saw when it is told to end."""
    pace = PACES["slack"].workspace
    assert pace is not None
    server = SlackServer(manners=Manners(speed=FASTER, echo=False, workspace_rate=pace.per_second))
    for number in range(CHANNELS):
        server.org.new_channel(f"channel-{number}")
    for number in range(NEWCOMERS):
        server.org.new_user(f"Newcomer {number}")
    await server.start()
    users = [each for each in server.org.users if each != server.org.bot_user]
    _say({"url": server.url, "users": users, "channels": list(server.org.channels)})
    await asyncio.to_thread(sys.stdin.readline)
    calls = [call.at for call in server.calls if call.method == "chat.postMessage" and call.answer.get("ok")]
    _say({"calls": len(server.calls), "too_many": server.too_many, "sent": calls})
    await server.stop()


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


def faster(pace: Pace) -> Pace:
    """The same bursts, and more a second."""

    def one(rate: object) -> object:
        return replace(rate, per_second=rate.per_second * FASTER) if isinstance(rate, Rate) else rate

    return Pace(workspace=one(pace.workspace), channel=one(pace.channel), member=one(pace.member))  # type: ignore[arg-type]  # Each is one rate here.


async def wave() -> None:
    from bot.platforms.slack import SlackApp

    command = [sys.executable, "-m", "tests.bench.slack"]
    slack = subprocess.Popen(  # noqa: ASYNC220  # Nothing else runs yet.
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert slack.stdin is not None
    assert slack.stdout is not None
    told = json.loads(await asyncio.to_thread(slack.stdout.readline))
    app = SlackApp(app_token=APP_TOKEN, api_url=told["url"], renderer=MarkdownRenderer(), language="en")
    platform = await app.install(BOT_TOKEN)
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        store = await Store.open(f"sqlite:///{folder}/a.db", secret=b"s" * 32)
        clock = SystemClock()
        found: list[Member | Channel] = [each async for each in platform.directory()]
        await store.register(found)
        (Path(folder) / "schedules").mkdir()
        schedules = Schedules(Path(folder) / "schedules", {"policy": PolicyRules})
        schedules.load()
        limits = Limits({"slack": faster(PACES["slack"])})
        outbox = Outbox(
            store.outbound,
            store.ledger,
            store.members,
            Directory(store.channels, schedules),
            schedules,
            {platform.workspace: platform},
            clock,
            limits,
            nothing,
        )
        await _plan(store, clock, found)
        began, cpu = time.monotonic(), time.process_time()
        running = asyncio.create_task(outbox.run())
        while time.monotonic() - began < LONGEST and await _waiting(store):  # noqa: ASYNC110  # The ledger tells nobody.
            await asyncio.sleep(0.5)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await platform.close()
        await store.close()
    slack.stdin.write("\n")
    slack.stdin.flush()
    seen = json.loads(await asyncio.to_thread(slack.stdout.readline))
    await asyncio.to_thread(slack.wait)
    _show(seen, share)


async def _plan(store: Store, clock: SystemClock, found: list[Member | Channel]) -> None:
    words = "Welcome **aboard**! Here is [where to start](https://example.org/start).\n\n- one\n- two"
    message = Message(words, (Button("Show me", "help"),))
    now = clock.now()
    to = [each.ref for each in found if isinstance(each, Channel) or not each.bot]
    sends = tuple(Send(to=ref, message=message, kind=Kind.ANSWER, due=now) for ref in to)
    workspace = to[0].workspace
    for start in range(0, len(sends), 500):
        plans = [Planned("bench", sends[start : start + 500])]
        await store.journal.commit(workspace, plans, at=now, source=f"wave {start}")


async def _waiting(store: Store) -> bool:
    return await store.outbound.next_due() is not None or bool(await store.outbound.half_sent())


def _show(seen: dict[str, object], share: float) -> None:
    pace = PACES["slack"].workspace
    assert pace is not None
    times = sorted(float(at) for at in seen["sent"])  # type: ignore[attr-defined]  # A list of seconds.
    seconds = times[-1] - times[0]
    allowed = pace.burst + pace.per_second * FASTER * seconds
    calls, too_many = int(str(seen["calls"])), int(str(seen["too_many"]))
    show(
        f"{NEWCOMERS:,} direct messages and {CHANNELS} channels, Slack",
        f"{len(times) / allowed * 100:.0f} %",
        f"of the allowed rate (aim 90)   {len(times):,} of {NEWCOMERS + CHANNELS:,} in {seconds * FASTER / 60:.1f} min "
        f"of Slack's time, run {FASTER:g} times faster",
    )
    show("  answers 429 for 1,000 requests", f"{too_many / calls * 1000:.2f}", f"(aim at most 1)   {calls:,} requests")
    show(
        "  share of a core",
        f"{share * 100:.0f} %",
        f"at {FASTER:g} times the pace: {share / FASTER * 100:.0f} % at Slack's",
    )


def run() -> None:
    asyncio.run(wave())


if __name__ == "__main__":
    asyncio.run(serve())
