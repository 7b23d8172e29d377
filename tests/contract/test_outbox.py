"""What the outbox promises: order, side by side, never twice, never silently lost, never more than the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.core.community import Channel, Member
from bot.core.delivery import Kind, State, Verb
from bot.core.errors import RateLimited, Refused, Unreachable, Unsure
from bot.core.events import DeliveryTroubled, Event
from bot.core.platform import Capabilities
from bot.core.policy import PolicyRules
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.delivery import Limits, Outbox
from tests.contract.in_memory_ledger import (
    ALICE,
    GENERAL,
    RANDOM,
    TUESDAY_TEN,
    WORKSPACE,
    HandClock,
    KnownChannels,
    KnownMembers,
    MemoryLedger,
    ObedientPlatform,
    OnlyRules,
)

REPEATS = Capabilities(safe_to_repeat=True)
LOOKS_UP = Capabilities(can_look_up=True)
NEITHER = Capabilities()


class Desk:
    """An outbox with everything around it."""

    def __init__(
        self, can: Capabilities = NEITHER, limits: Limits | None = None, rules: PolicyRules | None = None
    ) -> None:
        self.clock = HandClock()
        self.ledger = MemoryLedger()
        self.platform = ObedientPlatform(can=can)
        self.platforms = {WORKSPACE: self.platform}
        self.members = KnownMembers(Member(ALICE, "Alice", zone="Europe/Paris"))
        self.channels = KnownChannels(
            Channel(GENERAL, "general", zone="Europe/Paris"), Channel(RANDOM, "random", zone="Europe/Paris")
        )
        self.limits = limits or Limits()
        self.rules = rules or PolicyRules()
        self.troubles: list[Event] = []
        self.on_trouble: Callable[[Event], Awaitable[None]] = self.note
        self.outbox = self._outbox()

    async def note(self, event: Event) -> None:
        self.troubles.append(event)

    async def _trouble(self, event: Event) -> None:
        await self.on_trouble(event)

    def _outbox(self) -> Outbox:
        """An outbox on this ledger. It always waits as long as it may."""
        return Outbox(
            self.ledger,
            self.ledger,
            self.members,
            self.channels,
            OnlyRules(self.rules),
            self.platforms,
            self.clock,
            self.limits,
            self._trouble,
            jitter=lambda top: top,
        )

    def told(self) -> list[tuple[str, State, str]]:
        return [
            (event.delivery.key, event.delivery.state, event.delivery.reason)
            for event in self.troubles
            if isinstance(event, DeliveryTroubled)
        ]


async def until(condition: Callable[[], bool]) -> None:
    """Let the others go on until it holds; fails after a while."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # What is waited for has no event of its own.
            await asyncio.sleep(0)


async def test_sends_what_is_due_in_order_and_writes_it_down() -> None:
    desk = Desk()
    for number in range(25):
        desk.ledger.plan(f"{number:02}")
    desk.ledger.plan("later", due=TUESDAY_TEN + timedelta(minutes=1))
    assert await desk.outbox.drain() == 25
    assert desk.platform.received == [f"{number:02}" for number in range(25)]
    sent = desk.ledger.of("07")
    assert sent.state is State.SENT
    assert sent.sent_as is not None
    assert sent.sent_as.id == "07"
    desk.clock.forward(minutes=1)
    assert await desk.outbox.drain() == 1


async def test_answers_go_before_posts_of_the_same_place() -> None:
    desk = Desk()
    desk.ledger.plan("post", kind=Kind.POST)
    desk.ledger.plan("answer", kind=Kind.ANSWER)
    await desk.outbox.drain()
    assert desk.platform.received == ["answer", "post"]


