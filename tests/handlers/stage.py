"""The stage on which dialogues are played: the whole bot over an in-memory store, on a virtual clock.

A test makes people speak on the playground, lets time pass, and reads what the bot said. Nothing is mocked: the store,
the library, the timetable, the outbox and the playground are the real ones; only the feed reader and the writer, which
reach outside, can be replaced by hand-written ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from bot.app import Allant, assemble, running
from bot.core.clock import VirtualClock
from bot.core.feature import Feature
from bot.core.ports import FeedReader, Writer
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.library import ContentLibrary
from bot.platforms.playground import BOT, Person, PlaygroundPlatform, PlaygroundServer, Post
from bot.settings import Settings, starter_folder
from handlers import FEATURES

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday at ten in Paris: working hours, winter time."""

CHANNELS = ("general", "random", "help", "announcements", "ideas", "learning", "newcomers")

ANN = Person(id="ann", name="Ann", language="en", zone="Europe/London")
BEN = Person(id="ben", name="Ben", language="en", zone="Europe/London")
CHLOE = Person(id="chloe", name="Chloé", language="fr")
ODILE = Person(id="odile", name="Odile", language="fr", animator=True)
OSCAR = Person(id="oscar", name="Oscar", language="en", animator=True)
ADA = Person(id="ada", name="Ada", language="en", admin=True)
GUS = Person(id="gus", name="Gus", language="en", guest=True)
MAUD = Person(id="maud", name="Maud", language="fr", manager=True)
PEOPLE = (ANN, BEN, CHLOE, ODILE, OSCAR, ADA)


class Stage:
    """Everything a dialogue needs. Texts the bot says are given as Markdown."""

    def __init__(self, allant: Allant, server: PlaygroundServer, clock: VirtualClock) -> None:
        self.allant = allant
        self.server = server
        self.clock = clock
        self.workspace = WorkspaceRef("playground", "demo")
        self._read = 0

    def member(self, person: str) -> MemberRef:
        return MemberRef(self.workspace, person)

    def channel(self, name: str) -> ChannelRef:
        return ChannelRef(self.workspace, self.server.room(name).id)

    async def settle(self) -> None:
        """Let the bot do all that is due now."""
        await self.server.idle()
        await self.allant.settle()

    async def until(self, moment: datetime) -> None:
        """Let time pass up to the aware ``moment``, stopping at everything that falls due on the way."""
        while True:
            await self.settle()
            due = [await self.allant.store.timers.next_due(), await self.allant.store.outbound.next_due()]
            coming = [each for each in due if each is not None and self.clock.now() < each <= moment]
            if not coming:
                break
            self.clock.move_to(min(coming))
        self.clock.move_to(moment)
        await self.settle()

    async def wait(self, time: timedelta) -> None:
        await self.until(self.clock.now() + time)

    async def arrive(self, *people: Person) -> None:
        """Newcomers join the organisation's chat."""
        for person in people:
            self.server.arrive(person)
        await self.settle()

    async def say(self, person: Person, channel: str, text: str, thread: Post | None = None) -> Post:
        """The person writes in a channel; ``/allant …`` is a command."""
        room = self.server.room(channel)
        post = self.server.say(person.id, room.id, text, thread.id if thread else None)
        await self.settle()
        return post

    async def tell(self, person: Person, text: str) -> Post:
        """The person writes to the bot alone."""
        post = self.server.say(person.id, self.server.direct(person.id).id, text)
        await self.settle()
        return post

    async def ask(self, person: Person, text: str, channel: str = "general") -> str:
        """The person gives ``/allant TEXT`` in a channel; what the bot answered, all of it."""
        self.heard()
        await self.say(person, channel, f"/allant {text}")
        return "\n\n".join(post.text for post in self.heard())

    async def press(self, person: Person, post: Post, label: str) -> None:
        """The person presses the button of that label (or with that command) under the post."""
        current = self.post(post.id)
        for number, button in enumerate(current.buttons):
            if label in (button.label, button.command):
                self.server.press(person.id, post.id, number)
                await self.settle()
                return
        raise AssertionError(f"no button {label!r} in {[each.label for each in current.buttons]}")

    async def submit(self, person: Person, post: Post, **values: str) -> None:
        """The person fills in the post's form."""
        self.server.submit(person.id, post.id, values)
        await self.settle()

    def post(self, identifier: str) -> Post:
        found = self.server.archive.post(identifier)
        assert found is not None
        return found

    def heard(self) -> list[Post]:
        """What the bot said since the last call, everywhere, in order."""
        posts = [post for post in self.server.archive.all_posts() if post.number > self._read and post.author == BOT]
        self._read = max((post.number for post in self.server.archive.all_posts()), default=0)
        return [post for post in posts if not post.deleted]

    def said_in(self, channel: str) -> list[Post]:
        """All the bot ever said in a channel (not deleted)."""
        room = self.server.room(channel).id
        return [
            post
            for post in self.server.archive.all_posts()
            if post.author == BOT and post.channel == room and not post.deleted
        ]

    def told(self, person: Person) -> list[Post]:
        """All the bot ever said to a person alone (not deleted)."""
        return self.said_in(self.server.direct(person.id).id)


@cache
def _starter_library() -> ContentLibrary:
    """The starter content, read once for all stages: reading it anew took most of each dialogue's time."""
    return ContentLibrary(starter_folder("content"))


def _schedules(folder: Path, files: Mapping[str, str] | None) -> Path:
    if files is None:
        return starter_folder("schedules")
    own = folder / "schedules"
    own.mkdir(parents=True, exist_ok=True)
    channels = starter_folder("schedules") / "channels.yaml"
    for name, text in {"channels.yaml": channels.read_text(encoding="utf-8"), **files}.items():
        (own / name).write_text(text, encoding="utf-8")
    return own


@contextlib.asynccontextmanager
async def stage(
    folder: Path,
    *,
    people: Sequence[Person] = PEOPLE,
    channels: Sequence[str] = CHANNELS,
    start: datetime = MONDAY,
    schedules: Mapping[str, str] | None = None,
    features: Sequence[Feature] = FEATURES,
    feeds: FeedReader | None = None,
    writer: Writer | None = None,
    library: ContentLibrary | None = None,
) -> AsyncIterator[Stage]:
    """The bot, started among ``people``. ``schedules``: files to use instead of the starter ones ({} for none)."""
    schedules_dir = _schedules(folder, schedules)
    clock = VirtualClock(start)
    server = PlaygroundServer(None, clock)
    settings = Settings(
        database_url="sqlite://",
        secret_file=folder / "allant.key",
        content_dir=starter_folder("content"),
        schedules_dir=schedules_dir,
    )
    with server.past():
        for name in channels:
            server.create_room(name, {"en": name, "fr": name})
        for person in people:
            server.arrive(replace(person, joined_at=start - timedelta(days=400)))
    allant = await assemble(
        settings,
        [PlaygroundPlatform(server)],
        clock=clock,
        features=features,
        feeds=feeds,
        writer=writer,
        library=library or _starter_library(),
    )
    try:
        async with running(allant, live=False):
            play = Stage(allant, server, clock)
            await play.settle()
            play.heard()
            yield play
    finally:
        server.close()
