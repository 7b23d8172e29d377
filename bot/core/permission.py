"""Whether a post of the calendar may still go out when its moment comes: rules change, and people leave, meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.calendar import Item
from bot.core.changing import (
    MOST_COUNTED,
    anywhere,
    approval_of,
    names_of,
    posts_for,
    put_item,
    refusal_words,
    require,
    targets_of,
    writer_of,
)
from bot.core.community import Member
from bot.core.editorial import Change, Fate, KeptItem, Slot, Status
from bot.core.errors import BadInput
from bot.core.feature import Context
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.planning import Planner, items_named
from bot.core.publishing import PublishingRules, Refusal, Right, Target, fits, may, too_much
from bot.core.refs import LANGUAGES, Language, MemberRef
from bot.core.rows import name_words

PREFIX = "rule_"
"""The beginning of the reason of an occurrence that the rules held back."""
_BY_APPROVAL = ("approve", "approver_left", "four_eyes")
"""Refusals that somebody who may approve the item sets aside by approving it."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a post is held back: the refusal, and who had approved the item, where it is about them."""

    refusal: Refusal
    approval: Change | None = None

    @property
    def reason(self) -> str:
        """As it is kept with the occurrence."""
        return PREFIX + self.refusal.reason

    @property
    def needs_approval(self) -> bool:
        """Whether approving the item anew lets it go out."""
        return self.refusal.reason in _BY_APPROVAL


def is_held(slot: Slot) -> bool:
    """Whether the rules held the occurrence back, and the animators were asked."""
    return slot.fate is Fate.ASKED and slot.reason.startswith(PREFIX)


@dataclass(slots=True)
class Week:
    """The posts of the calendar that are out lately, with their items: those that a limit a week counts."""

    slots: list[Slot] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    kept: Mapping[str, KeptItem] = field(default_factory=dict)

    def owner(self, item: Item) -> str:
        return self.kept[item.id].owner if item.id in self.kept else item.owner

    def add(self, item: Item, slot: Slot) -> None:
        """It goes out now."""
        self.slots.append(slot)
        self.items[item.id] = item


class Gate:
    """What stands at the calendar's door while its posts go out. Made by :meth:`of`."""

    def __init__(
        self,
        ctx: Context,
        planner: Planner,
        kept: Mapping[str, KeptItem],
        newest: Mapping[str, Change],
        week: Week,
    ) -> None:
        self._ctx = ctx
        self._planner = planner
        self._kept = kept
        self._week = week
        self._newest = newest
        self._people: dict[MemberRef, Member | None] = {}

    @classmethod
    async def of(cls, ctx: Context, planner: Planner, items: Mapping[str, Item]) -> Gate:
        """For these items, which are about to go out."""
        kept = await ctx.items.named(ctx.workspace, [key for key in items if ctx.timetable.item(key) is None])
        newest = await ctx.changes.newest(ctx.workspace, kept) if kept else {}
        rules = ctx.timetable.rules(PublishingRules).rules
        if not any(each.channel_week or each.author_week for each in rules):
            return cls(ctx, planner, kept, newest, Week())
        return cls(ctx, planner, kept, newest, await out_lately(ctx))

    async def held(self, item: Item, slot: Slot, at: datetime | None = None) -> Held | None:
        """Why the occurrence may not go out ``at`` this moment (default: when it is due); None when it may."""
        found = await self.approval(item)
        if found is not None:
            return found
        moment = at or slot.due
        for target in targets_of(self._ctx, self._planner, item, slot.zone):
            refusal = fits([moment], target) or self._too_much(item, slot, moment, target)
            if refusal is not None:
                return Held(refusal)
        return None

    def let_through(self, item: Item, slot: Slot) -> None:
        """The occurrence goes out: the others of this wake-up are counted with it."""
        self._week.add(item, slot)

    async def approval(self, item: Item) -> Held | None:
        """Whether the item is still approved by somebody who may. Items of files are the administrators' word; one made
        in chat stands on whoever approved it."""
        if item.id not in self._kept:
            return None
        approval = await self._approval_of(item.id)
        if approval is None:
            return None  # Approved so long ago that it is no longer known by whom.
        targets = targets_of(self._ctx, self._planner, item) or [anywhere(self._ctx)]
        approver = await self._person(approval.by) if approval.by is not None else None
        if approver is None or not approver.active:
            return Held(Refusal("approver_left", targets[0].name, targets[0].rules.approve), approval)
        groups = self._ctx.timetable.rules(PublishingRules).groups
        four_eyes = any(target.rules.four_eyes for target in targets)
        writer = await writer_of(self._ctx, item.id) if four_eyes else None
        refusal = may(approver, Right.APPROVE, targets, groups, writer=writer)
        return Held(refusal, approval) if refusal is not None else None

    async def _approval_of(self, item: str) -> Change | None:
        """Mostly the newest change, which was read for all items at once."""
        newest = self._newest.get(item)
        if newest is None:
            return None
        approves = isinstance(newest.after, KeptItem) and newest.after.status is Status.APPROVED
        return newest if approves else await approval_of(self._ctx, item)

    async def _person(self, ref: MemberRef) -> Member | None:
        if ref not in self._people:
            self._people[ref] = await self._ctx.members.get(ref)
        return self._people[ref]

    def _too_much(self, item: Item, slot: Slot, moment: datetime, target: Target) -> Refusal | None:
        if not (target.rules.channel_week or target.rules.author_week):
            return None
        others = [each for each in self._week.slots if each.key != slot.key]
        here = posts_for(self._ctx, self._planner, self._week.items, others, target)
        owner = self._kept[item.id].owner if item.id in self._kept else item.owner
        own = [each.due for each in here if self._week.owner(self._week.items[each.item]) == owner]
        return too_much([moment], target, [each.due for each in here], own)