async def test_a_slow_place_delays_no_other_however_long_its_queue() -> None:
    desk = Desk()
    gate = desk.platform.gates["slow 0"] = asyncio.Event()
    for number in range(500):
        desk.ledger.plan(f"slow {number}", GENERAL)
    desk.ledger.plan("quick", RANDOM)
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: desk.platform.received == ["quick"])
    gate.set()
    await until(lambda: len(desk.platform.received) == 501)
    assert desk.platform.received[1:] == [f"slow {number}" for number in range(500)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_workspace_that_hangs_delays_no_other_workspace() -> None:
    desk = Desk()
    other = WorkspaceRef("playground", "other")
    far = desk.platforms[other] = ObedientPlatform(other)
    gate = asyncio.Event()
    for number in range(200):
        far.gates[f"hangs {number}"] = gate
        desk.ledger.plan(f"hangs {number}", ChannelRef(other, f"c{number}"))
    desk.ledger.plan("quick")
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: desk.platform.received == ["quick"])
    assert 0 < len(far.tried) < 200  # No more at once than the bound.
    gate.set()
    await until(lambda: len(far.received) == 200)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_run_sends_what_is_planned_later_when_woken() -> None:
    desk = Desk()
    running = asyncio.create_task(desk.outbox.run())
    await asyncio.sleep(0)
    desk.ledger.plan("new")
    desk.outbox.wake()
    await until(lambda: desk.platform.received == ["new"])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_platform_that_asks_to_wait_is_obeyed_and_order_holds() -> None:
    desk = Desk()
    desk.platform.says["a"] = [RateLimited(30)]
    for key in "abc":
        desk.ledger.plan(key)
    desk.ledger.plan("elsewhere", RANDOM)
    await desk.outbox.drain()
    assert desk.platform.received == ["elsewhere"]
    desk.clock.forward(seconds=29)
    assert await desk.outbox.drain() == 0
    desk.clock.forward(seconds=1)
    await desk.outbox.drain()
    assert desk.platform.received == ["elsewhere", "a", "b", "c"]
    assert desk.troubles == []


async def test_two_limited_places_mean_the_whole_workspace() -> None:
    desk = Desk()
    desk.platform.says = {"a": [RateLimited(30)], "b": [RateLimited(30)]}
    desk.ledger.plan("a", GENERAL)
    desk.ledger.plan("b", RANDOM)
    await desk.outbox.drain()
    desk.ledger.plan("c", ChannelRef(WORKSPACE, "third"))
    await desk.outbox.drain()
    assert desk.platform.tried == ["a", "b"]
    desk.clock.forward(seconds=30)
    await desk.outbox.drain()
    assert sorted(desk.platform.received) == ["a", "b", "c"]


async def test_being_asked_to_wait_never_gives_up() -> None:
    desk = Desk()
    desk.platform.says["a"] = [RateLimited(3600)] * 30
    desk.ledger.plan("a")
    for _ in range(30):
        await desk.outbox.drain()
        desk.clock.forward(hours=1)
    await desk.outbox.drain()
    assert desk.platform.received == ["a"]


async def test_unreachable_waits_longer_each_time_and_holds_the_place() -> None:
    desk = Desk()
    desk.platform.says["a"] = [Unreachable()] * 4
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    for seconds in (2, 4, 8, 16):
        await desk.outbox.drain()
        assert desk.ledger.of("a").due == desk.clock.now() + timedelta(seconds=seconds)
        desk.clock.forward(seconds=seconds)
    await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]


async def test_unreachable_for_an_hour_is_given_up_and_told() -> None:
    desk = Desk()
    desk.platform.says["a"] = [Unreachable()] * 100
    desk.ledger.plan("a")
    for _ in range(70):
        await desk.outbox.drain()
        desk.clock.forward(minutes=1)
    assert desk.told() == [("a", State.FAILED, "unreachable")]
    assert desk.clock.now() - TUESDAY_TEN >= timedelta(hours=1)


async def test_a_post_whose_time_runs_out_while_unreachable_has_failed() -> None:
    desk = Desk()
    desk.platform.says["post"] = [Unreachable()] * 100
    desk.ledger.plan("post", kind=Kind.POST, expires=TUESDAY_TEN + timedelta(minutes=20))
    for _ in range(25):
        await desk.outbox.drain()
        desk.clock.forward(minutes=1)
    assert desk.told() == [("post", State.FAILED, "unreachable")]


async def test_refused_is_not_tried_again_and_the_next_goes_on() -> None:
    desk = Desk()
    desk.platform.says["a"] = [Refused("not in channel")]
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    assert desk.platform.tried == ["a", "b"]
    assert desk.told() == [("a", State.FAILED, "refused: not in channel")]


async def test_a_notice_that_fails_tells_nobody() -> None:
    desk = Desk()
    desk.platform.says["notice"] = [Refused()]
    desk.ledger.plan("notice", ALICE, Kind.NOTICE)
    await desk.outbox.drain()
    assert desk.ledger.of("notice").state is State.FAILED
    assert desk.troubles == []


