"""Digest: what found no room in a place is told there in one message, when policy.yaml so wishes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.core.actions import Edit, Merge, Send, SetTimer, Withdraw
from bot.core.community import Role
from bot.core.delivery import Delivery, State
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, DigestDue
from bot.core.excerpt import excerpt, halves, title
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.ledger import Query, digest_key
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.planning import items_named
from bot.core.posting import text_of
from bot.core.refs import ChannelRef, Language, MemberRef, Place

SHORT = 220
"""Characters of each part in a channel: enough to know whether one wants to read it all."""
MOST_PARTS = 8
"""In one digest; what remains is told in the next."""
MOST_HELD = 1000
"""Deliveries of one place looked through for the parts of a digest."""
SOON = timedelta(minutes=1)


async def on_digest_due(ctx: Context, event: DigestDue) -> None:
    """Tell the parts in one message, in the place's language; it costs one unit of attention."""
    parts = event.parts[:MOST_PARTS]
    if not parts:
        return
    place = parts[0].to
    # The highest of the parts speaks for all of them: they come in the order of priority.
    key = f"digest/{place.id}/{parts[0].id}/{ctx.now.date().isoformat()}"
    into = Send(to=place, message=await _told(ctx, place, parts), kind=parts[0].kind, key=key)
    ctx.do(Merge(into, tuple(part.id for part in parts)))


async def retell(ctx: Context, fired: TimerFired) -> None:
    """A part of the digest of that key was recalled or corrected: it goes on without it, or with its present words."""
    digest = await ctx.ledger.find(ctx.workspace, fired.key)
    if digest is None:
        return
    if digest.state in (State.PLANNED, State.SENDING):
        ctx.do(SetTimer("retell", fired.key, ctx.now + SOON))
    if digest.state is not State.SENT or digest.sent_as is None:
        return
    query = Query(workspace=ctx.workspace, place=digest.to, states=(State.HELD_BACK,), limit=MOST_HELD)
    left = [part for part in reversed(await ctx.ledger.search(query)) if digest_key(part.reason) == fired.key]
    if not left:
        ctx.do(Withdraw(target=digest.sent_as, key=f"recall/{digest.key}"))
        return
    # A later telling takes the place of an earlier one, also of the same parts.
    key = f"retell/{ctx.now.isoformat()}/{digest.key}"
    ctx.do(Edit(target=digest.sent_as, message=await _told(ctx, digest.to, left), key=key))


async def _told(ctx: Context, place: Place, parts: Sequence[Delivery]) -> Message:
    channel = await ctx.channels.get(place) if isinstance(place, ChannelRef) else None
    if isinstance(place, MemberRef) or (channel is not None and channel.direct):
        language = await ctx.language_of(place) if isinstance(place, MemberRef) else "fr"
        texts = [await _kept_or_anew(ctx, part, language) for part in parts]
        # Words to one person alone are not kept, so they are not shortened either.
        lines = [ctx.words(language, "digest.head", count=len(parts)), *texts]
        buttons = tuple(button for part in parts for button in part.message.buttons)
        return Message(Markup("\n\n".join(lines)), buttons)
    spoken = channel.language if channel is not None else "both"
    text = ctx.bilingual(spoken, lambda each: _digest(ctx, "en" if each == "en" else "fr", parts))
    return Message(text, tuple(_button(part, "en" if spoken == "en" else "fr") for part in parts))


async def _kept_or_anew(ctx: Context, part: Delivery, language: Language) -> str:
    """The words of a part. Once told to one person alone they are not kept: the calendar's are said anew, as approved
    now."""
    if part.message.text:
        return part.message.text
    item_id = part.key.split("/")[1] if part.key.startswith("calendar/") else ""
    item = (await items_named(ctx, [item_id])).get(item_id)
    text = text_of(ctx, item, language) if item is not None else None
    return text or ctx.words(language, "digest.gone")


def _digest(ctx: Context, language: Language, parts: Sequence[Delivery]) -> str:
    texts = [halves(part.message.text)[0 if language == "fr" else 1] for part in parts]
    lines = [ctx.words(language, "digest.head", count=len(parts)), ""]
    return join_lines([*lines, *(f"- {excerpt(text, SHORT)}" for text in texts)])


def _button(part: Delivery, language: Language) -> Button:
    text = halves(part.message.text)[0 if language == "fr" else 1]
    return Button(f"📖 {title(text)}", f"digest read {part.id}")


async def read(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """All the words of a part, for whoever presses its button in the channel where the digest stands."""
    member, word = await ctx.member(command.member), arguments.strip()
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else 0
    found = await ctx.ledger.numbered(ctx.workspace, number)
    here = found is not None and found.to == command.channel
    if (
        found is None
        or not digest_key(found.reason)
        or not isinstance(found.to, ChannelRef)
        or found.visible_to is not None
        or not (here or member.role >= Role.ANIMATOR)
        or found.message == Message("")
    ):
        raise BadInput(ctx.words(member.language, "digest.nothing"))
    ctx.reply(command, found.message)


FEATURE = Feature(
    name="digest",
    commands=(Command(path=("digest", "read"), run=read, hidden=True, has_arguments=True),),
    listeners=(Listener(DigestDue, on_digest_due),),
    timers={"retell": retell},
)
