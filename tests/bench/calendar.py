"""The calendar with a hundred thousand items: a restart, a wake-up, and a thousand due at once.

The items are those an animator makes in chat: rows of the table ``item``, each with its plan and its occurrences for
five weeks. The same thousand due are claimed by APScheduler 3's job store on SQLite, which holds as many jobs.
"""

from __future__ import annotations

import asyncio
import pickle
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

# APScheduler 3 carries no types.
from apscheduler.job import Job  # type: ignore[import-untyped]
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
from sqlalchemy import insert

from bot.app import Allant, assemble
from bot.core.actions import MarkOccurrences, Planned, SetTimer, WakeForOccurrences
from bot.core.calendar import Item, When
from bot.core.clock import VirtualClock
from bot.core.community import Channel
from bot.core.editorial import Fate, Slot, Status
from bot.core.ports import Timer
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.platforms.playground import PlaygroundPlatform, PlaygroundServer
from bot.settings import Settings, read_settings
from bot.store import Store, tables
from bot.store.dialect import WRITES, engine_for
from bot.store.editorial import written_item
from tests.bench.figures import between, show

WORKSPACE = WorkspaceRef("playground", "bench")
ZONE = "Europe/Paris"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday at ten in Paris."""
FEW, MANY, DUE = 1_000, 100_000, 1_000
WEEKS = 5
CHANNELS = 50
WAKES = 200
ROUNDS = 5


def item(number: int, at: datetime) -> Item:
    """A weekly item whose next moment is ``at``."""
    local = at.astimezone(UTC) + timedelta(hours=1)
    rule = f"FREQ=WEEKLY;BYDAY={('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')[local.weekday()]}"
    return Item(
        id=f"i-{number:06}",
        when=When(rrule=rule, start=local.date(), at=local.time()),
        to=(f"#room-{number % CHANNELS}",),
        words={"fr": "Bonne semaine !", "en": "Have a good week!"},
        zone=ZONE,
    )


def moments(total: int) -> list[datetime]:
    """When each item is due first: one after the other for single wake-ups, a thousand at one moment, and the rest
    through the week."""
    one_by_one = [NOW + timedelta(minutes=1, seconds=number) for number in range(WAKES)]
    at_once = [NOW + timedelta(hours=1)] * min(DUE, total - WAKES)
    rest = total - len(one_by_one) - len(at_once)
    week = timedelta(days=6)
    return one_by_one + at_once + [NOW + timedelta(hours=2) + week * number / rest for number in range(rest)]


def fill(file: Path, total: int) -> None:
    """Put the items in, as rows: through the chat it would take a while."""
    workspace, until = str(WORKSPACE), NOW + timedelta(weeks=WEEKS)
    engine = engine_for(f"sqlite:///{file}")
    items, plans, occurrences = [], [], []
    for number, at in enumerate(moments(total)):
        each = item(number, at)
        items.append((workspace, each.id, written_item(each), Status.APPROVED.value, "animator", 1))
        plans.append((workspace, each.id, "bench", until))
        for week in range(WEEKS):
            due = at + timedelta(weeks=week)
            occurrences.append((workspace, each.id, due, ZONE, due, Fate.PLANNED.value, ""))
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        for table, rows in ((tables.items, items), (tables.plans, plans), (tables.occurrences, occurrences)):
            names = [column.name for column in table.columns]
            for start in range(0, len(rows), 10_000):
                part = rows[start : start + 10_000]
                connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in part])
    engine.dispose()


def settings(folder: Path) -> Settings:
    for name in ("content", "schedules"):
        (folder / name).mkdir(exist_ok=True)
    policy = "policy: {quiet_from: '00:00', quiet_to: '00:00', channel_day: 90000, channel_week: 90000}\n"
    (folder / "schedules" / "policy.yaml").write_text(policy, encoding="utf-8")
    return read_settings(
        database_url=f"sqlite:///{folder}/a.db",
        secret_file=str(folder / "secret.key"),
        content_dir=str(folder / "content"),
        schedules_dir=str(folder / "schedules"),
        log_level="error",
    )


@asynccontextmanager
async def bot(folder: Path, clock: VirtualClock) -> AsyncIterator[Allant]:
    """The whole bot on the database in ``folder``, with nothing running by itself."""
    platform = PlaygroundPlatform(PlaygroundServer(clock=clock), workspace=WORKSPACE)
    allant = await assemble(settings(folder), [platform], clock=clock)
    try:
        yield allant
    finally:
        await allant.store.close()
        await platform.close()


async def prepare(folder: Path, total: int) -> None:
    async with bot(folder, VirtualClock(NOW)) as allant:
        rooms = [Channel(ChannelRef(WORKSPACE, f"C{n}"), name=f"room-{n}", zone=ZONE) for n in range(CHANNELS)]
        await allant.store.register(rooms)
    await asyncio.to_thread(fill, folder / "a.db", total)
    async with bot(folder, VirtualClock(NOW)) as allant:
        await commit(allant.store, WakeForOccurrences("calendar", "next"), at=NOW)


async def commit(store: Store, *actions: object, at: datetime) -> None:
    await store.journal.commit(WORKSPACE, [Planned("calendar", actions)], at=at, source=f"bench/{at}")  # type: ignore[arg-type]


async def restart(folder: Path) -> float:
    """Milliseconds until the database is open and the next due occurrence is known."""
    began = time.perf_counter()
    store = await Store.open(f"sqlite:///{folder}/a.db", secret=b"s" * 32)
    try:
        next_due = await store.timers.next_due()
        assert next_due is not None
        assert await store.occurrences.due(WORKSPACE, next_due, limit=1)
        return (time.perf_counter() - began) * 1000
    finally:
        await store.close()


async def wake_ups(allant: Allant, clock: VirtualClock) -> tuple[float, float]:
    """Milliseconds of a wake-up with nothing due, and with one occurrence due: medians of many."""
    nothing, one = [], []
    for number in range(WAKES):
        early = Timer(WORKSPACE, "calendar", "next", "", NOW + timedelta(microseconds=number))
        await commit(allant.store, SetTimer("next", "", early.due), at=NOW)
        clock.move_to(NOW + timedelta(seconds=1))
        nothing.append(await fired(allant, early))
    for _ in range(WAKES - 1):
        due = await allant.store.timers.next_due()
        assert due is not None
        clock.move_to(due)
        one.append(await fired(allant, Timer(WORKSPACE, "calendar", "next", "", due)))
    return statistics.median(nothing), statistics.median(one)


async def fired(allant: Allant, timer: Timer) -> float:
    began = time.perf_counter()
    await allant.dispatcher.fire(timer)
    return (time.perf_counter() - began) * 1000


async def claim(allant: Allant) -> float:
    """Seconds to claim the thousand that are due, and to compute and plan the next moment of each anew. The bot itself
    need not: its next moments were planned weeks ago."""
    store, now = allant.store, NOW + timedelta(hours=1)
    began = time.perf_counter()
    due = await store.occurrences.due(WORKSPACE, now, DUE)
    items = await store.items.named(WORKSPACE, [slot.item for slot in due])
    done, plans = [], []
    for slot in due:
        following = allant.schedules.next(items[slot.item].item, slot.at, NOW, ZONE)
        assert following is not None
        done.append(replace(slot, fate=Fate.OUT))
        plans.append((slot, following))
    marked = MarkOccurrences((*done, *(Slot(item=s.item, at=at, zone=ZONE, due=at) for s, at in plans)))
    await commit(store, marked, WakeForOccurrences("calendar", "next"), at=now)
    took = time.perf_counter() - began
    assert len(due) == DUE
    # As they were, for the next round.
    await commit(store, MarkOccurrences(tuple(due)), at=now)
    return took


def remind(_number: int) -> None:
    """What an APScheduler job would run."""


def fill_job_store(file: Path, total: int) -> SQLAlchemyJobStore:
    """APScheduler's own table with ``total`` weekly jobs, a thousand of them due. Its rows are put in at once: adding
    them one by one takes it 2 ms each."""
    store = SQLAlchemyJobStore(f"sqlite:///{file}")
    scheduler = BackgroundScheduler(timezone=UTC)
    store.start(scheduler, "default")
    rows = []
    for number in range(total):
        at = NOW if number < DUE else NOW + timedelta(hours=2, seconds=number)
        trigger = CronTrigger(day_of_week=at.weekday(), hour=at.hour, minute=at.minute, timezone=ZONE)
        job = Job(
            scheduler,
            id=f"i-{number:06}",
            func=remind,
            trigger=trigger,
            executor="default",
            args=(number,),
            kwargs={},
            name="remind",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=at,
        )
        state = pickle.dumps(job.__getstate__(), store.pickle_protocol)
        rows.append({"id": job.id, "next_run_time": at.timestamp(), "job_state": state})
    with store.engine.begin() as connection:
        connection.execute(store.jobs_t.insert(), rows)
    return store


def claim_by_apscheduler(store: SQLAlchemyJobStore, at: datetime) -> float:
    """Seconds for what its scheduler does at a wake-up: the due jobs, the next fire time of each, and its row."""
    began = time.perf_counter()
    due: Sequence[Job] = store.get_due_jobs(at)
    for job in due:
        job._modify(next_run_time=job.trigger.get_next_fire_time(job.next_run_time, at))
        store.update_job(job)
    took = time.perf_counter() - began
    assert len(due) == DUE
    for job in due:
        job._modify(next_run_time=NOW)
    with store.engine.begin() as connection:
        table = store.jobs_t
        connection.execute(
            table.update().where(table.c.id.in_([job.id for job in due])).values(next_run_time=NOW.timestamp())
        )
    return took


async def measure(folder: Path) -> None:
    few, many = folder / "few", folder / "many"
    for place, total in ((few, FEW + WAKES), (many, MANY)):
        place.mkdir()
        await prepare(place, total)
    ready = [await restart(many) for _ in range(ROUNDS * 2)]
    show(
        f"restart, {MANY:,} items, next due known", f"{statistics.median(ready):.1f} ms", f"(aim 50)   {between(ready)}"
    )
    clocks = {place: VirtualClock(NOW) for place in (few, many)}
    async with bot(few, clocks[few]) as small, bot(many, clocks[many]) as large:
        costs = {few: await wake_ups(small, clocks[few]), many: await wake_ups(large, clocks[many])}
        for kind, name in enumerate(("nothing", "one")):
            less, more = costs[few][kind], costs[many][kind]
            show(
                f"a wake-up with {name} due, {MANY:,} items",
                f"{more:.2f} ms",
                f"{more / less:.2f} x that with {FEW:,} (aim under 1.5)",
            )
        job_store = await asyncio.to_thread(fill_job_store, folder / "jobs.db", MANY)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(await claim(large))
            theirs.append(await asyncio.to_thread(claim_by_apscheduler, job_store, NOW))
        job_store.shutdown()
    faster = statistics.median(theirs) / statistics.median(ours)
    show(
        f"claim {DUE:,} due of {MANY:,}, next computed",
        f"{statistics.median(ours) * 1000:.0f} ms",
        f"APScheduler's job store {statistics.median(theirs) * 1000:,.0f} ms: {faster:.0f} x (aim 50)",
    )


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="allant-bench-") as folder:
        asyncio.run(measure(Path(folder)))
