"""Group commit: shared transactions, private failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from bot.store.database import GROUP, Database


@pytest.fixture(params=["file", "memory", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_address")
    else:
        url = f"sqlite:///{tmp_path / 'plain.db'}" if request.param == "file" else "sqlite://"
    opened = Database(url)
    await opened.write(partial(run, "CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    yield opened
    await opened.close()


def run(statement: str, connection: Connection) -> None:
    connection.execute(text(statement))


def put(number: int, connection: Connection) -> int:
    connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
    return number


def put_then_fail(number: int, connection: Connection) -> None:
    put(number, connection)
    raise LookupError(number)


def numbers(connection: Connection) -> list[int]:
    return list(connection.scalars(text("SELECT n FROM t ORDER BY n")))


def commits(database: Database) -> list[None]:
    seen: list[None] = []
    event.listen(database.engine, "commit", lambda _connection: seen.append(None))
    return seen


async def test_whoever_writes_at_the_same_time_shares_a_commit(database: Database) -> None:
    seen = commits(database)
    assert await asyncio.gather(*(database.write(partial(put, n)) for n in range(100))) == list(range(100))
    assert len(seen) == 1
    assert await database.read(numbers) == list(range(100))


async def test_a_crowd_is_committed_in_groups(database: Database) -> None:
    seen = commits(database)
    await asyncio.gather(*(database.write(partial(put, n)) for n in range(5 * GROUP)))
    assert 2 <= len(seen) <= 5
    assert len(await database.read(numbers)) == 5 * GROUP


async def test_a_failure_undoes_its_own_work_only(database: Database) -> None:
    work = [partial(put_then_fail if n % 3 == 0 else put, n) for n in range(30)]
    outcomes = await asyncio.gather(*(database.write(each) for each in work), return_exceptions=True)
    kept = [n for n in range(30) if n % 3]
    assert [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, LookupError)] == kept
    assert await database.read(numbers) == kept


async def test_a_lone_failure_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        await database.write(partial(put_then_fail, 1))
    assert await database.read(numbers) == []
    assert await database.write(partial(put, 1)) == 1


async def test_a_batch_gets_the_items_of_all_who_wait_and_answers_each(database: Database) -> None:
    sizes = []

    def batch(connection: Connection, items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return [put(item, connection) * 10 for item in items]

    answers = await asyncio.gather(*(database.write_batched(batch, n) for n in range(50)))
    assert answers == [n * 10 for n in range(50)]
    assert sizes == [50]


async def test_one_bad_item_of_a_batch_fails_alone(database: Database) -> None:
    def batch(connection: Connection, items: Sequence[int]) -> list[int]:
        return [put(item if item != 3 else 0, connection) for item in items]

    outcomes = await asyncio.gather(*(database.write_batched(batch, n) for n in range(6)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, int, int, IntegrityError, int, int]
    assert await database.read(numbers) == [0, 1, 2, 4, 5]


async def test_who_is_cancelled_does_not_hinder_the_others(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(partial(put, n))) for n in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[4], asyncio.CancelledError)
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [0, 1, 2, 3, 5, 6, 7, 8, 9]


async def test_a_commit_that_fails_fails_everybody_in_it_and_the_next_goes_on(database: Database) -> None:
    def defer(connection: Connection) -> None:
        connection.execute(text("INSERT INTO child VALUES (99)"))

    child = "CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)"
    await database.write(partial(run, child))
    outcomes = await asyncio.gather(
        database.write(partial(put, 1)), database.write(defer), database.write(partial(put, 2)), return_exceptions=True
    )
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert await database.read(numbers) == []
    assert await database.write(partial(put, 3)) == 3
    assert await database.read(numbers) == [3]


async def test_what_was_submitted_before_closing_is_committed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'plain.db'}"
    database = Database(url)
    await database.write(partial(run, "CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    tasks = [asyncio.create_task(database.write(partial(put, n))) for n in range(10)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await asyncio.gather(*tasks) == list(range(10))
    with pytest.raises(RuntimeError, match="closed"):
        await database.write(partial(put, 11))

    again = Database(url)
    assert await again.read(numbers) == list(range(10))
    await again.close()


async def test_two_writers_on_one_file_wait_for_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'plain.db'}"
    one, two = Database(url), Database(url)
    await one.write(partial(run, "CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    try:

        async def produce(database: Database, first: int) -> None:
            for number in range(first, 400, 8):
                await database.write(partial(put, number))

        await asyncio.gather(*(produce(one if first % 2 else two, first) for first in range(8)))
        assert await one.read(numbers) == list(range(400))
    finally:
        await one.close()
        await two.close()


async def test_an_error_does_not_quote_what_was_to_be_stored(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "Rhododendron"})

    with pytest.raises(Exception, match="nowhere") as caught:
        await database.write(work)
    assert "Rhododendron" not in str(caught.value)
