"""The playground's server: a small chat service inside the process, as people use it.

It plays the platform, so it keeps its own file and forgets nothing when the bot is killed: what people did waits until
the bot has acknowledged it, and is delivered again until then. The bot's side of it is in bot_api.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.clock import SystemClock
from bot.core.ports import Clock
from bot.platforms.playground.archive import Archive
from bot.platforms.playground.faults import Faults
from bot.platforms.playground.filling import Rejected as Rejected
from bot.platforms.playground.filling import read_values
from bot.platforms.playground.records import BOT, MAX_CHARACTERS, Change, Happening, Person, Post, Room

_MENTION = re.compile(r"(?<![\w@])@allant\b", re.IGNORECASE)
_COMMAND = re.compile(r"/allant(?:\s+|$)", re.IGNORECASE)
_NAME = re.compile(r"[^\W_][\w-]{0,39}$")
_BEHIND = 500
"""A page that has more changes than this waiting is told to read everything anew instead."""


class Subscription:
    """The changes one open page has not yet been told."""

    def __init__(self) -> None:
        self._changes: dict[Change, None] = {}
        self._some = asyncio.Event()
        self.behind = False
        self.ended = False

    def put(self, change: Change) -> None:
        # A post that changed twice before the page looked is read once, as it is now, in its latest place.
        self._changes.pop(change, None)
        if len(self._changes) >= _BEHIND:
            self.behind = True
            self._changes.clear()
        self._changes[change] = None
        self._some.set()

    def end(self) -> None:
        self.ended = True
        self._some.set()

    async def next(self) -> Sequence[Change]:
        """The changes since the last call, at least one; none when the server hung up."""
        await self._some.wait()
        self._some.clear()
        changes, self._changes = tuple(self._changes), {}
        return () if self.ended else changes


class PlaygroundServer:
    """People, channels, conversations. Methods raise Rejected, and return once what they did is in the file."""

    def __init__(self, path: Path | None = None, clock: Clock | None = None, *, name: str = "") -> None:
        """``path``: the SQLite file, made when missing; None keeps everything in memory. ``name`` marks the ids of a
        new playground (default: random); give one where ids must be the same in every run."""
        self.clock = clock or SystemClock()
        self.faults = Faults()
        self.archive = Archive(path, name)
        self._as_of: datetime | None = None
        self._in_the_past = False
        self._changes: list[Change] = []
        self._subscriptions: set[Subscription] = set()
        self._people = {person.id: person for person in self.archive.people()}
        self._rooms = {room.id: room for room in self.archive.rooms()}
        self._some, self._none = asyncio.Event(), asyncio.Event()
        self._note_waiting(self.archive.count_happenings())
        if BOT not in self._people:
            with self.step():
                self._put_person(Person(id=BOT, name="Allant", bot=True, zone="UTC"))

    def close(self) -> None:
        """Hang up on open pages and close the file."""
        self.hang_up()
        self.archive.close()

    def hang_up(self) -> None:
        """End the streams of open pages, so that a web server can stop at once."""
        for subscription in self._subscriptions:
            subscription.end()

    # Time and transactions

    def now(self) -> datetime:
        return self._as_of or self.clock.now()

    @contextlib.contextmanager
    def as_of(self, moment: datetime) -> Iterator[None]:
        """What is done inside happens at ``moment`` (aware). Nothing may be awaited inside."""
        before, self._as_of = self._as_of, moment
        try:
            yield
        finally:
            self._as_of = before

    @contextlib.contextmanager
    def past(self) -> Iterator[None]:
        """What is done inside is long over: the bot is told nothing, all is read, and it is committed at once.

        Nothing may be awaited inside.
        """
        self._in_the_past = True
        try:
            with self.step():
                yield
                self.archive.read_everything()
        finally:
            self._in_the_past = False

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """One transaction; pages and the bot hear of it once it is committed."""
        try:
            with self.archive.transaction():
                yield
        except BaseException:
            self._changes.clear()
            self._note_waiting(self.archive.count_happenings())
            raise
        changes, self._changes = self._changes, []
        for subscription in self._subscriptions:
            for change in changes:
                subscription.put(change)

    def changed(self, change: Change) -> None:
        """Inside a step: have open pages show this anew."""
        if self._subscriptions:
            self._changes.append(change)

    # Who and where

    def people(self) -> list[Person]:
        """Everybody, the bot and those who left too, in the order they came."""
        return list(self._people.values())

    def person(self, identifier: str) -> Person:
        found = self._people.get(identifier)
        if found is None:
            raise Rejected("unknown_person", f"nobody here has the id {identifier[:60]!r}")
        return found

    def rooms(self) -> list[Room]:
        """The channels, direct conversations left out."""
        return [room for room in self._rooms.values() if room.direct_with is None]

    def room(self, identifier: str) -> Room:
        """A channel by its id or name, or a direct conversation by its id."""
        found = self._rooms.get(identifier) or self._rooms.get(f"C-{identifier}")
        if found is None:
            raise Rejected("unknown_channel", f"there is no channel {identifier[:60]!r}")
        return found

    def rooms_of(self, person: str) -> dict[str, int]:
        """The ids of what the person is in, each with the number of the post they have read up to."""
        return self.archive.rooms_of(person)

    def may_see(self, person: Person, room: Room) -> bool:
        """A direct conversation is its person's alone, and guests see only what is open to them or what they are in."""
        if room.direct_with is not None:
            return room.direct_with == person.id
        return not person.guest or room.open_to == "everyone" or room.id in self.rooms_of(person.id)

    def direct(self, person: str) -> Room:
        """The person's conversation with the bot, made when it does not exist yet."""
        identifier = f"D-{self.person(person).id}"
        if identifier not in self._rooms:
            with self.step():
                self._put_room(Room(id=identifier, name="", about={}, direct_with=person))
                self.archive.enter(identifier, person)
        return self._rooms[identifier]

    def create_room(
        self, name: str, about: Mapping[str, str] | None = None, *, one_way: bool = False, open_to: Any = "everyone"
    ) -> Room:
        """A new channel, or the one of that name with its description brought up to date."""
        if not _NAME.match(name):
            raise Rejected("bad_name", "a channel's name is up to 40 letters, digits and hyphens")
        room = Room(id=f"C-{name}", name=name, about=about or {}, one_way=one_way, open_to=open_to)
        if self._rooms.get(room.id) == room:
            return room
        with self.step():
            new = room.id not in self._rooms
            self._put_room(room)
            if new:
                self.tell("channel_changed", channel=room.id)
        return room

    def arrive(self, person: Person) -> Person:
        """Somebody joins the organisation's chat, or comes back; they enter the channels open to them."""
        known = self._people.get(person.id)
        if known is not None and (known.active or known.bot):
            raise Rejected("already_here", f"{person.id} is already here")
        if not person.name.strip() or len(person.name) > 80 or not _NAME.match(person.id):
            raise Rejected("bad_name", "a person needs a name of at most 80 characters")
        if person.language not in ("fr", "en"):
            raise Rejected("bad_language", "the language is fr or en")
        try:
            ZoneInfo(person.zone)
        except (ValueError, OSError, KeyError):
            raise Rejected("bad_zone", "the zone is an IANA name such as Europe/Paris") from None
        with self.step():
            arrived = replace(person, active=True, bot=False, joined_at=self.now())
            self._put_person(arrived)
            self.tell("member_joined", person=arrived.id)
            for room in self.rooms():
                if room.open_to == "everyone" or (room.open_to == "employees" and not person.guest):
                    self._enter(room, arrived)
            self.direct(arrived.id)
        return arrived

    def leave(self, person: str) -> None:
        """The person leaves the organisation's chat."""
        with self.step():
            known = self._active(person)
            for room in self.archive.rooms_of(person):
                self.archive.exit(room, person)
            self._put_person(replace(known, active=False))
            self.tell("member_left", person=person)

    def change_person(self, person: Person) -> None:
        """What the organisation knows of somebody changed: name, language, zone, guest."""
        with self.step():
            self.person(person.id)
            self._put_person(person)
            self.tell("member_changed", person=person.id)

    def join(self, person: str, channel: str) -> None:
        """The person enters a channel; nothing happens when they are in it."""
        with self.step():
            room, known = self._open_room(channel), self._active(person)
            if not self.may_see(known, room):
                raise Rejected("not_for_guests", f"#{room.name} is not open to guests")
            self._enter(room, known)

    def quit(self, person: str, channel: str) -> None:
        """The person leaves a channel."""
        with self.step():
            room = self._open_room(channel)
            if self.archive.exit(room.id, person):
                self.tell("member_left", person=person, channel=room.id)
                self.changed(Change("people"))

    def read(self, person: str, channel: str, number: int) -> None:
        """The person has seen the channel up to the post with this number."""
        with self.step():
            self.archive.read_up_to(self.room(channel).id, self.person(person).id, number)

    # What people do

    def say(self, person: str, channel: str, text: str, thread: str | None = None) -> Post:
        """The person writes; ``/allant …`` is a command, which only they see. Returns the post."""
        command = _COMMAND.match(text.strip())
        with self.step():
            room, root = self._may_write(person, channel, text, thread, command is not None)
            post = self._add(
                Post(
                    number=0,
                    id="",
                    channel=room.id,
                    author=person,
                    text=text.strip(),
                    at=self.now(),
                    thread=root.id if root else None,
                    visible_to=person if command else None,
                    command=command is not None,
                )
            )
            where = {"channel": room.id, "post": post.id, "person": person, "thread": post.thread}
            direct = room.direct_with is not None
            if command:
                typed = post.text[command.end() :].strip()
                self.tell("command", **where, text=typed, direct=direct, button=False, fields={})
            else:
                mentions = bool(_MENTION.search(post.text))
                self.tell("message", **where, text=post.text, direct=direct, mentions=mentions)
        return post

    def edit(self, person: str, post: str, text: str) -> None:
        """The person changes their own words."""
        with self.step():
            mine = self._own(person, post)
            self._check_text(text)
            self._change(replace(mine, text=text.strip(), edited=True))
            self.tell("message_edited", channel=mine.channel, post=mine.id, person=person)

    def delete(self, person: str, post: str) -> None:
        """The person takes their own words back."""
        with self.step():
            mine = self._own(person, post)
            self._change(replace(mine, text="", deleted=True))
            self.tell("message_deleted", channel=mine.channel, post=mine.id)

    def react(self, person: str, post: str, emoji: str) -> None:
        """The person reacts; nothing happens when they already did with this emoji."""
        if not 0 < len(emoji) <= 16 or emoji.isascii():
            raise Rejected("bad_emoji", "a reaction is one emoji")
        with self.step():
            seen = self._visible(person, post)
            if self.archive.react(seen, person, emoji):
                self._tell_reaction("reaction_added", seen, person, emoji)

    def unreact(self, person: str, post: str, emoji: str) -> None:
        """The person takes a reaction back."""
        with self.step():
            seen = self._visible(person, post)
            if self.archive.unreact(seen, person, emoji):
                self._tell_reaction("reaction_removed", seen, person, emoji)

    def press(self, person: str, post: str, button: int) -> str:
        """The person presses a message's button, counted from 0. Returns the id of what the answer will name."""
        with self.step():
            seen = self._visible(person, post)
            if not 0 <= button < len(seen.buttons):
                raise Rejected("unknown_button", "this message has no such button")
            return self._tell_choice(seen, person, seen.buttons[button].command, button=True, fields={})

    def submit(self, person: str, post: str, values: Mapping[str, str], button: int | None = None) -> str:
        """The person fills in a message's form and sends it, or presses one of the form's buttons, counted from 0.
        Returns the id of what the answer will name."""
        with self.step():
            seen = self._visible(person, post)
            command, fields = read_values(seen.form, values, button)
            return self._tell_choice(seen, person, command, button=False, fields=fields)

    def shortcut(self, person: str, post: str, command: str) -> str:
        """The person gives the bot ``command`` about a message, from its menu, with the message's words. Returns the id
        of what the answer will name."""
        with self.step():
            seen = self._visible(person, post)
            return self._tell_choice(seen, person, command, button=False, fields={"message": seen.text})

    # What the bot has not yet heard of

    def tell(self, kind: str, **data: Any) -> str:
        """Inside a step: queue an event for the bot; its id."""
        if self._in_the_past:
            return ""
        self._note_waiting(self._waiting + 1)
        return self.archive.add_happening(kind, self.now(), data)

    async def undelivered(self, limit: int = 500) -> Sequence[Happening]:
        """The oldest events that nobody acknowledged; waits until there is one."""
        await self._some.wait()
        return self.archive.happenings(limit)

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """These events are in good hands and are not delivered again."""
        with self.step():
            left = self.archive.drop_happenings(numbers)
        self._note_waiting(left)

    async def idle(self) -> None:
        """Wait until the bot has acknowledged everything that happened so far."""
        await self._none.wait()

    def _note_waiting(self, count: int) -> None:
        self._waiting = count
        (self._some.set if count else self._some.clear)()
        (self._none.clear if count else self._none.set)()

    # Open pages

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Subscription]:
        """A subscription to all changes, while the page is open."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    # Inner steps

    def _put_person(self, person: Person) -> None:
        self.archive.put_person(person)
        self._people[person.id] = person
        self.changed(Change("people"))

    def _put_room(self, room: Room) -> None:
        self.archive.put_room(room)
        self._rooms[room.id] = room
        self.changed(Change("channels"))

    def _add(self, post: Post) -> Post:
        stored = self.archive.add_post(post)
        self.changed(Change("post", stored.id))
        return stored

    def _change(self, post: Post) -> None:
        self.archive.change_post(post)
        self.changed(Change("post", post.id))

    def _enter(self, room: Room, person: Person) -> None:
        if self.archive.enter(room.id, person.id):
            self.tell("member_joined", person=person.id, channel=room.id)
            self.changed(Change("people"))

    def _active(self, identifier: str) -> Person:
        person = self.person(identifier)
        if not person.active or person.bot:
            raise Rejected("gone", f"{person.name} is not here")
        return person

    def _open_room(self, identifier: str) -> Room:
        room = self.room(identifier)
        if room.archived:
            raise Rejected("archived", f"#{room.name} is closed")
        return room

    def _check_text(self, text: str) -> None:
        if not text.strip():
            raise Rejected("empty", "there is nothing written")
        if len(text) > MAX_CHARACTERS:
            raise Rejected("too_long", f"a message has at most {MAX_CHARACTERS:,} characters")

    def _may_write(
        self, identifier: str, channel: str, text: str, thread: str | None, command: bool
    ) -> tuple[Room, Post | None]:
        person, room = self._active(identifier), self._open_room(channel)
        self._check_text(text)
        if room.id not in self.archive.rooms_of(person.id):
            raise Rejected("not_in_channel", "join the channel first")
        root = self._root(person.id, room, thread) if thread else None
        if room.one_way and root is None and not command and not (person.animator or person.admin):
            raise Rejected("one_way", f"only animators post in #{room.name}; answer in a thread")
        return room, root

    def _root(self, person: str, room: Room, thread: str) -> Post:
        seen = self._visible(person, thread)
        root = self._visible(person, seen.thread) if seen.thread else seen
        if root.channel != room.id:
            raise Rejected("unknown_message", "this thread is in another channel")
        return root

    def _visible(self, person: str, identifier: str) -> Post:
        self._active(person)
        post = self.archive.post(identifier)
        if (
            post is None
            or post.deleted
            or post.visible_to not in (None, person)
            or not self.may_see(self.person(person), self.room(post.channel))
        ):
            raise Rejected("unknown_message", "there is no such message")
        return post

    def _own(self, person: str, identifier: str) -> Post:
        post = self._visible(person, identifier)
        if post.author != person or post.command:
            raise Rejected("not_yours", "this message is not yours to change")
        return post

    def _tell_reaction(self, kind: str, post: Post, person: str, emoji: str) -> None:
        data = {"channel": post.channel, "post": post.id, "person": person, "emoji": emoji}
        self.tell(kind, **data, on_bot=post.author == BOT)
        self.changed(Change("post", post.id))

    def _tell_choice(self, post: Post, person: str, command: str, *, button: bool, fields: Mapping[str, str]) -> str:
        return self.tell(
            "command",
            channel=post.channel,
            post=post.id,
            person=person,
            thread=post.thread,
            text=command,
            direct=self.room(post.channel).direct_with is not None,
            button=button,
            fields=dict(fields),
        )
