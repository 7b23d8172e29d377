"""What people asked for holds: backwards, through restores, and against whoever tries to find them out."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.actions import Forget, Uncount
from bot.core.hiding import enough, hidden_cells, released, settled
from bot.core.policy import PolicyRules
from bot.core.refs import MemberRef
from bot.core.signals import What
from bot.store import Store
from bot.store import backup as backups
from bot.store.crowds import CROWDS, read
from bot.store.erasures import listed_at, read_list, write_list
from bot.store.rollup_tables import roster
from bot.store.secrecy import Keys
from tests.contract.store_house import ACME, ALICE, BOB, GENERAL, NOW, SECRET, do, signal
from tests.contract.straightforward import Raw
from tests.contract.test_store_metrics import DAY, SUNDAY, expect, filled, life


def without(raw: Raw, member: MemberRef) -> Raw:
    return Raw([each for each in raw.signals if each.member != member], raw.teams, raw.managers)


@pytest.mark.parametrize("action", [Forget, Uncount])
async def test_who_opts_out_leaves_the_figures_of_the_past(store: Store, action: type[Forget] | type[Uncount]) -> None:
    raw = Raw(life(3, people=40, signals=600))
    await filled(store, raw)
    someone = MemberRef(ACME, "P2")
    await do(store, action(someone))
    await store.record_signals([signal("later", member=someone)])
    report = await store.metrics.report(ACME, until=SUNDAY, weeks=6)
    left = without(raw, someone)
    for name in ("active_week", "posting_week", "active_28_days"):
        figure = report.figures[name]
        days = 7 if "week" in name else 28
        kinds = {What.POSTED, What.REPLIED} if "posting" in name else set(What) - {What.JOINED}
        assert figure.value in (None, len(left.people(figure.as_of - (days - 1) * DAY, figure.as_of, kinds)))
    about = await store.notes.about(someone)
    assert (about["counts"], about["days"]) == ({}, [])
    rows = await store._database.read(lambda connection: read(connection, str(ACME), None, CROWDS, None))
    numbers = {
        number for days in rows.values() for found in days.values() for crowd in found.values() for number in crowd
    }
    known = await store._database.read(
        lambda connection: set(connection.scalars(roster.select().with_only_columns(roster.c.number)))
    )
    assert numbers <= known


async def test_who_is_counted_again_is_so_from_then_on(store: Store) -> None:
    await store.record_signals([signal("before")])
    await do(store, Uncount(ALICE))
    assert await store.record_signals([signal("meanwhile")]) == 0
    assert (await store.notes.about(ALICE))["uncounted"] is True
    await do(store, Uncount(ALICE, counted=True))
    assert await store.record_signals([signal("after")]) == 1
    assert (await store.notes.about(ALICE))["counts"] == {"posted": 1}


async def test_a_restore_undoes_no_erasure(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path / 'allant.db'}", tmp_path / "backup.db"
    store = await Store.open(url, secret=SECRET)
    raw = Raw(life(1, people=12, signals=150))
    await filled(store, raw)
    await store.metrics.catch_up()
    backups.backup(url, copy)
    forgotten, uncounted = MemberRef(ACME, "P1"), MemberRef(ACME, "P2")
    await do(store, Forget(forgotten), Uncount(uncounted))
    await store.close()
    write_list(listed_at(url), tmp_path / "erasures")
    for lost in (False, True):
        if lost:
            for path in tmp_path.glob("allant.db*"):
                path.unlink()
            backups.restore(url, copy, erasures=read_list(tmp_path / "erasures"))
        else:
            backups.restore(url, copy)
        store = await Store.open(url, secret=SECRET)
        try:
            assert await store.members.get(forgotten) is None
            assert (await store.notes.about(forgotten))["forgotten"] is True
            for each in (forgotten, uncounted):
                assert (await store.notes.about(each))["counts"] == {}
            assert (await store.notes.about(MemberRef(ACME, "P0")))["counts"]
        finally:
            await store.close()


async def test_keys_of_two_months_have_nothing_in_common_and_go_when_a_month_is_closed(store: Store) -> None:
    """The re-identification that is tried: with the database and the secret, whose is which key, once it is closed?"""
    await store.record_signals([signal("june", at=datetime(2026, 6, 10, tzinfo=UTC)), signal("now")])
    await store.metrics.catch_up()
    before = await _member_keys(store)
    assert len(before) == 2
    rules = PolicyRules(keep_signals=timedelta(days=84))
    gone = await store.housekeeper.tidy(NOW, rules, [ACME])
    assert gone["months"] == 3  # June, and two in which nothing happened
    after = await _member_keys(store)
    assert len(after) == 1
    lost = before - after
    # Every key that can still be made for anybody, with the secret and all that the database holds.
    kept = await store._database.read(lambda c: list(c.execute(text("SELECT key FROM signal_period")).scalars()))
    makeable = {Keys(SECRET).of_month(member, key) for member in (ALICE, BOB) for key in kept}
    assert not lost & makeable
    assert await store.record_signals([signal("june again", at=datetime(2026, 6, 11, tzinfo=UTC))]) == 0
    rows = await store._database.read(lambda c: read(c, str(ACME), [""], CROWDS, None))
    assert min(rows[""]) > 20700


async def _member_keys(store: Store) -> set[bytes]:
    return await store._database.read(
        lambda c: {bytes(key) for key in c.execute(text("SELECT member_key FROM signal_member")).scalars()}
    )


async def test_a_closed_past_says_what_it_said(store: Store) -> None:
    raw = Raw(life(2, people=50, signals=1500, days=140))
    await filled(store, raw)
    until = SUNDAY - 98 * DAY
    before = await store.metrics.report(ACME, until=until, weeks=3)
    await store.housekeeper.tidy(NOW, PolicyRules(keep_signals=timedelta(days=30)), [ACME])
    after = await store.metrics.report(ACME, until=until, weeks=3)
    assert [week.posting for week in before.weeks if week.posting]
    assert [(week.active, week.posting, week.messages) for week in after.weeks] == [
        (week.active, week.posting, week.messages) for week in before.weeks
    ]
    assert after.figures["readers"].why == "gone"
    present = await store.metrics.report(ACME, until=SUNDAY, weeks=2)
    expect(present, raw)


def test_differences_of_running_totals_are_about_enough_people() -> None:
    chance = random.Random(4)
    for _ in range(300):
        days = [set(chance.sample(range(30), chance.randrange(6))) for _ in range(7)]

        def people(chosen: object, days: list[set[int]] = days) -> list[int]:
            return [len(set().union(*(days[day] for day in chosen)))]  # type: ignore[attr-defined]

        told = [released(range(last + 1), people, 5) for last in range(7)]
        for one, other in itertools.pairwise(told):
            assert one == other or len(set().union(*days[one:other])) >= 5


def test_what_is_hidden_is_never_one_small_part_of_a_whole() -> None:
    chance = random.Random(5)
    for _ in range(500):
        cells = {name: chance.choice((0, 1, 3, 4, 6, 9, 40)) for name in "abcd"}
        hidden = hidden_cells(cells, 5)
        left = sum(cells[name] for name in hidden)
        assert all(enough(cells[name], 5) for name in cells.keys() - hidden)
        assert not hidden or left >= 5 or set(cells) - hidden <= {name for name in cells if not cells[name]}


def test_steps_are_the_same_whichever_day_a_report_is_made() -> None:
    class People(set[int]):
        def symmetric_difference_cardinality(self, other: People) -> int:
            return len(self ^ other)

    chance = random.Random(6)
    days = [People(chance.sample(range(40), 12)) for _ in range(7)]
    told = [settled(range(last + 1), lambda day: [days[day]], 5) for last in range(7)]
    assert told == sorted(told)
    assert all(one == other or len(days[one] ^ days[other]) >= 5 for one, other in itertools.pairwise(told))


async def test_the_channels_of_a_week_and_their_total_do_not_tell_of_a_small_one(store: Store) -> None:
    monday = datetime(2026, 11, 16, 9, tzinfo=UTC)
    small = type(GENERAL)(ACME, "C9")
    await store.record_signals(
        [signal(f"g{n}", at=monday, member=MemberRef(ACME, f"P{n}")) for n in range(9)]
        + [signal(f"s{n}", at=monday, member=MemberRef(ACME, f"P{n}"), channel=small) for n in range(2)]
    )
    until = date(2026, 11, 22)
    whole, large, tiny = [
        (await store.metrics.report(ACME, until=until, channel=channel, weeks=1)).weeks[0]
        for channel in (None, GENERAL, small)
    ]
    assert whole.messages == 11
    assert tiny.messages is None
    assert large.messages is None  # 11 less its 9 would tell what the two said.
