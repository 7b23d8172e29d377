"""The metrics once more, computed in the most straightforward way from a list of signals: sets, loops, no bitmap, no
rollup, no month. What the store says is compared with this."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from bot.core.refs import ChannelRef, MemberRef
from bot.core.signals import Signal, What

DAY = timedelta(days=1)
WROTE = {What.POSTED, What.REPLIED}
TOOK_PART = WROTE | {What.REACTED}
USED = {What.COMMAND, What.CLICKED, What.ASKED}
ACTIVE = TOOK_PART | USED
MINUTES = [1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1080]
MINUTES += [1440 * days for days in (1, 2, 3, 4, 5, 7, 10, 14, 21, 28)]


@dataclass
class Raw:
    """All signals of one workspace; each source counts once. ``teams`` and ``managers``: of the people."""

    signals: Sequence[Signal]
    teams: Mapping[MemberRef, str] = field(default_factory=dict)
    managers: Collection[MemberRef] = ()
    channel: ChannelRef | None = None

    def __post_init__(self) -> None:
        self.signals = list({each.source: each for each in reversed(self.signals)}.values())
        self.by_source = {each.source: each for each in self.signals}
        self.replies: dict[str, list[Signal]] = {}
        self.joinings: dict[MemberRef, list[date]] = {}
        self.first: dict[MemberRef, date] = {}
        for each in self.signals:
            if each.what is What.REPLIED:
                self.replies.setdefault(each.reply_to, []).append(each)
            if each.member is not None:
                if each.what is What.JOINED:
                    self.joinings.setdefault(each.member, []).append(each.at.date())
                self.first[each.member] = min(self.first.get(each.member, each.at.date()), each.at.date())

    def here(self, first: date, last: date, kinds: Collection[What]) -> list[Signal]:
        return [
            each
            for each in self.signals
            if each.what in kinds
            and first <= each.at.date() <= last
            and (self.channel is None or each.channel == self.channel)
        ]

    def people(self, first: date, last: date, kinds: Collection[What]) -> set[MemberRef]:
        return {each.member for each in self.here(first, last, kinds) if each.member is not None}

    def month(self, last: date, kinds: Collection[What]) -> set[MemberRef]:
        return self.people(last - 27 * DAY, last, kinds)

    def joined_on(self, member: MemberRef) -> date | None:
        """The day of joining, when that is the first thing known of them."""
        days = self.joinings.get(member)
        return min(days) if days and min(days) == self.first[member] else None

    def newcomers(self, last: date) -> dict[MemberRef, date]:
        if self.channel is not None:
            entered = self.here(last - 27 * DAY, last, {What.JOINED})
            return {each.member: each.at.date() for each in entered if each.member is not None}
        joined = {member: self.joined_on(member) for member in self.first}
        return {m: day for m, day in joined.items() if day is not None and last - 27 * DAY <= day <= last}

    def activated(self, last: date) -> set[MemberRef]:
        return {
            member
            for member, day in self.newcomers(last).items()
            if member in self.people(day, min(day + 14 * DAY, last), TOOK_PART)
        }

    def answers(self, root: Signal) -> list[Signal]:
        return [each for each in self.replies.get(root.source, []) if each.member is None or each.member != root.member]

    def answered(self, first: date, last: date) -> list[Signal]:
        return [root for root in self.here(first, last, {What.POSTED}) if self.answers(root)]

    def animators(self, last: date) -> set[MemberRef]:
        return {root.member for root in self.answered(last - 27 * DAY, last) if root.member is not None}

    def ladder(self, last: date) -> dict[str, int]:
        wrote, animators = self.month(last, WROTE), self.animators(last)
        reacted, used = self.month(last, {What.REACTED}), self.month(last, USED)
        return {
            "readers": len(used - reacted - wrote),
            "reactors": len(reacted - wrote),
            "contributors": len(wrote - animators),
            "animators": len(animators),
        }

    def response(self, first: date, last: date, share: float) -> float | None:
        """In seconds, rounded up to the next bound."""
        waits = sorted(
            max((min(each.at for each in self.answers(root)) - root.at).total_seconds(), 0)
            for root in self.answered(first, last)
        )
        for minutes in MINUTES:
            if waits and sum(wait <= minutes * 60 for wait in waits) >= share * len(waits):
                return minutes * 60.0
        return None

    def between_teams(self, first: date, last: date) -> tuple[int, int]:
        crossed = stayed = 0
        for each in self.here(first, last, {What.REPLIED}):
            root = self.by_source.get(each.reply_to)
            if root is None or root.member is None or each.member is None or root.member == each.member:
                continue
            mine, theirs = self.teams.get(each.member), self.teams.get(root.member)
            if mine and theirs:
                crossed, stayed = crossed + (mine != theirs), stayed + (mine == theirs)
        return crossed, stayed

    def retained(self, month: str, later: str) -> int:
        """How many of those who joined in a month (``2026-11``) were active in another."""
        cohort = {member for member in self.first if f"{self.joined_on(member)}"[:7] == month}
        return len(
            {each.member for each in self.signals if each.what in ACTIVE and f"{each.at.date()}"[:7] == later} & cohort
        )

    def cohort(self, month: str) -> int:
        return sum(f"{self.joined_on(member)}"[:7] == month for member in self.first)

    def number(self, first: date, last: date, *kinds: What) -> int:
        return len(self.here(first, last, kinds))

    def silent(self, last: date) -> bool:
        return not self.here(last - 27 * DAY, last, WROTE)
