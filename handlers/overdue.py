"""Items that count from a day in each person's life here, where that moment was missed: the animators hear of it,
without names, and decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.core.actions import Drop, SetTimer
from bot.core.calendar import Item, Missed, Overdue
from bot.core.changing import may_publish
from bot.core.community import Member, Role
from bot.core.editorial import Slot
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature, TimerFired
from bot.core.message import Button, Markup, Message
from bot.core.permission import Gate, held_words, let_through
from bot.core.planning import Planner, asked, is_approved, items_named
from bot.core.posting import PEOPLE_AT_ONCE, send_to
from bot.core.refs import LANGUAGES, Language, MemberRef

KEPT = timedelta(days=30)
"""How long one may still decide: afterwards nobody wants the words of a first day."""


async def tell(ctx: Context, fired: TimerFired) -> None:
    """Tell the animators once of all whose moment of the item was missed."""
    found = await _overdue(ctx, fired.key)
    for key, each in found.items():
        if each.due < ctx.now - KEPT:
            ctx.do(Drop(Overdue, key))
    item = (await items_named(ctx, [fired.key])).get(fired.key)
    if item is None or not found:
        return
    last = max(each.due for each in found.values())
    reasons = await _reasons(ctx, item, last) if any(each.reason != "late" for each in found.values()) else {}

    def message(language: Language) -> Message:
        values: dict[str, object] = {"item": item.id, "when": ctx.say_moment(language, last, ctx.policy.zone)}
        name = "held" if reasons else "ask" if item.missed is Missed.ASK else "late"
        text = ctx.words(language, f"overdue.{name}", count=len(found), reason=reasons.get(language, ""), **values)
        buttons = (
            Button(ctx.words(language, "overdue.send", count=len(found)), f"calendar catchup {item.id}", "primary"),
            Button(ctx.words(language, "calendar.leave_out"), f"calendar letbe {item.id}"),
            Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}"),
        )
        return Message(text, buttons)

    await ctx.tell_animators(message, f"calendar/overdue/{item.id}/{fired.due.isoformat()}")


async def _reasons(ctx: Context, item: Item, due: datetime) -> Mapping[Language, Markup]:
    """Why the rules hold the item back; empty when they no longer do."""
    gate = await Gate.of(ctx, await Planner.of(ctx, people=False), {item.id: item})
    held = await gate.held(item, _slot(ctx, item, due))
    return {language: await held_words(ctx, language, held) for language in LANGUAGES} if held is not None else {}


def _slot(ctx: Context, item: Item, due: datetime) -> Slot:
    return Slot(item=item.id, at=due, zone=ctx.policy.zone, due=due)


async def _overdue(ctx: Context, item: str) -> Mapping[str, Overdue]:
    return await ctx.notes.all(ctx.workspace, Overdue, f"{item}|")


async def _asked(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, Item, Mapping[str, Overdue]]:
    member, item, kept = await asked(ctx, command, arguments)
    await may_publish(ctx, member, item)
    if not is_approved(item, kept):
        raise BadInput(ctx.words(member.language, "reins.not_approved", item=Markup(item.id)))
    found = await _overdue(ctx, item.id)
    if not found:  # Whoever presses first decides.
        raise BadInput(ctx.words(member.language, "overdue.decided", item=item.id))
    return member, item, found


async def catch_up(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator has it go to all of them after all. Pressing twice sends once."""
    member, item, found = await _asked(ctx, command, arguments)
    last = max(each.due for each in found.values())
    answer = []
    if await let_through(ctx, member, await Planner.of(ctx, people=False), item, _slot(ctx, item, last)):
        answer.append(ctx.words(member.language, "permission.approved_and_sent", item=item.id))
    await _send_some(ctx, item, found)
    answer.append(ctx.words(member.language, "overdue.sending", count=len(found), item=item.id))
    ctx.reply(command, Markup(" ".join(answer)))


async def _send_some(ctx: Context, item: Item, found: Mapping[str, Overdue]) -> None:
    for key in list(found)[:PEOPLE_AT_ONCE]:
        person = await ctx.members.get(MemberRef(ctx.workspace, key.partition("|")[2]))
        due = found[key].due
        if person is not None and person.active:
            ledger_key = f"calendar/{item.id}/{due.isoformat()}/{person.ref.id}"
            send_to(ctx, item, person, due, ledger_key, expiring=False)
        ctx.do(Drop(Overdue, key))
    if len(found) > PEOPLE_AT_ONCE:
        ctx.do(SetTimer("catchup", item.id, ctx.now))


async def go_on(ctx: Context, fired: TimerFired) -> None:
    """The next of them."""
    item = (await items_named(ctx, [fired.key])).get(fired.key)
    if item is not None:
        await _send_some(ctx, item, await _overdue(ctx, item.id))


async def let_be(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The animators decide that it is too late."""
    member, item, found = await _asked(ctx, command, arguments)
    ctx.do(*(Drop(Overdue, key) for key in found))
    ctx.reply(command, ctx.words(member.language, "overdue.left", count=len(found), item=item.id))


FEATURE = Feature(
    name="overdue",
    commands=(
        Command(path=("calendar", "catchup"), run=catch_up, role=Role.ANIMATOR, hidden=True, has_arguments=True),
        Command(path=("calendar", "letbe"), run=let_be, role=Role.ANIMATOR, hidden=True, has_arguments=True),
    ),
    timers={"tell": tell, "catchup": go_on},
)
