"""What a feature wanted to do is not dropped because the database was away when it looked something up."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import cast

import pytest

from bot.core.community import Role
from bot.core.dispatch import Dispatcher
from bot.core.errors import StoreUnavailable
from bot.core.events import CommandGiven, MessagePosted
from bot.core.feature import Command, Context, Feature, Listener, Ports
from bot.store import Store
from tests.contract.in_memory_ledger import HandClock
from tests.contract.store_house import ALICE, GENERAL, NOW, at_home, keys_due, posted, say


class Away:
    """A feature that answers each event and command, once the database is back."""

    def __init__(self) -> None:
        self.times = 1

    async def listen(self, context: Context, event: MessagePosted) -> None:
        self.look()
        context.do(say(event.id))

    async def command(self, context: Context, event: CommandGiven, _arguments: str) -> None:
        self.look()
        context.do(say(event.id))

    def look(self) -> None:
        if self.times:
            self.times -= 1
            raise StoreUnavailable("the database is not available")


def dispatcher(store: Store, away: Away) -> Dispatcher:
    feature = Feature(
        name="away",
        commands=(Command(path=("away",), run=away.command, role=Role.MEMBER),),
        listeners=(Listener(MessagePosted, away.listen),),
    )
    ports = {each.name: getattr(store, each.name, None) for each in fields(Ports)} | {"clock": HandClock()}
    return Dispatcher([feature], cast(Ports, SimpleNamespace(**ports)), store.journal)


async def test_an_event_is_handled_again_when_the_database_is_back(store: Store) -> None:
    works = dispatcher(store, Away())
    accepted = await store.inbox.accept(posted())
    assert accepted is not None
    with pytest.raises(StoreUnavailable):
        await works.handle(accepted.event, accepted)
    assert [each.number for each in await store.inbox.waiting()] == [accepted.number]
    await works.handle(accepted.event, accepted)
    assert await store.inbox.waiting() == []
    assert await keys_due(store) == [accepted.event.id]


async def test_so_is_a_command(store: Store) -> None:
    await at_home(store)
    works = dispatcher(store, Away())
    given = CommandGiven(
        id="command-1", at=NOW, workspace=ALICE.workspace, member=ALICE, channel=GENERAL, text="away", direct=False
    )
    with pytest.raises(StoreUnavailable):
        await works.handle(given)
    assert await keys_due(store) == []
    await works.handle(given)
    assert await keys_due(store) == ["command-1"]
