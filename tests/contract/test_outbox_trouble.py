"""What a bad day asks of the outbox: poisoned messages, platforms that never answer, pauses, and want of room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from bot.core.delivery import Kind, State, Verb
from bot.core.errors import PlatformError, RateLimited, Unreachable, Unsure
from bot.core.events import DigestDue, Event
from bot.core.leases import Rested, SoleLeases
from bot.core.ledger import Pause, in_digest
from bot.core.platform import Capabilities
from bot.core.policy import PolicyRules
from bot.core.refs import ChannelRef, WorkspaceRef, place_key
from bot.delivery import Limits, Outbox, courier
from tests.contract.in_memory_ledger import ALICE, GENERAL, RANDOM, TUESDAY_TEN, WORKSPACE, ObedientPlatform, OnlyRules
from tests.contract.test_outbox import LOOKS_UP, NEITHER, REPEATS, Desk, until

HOUR = timedelta(hours=1)
IDS = ["repeats", "looks up", "neither"]


# Poison: the adapter itself stumbles over a message, each time


@pytest.mark.parametrize("can", [REPEATS, LOOKS_UP, NEITHER], ids=IDS)
async def test_a_poisoned_message_is_given_up_and_holds_its_place_for_seconds_only(can: Capabilities) -> None:
    desk = Desk(can)
    desk.platform.says["poison"] = [KeyError("text")] * 1000
    desk.ledger.plan("poison")
    desk.ledger.plan("next")
    desk.ledger.plan("elsewhere", RANDOM)
    for _ in range(60):
        await desk.outbox.drain()
        desk.clock.forward(seconds=1)
    assert sorted(desk.platform.received) == ["elsewhere", "next"]
    state = State.FAILED if can is LOOKS_UP else State.UNCERTAIN
    assert desk.told() == [("poison", state, "broken")]
    assert desk.platform.tried.count("poison") <= courier.BROKEN_TRIES


async def test_what_stumbles_once_still_arrives() -> None:
    desk = Desk(LOOKS_UP)
    desk.platform.says["a"] = [KeyError("text"), KeyError("text")]
    desk.ledger.plan("a")
    for _ in range(30):
        await desk.outbox.drain()
        desk.clock.forward(seconds=1)
    assert desk.platform.received == ["a"]
    assert desk.troubles == []


@pytest.mark.parametrize("crash", [True, False], ids=["a crash", "no answer"])
async def test_what_this_platform_cannot_look_up_is_uncertain_at_once(crash: bool) -> None:
    """A message that one person sees stands in no history: it is not said twice, and holds nobody up."""
    desk = Desk(LOOKS_UP)
    desk.platform.untold = {"private"}
    desk.ledger.plan("private")
    desk.ledger.plan("next")
    if crash:
        await desk.ledger.sending(desk.ledger.of("private"), desk.clock.now())
        await desk.outbox.recover()
    else:
        desk.platform.says["private"] = [Unsure("no answer")]
    await desk.outbox.drain()
    assert desk.platform.received == ["next"]
    assert desk.platform.looked_up == []
    assert desk.told() == [("private", State.UNCERTAIN, "unclear")]


async def test_what_is_looked_up_and_never_there_is_tried_less_and_less_then_given_up() -> None:
    desk = Desk(LOOKS_UP)
    desk.platform.says["a"] = [TimeoutError()] * 1000
    desk.ledger.plan("a")
    for _ in range(150):
        await desk.outbox.drain()
        desk.clock.forward(minutes=1)
    assert desk.told() == [("a", State.FAILED, "not_arrived")]
    assert desk.platform.tried.count("a") < 40


# Half-open: the platform takes the connection and never answers


@pytest.mark.parametrize("can", [LOOKS_UP, NEITHER], ids=IDS[1:])
async def test_a_platform_that_never_answers_is_unclear_in_the_end(
    can: Capabilities, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "TIMEOUT", 0.05)
    desk = Desk(can)
    desk.platform.gates["a"] = asyncio.Event()
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    if can is NEITHER:
        assert desk.told() == [("a", State.UNCERTAIN, "unclear")]
        assert desk.platform.received == ["b"]
        return
    desk.platform.gates["a"].set()
    for _ in range(3):
        desk.clock.forward(seconds=2)
        await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]


async def test_a_half_open_platform_delays_no_other_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "TIMEOUT", 30.0)
    desk = Desk()
    other = WorkspaceRef("playground", "other")
    far = desk.platforms[other] = ObedientPlatform(other)
    for number in range(40):
        far.gates[f"hangs {number}"] = asyncio.Event()
        desk.ledger.plan(f"hangs {number}", ChannelRef(other, f"c{number}"))
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: len(far.tried) > 10)
    for number in range(20):
        desk.ledger.plan(f"quick {number}", ChannelRef(WORKSPACE, f"c{number}"))
        desk.outbox.wake()
        await until(lambda key=f"quick {number}": key in desk.platform.received)  # type: ignore[misc]  # Bound now.
    for gate in far.gates.values():
        gate.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# The pause


async def test_while_paused_nothing_unasked_leaves_and_the_rest_does() -> None:
    desk = Desk()
    desk.ledger.pause = Pause(TUESDAY_TEN)
    for kind in Kind:
        desk.ledger.plan(kind.value, kind=kind)
    desk.ledger.plan("direct", ALICE, Kind.JOURNEY)
    desk.ledger.plan("edit", kind=Kind.POST, verb=Verb.EDIT)
    await desk.outbox.drain()
    assert sorted(desk.platform.received) == ["answer", "edit", "notice"]
    assert {row.reason for row in desk.ledger.rows.values() if row.state is State.PLANNED} == {"paused"}
    assert all(row.attempts == 0 for row in desk.ledger.rows.values())


async def test_a_pause_that_ends_lets_go_what_is_in_time_and_holds_back_what_is_not() -> None:
    desk = Desk()
    desk.ledger.pause = Pause(TUESDAY_TEN, TUESDAY_TEN + 2 * HOUR)
    desk.ledger.plan("in time", kind=Kind.POST, expires=TUESDAY_TEN + 3 * HOUR)
    desk.ledger.plan("too late", kind=Kind.POST, expires=TUESDAY_TEN + HOUR)
    for _ in range(9):
        await desk.outbox.drain()
        desk.clock.forward(minutes=15)
    assert desk.platform.received == ["in time"]
    assert desk.told() == [("too late", State.HELD_BACK, "paused")]


async def test_what_was_paused_past_its_patience_says_so() -> None:
    desk = Desk()
    desk.ledger.pause = Pause(TUESDAY_TEN, TUESDAY_TEN + timedelta(days=6))
    desk.ledger.plan("news", kind=Kind.FEED)
    await desk.outbox.drain()
    desk.clock.forward(days=6, hours=1)
    await desk.outbox.drain()
    assert (desk.ledger.of("news").state, desk.ledger.of("news").reason) == (State.HELD_BACK, "paused")


async def test_a_pause_that_comes_while_a_queue_is_sent_stops_what_is_left_of_it() -> None:
    desk = Desk(rules=PolicyRules(channel_day=100, channel_week=100))
    for number in range(9):
        desk.ledger.plan(f"{number}", kind=Kind.POST)

    def pause() -> None:
        if len(desk.platform.received) == 4:
            desk.ledger.pause = Pause(TUESDAY_TEN)

    desk.platform.after = pause
    await desk.outbox.drain()
    assert desk.platform.received == ["0", "1", "2", "3"]


# Want of room


async def test_what_waits_for_a_digest_asks_for_one_and_goes_past_its_own_end() -> None:
    desk = Desk(rules=PolicyRules(channel_day=1, overflow="digest"))
    asked: list[DigestDue] = []

    async def digest(event: Event) -> None:
        assert isinstance(event, DigestDue)
        asked.append(event)
        for part in event.parts:
            await desk.ledger.close(part, State.HELD_BACK, in_digest("d"))
        desk.ledger.plan("d", kind=Kind.POST, due=desk.clock.now())

    desk.on_trouble = digest
    for number in range(4):
        desk.ledger.plan(f"{number}", kind=Kind.POST, expires=TUESDAY_TEN + HOUR)
    for _ in range(23):
        await desk.outbox.drain()
        desk.clock.forward(hours=1)
    assert desk.platform.received == ["0", "d"]
    [event] = asked
    assert [part.key for part in event.parts] == ["1", "2", "3"]


async def test_a_digest_that_nobody_makes_holds_up_nothing() -> None:
    desk = Desk(rules=PolicyRules(channel_day=1, overflow="digest"))
    for number in range(3):
        desk.ledger.plan(f"{number}", kind=Kind.POST)
    await desk.outbox.drain()
    desk.clock.forward(days=1)
    await desk.outbox.drain()
    desk.ledger.plan("answer", due=desk.clock.now())
    await desk.outbox.drain()
    # Asked once for the two; the second, then alone, went by itself, and the first waits for room.
    assert desk.platform.received == ["0", "2", "answer"]
    assert len(desk.troubles) == 1
    desk.clock.forward(minutes=10)
    await desk.outbox.drain()
    assert (desk.ledger.of("1").state, desk.ledger.of("1").reason) == (State.PLANNED, "for_digest")


async def test_a_place_of_digests_waits_through_the_night_without_losing_them() -> None:
    desk = Desk(rules=PolicyRules(channel_day=1, overflow="digest"))
    desk.ledger.plan("late", GENERAL, Kind.POST, reason="for_digest", due=TUESDAY_TEN)
    desk.clock.forward(hours=12)
    await desk.outbox.drain()
    assert desk.ledger.of("late").reason == "for_digest"
    desk.clock.forward(hours=12)
    await desk.outbox.drain()
    assert desk.platform.received == ["late"]


async def test_what_gives_way_is_dropped_before_what_matters_more() -> None:
    desk = Desk(rules=PolicyRules(channel_day=2, overflow={Kind.FEED: "drop"}))
    desk.ledger.plan("post at noon", kind=Kind.POST, due=TUESDAY_TEN + 2 * HOUR)
    desk.ledger.plan("prompt at two", kind=Kind.PROMPT, due=TUESDAY_TEN + 4 * HOUR)
    desk.ledger.plan("news", kind=Kind.FEED)
    desk.ledger.plan("news elsewhere", RANDOM, Kind.FEED)
    for _ in range(6):
        await desk.outbox.drain()
        desk.clock.forward(hours=1)
    assert desk.platform.received == ["news elsewhere", "post at noon", "prompt at two"]
    assert desk.ledger.of("news").reason == "outranked"


# Among several processes


class Shared(SoleLeases):
    """Leases of a process that is not alone; notes how each was given back."""

    shared = True

    def __init__(self) -> None:
        self.given: dict[str, Rested] = {}

    async def give_back(self, names: Mapping[str, Rested]) -> None:
        self.given.update(names)


@pytest.mark.parametrize("error", [RateLimited(30), Unreachable()])
async def test_while_a_place_waits_to_be_tried_again_no_other_process_overtakes_there(error: PlatformError) -> None:
    desk, leases = Desk(), Shared()
    outbox = Outbox(
        desk.ledger,
        desk.ledger,
        desk.members,
        desk.channels,
        OnlyRules(desk.rules),
        desk.platforms,
        desk.clock,
        Limits(shared=True),
        desk.note,
        jitter=lambda top: top,
        leases=leases,
    )
    desk.platform.says["a"] = [error]
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    desk.ledger.plan("elsewhere", RANDOM)
    await outbox.drain()
    waits, free = leases.given[f"place:{place_key(GENERAL)}"], leases.given[f"place:{place_key(RANDOM)}"]
    assert waits.ready_in == desk.ledger.of("a").due - desk.clock.now()
    assert free.ready_in == timedelta()


async def test_a_restart_while_a_place_waits_lets_nothing_overtake() -> None:
    desk = Desk()
    desk.platform.says["a"] = [RateLimited(60)]
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    desk.outbox = desk._outbox()
    await desk.outbox.recover()
    await desk.outbox.drain()
    assert desk.platform.received == []
    desk.clock.forward(seconds=60)
    await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]
