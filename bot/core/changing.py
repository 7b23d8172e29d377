"""Changing the calendar: who may, what is written down, and taking it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.actions import (
    CallOff,
    Drop,
    DropOccurrences,
    MarkOccurrences,
    RecordChange,
    Remember,
    RemoveAnswer,
    RemoveItem,
    SetTimer,
    WriteAnswer,
    WriteItem,
)
from bot.core.answers import KeptAnswer
from bot.core.calendar import Item, Paused
from bot.core.community import Member, Role
from bot.core.editorial import Change, Fate, KeptItem, Slot, State, Status, Subject
from bot.core.errors import BadInput
from bot.core.feature import Context
from bot.core.message import Markup
from bot.core.planning import WAKE, CalendarRules, Planner, find_item, items_named, replan, together
from bot.core.publishing import (
    PublishingRules,
    Refusal,
    Right,
    Target,
    fits,
    may,
    rules_for_audience,
    rules_for_channel,
    too_much,
)
from bot.core.refs import MemberRef

MOST_NAMES = 5
MOST_COUNTED = 5000
"""Coming occurrences counted for a limit a week."""


# Who may


def targets_of(ctx: Context, planner: Planner, item: Item, clock: str = "") -> list[Target]:
    """The places the item is addressed to, with the rules that hold there; with ``clock``, those its occurrences by
    that one go to (see :attr:`bot.core.editorial.Slot.zone`)."""
    publishing = ctx.timetable.rules(PublishingRules)
    found = [
        Target(f"#{channel.name}", rules_for_channel(channel, publishing), item.zone or planner.rules_of(channel).zone)
        for channel in planner.channels(item, clock)
    ]
    zone = clock.partition(";")[0] or item.zone or ctx.policy.zone
    return found + [Target(each.value, rules_for_audience(each.value, publishing), zone) for each in item.audiences]


async def may_publish(ctx: Context, member: Member, item: Item, *, moments: Sequence[datetime] = ()) -> None:
    """Raises BadInput, which says why and whom to ask, when the member may not publish the item (at these moments)."""
    await require(ctx, member, Right.PUBLISH, item)
    if moments:
        for target in targets_of(ctx, await Planner.of(ctx, people=False), item):
            await _raise(ctx, member, fits(moments, target))


async def require(ctx: Context, member: Member, right: Right, item: Item, *, writer: MemberRef | None = None) -> None:
    """Raises BadInput, which says why and whom to ask, when the member may not do this with the item."""
    await _raise(ctx, member, await refusal(ctx, member, right, item, writer=writer))


async def refusal(
    ctx: Context, member: Member, right: Right, item: Item, *, writer: MemberRef | None = None
) -> Refusal | None:
    """Why the member may not; None when they may. An item without a place yet is the animators' business."""
    targets = targets_of(ctx, await Planner.of(ctx, people=False), item)
    groups = ctx.timetable.rules(PublishingRules).groups
    return may(member, right, targets or [anywhere(ctx)], groups, writer=writer)


async def approvers(ctx: Context, item: Item, writer: MemberRef | None) -> list[str]:
    """The names of those who may approve the item, which ``writer`` was the last to change: in every place it is
    addressed to, as far as somebody may in all; not more than a few."""
    targets = targets_of(ctx, await Planner.of(ctx, people=False), item) or [anywhere(ctx)]
    by_place = [await names_of(ctx, target.rules.approve) for target in targets]
    everywhere = [name for name in by_place[0] if all(name in names for names in by_place)]
    names = everywhere or list(dict.fromkeys(name for names in by_place for name in names))
    own = await ctx.members.get(writer) if writer is not None else None
    if own is not None and any(target.rules.four_eyes for target in targets):
        names = [name for name in names if name != own.name]
    return names[:MOST_NAMES]


def anywhere(ctx: Context) -> Target:
    """What holds for an item without a place yet."""
    for rules in ctx.timetable.rules(PublishingRules).rules:
        if not rules.channels:
            return Target("", rules)
    return Target("", rules_for_audience("", PublishingRules()))


