"""The reins in the animators' hands: pause an item, leave out or move one occurrence, have a missed one go out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from bot.core.actions import MarkOccurrences, Resend
from bot.core.calendar import Item, Paused
from bot.core.changing import may_publish, put_pause, put_slot
from bot.core.community import Member, Role
from bot.core.delivery import State
from bot.core.editorial import Fate, Slot
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.excerpt import plain
from bot.core.feature import Command, Context, Feature
from bot.core.itemchoice import choose_item
from bot.core.localtime import local_moment
from bot.core.message import Button, Field, Form, Markup, Message, channel_link
from bot.core.permission import is_held, let_through
from bot.core.planning import MOST_CLOCKS, Planner, asked, asked_slot, coming_slots, is_approved, said, together
from bot.core.policy import next_open
from bot.core.posting import publish, send_to
from bot.core.refs import MemberRef
from bot.core.written import MOMENT_NAMES, parse_moment


async def pause(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar pause ITEM``: its occurrences are left out until it is resumed."""
    member, item, _ = await asked(ctx, command, arguments)
    await may_publish(ctx, member, item)
    if await ctx.note(Paused, item.id) is None:
        put_pause(ctx, member, item.id, None, Paused(ctx.now))
    buttons = [Button(ctx.words(member.language, "reins.undo"), f"calendar resume {item.id}")]
    text = ctx.words(member.language, "reins.paused", item=item.id)
    # What was handed over before the pause would go out in the morning all the same: that is told, not surprising.
    waiting = (await ctx.ledger.tally(ctx.workspace, f"calendar/{item.id}/")).get(State.PLANNED, 0)
    if waiting:
        text = Markup(f"{text} {ctx.words(member.language, 'reins.paused_waiting', count=waiting)}")
        buttons.append(Button(ctx.words(member.language, "recall.take_back"), f"calendar recall {item.id}", "danger"))
    ctx.reply(command, Message(text, tuple(buttons)))


