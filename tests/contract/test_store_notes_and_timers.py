"""What features remember, and the timers that wake them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update

from bot.core.actions import CancelTimer, Drop, Forget, Remember, SetTimer
from bot.core.ports import Timer
from bot.core.refs import MemberRef
from bot.store import Store, tables
from tests.contract.store_house import ACME, ALICE, NOW, OTHER, do


class Mood(StrEnum):
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[int, ...]
    until: datetime | None = None
    day: date | None = None
    mood: Mood = Mood.CALM
    about: MemberRef | None = None
    span: timedelta = timedelta(0)


@dataclass(frozen=True)
class Mark:
    text: str


@dataclass(frozen=True)
class Elsewhere:
    """Has the name of another feature's note."""

    count: int


Elsewhere.__qualname__ = "Mark"
Elsewhere.__module__ = "handlers.another"


async def test_a_note_comes_back_as_it_was(store: Store) -> None:
    plan = Plan(
        (3, 1), datetime(2027, 1, 2, 3, 4, 5, 678, UTC), date(2027, 1, 1), Mood.CALM, ALICE, timedelta(hours=36)
    )
    await do(store, Remember("a", plan))
    assert await store.notes.get(ACME, Plan, "a") == plan
    assert await store.notes.get(ACME, Plan, "b") is None
    assert await store.notes.get(ACME, Mark, "a") is None
    assert await store.notes.get(OTHER, Plan, "a") is None


async def test_a_note_is_replaced_and_dropped(store: Store) -> None:
    await do(store, Remember("a", Mark("one")), Remember("a", Mark("two")), Remember("b", Mark("three")))
    assert await store.notes.all(ACME, Mark) == {"a": Mark("two"), "b": Mark("three")}
    await do(store, Drop(Mark, "a"), Drop(Mark, "unknown"))
    assert await store.notes.all(ACME, Mark) == {"b": Mark("three")}


async def test_notes_of_a_prefix_come_in_the_order_of_their_keys(store: Store) -> None:
    keys = ["a_c", "a/2", "a/10", "abc", "A/1", "a%", "é", "a/1"]
    await do(store, *(Remember(key, Mark(key)) for key in keys))
    assert list(await store.notes.all(ACME, Mark, "a/")) == ["a/1", "a/10", "a/2"]
    assert list(await store.notes.all(ACME, Mark, "a_")) == ["a_c"]
    assert list(await store.notes.all(ACME, Mark, "a%")) == ["a%"]
    assert list(await store.notes.all(ACME, Mark)) == sorted(keys)


async def test_features_do_not_read_each_others_notes(store: Store) -> None:
    await do(store, Remember("a", Mark("mine")), Remember("a", Elsewhere(1)))
    assert await store.notes.get(ACME, Mark, "a") == Mark("mine")
    assert await store.notes.get(ACME, Elsewhere, "a") == Elsewhere(1)


async def test_a_note_that_no_longer_fits_is_as_good_as_none(store: Store) -> None:
    await do(store, Remember("a", Mark("not a number")), Remember("b", Elsewhere(2)))
    Mark.__module__, before = "handlers.another", Mark.__module__
    try:
        await do(store, Remember("a", Mark("not a number")))
    finally:
        Mark.__module__ = before
    assert await store.notes.get(ACME, Elsewhere, "a") is None
    assert await store.notes.all(ACME, Elsewhere) == {"b": Elsewhere(2)}


async def test_a_timer_set_again_moves(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    await do(store, SetTimer("step", "alice", NOW), SetTimer("step", "alice", later), feature="welcome")
    timer = Timer(ACME, "welcome", "step", "alice", later)
    assert await store.timers.get(ACME, "welcome", "step", "alice") == timer
    assert await store.timers.all(ACME, "welcome", "step") == [timer]
    assert await store.timers.due(NOW) == []
    assert await store.timers.next_due() == later


async def test_each_feature_has_timers_of_its_own(store: Store) -> None:
    await do(store, SetTimer("tick", "k", NOW), feature="nudge")
    await do(store, SetTimer("tick", "k", NOW), feature="watch")
    await do(store, CancelTimer("tick", "k"), CancelTimer("tick", "unknown"), feature="watch")
    assert [timer.feature for timer in await store.timers.due(NOW)] == ["nudge"]
    assert await store.timers.get(ACME, "watch", "tick", "k") is None


async def test_due_timers_come_earliest_first(store: Store) -> None:
    assert await store.timers.next_due() is None
    await do(store, *(SetTimer("step", str(minute), NOW + timedelta(minutes=minute)) for minute in (3, 1, 2, 9)))
    assert [timer.key for timer in await store.timers.due(NOW + timedelta(minutes=3))] == ["1", "2", "3"]
    assert [timer.key for timer in await store.timers.due(NOW + timedelta(hours=1), limit=2)] == ["1", "2"]
    assert await store.timers.next_due() == NOW + timedelta(minutes=1)


async def test_moments_keep_their_microseconds_and_come_back_in_utc(store: Store) -> None:
    due = datetime.fromisoformat("2026-11-24T10:00:00.000001+05:30")
    await do(store, SetTimer("step", "k", due))
    kept = await store.timers.next_due()
    assert kept == due
    assert kept is not None
    assert kept.utcoffset() == timedelta(0)


async def test_a_sealed_note_is_read_by_features_and_the_person_and_by_nobody_else(store: Store) -> None:
    secret = Mark("the purple zebra")
    await do(store, Remember("a", secret, ALICE, sealed=True), Remember("b", Mark("plain"), ALICE))
    assert await store.notes.get(ACME, Mark, "a") == secret
    assert await store.notes.all(ACME, Mark) == {"a": secret, "b": Mark("plain")}
    assert "zebra" in repr(await store.notes.about(ALICE))
    rows = await store._database.read(lambda connection: connection.execute(select(tables.notes)).all())
    assert "zebra" not in repr(rows)
    # It opens in its own row only.
    sealed = next(row.value for row in rows if row.key == "a")
    await store._database.write(
        lambda connection: connection.execute(
            update(tables.notes).where(tables.notes.c.key == "b").values(value=sealed)
        )
    )
    assert await store.notes.get(ACME, Mark, "b") is None
    await do(store, Forget(ALICE))
    assert await store.notes.all(ACME, Mark) == {}
