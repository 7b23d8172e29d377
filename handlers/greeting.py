"""Greeting: those who join within a window are greeted in the channel together, by one post."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from bot.core.actions import Drop, Remember, Send, SetTimer
from bot.core.community import Channel, Member
from bot.core.delivery import Kind
from bot.core.events import MemberChanged, MemberJoined, MemberLeft
from bot.core.feature import Context, Feature, Listener, TimerFired
from bot.core.message import Button, Message
from bot.core.policy import next_open
from bot.core.refs import LANGUAGES, ChannelRef, Language, MemberRef
from bot.core.welcome import Greeted, Waiting, WelcomeRules, forgotten, public_greeting

SAME_ARRIVAL = timedelta(days=1)
"""Joins of several channels within this time are one arrival, which is greeted once."""


# Decisions


def named_by(rules: WelcomeRules, channel: str) -> int | None:
    """The rank of the channel of that name among those with public greetings; None when it is none of them."""
    names = [name.removeprefix("#").casefold() for name in rules.channels]
    wanted = channel.casefold()
    return names.index(wanted) if wanted in names else None


def greeted_here(waiting: Collection[Waiting], channel: str, ranks: Mapping[str, int]) -> list[Waiting]:
    """Those to greet in ``channel`` (an id), first come first: each newcomer in the best ranked of their channels."""
    best: dict[str, int] = {}
    for each in waiting:
        rank = ranks.get(each.channel, len(ranks))
        best[each.member] = min(rank, best.get(each.member, rank))
    here = ranks.get(channel, len(ranks))
    chosen = [each for each in waiting if each.channel == channel and best[each.member] == here]
    return sorted(chosen, key=lambda each: (each.at, each.member))


# What happens


async def on_joined(ctx: Context, event: MemberJoined) -> None:
    """Who joins the workspace, or a channel with public greetings, waits there to be greeted."""
    if event.member.bot:
        return
    if await ctx.members.get(event.member.ref) is None and await forgotten(ctx, event.member.ref):
        return
    await _wait_for_greeting(ctx, event)


async def on_left(ctx: Context, event: MemberLeft) -> None:
    await _gone(ctx, event.member, event.channel)


async def on_changed(ctx: Context, event: MemberChanged) -> None:
    if not event.member.active:
        await _gone(ctx, event.member.ref, None)


async def _gone(ctx: Context, member: MemberRef, channel: ChannelRef | None) -> None:
    """Nobody is greeted after leaving."""
    for key, waiting in (await ctx.notes.all(ctx.workspace, Waiting)).items():
        if waiting.member == member.id and (channel is None or waiting.channel == channel.id):
            ctx.do(Drop(Waiting, key))


async def _greeting_channel(ctx: Context, event: MemberJoined) -> Channel | None:
    rules = ctx.timetable.rules(WelcomeRules)
    if event.channel is None:
        # Guests see few channels, and perhaps not this one: they are greeted where they join.
        return None if event.member.guest else await ctx.channel_named(rules.default_channel)
    channel = await ctx.channels.get(event.channel)
    return channel if channel is not None and named_by(rules, channel.name) is not None else None


async def _wait_for_greeting(ctx: Context, event: MemberJoined) -> None:
    channel, ref, rules = await _greeting_channel(ctx, event), event.member.ref, ctx.timetable.rules(WelcomeRules)
    if channel is None or channel.archived:
        return
    before = await ctx.note(Greeted, f"{ref.id}/{channel.ref.id}")
    if before is not None and ctx.now - before.at < rules.again_after:
        return
    ctx.do(Remember(f"{channel.ref.id}/{ref.id}", Waiting(channel.ref.id, ref.id, ctx.now), ref))
    timer = await ctx.timers.get(ctx.workspace, "greeting", "greet", channel.ref.id)
    if timer is None:
        together = ctx.now + timedelta(minutes=rules.window_minutes)
        # Those who arrive in the night are greeted together in the morning, by one post.
        due = next_open(together, ctx.timetable.policy_for(channel), channel.zone)
    else:
        # Moved by the least there is: a greeting being decided at this very moment has not seen this newcomer, and
        # its commit is refused when the timer is no longer what it was.
        due = timer.due + timedelta(microseconds=1)
    ctx.do(SetTimer("greet", channel.ref.id, due))


async def greet(ctx: Context, fired: TimerFired) -> None:
    """Greet everybody who waits in the channel by one post, and clear them."""
    waiting = await ctx.notes.all(ctx.workspace, Waiting)
    channel = await ctx.channels.get(ChannelRef(ctx.workspace, fired.key))
    ctx.do(*(Drop(Waiting, key) for key, each in waiting.items() if each.channel == fired.key))
    if channel is None or channel.archived:
        return
    rules = ctx.timetable.rules(WelcomeRules)
    ranks: dict[str, int] = {}
    for candidate in await ctx.channels.all(ctx.workspace):
        rank = named_by(rules, candidate.name)
        if rank is not None:
            ranks[candidate.ref.id] = rank
    chosen = greeted_here(list(waiting.values()), fired.key, ranks)
    newcomers = [each for each in chosen if not await _just_greeted(ctx, each.member)]
    named = await _first_members(ctx, newcomers, rules.names)
    if not named:
        return
    for each in newcomers:
        ref = MemberRef(ctx.workspace, each.member)
        ctx.do(Remember(f"{each.member}/{fired.key}", Greeted(ctx.now), ref))
    text = ctx.bilingual(channel.language, lambda language: public_greeting(ctx, language, named, len(newcomers)))
    key = f"welcome/public/{fired.key}/{fired.due.isoformat()}"
    ctx.do(Send(to=channel.ref, message=Message(text, _opening(ctx, channel)), kind=Kind.WELCOME, key=key))


def _opening(ctx: Context, channel: Channel) -> tuple[Button, ...]:
    """Where newcomers must open the conversation before the bot can write to them: the button that does."""
    if not ctx.can.direct_needs_opening:
        return ()
    languages: tuple[Language, ...] = LANGUAGES if channel.language == "both" else (channel.language,)
    label = " / ".join(ctx.words(each, "welcome.open") for each in languages)
    return (Button(label, "", "primary", direct=True),)


async def _just_greeted(ctx: Context, member: str) -> bool:
    greetings = await ctx.notes.all(ctx.workspace, Greeted, f"{member}/")
    return any(ctx.now - each.at < SAME_ARRIVAL for each in greetings.values())


async def _first_members(ctx: Context, newcomers: Sequence[Waiting], number: int) -> list[Member]:
    found: list[Member] = []
    for each in newcomers:
        member = await ctx.members.get(MemberRef(ctx.workspace, each.member))
        if member is not None and member.active:
            found.append(member)
        if len(found) == number:
            break
    return found


FEATURE = Feature(
    name="greeting",
    listeners=(
        Listener(MemberJoined, on_joined),
        Listener(MemberLeft, on_left),
        Listener(MemberChanged, on_changed),
    ),
    timers={"greet": greet},
)
