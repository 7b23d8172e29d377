"""Nudge: a channel that went quiet against its own habit gets a fitting prompt. Groups are nudged, never persons."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from bot.core.actions import Drop, Remember, Send, SetTimer
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind, State
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, FilesChanged, MessagePosted, Started
from bot.core.feature import Command, Context, Feature, HomePart, Listener, TimerFired
from bot.core.home import page_of, section
from bot.core.knowledge import Prompt
from bot.core.ledger import digest_key
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Message, Section, channel_link, join_lines
from bot.core.policy import PolicyRules, is_worked
from bot.core.refs import Language
from bot.core.signals import DayCount

HABIT_WEEKS = 8
"""How far back a channel's habit is read."""
MOST_HABITS = 40
"""Habits read for one look at a home."""
SERIOUS_TAGS = frozenset({"help", "ideas", "learning", "project"})
FOR_EVERYONE = "everyone"
WEEKDAY_TAGS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ANSWERED_WITHIN = timedelta(hours=48)
"""What is said in a channel this soon after a nudge counts as its echo."""
TOO_LATE = timedelta(hours=6)
"""A look that a standstill delayed for longer than this waits for the next day."""
_SPAN = re.compile(r"(\d{1,3})\s*([dwjs])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgeRules:
    """schedules/nudge.yaml, under ``nudge:``."""

    at: time = time(10, 30)
    """When channels are looked at, on working days, in the workspace's zone."""
    mode: Literal["post", "suggest"] = "post"
    """``post``: the prompt goes to the channel; ``suggest``: the animators get it first."""
    least_active_days: int = 8
    """A channel with fewer active days in eight weeks has no habit to speak of and is left alone."""
    times_usual: float = 2.0
    """Quiet means: silent for this many times its usual gap between active days…"""
    least_quiet_days: int = 3
    """…and at least so many working days."""
    every_days: int = 7
    """At most one nudge for a channel in so many days."""
    give_up_after: int = 3
    """After so many nudges in a row that nobody answered, the animators are told instead."""
    only: tuple[str, ...] = ()
    """Names (``#general``) and tags (``tag:social``) of the channels to look after; empty: all of them."""
    leave_out: tuple[str, ...] = ()
    """Channels never nudged, likewise."""


@dataclass(frozen=True, slots=True)
class Nudged:
    """What a channel got. ``prompts``: the ids used, latest last. ``key``: of the delivery, empty for a suggestion.
    ``in_a_row``: nudges since anybody spoke. ``echoes``: messages that followed the latest one."""

    at: datetime
    prompts: tuple[str, ...] = ()
    key: str = ""
    in_a_row: int = 1
    echoes: int = 0
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """Leave the channel alone until then (aware UTC)."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Habit:
    """A channel's own rhythm, in working days: the usual gap between active days, and how long it has been quiet."""

    usual_gap: float
    quiet: int
    active_days: int


# Decisions


def habit(days: Sequence[DayCount], policy: PolicyRules) -> Habit | None:
    """The habit that the last eight weeks of ``days`` show (in order, no day missing, the last one today).

    The usual gap is the median number of working days from one active day to the next, the present quiet left out.
    Free days count only where somebody spoke. None when it was never active.
    """
    worked = [day for day in days[-HABIT_WEEKS * 7 :] if day.messages or is_worked(day.day, policy)]
    active = [number for number, day in enumerate(worked) if day.messages]
    if not active:
        return None
    gaps = [later - earlier for earlier, later in pairwise(active)]
    return Habit(float(median(gaps or [len(worked)])), len(worked) - 1 - active[-1], len(active))


def quiet_after(found: Habit | None, rules: NudgeRules) -> int | None:
    """After how many silent working days this channel counts as quiet; None when it has no habit to break."""
    if found is None or found.active_days < rules.least_active_days:
        return None
    return max(rules.least_quiet_days, math.ceil(rules.times_usual * found.usual_gap))


def has_gone_quiet(found: Habit | None, rules: NudgeRules) -> bool:
    """Whether the silence is out of the channel's own habit."""
    least = quiet_after(found, rules)
    return found is not None and least is not None and found.quiet >= least


def days_to_speak(days: Sequence[DayCount], rules: NudgeRules, policy: PolicyRules | None = None) -> list[date]:
    """The days of a past (in order, none missing) on which the channel would have been nudged."""
    times = policy or PolicyRules()
    spoken: list[date] = []
    in_a_row = 0
    for number, today in enumerate(days):
        if _may_speak(today.day, spoken, in_a_row, rules, times):
            # At the hour of the look, today's own messages are still to come.
            so_far = [*days[max(0, number - HABIT_WEEKS * 7 + 1) : number], replace(today, messages=0)]
            if has_gone_quiet(habit(so_far, times), rules):
                spoken.append(today.day)
                in_a_row += 1
        if today.messages:
            in_a_row = 0
    return spoken


def _may_speak(today: date, spoken: Sequence[date], in_a_row: int, rules: NudgeRules, policy: PolicyRules) -> bool:
    if not is_worked(today, policy) or in_a_row >= rules.give_up_after:
        return False
    return not spoken or (today - spoken[-1]).days >= rules.every_days


def nth_working_day(after: date, count: int, policy: PolicyRules) -> date:
    """The ``count``-th working day after that one (within a year, where hardly any day is worked)."""
    day = after
    for _ in range(366):
        day += timedelta(days=1)
        count -= is_worked(day, policy)
        if count <= 0:
            break
    return day


def choose_prompt(
    prompts: Sequence[Prompt], tags: Sequence[str], used: Sequence[str], today: date, elsewhere: Collection[str] = ()
) -> Prompt | None:
    """A prompt that fits the channel's ``tags`` and the day, the least recently ``used`` (latest last) first.

    Never the one used last, and not one that another channel has just got (``elsewhere``) while there are others.
    Prompts of a weekday wait for it. Among the unused the best fit comes first: subjects in common, then the tone.
    """
    serious = bool(SERIOUS_TAGS & set(tags))
    last = {prompt: number for number, prompt in enumerate(used)}

    def rank(prompt: Prompt) -> tuple[bool, bool, int, int, bool, str]:
        shared = len(set(prompt.tags) & set(tags) - {FOR_EVERYONE})
        fits = shared > 0 or FOR_EVERYONE in prompt.tags
        tone = (prompt.tone == "serious") == serious
        return (not fits, prompt.id in elsewhere, last.get(prompt.id, -1), -shared, not tone, prompt.id)

    others = set(WEEKDAY_TAGS) - {WEEKDAY_TAGS[today.weekday()]}
    candidates = [each for each in prompts if each.id not in used[-1:] and not others & set(each.tags)]
    return min(candidates, key=rank, default=None)


def parse_span(text: str) -> timedelta | None:
    """``2w``, ``10d`` (or ``2s``, ``10j`` in French); None when it is no span."""
    found = _SPAN.fullmatch(text.strip())
    if not found:
        return None
    number, unit = int(found.group(1)), found.group(2).casefold()
    return timedelta(weeks=number) if unit in "ws" else timedelta(days=number)


def next_look(now: datetime, rules: NudgeRules, zone: str) -> datetime:
    """The next moment at which channels are looked at, strictly after the aware ``now``, as aware UTC."""
    today = local_date(now, zone)
    moment = local_moment(today, rules.at, zone)
    return moment if moment > now else local_moment(today + timedelta(days=1), rules.at, zone)


def is_looked_after(channel: Channel, rules: NudgeRules) -> bool:
    """Whether nudges may go to the channel at all."""

    def named(places: Sequence[str]) -> bool:
        own = {channel.name.casefold(), *(f"tag:{tag.casefold()}" for tag in channel.tags)}
        return bool(own & {place.removeprefix("#").casefold() for place in places})

    if channel.one_way or channel.direct or channel.archived:
        return False
    return (not rules.only or named(rules.only)) and not named(rules.leave_out)


# The daily look


async def on_started(ctx: Context, event: Started) -> None:
    """Have the look rung, once. One that fell due meanwhile stays due."""
    if await ctx.timers.get(ctx.workspace, "nudge", "look", "") is None:
        _set_look(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    timer = await ctx.timers.get(ctx.workspace, "nudge", "look", "")
    if timer is None or timer.due > ctx.now:
        _set_look(ctx)


def _set_look(ctx: Context) -> None:
    ctx.do(SetTimer("look", "", next_look(ctx.now, ctx.timetable.rules(NudgeRules), ctx.policy.zone)))


async def look(ctx: Context, fired: TimerFired) -> None:
    """Look at every channel once on each of its working days."""
    rules = ctx.timetable.rules(NudgeRules)
    _set_look(ctx)
    if ctx.now - fired.due > TOO_LATE:
        return
    nudged = dict(await ctx.notes.all(ctx.workspace, Nudged))
    for channel in await ctx.channels.all(ctx.workspace):
        worked = is_worked(local_date(ctx.now, channel.zone), ctx.timetable.policy_for(channel))
        if worked and is_looked_after(channel, rules):
            elsewhere = {each.prompts[-1] for key, each in nudged.items() if each.prompts and key != str(channel.ref)}
            now_nudged = await _consider(ctx, channel, rules, nudged.get(str(channel.ref)), elsewhere)
            if now_nudged is not None:
                ctx.do(Remember(str(channel.ref), now_nudged))
                nudged[str(channel.ref)] = now_nudged


async def _habit(ctx: Context, channel: Channel) -> Habit | None:
    today = local_date(ctx.now, channel.zone)
    days = await ctx.measures.days(channel.ref, today - timedelta(weeks=HABIT_WEEKS), today, channel.zone)
    return habit(days, ctx.timetable.policy_for(channel))


async def _consider(
    ctx: Context, channel: Channel, rules: NudgeRules, before: Nudged | None, elsewhere: Collection[str]
) -> Nudged | None:
    """Nudge the channel, or suggest it, or tell the animators to; what to remember of it, None when all is well."""
    snoozed = await ctx.note(Snoozed, str(channel.ref))
    if snoozed is not None and snoozed.until > ctx.now:
        return None
    if before is not None and ctx.now - before.at < timedelta(days=rules.every_days) - timedelta(hours=1):
        return None
    if not has_gone_quiet(await _habit(ctx, channel), rules):
        return None
    in_a_row = await _in_a_row(ctx, channel, before)
    if before is not None and in_a_row >= rules.give_up_after:
        if before.given_up:
            return None
        await ctx.tell_animators(lambda language: _given_up(ctx, language, channel, in_a_row))
        return replace(before, given_up=True)
    used = before.prompts if before else ()
    prompt = choose_prompt(ctx.library.prompts(), channel.tags, used, local_date(ctx.now, channel.zone), elsewhere)
    if prompt is None:
        return None
    if rules.mode == "suggest":
        await ctx.tell_animators(lambda language: _suggestion(ctx, language, channel, prompt))
        return Nudged(ctx.now, used, in_a_row=in_a_row)
    return _post(ctx, channel, prompt, used, in_a_row)


async def _in_a_row(ctx: Context, channel: Channel, before: Nudged | None) -> int:
    """How many nudges nobody answered; one that never went out is not among them."""
    if before is None or (channel.last_message_at is not None and channel.last_message_at > before.at):
        return 0
    delivery = await ctx.ledger.find(ctx.workspace, before.key) if before.key else None
    lost = delivery is not None and delivery.state in (State.HELD_BACK, State.FAILED, State.RECALLED)
    if delivery is not None and digest_key(delivery.reason):
        lost = False  # People saw it, in a digest.
    return before.in_a_row - 1 if lost else before.in_a_row


def _post(ctx: Context, channel: Channel, prompt: Prompt, used: Sequence[str], in_a_row: int) -> Nudged:
    """Plan the prompt for the channel; what to remember of it."""
    text = ctx.bilingual(channel.language, lambda language: prompt.fr if language == "fr" else prompt.en)
    key = f"nudge/{local_date(ctx.now, channel.zone)}/{channel.ref.id}/{prompt.id}"
    ctx.do(Send(to=channel.ref, message=Message(text), kind=Kind.PROMPT, key=key, expires=ctx.now + timedelta(days=1)))
    return Nudged(ctx.now, _with_last(used, prompt.id), key, in_a_row + 1)


def _with_last(used: Sequence[str], prompt_id: str) -> tuple[str, ...]:
    return (*(each for each in used if each != prompt_id), prompt_id)


async def on_message(ctx: Context, event: MessagePosted) -> None:
    """Count what follows a nudge: in its thread, or in its channel soon after."""
    if event.by_bot or event.direct:
        return
    before = await ctx.note(Nudged, str(event.channel))
    if before is None or not before.key or event.at < before.at:
        return
    soon = event.at - before.at <= ANSWERED_WITHIN
    if soon or await _in_thread(ctx, event, before.key):
        ctx.do(Remember(str(event.channel), replace(before, echoes=before.echoes + 1)))


async def _in_thread(ctx: Context, event: MessagePosted, key: str) -> bool:
    if event.thread is None:
        return False
    delivery = await ctx.ledger.sent_as(ctx.workspace, event.channel, event.thread.id)
    return delivery is not None and delivery.key == key


# What animators see and do


def _given_up(ctx: Context, language: Language, channel: Channel, times: int) -> Message:
    return Message(ctx.words(language, "nudge.given_up", channel=channel_link(channel), count=times))


def _suggestion(ctx: Context, language: Language, channel: Channel, prompt: Prompt) -> Message:
    text = prompt.fr if language == "fr" else prompt.en
    buttons = (
        Button(ctx.words(language, "nudge.post_it"), f"nudge post #{channel.name} {prompt.id}", "primary"),
        Button(ctx.words(language, "nudge.another"), f"nudge another #{channel.name} {prompt.id}"),
        Button(ctx.words(language, "nudge.not_now"), f"nudge snooze #{channel.name} 1w"),
    )
    head = ctx.words(language, "nudge.suggestion", channel=channel_link(channel))
    return Message(join_lines([head, "", f"> {text}"]), buttons)


async def _named(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Channel, str]:
    """The channel that the arguments begin with, and what follows it."""
    name, _, rest = arguments.strip().partition(" ")
    if not name:
        raise BadInput(ctx.words(await ctx.language_of(command.member), "nudge.name_channel"))
    channel = await ctx.channel_named(name)
    if channel is None:
        raise BadInput(ctx.words(await ctx.language_of(command.member), "nudge.no_channel", name=name))
    return channel, rest.strip()


async def now(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant nudge now #channel``: what it would get, to post or not."""
    channel, _ = await _named(ctx, command, arguments)
    before = await ctx.note(Nudged, str(channel.ref))
    await _suggest_to(ctx, command, channel, before.prompts if before else ())


async def another(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator wants to see a different prompt than the one shown, which goes to the end of the row."""
    channel, prompt_id = await _named(ctx, command, arguments)
    before = await ctx.note(Nudged, str(channel.ref)) or Nudged(ctx.now, in_a_row=0)
    seen = _with_last(before.prompts, prompt_id)
    ctx.do(Remember(str(channel.ref), replace(before, prompts=seen)))
    await _suggest_to(ctx, command, channel, seen)


async def _suggest_to(ctx: Context, command: CommandGiven, channel: Channel, used: Sequence[str]) -> None:
    language = await ctx.language_of(command.member)
    prompt = choose_prompt(ctx.library.prompts(), channel.tags, used, local_date(ctx.now, channel.zone))
    if prompt is None or channel.one_way:
        ctx.reply(command, ctx.words(language, "nudge.nothing_fits", channel=channel_link(channel)))
        return
    ctx.reply(command, _suggestion(ctx, language, channel, prompt))


async def post(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator takes the suggestion."""
    channel, prompt_id = await _named(ctx, command, arguments)
    prompt = next((each for each in ctx.library.prompts() if each.id == prompt_id), None)
    language = await ctx.language_of(command.member)
    if prompt is None:
        raise BadInput(ctx.words(language, "nudge.no_prompt"))
    before = await ctx.note(Nudged, str(channel.ref))
    nudged = _post(ctx, channel, prompt, before.prompts if before else (), before.in_a_row if before else 0)
    ctx.do(Remember(str(channel.ref), nudged))
    ctx.reply(command, ctx.words(language, "nudge.posted", channel=channel_link(channel)))


async def snooze(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant nudge snooze #channel [2w]``; ``0d`` ends it."""
    channel, rest = await _named(ctx, command, arguments)
    member = await ctx.member(command.member)
    span = parse_span(rest or "2w")
    if span is None:
        raise BadInput(ctx.words(member.language, "nudge.bad_span", text=rest))
    if not span:
        ctx.do(Drop(Snoozed, str(channel.ref)))
        ctx.reply(command, ctx.words(member.language, "nudge.awake", channel=channel_link(channel)))
        return
    until = ctx.now + span
    ctx.do(Remember(str(channel.ref), Snoozed(until)))
    when = ctx.say_moment(member.language, until, ctx.zone_of(member))
    undo = Button(ctx.words(member.language, "nudge.undo"), f"nudge snooze #{channel.name} 0d")
    text = ctx.words(member.language, "nudge.snoozed", channel=channel_link(channel), when=when)
    ctx.reply(command, Message(text, (undo,)))


async def status(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant nudge status``: each channel's habit, how quiet it is, and what was done."""
    member = await ctx.member(command.member)
    language, rules = member.language, ctx.timetable.rules(NudgeRules)
    lines = [ctx.words(language, f"nudge.status_{'suggest' if rules.mode == 'suggest' else 'post'}"), ""]
    for channel in await ctx.channels.all(ctx.workspace):
        lines.append(f"- {channel_link(channel)} – {await _state(ctx, language, channel, rules, ctx.zone_of(member))}")
    ctx.reply(command, join_lines(lines))


async def _state(ctx: Context, language: Language, channel: Channel, rules: NudgeRules, zone: str) -> str:
    if not is_looked_after(channel, rules):
        return ctx.words(language, "nudge.left_out")
    snoozed = await ctx.note(Snoozed, str(channel.ref))
    if snoozed is not None and snoozed.until > ctx.now:
        return ctx.words(language, "nudge.asleep", when=ctx.say_moment(language, snoozed.until, zone))
    found = await _habit(ctx, channel)
    least = quiet_after(found, rules)
    if found is None or least is None:
        return ctx.words(language, "nudge.no_habit")
    gap = f"{found.usual_gap:g}".replace(".", "," if language == "fr" else ".")
    said = [ctx.words(language, "nudge.rhythm", gap=gap)]
    if channel.last_message_at is not None:
        when = ctx.say_day(language, local_date(channel.last_message_at, zone))
        said.append(ctx.words(language, "nudge.last_message", when=when))
    if found.quiet >= least:
        said.append(ctx.words(language, "nudge.quiet", count=found.quiet))
    else:
        policy = ctx.timetable.policy_for(channel)
        day = nth_working_day(local_date(ctx.now, channel.zone), least - found.quiet, policy)
        said.append(ctx.words(language, "nudge.next", when=ctx.say_day(language, day)))
    before = await ctx.note(Nudged, str(channel.ref))
    if before is not None and before.key:
        when = ctx.say_day(language, local_date(before.at, zone))
        said.append(ctx.words(language, "nudge.last", when=when, count=before.echoes))
    return " ".join(said)


async def silent(ctx: Context, member: Member, page: int) -> Section | None:
    """The channels that are silent against their habit, in animators' homes."""
    language, rules = member.language, ctx.timetable.rules(NudgeRules)
    since = ctx.now - timedelta(days=rules.least_quiet_days)
    asleep = await ctx.notes.all(ctx.workspace, Snoozed)
    candidates = [
        (channel.last_message_at, channel)
        for channel in await ctx.channels.all(ctx.workspace)
        if channel.last_message_at is not None and channel.last_message_at < since and is_looked_after(channel, rules)
    ]
    # The latest to fall silent first: they can still be woken, and only so many habits are read.
    candidates.sort(key=lambda each: each[0], reverse=True)
    quiet = []
    for _, channel in candidates[:MOST_HABITS]:
        snoozed, found = asleep.get(str(channel.ref)), await _habit(ctx, channel)
        if has_gone_quiet(found, rules) and found and not (snoozed is not None and snoozed.until > ctx.now):
            quiet.append((channel, found.quiet))
    shown, at, pages = page_of(quiet, page)
    lines = [f"{channel_link(each)} – {ctx.words(language, 'nudge.quiet', count=days)}" for each, days in shown]
    buttons = [Button(f"#{each.name}", f"nudge now #{each.name}") for each, _ in shown]
    head = ctx.words(language, "nudge.home_head" if lines else "nudge.home_none")
    return section(ctx, language, "silent", head, lines, page=at, pages=pages, buttons=buttons)


FEATURE = Feature(
    name="nudge",
    commands=(
        Command(
            path=("nudge", "status"),
            french=("relance", "état"),
            short=("nudge", "relance"),
            run=status,
            role=Role.ANIMATOR,
        ),
        Command(
            path=("nudge", "snooze"), french=("relance", "pause"), run=snooze, role=Role.ANIMATOR, has_arguments=True
        ),
        Command(
            path=("nudge", "now"), french=("relance", "maintenant"), run=now, role=Role.ANIMATOR, has_arguments=True
        ),
        Command(path=("nudge", "post"), run=post, role=Role.ANIMATOR, hidden=True),
        Command(path=("nudge", "another"), run=another, role=Role.ANIMATOR, hidden=True),
    ),
    listeners=(
        Listener(MessagePosted, on_message),
        Listener(Started, on_started),
        Listener(FilesChanged, on_files_changed),
    ),
    timers={"look": look},
    rules=NudgeRules,
    home=(HomePart(name="silent", place=70, make=silent, role=Role.ANIMATOR),),
)
