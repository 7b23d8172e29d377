"""How fast each platform is written to: as fast as it may be, and never past what it documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.leases import Held
from bot.core.refs import ChannelRef, MemberRef, Place, WorkspaceRef
from bot.delivery import Limits, Pace, Rate

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
WINDOWS = {
    # What the vendors document: at most so many messages in so many seconds, in a group or conversation, and over all.
    ("telegram", "channel"): [(1, 1.0), (20, 60.0)],
    ("telegram", "member"): [(1, 1.0)],
    ("telegram", "workspace"): [(30, 1.0)],
    ("teams", "channel"): [(7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0)],
    ("teams", "member"): [(7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0)],
    ("teams", "workspace"): [(50, 1.0)],
}


def sends(limits: Limits, places: list[Place], pauses: list[float], count: int) -> list[float]:
    """The seconds at which messages leave when as many as may be are sent, with pauses of silence in between."""
    now, pauses = START, list(pauses)
    moments: list[float] = []
    while len(moments) < count:
        place = places[len(moments) % len(places)]
        ready = limits.ready_at(place, now)
        if ready > now:
            now = ready
            if pauses:
                now += timedelta(seconds=pauses.pop())
            continue
        assert limits.take(place, now)
        limits.sent(place, now)
        moments.append((now - START).total_seconds())
    return moments


def places_of(platform: str, what: str) -> list[Place]:
    workspace = WorkspaceRef(platform, "w")
    if what == "channel":
        return [ChannelRef(workspace, "c")]
    if what == "member":
        return [MemberRef(workspace, "m")]
    return [ChannelRef(workspace, f"c{number}") for number in range(3000)]


@pytest.mark.parametrize(("platform", "what"), list(WINDOWS))
@settings(max_examples=8, deadline=None)
@given(pauses=st.lists(st.floats(0, 120), max_size=6))
def test_no_documented_window_is_ever_passed(platform: str, what: str, pauses: list[float]) -> None:
    moments = sends(Limits(), places_of(platform, what), pauses, 300)
    for most, seconds in WINDOWS[platform, what]:
        for first, last in zip(moments, moments[most:], strict=False):
            # Both ends of the window are in it: a hair's breadth is the clock's microsecond.
            assert last - first >= seconds - 1e-3, (most, seconds)


@pytest.mark.parametrize(
    ("platform", "what", "least"),
    [("telegram", "channel", 18 / 60), ("teams", "channel", 0.48), ("slack", "channel", 1.0)],
)
def test_in_the_long_run_what_is_allowed_is_used(platform: str, what: str, least: float) -> None:
    moments = sends(Limits(), places_of(platform, what), [], 400)
    assert (len(moments) - 1) / moments[-1] >= least


@pytest.mark.parametrize(("platform", "what"), [("telegram", "channel"), ("teams", "channel")])
def test_two_processes_that_take_turns_keep_the_windows_together(platform: str, what: str) -> None:
    """Each leaves the place as it is to the other, every few messages."""
    one, two, [place], now = Limits(shared=True), Limits(shared=True), places_of(platform, what), START
    moments: list[float] = []
    while len(moments) < 200:
        if len(moments) % 3 == 0:
            left = one.leave(place, now)
            one, two = two, one
            one.go_on(place, Held(rested_in=left.rested_in - left.ready_in), now + left.ready_in)
            now += left.ready_in
        now = max(now, one.ready_at(place, now))
        assert one.take(place, now)
        moments.append((now - START).total_seconds())
    for most, seconds in WINDOWS[platform, what]:
        for first, last in zip(moments, moments[most:], strict=False):
            assert last - first >= seconds - 1e-3, (most, seconds)


def test_one_place_takes_nothing_from_another_and_a_rest_gives_its_burst_back() -> None:
    limits = Limits({"teams": Pace(channel=(Rate(1, 2), Rate(0.1, 5)))})
    one, two = ChannelRef(WorkspaceRef("teams", "w"), "1"), ChannelRef(WorkspaceRef("teams", "w"), "2")
    assert [limits.take(one, START) for _ in range(3)] == [True, True, False]
    assert limits.take(two, START)
    later = START + timedelta(minutes=10)
    assert [limits.take(one, later) for _ in range(3)] == [True, True, False]


def test_a_platform_nobody_described_is_written_to_slowly() -> None:
    limits, place = Limits(), ChannelRef(WorkspaceRef("carrier-pigeon", "w"), "c")
    assert limits.take(place, START)
    assert limits.ready_at(place, START) == START + timedelta(seconds=1)


def test_a_private_chat_is_one_place_whatever_it_is_called() -> None:
    limits, workspace = Limits(), WorkspaceRef("telegram", "w")
    person, chat, group = MemberRef(workspace, "17"), ChannelRef(workspace, "17"), ChannelRef(workspace, "-17")
    assert limits.take(person, START)
    assert limits.ready_at(chat, START) > START
    assert limits.ready_at(group, START) < limits.ready_at(chat, START)
    # Answers in it need not keep to what a group takes in a minute.
    moments = sends(limits, [chat], [], 40)
    assert moments[-1] < 50
