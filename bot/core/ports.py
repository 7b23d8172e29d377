"""The ports: what the features and the engine need from the outside, without knowing who gives it.

Each port has one contract suite in tests/contract, which every implementation passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from bot.core.actions import Planned
from bot.core.calendar import Item, Occurrence
from bot.core.community import Channel, ChannelLanguage, Hours, Member, Role
from bot.core.delivery import Delivery, Kind, Receipt, State
from bot.core.events import Event
from bot.core.knowledge import Entry, Found, Page, Prompt
from bot.core.ledger import Decision, Pause, Query
from bot.core.message import Markup
from bot.core.policy import Attention, PolicyRules
from bot.core.refs import ChannelRef, Language, MemberRef, Place, WorkspaceRef
from bot.core.services import Draft as Draft
from bot.core.services import FeedEntry as FeedEntry
from bot.core.services import FeedRead as FeedRead
from bot.core.services import FeedReader as FeedReader
from bot.core.services import Writer as Writer
from bot.core.signals import THRESHOLD, DayCount, Response, What

T = TypeVar("T")


class Clock(ABC):
    """What time it is."""

    @abstractmethod
    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


# What the store holds


class Members(ABC):
    """The list of who is who."""

    @abstractmethod
    async def get(self, ref: MemberRef) -> Member | None:
        """The member, or None when unknown (or forgotten)."""

    @abstractmethod
    async def with_role(self, workspace: WorkspaceRef, role: Role) -> Sequence[Member]:
        """Active members with ``role`` or a higher one."""

    @abstractmethod
    async def named(self, workspace: WorkspaceRef, name: str) -> Member | None:
        """The member with this id or display name (case and a leading @ do not matter); None when none or several."""

    @abstractmethod
    async def zones(self, workspace: WorkspaceRef) -> Sequence[str]:
        """Every zone that an active member other than a bot has, as the platform named it, in order."""

    @abstractmethod
    async def page(
        self,
        workspace: WorkspaceRef,
        *,
        after: str = "",
        limit: int = 500,
        zones: Collection[str] | None = None,
        role: Role = Role.MEMBER,
        managers: bool = False,
        joined_since: datetime | None = None,
    ) -> Sequence[Member]:
        """Active members other than bots, in the order of their ids, those up to the id ``after`` left out.

        Narrowed to those whose zone is one of ``zones`` (as the platform named it), who have ``role`` or a higher one,
        who lead a team, who joined at ``joined_since`` (aware UTC) or later.
        """


class Channels(ABC):
    """The places to talk, with what schedules/channels.yaml says of them."""

    @abstractmethod
    async def get(self, ref: ChannelRef) -> Channel | None: ...

    @abstractmethod
    async def all(self, workspace: WorkspaceRef) -> Sequence[Channel]:
        """Channels neither direct nor archived, by name."""


class Notes(ABC):
    """Small things features remember: frozen dataclasses by type and key (see actions.Remember)."""

    @abstractmethod
    async def get(self, workspace: WorkspaceRef, kind: type[T], key: str) -> T | None: ...

    @abstractmethod
    async def all(self, workspace: WorkspaceRef, kind: type[T], prefix: str = "") -> Mapping[str, T]:
        """Every value of this type whose key begins with ``prefix``, by key, in the order of the keys."""

    @abstractmethod
    async def about(self, member: MemberRef) -> Mapping[str, object]:
        """What is kept about a member, ready for JSON: the person's row, notes, timers, deliveries, counts."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A durable timer: ``feature``'s timer ``name`` fires for ``key`` at ``due`` (aware UTC)."""

    workspace: WorkspaceRef
    feature: str
    name: str
    key: str
    due: datetime


class Timers(ABC):
    @abstractmethod
    async def get(self, workspace: WorkspaceRef, feature: str, name: str, key: str) -> Timer | None: ...

    @abstractmethod
    async def all(self, workspace: WorkspaceRef, feature: str, name: str) -> Sequence[Timer]: ...

    @abstractmethod
    async def due(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        """Timers due by ``now``, earliest first."""

    @abstractmethod
    async def next_due(self) -> datetime | None:
        """When the earliest timer of all is due; None when there is none."""


class Ledger(ABC):
    """What was, is and will be delivered: for the features to read."""

    @abstractmethod
    async def recent(
        self, workspace: WorkspaceRef, *, feature: str = "", state: State | None = None, limit: int = 20
    ) -> Sequence[Delivery]:
        """The latest deliveries, newest first."""

    @abstractmethod
    async def find(self, workspace: WorkspaceRef, key: str) -> Delivery | None: ...

    @abstractmethod
    async def sent_as(self, workspace: WorkspaceRef, channel: ChannelRef, message_id: str) -> Delivery | None:
        """The delivery that became this message on the platform."""

    @abstractmethod
    async def attention(self, place: Place, now: datetime, zone: str) -> Attention:
        """The unasked messages a place got: since midnight in ``zone``, and in the last seven days."""

    @abstractmethod
    async def held_back(self, workspace: WorkspaceRef, since: datetime) -> Mapping[str, int]:
        """How many were held back since then, by reason."""

    @abstractmethod
    async def search(self, query: Query) -> Sequence[Delivery]:
        """The rows that ``query`` describes, newest first."""

    @abstractmethod
    async def numbered(self, workspace: WorkspaceRef, number: int) -> Delivery | None:
        """The delivery of that number, if it is of this workspace."""

    @abstractmethod
    async def decisions(self, numbers: Sequence[int]) -> Mapping[int, Decision]:
        """The latest decision about each of these deliveries, for those about which there is one."""

    @abstractmethod
    async def for_digest(self, place: Place, now: datetime) -> Sequence[Delivery]:
        """What waits to be told together in a place and is due by ``now``, by priority and planning."""

    @abstractmethod
    async def coming(self, place: Place, until: datetime) -> Mapping[Kind, int]:
        """How many messages planned for a place are due by ``until``, by kind."""

    @abstractmethod
    async def paused(self, workspace: WorkspaceRef, now: datetime) -> Pause | None:
        """The pause in force at ``now``, of the workspace or of everything."""

    @abstractmethod
    async def under(
        self, workspace: WorkspaceRef, prefix: str, *, state: State | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Delivery]:
        """Deliveries whose key begins with ``prefix``, in the order of their ids, those up to ``after`` left out."""

    @abstractmethod
    async def tally(self, workspace: WorkspaceRef, prefix: str) -> Mapping[State, int]:
        """How many messages (not edits or withdrawals) there are under ``prefix``, by state."""


class Measures(ABC):
    """Counts over the signals, for the features' own decisions. What is shown to people comes from bot.core.metrics."""

    @abstractmethod
    async def days(self, channel: ChannelRef, since: date, until: date, zone: str) -> Sequence[DayCount]:
        """Messages of each local day from ``since`` to ``until``, both included; days without any are there with 0."""

    @abstractmethod
    async def did(self, member: MemberRef, what: What, since: datetime) -> bool:
        """Whether the member did this since then. For the member's own journey only, never to report on anyone."""

    @abstractmethod
    async def counts(self, workspace: WorkspaceRef, what: What, since: datetime) -> Mapping[str, int]:
        """How often, by ``about``."""

    @abstractmethod
    async def last_signal_at(self, workspace: WorkspaceRef) -> datetime | None:
        """When the latest signal happened: the ``at`` for figures over imported history. None when there is none."""

    @abstractmethod
    async def first_signal_at(self, channel: ChannelRef) -> datetime | None:
        """When the channel's earliest signal happened. None when there is none."""

    @abstractmethod
    async def workspaces(self) -> Sequence[WorkspaceRef]:
        """Every workspace with signals, in order."""

    @abstractmethod
    async def response(
        self,
        workspace: WorkspaceRef,
        posts: Mapping[int, datetime],
        within: timedelta,
        *,
        threshold: int = THRESHOLD,
    ) -> Response:
        """What came back to ``posts`` of the bot in channels (when each went out, aware UTC, by its number in the
        ledger), in the time ``within`` after each. People are counted once over all of them."""


