"""What is out already: taken back or corrected in every copy, in all channels and direct messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bot.core.actions import CallOff, Dismiss, Edit, Reword, SetTimer, Withdraw
from bot.core.calendar import Item
from bot.core.changing import may_publish, put_slot
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, State, Verb
from bot.core.editorial import Fate, Slot
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature, TimerFired
from bot.core.ledger import DEAD, digest_key
from bot.core.message import Button, Markup, Message
from bot.core.planning import MOST_CLOCKS, asked, asked_slot, is_approved, items_named, said, together
from bot.core.posting import for_channel, text_of
from bot.core.refs import ChannelRef, MemberRef
from bot.core.rows import place_words

AT_ONCE = 500
"""Copies changed in one transaction."""
MOST_PLACES = 10
"""Places named in which somebody has to look."""
SOON = timedelta(minutes=1)
"""Longer than a message is on its way to a platform."""


async def _last_out(ctx: Context, member: Member, item: Item, arguments: str) -> list[Slot]:
    """The occurrence named after the item, or the last that went out, in every zone. Raises BadInput when none is."""
    latest = await ctx.occurrences.of(ctx.workspace, item.id, limit=MOST_CLOCKS)
    if len(arguments.split()) >= 3:
        first = await asked_slot(ctx, member, item, arguments)
        since = first.at - timedelta(hours=26)
        latest = await ctx.occurrences.of(ctx.workspace, item.id, since=since, limit=MOST_CLOCKS)
    else:
        out = [slot for slot in latest if slot.fate is Fate.OUT]
        if not out:
            raise BadInput(ctx.words(member.language, "recall.not_out", item=item.id))
        first = out[0]
    return [first, *(slot for slot in latest if slot.name != first.name and together(slot, first))]


async def _tally(ctx: Context, slots: Sequence[Slot]) -> Counter[State]:
    """How many copies there are, by state. Those of two zones may share the moment, and so their keys."""
    found: Counter[State] = Counter()
    for key in {slot.key for slot in slots}:
        found.update(await ctx.ledger.tally(ctx.workspace, key))
    return found


async def _copies(ctx: Context, slots: Sequence[Slot], state: State) -> list[Delivery]:
    """All copies in that state."""
    found: list[Delivery] = []
    for key in sorted({slot.key for slot in slots}):
        after = 0
        while part := await ctx.ledger.under(ctx.workspace, key, state=state, after=after):
            found += [copy for copy in part if copy.verb is Verb.SEND]
            after = part[-1].id
    return found


async def _digests(ctx: Context, slots: Sequence[Slot]) -> list[str]:
    """The keys of the digests in which copies were told instead of by themselves."""
    held = await _copies(ctx, slots, State.HELD_BACK)
    return [digest_key(copy.reason) for copy in held if digest_key(copy.reason)]


async def _to_look_for(ctx: Context, member: Member, uncertain: Sequence[Delivery]) -> Markup | None:
    """Where copies may stand that nobody can take back by a command, as the platform never said what became of them."""
    if not uncertain:
        return None
    places = dict.fromkeys([await place_words(ctx, member.language, copy) for copy in uncertain])
    shown = Markup(", ".join(list(places)[:MOST_PLACES]))
    return ctx.words(member.language, "recall.uncertain", count=len(uncertain), places=shown)


def _name(slot: Slot) -> str:
    """As buttons name it."""
    return f"{slot.item} {slot.at.isoformat()} {slot.zone}"


async def recall(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar recall ITEM``: says what it will do and asks; then every copy is taken back."""
    confirmed = arguments.rstrip().endswith(" confirm")
    plain = arguments.rstrip().removesuffix(" confirm")
    member, item, _ = await asked(ctx, command, plain)
    slots = await _last_out(ctx, member, item, plain)
    await may_publish(ctx, member, item)
    tally, language = await _tally(ctx, slots), member.language
    digests, uncertain = await _digests(ctx, slots), await _copies(ctx, slots, State.UNCERTAIN)
    look = await _to_look_for(ctx, member, uncertain)
    out, waiting = tally[State.SENT] + tally[State.SENDING] + len(digests), tally[State.PLANNED]
    values: dict[str, object] = {"item": item.id, "when": said(ctx, member, slots[0].due), "waiting": waiting}
    if not out and not waiting and not uncertain:
        raise BadInput(ctx.words(language, "recall.nothing", item=item.id))
    if not confirmed:
        command_text = f"calendar recall {_name(slots[0])} confirm"
        known = out + waiting > 0
        label = ctx.words(language, "recall.yes", count=out + waiting) if known else ctx.words(language, "recall.note")
        yes = Button(label, command_text, "danger")
        no = Button(ctx.words(language, "recall.no"), f"calendar copies {_name(slots[0])}")
        sure = "recall.sure" if known else "recall.none_known"
        text = ctx.words(language, sure, count=out, **values)
        ctx.reply(command, Message(Markup(f"{text} {look}") if look else text, (yes, no)))
        return
    for slot in slots:
        # What waits is held back at once; the people of an audience who were still to come get nothing either.
        recalled = replace(slot, fate=Fate.SKIPPED, reason="recalled")
        ctx.do(CallOff(slot.key, "recalled"))
        if slot != recalled:
            put_slot(ctx, member, slot, recalled)
    for name in sorted({slot.key: slot.name for slot in slots}.values()):
        await _withdraw_some(ctx, name, 0)
        await _let_be(ctx, member, name)
        # What is on its way this very moment is out when one looks again.
        ctx.do(SetTimer("withdraw", f"0|{name}", ctx.now + SOON))
    ctx.do(*(SetTimer("retell", digest, ctx.now, feature="digest") for digest in digests))
    see = Button(ctx.words(language, "recall.how_it_goes"), f"calendar copies {_name(slots[0])}")
    text = ctx.words(language, "recall.under_way", count=out, **values)
    ctx.reply(command, Message(Markup(f"{text} {look}") if look else text, (see,)))


