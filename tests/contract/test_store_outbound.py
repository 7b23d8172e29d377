"""The ledger as the outbox and the features see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.actions import Forget, SetTimer, Withdraw
from bot.core.community import Channel
from bot.core.delivery import Kind, Receipt, State
from bot.core.policy import Attention
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.store import Store
from tests.contract.store_house import (
    ACME,
    ALICE,
    BOB,
    GENERAL,
    NOW,
    OTHER,
    RANDOM,
    at_home,
    do,
    found,
    keys_due,
    say,
    sent,
)

LATER = NOW + timedelta(hours=1)


async def test_what_is_due_comes_by_priority_then_in_the_order_of_planning(store: Store) -> None:
    await do(
        store,
        say("feed", kind=Kind.FEED, due=NOW - timedelta(days=1)),
        say("post"),
        say("later", kind=Kind.ANSWER, due=LATER),
        say("second answer", RANDOM, Kind.ANSWER),
        say("welcome", ALICE, Kind.WELCOME),
        say("third answer", kind=Kind.ANSWER),
    )
    assert await keys_due(store) == ["second answer", "third answer", "welcome", "post", "feed"]
    assert [each.key for each in await store.outbound.claim(NOW, limit=2)] == ["second answer", "third answer"]
    assert (await keys_due(store, LATER))[0] == "later"


async def test_a_place_waits_while_something_is_being_sent_there(store: Store) -> None:
    twin = ChannelRef(ACME, ALICE.id)
    await do(store, say("a"), say("b"), say("c", RANDOM), say("direct", ALICE), say("twin", twin))
    first = await found(store, "a")
    assert await store.outbound.sending(first, NOW)
    assert await keys_due(store) == ["c", "direct", "twin"]
    assert await keys_due(store, busy=[RANDOM, ALICE]) == ["twin"]
    await store.outbound.sent(first, Receipt(), NOW)
    assert await keys_due(store, busy=[ALICE, twin]) == ["b", "c"]


async def test_a_delivery_is_taken_once(store: Store) -> None:
    await do(store, say("a"))
    delivery = await found(store, "a")
    assert await store.outbound.sending(delivery, NOW)
    assert not await store.outbound.sending(delivery, NOW)
    assert (await found(store, "a")).sent_at is None
    assert [each.key for each in await store.outbound.half_sent()] == ["a"]


async def test_what_was_sent_is_found_by_its_message(store: Store) -> None:
    await do(store, say("a"))
    delivery = await found(store, "a")
    await store.outbound.sending(delivery, NOW)
    await store.outbound.sent(delivery, Receipt(MessageRef(GENERAL, "m7")), LATER)
    kept = await store.ledger.sent_as(ACME, GENERAL, "m7")
    assert kept is not None
    assert (kept.key, kept.state, kept.sent_at, kept.sent_as) == ("a", State.SENT, LATER, MessageRef(GENERAL, "m7"))
    assert kept.message.text == "words of a"
    assert await store.ledger.sent_as(ACME, RANDOM, "m7") is None
    assert await store.ledger.sent_as(OTHER, GENERAL, "m7") is None
    assert await store.outbound.half_sent() == []


async def test_a_withdrawn_message_is_recalled(store: Store) -> None:
    post = await sent(store, say("a"))
    assert post.sent_as is not None
    await do(store, Withdraw(target=post.sent_as, key="w"))
    withdrawal = await found(store, "w")
    await store.outbound.sending(withdrawal, NOW)
    assert (await found(store, "a")).state is State.SENT
    await store.outbound.sent(withdrawal, Receipt(post.sent_as), NOW)
    assert (await found(store, "w")).state is State.SENT
    assert (await found(store, "a")).state is State.RECALLED
    assert (await found(store, "a")).sent_at == NOW


async def test_what_only_one_person_saw_is_dropped_once_it_is_out(store: Store) -> None:
    direct = ChannelRef(ACME, "D1")
    await store.register([Channel(direct, "d", direct=True)])
    public = await sent(store, say("public"))
    private = [
        await sent(store, say("direct", ALICE)),
        await sent(store, say("ephemeral", visible_to=ALICE)),
        await sent(store, say("in a direct channel", direct)),
    ]
    assert public.message.text == "words of public"
    assert [each.message.text for each in private] == ["", "", ""]
    assert private[0].to == ALICE


@pytest.mark.parametrize("state", [State.FAILED, State.HELD_BACK, State.UNCERTAIN])
async def test_a_closed_delivery_says_why(store: Store, state: State) -> None:
    await do(store, say("public"), say("direct", ALICE))
    for key in ("public", "direct"):
        await store.outbound.close(await found(store, key), state, "no_such_channel")
    public, direct = await found(store, "public"), await found(store, "direct")
    assert (public.state, public.reason, public.message.text) == (state, "no_such_channel", "words of public")
    # What was held back is never said; what failed, or may have, can be said again for a while.
    assert direct.message.text == ("" if state is State.HELD_BACK else "words of direct")
    assert await keys_due(store) == []


async def test_what_is_put_off_keeps_the_moment_it_was_planned_for(store: Store) -> None:
    await do(store, say("a"))
    delivery = await found(store, "a")
    await store.outbound.postpone(delivery, LATER, "quiet_hours")
    await store.outbound.sending(delivery, NOW)
    await store.outbound.postpone(delivery, LATER, "unreachable")
    kept = await found(store, "a")
    assert (kept.state, kept.due, kept.planned_for, kept.attempts) == (State.PLANNED, LATER, NOW, 1)
    assert kept.reason == "unreachable"
    assert await keys_due(store) == []
    assert await keys_due(store, LATER) == ["a"]


async def test_what_is_done_is_not_put_off(store: Store) -> None:
    done = await sent(store, say("a"))
    await store.outbound.postpone(done, LATER, "unreachable")
    assert (await found(store, "a")).state is State.SENT


async def test_the_next_due_leaves_busy_places_out(store: Store) -> None:
    assert await store.outbound.next_due() is None
    await do(store, say("a"), say("b", RANDOM, due=LATER), SetTimer("t", "k", NOW - timedelta(days=1)))
    assert await store.outbound.next_due() == NOW
    assert await store.outbound.next_due(busy=[GENERAL]) == LATER
    assert await store.outbound.next_due(busy=[GENERAL, RANDOM]) is None


async def test_the_number_of_an_erased_delivery_is_never_given_again(store: Store) -> None:
    await do(store, say("a"), say("b", ALICE))

    erased = await found(store, "b")
    await do(store, Forget(ALICE))
    await do(store, say("c"))
    assert (await found(store, "c")).id > erased.id
    assert not await store.outbound.sending(erased, NOW)
    assert (await found(store, "c")).state is State.PLANNED


async def test_recent_deliveries_come_newest_first(store: Store) -> None:
    await do(store, say("a"), say("b"), feature="nudge")
    await do(store, say("c"), feature="faq")
    await sent(store, say("d"))
    assert [each.key for each in await store.ledger.recent(ACME)] == ["d", "c", "b", "a"]
    assert [each.key for each in await store.ledger.recent(ACME, feature="nudge", limit=1)] == ["b"]
    assert [each.key for each in await store.ledger.recent(ACME, state=State.SENT)] == ["d"]
    assert await store.ledger.recent(OTHER) == []


async def test_attention_counts_what_arrived_unasked_by_local_day(store: Store) -> None:
    # Midnight in Paris is 23:00 UTC of the day before.
    for key, at in [
        ("week old", NOW - timedelta(days=7)),
        ("six days", NOW - timedelta(days=6)),
        ("before midnight", datetime(2026, 11, 23, 22, 59, tzinfo=UTC)),
        ("after midnight", datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        ("now", NOW),
    ]:
        await sent(store, say(key), at)
    await sent(store, say("answer", kind=Kind.ANSWER))
    await sent(store, say("elsewhere", RANDOM))
    await do(store, say("not yet"))
    assert await store.ledger.attention(GENERAL, NOW, "Europe/Paris") == Attention(day=2, week=4)
    assert await store.ledger.attention(GENERAL, NOW, "America/New_York") == Attention(day=1, week=4)
    assert await store.ledger.attention(ALICE, NOW, "Europe/Paris") == Attention()


async def test_attention_is_given_to_people_apart_from_places_of_the_same_id(store: Store) -> None:
    await at_home(store)
    await sent(store, say("a", ALICE, Kind.JOURNEY))
    await sent(store, say("b", BOB, Kind.JOURNEY))
    assert await store.ledger.attention(ALICE, NOW, "UTC") == Attention(1, 1)
    assert await store.ledger.attention(ChannelRef(ACME, ALICE.id), NOW, "UTC") == Attention()
    assert await store.ledger.attention(MemberRef(OTHER, ALICE.id), NOW, "UTC") == Attention()


async def test_what_may_have_arrived_counts_and_what_did_not_does_not(store: Store) -> None:
    await do(store, say("uncertain"), say("failed early"), say("under way", RANDOM), say("put off", ALICE))
    uncertain = await found(store, "uncertain")
    await store.outbound.sending(uncertain, NOW)
    await store.outbound.close(uncertain, State.UNCERTAIN, "connection lost")
    await store.outbound.close(await found(store, "failed early"), State.FAILED, "refused")
    await store.outbound.sending(await found(store, "under way"), NOW)
    put_off = await found(store, "put off")
    await store.outbound.sending(put_off, NOW)
    await store.outbound.postpone(put_off, LATER, "unreachable")
    assert await store.ledger.attention(GENERAL, NOW, "UTC") == Attention(1, 1)
    assert await store.ledger.attention(RANDOM, NOW, "UTC") == Attention(1, 1)
    assert await store.ledger.attention(ALICE, NOW, "UTC") == Attention()


async def test_what_was_held_back_is_counted_by_reason(store: Store) -> None:
    old = NOW - timedelta(days=30)
    await do(store, say("a"), say("b"), say("c"), say("d", due=old), say("planned"))
    for key, reason in [("a", "expired"), ("b", "expired"), ("c", "muted"), ("d", "muted")]:
        await store.outbound.close(await found(store, key), State.HELD_BACK, reason)
    assert await store.ledger.held_back(ACME, NOW - timedelta(days=1)) == {"expired": 2, "muted": 1}
    assert await store.ledger.held_back(ACME, old) == {"expired": 2, "muted": 2}
    assert await store.ledger.held_back(OTHER, old) == {}


async def test_what_is_to_be_tried_again_is_known(store: Store) -> None:
    await do(store, say("a"), say("b"), say("c"), say("d", due=LATER))
    for key, reason in [("a", "unreachable"), ("b", "quiet_hours"), ("c", "rate_limited")]:
        await store.outbound.postpone(await found(store, key), LATER, reason)
    assert sorted(each.key for each in await store.outbound.resting(NOW)) == ["a", "c"]
    assert await store.outbound.resting(LATER) == []
