"""The outbox on the real store: what is planned in a transaction arrives once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.actions import Forget, Planned, Send, Withdraw
from bot.core.community import Channel, Member
from bot.core.delivery import Kind, State
from bot.core.errors import Unreachable
from bot.core.events import Event
from bot.core.message import Message
from bot.core.platform import Capabilities
from bot.core.policy import PolicyRules
from bot.core.refs import MessageRef, Place
from bot.delivery import Limits, Outbox
from bot.store.store import Store
from tests.contract.in_memory_ledger import (
    ALICE,
    GENERAL,
    RANDOM,
    TUESDAY_TEN,
    WORKSPACE,
    HandClock,
    ObedientPlatform,
    OnlyRules,
)


class House:
    """A durable store that can be closed and opened again, and an outbox on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = HandClock()
        self.platform = ObedientPlatform(can=Capabilities(can_look_up=True))
        self.troubles: list[Event] = []
        self.store: Store
        self.outbox: Outbox

    async def open(self) -> None:
        self.store = store = await Store.open(self.url, secret=b"a secret for this test alone 123")
        rules = OnlyRules(PolicyRules())

        async def trouble(event: Event) -> None:
            self.troubles.append(event)

        self.outbox = Outbox(
            store.outbound,
            store.ledger,
            store.members,
            store.channels,
            rules,
            {WORKSPACE: self.platform},
            self.clock,
            Limits(),
            trouble,
            jitter=lambda top: top,
        )

    async def plan(self, *actions: Send | Withdraw | Forget) -> None:
        await self.store.journal.commit(
            WORKSPACE, [Planned("test", actions)], at=self.clock.now(), source=f"event {self.clock.now().isoformat()}"
        )

    async def state(self, key: str) -> tuple[State, str] | None:
        found = await self.store.ledger.find(WORKSPACE, key)
        return (found.state, found.reason) if found else None


def say(key: str, to: Place = GENERAL, kind: Kind = Kind.POST) -> Send:
    return Send(to=to, message=Message(key), kind=kind, key=key)


@pytest.fixture
async def house(durable_address: str) -> AsyncIterator[House]:
    house = House(durable_address)
    await house.open()
    await house.store.register(
        [
            Member(ALICE, "Alice", zone="Europe/Paris"),
            Channel(GENERAL, "general", zone="Europe/Paris"),
            Channel(RANDOM, "random", zone="Europe/Paris"),
        ]
    )
    yield house
    await house.store.close()


async def test_the_budget_of_a_place_holds_and_the_rest_waits_with_its_first_moment(house: House) -> None:
    await house.plan(*(say(f"p{number}") for number in range(5)), say("r", RANDOM), say("a", kind=Kind.ANSWER))
    assert await house.outbox.drain() == 5
    assert house.platform.received.index("a") < house.platform.received.index("p0")
    assert await house.state("p3") == (State.PLANNED, "day_budget")
    waiting = await house.store.ledger.find(WORKSPACE, "p3")
    assert waiting is not None
    assert waiting.planned_for == TUESDAY_TEN
    house.clock.forward(days=1)
    assert await house.outbox.drain() == 2
    assert await house.state("p4") == (State.SENT, "")


async def test_a_crash_between_sending_and_sent_is_cleared_up_after_reopening(house: House) -> None:
    await house.plan(say("arrived", kind=Kind.ANSWER), say("lost", RANDOM, Kind.ANSWER), say("next", kind=Kind.ANSWER))
    for delivery in await house.store.outbound.claim(TUESDAY_TEN):
        if delivery.key != "next":
            assert await house.store.outbound.sending(delivery, TUESDAY_TEN)
    house.platform.received.append("arrived")
    await house.store.close()
    await house.open()
    await house.outbox.recover()
    await house.outbox.drain()
    assert sorted(house.platform.received) == ["arrived", "lost", "next"]
    assert house.platform.looked_up == ["arrived", "lost"]
    assert await house.store.outbound.half_sent() == []


async def test_somebody_forgotten_while_a_message_waits_does_not_get_it(house: House) -> None:
    house.platform.says["journey"] = [Unreachable()]
    await house.plan(say("journey", ALICE, Kind.JOURNEY))
    await house.outbox.drain()
    await house.plan(Forget(ALICE))
    house.clock.forward(hours=1)
    await house.outbox.drain()
    assert house.platform.received == []


async def test_a_withdrawal_recalls_what_it_withdrew(house: House) -> None:
    await house.plan(say("post"))
    await house.outbox.drain()
    house.clock.forward(minutes=1)
    await house.plan(Withdraw(target=MessageRef(GENERAL, "post"), key="withdraw"))
    await house.outbox.drain()
    assert await house.state("post") == (State.RECALLED, "")


async def test_running_beside_a_writer_everything_arrives_once_and_in_order(house: House) -> None:
    complete = asyncio.Event()

    def count() -> None:
        if len(house.platform.received) >= 90:
            complete.set()

    house.platform.after = count
    running = asyncio.create_task(house.outbox.run())
    for number in range(30):
        house.clock.forward(seconds=1)
        await house.plan(
            say(f"g{number:02}", GENERAL, Kind.ANSWER),
            say(f"r{number:02}", RANDOM, Kind.ANSWER),
            say(f"a{number:02}", ALICE, Kind.ANSWER),
        )
        house.outbox.wake()
    await asyncio.wait_for(complete.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await house.store.outbound.half_sent() == []
    assert await house.store.outbound.next_due() is None
    for letter in "gra":
        assert [key for key in house.platform.received if key[0] == letter] == [f"{letter}{n:02}" for n in range(30)]


async def test_what_expired_is_held_back_and_a_post_is_told(house: House) -> None:
    await house.plan(Send(to=GENERAL, message=Message("x"), kind=Kind.POST, key="x", expires=TUESDAY_TEN))
    house.clock.forward(hours=1)
    await house.outbox.drain()
    assert await house.state("x") == (State.HELD_BACK, "expired")
    assert len(house.troubles) == 1
    assert await house.store.ledger.held_back(WORKSPACE, TUESDAY_TEN - timedelta(days=1)) == {"expired": 1}
