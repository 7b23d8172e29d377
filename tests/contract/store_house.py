"""People, places and short ways of saying things, for the tests of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

from bot.core.actions import Action, Planned, Send
from bot.core.calendar import Item, When
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Receipt
from bot.core.events import MessagePosted
from bot.core.message import Message
from bot.core.ports import Accepted, Timer
from bot.core.refs import ChannelRef, MemberRef, MessageRef, Place, WorkspaceRef
from bot.core.signals import Signal, What
from bot.store import Store

SECRET = b"thirty-two bytes of test secret!"
ACME = WorkspaceRef("test", "acme")
OTHER = WorkspaceRef("test", "other")
ALICE = MemberRef(ACME, "U1")
BOB = MemberRef(ACME, "U2")
GENERAL = ChannelRef(ACME, "C1")
RANDOM = ChannelRef(ACME, "C2")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
"""A Tuesday."""


def on_disk(folder: Path) -> bytes:
    """Every byte of the files there, the write-ahead log's included."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def posted(number: int = 1, text: str = "hello", channel: ChannelRef = GENERAL) -> MessagePosted:
    return MessagePosted(
        id=f"event-{number}",
        at=NOW,
        workspace=channel.workspace,
        message=MessageRef(channel, f"m{number}"),
        member=ALICE,
        text=text,
    )


def say(key: str = "", to: Place = GENERAL, kind: Kind = Kind.POST, **more: object) -> Send:
    return Send(to=to, message=Message(f"words of {key}"), kind=kind, key=key, **more)  # type: ignore[arg-type]


def tea(item: str = "tea", **more: object) -> Item:
    """A calendar item."""
    when = When(rrule="FREQ=DAILY", at=time(10))
    fields = {"when": when, "to": ("#general",), "words": {"en": "Tea?", "fr": "Un thé ?"}, **more}
    return Item(id=item, **fields)  # type: ignore[arg-type]


def signal(
    source: str,
    what: What = What.POSTED,
    *,
    at: datetime = NOW,
    member: MemberRef | None = ALICE,
    channel: ChannelRef | None = GENERAL,
    about: str = "",
) -> Signal:
    return Signal(source=source, workspace=ACME, at=at, what=what, member=member, channel=channel, about=about)


async def do(
    store: Store,
    *actions: Action,
    feature: str = "test",
    source: str = "cause",
    at: datetime = NOW,
    handled: Accepted | None = None,
    fired: Timer | None = None,
) -> int:
    """Commit what one feature decided; how many deliveries were planned."""
    plans = [Planned(feature, actions)]
    return await store.journal.commit(ACME, plans, at=at, source=source, handled=handled, fired=fired)


async def at_home(store: Store) -> None:
    """Alice and Bob, #general and #random."""
    await store.register(
        [Member(ALICE, "Alice"), Member(BOB, "Bob"), Channel(GENERAL, "general"), Channel(RANDOM, "random")]
    )


async def keys_due(store: Store, at: datetime = NOW, busy: Sequence[Place] = ()) -> list[str]:
    return [delivery.key for delivery in await store.outbound.claim(at, busy=busy)]


async def found(store: Store, key: str) -> Delivery:
    delivery = await store.ledger.find(ACME, key)
    assert delivery is not None
    return delivery


async def sent(store: Store, action: Send, at: datetime = NOW) -> Delivery:
    """Plan it and let the platform take it; the ledger's row afterwards, where it is still there."""
    await do(store, action, at=at)
    delivery = await found(store, action.key)
    assert await store.outbound.sending(delivery, at)
    channel = action.to if isinstance(action.to, ChannelRef) else ChannelRef(ACME, f"D-{action.to.id}")
    await store.outbound.sent(delivery, Receipt(MessageRef(channel, f"sent {action.key}")), at)
    return await store.ledger.find(ACME, action.key) or delivery
