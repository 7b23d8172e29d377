"""The workspaces that connected themselves, their credentials sealed under a key of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from bot.core.installations import Installations, Installed
from bot.core.refs import WorkspaceRef
from bot.store import tables
from bot.store.database import Database
from bot.store.dialect import inserting
from bot.store.secrecy import Seal, Unreadable
from bot.store.wakeups import INSTALLED, tell

_installed = tables.installations.c


class StoredInstallations(Installations):
    """In the database."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._seal = Seal(secret, b"allant installation")

    async def spend(self, mark: str, until: datetime, now: datetime) -> bool:
        def work(connection: Connection) -> bool:
            connection.execute(delete(tables.spent).where(tables.spent.c.until <= now))
            statement = inserting(connection, tables.spent).values(mark=mark, until=until)
            return bool(connection.execute(statement.on_conflict_do_nothing(index_elements=["mark"])).rowcount)

        return await self._database.write(work)

    async def keep(self, installed: Installed) -> None:
        words = json.dumps(dict(installed.credentials)).encode()
        row = {
            "workspace": str(installed.workspace),
            "name": installed.name,
            "credentials": self._seal.close(words, _row(str(installed.workspace))),
            "at": installed.at,
        }

        def work(connection: Connection) -> None:
            statement = inserting(connection, tables.installations).values(**row)
            changed = {name: statement.excluded[name] for name in ("name", "credentials", "at")}
            connection.execute(statement.on_conflict_do_update(index_elements=["workspace"], set_=changed))
            tell(connection, INSTALLED)

        await self._database.write(work)

    async def all(self) -> Sequence[Installed]:
        return [each for each in map(self._read, await self._rows()) if isinstance(each, Installed)]

    async def unreadable(self) -> Sequence[WorkspaceRef]:
        return [each for each in map(self._read, await self._rows()) if isinstance(each, WorkspaceRef)]

    async def forget(self, workspace: WorkspaceRef) -> bool:
        statement = delete(tables.installations).where(_installed.workspace == str(workspace))

        def work(connection: Connection) -> bool:
            tell(connection, INSTALLED)
            return bool(connection.execute(statement).rowcount)

        return await self._database.write(work)

    async def _rows(self) -> Sequence[Any]:
        columns = (_installed.workspace, _installed.name, _installed.credentials, _installed.at)
        statement = select(*columns).order_by(_installed.workspace)
        return await self._database.read(lambda connection: connection.execute(statement).all())

    def _read(self, row: Any) -> Installed | WorkspaceRef:
        """The workspace; its ref alone when its credentials cannot be read."""
        ref = WorkspaceRef.parse(row.workspace)
        try:
            credentials = json.loads(self._seal.open(row.credentials, _row(row.workspace)))
        except (Unreadable, ValueError):
            return ref
        return Installed(workspace=ref, name=row.name, credentials=credentials, at=row.at)


def _row(workspace: str) -> bytes:
    return f"installation\0{workspace}".encode()
