"""A feature: one community practice, declared as data, and the context its functions work in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from bot.core.actions import Action, Send
from bot.core.addresses import Addresses
from bot.core.answers import Answers
from bot.core.charts import Painter
from bot.core.community import Channel, ChannelLanguage, Member, Role
from bot.core.delivery import Kind
from bot.core.errors import AllantError
from bot.core.events import CommandGiven, Event
from bot.core.localtime import known_zone
from bot.core.message import Form, Markup, Message, Section
from bot.core.metrics import Metrics
from bot.core.platform import Capabilities
from bot.core.policy import PolicyRules
from bot.core.ports import (
    Channels,
    Clock,
    FeedReader,
    Ledger,
    Library,
    Measures,
    Members,
    Notes,
    Timers,
    Timetable,
    Writer,
)
from bot.core.records import Changes, Items, Occurrences
from bot.core.refs import LANGUAGES, Language, MemberRef, WorkspaceRef

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a feature may use."""

    clock: Clock
    members: Members
    channels: Channels
    notes: Notes
    timers: Timers
    ledger: Ledger
    occurrences: Occurrences
    items: Items
    changes: Changes
    answers: Answers
    measures: Measures
    metrics: Metrics
    painter: Painter
    library: Library
    timetable: Timetable
    feeds: FeedReader
    writer: Writer
    addresses: Addresses
    can: Mapping[WorkspaceRef, Capabilities] = field(default_factory=dict)
    """What each connected platform can do."""
    catalogue: Sequence[tuple[str, Command]] = ()
    """Every command with its feature's name, for the help."""
    practices: Sequence[str] = ()
    """The names of all features, also of those without a command."""
    home: Sequence[HomePart] = ()
    """What every feature has to show in members' homes."""


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A durable timer of the feature reached its moment ``due``. Made by ourselves; never in the inbox."""

    name: str = field(default="", kw_only=True)
    key: str = field(default="", kw_only=True)
    due: datetime = field(kw_only=True)


class Context:
    """What a feature's function gets for one event in one workspace: the ports, and a place to put its actions.

    The actions of all features for the event are committed together, after the functions returned. What a function
    wrote itself is not yet seen by its reads.
    """

    def __init__(self, ports: Ports, workspace: WorkspaceRef, now: datetime) -> None:
        self.ports = ports
        self.workspace = workspace
        self.now = now
        self.actions: list[Action] = []
        self.members = ports.members
        self.channels = ports.channels
        self.notes = ports.notes
        self.timers = ports.timers
        self.ledger = ports.ledger
        self.occurrences = ports.occurrences
        self.items = ports.items
        self.changes = ports.changes
        self.answers = ports.answers
        self.measures = ports.measures
        self.metrics = ports.metrics
        self.painter = ports.painter
        self.library = ports.library
        self.timetable = ports.timetable
        self.feeds = ports.feeds
        self.writer = ports.writer

    def do(self, *actions: Action) -> None:
        """Have these done when the event's work is committed."""
        self.actions.extend(actions)

    @property
    def can(self) -> Capabilities:
        """What the workspace's platform can do."""
        return self.ports.can.get(self.workspace, Capabilities())

    @property
    def policy(self) -> PolicyRules:
        return self.timetable.rules(PolicyRules)

    async def note(self, kind: type[T], key: str) -> T | None:
        """What was remembered of this type under ``key``."""
        return await self.notes.get(self.workspace, kind, key)

    async def member(self, ref: MemberRef) -> Member:
        """The member; somebody unknown (or forgotten) is a plain member without a name."""
        return await self.members.get(ref) or Member(ref, name="", zone=self.policy.zone)

    def zone_of(self, member: Member) -> str:
        """The member's zone, or the workspace's where the platform named none that exists."""
        return known_zone(member.zone, self.policy.zone)

    def zone_info(self, member: Member) -> ZoneInfo:
        """As :meth:`zone_of`, for converting moments."""
        return ZoneInfo(self.zone_of(member))

    def say_day(self, language: Language, day: date) -> Markup:
        """The day in words: ``Tuesday 1 December 2026``, ``mardi 1er décembre 2026``."""
        number = self.words(language, "time.first") if day.day == 1 else str(day.day)
        weekday = self.words(language, f"time.weekday_{day.isoweekday()}")
        month = self.words(language, f"time.month_{day.month}")
        return self.words(language, "time.day", weekday=weekday, number=number, month=month, year=day.year)

    def say_moment(self, language: Language, moment: datetime, zone: str) -> Markup:
        """The aware ``moment`` in the wall-clock time of ``zone``, in words."""
        local = moment.astimezone(ZoneInfo(zone))
        # The zone's short name settles which of two equal times is meant, and whose noon it is.
        return self.words(
            language,
            "time.moment",
            day=self.say_day(language, local.date()),
            clock=Markup(f"{local:%H:%M}"),
            zone=f"{local:%Z}",
        )

    async def language_of(self, ref: MemberRef) -> Language:
        return (await self.member(ref)).language

    def words(self, language: Language, key: str, **values: object) -> Markup:
        return self.library.words(language, key, **values)

    def reason(self, language: Language, error: AllantError) -> str:
        """What the error says, in the person's language where it has words for people."""
        return self.words(language, error.key, **error.values) if error.key else str(error)

    def bilingual(self, language: ChannelLanguage, make: Callable[[Language], str]) -> Markup:
        """The text for a place's language; for ``both``, French then English with a line between."""
        if language != "both":
            return Markup(make(language))
        return Markup("\n\n---\n\n".join(make(each) for each in LANGUAGES))

    def reply(self, command: CommandGiven, message: Message | str, *, private: bool = True) -> None:
        """Answer whoever gave the command, where they gave it; ``private``: so that only they see it."""
        content = message if isinstance(message, Message) else Message(message)
        self.do(
            Send(
                to=command.channel,
                message=content,
                kind=Kind.ANSWER,
                thread=command.thread,
                visible_to=command.member if private and not command.direct else None,
                meant_for=command.member if command.direct else None,
                answers=command.id,
                token=command.token,
            )
        )

    async def tell_animators(
        self, make: Callable[[Language], Message], key: str = "", but: MemberRef | None = None
    ) -> None:
        """Tell those who animate: in their channel if policy.yaml names one, else each in a direct message.

        ``key``: say it once for this key (see Send). ``but``: who knows it already gets no direct message.
        """
        channel = await self.channel_named(self.policy.animators_channel)
        if channel is not None:
            language = "fr" if channel.language == "both" else channel.language
            self.do(Send(to=channel.ref, message=make(language), kind=Kind.NOTICE, key=key))
            return
        for member in await self.members.with_role(self.workspace, Role.ANIMATOR):
            if member.ref == but:
                continue
            own = f"{key}/{member.ref.id}" if key else ""
            self.do(Send(to=member.ref, message=make(member.language), kind=Kind.NOTICE, key=own))

    async def channel_named(self, name: str) -> Channel | None:
        """The channel of that name (with or without #, any case) or id; None when there is none."""
        wanted = name.strip().removeprefix("#").casefold()
        if not wanted:
            return None
        for channel in await self.channels.all(self.workspace):
            if wanted in (channel.name.casefold(), channel.ref.id.casefold()):
                return channel
        return None