# What the engine needs of the store


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event in the inbox, not yet handled; ``number`` is its place in the order of arrival."""

    number: int
    event: Event


class Inbox(ABC):
    """Where events wait, durably and sealed, until they are handled."""

    @abstractmethod
    async def accept(self, event: Event) -> Accepted | None:
        """Commit the event; returns once it is on disk. None when this workspace already delivered this id."""

    @abstractmethod
    async def waiting(self, limit: int = 1000, lane: str | None = None) -> Sequence[Accepted]:
        """Events accepted but not handled, oldest first, of one lane or of all: what a restart goes on with."""

    @abstractmethod
    async def lanes(self, limit: int = 1000) -> Sequence[str]:
        """The lanes (see :func:`bot.core.events.place_of`) in which events wait and which no other process works on,
        longest waiting first."""


class Journal(ABC):
    """The one place where what features decided becomes true, all in one transaction."""

    @abstractmethod
    async def commit(
        self,
        workspace: WorkspaceRef,
        plans: Sequence[Planned],
        *,
        at: datetime,
        source: str,
        handled: Accepted | None = None,
        fired: Timer | None = None,
    ) -> int:
        """Apply all actions, mark ``handled`` done (its words are dropped), remove ``fired`` unless it was set anew.

        ``source`` names the cause, for the keys of deliveries without one. When ``fired`` is no longer there with
        the same moment, or ``handled`` is already handled, somebody else did it: nothing is applied. Returns how
        many deliveries were planned.
        """


class Outbound(ABC):
    """The ledger as the outbox sees it."""

    @abstractmethod
    async def claim(
        self,
        now: datetime,
        limit: int = 200,
        busy: Collection[Place | WorkspaceRef] = (),
        only: Place | None = None,
    ) -> Sequence[Delivery]:
        """Planned deliveries that are due, in the order of priority and planning, still marked planned.

        While a place has an earlier delivery that is being sent, its later ones are not claimed; nor are those to
        places and workspaces in ``busy``, so that a slow place with a long queue hides no other. ``only``: those to
        this place, which is in our hands.
        """

    @abstractmethod
    async def sending(self, delivery: Delivery, now: datetime) -> bool:
        """Durable before the request leaves: from here a crash leaves it half-sent.

        False when it is no longer planned (erased, skipped, or taken by another process): then it is not sent.
        """

    @abstractmethod
    async def sent(self, delivery: Delivery, receipt: Receipt, now: datetime) -> None: ...

    @abstractmethod
    async def postpone(self, delivery: Delivery, until: datetime, reason: str) -> None:
        """Back to planned, not before ``until``; ``planned_for`` stays. Counts an attempt unless the reason is a
        policy's (see :class:`bot.core.policy.Wait`)."""

    @abstractmethod
    async def close(self, delivery: Delivery, state: State, reason: str) -> None:
        """Failed, held back, or uncertain, for good."""

    @abstractmethod
    async def half_sent(self) -> Sequence[Delivery]:
        """Deliveries a crash left between sending and sent."""

    @abstractmethod
    async def resting(self, now: datetime) -> Sequence[Delivery]:
        """Deliveries that failed and are to be tried again after ``now``: nothing may overtake them in their place."""

    @abstractmethod
    async def next_due(self, busy: Collection[Place | WorkspaceRef] = ()) -> datetime | None:
        """When the earliest planned delivery is due, those to places and workspaces in ``busy`` left out."""


