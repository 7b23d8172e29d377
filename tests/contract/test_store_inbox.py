"""Events wait durably and sealed, once each, until they are handled."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime, time
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.events import EVENTS, CommandGiven, Event
from bot.core.refs import ChannelRef
from bot.store import Store
from bot.store.codec import decode_event, encode_event
from bot.store.secrecy import Seal, Unreadable
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, OTHER, SECRET, do, on_disk, posted

WORDS = "Rhododendron-Quetzalcoatl"
"""Words that occur nowhere by chance."""


async def test_events_wait_in_the_order_of_their_arrival_until_handled(store: Store) -> None:
    accepted = [await store.inbox.accept(posted(number)) for number in (3, 1, 2)]
    waiting = await store.inbox.waiting()
    assert waiting == accepted
    assert [each.event for each in waiting] == [posted(3), posted(1), posted(2)]
    await do(store, handled=accepted[1])
    assert [each.event.id for each in await store.inbox.waiting()] == ["event-3", "event-2"]
    assert [each.event.id for each in await store.inbox.waiting(limit=1)] == ["event-3"]


async def test_an_event_is_accepted_once_in_each_workspace(store: Store) -> None:
    first = await store.inbox.accept(posted(1))
    assert first is not None
    assert await store.inbox.accept(posted(1, "delivered again")) is None
    assert await store.inbox.accept(posted(1, channel=ChannelRef(OTHER, "C1"))) is not None
    await do(store, handled=first)
    assert await store.inbox.accept(posted(1)) is None


async def test_the_same_event_from_many_producers_at_once_is_accepted_once(store: Store) -> None:
    answers = await asyncio.gather(*(store.inbox.accept(posted(number % 10)) for number in range(100)))
    assert sorted(each.event.id for each in answers if each) == sorted(f"event-{number}" for number in range(10))
    assert len(await store.inbox.waiting()) == 10


async def test_a_hundred_producers_lose_and_double_nothing(store: Store) -> None:
    numbers: set[int] = set()

    async def produce(first: int) -> None:
        for number in range(first, 2000, 100):
            accepted = await store.inbox.accept(posted(number))
            assert accepted is not None
            assert accepted.event == posted(number)
            numbers.add(accepted.number)

    await asyncio.gather(*(produce(first) for first in range(100)))
    waiting = await store.inbox.waiting(limit=3000)
    assert sorted(each.event.id for each in waiting) == sorted(f"event-{number}" for number in range(2000))
    assert {each.number for each in waiting} == numbers


async def test_each_gets_the_number_of_its_own_event(store: Store) -> None:
    accepted = await asyncio.gather(*(store.inbox.accept(posted(number)) for number in range(300)))
    by_number = {each.number: each.event.id for each in await store.inbox.waiting()}
    assert {each.number: each.event.id for each in accepted if each} == by_number


async def test_an_event_that_cannot_be_stored_does_not_hinder_the_others(store: Store) -> None:
    naive = dataclasses.replace(posted(7), at=datetime(2026, 1, 1))  # noqa: DTZ001  # That is what is wrong with it.
    answers = await asyncio.gather(
        *(store.inbox.accept(each) for each in (posted(1), naive, posted(2))), return_exceptions=True
    )
    assert isinstance(answers[1], Exception)
    assert [each.event.id for each in await store.inbox.waiting()] == ["event-1", "event-2"]


async def test_half_characters_are_mended(store: Store) -> None:
    event = CommandGiven(
        id="c1", at=NOW, workspace=ACME, member=ALICE, channel=GENERAL, text="a\ud83d b", fields={"k\udc00": "\ud800"}
    )
    accepted = await store.inbox.accept(event)
    assert accepted is not None
    assert accepted.event == dataclasses.replace(event, text="a\ufffd b", fields={"k\ufffd": "\ufffd"})
    assert await store.inbox.waiting() == [accepted]


async def test_words_are_never_in_the_files(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    try:
        for number in range(50):
            await store.inbox.accept(posted(number, WORDS))
        before = on_disk(tmp_path)
        for accepted in await store.inbox.waiting():
            assert WORDS in str(accepted.event)
            await do(store, handled=accepted)
        after = on_disk(tmp_path)
    finally:
        await store.close()
    assert b"event-49" in before  # The files are those that hold the events.
    assert WORDS.encode() not in before
    assert WORDS.encode() not in after
    assert WORDS.encode() not in on_disk(tmp_path)


async def test_what_another_secret_sealed_is_given_up_without_a_word(
    durable_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(durable_address, secret=SECRET)
    for number in range(5):
        await store.inbox.accept(posted(number, WORDS))
    await store.close()

    store = await Store.open(durable_address, secret=b"quite another secret, long enough")
    try:
        await store.inbox.accept(posted(9))
        with caplog.at_level(logging.ERROR):
            # The first page holds only what cannot be read: what comes after it must not be hidden by that.
            waiting = await store.inbox.waiting(limit=3)
        assert [each.event.id for each in waiting] == ["event-9"]
        assert [each.event.id for each in await store.inbox.waiting()] == ["event-9"]
        assert await store.inbox.accept(posted(0)) is None
    finally:
        await store.close()
    assert [record.getMessage().split()[1] for record in caplog.records] == [f"event-{n}" for n in range(5)]
    assert WORDS not in caplog.text


def test_a_seal_opens_only_for_its_own_row() -> None:
    seal = Seal(SECRET)
    sealed = seal.close(b"words", b"row 1")
    assert seal.open(sealed, b"row 1") == b"words"
    assert seal.close(b"words", b"row 1") != sealed
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, row in [(sealed, b"row 2"), (damaged, b"row 1"), (b"", b"row 1"), (sealed[:10], b"row 1")]:
        with pytest.raises(Unreadable):
            seal.open(wrong, row)


def test_two_seals_of_one_secret_read_each_other_and_share_no_nonce() -> None:
    one, two = Seal(SECRET), Seal(SECRET)
    sealed = [seal.close(b"words", b"row") for seal in (one, two) for _ in range(100)]
    assert {two.open(each, b"row") for each in sealed} == {b"words"}
    assert len({each[:12] for each in sealed}) == 200


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    bool: st.booleans(),
    int: st.integers(0, 6),
    time: st.times(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type that occurs in an event."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*map(anything, arguments))
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(*map(anything, arguments), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    hints: dict[str, Any] = typing.get_type_hints(kind)
    make: Callable[..., Any] = kind
    return st.builds(make, **{each.name: anything(hints[each.name]) for each in dataclasses.fields(kind)})


@given(st.one_of(*map(anything, EVENTS.values())))
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    kept, words = encode_event(event)
    assert kept is event
    assert decode_event(type(event).__name__, words) == event