async def check_moments(ctx: Context, member: Member, item: Item, owner: str) -> None:
    """Raises BadInput when one of the item's moments up to the horizon is at a time, or beyond a number, that the rules
    of one of its places forbid."""
    planner = await Planner.of(ctx)
    if item.personal or not any(_limits(each) for each in targets_of(ctx, planner, item)):
        return
    until = ctx.now + ctx.timetable.rules(CalendarRules).horizon
    moments: dict[str, list[datetime]] = {}
    for at, clock in planner.after(item, ctx.now):
        if at >= until:
            break
        moments.setdefault(clock, []).append(at)
    others = [slot for slot in await _planned_and_out(ctx, until) if slot.item != item.id]
    items = await items_named(ctx, {slot.item for slot in others})
    kept = await ctx.items.named(ctx.workspace, items)
    for clock, times in moments.items():
        for target in targets_of(ctx, planner, item, clock):
            if not _limits(target):
                continue
            await _raise(ctx, member, fits(times, target))
            here = posts_for(ctx, planner, items, others, target)
            own = [slot.due for slot in here if slot.item in kept and kept[slot.item].owner == owner]
            await _raise(ctx, member, too_much(times, target, [slot.due for slot in here], own))


async def _planned_and_out(ctx: Context, until: datetime) -> list[Slot]:
    """The posts of the whole calendar from a week ago on: a limit a week counts those that are out as well."""
    week = ctx.now - timedelta(days=8)
    found: list[Slot] = []
    for fate in (Fate.OUT, Fate.PLANNED):
        found += await ctx.occurrences.coming(ctx.workspace, since=week, until=until, fate=fate, limit=MOST_COUNTED)
    return found


def _limits(target: Target) -> bool:
    rules = target.rules
    return bool(rules.days or rules.opens or rules.closes or rules.channel_week or rules.author_week)


def posts_for(
    ctx: Context, planner: Planner, items: Mapping[str, Item], slots: Iterable[Slot], target: Target
) -> list[Slot]:
    """Those of ``slots`` that go to the place. What goes to people in several zones at one time on their clocks is one
    post."""
    found: dict[tuple[str, datetime], Slot] = {}
    for slot in slots:
        item = items.get(slot.item)
        if item is not None and any(each.name == target.name for each in targets_of(ctx, planner, item, slot.zone)):
            found.setdefault((slot.item, slot.at.astimezone(ZoneInfo(slot.clock)).replace(tzinfo=None)), slot)
    return list(found.values())


async def _raise(ctx: Context, member: Member, found: Refusal | None) -> None:
    if found is not None:
        raise BadInput(await refusal_words(ctx, member, found))


async def refusal_words(ctx: Context, member: Member, found: Refusal) -> Markup:
    """The reason in the member's language, and whom to ask, by name."""
    language = member.language
    whom = await names_of(ctx, found.whom)
    ask = ctx.words(language, "editing.ask_them", names=", ".join(whom)) if whom else ""
    values: dict[str, object] = {"place": found.place or ctx.words(language, "editing.the_calendar"), "ask": ask}
    if found.at is not None:
        values["when"] = ctx.say_moment(language, found.at, ctx.zone_of(member))
    return ctx.words(language, f"editing.no_{found.reason}", most=found.most, **values)


async def names_of(ctx: Context, who: Iterable[str]) -> list[str]:
    """The names of those whom the rules name by role, person or team; not more than a few."""
    groups = ctx.timetable.rules(PublishingRules).groups
    names: list[str] = []
    for each in who:
        bare = each.strip().casefold()
        if bare in ("animator", "admin"):
            role = Role.ANIMATOR if bare == "animator" else Role.ADMIN
            names += [member.name for member in await ctx.members.with_role(ctx.workspace, role) if not member.bot]
        elif bare.startswith("team:"):
            people = {name.casefold(): people for name, people in groups.items()}.get(bare[5:].strip(), ())
            names += await names_of(ctx, people)
        else:
            found = await ctx.members.named(ctx.workspace, each)
            names += [found.name] if found is not None else []
    return list(dict.fromkeys(names))[:MOST_NAMES]


async def item_changes(ctx: Context, item: str) -> AsyncIterator[Change]:
    """The changes of what the item is, newest first, however many of its occurrences were moved or skipped since."""
    read, limit = 0, 50
    while True:
        changes = await ctx.changes.of(ctx.workspace, item, limit=limit)
        for change in changes[read:]:
            if change.subject is Subject.ITEM:
                yield change
        if len(changes) < limit:
            return
        read, limit = limit, limit * 4


