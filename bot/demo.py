"""The demo: Allant with the playground and a simulated organisation, in real time or played fast on a virtual clock."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app import Allant, assemble, make_writer, running
from bot.backstage import playground_routes
from bot.core.clock import SystemClock, VirtualClock
from bot.core.delivery import Delivery, Kind, State
from bot.core.ports import FeedEntry, FeedRead, FeedReader
from bot.core.reasons import reason_words
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import What
from bot.platforms.playground import (
    BOT,
    PlaygroundPlatform,
    PlaygroundServer,
    acts,
    fill,
    found,
    history,
    live,
    perform,
)
from bot.searching import make_library
from bot.service import serve_web
from bot.settings import Settings
from bot.signals import as_json

WORKSPACE = WorkspaceRef("playground", "demo")
_FAQ = (What.ASKED, What.ANSWERED, What.UNANSWERED, What.HELPED, What.NOT_HELPED)
FAST_START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
"""The Monday on which a fast demo begins: fixed, so that a seed always gives the same report."""
PAST_WEEKS = 4
"""How far back the organisation has been talking when the demo in real time starts."""


class QuietFeeds(FeedReader):
    """Reads no address: the demo needs no internet."""

    async def read(self, url: str, *, etag: str = "", modified: str = "") -> FeedRead:
        return FeedRead(title=url, entries=(FeedEntry(id="demo", title=url, url=url),), unchanged=True)


async def play(*, days: int, seed: int, on_day: Callable[[int], None]) -> dict[str, Any]:
    """Play ``days`` of the organisation on a virtual clock, everything in memory; what happened, ready for JSON.

    ``on_day`` is told how many days are over.
    """
    began = time.monotonic()
    clock = VirtualClock(FAST_START)
    server = PlaygroundServer(None, clock)
    with tempfile.TemporaryDirectory(prefix="allant-demo-") as folder:
        settings = Settings(database_url="sqlite://", secret_file=Path(folder) / "allant.key")
        found(server, FAST_START)
        allant = await assemble(settings, [PlaygroundPlatform(server)], clock=clock, feeds=QuietFeeds())
        try:
            async with running(allant, live=False):
                await _advance(allant, server, clock, FAST_START)
                performed = 0
                for act in acts(seed, FAST_START, days):
                    await _advance(allant, server, clock, act.at)
                    performed += perform(server, act)
                    on_day((clock.now() - FAST_START).days)
                await _advance(allant, server, clock, FAST_START + timedelta(days=days))
                report = await _report(allant, days=days, seed=seed, acts=performed)
        finally:
            server.close()
    report["seconds"] = round(time.monotonic() - began, 2)
    return report


async def _advance(allant: Allant, server: PlaygroundServer, clock: VirtualClock, moment: datetime) -> None:
    """Move the clock to ``moment``, stopping wherever a timer or a delivery falls due."""
    while True:
        await server.idle()
        await allant.settle()
        due = (await allant.store.timers.next_due(), await allant.store.outbound.next_due())
        coming = [each for each in due if each is not None and clock.now() < each <= moment]
        if not coming:
            break
        clock.move_to(min(coming))
    clock.move_to(moment)
    await server.idle()


async def _report(allant: Allant, *, days: int, seed: int, acts: int) -> dict[str, Any]:
    ledger = await allant.store.ledger.recent(WORKSPACE, limit=1_000_000)
    sent = [each for each in ledger if each.state is State.SENT]
    kinds = Counter(each.kind for each in sent)
    welcomes = [each for each in sent if each.kind in (Kind.WELCOME, Kind.JOURNEY)]
    held = await allant.store.ledger.held_back(WORKSPACE, FAST_START)
    figures = await allant.store.metrics.report(WORKSPACE, until=allant.clock.now().date(), weeks=max(1, days // 7))
    # Nobody of these is a person: their questions are told one by one.
    faq = {what: await _times(allant, what) for what in _FAQ}
    return {
        "days": days,
        "seed": seed,
        "from": FAST_START.date().isoformat(),
        "until": allant.clock.now().date().isoformat(),
        "acts": acts,
        "welcomed": {
            "newcomers": figures.value("newcomers"),
            "public_posts": sum(1 for each in welcomes if isinstance(each.to, ChannelRef)),
            "direct_messages": sum(1 for each in welcomes if isinstance(each.to, MemberRef)),
        },
        "posted": {"calendar": kinds[Kind.POST], "items": _items(sent)},
        "answered": {
            **{what.value: number for what, number in faq.items()},
            "replies_of_the_bot": kinds[Kind.ANSWER],
        },
        "nudged": {"prompts": kinds[Kind.PROMPT], "days": _days(each for each in sent if each.kind is Kind.PROMPT)},
        "told_animators": kinds[Kind.NOTICE],
        "waited": sum(1 for each in sent if each.planned_for is not None and each.due > each.planned_for),
        "held_back": dict(sorted(held.items())),
        "why": {reason: str(reason_words(allant.library.words, "en", reason)) for reason in sorted(held)},
        "ledger": dict(sorted(Counter(each.state.value for each in ledger).items())),
        "figures": as_json(figures),
    }


def _items(sent: Iterable[Delivery]) -> list[str]:
    return sorted({each.key.split("/")[1] for each in sent if each.kind is Kind.POST and each.key.count("/") > 1})


def _days(deliveries: Iterable[Delivery]) -> list[str]:
    return sorted({each.sent_at.date().isoformat() for each in deliveries if each.sent_at})


async def _times(allant: Allant, what: What) -> int:
    return sum((await allant.store.measures.counts(WORKSPACE, what, FAST_START)).values())


def describe(report: dict[str, Any]) -> str:
    """The report for people."""
    welcomed, answered = report["welcomed"], report["answered"]
    newcomers = welcomed["newcomers"]
    if newcomers is None:
        newcomers = f"fewer than {report['figures']['threshold']}"
    held = "; ".join(f"{count}: {report['why'][reason]}" for reason, count in report["held_back"].items()) or "nothing"
    return "\n".join(
        [
            f"{report['days']} days of a simulated organisation, {report['acts']} acts, in {report['seconds']} s",
            f"  welcomed  {newcomers} newcomers, by {welcomed['public_posts']} public posts and "
            f"{welcomed['direct_messages']} direct messages",
            f"  posted    {report['posted']['calendar']} times from the calendar "
            f"({len(report['posted']['items'])} items)",
            f"  answered  {answered['answered']} of {answered['asked']} questions; helped {answered['helped']}, "
            f"did not help {answered['not_helped']}; unanswered {answered['unanswered']}",
            f"  nudged    {report['nudged']['prompts']} times",
            f"  waited    {report['waited']} messages, for quiet hours or the attention budget",
            f"  held back {held}",
        ]
    )


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    *,
    data: Path | None,
    seed: int,
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """The demo in real time until ``stop`` is set. ``data``: a folder that keeps its state between runs."""
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allant-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        own = settings.model_copy(
            update={
                "database_url": f"sqlite:///{folder / 'allant.db'}",
                "secret_file": folder / "allant.key",
                "admins": (),
                "index_dir": folder / "search-index",
            }
        )
        clock = SystemClock()
        new = not (folder / "playground.db").exists()
        server = PlaygroundServer(folder / "playground.db", clock)
        stack.callback(server.close)
        if new:
            found(server, clock.now() - timedelta(weeks=PAST_WEEKS))
            fill(server, history(seed, PAST_WEEKS, clock.now()))
        writer = make_writer(settings)
        library = make_library(own)
        allant = await assemble(own, [PlaygroundPlatform(server)], clock=clock, writer=writer, library=library)
        chatter = None if quiet else _chatter(server, seed, clock.now())
        await _with_chatter(
            chatter,
            serve_web(allant, playground_routes(allant, server, WORKSPACE), stop, say=say, hang_up=server.hang_up),
        )


async def _chatter(server: PlaygroundServer, seed: int, start: datetime) -> None:
    """People go on talking in real time."""
    present = {person.id for person in server.people() if person.active and person.id != BOT}
    for act in live(seed, start, present):
        await asyncio.sleep(max(0.0, (act.at - server.now()).total_seconds()))
        perform(server, act)


async def _with_chatter(chatter: Awaitable[None] | None, served: Awaitable[None]) -> None:
    if chatter is None:
        await served
        return
    talking = asyncio.ensure_future(chatter)
    try:
        await served
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
