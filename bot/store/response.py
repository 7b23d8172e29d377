"""What came back to the bot's own posts, counted from the signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.core.refs import WorkspaceRef
from bot.core.signals import Response, What, about_delivery
from bot.store import tables

_signals = tables.signals.c
_AT_ONCE = 500
"""Posts named in one statement: databases allow some tens of thousands of values."""


def response(
    connection: Connection, workspace: WorkspaceRef, posts: Mapping[int, datetime], within: timedelta, threshold: int
) -> Response:
    """What came back to ``posts`` (when each went out, by its number), in the time ``within`` after each."""
    since = {about_delivery(number): at for number, at in posts.items()}
    replies, reactions, people = 0, 0, set[bytes]()
    for row in _rows(connection, workspace, since, within):
        if not since[row.about] <= row.at < since[row.about] + within:
            continue
        replies += row.what == What.BOT_REPLIED.value
        reactions += row.what == What.BOT_REACTED.value
        if row.member_key is not None:
            people.add(row.member_key)
    return Response(replies, reactions, len(people) if not people or len(people) >= threshold else None)


def _rows(
    connection: Connection, workspace: WorkspaceRef, since: Mapping[str, datetime], within: timedelta
) -> Iterator[Row[Any, Any, Any, Any]]:
    names: Sequence[str] = sorted(since)
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        statement = select(_signals.about, _signals.at, _signals.what, _signals.member_key).where(
            _signals.workspace == str(workspace),
            _signals.what.in_([What.BOT_REPLIED.value, What.BOT_REACTED.value]),
            _signals.at >= min(since[name] for name in part),
            _signals.at < max(since[name] for name in part) + within,
            _signals.about.in_(part),
        )
        yield from connection.execute(statement)
