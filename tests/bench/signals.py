"""Signals: the way in beside slack-bolt's, the rollups beside the bare inbox, and the dashboard beside raw rows."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from pyroaring import BitMap
from slack_bolt.request.async_request import AsyncBoltRequest
from sqlalchemy import Connection

from bot.core.community import Channel
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.store import Store, crowds, folding
from bot.store.calendar_days import number_of
from tests.bench.figures import between, show
from tests.bench.ingest import store
from tests.bench.signals_web import body, bolt_app, counted, decoded, load, signed, verified, wait_for

ROUNDS = 3
FULL = False
"""100 million signals; takes some minutes and about 5 GB of disk."""
PRODUCERS = 100
TOGETHER = 500
"""Signals recorded in one go, as an import does; the bot records those of one event in the commit that handles it."""
ACME = WorkspaceRef("bench", "acme")
LAST = date(2026, 11, 22)
DAYS = 364
KINDS = ("posted", "replied", "reacted", "used")
SHARES = (0.15, 0.45, 0.35, 0.05)


def run() -> None:
    asyncio.run(ways_in())
    over_http()
    asyncio.run(linear())
    asyncio.run(dashboard())


# The way in


async def ways_in() -> None:
    durable, bolts, bare, kept, sizes = [], [], [], [], []
    app = bolt_app()
    for turn in range(ROUNDS):
        raws = [body(turn * 100_000 + number) for number in range(20_000)]
        requests = [(raw, signed(raw)) for raw in raws]
        with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
            async with store(f"sqlite:///{folder}/a.db") as opened:
                durable.append(await whole_way(opened, requests))
                sizes.append(Path(f"{folder}/a.db").stat().st_size)
            async with store(f"sqlite:///{folder}/b.db") as opened:
                bare.append(await whole_way(opened, requests, rollups=False))
                kept.append((sizes[-1] - Path(f"{folder}/b.db").stat().st_size) / len(requests))
        bolts.append(await through_bolt(app, requests[:4000]))
    ratios = [one / other for one, other in zip(durable, bolts, strict=True)]
    show("ingest: verify, decode, inbox, rollups", f"{statistics.median(durable):,.0f} events/s")
    show(
        "slack-bolt's dispatch of the same events",
        f"{statistics.median(bolts):,.0f} events/s",
        f"ours is {statistics.median(ratios):.1f} x ({between(ratios)}; aim 8)",
    )
    halves = [one / other for one, other in zip(durable, bare, strict=True)]
    show(
        "the same without signals and rollups",
        f"{statistics.median(bare):,.0f} events/s",
        f"with them {statistics.median(halves):.2f} of it ({between(halves, '.2f')}; aim 0.5)",
    )
    show("database for each signal, rollups included", f"{statistics.median(kept):,.0f} bytes")


async def whole_way(opened: Store, requests: list[tuple[bytes, dict[str, str]]], rollups: bool = True) -> float:
    rest = iter(requests)
    waiting: list[Any] = []
    if rollups:
        # Everybody was there before, as nearly everybody is on any day: who is new is written down once a month.
        await opened.record_signals([counted(decoded(body(-number))) for number in range(1, 5001)])
        await opened.metrics.catch_up()

    async def produce() -> None:
        for raw, headers in rest:
            if not verified(headers, raw):
                raise RuntimeError("signature")
            event = decoded(raw)
            await opened.inbox.accept(event)
            if rollups:
                waiting.append(counted(event))
                if len(waiting) >= TOGETHER:
                    together, waiting[:] = list(waiting), []
                    await opened.record_signals(together)

    began = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    if rollups:
        await opened.record_signals(waiting)
        await opened.metrics.catch_up()
    return len(requests) / (time.perf_counter() - began)


async def through_bolt(app: Any, requests: list[tuple[bytes, dict[str, str]]]) -> float:
    began = time.perf_counter()
    for raw, headers in requests:
        answer = await app.async_dispatch(AsyncBoltRequest(body=raw.decode(), headers=dict(headers.items())))
        if answer.status != 200:
            raise RuntimeError(answer.body)
    return len(requests) / (time.perf_counter() - began)


def over_http() -> None:
    rates: dict[str, list[float]] = {"bolt": [], "verify": [], "durable": []}
    for turn in range(ROUNDS):
        for kind, found in rates.items():
            with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
                socket = f"{folder}/s"
                command = [sys.executable, "-m", "tests.bench.signals_web", kind, socket, folder]
                with subprocess.Popen(command) as process:
                    try:
                        wait_for(socket, lambda p=process: p.poll() is None)  # type: ignore[misc]  # Bound now, as it changes.
                        asyncio.run(load(socket, 200, 9_000_000 + turn * 1000))
                        found.append(asyncio.run(load(socket, 3000, turn * 10_000)))
                    finally:
                        process.terminate()
    middle = {kind: statistics.median(found) for kind, found in rates.items()}
    to_bolt = [one / other for one, other in zip(rates["durable"], rates["bolt"], strict=True)]
    to_verify = [one / other for one, other in zip(rates["durable"], rates["verify"], strict=True)]
    show("HTTP, 16 connections, committed before 200", f"{middle['durable']:,.0f} events/s")
    show(
        "HTTP, bolt with nothing durable",
        f"{middle['bolt']:,.0f} events/s",
        f"durable is {statistics.median(to_bolt):.2f} x ({between(to_bolt, '.2f')}; aim 1.5)",
    )
    show(
        "HTTP, verification alone",
        f"{middle['verify']:,.0f} events/s",
        f"durable is {statistics.median(to_verify):.2f} of it ({between(to_verify, '.2f')}; aim 0.6)",
    )


# A day's rollup


async def linear() -> None:
    """What folding a day costs, for more signals and after more history."""
    empty: list[float] = []
    doubled: list[float] = []
    late: list[float] = []
    for turn in range(ROUNDS):
        for found, size, history in ((empty, 4000, 0), (doubled, 8000, 0), (late, 4000, 60)):
            async with store("sqlite://") as opened:
                # Everybody was seen before, also where there is no other history.
                await opened.record_signals(_signals_of(299, 8000, turn))
                for day in range(history):
                    await opened.record_signals(_signals_of(day, 1000, turn))
                await opened.metrics.catch_up()
                await opened.record_signals(_signals_of(300, size, turn))
                began = time.perf_counter()
                await opened.metrics.catch_up()
                found.append((time.perf_counter() - began) / size * 1e6)
    one, two, after = (statistics.median(each) for each in (empty, doubled, late))
    show("a day's rollup, for each of 4,000 signals", f"{one:.1f} µs")
    show("the same for each of 8,000", f"{two:.1f} µs", f"{two / one:.2f} of it (linear: about 1)")
    show("the same after 60 days of history", f"{after:.1f} µs", f"{after / one:.2f} of it (independent: about 1)")


def _signals_of(day: int, number: int, turn: int) -> list[Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    made = []
    for each in range(number):
        event = decoded(body(each))
        one = counted(event)
        made.append(type(one)(**{**_fields(one), "source": f"{turn}/{day}/{each}", "at": at + timedelta(seconds=each)}))
    return made


def _fields(signal: Any) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in signal.__slots__}


# The dashboard


async def dashboard() -> None:
    members, channels, total = (200_000, 5_000, 100_000_000) if FULL else (20_000, 500, 2_000_000)
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        async with store(f"sqlite:///{folder}/a.db") as opened:
            raw = duckdb.connect(f"{folder}/raw.duckdb")
            raw.execute("CREATE TABLE signal (day INTEGER, channel INTEGER, member INTEGER, what TINYINT)")
            with closing(sqlite3.connect(f"{folder}/raw.db")) as plain:
                plain.execute("CREATE TABLE signal (day INTEGER, channel INTEGER, member INTEGER, what INTEGER)")
                await fill(opened, raw, plain, members, channels, total)
                measure_dashboard(plain, raw, await timed_report(opened), members, channels, total)
            raw.close()
            size = Path(f"{folder}/a.db").stat().st_size + Path(f"{folder}/a.db-wal").stat().st_size
            show("rollups of a year in the database", f"{size / 1e6:,.0f} MB", f"{size / total:.2f} bytes a signal")


async def fill(opened: Store, raw: Any, plain: sqlite3.Connection, members: int, channels: int, total: int) -> None:
    """The same signals three times: as rollups, written by the code that keeps them; as raw rows in DuckDB; and, of the
    last 28 days, as raw rows in SQLite, which is all that its dashboard reads."""
    chance = np.random.default_rng(1)
    last = number_of(LAST)
    now = datetime(2026, 11, 22, 23, tzinfo=UTC)
    places = [ChannelRef(ACME, f"C{number}") for number in range(channels)]
    await opened.register([Channel(place, place.id, last_message_at=now) for place in places])
    size = total // DAYS
    for day in range(last - DAYS + 1, last + 1):
        # Some people are there far more often than others, and some channels far busier.
        who = (members * chance.random(size) ** 3).astype(np.int32)
        where = (channels * chance.random(size) ** 2).astype(np.int32)
        what = chance.choice(4, size, p=SHARES).astype(np.int8)
        await opened._database.write(lambda c, d=day, m=who, k=what: _roll_day(c, d, m, k))  # type: ignore[misc]  # Bound now, as it changes.
        if day > last - 28:
            await opened._database.write(lambda c, d=day, m=who, k=what, p=where: _roll_channels(c, d, m, k, p))  # type: ignore[misc]  # Bound now, as it changes.
            rows = zip([day] * size, where.tolist(), who.tolist(), what.tolist(), strict=True)
            plain.executemany("INSERT INTO signal VALUES (?, ?, ?, ?)", rows)
        # DuckDB reads the variable by its name.
        batch = {"day": np.full(size, day, np.int32), "channel": where, "member": who, "what": what}  # noqa: F841
        raw.execute("INSERT INTO signal SELECT day, channel, member, what FROM batch")
    plain.execute("CREATE INDEX best ON signal (day, what, member)")
    plain.execute("CREATE INDEX quiet ON signal (channel, day)")
    plain.commit()


def _roll_day(connection: Connection, day: int, who: Any, what: Any) -> None:
    found: dict[str, Any] = {}
    more: dict[tuple[str, int, str, str], int] = {}
    names = {"posted": "posted", "replied": "replied", "reacted": "reacted", "used": "command"}
    for number, name in enumerate(KINDS):
        chosen = who[what == number]
        found[name] = BitMap(np.unique(chosen).astype(np.uint32))
        more["", day, names[name], ""] = len(chosen)
    crowds.add(connection, {(str(ACME), "", day): found})
    folding.tally(connection, str(ACME), more)


def _roll_channels(connection: Connection, day: int, who: Any, what: Any, where: Any) -> None:
    order = np.argsort(where, kind="stable")
    who, what, where = who[order], what[order], where[order]
    edges = np.searchsorted(where, np.arange(where.max() + 2))
    new, more = {}, {}
    for channel in range(len(edges) - 1):
        part = slice(edges[channel], edges[channel + 1])
        found = {}
        for number, name in enumerate(KINDS[:3]):
            chosen = who[part][what[part] == number]
            if len(chosen):
                found[name] = chosen.tolist()
                more[f"#C{channel}", day, name, ""] = len(chosen)
        if found:
            new[str(ACME), f"#C{channel}", day] = found
    crowds.add(connection, new)
    folding.tally(connection, str(ACME), more)


async def timed_report(opened: Store) -> list[float]:
    await opened.metrics.report(ACME, until=LAST)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        await opened.metrics.report(ACME, until=LAST)
        times.append(time.perf_counter() - began)
    return times


def measure_dashboard(
    plain: sqlite3.Connection, raw: Any, ours: list[float], members: int, channels: int, total: int
) -> None:
    last = number_of(LAST)
    duck = _median(lambda: [raw.execute(each).fetchall() for each in _queries(last).values()], 1 if FULL else 3)
    lite = _median(lambda: [plain.execute(each).fetchall() for each in _queries(last).values()], 1)
    mine = statistics.median(ours)
    size = f"{members:,} members, {channels:,} channels, {total:,} signals"
    show("dashboard of every metric, from the rollups", f"{mine * 1000:.1f} ms", f"aim 50; {size}")
    show("the main ones in DuckDB, over raw rows", f"{duck * 1000:,.0f} ms", f"{duck / mine:,.0f} x ours (aim 100)")
    show("the same in SQLite, with the best indexes", f"{lite * 1000:,.0f} ms", f"{lite / mine:,.0f} x ours (aim > 1)")


def _queries(last: int) -> Mapping[str, str]:
    """Of all that a dashboard tells, what raw rows of (day, channel, member, what) can: fewer figures than ours."""
    found = {}
    for name, kinds in (("active", "0, 1, 2, 3"), ("posting", "0, 1")):
        for days in (1, 7, 28):
            found[f"{name}_{days}"] = (
                f"SELECT count(DISTINCT member) FROM signal WHERE day > {last - days} AND day <= {last} "
                f"AND what IN ({kinds})"
            )
    recent = f"day > {last - 28} AND day <= {last}"
    found["totals"] = f"SELECT what, count(*) FROM signal WHERE {recent} GROUP BY what"
    found["weeks"] = (
        f"SELECT (day - {last}) / 7, count(DISTINCT member), count(*) FROM signal WHERE {recent} GROUP BY 1"
    )
    found["ladder"] = (
        "SELECT rung, count(*) FROM (SELECT member, min(CASE what WHEN 0 THEN 0 WHEN 1 THEN 0 WHEN 2 THEN 1 ELSE 2 "
        f"END) AS rung FROM signal WHERE {recent} GROUP BY member) AS each GROUP BY rung"
    )
    found["silent"] = f"SELECT channel, max(day) FROM signal GROUP BY channel HAVING max(day) <= {last - 28}"
    return found


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
