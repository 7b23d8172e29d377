"""Everything about a person can be seen, and erased so that it stays erased."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bot.core.actions import (
    ChooseLanguage,
    Count,
    Forget,
    GiveRole,
    RecordChange,
    RegisterMember,
    Remember,
    SetTimer,
    WriteItem,
)
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind, Receipt, State
from bot.core.editorial import KeptItem, Subject
from bot.core.message import Message, mention
from bot.core.refs import ChannelRef
from bot.core.signals import What
from bot.store import Store
from tests.contract.store_house import (
    ACME,
    ALICE,
    BOB,
    GENERAL,
    NOW,
    SECRET,
    at_home,
    do,
    found,
    keys_due,
    on_disk,
    say,
    sent,
    signal,
    tea,
)


@dataclass(frozen=True)
class Journey:
    steps: tuple[str, ...]


async def live(store: Store) -> None:
    """Alice and Bob have both been here for a while."""
    await at_home(store)
    for ref in (ALICE, BOB):
        await do(
            store,
            GiveRole(ref, Role.ANIMATOR),
            Remember(f"journey/{ref.id}", Journey(("hello",)), member=ref),
            SetTimer("step", ref.id, NOW, member=ref),
            Count(signal(f"{ref}/posted", member=ref)),
            Count(signal(f"{ref}/joined", What.JOINED, member=ref)),
            say(f"planned/{ref.id}", ref, Kind.JOURNEY),
            WriteItem(KeptItem(item=tea(f"item-{ref.id}"), owner=str(ref))),
            RecordChange(
                by=ref,
                subject=Subject.ITEM,
                id=f"item-{ref.id}",
                before=None,
                after=KeptItem(item=tea(f"item-{ref.id}"), owner=str(ref)),
            ),
            source=str(ref),
        )
        await sent(store, say(f"sent/{ref.id}", visible_to=ref))
    await store.metrics.catch_up()


async def test_a_person_sees_all_that_is_kept_about_them(store: Store) -> None:
    await live(store)
    about = await store.notes.about(ALICE)
    assert json.loads(json.dumps(about)) == about
    assert about == {
        "member": {
            "ref": "test/acme/U1",
            "workspace": "test/acme",
            "name": "Alice",
            "language": "en",
            "language_chosen": False,
            "zone": "UTC",
            "guest": False,
            "manager": False,
            "bot": False,
            "active": True,
            "role": "animator",
            "muted_until": None,
            "away_until": None,
            "joined_at": None,
            "team": "",
        },
        "notes": [
            {"kind": "test_store_forgetting.Journey", "key": "journey/U1", "value": {"steps": ["hello"]}},
        ],
        "timers": [{"feature": "test", "name": "step", "key": "U1", "due": "2026-11-24T10:00:00+00:00"}],
        "deliveries": [
            {
                "feature": "test",
                "kind": "journey",
                "key": "planned/U1",
                "state": "planned",
                "reason": "",
                "due": "2026-11-24T10:00:00+00:00",
                "sent_at": None,
            },
            {
                "feature": "test",
                "kind": "post",
                "key": "sent/U1",
                "state": "sent",
                "reason": "",
                "due": "2026-11-24T10:00:00+00:00",
                "sent_at": "2026-11-24T10:00:00+00:00",
            },
        ],
        "decisions": [],
        "changes": [
            {
                "number": 1,
                "at": "2026-11-24T10:00:00+00:00",
                "subject": "item",
                "id": "item-U1",
            }
        ],
        "items": ["item-U1"],
        "pauses": [],
        "named_in": [],
        "signals": [
            {"at": "2026-11-24T10:00:00+00:00", "what": "posted", "channel": "test/acme/C1", "about": ""},
            {"at": "2026-11-24T10:00:00+00:00", "what": "joined", "channel": "test/acme/C1", "about": ""},
        ],
        "roster": [{"month": "2026-11", "joined": "2026-11", "first_day": "2026-11-24", "team": "", "manager": False}],
        "answers": [],
        "put_aside": [],
        "counts": {"joined": 1, "posted": 1},
        "days": ["2026-11-24"],
        "forgotten": False,
        "uncounted": False,
    }


async def test_a_stranger_has_nothing(store: Store) -> None:
    assert await store.notes.about(ALICE) == {
        "member": None,
        "notes": [],
        "timers": [],
        "deliveries": [],
        "decisions": [],
        "changes": [],
        "items": [],
        "pauses": [],
        "named_in": [],
        "signals": [],
        "roster": [],
        "answers": [],
        "put_aside": [],
        "counts": {},
        "days": [],
        "forgotten": False,
        "uncounted": False,
    }


async def test_forgetting_erases_one_person_and_nobody_else(store: Store) -> None:
    await live(store)
    of_bob = await store.notes.about(BOB)
    await do(store, Forget(ALICE))
    assert await store.members.get(ALICE) is None
    assert await store.notes.about(ALICE) == {
        "member": None,
        "notes": [],
        "timers": [],
        "deliveries": [],
        "decisions": [],
        "changes": [],
        "items": [],
        "pauses": [],
        "named_in": [],
        "signals": [],
        "roster": [],
        "answers": [],
        "put_aside": [],
        "counts": {},
        "days": [],
        "forgotten": True,
        "uncounted": False,
    }
    assert await store.notes.about(BOB) == of_bob
    assert await store.members.with_role(ACME, Role.ANIMATOR) == [await store.members.get(BOB)]
    assert not await store.measures.did(ALICE, What.POSTED, NOW)


async def test_it_holds(store: Store) -> None:
    await live(store)
    await do(store, Forget(ALICE))
    again = signal("new", member=ALICE)
    await do(store, RegisterMember(Member(ALICE, "Alice")), Count(again))
    await store.register([Member(ALICE, "Alice"), Member(BOB, "Robert")])
    assert await store.record_signals([again, signal(f"{ALICE}/posted"), signal("of bob", member=BOB)]) == 1
    assert await store.members.get(ALICE) is None
    robert = await store.members.get(BOB)
    assert robert is not None
    assert robert.name == "Robert"
    assert (await store.notes.about(ALICE))["counts"] == {}


async def test_somebody_forgotten_is_still_answered_and_may_choose(store: Store) -> None:
    await live(store)
    await do(store, Forget(ALICE))
    await do(store, say("answer", ALICE, Kind.ANSWER), ChooseLanguage(ALICE, "fr"))
    assert "answer" in await keys_due(store)
    assert await store.members.get(ALICE) == Member(ALICE, "", "fr", language_chosen=True)


async def test_the_person_is_told_and_then_that_is_erased_too(store: Store) -> None:
    await live(store)
    await do(store, say("told before", ALICE, Kind.ANSWER), Forget(ALICE), say("told after", visible_to=ALICE))
    assert [key for key in await keys_due(store) if key.startswith("told")] == ["told before", "told after"]
    before, after = await found(store, "told before"), await found(store, "told after")
    await store.outbound.sending(before, NOW)
    await store.outbound.sent(before, Receipt(), NOW)
    await store.outbound.close(after, State.FAILED, "refused")
    assert (await store.notes.about(ALICE))["deliveries"] == []


async def test_what_is_under_way_ends_without_harm(store: Store) -> None:
    await live(store)
    under_way = await found(store, "planned/U1")
    await store.outbound.sending(under_way, NOW)
    await do(store, Forget(ALICE))
    await store.outbound.sent(under_way, Receipt(), NOW)
    assert await store.ledger.find(ACME, "planned/U1") is None
    assert await store.outbound.half_sent() == []


async def test_what_named_them_in_a_channel_loses_its_words(store: Store) -> None:
    await live(store)
    for ref, name in ((ALICE, "Alice"), (BOB, "Bob")):
        words = Message(f"Welcome {mention(Member(ref, name))}!")
        action = say(f"welcome/{name}")
        await sent(store, type(action)(to=GENERAL, message=words, kind=Kind.WELCOME, key=action.key))
    await do(store, Forget(ALICE))
    assert (await found(store, "welcome/Alice")).message.text == ""
    assert (await found(store, "welcome/Bob")).message.text == "Welcome [Bob](mention:U2)!"
    assert (await found(store, "welcome/Alice")).state is State.SENT


async def test_what_could_not_be_said_in_private_conversations_loses_its_words(store: Store) -> None:
    direct = ChannelRef(ACME, "D1")
    await live(store)
    await store.register([Channel(direct, "", direct=True)])
    await do(store, say("answer", direct, Kind.ANSWER), say("public"), say("to Bob", BOB))
    for key in ("answer", "public", "to Bob"):
        await store.outbound.close(await found(store, key), State.UNCERTAIN, "unclear")
    await do(store, Forget(ALICE))
    said = [(await found(store, key)).message.text for key in ("answer", "public", "to Bob")]
    assert said == ["", "words of public", "words of to Bob"]


async def test_nothing_of_them_is_left_in_the_file(tmp_path: Path) -> None:
    name, ref = "Xanthippe Quillfeather", type(ALICE)(ACME, "U-9f31-xanthippe")
    store = await Store.open(f"sqlite:///{tmp_path / 'allant.db'}", secret=SECRET)
    try:
        await store.register([Member(ref, name)])
        await do(
            store,
            Remember("a", Journey((name,)), member=ref),
            SetTimer("step", ref.id, NOW, member=ref),
            Count(signal(f"{ref}/posted", member=ref)),
            say(f"welcome/{ref.id}", ref),
        )
        held = on_disk(tmp_path)
        assert name.encode() in held
        assert ref.id.encode() in held
        await do(store, Forget(ref))
        left = on_disk(tmp_path)
    finally:
        await store.close()
    assert name.encode() not in left
    assert ref.id.encode() not in left


async def test_what_a_forgotten_person_changed_stays_without_their_name(store: Store) -> None:
    await live(store)
    await do(store, Forget(ALICE))
    [change] = await store.changes.of(ACME, "item-U1")
    assert (change.by, change.after) == (None, KeptItem(item=tea("item-U1")))
    kept = await store.items.get(ACME, "item-U1")
    assert kept is not None
    assert kept.owner == "animator"
    assert await store.changes.last_by(BOB) is not None