async def out_lately(ctx: Context) -> Week:
    """The posts that are out since the beginning of the week, in any zone."""
    slots = await ctx.occurrences.coming(
        ctx.workspace, since=ctx.now - timedelta(days=8), until=ctx.now, fate=Fate.OUT, limit=MOST_COUNTED
    )
    items = await items_named(ctx, {slot.item for slot in slots})
    kept = await ctx.items.named(ctx.workspace, [key for key in items if ctx.timetable.item(key) is None])
    return Week([slot for slot in slots if slot.item in items], items, kept)


async def held_words(ctx: Context, language: Language, held: Held) -> Markup:
    """The reason, and who may do something about it, by name."""
    refusal = held.refusal
    whom = await names_of(ctx, refusal.whom)
    ask = ctx.words(language, "permission.they_may", names=", ".join(whom)) if whom else ""
    values: dict[str, object] = {"place": refusal.place or ctx.words(language, "editing.the_calendar"), "ask": ask}
    values["name"] = await name_words(ctx, language, held.approval.by if held.approval is not None else None)
    return ctx.words(language, f"permission.{refusal.reason}", most=refusal.most, **values)


async def let_through(ctx: Context, member: Member, planner: Planner, item: Item, slot: Slot) -> bool:
    """Whether the member thereby approves the item anew, so that it may go out now. Raises BadInput, with the reason,
    where it still may not."""
    held = await (await Gate.of(ctx, planner, {item.id: item})).held(item, slot, ctx.now)
    if held is None:
        return False
    if not held.needs_approval:
        raise BadInput(await refusal_words(ctx, member, replace(held.refusal, at=ctx.now)))
    kept = await ctx.items.get(ctx.workspace, item.id)
    await require(ctx, member, Right.APPROVE, item, writer=await writer_of(ctx, item.id))
    if kept is not None:
        await put_item(ctx, member, kept, replace(kept, version=kept.version + 1))
    return True


MOST_SHOWN, MOST_BUTTONS = 20, 5


async def tell_held(ctx: Context, found: Sequence[tuple[Item, Slot, Held]], key: str, words: str = "held") -> None:
    """Tell the animators what was held back and why, with the buttons to decide. ``key``: of the notice, so that they
    are told once. ``words``: held, or held_waiting for copies that were on their way already."""
    reasons = {
        language: [await held_words(ctx, language, held) for _, _, held in found[:MOST_SHOWN]] for language in LANGUAGES
    }

    def message(language: Language) -> Message:
        lines = []
        for (item, slot, _), reason in zip(found, reasons[language], strict=False):
            when = ctx.say_moment(language, slot.due, slot.clock)
            lines.append(ctx.words(language, f"permission.{words}", item=item.id, when=when, reason=reason))
        if len(found) > MOST_SHOWN:
            lines.append(ctx.words(language, "calendar.and_more", count=len(found) - MOST_SHOWN))
        shown = lines if len(lines) == 1 else [Markup(f"- {line}") for line in lines]
        return Message(join_lines(shown), _buttons(ctx, language, found))

    await ctx.tell_animators(message, key)


def _buttons(ctx: Context, language: Language, found: Sequence[tuple[Item, Slot, Held]]) -> tuple[Button, ...]:
    if len(found) > 1:
        return tuple(
            Button(ctx.words(language, "calendar.send_item", item=Markup(item.id)), f"calendar send {_moment(slot)}")
            for item, slot, _ in found[:MOST_BUTTONS]
        )
    [(item, slot, held)] = found
    send = "permission.approve_and_send" if held.needs_approval else "calendar.send_now"
    return (
        Button(ctx.words(language, send), f"calendar send {_moment(slot)}", "primary"),
        Button(ctx.words(language, "reins.move"), f"calendar move {_moment(slot)}"),
        Button(ctx.words(language, "calendar.leave_out"), f"calendar leave {_moment(slot)}"),
        Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}"),
    )


def _moment(slot: Slot) -> str:
    return f"{slot.item} {slot.at.isoformat()} {slot.zone}"
