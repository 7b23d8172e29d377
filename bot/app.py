"""Puts Allant together: the only file that names the concrete rooms and the registry of features."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal, NoReturn

from bot import VERSION, archive
from bot.answers import Served, ServingJournal
from bot.attendance import Attendance, attend, kept_up
from bot.checking import load_files, rules_by_name
from bot.core.actions import GiveRole, Planned
from bot.core.addresses import Addresses
from bot.core.backlog import Backlog
from bot.core.clock import SystemClock
from bot.core.coming import ComingPosts
from bot.core.community import Channel, Member, Role
from bot.core.directory import Directory
from bot.core.dispatch import Dispatcher, catalogue
from bot.core.errors import BadInput, Problem
from bot.core.events import Event, FilesChanged, Started
from bot.core.feature import Feature, Ports
from bot.core.intake import Intake
from bot.core.platform import Capabilities, Platform
from bot.core.policy import PolicyRules
from bot.core.ports import Clock, FeedReader, Writer
from bot.core.refs import MemberRef, WorkspaceRef
from bot.delivery import Limits, Outbox
from bot.doors import Doors
from bot.equipment import equipment
from bot.feedreader import HttpFeedReader
from bot.library import ContentLibrary
from bot.lookover import look_over, named_channels
from bot.settings import Settings, starter_folder
from bot.signals import ChartPainter
from bot.store import Store
from bot.store.leases import SharedLeases
from bot.store.wakeups import ACCEPTED, INSTALLED, PLANNED
from bot.timetable import Clockwork, Schedules
from bot.web import SecretAddresses
from bot.writer import CannedWriter, OpenAIWriter
from handlers import FEATURES

log = logging.getLogger("allant")

ROLL_EVERY_SECONDS = 5.0
"""How often new signals are folded into the rollups: whoever asks for figures then waits for little."""
FILES_EVERY_SECONDS = 2.0
"""How often content/ and schedules/ are looked at for changes."""
LOOK_OVER_EVERY_SECONDS = 24 * 3600.0
"""How often each platform looks itself over, besides at the start and after the files changed."""

ProcessRole = Literal["web", "worker", "all"]

TIDY_EVERY_SECONDS = 24 * 3600.0
TIDY_FIRST_SECONDS = 60.0
"""A bot that is restarted every night still tidies once a day; and not while it is busy starting."""


def make_writer(settings: Settings) -> Writer:
    """The writing service when a key is set, else the canned writer."""
    key = settings.writer_api_key.get_secret_value()
    if not key:
        return CannedWriter()
    return OpenAIWriter(
        api_key=key,
        base_url=settings.writer_base_url,
        model=settings.writer_model,
        answers=settings.writer_answers,
    )


@dataclass(kw_only=True)
class Allant:
    """One running bot: what was wired together, and its start and stop."""

    settings: Settings
    clock: Clock
    store: Store
    library: ContentLibrary
    served: Served
    schedules: Schedules
    platforms: dict[WorkspaceRef, Platform]
    can: dict[WorkspaceRef, Capabilities]
    """What the features are told of each platform."""
    dispatcher: Dispatcher
    intake: Intake
    backlog: Backlog
    outbox: Outbox
    clockwork: Clockwork
    addresses: Addresses
    role: ProcessRole = "all"
    attending: set[WorkspaceRef] = field(default_factory=set)
    """The workspaces that this one of several processes listens to."""
    doors: Doors | None = None
    attendance: Attendance = field(default_factory=Attendance)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _aside: set[asyncio.Task[None]] = field(default_factory=set)
    _seen: tuple[str, str] = ("", "")
    _kept: tuple[str, str] = ("", "")
    _file_problems: tuple[Problem, ...] = ()
    _files_changed: int = 0

    async def start(self, *, live: bool = True) -> None:
        """Learn who and where, go on with what an earlier run left, then listen.

        ``live=False`` starts neither the clock nor the outbox's loop: the caller moves time and calls settle(). Raises
        BadInput when another Allant already works on the same SQLite file.
        """
        self.store.occupy()
        self._seen = self._fingerprints()
        if self.store.shared is None:
            await self._start_alone(live)
        else:
            await self._start_among_others(self.store.shared)

    async def _start_alone(self, live: bool) -> None:
        for workspace, platform in self.platforms.items():
            await self._learn(workspace, platform)
        await self.outbox.recover()
        await self.intake.resume()
        for workspace in self.platforms:
            await self._tell_started(workspace)
        if live:
            self.clockwork.every(FILES_EVERY_SECONDS, self._look_at_files, "files")
            self.clockwork.every(ROLL_EVERY_SECONDS, self._roll, "rollups")
            self.clockwork.every(TIDY_EVERY_SECONDS, self.tidy, "housekeeping", first=TIDY_FIRST_SECONDS)
            self.clockwork.every(LOOK_OVER_EVERY_SECONDS, self.look_over, "look-over", first=LOOK_OVER_EVERY_SECONDS)
            self.clockwork.start()
            self._run(self.outbox.run(), "outbox")
        if live:
            self._run(self.library.keep_fresh(), "search")
        for workspace, platform in self.platforms.items():
            self.attendance.begin(workspace, platform.run(self.accept))
        self._run_attendance()

    async def _start_among_others(self, leases: SharedLeases) -> None:
        """Several processes share the database: each works on what nobody else does."""
        await leases.join(self.role, VERSION)
        self._run(leases.run(), "leases")
        self._run_attendance()
        if self.role == "web":
            return
        wake = {ACCEPTED: self.backlog.wake, PLANNED: self._planned}
        if self.doors is not None:
            wake[INSTALLED] = self.doors.wake
        self._run(self.store.listen(wake), "wake-ups")
        self._run(self.outbox.run(), "outbox")
        self._run(self.backlog.run(), "backlog")
        self._run(self.library.keep_fresh(), "search")
        self.clockwork.every(FILES_EVERY_SECONDS, self._look_at_files, "files")
        self.clockwork.every(LOOK_OVER_EVERY_SECONDS, self.look_over, "look-over", first=LOOK_OVER_EVERY_SECONDS)
        self.clockwork.every(ROLL_EVERY_SECONDS, self._roll, "rollups")
        self.clockwork.every(TIDY_EVERY_SECONDS, self.tidy, "housekeeping", first=TIDY_FIRST_SECONDS)
        self.clockwork.start()
        for workspace, platform in self.platforms.items():
            self.attendance.begin(workspace, attend(workspace, partial(self._attend, workspace, platform), leases))

    def _run_attendance(self) -> None:
        self._run(self.attendance.run(), "attendance")
        if self.doors is not None:
            self._run(self.doors.run(), "doors")

    async def connect(self, platform: Platform) -> None:
        """Take in a workspace while we run, as if it had been there at the start; returns before it is listened to."""
        workspace = platform.workspace
        self.platforms[workspace] = platform
        self.can[workspace] = platform.can
        if self.store.shared is None:
            self.attendance.begin(workspace, kept_up(workspace, partial(self._listen, workspace, platform)))
        elif self.role != "web":
            listen = partial(kept_up, workspace, partial(self._attend, workspace, platform))
            self.attendance.begin(workspace, attend(workspace, listen, self.store.shared))

    async def disconnect(self, workspace: WorkspaceRef) -> None:
        """Stop listening to a workspace and writing to it. What is planned there waits for it to come back."""
        platform = self.platforms.pop(workspace, None)
        await self.attendance.end(workspace)
        if platform is not None:
            await platform.close()

    async def accept(self, event: Event) -> None:
        """Returns once the event is durable: the adapter may then acknowledge it to its platform."""
        if self.store.shared is None:
            await self.intake(event)
        elif await self.store.inbox.accept(event) is not None:
            self.backlog.wake()

    async def _attend(self, workspace: WorkspaceRef, platform: Platform) -> None:
        """Listen to the workspace as the one of several processes whose task it is."""
        try:
            await platform.attend(self.store.keepsake(workspace))
            await self._listen(workspace, platform)
        finally:
            self.attending.discard(workspace)

    async def _listen(self, workspace: WorkspaceRef, platform: Platform) -> None:
        await self._learn(workspace, platform)
        self.attending.add(workspace)
        self.outbox.wake()
        await self._tell_started(workspace)
        await platform.run(self.accept)

    async def _tell_started(self, workspace: WorkspaceRef) -> None:
        await self.dispatcher.handle(Started(id="started", at=self.clock.now(), workspace=workspace))
        if self._file_problems:
            await self._tell_files_changed([workspace])
        else:
            self._look_over_aside([workspace])

    def _look_over_aside(self, workspaces: Iterable[WorkspaceRef]) -> None:
        """It may take a while, and nothing waits for it."""
        for workspace in workspaces:
            task = asyncio.create_task(self._look_over(workspace), name=f"look over {workspace}")
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)

    async def _look_over(self, workspace: WorkspaceRef) -> None:
        platform = self.platforms.get(workspace)
        if platform is not None:
            named = named_channels(self.schedules, rules_by_name())
            await look_over(platform, named, self.library, self.dispatcher, self.clock)

    async def look_over(self) -> None:
        """Have each platform that this process listens to look itself over."""
        self._look_over_aside(list(self.platforms if self.store.shared is None else self.attending))

    def _planned(self) -> None:
        self.outbox.wake()
        self.clockwork.wake()

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def wait(self) -> NoReturn:
        """Run until cancelled; a part that ends by itself is an error, which is raised."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError("a part of Allant stopped: " + ", ".join(sorted(task.get_name() for task in done)))

    async def stop(self) -> None:
        """Stop listening, let what is being sent finish, close everything. What waits is on disk."""
        await self.clockwork.stop()
        tasks = [*self._tasks, *self._aside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self.attendance.close(), return_exceptions=True)
        await self.library.close()
        await self.intake.close()
        for platform in self.platforms.values():
            await platform.close()
        if self.store.shared is not None:
            await self.store.shared.leave()
        await self.store.close()

    async def settle(self) -> None:
        """Do all that is due now (virtual clock): events, timers, deliveries, and what follows from them."""
        while True:
            await self.intake.idle()
            fired = await self.clockwork.fire_due()
            sent = await self.outbox.drain()
            if not fired and not sent:
                return

    async def _look_at_files(self) -> None:
        """Take up changed files, and note which ones run: `allant plan` compares with them."""
        await self.reload_changed_files()
        if self._kept == self._seen:
            return
        seen = self._seen
        for workspace in self.platforms:
            await archive.keep(
                self.store.notes,
                self.store.journal,
                workspace,
                {"content": self.settings.content, "schedules": self.settings.schedules},
                fingerprint=" ".join(seen),
                wrong=[problem.file for problem in self._file_problems],
                at=self.clock.now(),
            )
        self._kept = seen

    async def _roll(self) -> None:
        """Bring the rollups up to date, and settle what posts brought."""
        await self.store.metrics.catch_up()
        await self.store.metrics.settle(self.clock.now())

    async def tidy(self) -> None:
        """Let go of what is older than policy.yaml keeps it."""
        rules = self.schedules.rules(PolicyRules)
        await self._roll()
        gone = await self.store.housekeeper.tidy(self.clock.now(), rules, list(self.platforms))
        if any(gone.values()):
            log.info("housekeeping: %s removed", ", ".join(f"{count} {what}" for what, count in gone.items() if count))

    async def reload_changed_files(self) -> None:
        """Read content/ and schedules/ again if a file changed, and tell every workspace; and answers written in chat,
        which another process may have changed."""
        await self.served.refresh()
        seen = self._fingerprints()
        if seen == self._seen:
            return
        self._seen = seen
        self._file_problems = await asyncio.to_thread(load_files, self.library, self.schedules)
        # Every process reads its own files; of those that share a workspace, the one that attends to it tells.
        await self._tell_files_changed(list(self.platforms if self.store.shared is None else self.attending))

    async def _tell_files_changed(self, workspaces: Sequence[WorkspaceRef]) -> None:
        self._files_changed += 1
        for workspace in workspaces:
            event = FilesChanged(
                id=f"files/{self.clock.now().isoformat()}/{self._files_changed}",
                at=self.clock.now(),
                workspace=workspace,
                problems=self._file_problems,
            )
            await self.dispatcher.handle(event)
        self._look_over_aside(workspaces)

    def _fingerprints(self) -> tuple[str, str]:
        return self.library.fingerprint, self.schedules.fingerprint

    async def _learn(self, workspace: WorkspaceRef, platform: Platform) -> None:
        found: list[Member | Channel] = [each async for each in platform.directory()]
        await self.store.register(found)
        refs = [_admin_ref(text) for text in self.settings.admins]
        plans = Planned("admin", tuple(GiveRole(ref, Role.ADMIN) for ref in refs if ref.workspace == workspace))
        await self.store.journal.commit(workspace, [plans], at=self.clock.now(), source="settings")


