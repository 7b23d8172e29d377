"""Signals: what happens is counted, never what is said; and the figures, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.actions import Count, NoteActivity
from bot.core.definitions import Unit, by_name
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, MemberJoined, MemberLeft, MessagePosted, ReactionAdded
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.message import Markup, join_lines
from bot.core.metrics import Gain, Report, Silence
from bot.core.refs import ChannelRef, Language, MemberRef
from bot.core.signals import Signal, What, about_delivery, source_of

MAX_COHORTS = 6
"""So many months of joining are told in a message; all are in the JSON of the command line."""
DEFAULT_WEEKS = 4
MAX_WEEKS = 104


def signal(
    event: MemberJoined | MemberLeft | MessagePosted | ReactionAdded,
    what: What,
    member: MemberRef,
    channel: ChannelRef | None,
    about: str = "",
    reply_to: str = "",
) -> Signal:
    """One signal of an event; an event may give several kinds, each counted once. A message's own signal is named after
    the message, so that answers and reactions find it."""
    source = f"{event.id}/{what.value}"
    if isinstance(event, MessagePosted) and what in (What.POSTED, What.REPLIED):
        source = source_of(event.message)
    return Signal(
        source=source,
        workspace=event.workspace,
        at=event.at,
        what=what,
        member=member,
        channel=channel,
        about=about,
        reply_to=reply_to,
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
    if await _is_bot(ctx, event.member):
        return
    what = What.POSTED if event.thread is None else What.REPLIED
    reply_to = "" if event.thread is None else source_of(event.thread)
    ctx.do(
        Count(signal(event, what, event.member, event.channel, reply_to=reply_to)),
        NoteActivity(event.channel, event.at),
    )
    if event.mentions_bot:
        ctx.do(Count(signal(event, What.MENTIONED, event.member, event.channel)))
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
    ctx.do(Count(signal(event, What.REACTED, event.member, channel, reply_to=source_of(event.message))))
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
    figures = await ctx.metrics.report(
        ctx.workspace,
        until=ctx.now.date(),
        channel=channel.ref if channel else None,
        weeks=weeks,
        threshold=ctx.policy.threshold,
    )
    ctx.reply(command, report(ctx, language, figures, channel.name if channel else "", weeks))


def said(ctx: Context, language: Language, figures: Report, name: str) -> Markup:
    """A figure as people read it; what is about too few of them is not told."""
    figure = figures.figures[name]
    if figure.value is None:
        return ctx.words(language, f"signals.why_{figure.why}", threshold=figures.threshold)
    unit = by_name()[name].unit
    if unit is Unit.SECONDS:
        return _span(ctx, language, figure.value)
    text = f"{figure.value:.1f}" if unit is Unit.RATIO else f"{figure.value * (100 if unit is Unit.SHARE else 1):.0f}"
    text = text.replace(".", ",") if language == "fr" else text
    return ctx.words(language, "signals.percent", number=text) if unit is Unit.SHARE else Markup(text)


def _span(ctx: Context, language: Language, seconds: float) -> Markup:
    key, length = next((each for each in (("days", 86400), ("hours", 3600)) if seconds >= each[1]), ("minutes", 60))
    number = f"{seconds / length:g}"
    return ctx.words(language, f"signals.{key}", number=number.replace(".", ",") if language == "fr" else number)


_LINES: Mapping[str, Mapping[str, str]] = {
    "active": {"day": "active_day", "week": "active_week", "month": "active_28_days"},
    "posting": {"day": "posting_day", "week": "posting_week", "month": "posting_28_days"},
    "ladder": {name: name for name in ("readers", "reactors", "contributors", "animators")},
    "messages": {"messages": "messages", "replies": "replies", "reactions": "reactions"},
    "dialogue": {
        "answered": "answered_share",
        "ratio": "dialogue_ratio",
        "median": "first_response_median",
        "most": "first_response_90",
    },
    "newcomers": {"newcomers": "newcomers", "activated": "newcomers_activated", "onboarded": "onboarded"},
    "between": {"crossing": "cross_team_share", "leaders": "managers_posting_share"},
    "faq": {
        "asked": "faq_asked",
        "answered": "faq_found",
        "unanswered": "faq_unanswered",
        "helped": "faq_helped",
        "not_helped": "faq_not_helped",
    },
    "bot": {"posts": "bot_posts", "replies": "replies_per_bot_post", "commands": "commands", "clicks": "clicks"},
}
"""The lines of the answer, ``signals.<line>``, with the figures that fill them in."""


def report(ctx: Context, language: Language, figures: Report, channel: str, weeks: int) -> Markup:
    """The figures in words; whatever concerns fewer people than the threshold is not told."""
    where = ctx.words(language, "signals.in_channel", name=channel) if channel else ""
    lines: list[str] = [ctx.words(language, "signals.title", count=weeks, where=Markup(where)), ""]
    for key, names in _LINES.items():
        values = {word: said(ctx, language, figures, name) for word, name in names.items()}
        lines.append(ctx.words(language, f"signals.{key}", **values))
    if not channel:
        silent = ", ".join(_silent(ctx, language, each) for each in figures.silent)
        key = "signals.silent" if silent else "signals.none_silent"
        lines.append(ctx.words(language, key, channels=Markup(silent)))
    return join_lines([*lines, *_retention(ctx, language, figures), *_effects(ctx, language, figures)])


def _silent(ctx: Context, language: Language, silence: Silence) -> Markup:
    key = "signals.silent_channel" if silence.since else "signals.never_spoken"
    return ctx.words(language, key, name=silence.channel, month=silence.since or "")


def _retention(ctx: Context, language: Language, figures: Report) -> list[str]:
    """For each month of joining, how many are still active in the present month."""
    found = []
    for cohort in figures.retention[-MAX_COHORTS:]:
        number = list(cohort.active.values())[-1]
        if cohort.people is not None and number is not None:
            values = {"month": cohort.month, "people": cohort.people, "active": number}
            found.append(ctx.words(language, "signals.cohort", **values))
    return [ctx.words(language, "signals.retention", cohorts=Markup("; ".join(found)))] if found else []


def _effects(ctx: Context, language: Language, figures: Report) -> list[str]:
    lines: list[str] = []
    for each in figures.effects:
        gains = [
            ctx.words(language, f"signals.gain_{name}", **_gain(language, gain))
            for name, gain in (("replies", each.replies), ("people", each.people), ("reactions", each.reactions))
            if gain is not None and gain.clear
        ]
        what = Markup(", ".join(gains)) if gains else ctx.words(language, "signals.no_evidence")
        lines.append(ctx.words(language, "signals.effect", item=each.item, count=each.posts, what=what))
    return lines


def _gain(language: Language, gain: Gain) -> dict[str, str]:
    values = {"more": f"{gain.more:+.1f}", "low": f"{gain.low:+.1f}", "high": f"{gain.high:+.1f}"}
    return {key: text.replace(".", ",") if language == "fr" else text for key, text in values.items()}


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
