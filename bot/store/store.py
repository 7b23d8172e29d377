"""The store as a whole: opened once, it gives every port that keeps something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select

from bot.core.community import Channel, Member
from bot.core.leases import Leases, SoleLeases
from bot.core.ledger import Pause
from bot.core.platform import Drawer, Keepsake
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.signals import Signal
from bot.store import counting, pausing, postgres, tables
from bot.store.answers import StoredAnswers
from bot.store.database import Database
from bot.store.dialect import database_file
from bot.store.drawers import StoredDrawer
from bot.store.editorial import StoredChanges, StoredItems
from bot.store.erasures import apply_waiting
from bot.store.housekeeping import StoredHousekeeper
from bot.store.inbox import StoredInbox
from bot.store.installations import StoredInstallations
from bot.store.journal import StoredJournal
from bot.store.keepsakes import StoredKeepsake
from bot.store.leases import LEASE, SharedLeases
from bot.store.ledger import StoredLedger
from bot.store.measures import StoredMeasures
from bot.store.migrate import upgrade_engine
from bot.store.notebook import StoredNotes
from bot.store.occupancy import Occupancy
from bot.store.occurrences import StoredOccurrences
from bot.store.outbound import StoredOutbound
from bot.store.people import StoredMembers, assign_team, register_members
from bot.store.places import StoredChannels, note_last_message, register_channels
from bot.store.rollups import StoredMetrics
from bot.store.secrecy import Keys, Seal, fingerprint
from bot.store.timers import StoredTimers
from bot.store.wakeups import listen


class Store:
    """Everything Allant keeps, in one database. Made by :meth:`open`."""

    def __init__(self, database: Database, secret: bytes, occupancy: Occupancy | None, lease: timedelta) -> None:
        self._database = database
        self._occupancy = occupancy
        self.shared = SharedLeases(database, lease=lease) if database.engine.dialect.name == "postgresql" else None
        self.leases: Leases = self.shared or SoleLeases()
        self._keys = keys = Keys(secret)
        self._seal = seal = Seal(secret)
        self.members = StoredMembers(database)
        self.channels = StoredChannels(database)
        self.notes = StoredNotes(database, keys)
        self.timers = StoredTimers(database)
        self.ledger = StoredLedger(database)
        self.occurrences = StoredOccurrences(database)
        self.items = StoredItems(database)
        self.changes = StoredChanges(database)
        self.answers = StoredAnswers(database)
        self.measures = StoredMeasures(database, keys)
        self.metrics = StoredMetrics(database)
        self.inbox = StoredInbox(database, seal, self.shared)
        self.journal = StoredJournal(database, keys, seal)
        self.outbound = StoredOutbound(database, keys, seal, self.shared)
        self.housekeeper = StoredHousekeeper(database)
        self.installations = StoredInstallations(database, secret)

    @classmethod
    async def open(cls, url: str, *, secret: bytes, lease: timedelta = LEASE) -> Store:
        """Open the database at ``url`` (an SQLAlchemy address), bringing its schema up to date.

        ``secret`` seals what waits in the inbox and keys the signals: another one makes both unreadable.
        ``lease``: how long one of several processes that says nothing is believed to live. Raises BadInput when the
        address is wrong, the database cannot be used, its schema is newer than this version, or another process runs on
        it with another secret.
        """
        name = postgres.running_as(fingerprint(secret))
        database = Database(url, name)
        try:
            await asyncio.to_thread(upgrade_engine, database.engine, url)
            if database.engine.dialect.name == "postgresql":
                await database.read(partial(postgres.refuse_another_secret, name=name))
            await database.write(partial(apply_waiting, keys=Keys(secret), seal=Seal(secret), at=datetime.now(UTC)))
        except BaseException:
            await database.close()
            raise
        file = database_file(url)
        return cls(database, secret, Occupancy(file) if file is not None else None, lease)

    def keepsake(self, workspace: WorkspaceRef) -> Keepsake:
        """Where the workspace's platform keeps things when several processes share the database."""
        return StoredKeepsake(self._database, self._seal, workspace)

    def drawer(self, workspace: WorkspaceRef) -> Drawer:
        """Where the workspace's platform puts small things aside."""
        return StoredDrawer(self._database, self._keys, self._seal, workspace)

    def occupy(self) -> None:
        """Before working on it: nobody else does, or the database is one that several may share. Raises BadInput."""
        if self._occupancy is not None:
            self._occupancy.take()

    async def listen(self, wake: Mapping[str, Callable[[], None]]) -> None:
        """What other processes tell (see :mod:`bot.store.wakeups`), until cancelled."""
        await listen(self._database.engine.url, wake)

    async def record_signals(self, signals: Sequence[Signal]) -> int:
        """Record them all in one transaction; returns how many were new (see Signal.source)."""
        return await self._database.write(partial(counting.record, keys=self._keys, signals=signals))

    async def count(self, signal: Signal) -> None:
        """Record one signal, committed together with whatever else is being written."""
        await self._database.write_batched(self._record_each, signal)

    def _record_each(self, connection: Connection, signals: Sequence[Signal]) -> Sequence[None]:
        counting.record(connection, self._keys, signals)
        return [None] * len(signals)

    async def register(self, people_and_places: Sequence[Member | Channel]) -> None:
        """What RegisterMember and RegisterChannel do, for all of them in one transaction."""

        def work(connection: Connection) -> None:
            register_members(connection, self._keys, [each for each in people_and_places if isinstance(each, Member)])
            register_channels(connection, [each for each in people_and_places if isinstance(each, Channel)])

        await self._database.write(work)

    async def introduce(self, people_and_places: Sequence[Member | Channel]) -> None:
        """As :meth:`register`, but whoever and whatever is known already stays as it is; a channel's last message is
        the latest that anybody knew of."""

        def work(connection: Connection) -> None:
            known = set(connection.scalars(select(tables.members.c.ref))) if people_and_places else set()
            places = {row.ref: row for row in connection.execute(select(tables.channels))}
            new = [each for each in people_and_places if isinstance(each, Member) and str(each.ref) not in known]
            register_members(connection, self._keys, new)
            fresh = [each for each in people_and_places if isinstance(each, Channel)]
            register_channels(connection, [each for each in fresh if str(each.ref) not in places])
            for each in fresh:
                if str(each.ref) in places and each.last_message_at is not None:
                    note_last_message(connection, each.ref, each.last_message_at)

        await self._database.write(work)

    async def assign_teams(self, teams: Mapping[MemberRef, str]) -> int:
        """Say who belongs to which team; how many of them are known."""

        def work(connection: Connection) -> int:
            return sum(assign_team(connection, self._keys, member, team) for member, team in teams.items())

        return await self._database.write(work)

    async def pause(self, pause: Pause, workspace: WorkspaceRef | None = None) -> None:
        """Let nothing unasked leave, in one workspace or in all, for the administrator at the command line."""
        await self._database.write(lambda connection: pausing.pause(connection, pause, workspace))

    async def resume(self, now: datetime, workspace: WorkspaceRef | None = None) -> bool:
        """End the pause of one workspace, or every pause. Whether there was one in force."""
        return await self._database.write(lambda connection: pausing.resume(connection, now, workspace))

    async def workspaces(self) -> Sequence[WorkspaceRef]:
        """Every workspace with channels, in order: those where Allant ran, and those whose past was imported."""
        statement = select(tables.channels.c.workspace).distinct()
        found = await self._database.read(lambda connection: list(connection.scalars(statement)))
        return sorted(WorkspaceRef.parse(each) for each in found)

    async def close(self) -> None:
        """Commit what was handed over, and let go of the database."""
        await self._database.close()
        if self._occupancy is not None:
            self._occupancy.let_go()
