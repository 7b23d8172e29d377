"""Who may say what, where, when: the decisions, against computations of their own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.community import Channel, Member, Role
from bot.core.publishing import (
    PlaceRules,
    PublishingRules,
    Right,
    Target,
    deputy_of,
    fits,
    may,
    rules_for_audience,
    rules_for_channel,
    too_much,
)
from bot.core.refs import ChannelRef, MemberRef
from tests.contract.store_house import ACME

PEOPLE = ("ann", "ben", "cleo", "dan")
GROUPS = {"design": ("ann", "@cleo")}
WHO = ("member", "animator", "admin", "@ann", "ben", "team:design", "team:nobody")


def member(name: str, role: Role = Role.MEMBER, active: bool = True) -> Member:
    return Member(MemberRef(ACME, name), name.title(), role=role, active=active)


members = st.builds(member, st.sampled_from(PEOPLE), st.sampled_from(list(Role)), st.booleans())
whos = st.lists(st.sampled_from(WHO), max_size=4).map(tuple)
places = st.builds(PlaceRules, write=whos, approve=whos, publish=whos, four_eyes=st.booleans())
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001  # Made aware at once.


def named(person: Member, who: tuple[str, ...]) -> bool:
    """The same question asked the other way round: everything that names this person."""
    mine = {f"@{person.ref.id}", person.ref.id, *(f"team:{name}" for name in GROUPS if person.ref.id in "ann cleo")}
    mine |= {role for role, least in (("member", 0), ("animator", 1), ("admin", 2)) if person.role >= least}
    return person.active and bool(mine & set(who))


@given(members, st.sampled_from(list(Right)), st.lists(places, min_size=1, max_size=3), st.sampled_from(PEOPLE))
def test_somebody_may_exactly_what_every_place_lets_them(
    person: Member, right: Right, rules: list[PlaceRules], writer: str
) -> None:
    targets = [Target(f"#{number}", each) for number, each in enumerate(rules)]
    refused = may(person, right, targets, GROUPS, writer=MemberRef(ACME, writer))
    allowed = all(
        named(person, getattr(each, right.value))
        and not (right is Right.APPROVE and each.four_eyes and writer == person.ref.id)
        for each in rules
    )
    assert (refused is None) is allowed
    if refused is not None:
        assert refused.whom == getattr(rules[int(refused.place[1:])], right.value)


@given(
    st.lists(moments, max_size=6),
    st.lists(st.integers(0, 6), max_size=4).map(tuple),
    st.none() | st.times().map(lambda each: each.replace(microsecond=0)),
    st.none() | st.times().map(lambda each: each.replace(microsecond=0)),
    st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu"]),
)
def test_moments_fit_when_each_is_on_a_day_and_at_an_hour_that_is_open(
    planned: list[datetime], days: tuple[int, ...], opens: time | None, closes: time | None, zone: str
) -> None:
    target = Target("#a", PlaceRules(days=days, opens=opens, closes=closes), zone)
    local = [each.astimezone(ZoneInfo(zone)) for each in planned]
    wrong = [
        moment
        for moment, here in zip(planned, local, strict=True)
        if (days and here.weekday() not in days)
        or (opens is not None and here.time() < opens)
        or (closes is not None and here.time() > closes)
    ]
    refused = fits(planned, target)
    assert (refused.at if refused is not None else None) == (wrong[0] if wrong else None)


@given(
    st.lists(moments, max_size=8),
    st.lists(moments, max_size=8),
    st.integers(0, 8),
    st.integers(0, 3) | st.none(),
    st.integers(0, 3) | st.none(),
)
def test_no_week_holds_more_than_its_limits(
    new: list[datetime], others: list[datetime], mine: int, channel: int | None, author: int | None
) -> None:
    target = Target("#a", PlaceRules(channel_week=channel, author_week=author), "Europe/Paris")
    own = others[:mine]

    def weeks(of: list[datetime]) -> Counter[datetime]:
        """By the Monday on which each week begins."""
        days = [each.astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None) for each in of]
        return Counter(datetime.combine((day - timedelta(days=day.weekday())).date(), time(0)) for day in days)

    def passed(limit: int | None, besides: list[datetime]) -> bool:
        touched = weeks(new)
        total = touched + weeks(besides)
        return limit is not None and any(total[week] > limit for week in touched)

    refused = too_much(new, target, others, own)
    assert (refused is not None) is (passed(channel, others) or passed(author, own))


def channel(name: str, *tags: str, one_way: bool = False) -> Channel:
    return Channel(ChannelRef(ACME, name), name, tags=tags, one_way=one_way)


def test_the_first_rule_that_names_a_place_holds_and_a_general_one_opens_no_one_way_channel() -> None:
    official = PlaceRules(channels=("tag:Official",), write=("@odile",))
    ideas = PlaceRules(channels=("ideas", "@managers"), write=("member",))
    everywhere = PlaceRules(write=("member",))
    rules = PublishingRules(rules=(official, ideas, everywhere))
    assert rules_for_channel(channel("news", "official"), rules) == official
    assert rules_for_channel(channel("Ideas"), rules) == ideas
    assert rules_for_channel(channel("random"), rules) == everywhere
    assert rules_for_channel(channel("news", one_way=True), rules) == PlaceRules()
    assert rules_for_audience("@managers", rules) == ideas
    assert rules_for_audience("@everyone", rules) == everywhere
    assert rules_for_audience("@everyone", PublishingRules()) == PlaceRules()


@pytest.mark.parametrize(
    ("animators", "heir"),
    [
        (["ben", "cleo"], "cleo"),  # The deputy, though not the first by name.
        (["ben", "dan"], "ben"),
        (["ann"], None),
        ([], None),
    ],
)
def test_items_go_to_the_deputy_else_to_the_next_animator(animators: list[str], heir: str | None) -> None:
    rules = PublishingRules(deputies={"@Ann": "cleo"})
    found = deputy_of(member("ann"), rules, [member(name, Role.ANIMATOR) for name in animators])
    assert (found.ref.id if found is not None else None) == heir
