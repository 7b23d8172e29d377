"""Who may write, approve and publish in which channels, when, and how much: pure decisions over ``publishing:``.

A place is a channel (``#general``, with its tags ``tag:official``) or an audience (``@everyone``). All moments are
aware; zones are IANA names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.core.community import Channel, Member, Role
from bot.core.localtime import local_date, local_moment
from bot.core.refs import MemberRef

_ROLES = {"member": Role.MEMBER, "everyone": Role.MEMBER, "animator": Role.ANIMATOR, "admin": Role.ADMIN}


class Right(StrEnum):
    WRITE = "write"
    APPROVE = "approve"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRules:
    """Who may do what in some channels. ``channels``: names (``#general``), tags (``tag:official``) and audiences
    (``@everyone``); none means everywhere but in one-way channels.

    ``write``, ``approve`` and ``publish`` name roles (``member``, ``animator``, ``admin``), people (``@odile``) and
    groups (``team:design``). ``days`` (0 Monday; none: any), ``opens`` and ``closes`` (wall clock of the channel) say
    when posts may go out. ``channel_week`` and ``author_week``: the most posts of the calendar in a week (Monday to
    Sunday), of all authors and of one; None: no limit but the attention budget. ``four_eyes``: whoever last wrote an
    item does not approve it.
    """

    channels: tuple[str, ...] = ()
    write: tuple[str, ...] = ("animator",)
    approve: tuple[str, ...] = ("animator",)
    publish: tuple[str, ...] = ("animator",)
    four_eyes: bool = False
    days: tuple[int, ...] = ()
    opens: time | None = None
    closes: time | None = None
    channel_week: int | None = None
    author_week: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingRules:
    """schedules/policy.yaml, under ``publishing:``. The first of ``rules`` that names a place holds there; where none
    does, animators may do everything. ``groups``: people by the name of their team. ``deputies``: who inherits the
    items of whom."""

    rules: tuple[PlaceRules, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deputies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A place that an item is addressed to: how people call it, and the rules that hold there."""

    name: str
    rules: PlaceRules
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: ``reason`` is write, approve, publish, four_eyes, day, hour, channel_week, author_week, or approver_left
    where whoever approved it is gone. ``whom``: who may, as the rules name them. ``at``: the moment that does not fit.
    ``most``: the limit that would be passed."""

    reason: str
    place: str
    whom: tuple[str, ...] = ()
    at: datetime | None = None
    most: int = 0


def rules_for_channel(channel: Channel, publishing: PublishingRules) -> PlaceRules:
    """The rules that hold in ``channel``. A rule for everywhere does not open a one-way channel."""
    names = {f"#{channel.name.casefold()}", *(f"tag:{tag.casefold()}" for tag in channel.tags)}
    for rules in publishing.rules:
        if names & set(_folded(rules.channels)) or not (rules.channels or channel.one_way):
            return rules
    return PlaceRules()


def rules_for_audience(audience: str, publishing: PublishingRules) -> PlaceRules:
    """The rules for direct messages to an audience such as ``@everyone``."""
    for rules in publishing.rules:
        if not rules.channels or audience.casefold() in _folded(rules.channels):
            return rules
    return PlaceRules()


def _folded(places: Iterable[str]) -> Iterable[str]:
    for place in places:
        bare = place.strip().casefold()
        yield bare if bare.startswith(("#", "@", "tag:")) else f"#{bare}"


def is_among(member: Member, who: Collection[str], groups: Mapping[str, Collection[str]]) -> bool:
    """Whether ``who`` (roles, people, groups) names ``member``. Nobody who left is named."""
    return member.active and any(_is_named(member, each, groups) for each in who)


def _is_named(member: Member, one: str, groups: Mapping[str, Collection[str]]) -> bool:
    bare = one.strip().casefold()
    if bare.startswith("team:"):
        people = {name.casefold(): people for name, people in groups.items()}.get(bare[5:].strip(), ())
        return any(_is_person(member, person) for person in people)
    if bare in _ROLES:
        return member.role >= _ROLES[bare]
    return _is_person(member, bare)


def _is_person(member: Member, name: str) -> bool:
    wanted = name.strip().removeprefix("@").casefold()
    return bool(wanted) and wanted in (member.ref.id.casefold(), member.name.casefold())


def may(
    member: Member,
    right: Right,
    targets: Sequence[Target],
    groups: Mapping[str, Collection[str]],
    *,
    writer: MemberRef | None = None,
) -> Refusal | None:
    """Why ``member`` may not use ``right`` in one of the places; None when they may in all. ``writer``: whoever last
    wrote what is to be approved."""
    for target in targets:
        whom = {Right.WRITE: target.rules.write, Right.APPROVE: target.rules.approve}.get(right, target.rules.publish)
        if not is_among(member, whom, groups):
            return Refusal(right.value, target.name, whom)
        if right is Right.APPROVE and target.rules.four_eyes and writer == member.ref:
            return Refusal("four_eyes", target.name, whom)
    return None


def fits(moments: Iterable[datetime], target: Target) -> Refusal | None:
    """The first of the moments at which nothing may go out in ``target``."""
    rules = target.rules
    for moment in moments:
        local = moment.astimezone(ZoneInfo(target.zone))
        if rules.days and local.weekday() not in rules.days:
            return Refusal("day", target.name, rules.publish, at=moment)
        clock = local.time().replace(tzinfo=None)
        if (rules.opens is not None and clock < rules.opens) or (rules.closes is not None and clock > rules.closes):
            return Refusal("hour", target.name, rules.publish, at=moment)
    return None


def next_fitting(moment: datetime, target: Target) -> datetime | None:
    """The first moment from ``moment`` on at which something may go out in ``target``, as aware UTC; None without."""
    for ahead in range(8):
        day = local_date(moment, target.zone) + timedelta(days=ahead)
        opens = local_moment(day, target.rules.opens or time(0), target.zone)
        if fits([max(moment, opens)], target) is None:
            return max(moment, opens)
    return None


def too_much(
    moments: Iterable[datetime], target: Target, others: Iterable[datetime], own: Iterable[datetime]
) -> Refusal | None:
    """Whether posts at ``moments`` pass what a week may hold in ``target``. ``others``: those of the whole calendar
    planned there besides, ``own``: those among them of the same author."""
    new = sorted(moments)
    for limit, reason, besides in (
        (target.rules.channel_week, "channel_week", others),
        (target.rules.author_week, "author_week", own),
    ):
        if limit is None:
            continue
        weeks = Counter(_week(moment, target.zone) for moment in besides)
        for moment in new:
            weeks[_week(moment, target.zone)] += 1
            if weeks[_week(moment, target.zone)] > limit:
                return Refusal(reason, target.name, target.rules.publish, at=moment, most=limit)
    return None


def _week(moment: datetime, zone: str) -> tuple[int, int]:
    year, number, _ = moment.astimezone(ZoneInfo(zone)).isocalendar()
    return year, number


def deputy_of(leaver: Member, publishing: PublishingRules, animators: Sequence[Member]) -> Member | None:
    """Who inherits the items of ``leaver``: the deputy the rules name, if they animate too; else the next animator by
    name. None when nobody animates any more."""
    present = [each for each in animators if each.ref != leaver.ref and each.active]
    for person, deputy in publishing.deputies.items():
        if _is_person(leaver, person):
            named = [each for each in present if _is_person(each, deputy)]
            if named:
                return named[0]
    return min(present, key=lambda each: (each.name.casefold(), each.ref), default=None)
