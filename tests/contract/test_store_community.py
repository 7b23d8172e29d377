"""Who and where: what the platform says, what people chose, and finding them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.actions import (
    ChooseLanguage,
    GiveRole,
    MarkManager,
    MemberWentAway,
    Mute,
    NoteActivity,
    RegisterChannel,
    RegisterMember,
    SetAbsence,
    SetTimer,
)
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind, State
from bot.core.refs import ChannelRef, MemberRef
from bot.store import Store
from tests.contract.store_house import ACME, ALICE, BOB, GENERAL, NOW, OTHER, RANDOM, at_home, do, found, keys_due, say


async def test_a_member_is_kept_as_described(store: Store) -> None:
    member = Member(
        ALICE,
        "Alice Dubois",
        language="fr",
        zone="Europe/Paris",
        guest=True,
        manager=True,
        role=Role.ANIMATOR,
        language_chosen=True,
        muted_until=NOW,
        away_until=NOW + timedelta(days=1, microseconds=1),
        joined_at=NOW - timedelta(days=3),
    )
    await do(store, RegisterMember(member))
    assert await store.members.get(ALICE) == member
    assert await store.members.get(BOB) is None


async def test_what_a_person_chose_outlives_what_the_platform_says(store: Store) -> None:
    joined = NOW - timedelta(days=9)
    await do(
        store,
        RegisterMember(Member(ALICE, "Alice", joined_at=joined)),
        ChooseLanguage(ALICE, "fr"),
        GiveRole(ALICE, Role.ADMIN),
        MarkManager(ALICE, True),
        Mute(ALICE, NOW + timedelta(days=1)),
        SetAbsence(ALICE, NOW + timedelta(days=2)),
    )
    await do(store, RegisterMember(Member(ALICE, "Alice B.", "en", "Europe/Rome", guest=True, joined_at=NOW)))
    assert await store.members.get(ALICE) == Member(
        ALICE,
        "Alice B.",
        language="fr",
        zone="Europe/Rome",
        guest=True,
        manager=True,
        role=Role.ADMIN,
        language_chosen=True,
        muted_until=NOW + timedelta(days=1),
        away_until=NOW + timedelta(days=2),
        joined_at=joined,
    )


async def test_the_platform_may_change_a_language_nobody_chose(store: Store) -> None:
    await store.register([Member(ALICE, "Alice", "en")])
    await store.register([Member(ALICE, "Alice", "fr")])
    member = await store.members.get(ALICE)
    assert member is not None
    assert member.language == "fr"


async def test_muting_and_absence_end(store: Store) -> None:
    await do(store, Mute(ALICE, NOW), SetAbsence(ALICE, NOW), Mute(ALICE, None), SetAbsence(ALICE, None))
    member = await store.members.get(ALICE)
    assert member is not None
    assert (member.muted_until, member.away_until) == (None, None)


async def test_a_choice_holds_for_somebody_not_registered_yet(store: Store) -> None:
    await do(store, ChooseLanguage(ALICE, "fr"))
    await store.register([Member(ALICE, "Alice", "en")])
    assert await store.members.get(ALICE) == Member(ALICE, "Alice", "fr", language_chosen=True)


async def test_roles_are_of_those_who_are_still_there(store: Store) -> None:
    carol, dan = MemberRef(ACME, "U3"), MemberRef(OTHER, "U1")
    await store.register(
        [
            Member(ALICE, "Alice", role=Role.ANIMATOR),
            Member(BOB, "Bob", role=Role.ADMIN),
            Member(carol, "Carol", role=Role.ADMIN, active=False),
            Member(dan, "Dan", role=Role.ADMIN),
        ]
    )
    assert [each.name for each in await store.members.with_role(ACME, Role.ANIMATOR)] == ["Alice", "Bob"]
    assert [each.name for each in await store.members.with_role(ACME, Role.ADMIN)] == ["Bob"]


async def test_people_are_found_by_name_or_id(store: Store) -> None:
    eve = MemberRef(ACME, "@Eve:acme.example")
    twins = [MemberRef(ACME, "U7"), MemberRef(ACME, "U8")]
    await at_home(store)
    await store.register([Member(eve, "Ève Élan"), *(Member(ref, "Sam") for ref in twins)])
    for typed, ref in [("alice", ALICE), ("@ALICE", ALICE), ("u2", BOB), ("ève élan", eve), ("@eve:acme.example", eve)]:
        member = await store.members.named(ACME, typed)
        assert member is not None, typed
        assert member.ref == ref
    for nobody in ("sam", "zoe", "", "ali%"):
        assert await store.members.named(ACME, nobody) is None
    assert await store.members.named(OTHER, "alice") is None


async def test_a_name_means_whoever_is_still_there_and_an_id_its_member(store: Store) -> None:
    await store.register([Member(ALICE, "Sam", active=False), Member(BOB, "Sam"), Member(MemberRef(ACME, "U9"), "U1")])
    by_name, by_id = await store.members.named(ACME, "sam"), await store.members.named(ACME, "U1")
    assert by_name is not None
    assert by_id is not None
    assert (by_name.ref, by_id.ref) == (BOB, ALICE)


async def test_who_leaves_hears_no_more(store: Store) -> None:
    await at_home(store)
    await do(
        store,
        SetTimer("step", "alice", NOW, member=ALICE),
        SetTimer("step", "bob", NOW, member=BOB),
        say("journey", ALICE, Kind.JOURNEY),
        say("answer", ALICE, Kind.ANSWER),
        say("bob", BOB, Kind.JOURNEY),
    )
    await do(store, MemberWentAway(ALICE))
    member = await store.members.get(ALICE)
    assert member is not None
    assert not member.active
    assert [timer.key for timer in await store.timers.due(NOW)] == ["bob"]
    gone = await found(store, "journey")
    assert (gone.state, gone.reason, gone.message.text) == (State.HELD_BACK, "gone", "")
    assert await keys_due(store) == ["answer", "bob"]
    assert await do(store, say("late", ALICE, Kind.JOURNEY), say("private", visible_to=ALICE)) == 0


async def test_who_comes_back_is_active_again(store: Store) -> None:
    await at_home(store)
    await do(store, MemberWentAway(ALICE), RegisterMember(Member(ALICE, "Alice")), say("again", ALICE))
    assert await keys_due(store) == ["again"]


async def test_a_channel_is_kept_as_described(store: Store) -> None:
    channel = Channel(
        GENERAL,
        "général",
        tags=("everyone", "été"),
        language="fr",
        zone="Europe/Paris",
        one_way=True,
        last_message_at=NOW,
    )
    await do(store, RegisterChannel(channel))
    assert await store.channels.get(GENERAL) == channel
    assert await store.channels.get(RANDOM) is None
    renamed = replace(channel, name="annonces", tags=())
    await do(store, RegisterChannel(renamed))
    assert await store.channels.get(GENERAL) == renamed


async def test_channels_are_listed_by_name_without_direct_and_archived(store: Store) -> None:
    await store.register(
        [
            Channel(GENERAL, "zebra"),
            Channel(RANDOM, "ant"),
            Channel(ChannelRef(ACME, "D1"), "direct", direct=True),
            Channel(ChannelRef(ACME, "C3"), "old", archived=True),
            Channel(ChannelRef(OTHER, "C1"), "elsewhere"),
        ]
    )
    assert [channel.name for channel in await store.channels.all(ACME)] == ["ant", "zebra"]


async def test_the_last_message_is_the_latest_in_whatever_order_it_is_heard_of(store: Store) -> None:
    await at_home(store)
    await do(store, NoteActivity(GENERAL, NOW), NoteActivity(GENERAL, NOW - timedelta(hours=1)))
    await store.register([Channel(GENERAL, "general"), Channel(RANDOM, "random", last_message_at=NOW)])
    await store.register([Channel(RANDOM, "random", last_message_at=NOW - timedelta(days=1))])
    assert [channel.last_message_at for channel in await store.channels.all(ACME)] == [NOW, NOW]


async def test_activity_does_not_invent_a_channel(store: Store) -> None:
    await do(store, NoteActivity(GENERAL, NOW))
    assert await store.channels.get(GENERAL) is None
