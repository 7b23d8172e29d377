"""How processes that share a database divide what is due: each takes as much as it can work on at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from bot.core.delivery import Kind
from bot.core.leases import Held, Rested, SoleLeases
from bot.core.refs import ChannelRef
from bot.delivery import Limits, Outbox
from bot.delivery import outbox as outbox_room
from tests.contract.in_memory_ledger import WORKSPACE, OnlyRules
from tests.contract.test_outbox import Desk, until


class OneOfTwo(SoleLeases):
    """The leases of one of two processes, which look into the same ``table``."""

    shared = True

    def __init__(self, table: dict[str, OneOfTwo]) -> None:
        self.table = table
        self.ever: set[str] = set()

    async def take(self, names: Collection[str]) -> Mapping[str, Held]:
        taken = [name for name in names if self.table.setdefault(name, self) is self]
        self.ever |= {*taken}
        return {name: Held() for name in taken}

    async def give_back(self, names: Mapping[str, Rested]) -> None:
        for name in names:
            self.table.pop(name, None)


def process(desk: Desk, leases: OneOfTwo) -> Outbox:
    return Outbox(
        desk.ledger,
        desk.ledger,
        desk.members,
        desk.channels,
        OnlyRules(desk.rules),
        desk.platforms,
        desk.clock,
        Limits(shared=True),
        desk.note,
        leases=leases,
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(outbox_room, "AT_ONCE", 4)
    return 4


async def test_none_takes_more_than_it_works_on_and_the_other_has_the_rest(at_once: int) -> None:
    desk, table = Desk(), dict[str, OneOfTwo]()
    for number in range(20):
        desk.ledger.plan(f"m{number}", ChannelRef(WORKSPACE, f"c{number}"))
    gate = asyncio.Event()
    for number in range(20):
        desk.platform.gates[f"m{number}"] = gate
    one, two = OneOfTwo(table), OneOfTwo(table)
    running = [asyncio.create_task(process(desk, leases).run()) for leases in (one, two)]
    await until(lambda: len(desk.platform.tried) > at_once)
    assert 0 < len(one.ever) <= at_once
    assert 0 < len(two.ever) <= at_once
    gate.set()
    await until(lambda: len(desk.platform.received) == 20)
    assert sorted(desk.platform.received) == sorted(f"m{number}" for number in range(20))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_what_matters_most_is_taken_first(at_once: int) -> None:
    desk = Desk()
    for number in range(12):
        desk.ledger.plan(f"news {number}", ChannelRef(WORKSPACE, f"c{number}"), Kind.FEED)
    for number in range(at_once):
        desk.ledger.plan(f"answer {number}", ChannelRef(WORKSPACE, f"a{number}"))
    await process(desk, OneOfTwo({})).drain()
    assert {key.split()[0] for key in desk.platform.received[:at_once]} == {"answer"}
    assert len(desk.platform.received) == 12 + at_once
