"""A ledger in memory with a platform that does as it is told: the outbox's surroundings, written by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from bot.core.calendar import Item, Occurrence
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, Kind, Receipt, State, Verb
from bot.core.errors import BadContent
from bot.core.ledger import TRIED_AGAIN, WAITING_REASONS, Decision, Pause, Query
from bot.core.localtime import known_zone
from bot.core.message import Message
from bot.core.platform import Capabilities, OnEvent, Platform
from bot.core.policy import Attention, PolicyRules, start_of_day
from bot.core.ports import ChannelRules, Channels, Clock, Ledger, Members, Outbound, Timetable, Where
from bot.core.refs import ChannelRef, MemberRef, MessageRef, Place, WorkspaceRef

T = TypeVar("T")
WORKSPACE = WorkspaceRef("playground", "acme")
GENERAL = ChannelRef(WORKSPACE, "general")
RANDOM = ChannelRef(WORKSPACE, "random")
ALICE = MemberRef(WORKSPACE, "alice")
TUESDAY_TEN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
"""A working day, in nobody's quiet hours."""
_PRIORITY = list(Kind)


class HandClock(Clock):
    """Shows what it was set to."""

    def __init__(self, now: datetime = TUESDAY_TEN) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


class MemoryLedger(Outbound, Ledger):
    """Rows in a dict, in the states the ports describe. ``fail`` makes the next calls of that name raise."""

    def __init__(self) -> None:
        self.rows: dict[int, Delivery] = {}
        self.fail: list[str] = []
        self.pause: Pause | None = None

    def plan(self, key: str, to: Place = GENERAL, kind: Kind = Kind.ANSWER, **more: object) -> Delivery:
        due = more.pop("due", TUESDAY_TEN)
        assert isinstance(due, datetime)
        number = len(self.rows) + 1
        delivery = Delivery(
            key=key, workspace=to.workspace, feature="test", kind=kind, to=to, message=Message(key), due=due, id=number
        )
        self.rows[number] = replace(delivery, planned_for=due, **more)  # type: ignore[arg-type]
        return self.rows[number]

    def of(self, key: str) -> Delivery:
        return next(row for row in self.rows.values() if row.key == key)

    def _stumble(self, name: str) -> None:
        if name in self.fail:
            self.fail.remove(name)
            raise OSError("the disk is full")

    async def claim(
        self,
        now: datetime,
        limit: int = 200,
        busy: Collection[Place | WorkspaceRef] = (),
        only: Place | None = None,
    ) -> Sequence[Delivery]:
        self._stumble("claim")
        blocked = {row.to for row in self.rows.values() if row.state is State.SENDING} | set(busy)
        due = [row for row in self.rows.values() if row.state is State.PLANNED and row.due <= now]
        due.sort(key=lambda row: (_PRIORITY.index(row.kind), row.id))
        due = [row for row in due if row.to not in blocked and row.workspace not in busy]
        return [row for row in due if only in (None, row.to)][:limit]

    async def sending(self, delivery: Delivery, now: datetime) -> bool:
        self._stumble("sending")
        row = self.rows.get(delivery.id)
        if row is None or row.state is not State.PLANNED:
            return False
        self.rows[delivery.id] = replace(row, state=State.SENDING)
        return True

    async def sent(self, delivery: Delivery, receipt: Receipt, now: datetime) -> None:
        self._stumble("sent")
        row = self.rows[delivery.id]
        self.rows[delivery.id] = replace(row, state=State.SENT, sent_as=receipt.message, sent_at=now)

    async def postpone(self, delivery: Delivery, until: datetime, reason: str) -> None:
        row = self.rows[delivery.id]
        attempts = row.attempts + (reason not in WAITING_REASONS)
        self.rows[delivery.id] = replace(row, state=State.PLANNED, due=until, reason=reason, attempts=attempts)

    async def close(self, delivery: Delivery, state: State, reason: str) -> None:
        self.rows[delivery.id] = replace(self.rows[delivery.id], state=state, reason=reason)

    async def half_sent(self) -> Sequence[Delivery]:
        return [row for row in self.rows.values() if row.state is State.SENDING]

    async def resting(self, now: datetime) -> Sequence[Delivery]:
        waiting = [row for row in self.rows.values() if row.state is State.PLANNED and row.due > now]
        return [row for row in waiting if row.reason in TRIED_AGAIN]

    async def next_due(self, busy: Collection[Place | WorkspaceRef] = ()) -> datetime | None:
        planned = (
            row for row in self.rows.values() if row.state is State.PLANNED and not {row.to, row.workspace} & set(busy)
        )
        return min((row.due for row in planned), default=None)

    async def recent(
        self, workspace: WorkspaceRef, *, feature: str = "", state: State | None = None, limit: int = 20
    ) -> Sequence[Delivery]:
        rows = [row for row in self.rows.values() if row.workspace == workspace and row.state is (state or row.state)]
        return rows[::-1][:limit]

    async def under(
        self, workspace: WorkspaceRef, prefix: str, *, state: State | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Delivery]:
        rows = [row for row in self.rows.values() if row.workspace == workspace and row.key.startswith(prefix)]
        return [row for row in rows if row.id > after and row.state is (state or row.state)][:limit]

    async def tally(self, workspace: WorkspaceRef, prefix: str) -> Mapping[State, int]:
        return Counter(row.state for row in await self.under(workspace, prefix) if row.verb is Verb.SEND)

    async def find(self, workspace: WorkspaceRef, key: str) -> Delivery | None:
        return next((row for row in self.rows.values() if (row.workspace, row.key) == (workspace, key)), None)

    async def sent_as(self, workspace: WorkspaceRef, channel: ChannelRef, message_id: str) -> Delivery | None:
        wanted = MessageRef(channel, message_id)
        return next((row for row in self.rows.values() if row.sent_as == wanted), None)

    async def attention(self, place: Place, now: datetime, zone: str) -> Attention:
        sent = [row for row in self.rows.values() if row.to == place and row.kind.unasked and row.sent_at]
        midnight, week = start_of_day(now, zone), now - timedelta(days=7)
        today = [row for row in sent if row.sent_at and row.sent_at >= midnight]
        lately = [row for row in sent if row.sent_at and row.sent_at > week]
        welcomes = [sum(row.kind is Kind.WELCOME for row in rows) for rows in (today, lately)]
        return Attention(len(today), len(lately), *welcomes)

    async def held_back(self, workspace: WorkspaceRef, since: datetime) -> Mapping[str, int]:
        return {}

    async def search(self, query: Query) -> Sequence[Delivery]:
        return [row for row in self.rows.values() if row.state in (query.states or tuple(State))][::-1][: query.limit]

    async def numbered(self, workspace: WorkspaceRef, number: int) -> Delivery | None:
        return self.rows.get(number)

    async def decisions(self, numbers: Sequence[int]) -> Mapping[int, Decision]:
        return {}

    async def for_digest(self, place: Place, now: datetime) -> Sequence[Delivery]:
        rows = [row for row in self.rows.values() if row.to == place and row.state is State.PLANNED and row.due <= now]
        waiting = [row for row in rows if row.reason == "for_digest"]
        return sorted(waiting, key=lambda row: (_PRIORITY.index(row.kind), row.id))

    async def coming(self, place: Place, until: datetime) -> Mapping[Kind, int]:
        rows = [row for row in self.rows.values() if row.to == place and row.state is State.PLANNED]
        return Counter(row.kind for row in rows if row.due <= until)

    async def paused(self, workspace: WorkspaceRef, now: datetime) -> Pause | None:
        return self.pause if self.pause and (self.pause.until is None or self.pause.until > now) else None


