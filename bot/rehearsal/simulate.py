"""The posts of the period taken through the policy one after the other, as the outbox will."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.core.delivery import Kind
from bot.core.policy import Attention, Go, HoldBack, PolicyRules, judge, next_open, start_of_day
from bot.core.posting import ON_TIME
from bot.core.refs import ChannelRef
from bot.forecast import Post
from bot.rehearsal.troubles import Severity, Trouble

WEEK = timedelta(days=7)
_BUDGETS = {"day_budget": ("day", "a day"), "week_budget": ("week", "a week")}


@dataclass(frozen=True, slots=True)
class Played:
    """What becomes of a post: it goes out at ``at`` (aware UTC), or is held back then. ``reason`` is that of the
    policy where it did not go out at once."""

    post: Post
    outcome: Literal["out", "moved", "held_back"]
    at: datetime
    reason: str = ""


def play(
    posts: Sequence[Post], rules: Mapping[ChannelRef, PolicyRules], sent: Mapping[ChannelRef, Sequence[datetime]]
) -> list[Played]:
    """What becomes of each post, in their order. ``rules`` of each channel; ``sent``: when the channels got unasked
    messages before."""
    got: defaultdict[ChannelRef, list[datetime]] = defaultdict(list)
    for place, moments in sent.items():
        got[place] += moments
    waiting = [(post.at, number, "") for number, post in enumerate(posts)]
    heapq.heapify(waiting)
    played: dict[int, Played] = {}
    while waiting:
        now, number, why = heapq.heappop(waiting)
        post = posts[number]
        channel, policy = post.channel, rules[post.channel.ref]
        verdict = judge(
            Kind.POST,
            now=now,
            planned_for=post.at,
            expires=next_open(post.at, policy, channel.zone) + max(post.item.grace, ON_TIME),
            rules=policy,
            zone=channel.zone,
            attention=_attention(got[channel.ref], now, channel.zone),
            direct=channel.direct,
        )
        if isinstance(verdict, Go):
            got[channel.ref].append(now)
            played[number] = Played(post, "moved" if why else "out", now, why)
        elif isinstance(verdict, HoldBack):
            # Expired is what came of it: why it had to wait says more.
            played[number] = Played(post, "held_back", now, why if verdict.reason == "expired" else verdict.reason)
        elif verdict.until > now:
            heapq.heappush(waiting, (verdict.until, number, verdict.reason))
        else:
            played[number] = Played(post, "held_back", now, verdict.reason)
    return [played[number] for number in range(len(posts))]


def _attention(moments: Sequence[datetime], now: datetime, zone: str) -> Attention:
    midnight = start_of_day(now, zone)
    return Attention(
        day=sum(midnight <= moment <= now for moment in moments),
        week=sum(now - WEEK < moment <= now for moment in moments),
    )


def timing_troubles(played: Sequence[Played], rules: Mapping[ChannelRef, PolicyRules]) -> Iterator[Trouble]:
    """Posts that the policy moves or holds back."""
    for each in played:
        if each.outcome == "out":
            continue
        post, policy = each.post, rules[each.post.channel.ref]
        code, why, mend = _explained(post, each.reason, policy)
        local = each.at.astimezone(ZoneInfo(post.channel.zone))
        outcome = "it is held back"
        if each.outcome == "moved":
            later = "the same day" if local.date() == post.local.date() else "another day"
            outcome = f"it waits and goes out {later}, at {local:%H:%M}"
        yield Trouble(
            code=code,
            severity=Severity.ERROR if each.outcome == "held_back" else Severity.WARNING,
            reason=f"{why} ({post.place}): {outcome}",
            mend=mend,
            file=post.item.file,
            line=post.item.line,
            item=post.item.id,
            channel=post.place,
            moments=(post.at,),
        )


def _explained(post: Post, reason: str, policy: PolicyRules) -> tuple[str, str, str]:
    """The code, the reason in words, and how to mend it."""
    if reason in _BUDGETS:
        suffix, span = _BUDGETS[reason]
        name = f"{'member' if post.channel.direct else 'channel'}_{suffix}"
        most = getattr(policy, name)
        mend = f"move it to another day, raise its grace, or raise {name} in policy.yaml"
        return "attention_budget", f"more than {most} messages {span}", mend
    day = post.local.date()
    if name := policy.holiday(day):
        return "holiday", f"{name} is a holiday", "move it, or leave the day out with except:"
    if day.weekday() not in policy.working_days:
        return "day_off", f"{post.local:%A} is not a working day", "choose a working day, or see working_days"
    hours = f"{policy.quiet_from:%H:%M} to {policy.quiet_to:%H:%M}"
    return "quiet_hours", f"{post.local:%H:%M} lies in the quiet hours ({hours})", "choose another time of day"


def closeness_troubles(played: Sequence[Played], gap: timedelta) -> Iterator[Trouble]:
    """Posts that go out in the same channel less than ``gap`` after another."""
    by_channel: defaultdict[ChannelRef, list[Played]] = defaultdict(list)
    for each in played:
        if each.outcome != "held_back":
            by_channel[each.post.channel.ref].append(each)
    for rows in by_channel.values():
        rows.sort(key=lambda row: row.at)
        for earlier, later in itertools.pairwise(rows):
            between = later.at - earlier.at
            if between < gap:
                post = later.post
                minutes = between // timedelta(minutes=1)
                when = "at the same time as" if not minutes else f"{minutes} min after"
                yield Trouble(
                    code="close_together",
                    severity=Severity.WARNING,
                    reason=f"goes out {when} {earlier.post.item.id} in {post.place}",
                    mend=f"keep {gap // timedelta(minutes=1)} min between them: move one of the two",
                    file=post.item.file,
                    line=post.item.line,
                    item=post.item.id,
                    channel=post.place,
                    moments=(post.at,),
                )
