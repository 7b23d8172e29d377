"""Housekeeping: what is old goes, what is still needed stays, and nobody who writes waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from bot.core.actions import Count, MarkOccurrences, RecordChange
from bot.core.delivery import State
from bot.core.editorial import Fate, Slot, Subject
from bot.core.policy import Attention, PolicyRules
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import Signal, What
from bot.store import Store
from bot.store.housekeeping import BATCH
from handlers import signals
from tests.contract.store_house import (
    ACME,
    ALICE,
    GENERAL,
    NOW,
    OTHER,
    SECRET,
    at_home,
    do,
    found,
    on_disk,
    posted,
    say,
    sent,
    signal,
)
from tests.handlers.stage import ANN, stage

DAY = timedelta(days=1)
RULES = PolicyRules(keep_signals=timedelta(days=400))
NOTHING = {
    "months": 0,
    "put aside": 0,
    "figures": 0,
    "words": 0,
    "events": 0,
    "deliveries": 0,
    "decisions": 0,
    "signals": 0,
    "occurrences": 0,
    "changes": 0,
}


async def test_an_empty_house_is_tidy(store: Store) -> None:
    assert await store.housekeeper.tidy(NOW, RULES, [ACME]) == NOTHING


async def test_a_repeated_event_is_known_for_thirty_days(store: Store) -> None:
    accepted = await store.inbox.accept(posted(1))
    await store.inbox.accept(posted(2))
    await do(store, handled=accepted)
    assert await store.housekeeper.tidy(NOW + 30 * DAY, RULES, [ACME]) == NOTHING
    assert await store.inbox.accept(posted(1)) is None
    gone = await store.housekeeper.tidy(NOW + 31 * DAY, RULES, [ACME])
    assert gone == {**NOTHING, "events": 1}
    # What waits to be handled stays, however long that takes.
    assert [each.event.id for each in await store.inbox.waiting()] == ["event-2"]
    assert await store.inbox.accept(posted(2)) is None


async def test_the_calendar_keeps_what_is_planned_and_who_changed_it_this_year(store: Store) -> None:
    slots = [
        Slot(item="tea", at=NOW + number * DAY, zone="UTC", due=NOW + number * DAY, fate=fate)
        for number, fate in enumerate((Fate.OUT, Fate.PLANNED, Fate.SKIPPED))
    ]
    change = RecordChange(by=ALICE, subject=Subject.OCCURRENCE, id=slots[0].name, before=None, after=slots[0])
    await do(store, MarkOccurrences(tuple(slots)), change)
    assert await store.housekeeper.tidy(NOW + 400 * DAY, RULES, [ACME]) == NOTHING
    gone = await store.housekeeper.tidy(NOW + 402 * DAY, RULES, [ACME])
    assert gone == {**NOTHING, "occurrences": 1, "changes": 1}
    left = await store.occurrences.of(ACME, "tea")
    assert [slot.fate for slot in left] == [Fate.SKIPPED, Fate.PLANNED]


async def test_the_ledger_keeps_what_is_not_over(store: Store) -> None:
    await at_home(store)
    await sent(store, say("sent"))
    await sent(store, say("recalled"))
    await do(store, say("planned"), say("half sent"), say("failed"), say("held back"), say("unsure"))
    await store.outbound.sending(await found(store, "half sent"), NOW)
    for key, state in (("failed", State.FAILED), ("held back", State.HELD_BACK), ("unsure", State.UNCERTAIN)):
        await store.outbound.close(await found(store, key), state, "refused")
    assert await store.housekeeper.tidy(NOW + 400 * DAY, RULES, [ACME]) == NOTHING
    gone = await store.housekeeper.tidy(NOW + 401 * DAY, RULES, [ACME])
    assert gone == {**NOTHING, "deliveries": 5}
    left = {each.key: each.state for each in await store.ledger.recent(ACME)}
    assert left == {"planned": State.PLANNED, "half sent": State.SENDING}


async def test_the_attention_budget_still_counts_the_last_week(store: Store) -> None:
    """With the shortest retention that policy.yaml may name."""
    await at_home(store)
    await sent(store, say("old"), NOW - 36 * DAY)
    await sent(store, say("last week"), NOW - 6 * DAY)
    await sent(store, say("today"), NOW)
    await store.housekeeper.tidy(NOW, PolicyRules(keep_deliveries=35 * DAY), [ACME])
    assert await store.ledger.attention(GENERAL, NOW, "Europe/Paris") == Attention(day=1, week=2)
    assert await store.ledger.find(ACME, "old") is None


async def test_the_words_of_what_may_not_have_arrived_are_kept_for_four_days(store: Store) -> None:
    await at_home(store)
    await do(store, say("direct", ALICE), say("failed", ALICE), say("public"), say("again", ALICE))
    for key, state in (("direct", State.UNCERTAIN), ("failed", State.FAILED), ("public", State.UNCERTAIN)):
        await store.outbound.sending(await found(store, key), NOW)
        await store.outbound.close(await found(store, key), state, "unclear")
    assert await store.housekeeper.tidy(NOW + 4 * DAY, RULES, [ACME]) == NOTHING
    assert (await found(store, "direct")).message.text == "words of direct"
    gone = await store.housekeeper.tidy(NOW + 5 * DAY, RULES, [ACME])
    assert gone == {**NOTHING, "words": 2}
    said = {each.key: each.message.text for each in await store.ledger.recent(ACME)}
    assert said == {"direct": "", "failed": "", "public": "words of public", "again": "words of again"}
    assert (await found(store, "direct")).state is State.UNCERTAIN
    assert await store.housekeeper.tidy(NOW + 5 * DAY, RULES, [ACME]) == NOTHING


async def test_what_waits_for_a_late_moment_is_not_old(store: Store) -> None:
    """Planned long ago for today: its age is that of its end."""
    await do(store, say("far", due=NOW + 500 * DAY), at=NOW)
    await store.outbound.close(await found(store, "far"), State.HELD_BACK, "expired")
    assert await store.housekeeper.tidy(NOW + 501 * DAY, RULES, [ACME]) == NOTHING


async def test_signals_go_after_thirteen_months_but_an_imported_past_stays(store: Store) -> None:
    past = WorkspaceRef("export", "club")
    await do(
        store,
        *(Count(signal(f"{days} days", at=NOW - days * DAY)) for days in (1, 399, 401, 800)),
        Count(Signal(source="i", workspace=past, at=NOW - 800 * DAY, what=What.POSTED, channel=ChannelRef(past, "C"))),
    )
    gone = await store.housekeeper.tidy(NOW, RULES, [ACME, OTHER])
    assert gone == {**NOTHING, "signals": 2, "months": gone["months"], "figures": gone["figures"]}
    assert (await store.notes.about(ALICE))["counts"] == {"posted": 2}
    assert await store.measures.first_signal_at(ChannelRef(past, "C")) == NOW - 800 * DAY


async def test_rules_say_how_long(store: Store) -> None:
    await do(store, Count(signal("a", at=NOW - 90 * DAY)))
    rules = PolicyRules(keep_signals=84 * DAY)
    assert (await store.housekeeper.tidy(NOW, rules, [ACME]))["signals"] == 1


async def test_much_goes_in_small_steps_between_which_others_write(store: Store) -> None:
    much = 6 * BATCH
    await store.record_signals([signal(f"old {number}", at=NOW - 500 * DAY) for number in range(much)])
    tidying = asyncio.create_task(store.housekeeper.tidy(NOW, RULES, [ACME]))
    written = 0
    while not tidying.done():
        await do(store, Count(signal(f"new {written}")))
        written += 1
    assert (await tidying)["signals"] == much
    # One writer alone gets a turn for about every step.
    assert written >= 5
    assert (await store.notes.about(ALICE))["counts"] == {"posted": written}


async def test_what_is_removed_is_gone_from_the_disk(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    try:
        await sent(store, say("a quotation of Rhododendron"))
        assert b"Rhododendron" in on_disk(tmp_path)
        await store.housekeeper.tidy(NOW + 401 * DAY, RULES, [ACME])
        assert b"Rhododendron" not in on_disk(tmp_path)
    finally:
        await store.close()


async def test_a_running_bot_keeps_what_its_policy_says(tmp_path: Path) -> None:
    policy = {"policy.yaml": "policy: {keep_signals: 84 days}"}
    async with stage(tmp_path, schedules=policy, features=(signals.FEATURE,)) as play:
        await play.say(ANN, "general", "hello")
        await play.wait(84 * DAY)
        await play.allant.tidy()
        assert await play.allant.store.measures.last_signal_at(play.workspace) is not None
        await play.wait(DAY)
        await play.allant.tidy()
        assert await play.allant.store.measures.last_signal_at(play.workspace) is None
