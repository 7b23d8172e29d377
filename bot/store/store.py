"""The store as a whole: opened once, it gives every port that keeps something."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, select

from bot.core.community import Channel, Member
from bot.core.refs import WorkspaceRef
from bot.core.signals import Signal
from bot.store import counting, tables
from bot.store.database import Database
from bot.store.editorial import StoredChanges, StoredItems
from bot.store.inbox import StoredInbox
from bot.store.journal import StoredJournal
from bot.store.ledger import StoredLedger
from bot.store.measures import THRESHOLD, StoredMeasures
from bot.store.migrate import upgrade_engine
from bot.store.notebook import StoredNotes
from bot.store.occurrences import StoredOccurrences
from bot.store.outbound import StoredOutbound
from bot.store.people import StoredMembers, register_members
from bot.store.places import StoredChannels, register_channels
from bot.store.secrecy import Keys, Seal
from bot.store.timers import StoredTimers


class Store:
    """Everything Allant keeps, in one database. Made by :meth:`open`."""

    def __init__(self, database: Database, secret: bytes, threshold: int) -> None:
        self._database = database
        self._keys = keys = Keys(secret)
        self.members = StoredMembers(database)
        self.channels = StoredChannels(database)
        self.notes = StoredNotes(database, keys)
        self.timers = StoredTimers(database)
        self.ledger = StoredLedger(database)
        self.occurrences = StoredOccurrences(database)
        self.items = StoredItems(database)
        self.changes = StoredChanges(database)
        self.measures = StoredMeasures(database, keys, threshold)
        self.inbox = StoredInbox(database, Seal(secret))
        self.journal = StoredJournal(database, keys)
        self.outbound = StoredOutbound(database, keys)

    @classmethod
    async def open(cls, url: str, *, secret: bytes, threshold: int = THRESHOLD) -> Store:
        """Open the database at ``url`` (an SQLAlchemy address), bringing its schema up to date.

        ``secret`` seals what waits in the inbox and keys the signals: another one makes both unreadable.
        ``threshold``: no figure about fewer people, never below 5. Raises BadInput when the address is wrong, the file
        cannot be read, or the schema is newer than this version.
        """
        database = Database(url)
        try:
            await asyncio.to_thread(upgrade_engine, database.engine, url)
        except BaseException:
            await database.close()
            raise
        return cls(database, secret, threshold)

    async def record_signals(self, signals: Sequence[Signal]) -> int:
        """Record them all in one transaction; returns how many were new (see Signal.source)."""
        return await self._database.write(partial(counting.record, keys=self._keys, signals=signals))

    async def register(self, people_and_places: Sequence[Member | Channel]) -> None:
        """What RegisterMember and RegisterChannel do, for all of them in one transaction."""

        def work(connection: Connection) -> None:
            register_members(connection, self._keys, [each for each in people_and_places if isinstance(each, Member)])
            register_channels(connection, [each for each in people_and_places if isinstance(each, Channel)])

        await self._database.write(work)

    async def workspaces(self) -> Sequence[WorkspaceRef]:
        """Every workspace with channels, in order: those where Allant ran, and those whose past was imported."""
        statement = select(tables.channels.c.workspace).distinct()
        found = await self._database.read(lambda connection: list(connection.scalars(statement)))
        return sorted(WorkspaceRef.parse(each) for each in found)

    async def close(self) -> None:
        """Commit what was handed over, and let go of the database."""
        await self._database.close()
