"""What features remember: the notes port, and the actions about notes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import Executable, delete, select

from bot.core.actions import Drop, Remember
from bot.core.ports import Notes
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import tables
from bot.store.about import all_about
from bot.store.codec import from_json, kind_of, to_json
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared
from bot.store.sealing import closed_note, opened_note
from bot.store.secrecy import Keys

log = logging.getLogger("allant.store")

T = TypeVar("T")
_columns = tables.notes.c


class StoredNotes(Notes):
    """The notes in the database. One that no longer fits its class (after an upgrade) is as good as not there."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def get(self, workspace: WorkspaceRef, kind: type[T], key: str) -> T | None:
        statement = select(_columns.value).where(
            _columns.workspace == str(workspace), _columns.kind == kind_of(kind), _columns.key == key
        )
        text = await self._database.read(lambda connection: connection.scalar(statement))
        return None if text is None else self._read(workspace, kind, key, text)

    async def all(self, workspace: WorkspaceRef, kind: type[T], prefix: str = "") -> Mapping[str, T]:
        statement = select(_columns.key, _columns.value).where(
            _columns.workspace == str(workspace),
            _columns.kind == kind_of(kind),
            _columns.key.startswith(prefix, autoescape=True),
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        # Databases disagree on upper and lower case, and on the order of letters; Python does not.
        pairs = [(key, self._read(workspace, kind, key, text)) for key, text in sorted(rows) if key.startswith(prefix)]
        return {key: value for key, value in pairs if value is not None}

    async def about(self, member: MemberRef) -> Mapping[str, object]:
        return await self._database.read(lambda connection: all_about(connection, member, self._keys))

    def _read(self, workspace: WorkspaceRef, kind: type[T], key: str, text: str) -> T | None:
        try:
            return from_json(kind, opened_note(self._keys, str(workspace), kind_of(kind), key, text))
        except ValueError:
            log.warning("a note no longer fits %s and is ignored: %s", kind_of(kind), key)
            return None


@prepared
def _remembering(insert: Insert) -> Executable:
    statement = insert(tables.notes)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "kind", "key"],
        set_={"value": statement.excluded.value, "member": statement.excluded.member},
    )


def remember(commit: Commit, action: Remember) -> None:
    workspace, kind, value = str(commit.workspace), kind_of(type(action.value)), to_json(action.value)
    values = {
        "workspace": workspace,
        "kind": kind,
        "key": action.key,
        "value": closed_note(commit.keys, workspace, kind, action.key, value) if action.sealed else value,
        "member": str(action.member) if action.member else None,
    }
    commit.connection.execute(_remembering(commit.connection), values)


def drop(commit: Commit, action: Drop) -> None:
    commit.connection.execute(
        delete(tables.notes).where(
            _columns.workspace == str(commit.workspace),
            _columns.kind == kind_of(action.type),
            _columns.key == action.key,
        )
    )
