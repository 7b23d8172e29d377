"""What policy says of one delivery: the facts are gathered here, the decision is bot.core.policy's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.coming import ComingPosts
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Verb
from bot.core.policy import Attention, Go, HoldBack, PolicyRules, Verdict, Wait, judge, start_of_day
from bot.core.ports import Channels, Ledger, Members, Timetable
from bot.core.publishing import PublishingRules, Target, next_fitting, rules_for_channel
from bot.core.refs import ChannelRef, MemberRef

LOOK_AT_PAUSE = timedelta(hours=1)
"""How often what a pause without an end holds is looked at again. Resuming makes it due at once; this is for a pause
that was ended while nobody noticed (a restored backup)."""
_PRIORITY = list(Kind)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Judges deliveries by what the ledger and the timetable say at that moment."""

    ledger: Ledger
    members: Members
    channels: Channels
    timetable: Timetable
    coming_posts: ComingPosts | None = None

    async def of(self, delivery: Delivery, now: datetime) -> Verdict:
        """Whether ``delivery`` may go out now."""
        if delivery.verb is Verb.SEND and delivery.kind.unasked:
            pause = await self.ledger.paused(delivery.workspace, now)
            if pause is not None:
                return _while_paused(delivery, now, pause.until or now + LOOK_AT_PAUSE)
        if is_expired(delivery, now):
            return HoldBack("paused" if delivery.reason == "paused" else "expired")
        if delivery.verb is not Verb.SEND:
            return Go()
        verdict = await self._by_rules(delivery, now)
        if verdict == HoldBack("expired") and delivery.reason == "paused":
            return HoldBack("paused")
        if verdict == Go() and delivery.kind is Kind.POST and isinstance(delivery.to, ChannelRef):
            return await self._by_publishing(delivery, delivery.to, now)
        return verdict

    async def _by_publishing(self, delivery: Delivery, place: ChannelRef, now: datetime) -> Verdict:
        """When the rules let posts of the calendar out there: what waited may have come to another day or hour."""
        publishing = self.timetable.rules(PublishingRules)
        channel = await self.channels.get(place) if publishing.rules else None
        if channel is None:
            return Go()
        policy = self.timetable.policy_for(channel)
        target = Target(channel.name, rules_for_channel(channel, publishing), policy.zone)
        opening = next_fitting(now, target)
        if opening == now:
            return Go()
        deadline = delivery.expires or (delivery.planned_for or delivery.due) + policy.patience
        return Wait(opening, "rules") if opening is not None and opening <= deadline else HoldBack("rules")

    async def _by_rules(self, delivery: Delivery, now: datetime) -> Verdict:
        unasked = delivery.kind.unasked
        person = delivery.to if isinstance(delivery.to, MemberRef) else None
        member = await self.members.get(person) if person is not None else None
        channel = await self.channels.get(delivery.to) if isinstance(delivery.to, ChannelRef) else None
        if person is not None:
            # Somebody who was forgotten may still get the answer to what they asked, and nothing else.
            active = member.active if member is not None else not unasked
        else:
            active = channel is None or not channel.archived
        rules = _for(delivery, self.timetable.policy_for(channel, member))
        return judge(
            delivery.kind,
            now=now,
            planned_for=delivery.planned_for or delivery.due,
            expires=delivery.expires,
            rules=rules,
            zone=rules.zone,
            attention=await self.ledger.attention(delivery.to, now, rules.zone) if unasked else Attention(),
            direct=person is not None or (channel is not None and channel.direct),
            muted_until=member.muted_until if member is not None else None,
            away_until=member.away_until if member is not None else None,
            active=active,
            for_digest=delivery.reason == "for_digest",
            reserved=await self._reserved(delivery, rules, channel or member, now),
        )

    async def _reserved(
        self, delivery: Delivery, rules: PolicyRules, place: Channel | Member | None, now: datetime
    ) -> int:
        """How many messages of higher priority are still due in the place today; looked up only for kinds that are
        dropped for want of room, as only these give way beforehand. A welcome has a budget of its own in channels."""
        if not delivery.kind.unasked or rules.overflow_of(delivery.kind) != "drop":
            return 0
        midnight = start_of_day(start_of_day(now, rules.zone) + timedelta(hours=36), rules.zone)
        higher = _PRIORITY[: _PRIORITY.index(delivery.kind)]
        direct = isinstance(delivery.to, MemberRef)
        rivals = {kind for kind in higher if kind.unasked and (direct or kind is not Kind.WELCOME)}
        coming = await self.ledger.coming(delivery.to, midnight)
        reserved = sum(count for kind, count in coming.items() if kind in rivals)
        # Posts are planned in the ledger only when their moment comes; those of this very moment are there already.
        if self.coming_posts is not None and place is not None and Kind.POST in rivals:
            later = now + timedelta(microseconds=1)
            if isinstance(place, Channel):
                return reserved + await self.coming_posts.in_channel(place, later, midnight)
            return reserved + await self.coming_posts.for_member(place, later, midnight)
        return reserved


def is_expired(delivery: Delivery, now: datetime) -> bool:
    """Whether its own end is over. What waits for a digest is told later on purpose."""
    return delivery.expires is not None and now > delivery.expires and delivery.reason != "for_digest"


def _digestible(delivery: Delivery) -> bool:
    """What only one person sees, what belongs to a thread, what holds a form, and a digest itself stay alone."""
    alone = delivery.visible_to or delivery.thread or delivery.message.form or delivery.key.startswith("digest/")
    return not alone


def _while_paused(delivery: Delivery, now: datetime, until: datetime) -> Verdict:
    if is_expired(delivery, now):
        return HoldBack("paused")
    return Wait(until, "for_digest" if delivery.reason == "for_digest" else "paused")


def _for(delivery: Delivery, rules: PolicyRules) -> PolicyRules:
    """The place's rules; what cannot be told in a digest waits for room instead."""
    if rules.overflow_of(delivery.kind) == "digest" and not _digestible(delivery):
        return replace(rules, overflow="move")
    return rules