async def _withdraw_some(ctx: Context, name: str, after: int) -> None:
    item, at, _ = name.split("|", 2)
    copies = await ctx.ledger.under(
        ctx.workspace, f"calendar/{item}/{at}/", state=State.SENT, after=after, limit=AT_ONCE
    )
    for copy in copies:
        if copy.verb is Verb.SEND and copy.sent_as is not None:
            ctx.do(Withdraw(target=copy.sent_as, key=f"recall/{copy.key}"))
    if len(copies) == AT_ONCE:
        ctx.do(SetTimer("withdraw", f"{copies[-1].id}|{name}", ctx.now))


async def _let_be(ctx: Context, member: Member, name: str) -> None:
    """A copy that failed, or may not have arrived, is not sent again by a button from before the recall."""
    item, at, _ = name.split("|", 2)
    for state in DEAD:
        over = await ctx.ledger.under(ctx.workspace, f"calendar/{item}/{at}/", state=state, limit=AT_ONCE)
        ctx.do(*(Dismiss(copy.id, member.ref) for copy in over if copy.verb is Verb.SEND))


async def go_on_withdrawing(ctx: Context, fired: TimerFired) -> None:
    """The next copies of a post that is being recalled."""
    after, name = fired.key.split("|", 1)
    await _withdraw_some(ctx, name, int(after))


