"""What policy will probably say of a post to come in a channel: pure decisions over what is known today."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.delivery import Kind
from bot.core.policy import Attention, Go, HoldBack, PolicyRules, Wait, judge, start_of_day

MOST_WAITS = 5
"""Times a post is moved on before nobody wants to know any further."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a post will go out (aware UTC; None: it will be held back), and the ledger's reasons, in order, for which it
    does not at its own moment."""

    at: datetime | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What takes room in a channel: what it ``got`` by ``now``, and the moment and item of each post ``coming``."""

    now: datetime
    got: Attention
    coming: Collection[tuple[datetime, str]]

    def taken(self, moment: datetime, item: str, zone: str) -> Attention:
        """What the channel will have got by ``moment``, when the turn of ``item`` comes.

        What it got already counts on this day only: which of it is a week old by then is not known, and a false alarm
        is worse than none.
        """
        day = start_of_day(moment, zone)
        before = [at for at, other in self.coming if (at, other) < (moment, item)]
        today = sum(at >= day for at in before)
        week = sum(at > moment - WEEK for at in before)
        if day != start_of_day(self.now, zone):
            return Attention(today, week)
        got = self.got
        return Attention(got.day + today, got.week + week, got.welcomes_day, got.welcomes_week)


def foresee(item: str, due: datetime, expires: datetime, rules: PolicyRules, room: Room) -> Outlook:
    """What will become of the copy of ``item`` that is due in a channel with ``rules``, if nothing else changes."""
    moment, reasons = due, list[str]()
    for _ in range(MOST_WAITS):
        verdict = judge(
            Kind.POST,
            now=moment,
            planned_for=due,
            expires=expires,
            rules=rules,
            zone=rules.zone,
            attention=room.taken(moment, item, rules.zone),
            direct=False,
        )
        match verdict:
            case Go():
                break
            case HoldBack(reason):
                return Outlook(None, (*reasons, reason))
            case Wait(until, "for_digest"):
                return Outlook(until, (*reasons, "for_digest"))
            case Wait(until, reason):
                reasons.append(reason)
                moment = until
    return Outlook(moment, tuple(reasons))
