"""Answers of the FAQ written in chat: their port, and the actions about them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Row, delete, func, select, update

from bot.core.actions import RemoveAnswer, WriteAnswer
from bot.core.answers import Answers, KeptAnswer
from bot.core.editorial import Status
from bot.core.errors import Overtaken
from bot.core.refs import WorkspaceRef
from bot.store import tables
from bot.store.codec import from_json, to_json
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, prepared

log = logging.getLogger("allant.store")
_columns = tables.answers.c
_NOBODY = "animator"
"""The owner of what nobody in particular owns."""


class StoredAnswers(Answers):
    """The answers in the database. One that no longer fits its class (after an upgrade) is as good as not there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workspace: WorkspaceRef, slug: str) -> KeptAnswer | None:
        found = await self._find(1, _columns.workspace == str(workspace), _columns.slug == slug)
        return found[0] if found else None

    async def all(
        self, workspace: WorkspaceRef, *, status: Status | None = None, after: str = "", limit: int = 200
    ) -> Sequence[KeptAnswer]:
        where = [_columns.workspace == str(workspace), _columns.slug > after]
        if status is not None:
            where.append(_columns.state == status.value)
        return await self._find(limit, *where)

    async def approved(self) -> Sequence[KeptAnswer]:
        found = await self._find(None, _columns.state == Status.APPROVED.value)
        return list({kept.slug: kept for kept in found}.values())

    async def stamp(self) -> str:
        statement = select(func.count(), func.sum(_columns.version), func.max(_columns.changed))
        row = await self._database.read(lambda connection: connection.execute(statement).one())
        return " ".join(str(each) for each in row)

    async def _find(self, limit: int | None, *where: ColumnElement[bool]) -> list[KeptAnswer]:
        statement = select(tables.answers).where(*where).order_by(_columns.slug, _columns.workspace).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return list(_readable(rows))


def _readable(rows: Iterable[Row[Any]]) -> Iterable[KeptAnswer]:
    for row in rows:
        try:
            yield from_json(KeptAnswer, row.answer)
        except ValueError:
            log.warning("an answer written in chat no longer fits and is ignored: %s", row.slug)


@prepared
def _writing(insert: Insert) -> Executable:
    statement = insert(tables.answers)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "slug"],
        set_={name: statement.excluded[name] for name in ("answer", "state", "owner", "version", "changed")},
    )


def write_answer(commit: Commit, action: WriteAnswer) -> None:
    kept = action.kept
    if action.instead_of is not None:
        where = (_columns.workspace == str(commit.workspace), _columns.slug == kept.slug)
        before = commit.connection.scalar(select(_columns.version).where(*where).with_for_update())
        if (before or 0) != action.instead_of:
            raise Overtaken(f"{kept.slug} was changed meanwhile")
    values = {
        "workspace": str(commit.workspace),
        "slug": kept.slug,
        "answer": to_json(kept),
        "state": kept.status.value,
        "owner": kept.owner,
        "version": kept.version,
        "changed": commit.at,
    }
    commit.connection.execute(_writing(commit.connection), values)


def remove_answer(commit: Commit, action: RemoveAnswer) -> None:
    commit.connection.execute(
        delete(tables.answers).where(_columns.workspace == str(commit.workspace), _columns.slug == action.slug)
    )


def disown(connection: Connection, ref: str) -> None:
    """What somebody owned who asked to be forgotten is the animators'."""
    statement = select(_columns.workspace, _columns.slug, _columns.answer).where(_columns.owner == ref)
    for row in connection.execute(statement).all():
        values: dict[str, Any] = {"owner": _NOBODY}
        try:
            kept = from_json(KeptAnswer, row.answer)
        except ValueError:
            values["answer"] = row.answer.replace(ref, _NOBODY)
        else:
            values["answer"] = to_json(replace(kept, owner=_NOBODY))
        where = (_columns.workspace == row.workspace, _columns.slug == row.slug)
        connection.execute(update(tables.answers).where(*where).values(**values))