async def copies(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar copies ITEM``: how many copies of its last post are out, wait, failed or were taken back."""
    member, item, _ = await asked(ctx, command, arguments)
    slots = await _last_out(ctx, member, item, arguments)
    tally = await _tally(ctx, slots)
    head = ctx.words(member.language, "recall.copies_head", item=item.id, when=said(ctx, member, slots[0].due))
    counts = [
        "- " + ctx.words(member.language, f"recall.copies_{state.value}", count=tally[state])
        for state in State
        if tally[state]
    ]
    text = "\n".join([head, "", *(counts or [ctx.words(member.language, "recall.no_copies")])])
    again = Button(ctx.words(member.language, "recall.look_again"), f"calendar copies {_name(slots[0])}")
    ctx.reply(command, Message(Markup(text), (again,)))


async def correct(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar correct ITEM``: every copy of its last post gets the item's words as they are now."""
    member, item, kept = await asked(ctx, command, arguments)
    slots = await _last_out(ctx, member, item, arguments)
    await may_publish(ctx, member, item)
    if not is_approved(item, kept):  # Nobody gives words to what is out past those who approve them.
        raise BadInput(ctx.words(member.language, "recall.not_approved", item=Markup(item.id)))
    tally = await _tally(ctx, slots)
    out = tally[State.SENT] + tally[State.PLANNED] + tally[State.SENDING] + len(await _digests(ctx, slots))
    if not out:
        raise BadInput(ctx.words(member.language, "recall.nothing", item=item.id))
    edition = ctx.now.isoformat()
    for name in sorted({slot.key: slot.name for slot in slots}.values()):
        await _correct_some(ctx, item, name, edition, 0)
        # What is on its way this very moment is out when one looks again. An edition reaches each copy once.
        ctx.do(SetTimer("correct", f"0|{edition}|{name}", ctx.now + SOON))
    back = Button(ctx.words(member.language, "recall.take_back"), f"calendar recall {_name(slots[0])}", "danger")
    values = {"item": item.id, "when": said(ctx, member, slots[0].due)}
    ctx.reply(command, Message(ctx.words(member.language, "recall.correcting", count=out, **values), (back,)))


async def _correct_some(ctx: Context, item: Item, name: str, edition: str, after: int) -> None:
    """``edition``: the moment of the command, so that doing it again edits again and a repeated batch does not."""
    key, at, _ = name.split("|", 2)
    found = await ctx.ledger.under(ctx.workspace, f"calendar/{key}/{at}/", after=after, limit=AT_ONCE)
    channels = {channel.ref: channel for channel in await ctx.channels.all(ctx.workspace)}
    for copy in found:
        text = await _words_now(ctx, item, copy, channels)
        if copy.verb is not Verb.SEND or text is None:
            continue
        if copy.state is State.PLANNED:
            ctx.do(Reword(copy.key, Message(text)))
        elif copy.state is State.SENT and copy.sent_as is not None:
            ctx.do(Edit(target=copy.sent_as, message=Message(text), key=f"correct/{edition}/{copy.key}"))
        elif digest_key(copy.reason):
            ctx.do(Reword(copy.key, Message(text)))
            ctx.do(SetTimer("retell", digest_key(copy.reason), ctx.now, feature="digest"))
    if len(found) == AT_ONCE:
        ctx.do(SetTimer("correct", f"{found[-1].id}|{edition}|{name}", ctx.now))


async def _words_now(ctx: Context, item: Item, copy: Delivery, channels: dict[ChannelRef, Channel]) -> Markup | None:
    if isinstance(copy.to, MemberRef):
        text = text_of(ctx, item, await ctx.language_of(copy.to))
        return Markup(text) if text else None
    channel = channels.get(copy.to)
    return for_channel(ctx, item, channel) if channel is not None else None


async def go_on_correcting(ctx: Context, fired: TimerFired) -> None:
    """The next copies of a post whose words changed."""
    after, edition, name = fired.key.split("|", 2)
    item_id = name.partition("|")[0]
    item = (await items_named(ctx, [item_id])).get(item_id)
    if item is not None:
        await _correct_some(ctx, item, name, edition, int(after))


_for_animators = partial(Command, role=Role.ANIMATOR, has_arguments=True)

FEATURE = Feature(
    name="recall",
    commands=(
        _for_animators(path=("calendar", "recall"), french=("calendrier", "rappeler"), run=recall),
        _for_animators(path=("calendar", "correct"), french=("calendrier", "corriger"), run=correct),
        _for_animators(path=("calendar", "copies"), french=("calendrier", "exemplaires"), run=copies),
    ),
    timers={"withdraw": go_on_withdrawing, "correct": go_on_correcting},
)
