"""Calendar items made in chat and the record of changes: their ports, and the actions about them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Row, delete, func, insert, select, update

from bot.core.actions import RecordChange, RemoveItem, WriteItem
from bot.core.answers import KeptAnswer
from bot.core.calendar import Item, Paused
from bot.core.editorial import Change, KeptItem, Slot, State, Status, Subject
from bot.core.errors import Overtaken
from bot.core.records import Changes, Items
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import tables
from bot.store.codec import adapter, from_json, to_json
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared

log = logging.getLogger("allant.store")

_items = tables.items.c
_changes = tables.changes.c
_NOBODY = "animator"
"""The owner of what nobody in particular owns; a record of changes never tells another."""
_AT_ONCE = 500
"""Ids named in one statement: databases allow some tens of thousands of values."""
_STATUSES = {status.value: status for status in Status}


class StoredItems(Items):
    """The items in the database. One that no longer fits its class (after an upgrade) is as good as not there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workspace: WorkspaceRef, item: str) -> KeptItem | None:
        found = await self._find(1, _items.workspace == str(workspace), _items.id == item)
        return found[0] if found else None

    async def named(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, KeptItem]:
        wanted, found = sorted(set(items)), {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            for kept in await self._find(None, _items.workspace == str(workspace), _items.id.in_(part)):
                found[kept.item.id] = kept
        return found

    async def all(
        self,
        workspace: WorkspaceRef,
        *,
        status: Status | None = None,
        owner: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> Sequence[KeptItem]:
        where = [_items.workspace == str(workspace), _items.id > after]
        if status is not None:
            where.append(_items.state == status.value)
        if owner:
            where.append(_items.owner == owner)
        return await self._find(limit, *where)

    async def _find(self, limit: int | None, *where: ColumnElement[bool]) -> list[KeptItem]:
        statement = select(tables.items).where(*where).order_by(_items.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return list(_readable(rows))


_ALWAYS_SAID = ("owner", "missed", "grace", "holidays", "state")
"""What an item keeps as it was when it was written, should a later version take another value where nothing is said."""


def written_item(item: Item) -> str:
    """The item as JSON without what it does not say, such as the many ways of saying when that are not its own: a
    thousand that fall due together are read in two thirds of the time."""
    kind = adapter(Item)
    said = kind.dump_python(item, mode="json", exclude_defaults=True)
    said |= kind.dump_python(item, mode="json", include=set(_ALWAYS_SAID))
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _readable(rows: Iterable[Iterable[Any]]) -> Iterable[KeptItem]:
    for _, name, text, state, owner, version in rows:
        try:
            item = from_json(Item, text)
        except ValueError:
            log.warning("a calendar item made in chat no longer fits and is ignored: %s", name)
            continue
        yield KeptItem(item=item, status=_STATUSES[state], owner=owner, version=version)


_STATES: dict[str, type[KeptItem] | type[Slot] | type[Paused] | type[KeptAnswer]] = {
    Subject.ITEM.value: KeptItem,
    Subject.OCCURRENCE.value: Slot,
    Subject.PAUSE.value: Paused,
    Subject.ANSWER.value: KeptAnswer,
}


def _state(subject: str, text: str) -> State:
    try:
        return from_json(_STATES[subject], text) if text else None
    except ValueError:
        log.warning("a recorded %s no longer fits and is shown as nothing", subject)
        return None


def _written(state: State) -> str:
    if state is None:
        return ""
    return to_json(replace(state, owner=_NOBODY) if isinstance(state, (KeptItem, KeptAnswer)) else state)


def _to_change(row: Row[Any]) -> Change:
    return Change(
        number=row.number,
        by=MemberRef.parse(row.by) if row.by else None,
        at=row.at,
        subject=Subject(row.subject),
        id=row.id,
        before=_state(row.subject, row.before),
        after=_state(row.subject, row.after),
        undoes=row.undoes,
        undone_by=row.undone_by,
    )


class StoredChanges(Changes):
    """The changes in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workspace: WorkspaceRef, number: int) -> Change | None:
        return await self._first(_changes.number == number, _changes.workspace == str(workspace))

    async def of(self, workspace: WorkspaceRef, item: str, limit: int = 20) -> Sequence[Change]:
        return await self._find(limit, _changes.workspace == str(workspace), _changes.item == item)

    async def latest(self, workspace: WorkspaceRef, subject: Subject, what: str) -> Change | None:
        return await self._first(
            _changes.workspace == str(workspace),
            _changes.item == _item_of(what),
            _changes.subject == subject.value,
            _changes.id == what,
        )

    async def newest(self, workspace: WorkspaceRef, items: Collection[str]) -> Mapping[str, Change]:
        wanted, found = sorted(set(items)), {}
        for start in range(0, len(wanted), _AT_ONCE):
            last = (
                select(func.max(_changes.number))
                .where(
                    _changes.workspace == str(workspace),
                    _changes.item.in_(wanted[start : start + _AT_ONCE]),
                    _changes.subject == Subject.ITEM.value,
                )
                .group_by(_changes.item)
            )
            for change in await self._find(_AT_ONCE, _changes.number.in_(last)):
                found[change.id] = change
        return found

    async def last_by(self, member: MemberRef) -> Change | None:
        return await self._first(_changes.by == str(member), _changes.undone_by.is_(None), _changes.undoes.is_(None))

    async def _first(self, *where: ColumnElement[bool]) -> Change | None:
        found = await self._find(1, *where)
        return found[0] if found else None

    async def _find(self, limit: int, *where: ColumnElement[bool]) -> list[Change]:
        statement = select(tables.changes).where(*where).order_by(_changes.number.desc()).limit(limit)
        return await self._database.read(lambda connection: [_to_change(row) for row in connection.execute(statement)])


def _item_of(what: str) -> str:
    """The item that what was changed belongs to: an occurrence's id begins with its item's."""
    return what.partition("|")[0]


@prepared
def _writing(insert: Insert) -> Executable:
    statement = insert(tables.items)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "id"],
        set_={name: statement.excluded[name] for name in ("item", "state", "owner", "version")},
    )


def write_item(commit: Commit, action: WriteItem) -> None:
    kept = action.kept
    if action.instead_of is not None:
        statement = select(_items.version).where(_items.workspace == str(commit.workspace), _items.id == kept.item.id)
        if (commit.connection.scalar(statement.with_for_update()) or 0) != action.instead_of:
            raise Overtaken(f"{kept.item.id} was changed meanwhile")
    values = {
        "workspace": str(commit.workspace),
        "id": kept.item.id,
        "item": written_item(kept.item),
        "state": kept.status.value,
        "owner": kept.owner,
        "version": kept.version,
    }
    commit.connection.execute(_writing(commit.connection), values)


def remove_item(commit: Commit, action: RemoveItem) -> None:
    commit.connection.execute(
        delete(tables.items).where(_items.workspace == str(commit.workspace), _items.id == action.item)
    )


def record_change(commit: Commit, action: RecordChange) -> None:
    connection = commit.connection
    statement = insert(tables.changes).returning(_changes.number)
    number = connection.scalar(
        statement,
        {
            "workspace": str(commit.workspace),
            "by": str(action.by),
            "at": commit.at,
            "subject": action.subject.value,
            "item": _item_of(action.id),
            "id": action.id,
            "before": _written(action.before),
            "after": _written(action.after),
            "undoes": action.undoes,
            "undone_by": None,
        },
    )
    if action.undoes is not None:
        connection.execute(update(tables.changes).where(_changes.number == action.undoes).values(undone_by=number))


def forget_author(connection: Connection, member: MemberRef) -> None:
    """What they changed stays, without telling who; what they owned is the animators'."""
    ref = str(member)
    connection.execute(update(tables.changes).where(_changes.by == ref).values(by=None))
    connection.execute(update(tables.items).where(_items.owner == ref).values(owner=_NOBODY))