async def test_unable_to_tell_is_logged_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    async def fails(event: Event) -> None:
        raise OSError("secret words")

    desk.on_trouble = fails
    desk.platform.says["a"] = [Refused()]
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    assert desk.platform.received == ["b"]
    assert "OSError" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("can", [REPEATS, LOOKS_UP], ids=["repeats", "looks up"])
@pytest.mark.parametrize("error", [Unsure(), RuntimeError("a mistake in the adapter"), TimeoutError()])
async def test_an_unclear_send_is_cleared_up_and_arrives_once(
    can: Capabilities, arrived: bool, error: Exception
) -> None:
    desk = Desk(can)
    desk.platform.says["a"] = [error]
    if arrived:
        desk.platform.arrives.add("a")
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    assert "b" not in desk.platform.tried
    desk.clock.forward(seconds=2)
    await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]
    assert desk.ledger.of("a").state is State.SENT
    assert desk.troubles == []


async def test_an_unclear_send_where_nobody_can_tell_is_uncertain_and_never_repeated() -> None:
    desk = Desk(NEITHER)
    desk.platform.says["a"] = [Unsure()]
    desk.platform.arrives.add("a")
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    await desk.outbox.drain()
    desk.clock.forward(days=2)
    await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]
    assert desk.told() == [("a", State.UNCERTAIN, "unclear")]


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("can", [REPEATS, LOOKS_UP, NEITHER], ids=["repeats", "looks up", "neither"])
async def test_recovery_of_what_a_crash_left_half_sent(can: Capabilities, arrived: bool) -> None:
    desk = Desk(can)
    desk.ledger.plan("a", state=State.SENDING)
    desk.ledger.plan("b")
    if arrived:
        desk.platform.received.append("a")
    await desk.outbox.recover()
    await desk.outbox.drain()
    if can is NEITHER:
        assert desk.platform.received == (["a", "b"] if arrived else ["b"])
        assert desk.told() == [("a", State.UNCERTAIN, "unclear")]
    else:
        assert desk.platform.received == ["a", "b"]
        assert desk.ledger.of("a").state is State.SENT


async def test_recovery_waits_for_the_platform_and_nothing_overtakes() -> None:
    desk = Desk(LOOKS_UP)
    desk.ledger.plan("a", state=State.SENDING)
    desk.ledger.plan("b")
    desk.platform.received.append("a")
    desk.platform.says["find a"] = [Unreachable(), Unreachable()]
    await desk.outbox.recover()
    await desk.outbox.drain()
    assert desk.platform.received == ["a"]
    for _ in range(3):
        desk.clock.forward(minutes=1)
        await desk.outbox.drain()
    assert desk.platform.received == ["a", "b"]


async def test_recovery_too_late_is_not_repeated() -> None:
    """Platforms forget keys: a repeat a day later could be a second message."""
    desk = Desk(REPEATS)
    desk.ledger.plan("a", state=State.SENDING)
    desk.clock.forward(hours=20)
    await desk.outbox.recover()
    assert desk.platform.tried == []
    assert desk.told() == [("a", State.UNCERTAIN, "unclear")]


async def test_recovery_of_a_post_past_its_time_does_not_send_it_late() -> None:
    desk = Desk(LOOKS_UP)
    desk.ledger.plan("post", kind=Kind.POST, state=State.SENDING, expires=TUESDAY_TEN + timedelta(hours=2))
    desk.clock.forward(hours=3)
    await desk.outbox.recover()
    await desk.outbox.drain()
    assert desk.platform.received == []
    assert desk.told() == [("post", State.HELD_BACK, "expired")]


async def test_sent_but_not_written_down_is_written_down_later() -> None:
    desk = Desk(NEITHER)
    desk.ledger.fail = ["sent", "sent"]
    desk.ledger.plan("a")
    await desk.outbox.drain()
    assert desk.platform.tried == ["a"]
    assert desk.ledger.of("a").state is State.SENT


async def test_a_store_that_fails_before_sending_loses_nothing() -> None:
    desk = Desk(LOOKS_UP)
    desk.ledger.fail = ["sending"]
    desk.ledger.plan("a")
    await desk.outbox.drain()
    assert desk.platform.received == []
    desk.clock.forward(seconds=5)
    await desk.outbox.drain()
    assert desk.platform.received == ["a"]


async def test_what_is_erased_or_taken_meanwhile_is_not_sent() -> None:
    desk = Desk()
    desk.ledger.plan("a")
    desk.ledger.plan("b")

    def erase() -> None:
        desk.ledger.rows.pop(2, None)

    desk.platform.after = erase
    await desk.outbox.drain()
    assert desk.platform.received == ["a"]