class Housekeeper(ABC):
    """Lets go of what is older than the policy's rules keep it."""

    @abstractmethod
    async def tidy(self, now: datetime, rules: PolicyRules, workspaces: Collection[WorkspaceRef]) -> Mapping[str, int]:
        """Remove handled events, deliveries, occurrences and changes that are over, and the words of those that may be
        sent again; and the signals of ``workspaces`` (those that are connected: an imported past is kept). How many of
        each kind."""


# Words and time


class Library(ABC):
    """Words people read, and finding the right ones."""

    @abstractmethod
    def words(self, language: Language, key: str, **values: object) -> Markup:
        """The bot's words ``file.key`` of content/messages, filled in. With ``count`` among the values, ``key.one`` or
        ``key.other`` is taken by the language's plural rule. An unknown key raises KeyError."""

    @abstractmethod
    async def search(self, question: str, language: Language, *, guest: bool, kind: str = "") -> Found:
        """Entries that answer ``question``, best first. ``kind`` narrows to faq or tutorial."""

    @abstractmethod
    async def alike(self, questions: Sequence[str]) -> Sequence[Sequence[int]]:
        """The numbers of ``questions`` (by their place) in groups: those that mean the same, in whichever language,
        stand together. Every number is in one group; groups and numbers are in the order of their first."""

    @abstractmethod
    def entry(self, slug: str, language: Language, *, guest: bool, kind: str = "") -> Entry | None:
        """The entry in this language, or in the other where only that exists. None when a guest may not see it."""

    @abstractmethod
    def entries(self, language: Language, *, guest: bool, kind: str = "") -> Sequence[Entry]:
        """Every entry, by title, each in this language where it has it."""

    @abstractmethod
    def page(self, name: str, language: Language) -> Page | None:
        """The page in this language, or in the other where only that exists."""

    @abstractmethod
    def pages(self, folder: str) -> Sequence[str]:
        """The names of the pages in ``folder`` (``welcome/employee``), sorted."""

    @abstractmethod
    def prompts(self) -> Sequence[Prompt]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules(Hours):
    """What schedules/channels.yaml says of a channel. ``about``: what it is for, in each language, for newcomers."""

    tags: tuple[str, ...] = ()
    language: ChannelLanguage = "both"
    zone: str = ""
    one_way: bool = False
    about: Mapping[Language, str] = field(default_factory=dict)


