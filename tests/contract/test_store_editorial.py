"""Items made in chat, who changed what, and reaching every copy of what went out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.actions import CallOff, Edit, RecordChange, RemoveItem, Reword, WriteItem
from bot.core.calendar import Paused
from bot.core.delivery import State
from bot.core.editorial import Fate, KeptItem, Slot, Status, Subject
from bot.core.message import Message
from bot.core.refs import MemberRef
from bot.store import Store
from tests.contract.store_house import ACME, ALICE, BOB, NOW, OTHER, do, found, say, sent, tea


def version(number: int) -> KeptItem:
    return KeptItem(item=tea(), version=number)


def change(
    what: str = "tea", by: MemberRef = ALICE, before: int = 0, after: int = 1, undoes: int | None = None
) -> RecordChange:
    then = version(before) if before else None
    return RecordChange(by=by, subject=Subject.ITEM, id=what, before=then, after=version(after), undoes=undoes)


async def test_an_item_comes_back_as_it_was_written(store: Store) -> None:
    kept = KeptItem(
        item=tea(zone="Asia/Tokyo", grace=timedelta(minutes=5), said="every: day 10:00"),
        status=Status.IN_REVIEW,
        owner=str(ALICE),
        version=3,
    )
    await do(store, WriteItem(kept))
    assert await store.items.get(ACME, "tea") == kept
    assert await store.items.get(OTHER, "tea") is None
    assert await store.items.named(ACME, ["tea", "cake"]) == {"tea": kept}


async def test_items_are_found_by_state_and_owner_in_pages(store: Store) -> None:
    for name, status, owner in (
        ("a", Status.DRAFT, str(ALICE)),
        ("b", Status.APPROVED, str(ALICE)),
        ("c", Status.APPROVED, "animator"),
    ):
        await do(store, WriteItem(KeptItem(item=tea(name), status=status, owner=owner)))

    async def ids(**more: object) -> list[str]:
        return [each.item.id for each in await store.items.all(ACME, **more)]  # type: ignore[arg-type]

    assert await ids() == ["a", "b", "c"]
    assert await ids(after="a", limit=1) == ["b"]
    assert await ids(status=Status.APPROVED) == ["b", "c"]
    assert await ids(owner=str(ALICE)) == ["a", "b"]
    await do(store, RemoveItem("b"), RemoveItem("unknown"))
    assert await ids() == ["a", "c"]


async def test_changes_tell_who_and_can_be_taken_back_once(store: Store) -> None:
    await do(store, change(after=1), change(before=1, after=2, by=BOB))
    slot = Slot(item="tea", at=NOW, zone="Europe/Paris", due=NOW)
    skipped = RecordChange(
        by=ALICE,
        subject=Subject.OCCURRENCE,
        id=slot.name,
        before=slot,
        after=replace(slot, fate=Fate.SKIPPED),
    )
    await do(store, skipped, change("cake"))
    newest, *_ = await store.changes.of(ACME, "tea")
    assert (newest.subject, newest.by, newest.before) == (Subject.OCCURRENCE, ALICE, slot)
    assert len(await store.changes.of(ACME, "tea")) == 3
    latest = await store.changes.latest(ACME, Subject.ITEM, "tea")
    assert latest is not None
    assert (latest.by, latest.after) == (BOB, version(2))
    await do(store, change(before=2, after=1, by=ALICE, undoes=latest.number))
    again = await store.changes.get(ACME, latest.number)
    undoing = await store.changes.latest(ACME, Subject.ITEM, "tea")
    assert again is not None
    assert undoing is not None
    assert (again.undone_by, undoing.undoes) == (undoing.number, latest.number)
    assert await store.changes.last_by(BOB) is None
    last = await store.changes.last_by(ALICE)
    assert last is not None
    assert last.id == "cake"
    assert await store.changes.get(OTHER, last.number) is None


# Every copy


async def test_the_copies_of_a_post_are_found_by_the_beginning_of_their_keys(store: Store) -> None:
    for key in ("calendar/tea/1/a", "calendar/tea/1/b", "calendar/tea/2/a", "calendar/teapot/1/a"):
        await sent(store, say(key))
    await do(store, say("calendar/tea/1/c"))
    copies = await store.ledger.under(ACME, "calendar/tea/1/")
    assert [each.key[-1] for each in copies] == ["a", "b", "c"]
    assert len(await store.ledger.under(ACME, "calendar/tea/", state=State.SENT)) == 3
    assert [each.key for each in await store.ledger.under(ACME, "calendar/tea/", after=copies[0].id, limit=1)] == [
        "calendar/tea/1/b"
    ]
    assert copies[0].sent_as is not None
    await do(store, Edit(target=copies[0].sent_as, message=Message("x"), key="calendar/tea/1/edit"))
    assert await store.ledger.tally(ACME, "calendar/tea/1/") == {State.SENT: 2, State.PLANNED: 1}


async def test_what_is_called_off_never_goes_out(store: Store) -> None:
    await sent(store, say("calendar/tea/1/a"))
    await do(store, say("calendar/tea/1/b"), say("calendar/tea/1/U1", ALICE), say("calendar/cake/1/b"))
    await do(store, CallOff("calendar/tea/1/", "recalled"))
    assert await store.ledger.tally(ACME, "calendar/tea/") == {State.SENT: 1, State.HELD_BACK: 2}
    held = await found(store, "calendar/tea/1/b")
    assert held.reason == "recalled"
    assert (await found(store, "calendar/tea/1/U1")).message == Message("")
    assert [each.key for each in await store.outbound.claim(NOW)] == ["calendar/cake/1/b"]


async def test_only_what_still_waits_gets_other_words(store: Store) -> None:
    await sent(store, say("calendar/tea/1/a"))
    await do(store, say("calendar/tea/1/b"), say("calendar/tea/1/c"))
    keys = [f"calendar/tea/1/{each}" for each in "abc"]
    first, _, third = [(await found(store, key)).message for key in keys]
    await do(store, *(Reword(key, Message("other")) for key in keys[:2]))
    assert [(await found(store, key)).message for key in keys] == [first, Message("other"), third]


async def test_the_newest_change_of_what_each_item_is(store: Store) -> None:
    draft, approved = KeptItem(item=tea()), KeptItem(item=tea(), status=Status.APPROVED, version=2)
    for before, after in ((None, draft), (draft, approved)):
        await do(store, RecordChange(by=ALICE, subject=Subject.ITEM, id="tea", before=before, after=after))
    await do(store, RecordChange(by=ALICE, subject=Subject.PAUSE, id="tea", before=None, after=Paused(NOW)))
    await do(store, RecordChange(by=BOB, subject=Subject.ITEM, id="cake", before=None, after=draft))
    newest = await store.changes.newest(ACME, ["tea", "cake", "none"])
    assert {item: (change.by, change.after) for item, change in newest.items()} == {
        "tea": (ALICE, approved),
        "cake": (BOB, draft),
    }
    assert await store.changes.newest(OTHER, ["tea"]) == {}