async def writer_of(ctx: Context, item: str) -> MemberRef | None:
    """Who last changed what the item says, or when and where it goes."""
    async for change in item_changes(ctx, item):
        if isinstance(change.after, KeptItem):
            before = change.before.item if isinstance(change.before, KeptItem) else None
            if before != change.after.item:
                return change.by
    return None


async def approval_of(ctx: Context, item: str) -> Change | None:
    """The change by which the item was last approved."""
    async for change in item_changes(ctx, item):
        if isinstance(change.after, KeptItem) and change.after.status is Status.APPROVED:
            return change
    return None


# Making it so, and writing it down


async def put_item(
    ctx: Context,
    member: Member,
    before: KeptItem | None,
    after: KeptItem | None,
    *,
    undoes: int | None = None,
) -> None:
    """Keep an item made in chat as ``after`` (None: it goes), plan it or no longer, and write the change down."""
    known = after or before
    if known is None:
        return
    item = known.item
    instead_of = 0 if before is None else before.version
    ctx.do(RemoveItem(item.id) if after is None else WriteItem(after, instead_of))
    # What a file plans under this id is the file's, whatever becomes of the item made in chat that it hides.
    if ctx.timetable.item(item.id) is None:
        if after is None or after.status is not Status.APPROVED:
            # Copies that wait for the morning, or for room, do not go out unapproved either.
            ctx.do(DropOccurrences(item.id), CallOff(f"calendar/{item.id}/", "recalled"))
        if after is None:
            ctx.do(Drop(Paused, item.id))
        elif after.status is Status.APPROVED and (
            before is None or before.status is not Status.APPROVED or before.item != item
        ):
            replan(ctx, await Planner.of(ctx), item)
            if item.personal:
                ctx.do(SetTimer("persons", f"{item.id}|", ctx.now, feature="calendar"))
    ctx.do(
        WAKE,
        RecordChange(by=member.ref, subject=Subject.ITEM, id=item.id, before=before, after=after, undoes=undoes),
    )


def put_slot(ctx: Context, member: Member, before: Slot, after: Slot, *, undoes: int | None = None) -> None:
    """Have an occurrence be as ``after``, and write the change down."""
    ctx.do(
        MarkOccurrences((after,), (before,)),
        WAKE,
        RecordChange(
            by=member.ref, subject=Subject.OCCURRENCE, id=after.name, before=before, after=after, undoes=undoes
        ),
    )


def put_pause(
    ctx: Context, member: Member, item: str, before: Paused | None, after: Paused | None, *, undoes: int | None = None
) -> None:
    """Pause an item, or let it go on, and write the change down."""
    ctx.do(
        Drop(Paused, item) if after is None else Remember(item, after),
        RecordChange(by=member.ref, subject=Subject.PAUSE, id=item, before=before, after=after, undoes=undoes),
    )


def put_answer(
    ctx: Context, member: Member, before: KeptAnswer | None, after: KeptAnswer | None, *, undoes: int | None = None
) -> None:
    """Keep an answer written in chat as ``after`` (None: it goes), and write the change down."""
    known = after or before
    if known is None:
        return
    if after is None:
        ctx.do(RemoveAnswer(known.slug))
    else:
        ctx.do(WriteAnswer(after, before.version if before is not None else 0))
    ctx.do(
        RecordChange(by=member.ref, subject=Subject.ANSWER, id=known.slug, before=before, after=after, undoes=undoes)
    )


async def owner_of_answer(ctx: Context, kept: KeptAnswer | None) -> Member | None:
    """The person who answers for it; None where those who animate do, also instead of somebody who left."""
    try:
        owner = await ctx.members.get(MemberRef.parse(kept.owner)) if kept is not None else None
    except ValueError:
        return None
    return owner if owner is not None and owner.active else None


async def may_approve_answer(ctx: Context, kept: KeptAnswer, member: Member) -> bool:
    """Whoever answers for it, and administrators; where nobody does by name, everybody who animates."""
    owner = await owner_of_answer(ctx, kept)
    if owner is None:
        return member.role >= Role.ANIMATOR
    return member.ref == owner.ref or member.role >= Role.ADMIN


# Taking it back


