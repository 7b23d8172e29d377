"""Occurrences made ahead: which moments each item has in the coming weeks, in whose zone, and for which places."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from bot.core.actions import CallOff, Drop, DropOccurrences, PlanOccurrences, Remember, WakeForOccurrences
from bot.core.calendar import Installed, Item, OnHolidays, Paused
from bot.core.community import Channel, Member
from bot.core.editorial import KeptItem, Plan, Slot, Status
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Context
from bot.core.localtime import known_zone, local_date, local_moment
from bot.core.message import Markup, channel_link, escape
from bot.core.policy import PolicyRules
from bot.core.ports import Where

AT_ONCE = 500
"""Items planned in one transaction."""
WINDOW = 1_000
"""Items looked at in one go: between two, others get their turn."""
WAKE = WakeForOccurrences("calendar", "next")
"""Goes with every change of what is planned."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Until then an item is planned that has no moment left."""
INSTANT = timedelta(microseconds=1)
MOST_LATE = 400
"""Moments made of one item at once: a daily item that nobody ran for a year has fewer."""


MOST_CLOCKS = 60
"""Occurrences looked at for those of one post in several zones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRules:
    """schedules/*.yaml, under ``calendar:``. ``horizon``: how far ahead occurrences are made."""

    horizon: timedelta = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of items that came, went, or moved to other moments."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def counts_from(started: datetime, policy: PolicyRules) -> datetime:
    """``started``, or the next midnight when the day's work had begun: a launch begins with its first post."""
    if started.astimezone(ZoneInfo(policy.zone)).time() <= policy.quiet_to:
        return started
    return local_moment(local_date(started, policy.zone) + timedelta(days=1), time(0), policy.zone)


async def installed(ctx: Context) -> datetime:
    """The moment from which launches count in this workspace."""
    note = await ctx.note(Installed, "")
    if note is not None:
        return note.at
    at = counts_from(ctx.now, ctx.policy)
    ctx.do(Remember("", Installed(at)))
    return at


def clock_name(item: Item, zone: str, days: str) -> str:
    """By whose clock an occurrence of the item goes: ``Europe/Paris``, or ``Europe/Paris;FR-57`` where public holidays
    move it."""
    zone = item.zone or zone
    return f"{zone};{days}" if days and item.holidays is not OnHolidays.SEND else zone


class Planner:
    """Plans the items of one workspace as its places are now. Made by :meth:`of`; everything else is computed."""

    def __init__(
        self, ctx: Context, channels: Sequence[Channel], zones: Sequence[str], started: datetime, rules: CalendarRules
    ) -> None:
        self._ctx = ctx
        self._installed = started
        self._horizon = ctx.now + rules.horizon
        self._own = ctx.timetable.policy_for()
        self._rules = {channel.ref: ctx.timetable.policy_for(channel=channel) for channel in channels}
        self._order = {channel.ref: number for number, channel in enumerate(channels)}
        self._at_place: dict[str, list[Channel]] = {}
        for channel in channels:
            for place in {f"#{channel.name}".casefold(), *(f"tag:{tag}".casefold() for tag in channel.tags)}:
                self._at_place.setdefault(place, []).append(channel)
        self._zones = sorted({known_zone(zone, self._own.zone) for zone in zones} or {self._own.zone})

    @classmethod
    async def of(cls, ctx: Context, *, people: bool = True) -> Planner:
        """``people``: False where nothing is planned for audiences, as their zones take a look at everybody."""
        return cls(
            ctx,
            await ctx.channels.all(ctx.workspace),
            await ctx.members.zones(ctx.workspace) if people else (),
            await installed(ctx),
            ctx.timetable.rules(CalendarRules),
        )

    def channels(self, item: Item, clock: str = "") -> list[Channel]:
        """The channels the item goes to, in their order; with ``clock``, those that go by that one."""
        found = {each.ref: each for place in item.to for each in self._at_place.get(place.casefold(), ())}
        ordered = sorted(found.values(), key=lambda each: self._order[each.ref])
        return [each for each in ordered if not clock or self._clock(item, each) == clock]

    def _clock(self, item: Item, channel: Channel) -> str:
        rules = self._rules[channel.ref]
        return clock_name(item, rules.zone, rules.days)

    def rules_of(self, channel: Channel) -> PolicyRules:
        return self._rules[channel.ref]

    def unknown(self, item: Item) -> tuple[str, ...]:
        """The names and tags it is addressed to that are no channel's."""
        return tuple(place for place in item.channels if not self._at_place.get(place.casefold()))

    def speaks_to(self, item: Item, clock: str, zone: str) -> bool:
        """Whether the people of ``zone`` get the item's occurrence that goes by ``clock``."""
        return clock_name(item, known_zone(zone, self._own.zone), self._own.days) == clock

    def clocks(self, item: Item) -> Mapping[str, Where]:
        """By whose clocks the item goes out: an occurrence for each."""
        channels: list[Where] = [self._rules[channel.ref] for channel in self.channels(item)]
        people: list[Where] = [*self._zones] if item.audiences else []
        found: dict[str, Where] = {}
        for each in [*channels, *people] or [self._own]:
            zone, days = (each, self._own.days) if isinstance(each, str) else (each.zone, each.days)
            found.setdefault(clock_name(item, zone, days), each)
        return found

    def print(self, item: Item) -> str:
        """A fingerprint of all that the item's moments depend on."""
        if item.personal:
            parts = [repr(item.when), ",".join(item.to), item.zone]
        else:
            clocks = self.clocks(item)
            parts = [f"{name}={self._ctx.timetable.described(item, clocks[name])}" for name in sorted(clocks)]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()

    def after(self, item: Item, moment: datetime) -> Iterator[tuple[datetime, str]]:
        """Every (moment, clock) of the item strictly after ``moment``, in order."""
        clocks = self.clocks(item)
        coming = {name: self._next(item, moment, where) for name, where in clocks.items()}
        while any(each is not None for each in coming.values()):
            at, name = min((at, name) for name, at in coming.items() if at is not None)
            yield at, name
            coming[name] = self._next(item, at, clocks[name])

    def _next(self, item: Item, moment: datetime, where: Where) -> datetime | None:
        return self._ctx.timetable.next(item, moment, self._installed, where)

    def plan(self, item: Item, known: Plan | None = None, since: datetime | None = None) -> PlanOccurrences | None:
        """The item's occurrences up to the horizon; None when it is planned that far already and nothing changed.

        Moments count from ``since`` on (strictly after it; default now). Those of an unchanged item go on where
        ``known`` ends, also when that is long past: what was missed is judged, not lost.
        """
        mark = self.print(item)
        if known is not None and known.print == mark and since is None:
            if known.until >= self._horizon:
                return None
            since = known.until - INSTANT
        since = since if since is not None else self._ctx.now
        moments, until = [], NEVER
        for at, name in () if item.personal else islice(self.after(item, since), MOST_LATE * 5):
            if at >= self._horizon:
                until = at
                break
            moments.append((at, name))
        else:
            # Cut short by the number: go on from the last the next time.
            until = moments[-1][0] + INSTANT if len(moments) == MOST_LATE * 5 else NEVER
        return PlanOccurrences(item=item.id, plan=Plan(mark, until), since=since, moments=tuple(moments))


def goes_out(item: Item) -> bool:
    """Whether an item of a file is meant to go out: not while its file says that it is a draft."""
    return item.state == Status.APPROVED


def is_approved(item: Item, kept: KeptItem | None) -> bool:
    """Whether what :func:`find_item` found may be published: a draft, and what waits for approval, may not."""
    return goes_out(item) if kept is None else kept.status is Status.APPROVED


async def calendar_items(ctx: Context) -> dict[str, Item]:
    """Every item that goes out, by id: those of the files, and the approved ones made in chat."""
    of_files = {item.id: item for item in ctx.timetable.items()}
    found = {key: item for key, item in of_files.items() if goes_out(item)}
    after = ""
    while page := await ctx.items.all(ctx.workspace, status=Status.APPROVED, after=after):
        # One made in chat gives way to a file's of the same id, also while that one is a draft: see find_item.
        found |= {kept.item.id: kept.item for kept in page if kept.item.id not in of_files}
        after = page[-1].item.id
    return dict(sorted(found.items()))


async def find_item(ctx: Context, item_id: str) -> tuple[Item, KeptItem | None] | None:
    """The item of that id: from a file, or as it was made in chat."""
    item = ctx.timetable.item(item_id)
    if item is not None:
        return item, None
    kept = await ctx.items.get(ctx.workspace, item_id)
    return (kept.item, kept) if kept is not None else None


async def items_named(ctx: Context, ids: Iterable[str]) -> dict[str, Item]:
    """Those of the ids that go out."""
    wanted = set(ids)
    of_files = {key: item for key in wanted if (item := ctx.timetable.item(key)) is not None}
    found = {key: item for key, item in of_files.items() if goes_out(item)}
    kept = await ctx.items.named(ctx.workspace, wanted - of_files.keys())
    return found | {key: each.item for key, each in kept.items() if each.status is Status.APPROVED}


async def walk(ctx: Context, after: str = "", *, whole: bool = False) -> tuple[Found, str]:
    """Plan every item beyond the id ``after`` that changed or is not planned up to the horizon, and drop what is gone.

    At most :data:`AT_ONCE` are planned; returns what changed, and the id from which to go on (empty: all done). With
    ``whole`` all items are looked at, so that all that changed is told, also what is yet to be planned.
    """
    planner, items = await Planner.of(ctx), await calendar_items(ctx)
    keys, made = [key for key in items if key > after], list[PlanOccurrences]()
    added, moved, removed = list[str](), list[str](), list[str]()
    for start in range(0, len(keys) + 1, WINDOW):
        window = keys[start : start + WINDOW]
        last = window[-1] if len(window) == WINDOW else ""
        plans = await ctx.occurrences.plans(ctx.workspace, keys[start - 1] if start else after, last)
        removed += [key for key in plans if key not in items]
        for key in window:
            planned = planner.plan(items[key], plans.get(key))
            if planned is None:
                continue
            if key not in plans:
                added.append(key)
            elif plans[key].print != planned.plan.print:
                moved.append(key)
            made.append(planned)
            if len(made) >= AT_ONCE and not whole:
                break
        if len(made) >= AT_ONCE and not whole:
            break
    ctx.do(*made[:AT_ONCE])
    for key in removed:
        ctx.do(DropOccurrences(key), Drop(Paused, key), CallOff(f"calendar/{key}/", "recalled"))
    ctx.do(WAKE)
    found = Found(tuple(added), tuple(sorted(removed)), tuple(moved))
    return found, made[AT_ONCE - 1].item if len(made) >= AT_ONCE else ""


def replan(ctx: Context, planner: Planner, item: Item) -> None:
    """Make the item's coming occurrences anew, in the transaction that changes it."""
    made = planner.plan(item, since=ctx.now)
    if made is not None:
        ctx.do(made)


async def coming_slots(ctx: Context, item: Item, most: int) -> list[Slot]:
    """The item's next occurrences: those planned, then beyond the horizon those its rule gives."""
    slots = list(await ctx.occurrences.coming(ctx.workspace, since=ctx.now, item=item.id, limit=most))
    if len(slots) == most or item.personal:
        return slots
    planner = await Planner.of(ctx)
    latest = [each.at for each in await ctx.occurrences.of(ctx.workspace, item.id, limit=1)]
    beyond = (Slot(item=item.id, at=at, zone=name, due=at) for at, name in planner.after(item, max([ctx.now, *latest])))
    return [*slots, *islice(beyond, most - len(slots))]


async def asked(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, Item, KeptItem | None]:
    """Who asks, and the item that the arguments begin with, as it was made in chat if it was. Raises BadInput."""
    member = await ctx.member(command.member)
    wanted = arguments.split()[0].casefold() if arguments.split() else ""
    found = await find_item(ctx, wanted) if wanted else None
    if found is not None:
        return member, *found
    raise await unknown_item(ctx, member, wanted)


async def unknown_item(ctx: Context, member: Member, wanted: str) -> BadInput:
    """What to say of an id that no item has, with the nearest that there are; without one, that it is missing."""
    ids = [item.id for item in ctx.timetable.items()]
    ids += [kept.item.id for kept in await ctx.items.all(ctx.workspace)]
    near = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.4) or sorted(ids)[:3]
    key = "calendar.no_item" if wanted and near else "calendar.which_item" if near else "calendar.no_items"
    return BadInput(ctx.words(member.language, key, item=wanted, near=", ".join(near)))


async def asked_slot(ctx: Context, member: Member, item: Item, arguments: str) -> Slot:
    """The occurrence whose moment and zone follow the item in the arguments, as buttons write them. Raises BadInput."""
    words = arguments.split()
    try:
        at = datetime.fromisoformat(words[1])
        slot = await ctx.occurrences.get(ctx.workspace, item.id, at, words[2])
    except (IndexError, ValueError):
        slot = None
    if slot is None:
        raise BadInput(ctx.words(member.language, "calendar.no_moment", item=item.id))
    return slot


def together(one: Slot, other: Slot) -> bool:
    """Whether both are the same time on the clock, each in its own zone: one post for people, in several zones."""
    first, second = (slot.at.astimezone(ZoneInfo(slot.clock)).replace(tzinfo=None) for slot in (one, other))
    return first == second


def said(ctx: Context, member: Member, moment: datetime | None) -> Markup:
    """The moment in words, in the member's own time; or that there is none."""
    if moment is None:
        return ctx.words(member.language, "calendar.never")
    return ctx.say_moment(member.language, moment, ctx.zone_of(member))


def places_said(planner: Planner, item: Item) -> Markup:
    """Where it goes: links to the channels, the audiences, and what is no place at all."""
    known: list[str] = [channel_link(channel) for channel in planner.channels(item)]
    known += [escape(place) for place in item.to if place.startswith("@")]
    return Markup(", ".join([*known, *(f"⚠ {escape(place)}" for place in planner.unknown(item))]))
