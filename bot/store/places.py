"""Where people talk: the channels port, and the actions about channels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Row, bindparam, case, or_, select, update

from bot.core.actions import NoteActivity, RegisterChannel
from bot.core.community import Channel
from bot.core.ports import Channels
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.store import tables
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared
from bot.store.moments import Moment

_columns = tables.channels.c
_NOTE_ACTIVITY = (
    update(tables.channels)
    .where(
        _columns.ref == bindparam("channel"),
        or_(_columns.last_message_at.is_(None), _columns.last_message_at < bindparam("at", type_=Moment)),
    )
    .values(last_message_at=bindparam("at", type_=Moment))
)


_NAMED = select(tables.channels).where(_columns.ref.in_(bindparam("refs", expanding=True)))


def _to_channel(row: Row[Any]) -> Channel:
    return Channel(
        ref=ChannelRef.parse(row.ref),
        name=row.name,
        direct=row.direct,
        archived=row.archived,
        tags=tuple(json.loads(row.tags)),
        language=row.language,
        zone=row.zone,
        one_way=row.one_way,
        last_message_at=row.last_message_at,
    )


def _values(channel: Channel) -> dict[str, Any]:
    return {
        "ref": str(channel.ref),
        "workspace": str(channel.ref.workspace),
        "name": channel.name,
        "direct": channel.direct,
        "archived": channel.archived,
        "tags": json.dumps(channel.tags, ensure_ascii=False),
        "language": channel.language,
        "zone": channel.zone,
        "one_way": channel.one_way,
        "last_message_at": channel.last_message_at,
    }


class StoredChannels(Channels):
    """The channels in the database, as the platform last described them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, ref: ChannelRef) -> Channel | None:
        return await self._database.read_batched(_named, str(ref))

    async def all(self, workspace: WorkspaceRef) -> Sequence[Channel]:
        return await self._find(
            _columns.workspace == str(workspace), _columns.direct.is_(False), _columns.archived.is_(False)
        )

    async def _find(self, *where: ColumnElement[bool]) -> list[Channel]:
        statement = select(tables.channels).where(*where).order_by(_columns.name, _columns.ref)
        return await self._database.read(lambda connection: [_to_channel(row) for row in connection.execute(statement)])


def _named(connection: Connection, refs: Sequence[str]) -> list[Channel | None]:
    found = {row.ref: _to_channel(row) for row in connection.execute(_NAMED, {"refs": list({*refs})})}
    return [found.get(ref) for ref in refs]


def register_channels(connection: Connection, channels: Sequence[Channel]) -> None:
    """Write down what the platform says. The last message stays the latest that anybody knew of."""
    if channels:
        # In one order, as in register_members.
        rows = sorted((_values(channel) for channel in channels), key=lambda row: str(row["ref"]))
        connection.execute(_registering(connection), rows)


@prepared
def _registering(insert: Insert) -> Executable:
    statement = insert(tables.channels)
    new = statement.excluded
    told = [column.name for column in tables.channels.columns if column.name not in ("ref", "workspace")]
    return statement.on_conflict_do_update(
        index_elements=["ref"],
        set_={
            **{name: new[name] for name in told},
            "last_message_at": case(
                (_columns.last_message_at.is_(None), new.last_message_at),
                (new.last_message_at > _columns.last_message_at, new.last_message_at),
                else_=_columns.last_message_at,
            ),
        },
    )


def register_channel(commit: Commit, action: RegisterChannel) -> None:
    register_channels(commit.connection, [action.channel])


def note_activity(commit: Commit, action: NoteActivity) -> None:
    """A channel nobody described yet is not invented: its name and kind are not known."""
    commit.connection.execute(_NOTE_ACTIVITY, {"channel": str(action.channel), "at": action.at})


def note_last_message(connection: Connection, channel: ChannelRef, at: datetime) -> None:
    """Somebody spoke in a known channel at this aware UTC moment."""
    connection.execute(_NOTE_ACTIVITY, {"channel": str(channel), "at": at})
