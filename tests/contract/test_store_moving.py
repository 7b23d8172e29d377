"""A channel that gets another id loses nothing: every table that named the old one names the new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import Column, Connection, Text, select

from bot.core.actions import Count, MoveChannel, RegisterChannel, Remember, SetTimer
from bot.core.community import Channel
from bot.core.delivery import Receipt
from bot.core.refs import ChannelRef, MessageRef, place_key
from bot.core.welcome import Waiting
from bot.store import Store, tables
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, RANDOM, do, posted, say, signal

NEW = ChannelRef(ACME, "C1-new")


@dataclass(frozen=True, slots=True)
class Holding:
    """A note with a message in it, and with a channel by itself."""

    message: MessageRef
    where: ChannelRef


async def test_what_was_planned_counted_and_kept_follows(store: Store) -> None:
    note = Holding(MessageRef(GENERAL, "m1"), GENERAL)
    await do(
        store,
        RegisterChannel(Channel(GENERAL, "general")),
        RegisterChannel(Channel(RANDOM, "random")),
        say("later", due=NOW + timedelta(hours=1)),
        say("elsewhere", to=RANDOM),
        SetTimer("greet", GENERAL.id, NOW),
        SetTimer("greet", RANDOM.id, NOW),
        Remember(f"{GENERAL.id}/{ALICE.id}", Waiting(GENERAL.id, ALICE.id, NOW), ALICE),
        Remember("held", note),
        Remember("sealed", note, sealed=True),
        Count(signal("s1")),
    )
    await store.inbox.accept(posted())
    await do(store, MoveChannel(GENERAL, NEW), source="moved")
    assert [each.ref for each in await store.channels.all(ACME)] == [NEW, RANDOM]
    later = await store.ledger.find(ACME, "later")
    assert later is not None
    assert later.to == NEW
    assert {each.key for each in await store.timers.all(ACME, "test", "greet")} == {NEW.id, RANDOM.id}
    waiting = await store.notes.all(ACME, Waiting)
    assert waiting == {f"{NEW.id}/{ALICE.id}": Waiting(NEW.id, ALICE.id, NOW)}
    held = await store.notes.get(ACME, Holding, "held")
    # The message stays where it was said: under the new id its number is another message's.
    assert held == Holding(MessageRef(GENERAL, "m1"), NEW)
    assert await store.notes.get(ACME, Holding, "sealed") == held
    assert await store.measures.first_signal_at(NEW) == NOW
    assert await store.inbox.lanes() == [str(NEW)]
    # Twice is once.
    await do(store, MoveChannel(GENERAL, NEW), source="moved again")
    assert [each.ref for each in await store.channels.all(ACME)] == [NEW, RANDOM]


async def test_a_channel_that_was_described_under_its_new_id_already_stays_one(store: Store) -> None:
    await do(
        store,
        RegisterChannel(Channel(GENERAL, "general", last_message_at=NOW)),
        RegisterChannel(Channel(NEW, "general")),
    )
    await do(store, MoveChannel(GENERAL, NEW), source="moved")
    [channel] = await store.channels.all(ACME)
    assert (channel.ref, channel.last_message_at) == (NEW, NOW)


async def test_no_column_names_the_old_one_but_those_of_messages(store: Store) -> None:
    """Every table is looked at, also one that is made later: what names a channel must follow it."""
    await do(store, RegisterChannel(Channel(GENERAL, "general")), say("sent"), Count(signal("s1")))
    [delivery] = await store.outbound.claim(NOW)
    await store.outbound.sending(delivery, NOW)
    await store.outbound.sent(delivery, Receipt(MessageRef(GENERAL, "m9")), NOW)
    await do(store, SetTimer("greet", GENERAL.id, NOW), Remember(f"x/{GENERAL.id}", Waiting(GENERAL.id, "U1", NOW)))
    await do(store, MoveChannel(GENERAL, NEW), source="moved")
    names = {str(GENERAL), GENERAL.id, place_key(GENERAL)}
    left = []
    for table in tables.Row.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, Text):
                continue
            rows = await store._database.read(partial(_texts, column))
            left += [f"{table.name}.{column.name}" for row in rows if row and names & {row, *row.split("/")}]
    assert left == []
    assert await store.ledger.sent_as(ACME, GENERAL, "m9") is not None


def _texts(column: Column[str], connection: Connection) -> list[str]:
    return list(connection.scalars(select(column)))