CommandFunction = Callable[[Context, CommandGiven, str], Awaitable[None]]
"""Gets the context, the command, and the words after its path, stripped."""
FormFunction = Callable[[Context, CommandGiven, str], Awaitable[Form | None]]
"""Gets the same as the command that a form submitted, and makes that form anew, with what is so now; None when there is
nothing to fill in any more."""


CHOSEN = "item"
"""The field of a form that asks for a command's arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``/allant`` followed by ``path``; ``french`` is the same command in French words.

    Its one-line help is ``<feature>.help_<path joined with _>`` in content/messages; ``usage`` shows its arguments,
    by the key ``<feature>.usage_…`` where ``has_arguments``.
    """

    path: tuple[str, ...]
    french: tuple[str, ...] = ()
    run: CommandFunction
    role: Role = Role.MEMBER
    has_arguments: bool = False
    short: tuple[str, str] | None = None
    """One word each, English and French, that stands for the whole path; platforms which list commands show it."""
    shortcut: bool = False
    """Also offered on every message, to those who may give it: in a message's menu, where a platform has one, under the
    words ``<feature>.shortcut_<path joined with _>``. It then arrives with the message (CommandGiven.message), its
    thread, and its words in ``fields["message"]``."""
    hidden: bool = False
    """Given by buttons and forms only: not in the help."""
    form: FormFunction | None = None
    """For a command that a form submits: makes that form, which is shown again when what was filled in is no use."""
    choose: FormFunction | None = None
    """For a command given without its arguments: makes the form that asks for them, whose field :data:`CHOSEN` is then
    what the command gets as its arguments. It submits the command as it was given."""
    names: Mapping[str, str] = field(default_factory=dict)
    """For a command that a form submits: its fields' names as people may type them, one ``name: value`` a line after
    the command. What is typed so reaches the command as if it were filled in."""
    judges: bool = False
    """Also somebody without the role may be given the right by the rules of schedules/: the function judges itself, and
    ``role`` says who sees it in the help."""


@dataclass(frozen=True, slots=True)
class Listener:
    """``run`` is called for every event of type ``event``."""

    event: type[Event]
    run: Callable[..., Awaitable[None]]


HomeFunction = Callable[[Context, Member, int], Awaitable[Section | None]]
"""Gets the context, whose home it is, and which page of the part to show (from 1; beyond the last one: the last); None
when there is nothing to show. It reads a few rows however many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePart:
    """A section of members' homes: of those with ``role`` or a higher one, ``guests`` among them or not. ``name`` is
    what turns its page (``/allant home NAME PAGE``); ``place`` says where it stands, the lowest number first."""

    name: str
    place: int
    make: HomeFunction
    role: Role = Role.MEMBER
    guests: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One community practice. ``timers`` maps a timer's name to what runs when it fires. ``rules`` is the dataclass of
    its rhythm, read from schedules/ under the feature's name; None when it has none."""

    name: str
    commands: tuple[Command, ...] = ()
    listeners: tuple[Listener, ...] = ()
    timers: Mapping[str, Callable[[Context, TimerFired], Awaitable[None]]] = field(default_factory=dict)
    rules: type | None = None
    home: tuple[HomePart, ...] = ()
