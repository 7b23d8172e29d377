"""What platforms keep for whoever listens after this process: sealed, as there are access tokens in it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bot.core.platform import Keepsake
from bot.core.refs import WorkspaceRef
from bot.store import tables
from bot.store.database import Database
from bot.store.dialect import inserting
from bot.store.secrecy import Seal, Unreadable

_KIND = "platform.keepsake"
_columns = tables.notes.c


class StoredKeepsake(Keepsake):
    """One workspace's, in the database."""

    def __init__(self, database: Database, seal: Seal, workspace: WorkspaceRef) -> None:
        self._database = database
        self._seal = seal
        self._workspace = str(workspace)

    async def load(self) -> str:
        """See the port. What cannot be opened (another secret) is as good as not there."""
        statement = select(_columns.value).where(_columns.workspace == self._workspace, _columns.kind == _KIND)
        sealed = await self._database.read(lambda connection: connection.scalar(statement))
        try:
            return "" if sealed is None else self._seal.open(bytes.fromhex(sealed), self._row()).decode()
        except (Unreadable, ValueError):
            return ""

    async def save(self, text: str) -> None:
        value = self._seal.close(text.encode(), self._row()).hex()

        def work(connection: Connection) -> None:
            row = {"workspace": self._workspace, "kind": _KIND, "key": "", "value": value}
            statement = inserting(connection, tables.notes).values(**row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["workspace", "kind", "key"], set_={"value": statement.excluded.value}
                )
            )

        await self._database.write(work)

    def _row(self) -> bytes:
        return f"{_KIND}\0{self._workspace}".encode()
