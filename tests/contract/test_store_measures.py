"""Figures over the signals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import DayCount, Signal, What
from bot.store import Store
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, OTHER, RANDOM, signal

DAY = timedelta(days=1)


def person(number: int) -> MemberRef:
    return MemberRef(ACME, f"P{number}")


def by_people(
    count: int, what: What, at: datetime, channel: ChannelRef | None = GENERAL, first: int = 0
) -> list[Signal]:
    """One signal of each of ``count`` people."""
    return [
        signal(f"{what}/{number}/{at}/{channel}", what, at=at, member=person(number), channel=channel)
        for number in range(first, first + count)
    ]


async def test_recording_fails_as_a_whole(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # That is what is wrong with it.
    with pytest.raises(Exception, match="moment without a zone"):
        await store.record_signals([signal("a"), signal("b", at=naive)])
    assert await store.measures.workspaces() == []


async def test_days_are_local_and_complete(store: Store) -> None:
    # On 2026-10-25 Paris leaves summer time: its day has 25 hours, from 22:00 UTC to 23:00 UTC.
    await store.record_signals(
        [
            signal("before", at=datetime(2026, 10, 24, 21, 59, tzinfo=UTC)),
            signal("first", at=datetime(2026, 10, 24, 22, 0, tzinfo=UTC)),
            signal("reply", What.REPLIED, at=datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),
            signal("after", at=datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),
            signal("reaction", What.REACTED, at=datetime(2026, 10, 25, 12, 0, tzinfo=UTC)),
            signal("elsewhere", at=datetime(2026, 10, 25, 12, 0, tzinfo=UTC), channel=RANDOM),
        ]
    )
    days = await store.measures.days(GENERAL, date(2026, 10, 24), date(2026, 10, 27), "Europe/Paris")
    assert days == [
        DayCount(date(2026, 10, 24), 1),
        DayCount(date(2026, 10, 25), 2),
        DayCount(date(2026, 10, 26), 1),
        DayCount(date(2026, 10, 27), 0),
    ]
    kathmandu = await store.measures.days(GENERAL, date(2026, 10, 25), date(2026, 10, 25), "Asia/Kathmandu")
    assert kathmandu == [DayCount(date(2026, 10, 25), 2)]


async def test_what_a_member_did_is_known_for_their_own_journey(store: Store) -> None:
    await store.record_signals([signal("a", What.REPLIED)])
    assert await store.measures.did(ALICE, What.REPLIED, NOW)
    assert not await store.measures.did(ALICE, What.REPLIED, NOW + timedelta(microseconds=1))
    assert not await store.measures.did(ALICE, What.POSTED, NOW - DAY)
    assert not await store.measures.did(person(1), What.REPLIED, NOW - DAY)


async def test_counts_are_by_what_they_are_about(store: Store) -> None:
    await store.record_signals(
        [
            signal("a", What.HELPED, about="mute"),
            signal("b", What.HELPED, about="mute"),
            signal("c", What.HELPED, about="threads"),
            signal("d", What.HELPED, about="old", at=NOW - DAY),
            signal("e", What.NOT_HELPED, about="mute"),
        ]
    )
    since = NOW - timedelta(hours=1)
    assert await store.measures.counts(ACME, What.HELPED, since) == {"mute": 2, "threads": 1}
    assert await store.measures.counts(OTHER, What.HELPED, since) == {}


async def test_what_history_there_is(store: Store) -> None:
    assert await store.measures.last_signal_at(ACME) is None
    abroad = WorkspaceRef("slack", "T1")
    await store.record_signals(
        [
            signal("a", channel=RANDOM),
            signal("b", at=NOW - DAY),
            signal("c", What.JOINED, channel=None),
            Signal(source="a", workspace=abroad, at=NOW + DAY, what=What.POSTED, channel=ChannelRef(abroad, "C1")),
        ]
    )
    assert await store.measures.last_signal_at(ACME) == NOW
    assert await store.measures.workspaces() == [abroad, ACME]
