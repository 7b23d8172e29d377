"""What only PostgreSQL can do to the store: go away, refuse, cut a commit off, be shared by processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from bot.core.actions import Count, GiveRole
from bot.core.community import Member, Role
from bot.core.errors import BadInput, StoreUnavailable
from bot.store import Store, patience
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import REVISION, Row
from tests.contract.cut_line import CutLine
from tests.contract.store_house import ACME, ALICE, NOW, SECRET, at_home, do, posted, signal
from tests.postgres import PostgresServer


def structure(address: str) -> list[tuple[object, ...]]:
    """Every column, index and constraint, as the server describes them."""
    queries = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2",
        "SELECT tablename, indexname, indexdef FROM pg_indexes "
        "WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%' ORDER BY 1",
    )
    with psycopg.connect(address) as connection:
        return [tuple(row) for query in queries for row in connection.execute(query.encode())]


def test_the_migrations_make_exactly_the_tables(postgres: PostgresServer, postgres_address: str) -> None:
    made = postgres.empty()
    engine = create_engine(make_url(made).set(drivername="postgresql+psycopg"))
    try:
        Row.metadata.create_all(engine)
    finally:
        engine.dispose()
    try:
        assert structure(postgres_address) == structure(made)
        assert structure(made)
    finally:
        postgres.drop(made)


def test_processes_that_start_at_once_on_an_empty_database_all_find_it_ready(empty_postgres: str) -> None:
    program = "import sys; from bot.store.migrate import upgrade; sys.stdin.read(1); print(upgrade(sys.argv[1]))"
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_postgres],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("\n")
        starter.stdin.flush()
    outcomes = [(*starter.communicate(timeout=60), starter.returncode) for starter in starters]
    assert outcomes == [(f"{REVISION}\n", "", 0)] * 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "nowhere"}, r"it has no such database: CREATE DATABASE"),
        ({"username": "nobody"}, r"it knows no such user: CREATE USER"),
        ({"query": {"host": "/no/such/folder"}}, "nothing answers there"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, "nothing answers there"),
        ({"host": "no-such-host.invalid", "query": {}}, "no machine of this name"),
    ],
)
def test_an_address_where_nothing_is_says_what_to_mend(
    postgres: PostgresServer, change: dict[str, object], reason: str
) -> None:
    address = make_url(postgres.address()).set(password="tiger", **change)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=reason) as caught:
        upgrade(address.render_as_string(hide_password=False))
    assert "tiger" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_refused_and_not_shown(postgres: PostgresServer) -> None:
    with postgres.passwords():
        postgres.run("CREATE USER locked PASSWORD 'right'")
        address = make_url(postgres.address()).set(username="locked", password="tiger")
        with pytest.raises(BadInput, match="refuses the user or the password") as caught:
            upgrade(address.render_as_string(hide_password=False))
        with pytest.raises(BadInput, match="asks for a password"):
            upgrade(make_url(postgres.address()).set(username="locked").render_as_string())
    assert "tiger" not in str(caught.value)


def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    address = postgres.empty("ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    try:
        with pytest.raises(BadInput, match="encoding is SQL_ASCII"):
            upgrade(address)
    finally:
        postgres.drop(address)


def test_a_database_of_somebody_else_is_refused_and_left_alone(empty_postgres: str) -> None:
    with psycopg.connect(empty_postgres) as connection:
        connection.execute("CREATE TABLE customers (id integer)")
    before = structure(empty_postgres)
    with pytest.raises(BadInput, match="not Allant's"):
        upgrade(empty_postgres)
    assert structure(empty_postgres) == before


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_every_way_to_write_the_address_works(postgres_address: str, scheme: str) -> None:
    store = await Store.open(postgres_address.replace("postgresql", scheme, 1), secret=SECRET)
    await store.close()


@pytest.mark.parametrize(
    "url", ["postgresql://allant:ti/ger@host/db", "postgresql://allant:ti@ger@host/db", "postgresql://a:b:tiger@h:x/d"]
)
def test_a_password_that_breaks_the_address_is_not_shown(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        upgrade(url)
    assert "ger" not in str(caught.value)


async def test_a_name_with_a_character_that_cannot_be_stored_is_kept_without_it(postgres_address: str) -> None:
    store = await Store.open(postgres_address, secret=SECRET)
    try:
        await store.register([Member(ALICE, "Al\0ice")])
        found = await store.members.get(ALICE)
        assert found is not None
        assert found.name == "Al\ufffdice"
    finally:
        await store.close()


@pytest.fixture
async def two(postgres_address: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores on one database, as two processes have."""
    stores = [await Store.open(postgres_address, secret=SECRET) for _ in range(2)]
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


async def test_an_event_that_comes_ten_times_at_once_is_accepted_once(two: tuple[Store, Store]) -> None:
    numbers = [number for number in range(40) for _ in range(5)]
    # The other way round in the other process: their groups hold each other up, and one has to be done again.
    accepting = [two[0].inbox.accept(posted(number)) for number in numbers]
    accepting += [two[1].inbox.accept(posted(number)) for number in reversed(numbers)]
    accepted = [each for each in await asyncio.gather(*accepting) if each is not None]
    assert sorted(each.event.id for each in accepted) == sorted(f"event-{number}" for number in range(40))
    assert len(await two[0].inbox.waiting()) == 40


async def test_what_two_processes_write_about_the_same_person_is_all_there(two: tuple[Store, Store]) -> None:
    await asyncio.gather(
        *(do(store, GiveRole(ALICE, Role.ANIMATOR), Count(signal(f"s{n}"))) for n in range(20) for store in two),
        *(at_home(store) for store in two),
    )
    found = await two[0].members.get(ALICE)
    assert found is not None
    assert (found.name, found.role) == ("Alice", Role.ANIMATOR)
    assert sum((await two[1].measures.counts(ACME, signal("s").what, NOW)).values()) == 20