class KnownMembers(Members):
    def __init__(self, *members: Member) -> None:
        self.members = {member.ref: member for member in members}

    async def get(self, ref: MemberRef) -> Member | None:
        return self.members.get(ref)

    async def with_role(self, workspace: WorkspaceRef, role: Role) -> Sequence[Member]:
        return [member for member in self.members.values() if member.role >= role]

    async def named(self, workspace: WorkspaceRef, name: str) -> Member | None:
        return next((member for member in self.members.values() if member.name == name), None)

    async def zones(self, workspace: WorkspaceRef) -> Sequence[str]:
        return sorted({member.zone for member in self.members.values()})

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
        return [member for member in self.members.values() if member.ref.id > after and member.role >= role][:limit]


class KnownChannels(Channels):
    def __init__(self, *channels: Channel) -> None:
        self.channels = {channel.ref: channel for channel in channels}

    async def get(self, ref: ChannelRef) -> Channel | None:
        return self.channels.get(ref)

    async def all(self, workspace: WorkspaceRef) -> Sequence[Channel]:
        return list(self.channels.values())


class OnlyRules(Timetable):
    """A timetable with a policy and no items."""

    def __init__(self, policy: PolicyRules) -> None:
        self.policy = policy

    def items(self) -> Sequence[Item]:
        return []

    def item(self, item_id: str) -> Item | None:
        return None

    def read_item(self, written: Mapping[str, object]) -> Item:
        raise BadContent([])

    def next(self, item: Item, after: datetime, installed: datetime, zone: Where = "") -> datetime | None:
        return None

    def between(
        self,
        since: datetime,
        until: datetime,
        installed: datetime,
        zones: Callable[[Item], Collection[Where]] | None = None,
    ) -> Sequence[Occurrence]:
        return []

    def moment_for(self, item: Item, arrived: date, zone: Where = "") -> datetime | None:
        return None

    def described(self, item: Item, zone: Where = "") -> str:
        return ""

    def policy_for(self, channel: Channel | None = None, member: Member | None = None) -> PolicyRules:
        place = member or channel
        return replace(self.policy, zone=known_zone(place.zone if place else "", self.policy.zone))

    def holidays_known(self, country: str, region: str = "") -> bool:
        return False

    def rules(self, kind: type[T]) -> T:
        return self.policy if isinstance(self.policy, kind) else kind()

    def channel(self, name: str) -> ChannelRules | None:
        return None


