"""Who may publish what, where and when, looked at for the posts to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.core.calendar import Item
from bot.core.community import Channel, Role
from bot.core.publishing import (
    PublishingRules,
    Refusal,
    Target,
    fits,
    is_among,
    rules_for_audience,
    rules_for_channel,
    too_much,
)
from bot.forecast import Files, Known, Post, aimed_at
from bot.rehearsal.inspect import OUTSIDE_ROLES, ROLES, about, person
from bot.rehearsal.troubles import Severity, Trouble

_WHY = {
    "day": "nothing may be published there on that day of the week",
    "hour": "nothing may be published there at that time of day",
    "channel_week": "the channel may have {most} posts a week",
    "author_week": "one author may have {most} posts a week there",
}


def _target(place: Channel, files: Files) -> Target:
    publishing = files.schedules.rules(PublishingRules)
    if place.direct:
        return Target(place.name, rules_for_audience(place.name, publishing), place.zone)
    return Target(f"#{place.name}", rules_for_channel(place, publishing), place.zone)


async def owner_troubles(items: Iterable[Item], known: Known, files: Files) -> list[Trouble]:
    """Items in channels where whoever is responsible for them may not publish."""
    found = []
    for item in items:
        for channel in aimed_at(item, known.channels):
            target = _target(channel, files)
            if await _may_publish(item.owner, target, known, files):
                continue
            whom = ", ".join(target.rules.publish) or "nobody"
            kind = "one_way_owner" if channel.one_way else "not_permitted"
            reason = f"“{item.owner}” may not publish in {target.name}: {whom} may"
            mend = "make one of them responsible, choose another channel, or change publishing: in policy.yaml"
            found.append(about(item, kind, Severity.ERROR, reason, mend, channel))
    return found


async def _may_publish(owner: str, target: Target, known: Known, files: Files) -> bool:
    """Whether somebody of that role, or that person, may. Who is not known here is another trouble's matter."""
    bare, allowed = owner.casefold(), {each.strip().casefold() for each in target.rules.publish}
    if bare in allowed:
        return True
    if bare in ROLES or bare in OUTSIDE_ROLES:
        role = ROLES.get(bare, Role.MEMBER)
        return any(role >= ROLES.get(each, Role.MEMBER) for each in allowed & {*ROLES, "member", "everyone"})
    member = await person(owner, known)
    publishing = files.schedules.rules(PublishingRules)
    return member is None or is_among(member, target.rules.publish, publishing.groups)


def moment_troubles(posts: Sequence[Post], files: Files) -> Iterator[Trouble]:
    """Posts at times, or beyond numbers, that the rules of their place forbid."""
    by_place: defaultdict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_place[post.place].append(post)
    for here in by_place.values():
        target = _target(here[0].channel, files)
        by_author: defaultdict[str, list[datetime]] = defaultdict(list)
        before: list[datetime] = []
        for post in here:
            own = by_author[post.item.owner]
            found = fits([post.at], target) or too_much([post.at], target, before, own)
            before.append(post.at)
            own.append(post.at)
            if found is not None:
                yield _told(post, found)


def _told(post: Post, found: Refusal) -> Trouble:
    why = _WHY.get(found.reason, found.reason).format(most=found.most)
    return Trouble(
        code="not_permitted",
        severity=Severity.ERROR,
        reason=f"{post.place}: {why} (publishing rules)",
        mend="move it, or change publishing: in policy.yaml",
        file=post.item.file,
        line=post.item.line,
        item=post.item.id,
        channel=post.place,
        moments=(post.at,),
    )
