"""The clock over the timers that a database keeps: each fires once, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.core.actions import CancelTimer, Planned, Send, SetTimer
from bot.core.delivery import Kind
from bot.core.message import Message
from bot.core.ports import Timer
from bot.store import Store
from bot.timetable import Clockwork
from tests.contract.in_memory_ledger import TUESDAY_TEN, HandClock
from tests.contract.store_house import ACME, GENERAL, SECRET, do


class Tower:
    """A store with a clock over it. What fires says so in #general, in the transaction that removes the timer."""

    def __init__(self, store: Store, hand: HandClock) -> None:
        self.store = store
        self.hand = hand
        self.clockwork = Clockwork(store.timers, hand, self.fire)
        self.fails = 0

    async def fire(self, timer: Timer) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("the store is away")
        words = Send(to=GENERAL, message=Message(timer.key), kind=Kind.POST, key=f"{timer.key} {timer.due.isoformat()}")
        plans = [Planned("test", (words,))]
        await self.store.journal.commit(ACME, plans, at=self.hand.now(), source=timer.key, fired=timer)

    async def said(self) -> list[str]:
        return [each.message.text for each in await self.store.outbound.claim(self.hand.now())]


async def test_what_is_due_fires_once_and_the_rest_waits(store: Store) -> None:
    tower = Tower(store, HandClock())
    minutes = {"late": -60, "now": 0, "soon": 5}
    await do(store, *(SetTimer("item", key, TUESDAY_TEN + timedelta(minutes=wait)) for key, wait in minutes.items()))
    assert await tower.clockwork.fire_due() == 2
    assert await tower.clockwork.fire_due() == 0
    assert await tower.said() == ["late", "now"]
    assert await store.timers.next_due() == TUESDAY_TEN + timedelta(minutes=5)
    tower.hand.forward(minutes=5)
    assert await tower.clockwork.fire_due() == 1
    assert await store.timers.next_due() is None


async def test_a_timer_that_moved_or_was_cancelled_while_it_fired_does_not_count(store: Store) -> None:
    await do(store, SetTimer("item", "moved", TUESDAY_TEN), SetTimer("item", "gone", TUESDAY_TEN))
    seen = await store.timers.due(TUESDAY_TEN)
    await do(store, SetTimer("item", "moved", TUESDAY_TEN + timedelta(hours=1)), CancelTimer("item", "gone"))
    tower = Tower(store, HandClock())
    for timer in seen:
        await tower.fire(timer)
    assert await tower.said() == []
    assert [timer.key for timer in await store.timers.due(TUESDAY_TEN + timedelta(hours=1))] == ["moved"]


async def test_a_firing_that_failed_is_made_up_for_after_a_restart(durable_address: str) -> None:
    hand = HandClock()
    store = await Store.open(durable_address, secret=SECRET)
    await do(store, SetTimer("item", "a", TUESDAY_TEN))
    tower = Tower(store, hand)
    tower.fails = 1
    await tower.clockwork.fire_due()
    assert await tower.said() == []
    await store.close()
    store = await Store.open(durable_address, secret=SECRET)
    try:
        tower = Tower(store, hand)
        assert await tower.clockwork.fire_due() == 1
        assert await tower.said() == ["a"]
    finally:
        await store.close()


async def test_two_clocks_over_one_database_fire_each_timer_once(durable_address: str) -> None:
    stores = [await Store.open(durable_address, secret=SECRET) for _ in range(2)]
    try:
        await do(stores[0], *(SetTimer("item", f"{number:02}", TUESDAY_TEN) for number in range(30)))
        towers = [Tower(store, HandClock()) for store in stores]
        await asyncio.gather(*(tower.clockwork.fire_due() for tower in towers))
        assert await towers[0].said() == [f"{number:02}" for number in range(30)]
        assert await stores[1].timers.next_due() is None
    finally:
        for store in stores:
            await store.close()