Where = str | PolicyRules
"""Whose wall clock and days off count for a moment: an IANA zone with the workspace's days off (empty: the policy's
zone), or the rules of one channel or person (:meth:`Timetable.policy_for`), whose days off then count too."""


class Timetable(ABC):
    """What schedules/ says: items, and the rhythm of each feature."""

    @abstractmethod
    def items(self) -> Sequence[Item]:
        """Every calendar item, by id."""

    @abstractmethod
    def item(self, item_id: str) -> Item | None: ...

    @abstractmethod
    def read_item(self, written: Mapping[str, object]) -> Item:
        """An item written elsewhere than in a file, as a file would have it: ``{"id": …, "every": …, "to": […],
        "words": {…}}``. Raises BadContent with every mistake in it."""

    @abstractmethod
    def next(self, item: Item, after: datetime, installed: datetime, zone: Where = "") -> datetime | None:
        """The item's first moment strictly after ``after``; both aware UTC. ``installed``: when this workspace first
        started, for launches that count from there. ``zone``: whose wall clock; the item's own zone wins over it.
        None when there is none left, and for items that count from a person's arrival."""

    @abstractmethod
    def between(
        self,
        since: datetime,
        until: datetime,
        installed: datetime,
        zones: Callable[[Item], Collection[Where]] | None = None,
    ) -> Sequence[Occurrence]:
        """Every occurrence from ``since`` (included) to ``until`` (not), earliest first, then by item and zone.

        ``zones`` gives those of the places an item is addressed to; an item has one occurrence for each, none where
        it gives nothing. None: the item's own zone, or the policy's."""

    @abstractmethod
    def moment_for(self, item: Item, arrived: date, zone: Where = "") -> datetime | None:
        """When an item that counts from a day in a person's life here goes out to somebody who arrived on the local
        date ``arrived``, as aware UTC; ``zone`` is theirs. None for other items, and on a day off that it skips."""

    @abstractmethod
    def described(self, item: Item, zone: Where = "") -> str:
        """The item's moments as text, which changes exactly when a change of the files may have moved one: its own
        time, the event it counts from, its zone, or the days off it heeds."""

    @abstractmethod
    def policy_for(self, channel: Channel | None = None, member: Member | None = None) -> PolicyRules:
        """The policy with what channels.yaml says of the channel, or what the member chose; its ``zone`` is theirs.
        It knows the public holidays. With neither, the workspace's own, as ``rules(PolicyRules)``."""

    @abstractmethod
    def holidays_known(self, country: str, region: str = "") -> bool:
        """Whether the public holidays of the country (``FR``), or of that region of it (``57``), are known."""

    @abstractmethod
    def rules(self, kind: type[T]) -> T:
        """The rhythm of a feature: the dataclass it declared, read from schedules/, or its defaults."""

    @abstractmethod
    def channel(self, name: str) -> ChannelRules | None: ...