async def test_a_process_with_another_secret_is_refused_while_one_runs(postgres_address: str) -> None:
    other = b"quite another secret, long enough"
    store = await Store.open(postgres_address, secret=SECRET)
    try:
        with pytest.raises(BadInput, match="with another secret"):
            await Store.open(postgres_address, secret=other)
        second = await Store.open(postgres_address, secret=SECRET)
        await second.close()
    finally:
        await store.close()
    store = await Store.open(postgres_address, secret=other)
    await store.close()


async def test_a_deadlock_is_resolved_and_nobody_hears_of_it(postgres_address: str) -> None:
    one, other = Database(postgres_address), Database(postgres_address)
    both_hold = threading.Barrier(2, timeout=20)
    tries = []

    def change(first: int, second: int, connection: Connection) -> None:
        tries.append(first)
        connection.execute(text("UPDATE t SET seen = seen + 1 WHERE n = :n"), {"n": first})
        if len(tries) <= 2:
            both_hold.wait()
        connection.execute(text("UPDATE t SET seen = seen + 1 WHERE n = :n"), {"n": second})

    try:
        await one.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER, seen INTEGER)")))
        await one.write(lambda connection: connection.execute(text("INSERT INTO t VALUES (1, 0), (2, 0)")))
        await asyncio.gather(one.write(partial(change, 1, 2)), other.write(partial(change, 2, 1)))
        seen = await one.read(lambda connection: connection.execute(text("SELECT seen FROM t")).scalars().all())
        assert list(seen) == [2, 2]
        assert len(tries) == 3
    finally:
        await one.close()
        await other.close()


async def test_a_read_sees_one_moment_while_others_write(two: tuple[Store, Store], postgres_address: str) -> None:
    database = Database(postgres_address)
    between, written = threading.Event(), threading.Event()

    def count_twice(connection: Connection) -> list[int | None]:
        first = connection.scalar(text("SELECT count(*) FROM inbox"))
        between.set()
        assert written.wait(20)
        return [first, connection.scalar(text("SELECT count(*) FROM inbox"))]

    try:
        counting = asyncio.create_task(database.read(count_twice))
        await asyncio.to_thread(between.wait, 20)
        await two[0].inbox.accept(posted(1))
        written.set()
        assert await counting == [0, 0]
    finally:
        await database.close()


@pytest.fixture
def line(postgres: PostgresServer) -> Iterator[CutLine]:
    line = CutLine(postgres.socket / ".s.PGSQL.5432")
    yield line
    line.close()


async def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    line: CutLine, postgres_address: str
) -> None:
    database = make_url(postgres_address).database
    store = await Store.open(f"postgresql://postgres@127.0.0.1:{line.port}/{database}?sslmode=disable", secret=SECRET)
    try:
        line.lose_answer_to(b"COMMIT")
        assert await store.inbox.accept(posted(1)) is not None
        line.lose_request(b"COMMIT")
        assert await store.inbox.accept(posted(2)) is not None
        assert line.lost == 2
        line.lose_answer_to(b"COMMIT")
        # A group: each of them hears the truth, the repeated one too.
        outcomes = await asyncio.gather(*(store.inbox.accept(posted(number)) for number in (3, 4, 4, 1)))
        assert [outcome is not None for outcome in outcomes] == [True, True, False, False]
        assert line.lost == 3
        assert [each.event.id for each in await store.inbox.waiting()] == [f"event-{n}" for n in (1, 2, 3, 4)]
    finally:
        await store.close()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped without hurting other tests."""
    server = PostgresServer()
    yield server
    server.close()


async def test_nothing_is_lost_while_the_server_is_away(own_server: PostgresServer) -> None:
    store = await Store.open(own_server.ready(), secret=SECRET)
    try:
        done = [asyncio.create_task(store.inbox.accept(posted(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(own_server.hold)
        done += [asyncio.create_task(store.inbox.accept(posted(number))) for number in range(50, 100)]
        reading = asyncio.create_task(store.inbox.waiting())
        await asyncio.to_thread(own_server.resume)
        accepted = await asyncio.gather(*done)
        assert all(accepted)
        assert {each.event.id for each in await store.inbox.waiting()} == {f"event-{n}" for n in range(100)}
        assert len(await reading) <= 100
    finally:
        await store.close()


async def test_patience_ends_and_says_so(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 1.5)
    store = await Store.open(own_server.ready(), secret=SECRET)
    try:
        await asyncio.to_thread(own_server.hold)
        for work in (store.inbox.accept(posted(1)), store.inbox.waiting()):
            with pytest.raises(StoreUnavailable, match="not available: nothing answers there"):
                await work
        await asyncio.to_thread(own_server.resume)
        assert await store.inbox.accept(posted(1)) is not None
    finally:
        await store.close()
    told = [record.getMessage() for record in caplog.records if record.name == "allant.store"]
    assert [line.split(":")[0].split(" after")[0] for line in told] == [
        "the database is away, waiting for it",
        "the database is back",
    ]


def test_a_bot_on_sqlite_loads_no_driver_of_postgres(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from bot.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], secret=b's' * 32); await store.close()\n"
        "asyncio.run(main()); print([name for name in sys.modules if name.startswith('psycopg')])"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'allant.db'}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[]\n"


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadInput, match=r"pip install 'allant\[postgres\]'"):
        upgrade("postgresql://allant:tiger@localhost/allant")
