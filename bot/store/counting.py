"""Recording signals: that something happened, never what was said, and by whom only as a key of the month."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from bot.core.actions import Count
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.signals import Signal
from bot.store import tables
from bot.store.calendar_days import DAY_MICROS, month_of
from bot.store.commit import Commit
from bot.store.moments import micros
from bot.store.people import not_counted_among
from bot.store.roster import Enrolment, forgotten_before
from bot.store.secrecy import Keys

AT_ONCE = 500
"""Rows in one INSERT."""

_COLUMNS = ("workspace", "source", "at", "what", "channel", "member_key", "about", "reply_to", "rolled")


def record(connection: Connection, keys: Keys, signals: Sequence[Signal]) -> int:
    """How many were new. What was counted already, what forgotten people did, and those who do not want to be counted,
    and what happened before signals are kept, is left out."""
    by_workspace: dict[WorkspaceRef, list[Signal]] = {}
    for each in signals:
        by_workspace.setdefault(each.workspace, []).append(each)
    return sum(_record(connection, keys, workspace, found) for workspace, found in by_workspace.items())


def _record(connection: Connection, keys: Keys, workspace: WorkspaceRef, signals: Sequence[Signal]) -> int:
    lasting = {each.member: keys.of_member(each.member) for each in signals if each.member is not None}
    gone = not_counted_among(connection, list(lasting.values())) if lasting else set()
    # In the order in which it happened, so that numbers are given in the order of arrival.
    dated = sorted(
        ((micros(each.at), each) for each in signals if each.member is None or lasting[each.member] not in gone),
        key=lambda pair: pair[0],
    )
    gone_before = forgotten_before(connection, str(workspace))
    if gone_before is not None:
        dated = [pair for pair in dated if pair[0] >= micros(gone_before)]
    enrolment = Enrolment(connection, keys, workspace)
    months: dict[int, int] = {}
    for at, _ in dated:
        day = at // DAY_MICROS
        if day not in months:
            months[day] = month_of(day)
    open_months = {month for month in set(months.values()) if enrolment.open(month)}
    kept = [(at, each) for at, each in dated if months[at // DAY_MICROS] in open_months]
    seen: dict[tuple[MemberRef, int], Any] = {}
    for at, each in kept:
        if each.member is not None:
            seen.setdefault((each.member, months[at // DAY_MICROS]), each.at)
    member_keys = enrolment.enrol(seen) if seen else {}
    rows = [
        (
            str(workspace),
            keys.of_source(each.source),
            at,
            each.what.value,
            str(each.channel) if each.channel else None,
            member_keys[each.member, months[at // DAY_MICROS]] if each.member else None,
            each.about,
            keys.of_source(each.reply_to) if each.reply_to else None,
            False,
        )
        for at, each in kept
    ]
    return sum(_insert(connection, rows[start : start + AT_ONCE]) for start in range(0, len(rows), AT_ONCE))


def _insert(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    statement = _recording(connection.dialect.paramstyle, len(rows))
    # Not every driver says how many of many rows it inserted, but every database can say which.
    return len(connection.exec_driver_sql(statement, tuple(chain.from_iterable(rows))).all())


@lru_cache(maxsize=AT_ONCE)
def _recording(paramstyle: str, count: int) -> str:
    """The INSERT of ``count`` rows in the driver's own text, as for the inbox: this is hot too."""
    mark = "?" if paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(_COLUMNS))})"
    return (
        f"INSERT INTO {tables.signals.name} ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)} "  # noqa: S608  # Names of our own only.
        "ON CONFLICT (workspace, source) DO NOTHING RETURNING id"
    )


def count(commit: Commit, action: Count) -> None:
    """Recorded once all else of the commit is done, and all at once: who was registered or forgotten by it is known."""
    commit.counted.append(action.signal)
