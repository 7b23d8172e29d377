"""What platforms put aside by name: sealed, each for a while, erased with whom it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from bot.core.platform import Drawer
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import tables
from bot.store.database import Database
from bot.store.dialect import inserting
from bot.store.people import forgotten_among
from bot.store.secrecy import Keys, Seal, Unreadable

_columns = tables.aside.c


class StoredDrawer(Drawer):
    """One workspace's, in the database. What was sealed with another secret is as good as not there."""

    def __init__(self, database: Database, keys: Keys, seal: Seal, workspace: WorkspaceRef) -> None:
        self._database = database
        self._keys = keys
        self._seal = seal
        self._workspace = str(workspace)

    async def get(self, name: str) -> str:
        statement = select(_columns.value).where(
            _columns.workspace == self._workspace, _columns.name == name, _columns.until > datetime.now(UTC)
        )
        sealed = await self._database.read(lambda connection: connection.scalar(statement))
        try:
            return "" if sealed is None else self._seal.open(sealed, self._row(name)).decode()
        except Unreadable:
            return ""

    async def put(self, name: str, text: str, *, until: datetime, member: MemberRef | None = None) -> None:
        row = {
            "workspace": self._workspace,
            "name": name,
            "value": self._seal.close(text.encode(), self._row(name)),
            "until": until,
            "member": str(member) if member else None,
        }

        def work(connection: Connection) -> None:
            if member is not None and forgotten_among(connection, [self._keys.of_member(member)]):
                return
            statement = inserting(connection, tables.aside).values(**row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["workspace", "name"],
                    set_={column: statement.excluded[column] for column in ("value", "until", "member")},
                )
            )

        await self._database.write(work)

    async def drop(self, name: str) -> None:
        statement = delete(tables.aside).where(_columns.workspace == self._workspace, _columns.name == name)
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def names(self, prefix: str) -> Sequence[str]:
        statement = (
            select(_columns.name)
            .where(
                _columns.workspace == self._workspace,
                _columns.name >= prefix,
                _columns.name < f"{prefix}\U0010ffff",
                _columns.until > datetime.now(UTC),
            )
            .order_by(_columns.name)
        )
        return await self._database.read(lambda connection: list(connection.scalars(statement)))

    def _row(self, name: str) -> bytes:
        return f"aside\0{self._workspace}\0{name}".encode()