def _admin_ref(text: str) -> MemberRef:
    try:
        return MemberRef.parse(text)
    except ValueError:
        raise BadInput(f"ALLANT_ADMINS: {text!r} is not platform/workspace/id") from None


async def assemble(
    settings: Settings,
    platforms: Sequence[Platform],
    *,
    clock: Clock | None = None,
    features: Sequence[Feature] = FEATURES,
    feeds: FeedReader | None = None,
    writer: Writer | None = None,
    limits: Limits | None = None,
    library: ContentLibrary | None = None,
    role: ProcessRole = "all",
) -> Allant:
    """Open the store, read the files and wire everything; nothing runs yet. Raises BadInput for a wrong setting.

    ``role``: what this process does of what several share: ``web`` only takes events in, ``worker`` does all the rest.

    ``library``: one over the same content folder that was read before; only what changed since is read again.
    """
    for name, folder in (("CONTENT", settings.content), ("SCHEDULES", settings.schedules)):
        if not folder.is_dir():
            raise BadInput(f"ALLANT_{name}_DIR={folder} is not a folder; make one with `allant init DIR`")
    library = library or ContentLibrary(settings.content, spare=starter_folder("content"))
    schedules = Schedules(settings.schedules, rules_by_name(features))
    problems = load_files(library, schedules)
    for problem in problems:
        log.warning("%s", problem)
    store = await Store.open(
        settings.database_url, secret=settings.secret(), lease=timedelta(seconds=settings.lease_seconds)
    )
    if role != "all" and store.shared is None:
        await store.close()
        raise BadInput(
            f"--role {role} shares the work with other processes, which needs PostgreSQL: set ALLANT_DATABASE_URL to a "
            "postgresql:// address, or run without --role"
        )
    time = clock or (SystemClock() if store.shared is None else store.shared.clock)
    channels = Directory(store.channels, schedules)
    addresses = SecretAddresses(settings.public_url, settings.local_url, settings.secret())
    can = {platform.workspace: platform.can for platform in platforms}
    ports = Ports(
        clock=time,
        members=store.members,
        channels=channels,
        notes=store.notes,
        timers=store.timers,
        ledger=store.ledger,
        occurrences=store.occurrences,
        items=store.items,
        changes=store.changes,
        answers=store.answers,
        measures=store.measures,
        metrics=store.metrics,
        painter=ChartPainter(),
        can=can,
        library=library,
        timetable=schedules,
        feeds=feeds or HttpFeedReader(allow_private=settings.feeds_allow_private),
        writer=writer or make_writer(settings),
        addresses=addresses,
        catalogue=catalogue(features),
        practices=[feature.name for feature in features],
        home=[part for feature in features for part in feature.home],
    )
    by_workspace = {platform.workspace: platform for platform in platforms}
    for platform in platforms:
        platform.equip(equipment(ports, store.drawer(platform.workspace), platform.workspace))

    attending: set[WorkspaceRef] = set()
    store.leases.on_lost(attending.clear)

    def elsewhere() -> list[WorkspaceRef]:
        if store.shared is None:
            return []
        return [ref for ref, each in by_workspace.items() if each.sends_where_it_listens and ref not in attending]

    def committed() -> None:
        outbox.wake()
        clockwork.wake()

    served = Served(store.answers, library, store.notes, by_workspace)
    await served.refresh()
    dispatcher = Dispatcher(features, ports, ServingJournal(store.journal, served), committed)
    outbox = Outbox(
        store.outbound,
        store.ledger,
        store.members,
        channels,
        schedules,
        by_workspace,
        time,
        limits or Limits(shared=store.shared is not None),
        dispatcher.handle,
        leases=store.leases,
        elsewhere=elsewhere,
        coming_posts=ComingPosts(store.occurrences, store.items, store.notes, schedules),
    )
    clockwork = Clockwork(store.timers, time, dispatcher.fire, leases=store.leases)
    return Allant(
        settings=settings,
        clock=time,
        store=store,
        library=library,
        schedules=schedules,
        platforms=by_workspace,
        can=can,
        dispatcher=dispatcher,
        intake=Intake(store.inbox, dispatcher.handle),
        backlog=Backlog(store.inbox, store.leases, dispatcher.handle),
        outbox=outbox,
        clockwork=clockwork,
        addresses=addresses,
        role=role,
        attending=attending,
        served=served,
        _file_problems=problems,
    )


@contextlib.asynccontextmanager
async def running(allant: Allant, *, live: bool = True) -> AsyncIterator[Allant]:
    """``allant`` started, and stopped at the end whatever happens."""
    try:
        await allant.start(live=live)
        yield allant
    finally:
        await allant.stop()