async def test_the_budget_holds_for_what_is_decided_at_the_same_moment() -> None:
    desk = Desk()
    for number in range(8):
        desk.ledger.plan(f"post {number}", kind=Kind.POST)
        desk.ledger.plan(f"news {number}", kind=Kind.FEED)
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: all(row.state is State.SENT or row.reason for row in desk.ledger.rows.values()))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert desk.platform.received == ["post 0", "post 1", "post 2"]
    waiting = desk.ledger.of("post 3")
    assert waiting.reason == "day_budget"
    assert waiting.due > TUESDAY_TEN
    assert waiting.planned_for == TUESDAY_TEN


async def test_what_never_finds_room_is_held_back_and_a_post_is_told() -> None:
    desk = Desk(rules=PolicyRules(channel_day=1))
    for number in range(6):
        desk.ledger.plan(f"post {number}", kind=Kind.POST)
    desk.ledger.plan("news", kind=Kind.FEED)
    for _ in range(200):
        await desk.outbox.drain()
        desk.clock.forward(hours=1)
    # Tuesday to Friday; the weekend is closed, and by Monday the patience of four days is over.
    assert desk.platform.received == ["post 0", "post 1", "post 2", "post 3"]
    assert {row.state for row in desk.ledger.rows.values()} == {State.SENT, State.HELD_BACK}
    assert [key for key, _, _ in desk.told()] == ["post 4", "post 5"]


async def test_quiet_hours_put_off_what_is_unasked_and_let_answers_pass() -> None:
    desk = Desk()
    desk.clock.forward(hours=10)  # 21:00 in Paris.
    desk.ledger.plan("post", kind=Kind.POST)
    desk.ledger.plan("answer", kind=Kind.ANSWER)
    await desk.outbox.drain()
    assert desk.platform.received == ["answer"]
    assert desk.ledger.of("post").reason == "quiet_hours"
    desk.clock.forward(hours=11)
    await desk.outbox.drain()
    assert desk.platform.received == ["answer", "post"]


async def test_an_edit_counts_as_part_of_its_message() -> None:
    desk = Desk(rules=PolicyRules(channel_day=0))
    desk.ledger.plan("edit", kind=Kind.POST, verb=Verb.EDIT)
    assert await desk.outbox.drain() == 1


async def test_members_get_nothing_unasked_while_muted_or_once_unknown() -> None:
    desk = Desk()
    desk.members.members[ALICE] = Member(
        ALICE, "Alice", zone="Nowhere/Land", muted_until=TUESDAY_TEN + timedelta(days=9)
    )
    desk.ledger.plan("journey", ALICE, Kind.JOURNEY)
    desk.ledger.plan("answer", ALICE)
    await desk.outbox.drain()
    assert desk.platform.received == ["answer"]
    assert desk.ledger.of("journey").reason == "muted"
    del desk.members.members[ALICE]
    desk.ledger.plan("next", ALICE, Kind.JOURNEY)
    desk.ledger.plan("last answer", ALICE)
    await desk.outbox.drain()
    assert desk.platform.received == ["answer", "last answer"]
    assert desk.ledger.of("next").reason == "gone"


async def test_a_workspace_without_its_platform_waits() -> None:
    desk = Desk()
    del desk.platforms[WORKSPACE]
    desk.ledger.plan("a")
    await desk.outbox.drain()
    desk.platforms[WORKSPACE] = desk.platform
    desk.clock.forward(minutes=1)
    await desk.outbox.drain()
    assert desk.platform.received == ["a"]


async def test_cancelled_it_lets_what_is_under_way_end() -> None:
    desk = Desk()
    gate = desk.platform.gates["a"] = asyncio.Event()
    desk.ledger.plan("a")
    desk.ledger.plan("b")
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: desk.platform.tried == ["a"])
    running.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert desk.ledger.of("a").state is State.SENT
    assert desk.ledger.of("b").state is State.PLANNED


async def test_run_goes_on_after_the_store_failed() -> None:
    desk = Desk()
    desk.ledger.fail = ["claim"]
    desk.ledger.plan("a")
    running = asyncio.create_task(desk.outbox.run())
    await until(lambda: not desk.ledger.fail)
    desk.outbox.wake()
    await until(lambda: desk.platform.received == ["a"])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