async def resume(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar resume ITEM``"""
    member, item, _ = await asked(ctx, command, arguments)
    await may_publish(ctx, member, item)
    paused = await ctx.note(Paused, item.id)
    if paused is None:
        ctx.reply(command, ctx.words(member.language, "reins.not_paused", item=item.id))
        return
    put_pause(ctx, member, item.id, paused, None)
    slots = await coming_slots(ctx, item, 1)
    when = said(ctx, member, slots[0].due if slots else None)
    ctx.reply(command, ctx.words(member.language, "reins.resumed", item=item.id, when=when))


async def _approved(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, Item]:
    """Who asks, and the item they name, which they may publish. Raises BadInput, also for what is not approved: it
    has no moment of which anything could come, and its words are not to go out past those who approve."""
    member, item, kept = await asked(ctx, command, arguments)
    await may_publish(ctx, member, item)
    if not is_approved(item, kept):
        raise BadInput(ctx.words(member.language, "reins.not_approved", item=Markup(item.id)))
    return member, item


async def skip(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar skip ITEM``: its next moment does not go out, in no zone."""
    member, item = await _approved(ctx, command, arguments)
    if await ctx.note(Paused, item.id) is not None:
        raise BadInput(ctx.words(member.language, "reins.skip_paused", item=Markup(item.id)))
    slots = await coming_slots(ctx, item, MOST_CLOCKS)
    if not slots:
        raise BadInput(ctx.words(member.language, "reins.skip_over", item=Markup(item.id)))
    left, rest = slots[0], [slot for slot in slots if not together(slot, slots[0])]
    for slot in slots:
        if together(slot, left):
            put_slot(ctx, member, slot, replace(slot, fate=Fate.SKIPPED, reason="skipped"))
    values = {"when": said(ctx, member, left.due), "following": said(ctx, member, rest[0].due if rest else None)}
    undo = Button(
        ctx.words(member.language, "reins.undo"), f"calendar unskip {item.id} {left.at.isoformat()} {left.zone}"
    )
    ctx.reply(command, Message(ctx.words(member.language, "reins.skipped", item=item.id, **values), (undo,)))


async def unskip(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The undo of a skip: that occurrence goes out after all, in every zone where it is not too late."""
    member, item, _ = await asked(ctx, command, arguments)
    slot = await asked_slot(ctx, member, item, arguments)
    await may_publish(ctx, member, item)
    around = await ctx.occurrences.of(ctx.workspace, item.id, since=slot.at - timedelta(hours=26), limit=MOST_CLOCKS)
    back = [each for each in around if each.fate is Fate.SKIPPED and each.due > ctx.now and together(each, slot)]
    if not back:
        raise BadInput(ctx.words(member.language, "reins.too_late", item=item.id))
    for each in back:
        put_slot(ctx, member, each, replace(each, fate=Fate.PLANNED, reason=""))
    ctx.reply(command, ctx.words(member.language, "reins.unskipped", item=item.id, when=said(ctx, member, slot.due)))


async def leave(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The animators decide that a missed occurrence stays missed."""
    member, item, _ = await asked(ctx, command, arguments)
    slot = await asked_slot(ctx, member, item, arguments)
    if slot.fate not in (Fate.ASKED, Fate.MISSED):
        raise BadInput(ctx.words(member.language, "reins.decided", item=item.id))
    put_slot(ctx, member, slot, replace(slot, fate=Fate.SKIPPED, reason="left_out"))
    ctx.reply(command, ctx.words(member.language, "reins.left", item=item.id, when=said(ctx, member, slot.due)))


async def send(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator has a missed occurrence, or one that the rules held back, go out after all. Pressing twice sends
    once."""
    member, item = await _approved(ctx, command, arguments)
    slot = await asked_slot(ctx, member, item, arguments)
    if slot.fate is Fate.PLANNED:
        raise BadInput(ctx.words(member.language, "calendar.no_moment", item=item.id))
    if slot.fate is Fate.CANCELLED or slot.reason == "recalled":  # An old button does not undo what came after it.
        raise BadInput(ctx.words(member.language, "reins.decided", item=item.id))
    planner, answer = await Planner.of(ctx, people=False), list[str]()
    if slot.fate is not Fate.OUT and await let_through(ctx, member, planner, item, slot):
        answer.append(ctx.words(member.language, "permission.approved_and_sent", item=item.id))
    sent = publish(ctx, planner, item, slot, expiring=False)
    if not sent and not item.audiences:
        raise BadInput(ctx.words(member.language, "reins.nowhere", item=item.id))
    if is_held(slot):
        await _send_called_off(ctx, member, item, slot)
    if slot.fate is not Fate.OUT:
        ctx.do(MarkOccurrences((replace(slot, fate=Fate.OUT, reason="late"),), (slot,)))
    to = Markup(", ".join([*(channel_link(channel) for channel in sent), *item.audiences]))
    ctx.reply(command, Markup(" ".join([*answer, ctx.words(member.language, "reins.sending", item=item.id, to=to)])))


async def _send_called_off(ctx: Context, member: Member, item: Item, slot: Slot) -> None:
    """The copies that waited when they were called off. Words to one person are not kept: they are said anew."""
    after = 0
    while copies := await ctx.ledger.under(ctx.workspace, slot.key, state=State.HELD_BACK, after=after):
        after = copies[-1].id
        for copy in copies:
            if copy.reason != "unapproved":
                continue
            if copy.message != Message(""):
                ctx.do(Resend(copy.id, member.ref))
            elif isinstance(copy.to, MemberRef):
                send_to(ctx, item, await ctx.member(copy.to), slot.due, f"{copy.key}/again", expiring=False)


async def move(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar move ITEM MOMENT``: its next occurrence goes out at another moment; all others stay."""
    member, item = await _approved(ctx, command, arguments)
    slot, written = await _to_move(ctx, member, item, command, arguments)
    if not written:
        text = ctx.words(member.language, "reins.move_how", item=item.id, when=said(ctx, member, slot.due))
        ctx.reply(command, Message(text, (), _move_form(ctx, member, item, slot)))
        return
    due = parse_moment(written, ctx.now, ctx.zone_of(member))
    if due is None or due < ctx.now:
        key = "reins.bad_moment" if due is None else "reins.past_moment"
        raise BadInput(ctx.words(member.language, key, text=written), field="moment")
    others = await _elsewhere(ctx, member, item, slot, due)
    await may_publish(ctx, member, item, moments=[due, *(each.due for _, each in others)])
    put_slot(ctx, member, slot, replace(slot, due=due, fate=Fate.PLANNED, reason=""))
    for before, after in others:
        put_slot(ctx, member, before, after)
    values = {"before": said(ctx, member, slot.due), "when": said(ctx, member, due)}
    text = ctx.words(member.language, "reins.moved", item=item.id, **values)
    if others:
        text = Markup(f"{text} {ctx.words(member.language, 'reins.moved_elsewhere', count=len(others))}")
    waits = await _waits(ctx, member, item, slot, due)
    if waits is not None:
        text = Markup(f"{text} {waits}")
    back = Button(ctx.words(member.language, "reins.undo"), "calendar undo")
    ctx.reply(command, Message(text, (back,)))


async def _waits(ctx: Context, member: Member, item: Item, slot: Slot, due: datetime) -> Markup | None:
    """That it will wait for the morning where ``due`` lies in quiet hours or on a day off, and until when."""
    planner = await Planner.of(ctx, people=False)
    until: dict[datetime, list[str]] = {}
    for channel in planner.channels(item, slot.zone):
        rules = planner.rules_of(channel)
        opening = next_open(due, rules, rules.zone)
        if opening > due:
            until.setdefault(opening, []).append(channel_link(channel))
    if item.audiences and next_open(due, ctx.policy, slot.clock) > due:
        until.setdefault(next_open(due, ctx.policy, slot.clock), []).extend(item.audiences)
    if not until:
        return None
    parts = [
        ctx.words(member.language, "reins.waits_part", places=Markup(", ".join(places)), when=said(ctx, member, moment))
        for moment, places in sorted(until.items())
    ]
    return ctx.words(member.language, "reins.waits", parts=Markup("; ".join(parts)))


async def _elsewhere(ctx: Context, member: Member, item: Item, slot: Slot, due: datetime) -> list[tuple[Slot, Slot]]:
    """The same post in the other zones, as it is and as it is moved: to the same time on their own clocks."""
    wall = due.astimezone(ZoneInfo(slot.clock))
    found = []
    for each in await ctx.occurrences.coming(ctx.workspace, since=ctx.now, item=item.id, limit=MOST_CLOCKS):
        if each.name != slot.name and together(each, slot):
            there = local_moment(wall.date(), wall.time(), each.clock).astimezone(UTC)
            found.append((each, replace(each, due=max(there, ctx.now))))
    return found


async def _to_move(ctx: Context, member: Member, item: Item, command: CommandGiven, arguments: str) -> tuple[Slot, str]:
    """The occurrence to move (the one named as buttons do, else the next), and the moment that was written."""
    head = arguments.partition("\n")[0]
    words = head.split()[1:]
    if len(words) >= 2 and "T" in words[0] and "/" in words[1]:
        slot = await asked_slot(ctx, member, item, head)
        words = words[2:]
    else:
        slots = await coming_slots(ctx, item, 1)
        if not slots:
            raise BadInput(ctx.words(member.language, "reins.skip_over", item=Markup(item.id)))
        slot = slots[0]
    if slot.fate is not Fate.PLANNED and not is_held(slot):
        raise BadInput(ctx.words(member.language, "calendar.no_moment", item=item.id))
    return slot, command.fields.get("moment", "") or " ".join(words)


async def same_move(ctx: Context, command: CommandGiven, arguments: str) -> Form:
    """The form by which an occurrence is moved, with when it is due now."""
    member, item = await _approved(ctx, command, arguments)
    slot, _ = await _to_move(ctx, member, item, command, arguments)
    return _move_form(ctx, member, item, slot)


def _move_form(ctx: Context, member: Member, item: Item, slot: Slot) -> Form:
    language = member.language
    local = slot.due.astimezone(ctx.zone_info(member))
    help_text = plain(ctx.words(language, "reins.help_moment", zone=ctx.zone_of(member)))
    label = plain(ctx.words(language, "reins.field_moment"))
    moment = Field("moment", label, "moment", f"{local:%Y-%m-%d %H:%M}", help=help_text)
    title = plain(ctx.words(language, "reins.move_title", item=item.id))
    command = f"calendar move {item.id} {slot.at.isoformat()} {slot.zone}"
    return Form(title, command, (moment,), ctx.words(language, "reins.move"))


_for_animators = partial(Command, role=Role.ANIMATOR, has_arguments=True)

FEATURE = Feature(
    name="reins",
    commands=(
        _for_animators(path=("calendar", "pause"), french=("calendrier", "pause"), run=pause),
        _for_animators(path=("calendar", "resume"), french=("calendrier", "reprendre"), run=resume),
        _for_animators(path=("calendar", "skip"), french=("calendrier", "sauter"), run=skip),
        _for_animators(
            path=("calendar", "move"),
            french=("calendrier", "déplacer"),
            run=move,
            form=same_move,
            choose=choose_item,
            names=MOMENT_NAMES,
        ),
        _for_animators(path=("calendar", "unskip"), run=unskip, hidden=True),
        _for_animators(path=("calendar", "leave"), run=leave, hidden=True),
        _for_animators(path=("calendar", "send"), run=send, hidden=True),
    ),
)
