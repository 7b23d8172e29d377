"""What features decided becomes true in one transaction, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import pytest

from bot.core.actions import (
    Action,
    Count,
    Edit,
    GiveRole,
    Planned,
    React,
    RegisterMember,
    Remember,
    Send,
    SetTimer,
    Withdraw,
)
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.message import Button, Field, Form, Markup, Message
from bot.core.ports import Timer
from bot.core.refs import ChannelRef, MessageRef
from bot.store import Store
from bot.store.journal import APPLY
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, OTHER, at_home, do, found, posted, say, signal


def test_every_action_is_applied() -> None:
    assert set(APPLY) == set(get_args(Action))


async def test_a_delivery_is_kept_as_planned(store: Store) -> None:
    message = Message(
        Markup("**Hello** [Zoé](mention:U1)"),
        (Button("Oui", "faq yes", "primary"),),
        Form("Title", "faq ask", (Field("q", "Question", "choice", choices=(("a", "A"),), required=False),), "Send"),
    )
    action = Send(
        to=GENERAL,
        message=message,
        kind=Kind.PROMPT,
        key="nudge/1",
        thread=MessageRef(GENERAL, "root"),
        visible_to=ALICE,
        due=NOW + timedelta(hours=1),
        expires=NOW + timedelta(hours=2),
    )
    assert await do(store, action, feature="nudge") == 1
    kept = await found(store, "nudge/1")
    assert kept == Delivery(
        key="nudge/1",
        workspace=ACME,
        feature="nudge",
        kind=Kind.PROMPT,
        to=GENERAL,
        message=message,
        due=NOW + timedelta(hours=1),
        planned_for=NOW + timedelta(hours=1),
        thread=MessageRef(GENERAL, "root"),
        visible_to=ALICE,
        expires=NOW + timedelta(hours=2),
        created_at=NOW,
        id=kept.id,
    )


async def test_changes_to_a_message_are_deliveries_too(store: Store) -> None:
    target = MessageRef(GENERAL, "m1")
    changes = (
        Edit(target=target, message=Message("new"), key="e"),
        Withdraw(target=target, key="w"),
        React(target=target, emoji="👋", key="r"),
    )
    await do(store, *changes)
    edit, withdraw, react = [await found(store, key) for key in "ewr"]
    assert [each.verb for each in (edit, withdraw, react)] == [Verb.EDIT, Verb.WITHDRAW, Verb.REACT]
    for each in (edit, withdraw, react):
        assert (each.to, each.target, each.due, each.kind) == (GENERAL, target, NOW, Kind.ANSWER)
    assert (edit.message, react.emoji) == (Message("new"), "👋")


async def test_the_same_key_is_planned_once_in_each_workspace(store: Store) -> None:
    assert await do(store, say("once"), say("once"), say("twice")) == 2
    assert await do(store, say("once", kind=Kind.ANSWER)) == 0
    assert (await found(store, "once")).kind is Kind.POST
    elsewhere = say("once", ChannelRef(OTHER, "C1"))
    assert await store.journal.commit(OTHER, [Planned("test", (elsewhere,))], at=NOW, source="cause") == 1


async def test_deliveries_without_a_key_get_one_from_their_cause(store: Store) -> None:
    plans = [
        Planned("faq", (say(), Count(signal("s")), say("own"), say())),
        Planned("welcome", (say(),)),
        Planned("faq", (say(),)),
    ]
    assert await store.journal.commit(ACME, plans, at=NOW, source="event-9") == 5
    recent = await store.ledger.recent(ACME)
    assert [each.key for each in reversed(recent)] == [
        "faq/event-9/0",
        "own",
        "faq/event-9/1",
        "welcome/event-9/0",
        "faq/event-9/2",
    ]
    assert await store.journal.commit(ACME, plans, at=NOW, source="event-9") == 0


async def test_an_event_is_handled_once(store: Store) -> None:
    accepted = await store.inbox.accept(posted())
    assert accepted is not None
    assert await do(store, say("a"), handled=accepted) == 1
    assert await do(store, say("b"), handled=accepted) == 0
    assert await store.inbox.waiting() == []
    assert await store.ledger.find(ACME, "b") is None


async def test_a_timer_fires_once(store: Store) -> None:
    timer = Timer(ACME, "test", "tick", "k", NOW)
    await do(store, SetTimer("tick", "k", NOW))
    assert await do(store, say("a"), fired=timer) == 1
    assert await do(store, say("b"), fired=timer) == 0
    assert await store.timers.next_due() is None


async def test_a_timer_that_sets_itself_anew_stays(store: Store) -> None:
    timer, later = Timer(ACME, "test", "tick", "k", NOW), NOW + timedelta(days=1)
    await do(store, SetTimer("tick", "k", NOW))
    await do(store, SetTimer("tick", "k", later), fired=timer)
    assert await store.timers.get(ACME, "test", "tick", "k") == Timer(ACME, "test", "tick", "k", later)


async def test_a_timer_moved_before_it_fired_does_not_fire(store: Store) -> None:
    old, later = Timer(ACME, "test", "tick", "k", NOW), NOW + timedelta(days=1)
    await do(store, SetTimer("tick", "k", NOW), SetTimer("tick", "k", later))
    assert await do(store, say("a"), fired=old) == 0
    assert await store.timers.next_due() == later


async def test_a_commit_that_fails_leaves_nothing(store: Store) -> None:
    accepted = await store.inbox.accept(posted())
    assert accepted is not None
    without_zone = datetime(2026, 1, 1)  # noqa: DTZ001  # That is what is wrong with it.
    with pytest.raises(Exception, match="moment without a zone"):
        await do(
            store,
            say("a"),
            RegisterMember(Member(ALICE, "Alice")),
            Remember("k", Button("x", "y")),
            SetTimer("tick", "k", without_zone),
            handled=accepted,
        )
    assert await store.ledger.recent(ACME) == []
    assert await store.members.get(ALICE) is None
    assert await store.notes.all(ACME, Button) == {}
    assert [each.number for each in await store.inbox.waiting()] == [accepted.number]


async def test_actions_are_applied_in_their_order(store: Store) -> None:
    await do(
        store,
        GiveRole(ALICE, Role.ADMIN),
        RegisterMember(Member(ALICE, "Alice", role=Role.MEMBER)),
        GiveRole(ALICE, Role.ANIMATOR),
    )
    member = await store.members.get(ALICE)
    assert member is not None
    assert (member.name, member.role) == ("Alice", Role.ANIMATOR)


async def test_nothing_is_planned_for_who_has_left_but_for_strangers_it_is(store: Store) -> None:
    await at_home(store)
    await store.register([Member(ALICE, "Alice", active=False)])
    stranger = type(ALICE)(ACME, "U99")
    assert await do(store, say("a", ALICE), say("b", stranger), say("c", visible_to=stranger)) == 2


async def test_a_delivery_is_dated_by_the_commit(store: Store) -> None:
    await store.register([Channel(GENERAL, "general")])
    await do(store, say("now"), at=NOW)
    kept = await found(store, "now")
    assert (kept.due, kept.created_at, kept.state) == (NOW, NOW, State.PLANNED)
