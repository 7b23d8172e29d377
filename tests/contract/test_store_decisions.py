"""What people decide about deliveries, digests, the pause, and the questions the ledger answers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.actions import Dismiss, Forget, Merge, PauseAll, Resend, ResumeAll
from bot.core.delivery import Kind, Receipt, State
from bot.core.ledger import OVER, Decision, Pause, Query, digest_key
from bot.core.policy import Attention
from bot.core.refs import MessageRef
from bot.store import Store
from tests.contract.store_house import (
    ACME,
    ALICE,
    BOB,
    GENERAL,
    NOW,
    OTHER,
    RANDOM,
    SECRET,
    at_home,
    do,
    found,
    keys_due,
    say,
    sent,
)

LATER = NOW + timedelta(hours=1)


async def over(store: Store, key: str, state: State, **more: object) -> int:
    """Planned and ended in that state; its number."""
    await do(store, say(key, **more))  # type: ignore[arg-type]
    delivery = await found(store, key)
    assert await store.outbound.sending(delivery, NOW)
    await store.outbound.postpone(delivery, NOW, "unreachable")
    await store.outbound.close(delivery, state, "unreachable")
    return delivery.id


# Sent again, or let be


@pytest.mark.parametrize("state", OVER)
async def test_sent_again_it_begins_anew_and_who_decided_is_kept(store: Store, state: State) -> None:
    number = await over(store, "a", state, expires=NOW)
    await do(store, Resend(number, ALICE), at=LATER)
    kept = await found(store, "a")
    assert (kept.state, kept.reason, kept.attempts) == (State.PLANNED, "resent", 0)
    assert (kept.due, kept.planned_for, kept.expires) == (LATER, LATER, None)
    assert await store.ledger.decisions([number]) == {number: Decision(number, "resend", LATER, ALICE)}
    assert await keys_due(store, LATER) == ["a"]


async def test_sent_again_twice_is_sent_once(store: Store) -> None:
    number = await over(store, "a", State.FAILED)
    await do(store, Resend(number, ALICE), Resend(number, BOB))
    delivery = await found(store, "a")
    assert await store.outbound.sending(delivery, NOW)
    await do(store, Resend(number, BOB))
    await store.outbound.sent(delivery, _receipt(), NOW)
    await do(store, Resend(number, BOB))
    assert (await found(store, "a")).state is State.SENT
    assert (await store.ledger.decisions([number]))[number].by == ALICE


def _receipt() -> Receipt:
    return Receipt(MessageRef(GENERAL, "m"))


async def test_what_was_let_be_stays_so(store: Store) -> None:
    number = await over(store, "a", State.FAILED)
    await do(store, Dismiss(number, ALICE))
    await do(store, Resend(number, BOB), Dismiss(number, BOB))
    assert (await found(store, "a")).state is State.FAILED
    assert await store.ledger.decisions([number]) == {number: Decision(number, "drop", NOW, ALICE)}
    assert await store.ledger.search(Query(states=(State.FAILED,), undecided=True)) == []
    assert [each.key for each in await store.ledger.search(Query(states=(State.FAILED,)))] == ["a"]


async def test_nothing_is_decided_about_what_is_not_over_or_not_ours(store: Store) -> None:
    await do(store, say("waits"))
    done = await sent(store, say("done", RANDOM))
    waits = (await found(store, "waits")).id
    await do(store, Resend(waits, ALICE), Dismiss(waits, ALICE), Resend(done.id, ALICE), Resend(999, ALICE))
    assert await store.ledger.decisions([waits, done.id, 999]) == {}
    assert await store.ledger.numbered(ACME, waits) == await found(store, "waits")
    assert await store.ledger.numbered(OTHER, waits) is None


async def test_private_words_are_kept_for_the_decision_and_no_longer(store: Store) -> None:
    await at_home(store)
    again = await over(store, "again", State.FAILED, to=ALICE)
    left = await over(store, "left", State.UNCERTAIN, to=ALICE)
    await do(store, Resend(again, BOB), Dismiss(left, BOB))
    assert (await found(store, "again")).message.text == "words of again"
    assert (await found(store, "left")).message.text == ""
    assert await keys_due(store) == ["again"]


async def test_without_its_words_it_is_not_sent_again(store: Store) -> None:
    await at_home(store)
    number = await over(store, "private", State.HELD_BACK, to=ALICE)
    await do(store, Resend(number, BOB))
    assert (await found(store, "private")).state is State.HELD_BACK


async def test_who_decided_or_paused_and_is_forgotten_is_named_no_more(store: Store) -> None:
    await at_home(store)
    number = await over(store, "a", State.FAILED)
    await do(store, Dismiss(number, ALICE), PauseAll(ALICE))
    assert (await store.notes.about(ALICE))["decisions"] == [{"what": "drop", "at": NOW.isoformat()}]
    await do(store, Forget(ALICE))
    assert (await store.ledger.decisions([number]))[number].by is None
    assert await store.ledger.paused(ACME, NOW) == Pause(NOW, None, None)


# The digest


async def test_merged_parts_say_in_which_digest(store: Store) -> None:
    await do(store, say("a"), say("b"), say("c"))
    parts = [(await found(store, key)).id for key in "ab"]
    await do(store, Merge(say("digest"), tuple(parts)))
    merged = await found(store, "a")
    assert (merged.state, digest_key(merged.reason), merged.message.text) == (State.HELD_BACK, "digest", "words of a")
    assert sorted(await keys_due(store)) == ["c", "digest"]


async def test_parts_of_which_one_is_gone_are_not_merged(store: Store) -> None:
    await do(store, say("a"), say("b"))
    a, b = await found(store, "a"), await found(store, "b")
    assert await store.outbound.sending(a, NOW)
    await do(store, Merge(say("digest"), (a.id, b.id)))
    assert await store.ledger.find(ACME, "digest") is None
    assert (await found(store, "b")).state is State.PLANNED


async def test_what_waits_for_a_digest_is_found_when_it_is_due(store: Store) -> None:
    await do(store, say("news", kind=Kind.FEED), say("post"), say("alone"), say("far", RANDOM), say("early"))
    for key, until in [("news", NOW), ("post", NOW), ("far", NOW), ("early", LATER)]:
        await store.outbound.postpone(await found(store, key), until, "for_digest")
    assert [each.key for each in await store.ledger.for_digest(GENERAL, NOW)] == ["post", "news"]
    assert (await found(store, "post")).attempts == 0


# The pause


async def test_a_pause_holds_everywhere_until_it_ends(store: Store) -> None:
    assert await store.ledger.paused(ACME, NOW) is None
    await do(store, PauseAll(ALICE, LATER))
    for workspace in (ACME, OTHER):
        assert await store.ledger.paused(workspace, NOW) == Pause(NOW, LATER, ALICE)
    assert await store.ledger.paused(ACME, LATER) is None


async def test_another_pause_changes_the_end_and_who_and_keeps_the_beginning(store: Store) -> None:
    await do(store, PauseAll(ALICE, LATER))
    await do(store, PauseAll(BOB), at=NOW + timedelta(minutes=5))
    assert await store.ledger.paused(ACME, LATER) == Pause(NOW, None, BOB)
    await do(store, ResumeAll(), at=LATER)
    assert await store.ledger.paused(ACME, LATER) is None
    await do(store, PauseAll(BOB), at=LATER)
    assert await store.ledger.paused(ACME, LATER) == Pause(LATER, None, BOB)


async def test_resuming_makes_due_what_the_pause_held_and_nothing_else(store: Store) -> None:
    await do(store, say("held"), say("quiet"), PauseAll(ALICE))
    await store.outbound.postpone(await found(store, "held"), LATER, "paused")
    await store.outbound.postpone(await found(store, "quiet"), LATER, "quiet_hours")
    assert await keys_due(store) == []
    await do(store, ResumeAll())
    assert await keys_due(store) == ["held"]


async def test_the_administrator_pauses_one_workspace_or_all(store: Store) -> None:
    await store.pause(Pause(NOW), OTHER)
    assert await store.ledger.paused(ACME, NOW) is None
    assert await store.ledger.paused(OTHER, NOW) == Pause(NOW, everywhere=False)
    await store.pause(Pause(NOW, LATER))
    assert await store.ledger.paused(ACME, NOW) == Pause(NOW, LATER)
    assert await store.ledger.paused(OTHER, LATER) == Pause(NOW, everywhere=False)
    await store.resume(NOW, OTHER)
    assert await store.ledger.paused(ACME, NOW) == Pause(NOW, LATER)
    await store.resume(NOW)
    assert await store.ledger.paused(ACME, NOW) is None


async def test_every_process_on_the_database_sees_it_and_a_restart_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'allant.db'}"
    one = await Store.open(url, secret=SECRET)
    two = await Store.open(url, secret=SECRET)
    try:
        await do(one, PauseAll(ALICE))
        assert await two.ledger.paused(ACME, NOW) == Pause(NOW, None, ALICE)
    finally:
        await one.close()
        await two.close()
    again = await Store.open(url, secret=SECRET)
    try:
        assert await again.ledger.paused(ACME, NOW) == Pause(NOW, None, ALICE)
    finally:
        await again.close()


# Questions


async def test_the_ledger_is_asked_by_place_feature_state_time_key_and_page(store: Store) -> None:
    await at_home(store)
    await do(store, say("calendar/a/1"), say("calendar/ab/1", RANDOM), feature="calendar")
    await do(store, say("answer", kind=Kind.ANSWER), say("direct", ALICE, Kind.JOURNEY, due=LATER), feature="faq")
    await sent(store, say("out", RANDOM), NOW - timedelta(days=3))

    async def keys(query: Query) -> list[str]:
        return [each.key for each in await store.ledger.search(query)]

    assert await keys(Query()) == ["out", "direct", "answer", "calendar/ab/1", "calendar/a/1"]
    assert await keys(Query(workspace=OTHER)) == []
    assert await keys(Query(workspace=ACME, answers=False, limit=2)) == ["out", "direct"]
    assert await keys(Query(place=RANDOM)) == ["out", "calendar/ab/1"]
    assert await keys(Query(place=ALICE)) == ["direct"]
    assert await keys(Query(prefix="calendar/a/")) == ["calendar/a/1"]
    assert await keys(Query(features=("faq",))) == ["direct", "answer"]
    assert await keys(Query(features=("faq", "calendar"), limit=3)) == ["direct", "answer", "calendar/ab/1"]
    assert await keys(Query(states=(State.SENT, State.FAILED))) == ["out"]
    assert await keys(Query(since=LATER)) == ["direct"]
    last = (await found(store, "answer")).id
    assert await keys(Query(before=last)) == ["calendar/ab/1", "calendar/a/1"]
    assert await store.ledger.coming(GENERAL, NOW) == {Kind.POST: 1, Kind.ANSWER: 1}
    assert await store.ledger.coming(ALICE, NOW) == {}
    assert await store.ledger.coming(ALICE, LATER) == {Kind.JOURNEY: 1}


async def test_welcomes_are_counted_apart(store: Store) -> None:
    await sent(store, say("yesterday", kind=Kind.WELCOME), NOW - timedelta(days=1))
    await sent(store, say("hello", kind=Kind.WELCOME))
    await sent(store, say("post"))
    attention = await store.ledger.attention(GENERAL, NOW, "UTC")
    assert attention == Attention(day=2, week=3, welcomes_day=1, welcomes_week=2)
    assert attention.without_welcomes() == Attention(1, 1)