async def present(ctx: Context, change: Change) -> State:
    """What was changed, as it is now."""
    if change.subject is Subject.ITEM:
        return await ctx.items.get(ctx.workspace, change.id)
    if change.subject is Subject.PAUSE:
        return await ctx.note(Paused, change.id)
    if change.subject is Subject.ANSWER:
        return await ctx.answers.get(ctx.workspace, change.id)
    item, at, zone = change.id.split("|", 2)
    return await ctx.occurrences.get(ctx.workspace, item, datetime.fromisoformat(at), zone)


def same(one: State, other: State) -> bool:
    """Whether both mean the same, whoever owns it and however often it was changed."""
    if isinstance(one, KeptItem) and isinstance(other, KeptItem):
        return (one.item, one.status) == (other.item, other.status)
    if isinstance(one, Paused) and isinstance(other, Paused):
        return True
    if isinstance(one, KeptAnswer) and isinstance(other, KeptAnswer):
        return replace(one, owner=other.owner, version=other.version) == other
    return one == other


def done_together(one: Change, other: Change) -> bool:
    """Whether both were one command's: the same post, skipped or moved in another of its zones."""
    if one.id == other.id or one.undone_by is not None or (one.at, one.by) != (other.at, other.by):
        return False
    slots = one.before, other.before
    return all(isinstance(each, Slot) for each in slots) and together(
        *(each for each in slots if isinstance(each, Slot))
    )


async def undo(ctx: Context, member: Member, change: Change) -> None:
    """Have it be again as it was before the change, which is marked undone. Raises BadInput when it is undone already,
    newer changes stand on it, its moment has passed, or the member may not."""
    language = member.language
    if change.undone_by is not None:
        raise BadInput(ctx.words(language, "editing.undone_already", number=change.number))
    if isinstance(change.after, Slot) and change.after.reason == "recalled":
        raise BadInput(ctx.words(language, "editing.recall_stays", item=Markup(change.after.item)))
    now = await present(ctx, change)
    if not same(now, change.after):
        newer = await ctx.changes.latest(ctx.workspace, change.subject, change.id)
        blocked = newer is not None and newer.number > change.number
        number = newer.number if newer is not None else change.number
        key = "editing.newer_change" if blocked else "editing.no_longer_so"
        raise BadInput(ctx.words(language, key, number=change.number, newer=number))
    if change.subject is Subject.ANSWER:
        await _restore_answer(ctx, member, change, now)
        return
    item_id = change.id.partition("|")[0]
    found = await find_item(ctx, item_id)
    concerned = found[0] if found is not None else change.before.item if isinstance(change.before, KeptItem) else None
    if concerned is not None:
        right = Right.WRITE if change.subject is Subject.ITEM else Right.PUBLISH
        await require(ctx, member, right, concerned)
    await _restore(ctx, member, change, now, concerned)


async def _restore_answer(ctx: Context, member: Member, change: Change, now: State) -> None:
    current = now if isinstance(now, KeptAnswer) else None
    target = change.before if isinstance(change.before, KeptAnswer) else None
    if target is not None:
        owner = current.owner if current is not None else target.owner
        target = replace(target, owner=owner, version=(current or target).version + 1)
        if target.status is Status.APPROVED and not await may_approve_answer(ctx, target, member):
            target = replace(target, status=Status.IN_REVIEW)
    put_answer(ctx, member, current, target, undoes=change.number)


async def _restore(ctx: Context, member: Member, change: Change, now: State, concerned: Item | None) -> None:
    before = change.before
    if change.subject is Subject.PAUSE:
        kept = now if isinstance(now, Paused) else None
        put_pause(ctx, member, change.id, kept, before if isinstance(before, Paused) else None, undoes=change.number)
    elif change.subject is Subject.OCCURRENCE:
        if not (isinstance(before, Slot) and isinstance(now, Slot)) or before.due <= ctx.now:
            raise BadInput(ctx.words(member.language, "reins.too_late", item=change.id.partition("|")[0]))
        put_slot(ctx, member, now, before, undoes=change.number)
    else:
        current = now if isinstance(now, KeptItem) else None
        target = before if isinstance(before, KeptItem) else None
        if target is not None:
            if target.status is Status.APPROVED:
                writer = await writer_of(ctx, target.item.id)
                await require(ctx, member, Right.APPROVE, target.item, writer=writer)
            owner = current.owner if current is not None else str(member.ref)
            target = replace(target, owner=owner, version=(current or target).version + 1)
        await put_item(ctx, member, current, target, undoes=change.number)
