"""Several real processes on one PostgreSQL database, and everything that can go wrong between them.

The judge is a chat server of our own that writes down what arrives. After each trial: every message due arrived exactly
once, none before its time, in order within its place, and no place faster than its pace.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from bot.core.actions import Planned, Send
from bot.core.backlog import Backlog
from bot.core.delivery import Kind, State
from bot.core.events import Event, MessagePosted
from bot.core.message import Message
from bot.core.ports import Accepted
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.store import Store
from bot.store.tables import REVISION
from tests.faults.judge import Judge
from tests.faults.nursery import JUDGED, Nursery
from tests.faults.trial import Trial, report, until
from tests.faults.unix_relay import UnixRelay
from tests.postgres import PostgresServer

PLACES = 12
ROOT = Path(__file__).resolve().parents[2]


async def kill_at_random(trial: Trial, rounds: int, workers: int) -> None:
    """Kill one of the workers and start another, ``rounds`` times, while there is work all the time."""
    nursery, dice = trial.nursery, trial.dice
    living = [trial.start() for _ in range(workers)]
    await trial.tick("clock-a", 5 + rounds // 2)
    await trial.tick("clock-b", 5 + rounds // 2)
    for _ in range(rounds):
        for _ in range(dice.randrange(1, 6)):
            await trial.post(dice.randrange(PLACES), ahead=dice.uniform(0, 0.5) if dice.random() < 0.2 else 0.0)
        trial.ask(dice.randrange(PLACES), times=dice.choice([1, 1, 3]))
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        victim = living.pop(dice.randrange(len(living)))
        assert nursery.lives(victim), nursery.log.read_text(encoding="utf-8")[-2000:]
        nursery.kill(victim)
        living.append(trial.start())
    await trial.settled()


@pytest.mark.parametrize("workers", [2])
async def test_a_few_kills_among_two_workers(
    judge: Judge, nursery: Nursery, postgres_address: str, workers: int
) -> None:
    async with Trial(judge, nursery, postgres_address) as trial:
        await kill_at_random(trial, 4, workers)
        await trial.verdict()


@pytest.mark.fault
@pytest.mark.parametrize("workers", [2, 4])
async def test_a_hundred_kills(judge: Judge, nursery: Nursery, postgres_address: str, workers: int) -> None:
    async with Trial(judge, nursery, postgres_address, seed=workers) as trial:
        await kill_at_random(trial, 100, workers)
        report(f"100 kills among {workers} workers", await trial.verdict())


@pytest.mark.fault
@pytest.mark.parametrize("taken", [True, False], ids=["after it was taken", "before it was taken"])
@pytest.mark.parametrize("tells", [True, False], ids=["tells", "cannot tell"])
async def test_killed_between_sending_and_marking(
    judge: Judge, nursery: Nursery, postgres_address: str, *, taken: bool, tells: bool
) -> None:
    """Whoever goes on finds a message half-sent, which the platform has, or has not."""
    (judge.silent if taken else judge.deaf).add("place-0")
    async with Trial(judge, nursery, postgres_address, tells=tells, patience=30.0) as trial:
        worker = trial.start()
        await trial.post(0)

        async def knocked() -> bool:
            return judge.knocks == 1

        assert await until(knocked, 20)
        await asyncio.sleep(0.1)
        nursery.kill(worker)
        judge.silent.clear()
        judge.deaf.clear()
        trial.start()

        async def decided() -> bool:
            return all(each.state not in (State.PLANNED, State.SENDING) for each in await trial.ledger())

        assert await until(decided, 20)
        (delivery,) = await trial.ledger()
        assert delivery.state is (State.SENT if tells else State.UNCERTAIN)
        assert len(judge.arrivals) == (1 if taken or tells else 0)


async def test_the_same_event_ten_times_at_once_on_two_processes_is_handled_once(postgres_address: str) -> None:
    stores = [await Store.open(postgres_address, secret=b"s" * 32) for _ in range(2)]
    handled: list[str] = []
    backlogs = []
    for store in stores:
        assert store.shared is not None
        await store.shared.join("worker", "1")

        async def handle(event: Event, accepted: Accepted, store: Store = store) -> None:
            words = Send(to=ChannelRef(JUDGED, "place"), message=Message(event.id), kind=Kind.ANSWER)
            handled.append(event.id)
            await store.journal.commit(
                JUDGED, [Planned("court", (words,))], at=event.at, source=event.id, handled=accepted
            )

        backlogs.append(Backlog(store.inbox, store.shared, handle))
    working = [asyncio.create_task(backlog.run()) for backlog in backlogs]
    try:
        place = ChannelRef(JUDGED, "place")
        for number in range(20):
            event = MessagePosted(
                id=f"event-{number:02}",
                at=datetime.now(UTC),
                workspace=JUDGED,
                message=MessageRef(place, str(number)),
                member=MemberRef(JUDGED, "ann"),
                text="",
            )
            accepted = await asyncio.gather(*(store.inbox.accept(event) for store in stores for _ in range(10)))
            assert sum(each is not None for each in accepted) == 1

        async def all_handled() -> bool:
            return len(handled) >= 20

        assert await until(all_handled, 20)
        await asyncio.sleep(0.3)
        assert handled == [f"event-{number:02}" for number in range(20)], "each once, in their order"
        assert len(await stores[0].ledger.recent(JUDGED, limit=100)) == 20
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for store in stores:
            await store.close()


@pytest.mark.fault
async def test_a_platform_that_cannot_tell_gets_nothing_twice(
    judge: Judge, nursery: Nursery, postgres_address: str
) -> None:
    """Where nobody can know whether a message went out, it is shown as uncertain instead of sent again."""
    judge.slow = 0.2
    async with Trial(judge, nursery, postgres_address, tells=False) as trial:
        living = [trial.start() for _ in range(2)]
        for _ in range(25):
            for _ in range(12):
                await trial.post(trial.dice.randrange(PLACES))
            await asyncio.sleep(trial.dice.uniform(0.3, 0.8))
            nursery.kill(living.pop(0))
            living.append(trial.start())

        async def decided() -> bool:
            return all(each.state not in (State.PLANNED, State.SENDING) for each in await trial.ledger())

        assert await until(decided, 60)
        times, states = judge.times(), {each.key: each.state for each in await trial.ledger()}
        assert max(times.values()) == 1
        assert set(states.values()) == {State.SENT, State.UNCERTAIN}
        assert all(times[key] == 1 for key, state in states.items() if state is State.SENT)
        unsaid = [key for key in trial.due if times[key] == 0 and states[key] is not State.UNCERTAIN]
        assert not unsaid, "what did not arrive is shown as uncertain, none is lost in silence"
        report("25 kills, a platform that cannot tell", dict(Counter(str(state) for state in states.values())))


@pytest.mark.fault
async def test_the_database_goes_away_for_thirty_seconds(
    judge: Judge, nursery: Nursery, postgres: PostgresServer, postgres_address: str
) -> None:
    async with Trial(judge, nursery, postgres_address) as trial:
        workers = [trial.start() for _ in range(2)]
        await trial.tick("clock", 90)
        for number in range(60):
            await trial.post(number % PLACES, ahead=number * 0.6)
        await asyncio.sleep(3)
        await asyncio.to_thread(postgres.hold)
        before = len(judge.arrivals)
        await asyncio.sleep(30)
        quiet = len(judge.arrivals) - before
        await asyncio.to_thread(postgres.resume)
        await trial.settled()
        assert all(nursery.lives(worker) for worker in workers), "both outlived it"
        report("database away for 30 s", await trial.verdict() | {"sent meanwhile": quiet})


@pytest.mark.fault
async def test_a_worker_without_the_database_but_with_the_network_sends_nothing_after_its_lease(
    judge: Judge, nursery: Nursery, postgres: PostgresServer, postgres_address: str
) -> None:
    """The partition hits while its requests are under way, and heals again; eight times."""
    judge.slow = 0.3
    line = UnixRelay(postgres.socket / ".s.PGSQL.5432")
    await line.start()
    cut_off = f"postgresql://postgres@127.0.0.1:{line.port}/{make_url(postgres_address).database}"
    try:
        async with Trial(judge, nursery, postgres_address) as trial:
            lonely = nursery.start(judge.url, cut_off)
            await trial.tick("clock", 60)
            late = 0
            for turn in range(8):
                for number in range(40):
                    await trial.post(number % PLACES)
                await asyncio.sleep(1.5)
                if turn == 0:
                    trial.start()
                await line.cut()
                parted = time.time()
                await asyncio.sleep(3.5)
                late += sum(each.at > parted + 1.5 for each in judge.arrivals if each.sender == lonely)
                await line.start()
                await asyncio.sleep(1.5)
            await trial.settled()
            assert late == 0, "it went on although others might have taken over"
            assert nursery.lives(lonely)
            report("8 partitions from the database", await trial.verdict())
    finally:
        await line.cut()


@pytest.mark.fault
async def test_a_place_that_takes_and_never_answers_delays_no_other(
    judge: Judge, nursery: Nursery, postgres_address: str
) -> None:
    judge.deaf.add("place-0")
    async with Trial(judge, nursery, postgres_address, patience=2.0) as trial:
        for _ in range(2):
            trial.start()
        for number in range(10 * PLACES):
            await trial.post(number % PLACES)
        others = len(trial.due) - 10

        async def others_are_out() -> bool:
            return len(judge.times()) >= others

        assert await until(others_are_out, 30)
        assert "place-0" not in judge.places()
        judge.deaf.clear()
        await trial.settled()
        report("half-open connection to one place", await trial.verdict())


@pytest.mark.fault
async def test_answers_that_never_come_back_make_nothing_twice(
    judge: Judge, nursery: Nursery, postgres_address: str
) -> None:
    judge.hangs = 0.2
    async with Trial(judge, nursery, postgres_address, patience=0.5) as trial:
        for _ in range(4):
            trial.start()
        for number in range(120):
            await trial.post(number % PLACES)
        await trial.settled()
        report("a fifth of all answers lost", await trial.verdict())


@pytest.mark.fault
async def test_stopped_for_longer_than_a_lease_and_woken_again(
    judge: Judge, nursery: Nursery, postgres_address: str
) -> None:
    """A machine that sleeps. What it was about to send is not sent when it wakes: others did that meanwhile."""
    async with Trial(judge, nursery, postgres_address) as trial:
        workers = [trial.start() for _ in range(3)]
        await trial.tick("clock", 60)
        for turn in range(9):
            for number in range(24):
                await trial.post(number % PLACES)
            await asyncio.sleep(0.7)
            sleeper = workers[turn % 3]
            nursery.kill(sleeper, signal.SIGSTOP)
            await asyncio.sleep(2.5)
            nursery.kill(sleeper, signal.SIGCONT)
        await trial.settled()
        report("asleep for longer than a lease, 9 times", await trial.verdict())


@pytest.mark.fault
async def test_two_versions_side_by_side_during_an_upgrade(
    judge: Judge, nursery: Nursery, postgres_address: str, tmp_path: Path
) -> None:
    """The next version adds to the schema while this one runs; both work on, and this one does not start any more."""
    newer = next_version(tmp_path / "next")
    younger = Nursery(tmp_path, tree=newer)
    try:
        async with Trial(judge, nursery, postgres_address) as trial:
            old = [trial.start() for _ in range(2)]
            await trial.tick("clock", 40)
            for number in range(100):
                await trial.post(number % PLACES, ahead=number * 0.1)
            await asyncio.sleep(2)
            new = younger.start(judge.url, postgres_address)
            await asyncio.sleep(4)
            refused = trial.start()
            await asyncio.sleep(4)
            assert not nursery.lives(refused), "an older version does not start on a newer schema"
            assert "made by a newer version of Allant" in nursery.log.read_text(encoding="utf-8")
            nursery.kill(old[0])
            await trial.settled()
            assert nursery.lives(old[1])
            assert nursery.lives(new)
            nursery.kill(old[1], signal.SIGTERM)
            await asyncio.sleep(1)
            for number in range(20):
                await trial.post(number % PLACES)
            await trial.settled()
            assert judge.arrivals[-1].sender == new
            report("two versions during an upgrade", await trial.verdict())
    finally:
        younger.close()


def next_version(tree: Path) -> Path:
    """This project with one more migration, as the next version would have it."""
    for part in ("bot", "handlers", "tests"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    versions = tree / "bot/store/migrations/versions"
    (versions / "9999_the_next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "9999"\ndown_revision = "{REVISION}"\n\n\n'
        "def upgrade() -> None:\n"
        '    for table in ("delivery", "inbox", "timer", "lease"):\n'
        '        op.add_column(table, sa.Column("new", sa.Text(), nullable=True))\n',
        encoding="utf-8",
    )
    tables = tree / "bot/store/tables.py"
    tables.write_text(tables.read_text().replace(f'REVISION = "{REVISION}"', 'REVISION = "9999"'), encoding="utf-8")
    return tree


@pytest.mark.fault
async def test_clocks_that_jump_while_two_workers_go_on(
    judge: Judge, nursery: Nursery, postgres_address: str, tmp_path: Path
) -> None:
    """One of two machines has its clock set forward and back, by an hour and by seconds; the other's is right."""
    faketime = shutil.which("faketime")
    assert faketime, "the test needs faketime (Debian: apt-get install faketime)"
    dial = tmp_path / "clock"
    dial.write_text("+0", encoding="utf-8")
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"))
    wrong = Nursery(
        tmp_path,
        environment={
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(dial),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )
    try:
        async with Trial(judge, nursery, postgres_address) as trial:
            jumpy, steady = wrong.start(judge.url, postgres_address), trial.start()
            for offset in ("+3600", "-3600", "+5", "-5", "+0"):
                for number in range(20):
                    await trial.post(number % PLACES, ahead=number % 2 * 2.5)
                await asyncio.sleep(1.5)
                dial.write_text(offset, encoding="utf-8")
                await asyncio.sleep(1.5)
            await trial.settled()
            assert nursery.lives(jumpy)
            assert nursery.lives(steady)
            report("a clock that jumps by an hour and by seconds", await trial.verdict())
    finally:
        wrong.close()
