"""Every metric, read from the rollups: see bot.core.definitions for what each of them is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property, partial

from pyroaring import BitMap
from sqlalchemy import Connection, func, or_, select

from bot.core.hiding import enough, hidden_cells, part_may_be_told, released, told_day
from bot.core.metrics import Figure, Report, Week, Why
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.responses import within
from bot.core.signals import What
from bot.store import crowds, rollup_tables, tables
from bot.store.calendar_days import date_of, first_day, number_of
from bot.store.crowds import ACTIVE, CROWDS, WRITING
from bot.store.effects import effects, unasked_posts
from bot.store.folding import CROSSED, GOT_ANSWER, RESPONSE, STAYED, scope_of
from bot.store.longterm import midnight, retention, silence
from bot.store.roster import leaders
from bot.store.uncounting import TALLIES_OF
from bot.store.windows import MONTH_DAYS, Windows, union

ACTIVATED_WITHIN = 14
"""Days from the day of joining; that day itself comes first."""
TAKING_PART = ("posted", "replied", "reacted")

RELEASED_TOGETHER: Mapping[str, Sequence[Sequence[str]]] = {
    "messages": (WRITING,),
    "posts": (("posted",), ("replied",), WRITING),
    "reactions": (("reacted",),),
    "used": (("used",),),
    "joined": (("joined",),),
    "left": (("left",),),
    "teams": (("crossed",), ("stayed",)),
}
"""The groups behind each kind of total: it moves on only when there are enough people in each of them. Posts and
replies are told together, as each is what is left of all messages."""

_crowds = rollup_tables.crowds.c
_tallies = rollup_tables.tallies.c
_counts = rollup_tables.headcounts.c
_channels = tables.channels.c


class Survey:
    """One reading of all figures, within one transaction."""

    def __init__(
        self,
        connection: Connection,
        workspace: WorkspaceRef,
        channel: ChannelRef | None,
        until: date,
        weeks: int,
        threshold: int,
    ) -> None:
        self._connection = connection
        self._workspace = workspace
        self._channel = channel
        self._until = until
        self._threshold = threshold
        self._scope = "" if channel is None else scope_of(channel)
        self._last = number_of(until)
        self._monday = self._last - until.weekday()
        self._mondays = [self._monday - 7 * back for back in range(max(weeks, 1) - 1, -1, -1)]
        self._windows = Windows(self._read_days(), self._monday, self._last)
        self._tally, self._buckets = self._read_tallies()

    def report(self) -> Report:
        figures = {
            figure.name: figure
            for figure in (
                *self._active(),
                *self._newcomers(),
                *self._ladder(),
                *self._leaders(),
                *self._totals(),
                *self._dialogue(),
                *self._teams(),
                *self._faq(),
                *self._bot_posts(),
            )
        }
        silent = silence(self._connection, self._workspace, self._channel, self._last)
        figures["silent_channels"] = Figure("silent_channels", len(silent), self._until)
        weeks = [self._week(monday) for monday in self._mondays]
        return Report(
            workspace=self._workspace,
            channel=self._channel,
            until=self._until,
            threshold=self._threshold,
            figures=figures,
            weeks=weeks,
            withheld=sum(1 for week in weeks if week.messages is None),
            retention=retention(self._connection, self._workspace, self._last, self._threshold)
            if self._channel is None
            else (),
            silent=silent,
            effects=effects(self._connection, self._workspace, self._channel, self._span, self._threshold),
        )

    # What is read

    def _read_days(self) -> dict[int, dict[str, BitMap]]:
        recent = self._monday - 7 - MONTH_DAYS
        found = self._days(CROWDS, recent, self._last)
        if self._mondays[0] < recent:
            found |= self._days((*ACTIVE, "joined", "left", "crossed", "stayed"), self._mondays[0], recent - 1)
        return found

    def _days(self, names: Sequence[str], first: int, last: int) -> dict[int, dict[str, BitMap]]:
        found = crowds.read(self._connection, str(self._workspace), [self._scope], names, (first, last))
        return found.get(self._scope, {})

    def _read_tallies(self) -> tuple[dict[int, Counter[str]], dict[int, Counter[int]]]:
        statement = select(_tallies.day, _tallies.what, _tallies.about, _tallies.number).where(
            _tallies.workspace == str(self._workspace),
            _tallies.scope == self._scope,
            _tallies.day >= self._mondays[0],
            _tallies.day <= self._last,
            or_(_tallies.about == "", _tallies.what == RESPONSE),
        )
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        buckets: dict[int, Counter[int]] = defaultdict(Counter)
        for day, what, about, number in self._connection.execute(statement):
            if what == RESPONSE:
                buckets[day][int(about)] += number
            else:
                counts[day][what] += number
        return counts, buckets

    @property
    def _span(self) -> tuple[datetime, datetime]:
        """The weeks, as moments: from the first included to the last not."""
        return midnight(self._mondays[0]), midnight(self._last + 1)

    @cached_property
    def _closed_before(self) -> int:
        """The first day of which the bitmaps are there."""
        periods = rollup_tables.periods.c
        statement = select(func.max(periods.period)).where(
            periods.workspace == str(self._workspace), periods.closed_at.is_not(None)
        )
        month = self._connection.scalar(statement)
        return 0 if month is None else first_day(month + 1)

    # Hiding

    def _figure(self, name: str, value: float | None, day: int | None = None, why: Why = "") -> Figure:
        as_of = self._until if day is None else date_of(day)
        return Figure(name, None if why else value, as_of, why or ("nothing" if value is None else ""))

    def _of_people(self, name: str, people: int, day: int) -> Figure:
        return self._figure(name, people, day, "" if enough(people, self._threshold) else "few")

    def _unsaid(self, figures: Sequence[Figure], now: Sequence[int]) -> list[Figure]:
        """Nobody was there as of the day that is told, but somebody is today: that is too few people, not nobody."""
        return [
            self._figure(each.name, None, self._last, "few")
            if people and not each.value and each.why in ("", "nothing") and each.as_of < self._until
            else each
            for each, people in zip(figures, now, strict=True)
        ]

    def _told_day(self, groups: Callable[[int], Sequence[BitMap]]) -> int:
        return told_day(self._monday, self._last, groups, self._threshold)

    # People

    def _active(self) -> list[Figure]:
        """The figures of a day differ from those of any other by whole days; longer spans move on in steps."""
        found = []
        for name, names in (("active", ACTIVE), ("posting", WRITING)):
            if self._monday - 7 - MONTH_DAYS < self._closed_before:
                found += self._active_then(name)
                continue
            found.append(
                self._of_people(f"{name}_day", len(self._windows.between(names, self._last, self._last)), self._last)
            )
            for label, span in (("week", 7), ("28_days", MONTH_DAYS)):
                day = self._told_day(partial(self._people_alone, names, span))
                figure = self._of_people(f"{name}_{label}", len(self._people(names, span, day)), day)
                found += self._unsaid([figure], [len(self._people(names, span, self._last))])
        return found

    def _active_then(self, name: str) -> list[Figure]:
        """Of a time that is closed: what was counted when it was."""
        found = []
        sunday = self._last if self._last == self._monday + 6 else self._monday - 1
        for label, span in (("day", 1), ("week", 7), ("28_days", MONTH_DAYS)):
            day = self._last if span == 1 else sunday
            people = self._counted(name, span, day)
            found.append(self._figure(f"{name}_{label}", people, day, "gone" if people is None else ""))
        return found

    def _people(self, names: Sequence[str], span: int, last: int) -> BitMap:
        if span == MONTH_DAYS:
            return self._windows.month(names, last)
        return self._windows.between(names, last - span + 1, last)

    def _people_alone(self, names: Sequence[str], span: int, last: int) -> tuple[BitMap]:
        return (self._people(names, span, last),)

    def _counted(self, crowd: str, days: int, last: int) -> int | None:
        statement = select(_counts.people).where(
            _counts.workspace == str(self._workspace),
            _counts.scope == self._scope,
            _counts.day == last,
            _counts.days == days,
            _counts.crowd == crowd,
        )
        return self._connection.scalar(statement)

    def _newcomers(self) -> list[Figure]:
        names = ("newcomers", "newcomers_activated", "newcomers_activated_share", "onboarded", "onboarded_share")
        if self._monday - 7 - MONTH_DAYS < self._closed_before:
            return [self._figure(name, None, why="gone") for name in names]
        activated = self._activated()

        def groups(day: int) -> tuple[BitMap, BitMap, BitMap]:
            joined = self._windows.month(("joined",), day)
            took_part = union(
                people
                for since, found in activated.items()
                if day - MONTH_DAYS < since <= day
                for on, people in found.items()
                if on <= day
            )
            return joined, took_part & joined, self._windows.month(("onboarded",), day) & joined

        day = self._told_day(groups)
        joined, took_part, onboarded = (len(each) for each in groups(day))
        figures = [
            self._of_people("newcomers", joined, day),
            *self._part("newcomers_activated", took_part, joined, day),
            *self._part("onboarded", onboarded, joined, day),
        ]
        now = [len(each) for each in groups(self._last)]
        return self._unsaid(figures, [now[0], now[1], now[0], now[2], now[0]])

    def _activated(self) -> dict[int, dict[int, BitMap]]:
        """For each day of joining, who of those took part on which of the days in which they should."""
        found: dict[int, dict[int, BitMap]] = {}
        days = self._windows.days
        for since in range(self._monday - 7 - MONTH_DAYS, self._last + 1):
            joined = days.get(since, {}).get("joined")
            if joined is None:
                continue
            found[since] = {
                on: joined & days[on][name] if len(present) == 1 else union(joined & days[on][each] for each in present)
                for on in range(since, min(since + ACTIVATED_WITHIN, self._last) + 1)
                if (present := [each for each in TAKING_PART if each in days.get(on, {})])
                for name in present[:1]
            }
        return found

    def _part(self, name: str, part: int, whole: int, day: int) -> list[Figure]:
        """A part of a group, and its share."""
        why: Why = "" if enough(whole, self._threshold) and part_may_be_told(part, whole, self._threshold) else "few"
        return [
            self._figure(name, part, day, why),
            self._figure(f"{name}_share", part / whole if whole else None, day, why),
        ]

    def _ladder(self) -> list[Figure]:
        names = ("readers", "reactors", "contributors", "animators")
        if self._monday - 7 - MONTH_DAYS < self._closed_before:
            return [self._figure(name, None, why="gone") for name in names]

        def groups(day: int) -> tuple[BitMap, ...]:
            wrote, reacted, used = (self._windows.month(each, day) for each in (WRITING, ("reacted",), ("used",)))
            animators = self._windows.month(("started",), day)
            return used - reacted - wrote, reacted - wrote, wrote - animators, animators

        day = self._told_day(groups)
        cells = {name: len(crowd) for name, crowd in zip(names, groups(day), strict=True)}
        hidden = hidden_cells(cells, self._threshold)
        figures = [self._figure(name, cells[name], day, "few" if name in hidden else "") for name in names]
        return self._unsaid(figures, [len(each) for each in groups(self._last)])

    def _leaders(self) -> list[Figure]:
        number, known = leaders(self._connection, str(self._workspace))
        leading = BitMap(known)

        def groups(day: int) -> tuple[BitMap]:
            return (self._windows.between(WRITING, day - 6, day) & leading,)

        day = self._told_day(groups)
        managers, posting = number, min(len(groups(day)[0]), number)
        now = len(groups(self._last)[0])
        figures = [self._of_people("managers", managers, day), *self._part("managers_posting", posting, managers, day)]
        return self._unsaid(figures, [0, now, now])

    # Messages

    @cached_property
    def _visible(self) -> dict[str, set[int]]:
        """For each kind of total, the days that may be told as a part of it."""
        return {
            kind: {day for monday in self._mondays for day in self._visible_in(monday, groups)}
            for kind, groups in RELEASED_TOGETHER.items()
        }

    def _visible_in(self, monday: int, groups: Sequence[Sequence[str]]) -> Sequence[int]:
        days = range(monday, min(monday + 7, self._last + 1))
        if self._channel is not None and monday in self._lone_weeks:
            return ()
        if monday < self._closed_before:
            return days if self._told_when_closed(days, groups) else ()

        def people(chosen: Sequence[int]) -> list[int]:
            return [len(self._windows.between(names, chosen[0], chosen[-1])) for names in groups]

        if len(days) == 7:
            found = people(days)
            return days if any(found) and all(enough(each, self._threshold) for each in found) else ()
        return days[: released(days, people, self._threshold)]

    def _told_when_closed(self, days: Sequence[int], groups: Sequence[Sequence[str]]) -> bool:
        """Of a week that is closed, only groups of enough people were counted; one without any tally had nobody."""
        told = [self._counted("posting" if names is WRITING else names[0], 7, days[0] + 6) for names in groups]
        empty = [
            not any(
                self._tally[day][each]
                for day in days
                if day in self._tally
                for name in names
                for each in TALLIES_OF[name]
            )
            for names in groups
        ]
        return any(told) and all(count is not None or nobody for count, nobody in zip(told, empty, strict=True))

    @cached_property
    def _lone_weeks(self) -> set[int]:
        """The weeks of this channel that would tell of a small one: what is left of the workspace's total once all
        other channels are told must not be about few people either."""
        found = crowds.read(self._connection, str(self._workspace), None, WRITING, (self._mondays[0], self._last))
        lone = set()
        # Of closed weeks it was decided when they were closed.
        for monday in (each for each in self._mondays if each >= self._closed_before):
            writers = {
                scope: union(
                    crowd for day, each in days.items() if monday <= day < monday + 7 for crowd in each.values()
                )
                for scope, days in found.items()
            }
            sizes = {scope: len(people) for scope, people in writers.items()}
            if self._scope in hidden_cells(sizes, self._threshold):
                lone.add(monday)
        return lone

    def _tally_between(self, first: int, last: int) -> int:
        return sum(self._tally[day].total() for day in range(first, last + 1) if day in self._tally)

    def _sum(self, kind: str, *what: str) -> int:
        return sum(self._tally[day][each] for day in self._visible[kind] if day in self._tally for each in what)

    def _all(self, *what: str) -> int:
        return sum(counts[each] for counts in self._tally.values() for each in what)

    def _total(self, name: str, kind: str, *what: str) -> Figure:
        value = self._sum(kind, *what)
        return self._figure(name, value, why="few" if not value and self._all(*what) else "")

    def _totals(self) -> list[Figure]:
        opened = self._all(What.OPENED)
        return [
            self._total("messages", "messages", What.POSTED, What.REPLIED),
            self._total("posts", "posts", What.POSTED),
            self._total("replies", "posts", What.REPLIED),
            self._total("reactions", "reactions", What.REACTED),
            self._total("mentions", "messages", What.MENTIONED),
            self._total("commands", "used", What.COMMAND),
            self._total("clicks", "used", What.CLICKED),
            self._total("joins", "joined", What.JOINED),
            self._total("leaves", "left", What.LEFT),
            # Nobody knows who opened a link: so many times, at most so many people.
            self._figure("opens", opened, why="" if enough(opened, self._threshold) else "few"),
        ]

    def _dialogue(self) -> list[Figure]:
        posts, replies = self._sum("posts", What.POSTED), self._sum("posts", What.REPLIED)
        answered = self._sum("posts", GOT_ANSWER)
        why: Why = "few" if not posts and self._all(What.POSTED) else ""
        one_way = posts - answered
        buckets: Counter[int] = Counter()
        for day in self._visible["posts"]:
            buckets.update(self._buckets.get(day, {}))
        few: Why = why or ("" if enough(buckets.total(), self._threshold) else "few")
        return [
            self._figure("answered_share", answered / posts if posts else None, why=why),
            self._figure("dialogue_ratio", (replies + answered) / one_way if one_way > 0 else None, why=why),
            self._figure("first_response_median", _seconds(within(buckets, 0.5)), why=few),
            self._figure("first_response_90", _seconds(within(buckets, 0.9)), why=few),
        ]

    def _teams(self) -> list[Figure]:
        crossed, stayed = self._sum("teams", CROSSED), self._sum("teams", STAYED)
        why: Why = "few" if not crossed + stayed and self._all(CROSSED, STAYED) else ""
        share = crossed / (crossed + stayed) if crossed + stayed else None
        return [self._figure("cross_team_share", share, why=why)]

    def _faq(self) -> list[Figure]:
        kinds = {
            "faq_asked": What.ASKED,
            "faq_found": What.ANSWERED,
            "faq_unanswered": What.UNANSWERED,
            "faq_helped": What.HELPED,
            "faq_not_helped": What.NOT_HELPED,
        }
        value = {name: self._sum("used", what) for name, what in kinds.items()}
        few: Why = "few" if not value["faq_asked"] and self._all(*kinds.values()) else ""
        asked, judged = value["faq_asked"], value["faq_helped"] + value["faq_not_helped"]
        told: dict[str, Why] = {
            name: few or ("" if enough(number, self._threshold) else "few") for name, number in value.items()
        }
        if "few" in (told["faq_helped"], told["faq_not_helped"]):
            told["faq_helped"] = told["faq_not_helped"] = "few"
        found = min(value["faq_found"], asked)
        return [
            *(self._figure(name, number, why=told[name]) for name, number in value.items()),
            self._figure(
                "faq_found_share", found / asked if asked else None, why=told["faq_found"] or told["faq_unanswered"]
            ),
            self._figure("faq_helped_share", value["faq_helped"] / judged if judged else None, why=told["faq_helped"]),
        ]

    def _bot_posts(self) -> list[Figure]:
        posts = unasked_posts(self._connection, self._workspace, self._channel, self._span)
        replies = self._sum("messages", What.BOT_REPLIED)
        why: Why = "few" if not replies and self._all(What.BOT_REPLIED) else ""
        return [
            self._figure("bot_posts", posts),
            self._figure("replies_per_bot_post", replies / posts if posts else None, why=why),
        ]

    def _week(self, monday: int) -> Week:
        days = range(monday, monday + 7)

        def total(kind: str, *what: str) -> int | None:
            value = sum(
                self._tally[d][each] for d in days if d in self._tally and d in self._visible[kind] for each in what
            )
            everything = sum(self._tally[d][each] for d in days if d in self._tally for each in what)
            return value if value or not everything else None

        last = min(monday + 6, self._last)
        whole = monday + 6 <= self._last
        return Week(
            monday=date_of(monday),
            whole=whole,
            active=self._there("active", ACTIVE, monday, last),
            posting=self._there("posting", WRITING, monday, last),
            messages=total("messages", What.POSTED, What.REPLIED),
            posts=total("posts", What.POSTED),
            replies=total("posts", What.REPLIED),
            reactions=total("reactions", What.REACTED),
            joins=total("joined", What.JOINED),
        )

    def _there(self, crowd: str, names: Sequence[str], monday: int, last: int) -> int | None:
        """How many were there in a week; in the present one, as of the last day that may be told."""
        if monday < self._closed_before:
            people = self._counted(crowd, 7, monday + 6)
            return 0 if people is None and not self._tally_between(monday, last) else people
        if last < monday + 6:
            days = list(range(monday, last + 1))
            last = (
                monday
                + released(
                    days, lambda chosen: [len(self._windows.between(names, chosen[0], chosen[-1]))], self._threshold
                )
                - 1
            )
            if last < monday:
                return 0 if not self._windows.between(names, monday, self._last) else None
        people = len(self._windows.between(names, monday, last))
        return people if enough(people, self._threshold) else None


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
