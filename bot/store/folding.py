"""Folding signals into the rollups, as they arrive.

A signal is recorded unrolled, in the transaction of whatever caused it. A run takes a few thousand of them, whatever
their order, brings bitmaps, tallies and answers up to date and marks them rolled, all in one transaction: killed at any
line it leaves neither half a signal nor the same one twice. What a run does for one day costs as much as that day has
signals, however many years lie behind it. Two runs at once take turns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Executable, bindparam, delete, func, select, type_coerce, update

from bot.core.refs import ChannelRef
from bot.core.responses import bucket_of
from bot.core.signals import What
from bot.store import crowds, rollup_tables, tables
from bot.store.calendar_days import DAY_MICROS, month_of
from bot.store.dialect import Insert, prepared
from bot.store.roster import Person, add_unknown, correct, note_joined, people

BATCH = 4000
"""Signals in one run: some tens of milliseconds, after which whoever waits to write has their turn."""
AT_ONCE = 900

ROLLUPS = "rollups"
"""The statistic's name in the table of fills."""

CROWD_OF = {
    What.POSTED: "posted",
    What.REPLIED: "replied",
    What.REACTED: "reacted",
    What.COMMAND: "used",
    What.CLICKED: "used",
    What.ASKED: "used",
    What.LEFT: "left",
    What.JOURNEY_COMPLETED: "onboarded",
    What.CHARTER_ANSWERED: "onboarded",
}
"""The crowd in which a signal puts whoever it is about."""

BY_ABOUT = frozenset({What.ASKED, What.ANSWERED, What.UNANSWERED, What.HELPED, What.NOT_HELPED, What.BOT_REPLIED})
"""What is also counted by what it is about, in the workspace."""

GOT_ANSWER, RESPONSE, CROSSED, STAYED = "got_answer", "response", "crossed", "stayed"
"""Tallies that no signal says by itself: messages that somebody else answered, how quickly (``about`` is the bucket of
bot.core.responses), and answers to people of another team or of one's own."""

_signals = tables.signals.c
_CROWDS_OF_ACTIVITY = frozenset(crowds.ACTIVE)


class Raw(NamedTuple):
    """A signal as it is kept; ``at`` in microseconds."""

    id: int
    workspace: str
    source: bytes
    at: int
    what: str
    channel: str | None
    member_key: bytes | None
    about: str
    reply_to: bytes | None
    answered_at: int | None
    rolled: bool
    day: int
    scopes: tuple[str, ...]


