"""The figures of long spans: how long people stay, and since when channels are silent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import Connection, func, select

from bot.core.hiding import enough, part_may_be_told
from bot.core.metrics import Cohort, Silence
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import What
from bot.store import crowds, rollup_tables, tables
from bot.store.calendar_days import date_of, day_of, month_name, month_of
from bot.store.folding import scope_of
from bot.store.windows import MONTH_DAYS

_tallies = rollup_tables.tallies.c
_counts = rollup_tables.headcounts.c
_channels = tables.channels.c


def midnight(day: int) -> datetime:
    """The beginning of a day, aware UTC."""
    return datetime.combine(date_of(day), time(0), UTC)


def retention(connection: Connection, workspace: WorkspaceRef, last_day: int, threshold: int) -> list[Cohort]:
    """Each month of joining that lies in the last thirteen, with the months since."""
    last = month_of(last_day)
    months = [f"joined/{month}" for month in range(last - 12, last + 1)]
    live = crowds.read(connection, str(workspace), months, ("joined", "used"), (last - 12, last))
    counted: dict[str, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    statement = select(_counts.scope, _counts.day, _counts.crowd, _counts.people).where(
        _counts.workspace == str(workspace), _counts.scope.in_(months), _counts.day <= last
    )
    for scope, month, crowd, people in connection.execute(statement):
        counted[scope][month][crowd] = people
    found = []
    for scope in months:
        joined = int(scope.removeprefix("joined/"))
        size = len(live.get(scope, {}).get(joined, {}).get("joined", ())) or counted[scope][joined].get("joined", 0)
        if not size:
            continue
        active: dict[str, int | None] = {}
        for month in range(joined, last + 1):
            people = live.get(scope, {}).get(month, {}).get("used")
            number = len(people) if people is not None else counted[scope][month].get("used", 0)
            told = enough(size, threshold) and part_may_be_told(number, size, threshold)
            active[month_name(month)] = number if told else None
        found.append(
            Cohort(
                month=month_name(joined),
                people=size if enough(size, threshold) else None,
                active=active,
            )
        )
    return found


def silence(connection: Connection, workspace: WorkspaceRef, channel: ChannelRef | None, last: int) -> list[Silence]:
    """The channels in which nobody wrote in the 28 days up to ``last``, by name."""
    begins, ends = midnight(last - MONTH_DAYS + 1), midnight(last + 1)
    statement = select(_channels.ref, _channels.name, _channels.last_message_at).where(
        _channels.workspace == str(workspace),
        _channels.direct.is_(False),
        _channels.archived.is_(False),
        *([_channels.ref == str(channel)] if channel is not None else []),
    )
    quiet = {
        scope_of(row.ref): row
        for row in connection.execute(statement.order_by(_channels.name))
        if row.last_message_at is None or not begins <= row.last_message_at < ends
    }
    spoken = _last_days(connection, workspace, list(quiet), last - MONTH_DAYS + 1, last)
    # Of a past that went on, and where nobody noted the last message, the signals know.
    unknown = [
        scope
        for scope, row in quiet.items()
        if scope not in spoken and (row.last_message_at is None or row.last_message_at >= ends)
    ]
    before = _last_days(connection, workspace, unknown, 0, last)
    found = []
    for scope, row in quiet.items():
        if scope in spoken:
            continue
        noted = row.last_message_at if row.last_message_at is not None and row.last_message_at < ends else None
        latest = day_of(noted) if noted is not None else before.get(scope)
        found.append(Silence(row.name, None if latest is None else month_name(month_of(latest))))
    return found


def _last_days(
    connection: Connection, workspace: WorkspaceRef, scopes: Sequence[str], since: int, last: int
) -> dict[str, int]:
    """The last day, from ``since`` up to the surveyed one, on which somebody wrote, by channel."""
    found: dict[str, int] = {}
    for start in range(0, len(scopes), crowds.AT_ONCE):
        statement = (
            select(_tallies.scope, func.max(_tallies.day))
            .where(
                _tallies.workspace == str(workspace),
                _tallies.scope.in_(scopes[start : start + crowds.AT_ONCE]),
                _tallies.day >= since,
                _tallies.day <= last,
                _tallies.what.in_([What.POSTED.value, What.REPLIED.value]),
            )
            .group_by(_tallies.scope)
        )
        found |= {row[0]: row[1] for row in connection.execute(statement)}
    return found
