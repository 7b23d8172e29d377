"""Every metric against a straightforward computation over the signals, on every database there is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.community import Channel, Member
from bot.core.definitions import by_name
from bot.core.metrics import Report
from bot.core.refs import ChannelRef, MemberRef
from bot.core.signals import Signal, What
from bot.store import Store
from tests.contract.store_house import ACME, GENERAL, RANDOM, SECRET
from tests.contract.straightforward import ACTIVE, TOOK_PART, USED, WROTE, Raw

SUNDAY = date(2026, 11, 22)
DAY = timedelta(days=1)
KINDS = [What.POSTED] * 5 + [What.REPLIED] * 6 + [What.REACTED] * 3 + [What.COMMAND, What.CLICKED, What.ASKED]
PLACES = [GENERAL, RANDOM, ChannelRef(ACME, "C3")]
TEAMS = ("design", "sales", "")


def life(seed: int, people: int = 24, signals: int = 500, days: int = 75) -> list[Signal]:
    """Some weeks of talk that end on SUNDAY, in the order in which the platform tells of it: more or less any."""
    chance = random.Random(seed)
    begins = datetime(2026, 11, 22, tzinfo=UTC) - timedelta(days=days - 1)
    made: list[Signal] = []
    said: list[Signal] = []
    for number in range(signals):
        member = MemberRef(ACME, f"P{min(int(chance.expovariate(4 / people)), people - 1)}")
        what = chance.choice(KINDS)
        at = begins + timedelta(seconds=chance.randrange(days * 86400))
        channel = chance.choices(PLACES, [8, 3, 1])[0]
        root = chance.choice(said) if said and what in (What.REPLIED, What.REACTED) and chance.random() < 0.9 else None
        if root is not None and chance.random() < 0.7:
            at = min(root.at + timedelta(minutes=chance.expovariate(1 / 90)), begins + timedelta(days=days) - DAY / 9)
        one = Signal(
            source=f"{what}/{number}",
            workspace=ACME,
            at=at,
            what=what,
            member=member,
            channel=root.channel if root is not None else (None if what in USED else channel),
            about="slug" if what is What.ASKED else "",
            reply_to=root.source if root is not None else "",
        )
        made.append(one)
        if what is What.POSTED:
            said.append(one)
    joined = [
        Signal(
            source=f"joined/{n}/{c}",
            workspace=ACME,
            at=at,
            what=What.JOINED,
            member=MemberRef(ACME, f"P{n}"),
            channel=c,
        )
        for n in range(people)
        if chance.random() < 0.8
        for at in [begins + timedelta(seconds=chance.randrange(days * 86400))]
        for c in (None, GENERAL)
    ]
    # Whoever joined is there from that moment on, most of the time.
    arrived = {each.member: each.at for each in joined}
    made = [one for one in made if one.member not in arrived or one.at >= arrived[one.member] or chance.random() < 0.1]
    whole = [*joined, *made]
    chance.shuffle(whole)
    return whole


def register(raw: Raw) -> list[Member | Channel]:
    people = sorted({each.member for each in raw.signals if each.member is not None})
    members = [Member(ref, ref.id, team=raw.teams.get(ref, ""), manager=ref in raw.managers) for ref in people]
    return [*members, *(Channel(place, place.id) for place in PLACES)]


def expect(report: Report, raw: Raw) -> None:
    """Every figure that is told is what the signals say; what is hidden is about few people, or would tell of them."""
    first = report.weeks[0].monday
    last = report.until
    for name, kinds in (("active", ACTIVE), ("posting", WROTE)):
        for label, days in (("day", 1), ("week", 7), ("28_days", 28)):
            figure = report.figures[f"{name}_{label}"]
            people = len(raw.people(figure.as_of - (days - 1) * DAY, figure.as_of, kinds))
            if figure.why == "":
                assert figure.value == people, figure
                assert people == 0 or people >= report.threshold, figure
            else:  # Too few, or so many more than were told of last that the difference would be about few.
                assert figure.value is None, figure
    told(report, "newcomers", len(raw.newcomers(report.figures["newcomers"].as_of)))
    told(report, "newcomers_activated", len(raw.activated(report.figures["newcomers_activated"].as_of)))
    for name in ("readers", "reactors", "contributors", "animators"):
        told(report, name, raw.ladder(report.figures[name].as_of)[name])
    assert [week.whole for week in report.weeks[:-1]] == [True] * (len(report.weeks) - 1)
    for week in report.weeks:
        if not week.whole:
            continue
        sunday = week.monday + 6 * DAY
        writers = len(raw.people(week.monday, sunday, WROTE))
        assert week.posting == (writers if writers == 0 or writers >= report.threshold else None)
        if writers >= report.threshold and report.channel is None:
            assert week.messages == raw.number(week.monday, sunday, What.POSTED, What.REPLIED)
        elif writers:
            assert week.messages is None or report.channel is not None
        for shown, what in ((week.posts, What.POSTED), (week.replies, What.REPLIED), (week.reactions, What.REACTED)):
            assert shown is None or shown == raw.number(week.monday, sunday, what)
    if all(week.whole and week.posts is not None for week in report.weeks):
        posts, answered = raw.number(first, last, What.POSTED), len(raw.answered(first, last))
        replies = raw.number(first, last, What.REPLIED)
        told(report, "messages", posts + replies)
        told(report, "answered_share", answered / posts if posts else None)
        told(report, "dialogue_ratio", (replies + answered) / (posts - answered) if posts > answered else None)
        told(report, "first_response_median", raw.response(first, last, 0.5))
        told(report, "first_response_90", raw.response(first, last, 0.9))
    assert set(report.figures) == set(by_name())


def told(report: Report, name: str, expected: float | None) -> None:
    figure = report.figures[name]
    assert figure.why == "few" or figure.value == expected, (name, figure, expected)


def shown(report: Report) -> int:
    return sum(figure.why == "" for figure in report.figures.values())


async def filled(store: Store, raw: Raw, parts: int = 1) -> None:
    """The store with these signals, recorded and rolled in so many parts."""
    await store.register(register(raw))
    size = len(raw.signals) // parts + 1
    for start in range(0, len(raw.signals), size):
        await store.record_signals(raw.signals[start : start + size])
        await store.metrics.catch_up()


@pytest.mark.parametrize("seed", range(3))
async def test_every_metric_is_what_the_signals_say(store: Store, seed: int) -> None:
    signals = life(seed, people=60, signals=1500)
    chance = random.Random(seed)
    people = sorted({each.member for each in signals if each.member is not None})
    raw = Raw(signals, {ref: chance.choice(TEAMS) for ref in people}, people[:20])
    await filled(store, raw)
    report = await store.metrics.report(ACME, until=SUNDAY, weeks=9)
    expect(report, raw)
    assert shown(report) > 25
    crossed, stayed = raw.between_teams(report.weeks[0].monday, SUNDAY)
    weeks = [raw.between_teams(week.monday, week.monday + 6 * DAY) for week in report.weeks]
    share = report.figures["cross_team_share"]
    if all(week.replies is not None for week in report.weeks) and share.value is not None and all(map(all, weeks)):
        assert share.value == pytest.approx(crossed / (crossed + stayed), abs=0.05)
    managers = report.figures["managers_posting"]
    posting = raw.people(managers.as_of - 6 * DAY, managers.as_of, WROTE) & set(raw.managers)
    told(report, "managers_posting", len(posting))
    assert report.value("managers") == 20
    for cohort in report.retention:
        assert cohort.people in (None, raw.cohort(cohort.month))
        for month, number in cohort.active.items():
            assert number is None or number == raw.retained(cohort.month, month)
    assert [each.people for each in report.retention if each.people]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    people=st.integers(3, 40),
    number=st.integers(1, 300),
    parts=st.integers(1, 5),
    back=st.integers(0, 20),
)
async def test_however_signals_arrive_the_figures_are_the_same(
    tmp_path: Path, seed: int, people: int, number: int, parts: int, back: int
) -> None:
    raw = Raw(life(seed, people, number))
    store = await Store.open("sqlite://", secret=SECRET)
    try:
        await filled(store, raw, parts)
        until = SUNDAY - back * DAY
        for channel in (None, GENERAL):
            report = await store.metrics.report(ACME, until=until, channel=channel, weeks=3)
            expect(report, Raw(raw.signals, channel=channel) if channel else raw)
    finally:
        await store.close()


async def test_signals_rolled_one_by_one_and_all_at_once_say_the_same(store: Store) -> None:
    raw = Raw(life(5, people=20, signals=50))
    await store.register(register(raw))
    for each in raw.signals:
        await store.record_signals([each])
        await store.metrics.catch_up()
    other = await Store.open("sqlite://", secret=SECRET)
    try:
        await filled(other, raw)
        for until in (SUNDAY, SUNDAY - 3 * DAY):
            one = await store.metrics.report(ACME, until=until, weeks=6)
            assert one == await other.metrics.report(ACME, until=until, weeks=6)
    finally:
        await other.close()


def test_the_crowds_taken_as_activity_are_those_of_the_definition() -> None:
    assert TOOK_PART < ACTIVE
