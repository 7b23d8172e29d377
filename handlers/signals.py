"""Signals: what happens is counted, never what is said; and the figures, for whoever asks."""

from __future__ import annotations

from bot.core.actions import Count, NoteActivity
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, MemberJoined, MemberLeft, MessagePosted, ReactionAdded
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.message import Markup, join_lines
from bot.core.refs import ChannelRef, Language, MemberRef
from bot.core.signals import Figures, Signal, What, about_delivery

DEFAULT_WEEKS = 4
MAX_WEEKS = 104


def signal(
    event: MemberJoined | MemberLeft | MessagePosted | ReactionAdded,
    what: What,
    member: MemberRef,
    channel: ChannelRef | None,
    about: str = "",
) -> Signal:
    """One signal of an event; an event may give several kinds, each counted once."""
    return Signal(
        source=f"{event.id}/{what.value}",
        workspace=event.workspace,
        at=event.at,
        what=what,
        member=member,
        channel=channel,
        about=about,
    )


def parse_request(arguments: str) -> tuple[str, int]:
    """The channel's name (empty for all) and the weeks in ``#general 8``. Raises ValueError for anything else."""
    name, weeks = "", DEFAULT_WEEKS
    for word in arguments.split():
        if word.isascii() and word.isdigit() and len(word) < 5:
            weeks = int(word)
        elif not name:
            name = word
        else:
            raise ValueError(word)
    if not 1 <= weeks <= MAX_WEEKS:
        raise ValueError(str(weeks))
    return name, weeks


async def _is_bot(ctx: Context, ref: MemberRef) -> bool:
    member = await ctx.members.get(ref)
    return member is not None and member.bot


async def on_joined(ctx: Context, event: MemberJoined) -> None:
    if not event.member.bot:
        ctx.do(Count(signal(event, What.JOINED, event.member.ref, event.channel)))


async def on_left(ctx: Context, event: MemberLeft) -> None:
    if not await _is_bot(ctx, event.member):
        ctx.do(Count(signal(event, What.LEFT, event.member, event.channel)))


async def on_message(ctx: Context, event: MessagePosted) -> None:
    """Messages in channels count; what somebody writes to the bot alone is nobody's business."""
    if event.by_bot or event.direct:
        return
    what = What.POSTED if event.thread is None else What.REPLIED
    ctx.do(Count(signal(event, what, event.member, event.channel)), NoteActivity(event.channel, event.at))
    if event.thread is not None:
        delivery = await ctx.ledger.sent_as(ctx.workspace, event.channel, event.thread.id)
        # Only posts nobody asked for: the figure says whether they start a talk.
        if delivery is not None and delivery.kind.unasked:
            about = about_delivery(delivery.id)
            ctx.do(Count(signal(event, What.BOT_REPLIED, event.member, event.channel, about)))


async def on_reaction(ctx: Context, event: ReactionAdded) -> None:
    """As with messages, what happens between a person and the bot alone is not counted."""
    channel = event.message.channel
    known = await ctx.channels.get(channel)
    if (known is not None and known.direct) or await _is_bot(ctx, event.member):
        return
    ctx.do(Count(signal(event, What.REACTED, event.member, channel)))
    if event.on_bot:
        delivery = await ctx.ledger.sent_as(ctx.workspace, channel, event.message.id)
        about = about_delivery(delivery.id) if delivery is not None else ""
        ctx.do(Count(signal(event, What.BOT_REACTED, event.member, channel, about)))


async def stats(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant stats [#channel] [weeks]``"""
    language = await ctx.language_of(command.member)
    try:
        name, weeks = parse_request(arguments)
    except ValueError as error:
        raise BadInput(ctx.words(language, "signals.bad_request", word=str(error), most=MAX_WEEKS)) from None
    channel = await ctx.channel_named(name) if name else None
    if name and channel is None:
        raise BadInput(ctx.words(language, "signals.no_channel", name=name))
    figures = await ctx.measures.figures(
        ctx.workspace,
        at=ctx.now,
        channel=channel.ref if channel else None,
        weeks=weeks,
        threshold=ctx.policy.threshold,
    )
    ctx.reply(command, report(ctx, language, figures, channel.name if channel else "", weeks))


def report(ctx: Context, language: Language, figures: Figures, channel: str, weeks: int) -> Markup:
    """The figures in words; whatever concerns fewer people than the threshold is not told."""

    def people(value: int | None) -> str:
        return str(value) if value is not None else ctx.words(language, "signals.few", threshold=figures.threshold)

    where = ctx.words(language, "signals.in_channel", name=channel) if channel else ""
    silent = ", ".join(f"#{each}" for each in figures.silent_channels)
    replies = "–" if figures.replies_per_bot_post is None else f"{figures.replies_per_bot_post:.1f}"
    if language == "fr":
        replies = replies.replace(".", ",")
    lines = [
        ctx.words(language, "signals.title", count=weeks, where=Markup(where)),
        "",
        ctx.words(
            language,
            "signals.active",
            day=people(figures.active_day),
            week=people(figures.active_week),
            month=people(figures.active_month),
        ),
        ctx.words(
            language,
            "signals.messages",
            messages=figures.messages,
            replies=figures.replies,
            reactions=figures.reactions,
        ),
        ctx.words(
            language,
            "signals.newcomers",
            newcomers=people(figures.newcomers),
            activated=people(figures.newcomers_activated),
        ),
        ctx.words(
            language,
            "signals.faq",
            asked=figures.asked,
            answered=figures.answered,
            helped=figures.helped,
            not_helped=figures.not_helped,
        ),
        ctx.words(language, "signals.bot", posts=figures.bot_posts, replies=replies),
    ]
    if not channel:
        key = "signals.silent" if silent else "signals.none_silent"
        lines.append(ctx.words(language, key, channels=silent))
    return join_lines(lines)


FEATURE = Feature(
    name="signals",
    commands=(Command(path=("stats",), french=("chiffres",), run=stats, has_arguments=True),),
    listeners=(
        Listener(MemberJoined, on_joined),
        Listener(MemberLeft, on_left),
        Listener(MessagePosted, on_message),
        Listener(ReactionAdded, on_reaction),
    ),
)
