"""Figures over the signals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bot.core.actions import Count, RegisterChannel
from bot.core.community import Channel
from bot.core.delivery import Kind
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import DayCount, Figures, Signal, What
from bot.store import Store
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, OTHER, RANDOM, at_home, do, say, sent, signal

DAY = timedelta(days=1)


def person(number: int) -> MemberRef:
    return MemberRef(ACME, f"P{number}")


def by_people(
    count: int, what: What, at: datetime, channel: ChannelRef | None = GENERAL, first: int = 0
) -> list[Signal]:
    """One signal of each of ``count`` people."""
    return [
        signal(f"{what}/{number}/{at}/{channel}", what, at=at, member=person(number), channel=channel)
        for number in range(first, first + count)
    ]


async def test_a_signal_is_counted_once(store: Store) -> None:
    both = [signal("a"), signal("b"), signal("a")]
    assert await store.record_signals(both) == 2
    assert await store.record_signals(both) == 0
    assert await store.record_signals([*both, signal("c", what=What.REACTED)]) == 1
    await do(store, Count(signal("a")), Count(signal("d")))
    figures = await store.measures.figures(ACME, at=NOW)
    assert (figures.messages, figures.reactions) == (3, 1)


async def test_recording_fails_as_a_whole(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # That is what is wrong with it.
    with pytest.raises(Exception, match="moment without a zone"):
        await store.record_signals([signal("a"), signal("b", at=naive)])
    assert await store.measures.workspaces() == []


async def test_active_people_are_counted_once_over_a_day_a_week_and_a_month(store: Store) -> None:
    await store.record_signals(
        by_people(5, What.POSTED, NOW)
        + by_people(5, What.REACTED, NOW - timedelta(hours=1))
        + by_people(7, What.REPLIED, NOW - 2 * DAY)
        + by_people(9, What.COMMAND, NOW - 27 * DAY)
        + by_people(30, What.POSTED, NOW - 28 * DAY - timedelta(seconds=1))
        + by_people(40, What.ASKED, NOW)
        + by_people(50, What.POSTED, NOW + timedelta(seconds=1))
    )
    figures = await store.measures.figures(ACME, at=NOW)
    assert (figures.active_day, figures.active_week, figures.active_month) == (5, 7, 9)


async def test_fewer_people_than_the_threshold_are_not_shown(store: Store) -> None:
    await store.record_signals(by_people(4, What.POSTED, NOW) + by_people(5, What.POSTED, NOW, RANDOM))
    general = await store.measures.figures(ACME, at=NOW, channel=GENERAL)
    random = await store.measures.figures(ACME, at=NOW, channel=RANDOM)
    nobody = await store.measures.figures(ACME, at=NOW, channel=ChannelRef(ACME, "C9"))
    assert (general.active_day, general.weeks[-1].active_members, general.messages) == (None, None, 4)
    assert (random.active_day, random.weeks[-1].active_members, random.threshold) == (5, 5, 5)
    assert (nobody.active_day, nobody.weeks[-1].active_members, nobody.messages) == (0, 0, 0)


@pytest.mark.parametrize(("asked", "kept"), [(1, 5), (5, 5), (8, 8)])
async def test_the_threshold_may_be_raised_but_never_lowered(store: Store, asked: int, kept: int) -> None:
    await store.record_signals(by_people(7, What.POSTED, NOW))
    figures = await store.measures.figures(ACME, at=NOW, threshold=asked)
    assert (figures.threshold, figures.active_day) == (kept, 7 if kept <= 7 else None)


async def test_newcomers_are_those_unknown_before_and_activated_when_they_take_part_soon(store: Store) -> None:
    joined = NOW - 20 * DAY
    old_hands = by_people(3, What.POSTED, NOW - 60 * DAY, first=100)
    await store.record_signals(
        [
            *by_people(12, What.JOINED, joined, None),
            *by_people(12, What.JOINED, joined + timedelta(hours=1), GENERAL),
            *by_people(4, What.POSTED, joined + timedelta(hours=2)),
            *by_people(6, What.REACTED, joined + 14 * DAY),
            *by_people(9, What.REPLIED, joined + 14 * DAY + timedelta(seconds=1), first=3),
            *by_people(1, What.ASKED, joined, first=11),
            *old_hands,
            *by_people(3, What.JOINED, joined, RANDOM, first=100),
            signal("nobody", What.JOINED, member=None),
        ]
    )
    figures = await store.measures.figures(ACME, at=NOW)
    assert (figures.newcomers, figures.newcomers_activated) == (12, 6)
    later = await store.measures.figures(ACME, at=NOW + 10 * DAY)
    assert (later.newcomers, later.newcomers_activated) == (0, 0)


async def test_silent_channels_are_those_nobody_spoke_in_for_four_weeks(store: Store) -> None:
    names = ["quiet", "noted", "counted", "never", "archived", "direct", "old"]
    refs = {name: ChannelRef(ACME, name) for name in names}
    long_ago, lately = NOW - 29 * DAY, NOW - 27 * DAY
    await do(
        store,
        RegisterChannel(Channel(refs["quiet"], "quiet", last_message_at=long_ago)),
        RegisterChannel(Channel(refs["noted"], "noted", last_message_at=lately)),
        RegisterChannel(Channel(refs["counted"], "counted")),
        RegisterChannel(Channel(refs["never"], "never")),
        RegisterChannel(Channel(refs["archived"], "archived", archived=True)),
        RegisterChannel(Channel(refs["direct"], "direct", direct=True)),
        RegisterChannel(Channel(refs["old"], "old")),
        Count(signal("1", What.REPLIED, at=lately, channel=refs["counted"])),
        Count(signal("2", What.REACTED, at=lately, channel=refs["quiet"])),
        Count(signal("3", What.POSTED, at=long_ago, channel=refs["old"])),
    )
    figures = await store.measures.figures(ACME, at=NOW)
    assert figures.silent_channels == ("never", "old", "quiet")
    one = await store.measures.figures(ACME, at=NOW, channel=refs["old"])
    assert one.silent_channels == ("old",)


async def test_totals_are_over_the_asked_weeks(store: Store) -> None:
    # NOW is a Tuesday; two ISO weeks begin on the Monday of the week before.
    first = datetime(2026, 11, 16, tzinfo=UTC)
    await store.record_signals(
        [
            signal("before", at=first - timedelta(microseconds=1)),
            signal("first", at=first),
            signal("reply", What.REPLIED, at=first + 6 * DAY),
            signal("reaction", What.REACTED),
            signal("command", What.COMMAND),
            *(signal(f"asked {n}", What.ASKED) for n in range(4)),
            *(signal(f"answered {n}", What.ANSWERED) for n in range(3)),
            signal("unanswered", What.UNANSWERED),
            signal("helped", What.HELPED),
            *(signal(f"not {n}", What.NOT_HELPED) for n in range(2)),
            signal("joined", What.JOINED, at=first),
        ]
    )
    figures = await store.measures.figures(ACME, at=NOW, weeks=2)
    assert (figures.messages, figures.replies, figures.reactions, figures.commands) == (2, 1, 1, 1)
    assert (figures.asked, figures.answered, figures.unanswered) == (4, 3, 1)
    assert (figures.helped, figures.not_helped) == (1, 2)
    assert [(week.week, week.messages, week.replies, week.reactions, week.joins) for week in figures.weeks] == [
        (date(2026, 11, 16), 2, 1, 0, None),
        (date(2026, 11, 23), 0, 0, 1, 0),
    ]
    assert (await store.measures.figures(ACME, at=NOW, weeks=3)).messages == 3


async def test_joins_of_fewer_people_than_the_threshold_are_not_shown(store: Store) -> None:
    """However many channels they joined: six joins of three people would tell of each of them."""
    week = timedelta(days=7)
    await store.record_signals(
        [
            *by_people(3, What.JOINED, NOW - week, None),
            *by_people(3, What.JOINED, NOW - week, GENERAL),
            *by_people(5, What.JOINED, NOW, None),
            *by_people(4, What.JOINED, NOW, GENERAL),
        ]
    )
    whole = await store.measures.figures(ACME, at=NOW, weeks=3)
    general = await store.measures.figures(ACME, at=NOW, weeks=3, channel=GENERAL)
    stricter = await store.measures.figures(ACME, at=NOW, weeks=3, threshold=6)
    assert [each.joins for each in whole.weeks] == [0, None, 9]
    assert [each.joins for each in general.weeks] == [0, None, None]
    assert [each.joins for each in stricter.weeks] == [0, None, None]


async def test_weeks_hold_at_the_turn_of_the_year_and_before_1970(store: Store) -> None:
    for at, monday in [
        (datetime(2027, 1, 1, tzinfo=UTC), date(2026, 12, 28)),
        (datetime(1970, 1, 5, tzinfo=UTC), date(1970, 1, 5)),
    ]:
        await store.record_signals([signal(f"{at}", at=at)])
        figures = await store.measures.figures(ACME, at=at, weeks=1)
        assert [(week.week, week.messages) for week in figures.weeks] == [(monday, 1)]


async def test_replies_per_post_count_unasked_posts_in_channels(store: Store) -> None:
    await at_home(store)
    await sent(store, say("post"))
    await sent(store, say("prompt", RANDOM, Kind.PROMPT))
    await sent(store, say("answer", kind=Kind.ANSWER))
    await sent(store, say("direct", ALICE, Kind.JOURNEY))
    await sent(store, say("long ago"), NOW - 60 * DAY)
    await do(store, say("not yet"))
    await store.record_signals([signal(f"r{n}", What.BOT_REPLIED, about="post") for n in range(5)])
    whole = await store.measures.figures(ACME, at=NOW)
    one = await store.measures.figures(ACME, at=NOW, channel=GENERAL)
    assert (whole.bot_posts, whole.replies_per_bot_post) == (2, 2.5)
    assert (one.bot_posts, one.replies_per_bot_post) == (1, 5.0)
    assert (await store.measures.figures(OTHER, at=NOW)).replies_per_bot_post is None


async def test_days_are_local_and_complete(store: Store) -> None:
    # On 2026-10-25 Paris leaves summer time: its day has 25 hours, from 22:00 UTC to 23:00 UTC.
    await store.record_signals(
        [
            signal("before", at=datetime(2026, 10, 24, 21, 59, tzinfo=UTC)),
            signal("first", at=datetime(2026, 10, 24, 22, 0, tzinfo=UTC)),
            signal("reply", What.REPLIED, at=datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),
            signal("after", at=datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),
            signal("reaction", What.REACTED, at=datetime(2026, 10, 25, 12, 0, tzinfo=UTC)),
            signal("elsewhere", at=datetime(2026, 10, 25, 12, 0, tzinfo=UTC), channel=RANDOM),
        ]
    )
    days = await store.measures.days(GENERAL, date(2026, 10, 24), date(2026, 10, 27), "Europe/Paris")
    assert days == [
        DayCount(date(2026, 10, 24), 1),
        DayCount(date(2026, 10, 25), 2),
        DayCount(date(2026, 10, 26), 1),
        DayCount(date(2026, 10, 27), 0),
    ]
    kathmandu = await store.measures.days(GENERAL, date(2026, 10, 25), date(2026, 10, 25), "Asia/Kathmandu")
    assert kathmandu == [DayCount(date(2026, 10, 25), 2)]


async def test_what_a_member_did_is_known_for_their_own_journey(store: Store) -> None:
    await store.record_signals([signal("a", What.REPLIED)])
    assert await store.measures.did(ALICE, What.REPLIED, NOW)
    assert not await store.measures.did(ALICE, What.REPLIED, NOW + timedelta(microseconds=1))
    assert not await store.measures.did(ALICE, What.POSTED, NOW - DAY)
    assert not await store.measures.did(person(1), What.REPLIED, NOW - DAY)


async def test_counts_are_by_what_they_are_about(store: Store) -> None:
    await store.record_signals(
        [
            signal("a", What.HELPED, about="mute"),
            signal("b", What.HELPED, about="mute"),
            signal("c", What.HELPED, about="threads"),
            signal("d", What.HELPED, about="old", at=NOW - DAY),
            signal("e", What.NOT_HELPED, about="mute"),
        ]
    )
    since = NOW - timedelta(hours=1)
    assert await store.measures.counts(ACME, What.HELPED, since) == {"mute": 2, "threads": 1}
    assert await store.measures.counts(OTHER, What.HELPED, since) == {}


async def test_what_history_there_is(store: Store) -> None:
    assert await store.measures.last_signal_at(ACME) is None
    abroad = WorkspaceRef("slack", "T1")
    await store.record_signals(
        [
            signal("a", channel=RANDOM),
            signal("b", at=NOW - DAY),
            signal("c", What.JOINED, channel=None),
            Signal(source="a", workspace=abroad, at=NOW + DAY, what=What.POSTED, channel=ChannelRef(abroad, "C1")),
        ]
    )
    assert await store.measures.last_signal_at(ACME) == NOW
    assert await store.measures.workspaces() == [abroad, ACME]


async def test_figures_of_nothing(store: Store) -> None:
    figures = await store.measures.figures(ACME, at=NOW, weeks=1)
    assert figures == Figures(
        workspace=ACME,
        channel=None,
        at=NOW,
        threshold=5,
        active_day=0,
        active_week=0,
        active_month=0,
        messages=0,
        replies=0,
        reactions=0,
        commands=0,
        newcomers=0,
        newcomers_activated=0,
        silent_channels=(),
        bot_posts=0,
        replies_per_bot_post=None,
        asked=0,
        answered=0,
        unanswered=0,
        helped=0,
        not_helped=0,
        weeks=figures.weeks,
    )
    assert [week.week for week in figures.weeks] == [date(2026, 11, 23)]
