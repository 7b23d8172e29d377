"""The calendar in people's own calendar programs: animators get a private address, and renew it when it leaked."""

from __future__ import annotations

from dataclasses import replace

from bot.core.actions import Remember, Send
from bot.core.addresses import Subscription, subscription_key
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.message import Button, Markup, Message, channel_link


async def _channel(ctx: Context, member: Member, arguments: str) -> Channel | None:
    """The channel asked for; None for the feed of everything the member is responsible for. Raises BadInput."""
    wanted = arguments.strip()
    if not wanted:
        return None
    channel = await ctx.channel_named(wanted)
    if channel is None:
        raise BadInput(ctx.words(member.language, "subscribe.no_channel", channel=wanted))
    return channel


async def feed(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar feed [#channel]``: the private address of a feed, the same each time."""
    await _give(ctx, command, arguments, renewed=False)


async def renew(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The button under an address: a new one, and the former shows nothing any more."""
    await _give(ctx, command, arguments, renewed=True)


async def _give(ctx: Context, command: CommandGiven, arguments: str, *, renewed: bool) -> None:
    member = await ctx.member(command.member)
    channel = await _channel(ctx, member, arguments)
    key = subscription_key(member.ref, channel.ref if channel is not None else None)
    known = await ctx.note(Subscription, key)
    wanted = known or Subscription(str(member.ref), str(channel.ref) if channel is not None else "")
    if renewed and known is not None:
        wanted = replace(known, epoch=known.epoch + 1)
    if wanted != known:
        ctx.do(Remember(key, wanted, member=member.ref))
    message = _message(ctx, member, channel, key, wanted, renewed=renewed)
    if command.direct:
        ctx.reply(command, message)
        return
    # The address is a key: it goes to the person alone, also where a private answer in the channel is not possible.
    ctx.do(Send(to=member.ref, message=message, kind=Kind.ANSWER))
    ctx.reply(command, ctx.words(member.language, "subscribe.sent_directly"))


def _message(
    ctx: Context, member: Member, channel: Channel | None, key: str, subscription: Subscription, *, renewed: bool
) -> Message:
    language = member.language
    lines = [ctx.words(language, "subscribe.renewed")] if renewed else []
    if channel is None:
        lines.append(ctx.words(language, "subscribe.own"))
    else:
        lines.append(ctx.words(language, "subscribe.of_channel", channel=channel_link(channel)))
    # As code, so that no program asks the address to show what lies behind it.
    lines.append(Markup(f"`{ctx.ports.addresses.calendar(key, subscription)}`"))
    lines.append(ctx.words(language, "subscribe.how"))
    if not ctx.ports.addresses.public:
        lines.append(ctx.words(language, "subscribe.not_public"))
    target = f" {channel.ref.id}" if channel is not None else ""
    button = Button(ctx.words(language, "subscribe.renew"), f"calendar renew-feed{target}")
    return Message(Markup("\n\n".join(lines)), (button,))


FEATURE = Feature(
    name="subscribe",
    commands=(
        Command(
            path=("calendar", "feed"),
            french=("calendrier", "abonnement"),
            run=feed,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
        Command(
            path=("calendar", "renew-feed"),
            french=("calendrier", "renouveler-abonnement"),
            run=renew,
            role=Role.ANIMATOR,
            has_arguments=True,
            hidden=True,
        ),
    ),
)
