"""Standing: whoever lets the bot into a channel hears what it can do there, and what it lacks."""

from __future__ import annotations

from bot.core.actions import RegisterChannel, Send
from bot.core.delivery import Kind
from bot.core.events import BotAdmitted
from bot.core.feature import Context, Feature, Listener
from bot.core.message import Markup, Message
from bot.core.refs import LANGUAGES, Place
from bot.core.welcome import can_be_told


async def on_admitted(ctx: Context, event: BotAdmitted) -> None:
    """In both languages, as nobody has chosen one yet: to the person alone where the bot can write to them."""
    ctx.do(RegisterChannel(event.channel))
    member = await ctx.member(event.by)
    first = member.language
    order = sorted(LANGUAGES, key=lambda language: language != first)
    text = Markup("\n\n---\n\n".join(event.said[language] for language in order if language in event.said))
    place: Place = event.by if await can_be_told(ctx, event.by) else event.channel.ref
    ctx.do(Send(to=place, message=Message(text), kind=Kind.NOTICE))


FEATURE = Feature(name="standing", listeners=(Listener(BotAdmitted, on_admitted),))