def _raw(row: Any) -> Raw:
    scopes = ("",) if row[5] is None else ("", scope_of(row[5]))
    return Raw._make((*row, row[3] // DAY_MICROS, scopes))


_RAW = (
    _signals.id,
    _signals.workspace,
    _signals.source,
    type_coerce(_signals.at, BigInteger),
    _signals.what,
    _signals.channel,
    _signals.member_key,
    _signals.about,
    _signals.reply_to,
    type_coerce(_signals.answered_at, BigInteger),
    _signals.rolled,
)


def scope_of(channel: ChannelRef | str) -> str:
    """The scope of a channel, by its ref."""
    return "#" + (channel.id if isinstance(channel, ChannelRef) else channel.split("/", 2)[2])


def pending(connection: Connection) -> bool:
    """Whether there are signals that no run has seen."""
    return connection.scalar(select(_signals.id).where(_signals.rolled.is_(False)).limit(1)) is not None


def mark_started(connection: Connection, now: datetime) -> None:
    mark_begun(connection, ROLLUPS, now)


def mark_begun(connection: Connection, statistic: str, now: datetime) -> None:
    """Note in the table of fills that a run began."""
    connection.execute(_filling(connection), {"statistic": statistic, "started_at": now})


def mark_done(connection: Connection, now: datetime) -> None:
    fills = rollup_tables.fills
    connection.execute(update(fills).where(fills.c.statistic == ROLLUPS).values(done_at=now))


def fold(connection: Connection, batch: int = BATCH) -> int:
    """One run; how many signals it took."""
    fills = rollup_tables.fills
    connection.execute(select(fills.c.number).where(fills.c.statistic == ROLLUPS).with_for_update()).all()
    statement = select(*_RAW).where(_signals.rolled.is_(False)).order_by(_signals.id).limit(batch)
    rows = [_raw(row) for row in connection.execute(statement)]
    if not rows:
        return 0
    by_workspace: dict[str, list[Raw]] = {}
    for row in rows:
        by_workspace.setdefault(row.workspace, []).append(row)
    for workspace, found in by_workspace.items():
        _Run(connection, workspace).take(found)
    _mark_rolled(connection, [row.id for row in rows])
    latest = max(row.at for row in rows)
    connection.execute(
        update(fills)
        .where(fills.c.statistic == ROLLUPS)
        .values(
            number=fills.c.number + len(rows),
            upto=func.coalesce(_later(connection, latest), bindparam("latest", type_=BigInteger)),
        ),
        {"latest": latest},
    )
    return len(rows)


def _later(connection: Connection, latest: int) -> int | None:
    fills = rollup_tables.fills
    known = connection.scalar(select(type_coerce(fills.c.upto, BigInteger)).where(fills.c.statistic == ROLLUPS))
    return None if known is None or known < latest else known


def _mark_rolled(connection: Connection, ids: Sequence[int]) -> None:
    if connection.dialect.name == "sqlite":
        # Nobody else writes meanwhile: all between the first and the last that were to roll are those.
        connection.exec_driver_sql(
            "UPDATE signal SET rolled = 1 WHERE NOT rolled AND id BETWEEN ? AND ?", (ids[0], ids[-1])
        )
    else:
        connection.exec_driver_sql("UPDATE signal SET rolled = true WHERE id = ANY(%s)", (list(ids),))


@dataclass
class _Run:
    """What one run changes in one workspace, gathered first and written at the end."""

    connection: Connection
    workspace: str
    people: dict[bytes, Person] = field(default_factory=dict)
    crowd: dict[tuple[str, int], dict[str, set[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    tally: Counter[tuple[str, int, str, str]] = field(default_factory=Counter)
    joined: dict[int, int] = field(default_factory=dict)
    moved: dict[int, Sequence[int]] = field(default_factory=dict)
    """Who turned out to have joined earlier, with the months in which they were active."""

    def take(self, rows: Sequence[Raw]) -> None:
        roots = self._messages(rows)
        self._meet([*rows, *roots.values()])
        self._known_before(rows)
        # Who joined first: what they do counts for their month from the day they came.
        for row in sorted(rows, key=lambda each: each.what != What.JOINED):
            self._count(row, self._person(row.member_key))
        self._answers(rows, roots)
        for row in rows:
            if row.reply_to is not None and row.reply_to in roots:
                self._between(row, roots[row.reply_to])
        self._write()

    # Who

    def _meet(self, rows: Iterable[Raw]) -> None:
        first: dict[bytes, int] = {}
        for row in rows:
            if row.member_key is not None and row.member_key not in self.people:
                first[row.member_key] = min(first.get(row.member_key, row.day), row.day)
        self.people |= people(self.connection, self.workspace, list(first))
        strangers = {key: day for key, day in first.items() if key not in self.people}
        if strangers:
            self.people |= add_unknown(self.connection, self.workspace, strangers)

    def _known_before(self, rows: Sequence[Raw]) -> None:
        """A past that is told later, as an import does, may say that somebody was there earlier than was known: then
        they did not join when that was thought."""
        earliest: dict[int, int] = {}
        for row in rows:
            person = self._person(row.member_key)
            if person is not None and row.day < person.first_day:
                earliest[person.number] = min(earliest.get(person.number, row.day), row.day)
        for number, day in earliest.items():
            former = next(each for each in self.people.values() if each.number == number)
            self.moved[number] = crowds.unjoin(self.connection, self.workspace, number, former.joined, former.first_day)
            correct(self.connection, self.workspace, number, day)
        if earliest:
            for key, each in self.people.items():
                if each.number in earliest:
                    self.people[key] = replace(each, first_day=earliest[each.number], joined=None)

    def _person(self, key: bytes | None) -> Person | None:
        return None if key is None else self.people[key]

    # What each signal says by itself

    def _count(self, row: Raw, person: Person | None) -> None:
        for scope in row.scopes:
            self.tally[scope, row.day, row.what, ""] += 1
        if row.what in BY_ABOUT and row.about:
            self.tally["", row.day, row.what, row.about] += 1
        if person is None:
            return
        if row.what == What.JOINED:
            self._join(row, person)
        name = CROWD_OF.get(What(row.what))
        if name is None:
            return
        for scope in row.scopes:
            self.crowd[scope, row.day][name].add(person.number)
        month = self.joined.get(person.number, person.joined)
        if month is not None and name in _CROWDS_OF_ACTIVITY:
            self.crowd[f"joined/{month}", month_of(row.day)]["used"].add(person.number)

    def _join(self, row: Raw, person: Person) -> None:
        """Whoever enters a channel joined that; who was never seen before joined the workspace."""
        if row.channel is not None:
            self.crowd[scope_of(row.channel), row.day]["joined"].add(person.number)
        if row.day > person.first_day:
            return
        month = month_of(row.day)
        if person.joined is None and person.number not in self.joined:
            self.joined[person.number] = month
            for active in self._months_before(person.number):
                self.crowd[f"joined/{month}", active]["used"].add(person.number)
        for active in self.moved.pop(person.number, ()):
            self.crowd[f"joined/{month}", active]["used"].add(person.number)
        self.crowd["", row.day]["joined"].add(person.number)
        self.crowd[f"joined/{month}", month]["joined"].add(person.number)

    def _months_before(self, number: int) -> set[int]:
        """The months in which somebody was active whose joining is told only now."""
        roster = rollup_tables.roster.c
        mine = select(roster.member_key).where(roster.workspace == self.workspace, roster.number == number)
        kinds = [what.value for what, name in CROWD_OF.items() if name in _CROWDS_OF_ACTIVITY]
        statement = select(type_coerce(_signals.at, BigInteger)).where(
            _signals.workspace == self.workspace,
            _signals.member_key.in_(mine),
            _signals.rolled.is_(True),
            _signals.what.in_(kinds),
        )
        return {month_of(at // DAY_MICROS) for at in self.connection.scalars(statement)}

    # What two signals say together

    def _messages(self, rows: Sequence[Raw]) -> dict[bytes, Raw]:
        """The messages at the root that these signals are, answer or react to, by their source."""
        found = {row.source: row for row in rows if row.what in (What.POSTED, What.REPLIED)}
        wanted = list({row.reply_to for row in rows if row.reply_to is not None} - found.keys())
        for start in range(0, len(wanted), AT_ONCE):
            statement = select(*_RAW).where(
                _signals.workspace == self.workspace, _signals.source.in_(wanted[start : start + AT_ONCE])
            )
            for row in self.connection.execute(statement):
                found[row.source] = _raw(row)
        return found

    def _answers(self, rows: Sequence[Raw], roots: Mapping[bytes, Raw]) -> None:
        """When messages at the root were first answered by somebody else: answers may come before what they answer."""
        answers: dict[bytes, list[Raw]] = defaultdict(list)
        for row in rows:
            if row.what == What.REPLIED and row.reply_to is not None and row.reply_to in roots:
                answers[row.reply_to].append(row)
        for row in self._earlier_answers([row.source for row in rows if row.what == What.POSTED]):
            answers[row.reply_to or b""].append(row)
        changed = []
        for source, found in answers.items():
            root = roots[source]
            if root.what != What.POSTED:
                continue
            moments = [row.at for row in found if not self._same(row, root)]
            first = min([*moments, *([] if root.answered_at is None else [root.answered_at])], default=None)
            if first is not None and first != root.answered_at:
                self._answered(root, first)
                changed.append({"number": root.id, "first": first})
        if changed:
            self.connection.execute(_ANSWERED, changed)

    def _earlier_answers(self, sources: Sequence[bytes]) -> list[Raw]:
        """Answers that were rolled before what they answer was."""
        found = []
        for start in range(0, len(sources), AT_ONCE):
            chosen = sources[start : start + AT_ONCE]
            statement = _answering(self.connection.dialect.paramstyle, len(chosen))
            numbers = [row[0] for row in self.connection.exec_driver_sql(statement, (self.workspace, *chosen))]
            if not numbers:
                continue  # Mostly: answers come after what they answer.
            rows = select(*_RAW).where(
                _signals.id.in_(numbers), _signals.what == What.REPLIED.value, _signals.rolled.is_(True)
            )
            found += [_raw(row) for row in self.connection.execute(rows)]
        self._meet(found)
        return found

    def _same(self, row: Raw, other: Raw) -> bool:
        """Whether one person did both; the keys of two months never tell, the numbers do."""
        mine, theirs = self._person(row.member_key), self._person(other.member_key)
        return mine is not None and theirs is not None and mine.number == theirs.number

    def _answered(self, root: Raw, first: int) -> None:
        author = self._person(root.member_key)
        for scope in root.scopes:
            if root.answered_at is None:
                self.tally[scope, root.day, GOT_ANSWER, ""] += 1
                if author is not None:
                    self.crowd[scope, root.day]["started"].add(author.number)
            else:
                self.tally[scope, root.day, RESPONSE, str(bucket_of(root.answered_at - root.at))] -= 1
            self.tally[scope, root.day, RESPONSE, str(bucket_of(first - root.at))] += 1

    def _between(self, row: Raw, other: Raw) -> None:
        """An answer or a reaction, and the message it is to."""
        if self._same(row, other):
            return
        mine, theirs = self._person(row.member_key), self._person(other.member_key)
        if row.what == What.REACTED and theirs is not None:
            for scope in row.scopes:
                self.crowd[scope, row.day]["received"].add(theirs.number)
        if row.what != What.REPLIED or mine is None or theirs is None or not mine.team or not theirs.team:
            return
        name = STAYED if mine.team == theirs.team else CROSSED
        for scope in row.scopes:
            self.tally[scope, row.day, name, ""] += 1
            self.crowd[scope, row.day][name].add(mine.number)

    def _write(self) -> None:
        note_joined(self.connection, self.workspace, self.joined)
        crowds.add(self.connection, {(self.workspace, *place): found for place, found in self.crowd.items()})
        tally(self.connection, self.workspace, self.tally)


def tally(connection: Connection, workspace: str, more: Mapping[tuple[str, int, str, str], int]) -> None:
    """Add to the tallies, by scope, day, what and about."""
    rows = [
        {"workspace": workspace, "scope": scope, "day": day, "what": what, "about": about, "number": number}
        for (scope, day, what, about), number in sorted(more.items())
        if number
    ]
    if rows:
        connection.execute(_tallying(connection), rows)
    if any(number < 0 for number in more.values()):
        found = rollup_tables.tallies
        connection.execute(
            delete(found).where(found.c.workspace == workspace, found.c.what == RESPONSE, found.c.number == 0)
        )


@lru_cache(maxsize=AT_ONCE)
def _answering(paramstyle: str, count: int) -> str:
    """Which signals answer or react to these sources; in the driver's own text, as every batch asks for it."""
    mark = "?" if paramstyle == "qmark" else "%s"
    return (
        f"SELECT id FROM signal WHERE workspace = {mark} AND reply_to IS NOT NULL "  # noqa: S608  # Marks only.
        f"AND reply_to IN ({', '.join([mark] * count)})"
    )


_ANSWERED = (
    update(tables.signals)
    .where(_signals.id == bindparam("number"))
    .values(answered_at=type_coerce(bindparam("first", type_=BigInteger), BigInteger))
)


@prepared
def _tallying(insert: Insert) -> Executable:
    statement = insert(rollup_tables.tallies)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "scope", "day", "what", "about"],
        set_={"number": rollup_tables.tallies.c.number + statement.excluded.number},
    )


@prepared
def _filling(insert: Insert) -> Executable:
    statement = insert(rollup_tables.fills).values(
        statistic=bindparam("statistic"), started_at=bindparam("started_at"), done_at=None, upto=None, number=0
    )
    return statement.on_conflict_do_update(
        index_elements=["statistic"], set_={"started_at": statement.excluded.started_at}
    )
