"""Occurrences made ahead: unique, remade without touching what is done, and the timer that stands at the next."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from bot.core.actions import (
    DropOccurrences,
    MarkOccurrences,
    PlanOccurrences,
    RegisterMember,
    WakeForOccurrences,
    WriteItem,
)
from bot.core.calendar import Item, When
from bot.core.community import Member, Role
from bot.core.editorial import Fate, KeptItem, Plan, Slot, Status
from bot.core.errors import Overtaken
from bot.core.ports import Timer
from bot.core.refs import MemberRef
from bot.store import Store
from bot.store.codec import from_json
from bot.store.editorial import written_item
from tests.contract.store_house import ACME, NOW, OTHER, do

PARIS = "Europe/Paris"
DAY = timedelta(days=1)
UNTIL = NOW + 35 * DAY


def planned(item: str, *days: int, since: int = 0, mark: str = "a", zone: str = PARIS) -> PlanOccurrences:
    moments = tuple((NOW + day * DAY, zone) for day in days)
    return PlanOccurrences(item=item, plan=Plan(mark, UNTIL), since=NOW + since * DAY, moments=moments)


def slot(item: str, day: int, fate: Fate = Fate.PLANNED, due: datetime | None = None, reason: str = "") -> Slot:
    at = NOW + day * DAY
    return Slot(item=item, at=at, zone=PARIS, due=due or at, fate=fate, reason=reason)


async def days(store: Store, item: str) -> list[tuple[int, str]]:
    found = await store.occurrences.of(ACME, item, since=NOW - 400 * DAY)
    return [((each.at - NOW).days, each.fate.value) for each in found]


async def test_occurrences_are_unique_by_item_moment_and_zone(store: Store) -> None:
    await do(store, planned("tea", 1, 2), planned("tea", 1, 2, 3), planned("cake", 2))
    assert await days(store, "tea") == [(1, "planned"), (2, "planned"), (3, "planned")]
    both = PlanOccurrences(
        item="far", plan=Plan("b", UNTIL), since=NOW, moments=((NOW + DAY, PARIS), (NOW + DAY, "Asia/Tokyo"))
    )
    await do(store, both, both)
    assert [each.zone for each in await store.occurrences.of(ACME, "far", since=NOW)] == ["Asia/Tokyo", PARIS]
    assert await store.occurrences.of(OTHER, "tea") == []


async def test_replanning_touches_nothing_that_came_or_was_decided(store: Store) -> None:
    await do(store, planned("tea", -1, 0, 1, 2, 3, 4, since=-2))
    await do(store, MarkOccurrences((slot("tea", -1, Fate.OUT), slot("tea", 2, Fate.SKIPPED, reason="asked"))))
    await do(store, MarkOccurrences((slot("tea", 3, due=NOW + 3.5 * DAY),)))
    await do(store, planned("tea", 2, 3, 5, mark="b"))
    # 0 is overdue and stays to be judged; 1 and 4 went; 2 stays skipped, and 3 stays where it was moved to.
    assert await days(store, "tea") == [(-1, "out"), (0, "planned"), (2, "skipped"), (3, "planned"), (5, "planned")]
    moved = await store.occurrences.get(ACME, "tea", NOW + 3 * DAY, PARIS)
    assert moved is not None
    assert moved.moved
    assert (await store.occurrences.plans(ACME))["tea"] == Plan("b", UNTIL)


async def test_the_latest_before_a_moment_are_not_hidden_by_those_to_come(store: Store) -> None:
    await do(store, planned("tea", -3, -2, 1, 2, 3, since=-4))
    latest = await store.occurrences.of(ACME, "tea", until=NOW, limit=2)
    assert [(each.at - NOW).days for each in latest] == [-2, -3]
    between = await store.occurrences.of(ACME, "tea", since=NOW - 2 * DAY, until=NOW + 2 * DAY)
    assert [(each.at - NOW).days for each in between] == [-2, 1]


async def test_a_dropped_item_leaves_its_history(store: Store) -> None:
    await do(store, planned("tea", -2, -1, 1, since=-3), planned("cake", 1))
    await do(store, MarkOccurrences((slot("tea", -2, Fate.OUT), slot("tea", -1, Fate.ASKED))), DropOccurrences("tea"))
    assert await days(store, "tea") == [(-2, "out"), (-1, "cancelled")]
    assert list(await store.occurrences.plans(ACME)) == ["cake"]


async def test_what_is_due_comes_earliest_first_and_moves_with_it(store: Store) -> None:
    await do(store, planned("tea", 0, 1, 2, since=-1), planned("cake", 0, since=-1))
    await do(store, MarkOccurrences((slot("tea", 2, due=NOW - DAY),)))
    due = await store.occurrences.due(ACME, NOW)
    assert [(each.item, (each.at - NOW).days) for each in due] == [("tea", 2), ("cake", 0), ("tea", 0)]
    assert len(await store.occurrences.due(ACME, NOW, limit=2)) == 2
    assert await store.occurrences.next_due(ACME) == NOW - DAY
    assert await store.occurrences.next_due(OTHER) is None
    coming = await store.occurrences.coming(ACME, since=NOW, until=NOW + DAY)
    assert [each.item for each in coming] == ["cake", "tea"]
    first = await store.occurrences.first(ACME, ["tea", "cake", "unknown"])
    assert {item: (each.at - NOW).days for item, each in first.items()} == {"tea": 2, "cake": 0}


async def test_plans_are_read_from_an_item_on(store: Store) -> None:
    await do(store, *(planned(item) for item in ("a", "b", "c")))
    assert list(await store.occurrences.plans(ACME, "a")) == ["b", "c"]
    assert list(await store.occurrences.plans(ACME, "a", "b")) == ["b"]


async def test_one_timer_stands_at_the_next_occurrence(store: Store) -> None:
    wake = WakeForOccurrences("calendar", "next")
    await do(store, wake)
    assert await store.timers.next_due() is None
    await do(store, planned("tea", 1, 2), wake)
    timer = Timer(ACME, "calendar", "next", "", NOW + DAY)
    assert await store.timers.all(ACME, "calendar", "next") == [timer]
    done = MarkOccurrences((slot("tea", 1, Fate.OUT),))
    later = NOW + DAY + timedelta(minutes=1)
    await do(store, done, WakeForOccurrences("calendar", "next", timer.due), fired=timer, at=later)
    assert await store.timers.next_due() == NOW + 2 * DAY
    await do(store, MarkOccurrences((slot("tea", 2, Fate.SKIPPED),)), wake)
    assert await store.timers.next_due() is None


async def test_a_wake_up_that_leaves_something_due_wakes_again_as_another(store: Store) -> None:
    await do(store, planned("tea", 1), planned("cake", 1), WakeForOccurrences("calendar", "next"))
    timer = Timer(ACME, "calendar", "next", "", NOW + DAY)
    done = MarkOccurrences((slot("tea", 1, Fate.OUT),))
    await do(store, done, WakeForOccurrences("calendar", "next", timer.due), fired=timer, at=timer.due)
    [again] = await store.timers.due(timer.due)
    assert again != timer
    assert again.due < timer.due


async def test_of_two_that_handle_one_wake_up_only_the_first_counts(store: Store) -> None:
    await do(store, planned("tea", 1), WakeForOccurrences("calendar", "next"))
    timer = Timer(ACME, "calendar", "next", "", NOW + DAY)
    wake = WakeForOccurrences("calendar", "next", timer.due)
    await do(store, MarkOccurrences((slot("tea", 1, Fate.OUT),)), wake, fired=timer)
    await do(store, MarkOccurrences((slot("tea", 1, Fate.MISSED),)), wake, fired=timer)
    assert await days(store, "tea") == [(1, "out")]


# People, a page at a time


async def test_people_come_in_pages_by_zone_role_and_arrival(store: Store) -> None:
    for number in range(7):
        ref = MemberRef(ACME, f"U{number}")
        member = Member(
            ref,
            f"P{number}",
            zone="Asia/Tokyo" if number % 2 else PARIS,
            bot=number == 6,
            active=number != 5,
            manager=number == 3,
            role=Role.ANIMATOR if number == 2 else Role.MEMBER,
            joined_at=datetime.combine(date(2026, 1, 1 + number), datetime.min.time(), NOW.tzinfo),
        )
        await do(store, RegisterMember(member))

    async def ids(**more: object) -> list[str]:
        return [each.ref.id for each in await store.members.page(ACME, **more)]  # type: ignore[arg-type]

    assert await store.members.zones(ACME) == ["Asia/Tokyo", PARIS]
    assert await ids() == ["U0", "U1", "U2", "U3", "U4"]
    assert await ids(limit=2) == ["U0", "U1"]
    assert await ids(limit=2, after="U1") == ["U2", "U3"]
    assert await ids(zones=["Asia/Tokyo"]) == ["U1", "U3"]
    assert await ids(role=Role.ANIMATOR) == ["U2"]
    assert await ids(managers=True) == ["U3"]
    assert await ids(joined_since=datetime(2026, 1, 4, tzinfo=NOW.tzinfo)) == ["U3", "U4"]
    assert await store.members.page(OTHER) == []


async def test_of_two_decisions_about_one_occurrence_the_later_is_taken_anew(store: Store) -> None:
    """It goes out at the instant in which somebody skips it: whichever is committed first holds."""
    await do(store, planned("tea", 1))
    before = slot("tea", 1)
    await do(store, MarkOccurrences((slot("tea", 1, Fate.OUT),), (before,)))
    with pytest.raises(Overtaken):
        await do(store, MarkOccurrences((slot("tea", 1, Fate.SKIPPED),), (before,)), planned("cake", 2))
    assert await days(store, "tea") == [(1, "out")]
    assert await days(store, "cake") == [], "nothing of that commit happened"


async def test_of_two_who_change_an_item_at_once_the_later_is_asked_again(store: Store) -> None:
    item = Item(
        id="tea", when=When(once=datetime.fromisoformat("2026-12-01T10:00")), to=("#general",), words={"en": "Tea"}
    )
    await do(store, WriteItem(KeptItem(item=item), 0))
    for status in (Status.IN_REVIEW, Status.APPROVED):
        change = WriteItem(KeptItem(item=item, status=status, version=2), 1)
        if status is Status.IN_REVIEW:
            await do(store, change)
        else:
            with pytest.raises(Overtaken):
                await do(store, change)
    kept = await store.items.get(ACME, "tea")
    assert kept is not None
    assert kept.status is Status.IN_REVIEW


async def test_what_was_moved_from_beyond_the_horizon_stays_until_the_moments_change(store: Store) -> None:
    far, horizon = NOW + 40 * DAY, NOW + 35 * DAY
    await do(store, PlanOccurrences(item="tea", plan=Plan("a", horizon), since=NOW, moments=((NOW + DAY, PARIS),)))
    moved = Slot(item="tea", at=far, zone=PARIS, due=far - DAY)
    await do(store, MarkOccurrences((moved,)))
    await do(store, PlanOccurrences(item="tea", plan=Plan("a", horizon), since=NOW, moments=((NOW + DAY, PARIS),)))
    assert await store.occurrences.get(ACME, "tea", far, PARIS) == moved
    await do(store, PlanOccurrences(item="tea", plan=Plan("b", horizon), since=NOW, moments=((NOW + DAY, PARIS),)))
    assert await store.occurrences.get(ACME, "tea", far, PARIS) is None


async def test_those_of_another_fate_are_found_by_when_they_were_due(store: Store) -> None:
    out = Slot(item="tea", at=NOW - DAY, zone=PARIS, due=NOW - DAY, fate=Fate.OUT)
    planned = Slot(item="tea", at=NOW, zone=PARIS, due=NOW)
    await do(store, MarkOccurrences((out, planned)))
    assert await store.occurrences.coming(ACME, since=NOW - 2 * DAY, fate=Fate.OUT) == [out]
    assert await store.occurrences.coming(ACME, since=NOW - 2 * DAY) == [planned]


async def test_of_two_words_about_one_occurrence_the_last_holds(store: Store) -> None:
    await do(store, planned("tea", *range(1, 131)))
    skipped = [slot("tea", day, Fate.SKIPPED, reason="asked") for day in range(1, 131)]
    await do(store, MarkOccurrences((*skipped, slot("tea", 130, Fate.OUT), slot("tea", 200))))
    found = {(each.at - NOW).days: each.fate for each in await store.occurrences.of(ACME, "tea", limit=500)}
    assert [found.pop(day) for day in (130, 200)] == [Fate.OUT, Fate.PLANNED]
    assert {*found.values()} == {Fate.SKIPPED}
    assert len(found) == 129


async def test_an_item_is_kept_with_what_it_says_and_what_was_usual_then(store: Store) -> None:
    item = Item(id="tea", when=When(rrule="FREQ=WEEKLY", weekday=0), to=("#a",), words={"fr": "Thé « é »", "en": "Tea"})
    text = written_item(item)
    assert from_json(Item, text) == item
    assert '"grace":"PT2H"' in text  # Said outright: another usual grace later would not change this item.
    assert "once" not in text
    await do(store, WriteItem(KeptItem(item=item, status=Status.APPROVED)))
    kept = await store.items.get(ACME, "tea")
    assert kept is not None
    assert kept.item == item
