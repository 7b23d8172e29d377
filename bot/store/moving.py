"""A channel gets another id: what is kept under the old one follows.

Messages that were said there keep the old id: a platform that gives a channel another id gives its messages others too,
so that the same number under the new id would be a different message.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import delete, select, update

from bot.core.actions import MoveChannel
from bot.core.refs import place_key
from bot.store import tables
from bot.store.codec import SEALED
from bot.store.commit import Commit
from bot.store.sealing import closed_note, opened_note

_SEPARATORS = re.compile(r"([/\t])")


def move_channel(commit: Commit, action: MoveChannel) -> None:
    """Nothing when it moved already."""
    connection, old, new = commit.connection, str(action.old), str(action.new)
    workspace = str(commit.workspace)
    channel = tables.channels.c
    before = connection.execute(select(tables.channels).where(channel.ref == old)).mappings().first()
    if before is not None:
        known = connection.scalar(select(channel.ref).where(channel.ref == new))
        if known is None:
            connection.execute(update(tables.channels).where(channel.ref == old).values(ref=new))
        else:
            # The platform described the new one already; only what it does not know is taken over.
            last = channel.last_message_at
            connection.execute(
                update(tables.channels)
                .where(channel.ref == new, last.is_(None))
                .values(last_message_at=before["last_message_at"])
            )
            connection.execute(delete(tables.channels).where(channel.ref == old))
    column = tables.deliveries.c
    connection.execute(
        update(tables.deliveries).where(column.place == place_key(action.old)).values(place=place_key(action.new))
    )
    signal = tables.signals.c
    connection.execute(
        update(tables.signals).where(signal.workspace == workspace, signal.channel == old).values(channel=new)
    )
    waiting = tables.inbox.c
    connection.execute(update(tables.inbox).where(waiting.workspace == workspace, waiting.lane == old).values(lane=new))
    _move_timers(commit, action)
    _move_notes(commit, action)


def _move_timers(commit: Commit, action: MoveChannel) -> None:
    column = tables.timers.c
    named = (column.workspace == str(commit.workspace), column.key.contains(action.old.id, autoescape=True))
    for row in commit.connection.execute(select(tables.timers).where(*named)).all():
        key = _moved_key(row.key, action)
        if key == row.key:
            continue
        this = (column.workspace == row.workspace, column.feature == row.feature, column.name == row.name)
        commit.connection.execute(delete(tables.timers).where(*this, column.key == key))
        commit.connection.execute(update(tables.timers).where(*this, column.key == row.key).values(key=key))


def _move_notes(commit: Commit, action: MoveChannel) -> None:
    column = tables.notes.c
    named = column.key.contains(action.old.id, autoescape=True) | column.value.contains(action.old.id, autoescape=True)
    named |= column.value.startswith(SEALED, autoescape=True)  # Nobody sees from outside whom it concerns.
    statement = select(tables.notes).where(column.workspace == str(commit.workspace), named)
    for row in commit.connection.execute(statement).all():
        where = (commit.keys, row.workspace, row.kind)
        try:
            before = json.loads(opened_note(*where, row.key, row.value))
        except ValueError:
            continue  # It is not JSON: what a platform keeps sealed.
        key, after = _moved_key(row.key, action), _moved(before, action)
        if key == row.key and after == before:
            continue
        value = json.dumps(after, ensure_ascii=False, separators=(",", ":"))
        if row.value.startswith(SEALED):
            value = closed_note(*where, key, value)
        this = (column.workspace == row.workspace, column.kind == row.kind)
        if key != row.key:
            commit.connection.execute(delete(tables.notes).where(*this, column.key == key))
        commit.connection.execute(update(tables.notes).where(*this, column.key == row.key).values(key=key, value=value))


def _moved_key(key: str, action: MoveChannel) -> str:
    """A key is made of ids between slashes; a ref's id is its last part."""
    parts = _SEPARATORS.split(key)
    return "".join(action.new.id if part == action.old.id else part for part in parts)


def _moved(value: Any, action: MoveChannel) -> Any:
    """The value with the old id replaced where it stands alone or ends a ref; a message's ref is left as it is."""
    if isinstance(value, dict):
        if isinstance(value.get("channel"), dict) and "id" in value:
            return value
        return {key: _moved(each, action) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, action) for each in value]
    if value == action.old.id:
        return action.new.id
    if value == str(action.old):
        return str(action.new)
    return value
