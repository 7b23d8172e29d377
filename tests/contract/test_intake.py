"""The way in: order within a channel, several channels at once, nothing lost when handling fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.events import Event, MessagePosted, place_of
from bot.core.intake import Intake
from bot.core.ports import Accepted, Inbox
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef

WORKSPACE = WorkspaceRef("somewhere", "acme")
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


class ListInbox(Inbox):
    """An inbox in a list; ``handled`` is what the handler marked done."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.handled: set[int] = set()

    async def accept(self, event: Event) -> Accepted | None:
        if any(each.event.id == event.id for each in self.accepted):
            return None
        self.accepted.append(Accepted(len(self.accepted), event))
        return self.accepted[-1]

    async def waiting(self, limit: int = 1000, lane: str | None = None) -> Sequence[Accepted]:
        return [
            each for each in self.accepted if each.number not in self.handled and lane in (None, place_of(each.event))
        ][:limit]

    async def lanes(self, limit: int = 1000) -> Sequence[str]:
        return list(dict.fromkeys(place_of(each.event) for each in await self.waiting()))[:limit]


def message(number: int, channel: str = "general") -> MessagePosted:
    place = ChannelRef(WORKSPACE, channel)
    return MessagePosted(
        id=f"{channel}-{number}",
        at=AT,
        workspace=WORKSPACE,
        message=MessageRef(place, str(number)),
        member=MemberRef(WORKSPACE, "ann"),
        text="",
    )


async def test_a_channel_keeps_its_order_and_a_repeated_event_is_handled_once() -> None:
    seen: list[str] = []

    async def handle(event: Event, accepted: Accepted) -> None:
        await asyncio.sleep(0)
        seen.append(event.id)

    intake = Intake(ListInbox(), handle)
    for number in (1, 2, 2, 3, 1):
        await intake(message(number))
    await intake.idle()
    assert seen == ["general-1", "general-2", "general-3"]


async def test_a_slow_channel_does_not_delay_another() -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    async def handle(event: Event, accepted: Accepted) -> None:
        if event.id == "slow-1":
            await gate.wait()
        seen.append(event.id)
        if event.id == "quick-2":
            gate.set()

    intake = Intake(ListInbox(), handle)
    for event in (message(1, "slow"), message(1, "quick"), message(2, "quick")):
        await intake(event)
    await intake.idle()
    assert seen == ["quick-1", "quick-2", "slow-1"]


async def test_what_fails_is_tried_again_in_its_place() -> None:
    seen: list[str] = []
    failures = 2

    async def handle(event: Event, accepted: Accepted) -> None:
        nonlocal failures
        if failures and event.id == "general-1":
            failures -= 1
            raise ConnectionError
        seen.append(event.id)

    intake = Intake(ListInbox(), handle, retry_seconds=0)
    await intake(message(1))
    await intake(message(2))
    await intake.idle()
    assert seen == ["general-1", "general-2"]


async def test_a_restart_goes_on_with_what_was_accepted_but_not_handled() -> None:
    inbox = ListInbox()
    for number in (1, 2, 3):
        await inbox.accept(message(number))
    inbox.handled.add(0)
    seen: list[str] = []

    async def handle(event: Event, accepted: Accepted) -> None:
        seen.append(event.id)

    assert await Intake(inbox, handle).resume() == 2
    assert seen == ["general-2", "general-3"]