class ObedientPlatform(Platform):
    """Keeps what it was sent, in order. ``says`` holds, by key, what to raise at each next try, then nothing more;
    ``arrives`` names the keys that arrive although something is raised; ``gates`` holds a key back until its event is
    set; ``after`` is called after each delivery that arrived; ``untold`` names the keys it cannot look up."""

    def __init__(self, workspace: WorkspaceRef = WORKSPACE, can: Capabilities | None = None) -> None:
        self.workspace = workspace
        self.can = can or Capabilities()
        self.received: list[str] = []
        self.tried: list[str] = []
        self.says: dict[str, list[Exception]] = {}
        self.arrives: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.looked_up: list[str] = []
        self.untold: set[str] = set()
        self.after: Callable[[], None] = lambda: None

    async def directory(self) -> AsyncIterator[Member | Channel]:
        nobody: Sequence[Member | Channel] = ()
        for each in nobody:
            yield each

    async def run(self, on_event: OnEvent) -> None:
        await asyncio.Event().wait()

    async def do(self, delivery: Delivery) -> Receipt:
        self.tried.append(delivery.key)
        if delivery.key in self.gates:
            await self.gates[delivery.key].wait()
        error = self.says[delivery.key].pop(0) if self.says.get(delivery.key) else None
        if error is None or delivery.key in self.arrives:
            # A platform on which repeating is safe shows the same key once.
            if not (self.can.safe_to_repeat and delivery.key in self.received):
                self.received.append(delivery.key)
            self.after()
        if error is not None:
            raise error
        return self._receipt(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        self.looked_up.append(delivery.key)
        if self.says.get(f"find {delivery.key}"):
            raise self.says[f"find {delivery.key}"].pop(0)
        return self._receipt(delivery) if delivery.key in self.received else None

    def can_tell(self, delivery: Delivery) -> bool:
        return delivery.key not in self.untold

    async def close(self) -> None: ...

    def _receipt(self, delivery: Delivery) -> Receipt:
        if isinstance(delivery.to, MemberRef) or delivery.verb is not Verb.SEND:
            return Receipt()
        return Receipt(MessageRef(delivery.to, delivery.key))
