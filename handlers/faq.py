"""FAQ: the best answer to whoever asks; in a channel, unasked, only when sure; otherwise silence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from bot.core.actions import CancelTimer, Count, Drop, Remember, Send, SetTimer
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.dispatch import unaccented
from bot.core.events import CommandGiven, FilesChanged, MessageDeleted, MessagePosted, Started
from bot.core.faq import OpenQuestion
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.knowledge import Entry, Found
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, channel_link, join_lines
from bot.core.policy import is_worked
from bot.core.questions import looks_like_question
from bot.core.refs import Language, MemberRef, MessageRef
from bot.core.signals import Signal, What

CHOICES = 3
"""How many entries a “did you mean” offers: more is a list to read, not help."""
KEYWORDS = 6
"""Somebody who writes no more words than this to the bot alone may be searching, question mark or not."""
LISTED = 20
TOP = 10
OPEN_FOR = timedelta(days=30)
TOO_LATE = timedelta(hours=6)
"""An answer that a standstill delayed for longer than this is not given: people have gone on."""
SETTLED = timedelta(hours=1)
"""A question is called open only after this long: people and the bot may still be answering."""

_COURTESY = re.compile(
    r"\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|night)|thanks|thank you|thx|cheers|bye|ok|okay|great|cool"
    r"|perfect|bonjour|bonsoir|salut|coucou|merci|super|parfait|d.accord|g[ée]nial|au revoir"
    r"|bonne (?:journ[ée]e|soir[ée]e))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaqRules:
    """schedules/faq.yaml, under ``faq:``."""

    patience: timedelta = timedelta(minutes=2)
    """How long people have to answer a question in a channel before the bot does. Zero: at once."""
    unasked_per_day: int = 6
    """At most so many unasked answers in a channel a day; 0: never unasked."""
    tell_at: time = time(9, 15)
    """When animators are told of the latest questions without an answer, on working days, in the workspace's zone."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A sure answer that waits for people to answer first."""

    slug: str
    language: Language
    message: MessageRef


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody said of an answer; one a person and answer."""

    helped: bool


@dataclass(frozen=True, slots=True)
class Greeted:
    """When somebody was last told what the bot can do."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Spoken:
    """How often the bot answered unasked in a channel, on its latest such day."""

    day: date
    times: int


@dataclass(frozen=True, slots=True)
class Told:
    """Up to when the animators know of open questions."""

    until: datetime


# Decisions


def next_moment(now: datetime, at: time, zone: str) -> datetime:
    """The next ``at`` in the wall-clock time of ``zone`` strictly after the aware ``now``, as aware UTC."""
    today = local_date(now, zone)
    moment = local_moment(today, at, zone)
    return moment if moment > now else local_moment(today + timedelta(days=1), at, zone)


def worth_offering(found: Found) -> list[Entry]:
    """The entries for a “did you mean”: the best, and those near it."""
    return [hit.entry for hit in found.hits[: min(CHOICES, found.worth)]]


def is_small_talk(text: str, found: Found, language: Language) -> bool:
    """Whether something said to the bot wants no answer from the FAQ: “hello”, “merci”, talk about the day."""
    if found.good or looks_like_question(text, language):
        return False
    return bool(_COURTESY.match(text)) or not worth_offering(found) or len(text.split()) > KEYWORDS


def most_asked(counts: Mapping[str, int], entries: Mapping[str, Entry]) -> list[tuple[Entry, int]]:
    """The entries asked for most, most first."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(entries[slug], count) for slug, count in ranked if slug in entries][:TOP]


# What is said


def answer(ctx: Context, language: Language, entry: Entry, *, guest: bool) -> Message:
    """The entry as a message, with what else to see and the two buttons. ``guest``: a guest may read it."""
    if entry.kind == "tutorial":
        button = Button(ctx.words(language, "faq.start_tutorial"), f"tuto {entry.slug}", "primary")
        return Message(ctx.words(language, "faq.tutorial", title=entry.title), (button,))
    lines = [f"**{entry.title}**", "", entry.body]
    if entry.language != language:
        lines += ["", f"*{ctx.words(language, 'faq.other_language')}*"]
    more = [ctx.library.entry(slug, language, guest=guest) for slug in entry.see_also]
    titles = [f"*{each.title}*" for each in more if each is not None]
    if titles:
        lines += ["", ctx.words(language, "faq.see_also", titles=Markup(" · ".join(titles)))]
    buttons = (
        Button(ctx.words(language, "faq.helped"), f"faq helped {entry.slug}", "primary"),
        Button(ctx.words(language, "faq.not_helped"), f"faq unhelped {entry.slug}"),
    )
    return Message(join_lines(lines), buttons)


def did_you_mean(ctx: Context, language: Language, entries: Sequence[Entry]) -> Message:
    """A few entries to choose from, and the way out."""
    commands = {"tutorial": "tuto", "faq": "faq show"}
    choices = [Button(entry.title, f"{commands[entry.kind]} {entry.slug}") for entry in entries]
    none = Button(ctx.words(language, "faq.none_of_these"), "faq none")
    return Message(ctx.words(language, "faq.did_you_mean", count=len(entries)), (*choices, none))


def signal(ctx: Context, source: str, what: What, member: MemberRef | None, about: str = "") -> Count:
    """``source`` and ``what`` together are counted once."""
    return Count(
        Signal(
            source=f"faq/{source}/{what.value}",
            workspace=ctx.workspace,
            at=ctx.now,
            what=what,
            member=member,
            about=about,
        )
    )


def _reply_to(ctx: Context, source: str, found: Found, member: Member, *, guest: bool) -> Message:
    """The best answer for somebody who asked, counted; never nothing."""
    if found.hits and found.good:
        best = found.hits[0].entry
        ctx.do(signal(ctx, source, What.ASKED, member.ref, best.slug))
        ctx.do(signal(ctx, source, What.ANSWERED, member.ref, best.slug))
        return answer(ctx, member.language, best, guest=guest)
    ctx.do(signal(ctx, source, What.ASKED, member.ref))
    if offered := worth_offering(found):
        return did_you_mean(ctx, member.language, offered)
    ctx.do(signal(ctx, source, What.UNANSWERED, member.ref))
    return Message(ctx.words(member.language, "faq.unknown"))


# Commands


async def ask(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq QUESTION``"""
    if not arguments.strip():
        return await listing(ctx, command, "")
    member = await ctx.member(command.member)
    found = await ctx.library.search(arguments, member.language, guest=member.guest)
    ctx.reply(command, _reply_to(ctx, command.id, found, member, guest=member.guest))


def _pressed(command: CommandGiven) -> str:
    """What a person pressed a button under: the same however often they press."""
    return f"{command.message or command.id}/{command.member.id}"


async def show(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """One entry by its name, as chosen from a list."""
    member = await ctx.member(command.member)
    entry = ctx.library.entry(arguments.strip(), member.language, guest=member.guest, kind="faq")
    if entry is None:
        ctx.reply(command, ctx.words(member.language, "faq.no_entry", name=arguments.strip()))
        return
    ctx.do(signal(ctx, _pressed(command), What.ANSWERED, member.ref, entry.slug))
    ctx.reply(command, answer(ctx, member.language, entry, guest=member.guest))


async def none_of_these(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Nothing of a list was it."""
    ctx.do(signal(ctx, _pressed(command), What.UNANSWERED, command.member))
    ctx.reply(command, ctx.words(await ctx.language_of(command.member), "faq.unknown"))


async def helped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await _judged(ctx, command, arguments.strip(), helped=True)


async def unhelped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await _judged(ctx, command, arguments.strip(), helped=False)


async def _judged(ctx: Context, command: CommandGiven, slug: str, *, helped: bool) -> None:
    """Count what a person says of an answer, once: pressing again changes nothing."""
    member = await ctx.member(command.member)
    if ctx.library.entry(slug, member.language, guest=member.guest) is None:
        ctx.reply(command, ctx.words(member.language, "faq.no_entry", name=slug))
        return
    key = f"{command.message or 'by hand'}/{command.member.id}/{slug}"
    if await ctx.note(Verdict, key) is not None:
        ctx.reply(command, ctx.words(member.language, "faq.already_judged"))
        return
    ctx.do(Remember(key, Verdict(helped), member.ref))
    ctx.do(signal(ctx, key, What.HELPED if helped else What.NOT_HELPED, member.ref, slug))
    ctx.reply(command, ctx.words(member.language, "faq.thanks" if helped else "faq.sorry"))


async def listing(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq list [tag]``"""
    member = await ctx.member(command.member)
    tag = unaccented(arguments.strip())
    entries = ctx.library.entries(member.language, guest=member.guest, kind="faq")
    chosen = [entry for entry in entries if not tag or tag in map(unaccented, entry.tags)]
    if not chosen:
        tags = ", ".join(sorted({each for entry in entries for each in entry.tags}))
        ctx.reply(command, ctx.words(member.language, "faq.no_tag", tag=arguments.strip(), tags=tags))
        return
    lines = [ctx.words(member.language, "faq.list", count=len(chosen)), ""]
    lines += [f"- {entry.title}" for entry in chosen[:LISTED]]
    if len(chosen) > LISTED:
        tags = ", ".join(sorted({each for entry in chosen for each in entry.tags}))
        lines += ["", ctx.words(member.language, "faq.list_more", count=len(chosen) - LISTED, tags=tags)]
    ctx.reply(command, join_lines(lines))


async def top(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq top``: what is asked most, in four weeks."""
    member = await ctx.member(command.member)
    counts = await ctx.measures.counts(ctx.workspace, What.ASKED, ctx.now - timedelta(weeks=4))
    entries = {entry.slug: entry for entry in ctx.library.entries(member.language, guest=member.guest)}
    ranked = most_asked(counts, entries)
    if not ranked:
        ctx.reply(command, ctx.words(member.language, "faq.top_none"))
        return
    lines = [f"- {entry.title} ({count})" for entry, count in ranked]
    ctx.reply(command, join_lines([ctx.words(member.language, "faq.top"), "", *lines]))


async def open_questions(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq open``: questions in channels that nobody answered."""
    member = await ctx.member(command.member)
    found = await ctx.notes.all(ctx.workspace, OpenQuestion)
    direct = await ctx.measures.counts(ctx.workspace, What.UNANSWERED, ctx.now - timedelta(weeks=1))
    lines: list[str] = [ctx.words(member.language, "faq.open", count=len(found))]
    for each in sorted(found.values(), key=lambda one: one.asked_at)[-LISTED:]:
        channel = await ctx.channels.get(each.message.channel)
        if channel is not None:
            when = ctx.say_moment(member.language, each.asked_at, ctx.zone_of(member))
            lines.append(f"- {channel_link(channel)}, {when}")
    if direct:
        lines += ["", ctx.words(member.language, "faq.open_direct", count=sum(direct.values()))]
    write = Button(ctx.words(member.language, "faq.write_answer"), "faq write", "primary")
    ctx.reply(command, Message(join_lines(lines), (write,)))


# What is heard


async def on_message(ctx: Context, event: MessagePosted) -> None:
    """A question to the bot is answered; one in a channel waits for people first, and for certainty."""
    if event.by_bot:
        return
    member = await ctx.member(event.member)
    if event.direct:
        await _told_alone(ctx, event, member)
    elif event.mentions_bot:
        await _named_in_channel(ctx, event, member)
    elif event.thread is not None:
        await _answered_by_people(ctx, event, event.thread)
    elif looks_like_question(event.text, member.language):
        await _overheard(ctx, event, member)


async def _told_alone(ctx: Context, event: MessagePosted, member: Member) -> None:
    found = await ctx.library.search(event.text, member.language, guest=member.guest)
    if is_small_talk(event.text, found, member.language):
        await _greet(ctx, event, member, event.thread)
        return
    message = _reply_to(ctx, event.id, found, member, guest=member.guest)
    ctx.do(Send(to=event.channel, message=message, kind=Kind.ANSWER, thread=event.thread))


async def _named_in_channel(ctx: Context, event: MessagePosted, member: Member) -> None:
    """Everybody in the channel reads the thread: what guests may not see goes to the person alone."""
    thread = event.thread or event.message
    found = await ctx.library.search(event.text, member.language, guest=True)
    if not found.good and not member.guest:
        own = await ctx.library.search(event.text, member.language, guest=False)
        if own.good and own.hits[0].entry.audience == "employees":
            ctx.do(
                Send(to=member.ref, message=_reply_to(ctx, event.id, own, member, guest=False), kind=Kind.ANSWER),
                _say(event, Message(ctx.words(member.language, "faq.told_alone")), thread),
            )
            return
    if is_small_talk(event.text, found, member.language):
        await _greet(ctx, event, member, thread)
        return
    ctx.do(_say(event, _reply_to(ctx, event.id, found, member, guest=True), thread))


def _say(event: MessagePosted, message: Message, thread: MessageRef | None) -> Send:
    return Send(to=event.channel, message=message, kind=Kind.ANSWER, thread=thread)


async def _greet(ctx: Context, event: MessagePosted, member: Member, thread: MessageRef | None) -> None:
    """A friendly line on what the bot can do, at most once a day a person."""
    before = await ctx.note(Greeted, str(member.ref))
    if before is not None and ctx.now - before.at < timedelta(days=1):
        return
    ctx.do(Remember(str(member.ref), Greeted(ctx.now), member.ref))
    button = Button(ctx.words(member.language, "core.help_button"), "help")
    hello = "faq.hello" if member.name else "faq.hello_stranger"
    ctx.do(_say(event, Message(ctx.words(member.language, hello, name=member.name), (button,)), thread))


async def _overheard(ctx: Context, event: MessagePosted, member: Member) -> None:
    channel = await ctx.channels.get(event.channel)
    if channel is None or channel.one_way or channel.direct:
        return
    key = str(event.message)
    ctx.do(Remember(key, OpenQuestion(event.message, event.at, member.ref), member.ref))
    found = await ctx.library.search(event.text, member.language, guest=True, kind="faq")
    rules = ctx.timetable.rules(FaqRules)
    if found.sure and found.hits and rules.unasked_per_day > 0:
        ctx.do(Remember(key, Holding(found.hits[0].entry.slug, member.language, event.message), member.ref))
        ctx.do(SetTimer("answer", key, ctx.now + rules.patience, member.ref))


async def _answered_by_people(ctx: Context, event: MessagePosted, thread: MessageRef) -> None:
    """Somebody else's reply settles a question; what the asker adds to it does not."""
    question = await ctx.note(OpenQuestion, str(thread))
    if question is not None and question.asker != event.member:
        _let_go(ctx, str(thread))


async def on_deleted(ctx: Context, event: MessageDeleted) -> None:
    """A question that was taken back wants no answer."""
    if await ctx.note(OpenQuestion, str(event.message)) is not None:
        _let_go(ctx, str(event.message))


def _let_go(ctx: Context, key: str) -> None:
    ctx.do(Drop(OpenQuestion, key), Drop(Holding, key), CancelTimer("answer", key))


# Timers


async def speak(ctx: Context, fired: TimerFired) -> None:
    """Nobody answered in time: the bot does, in the thread, if the channel has room for it."""
    holding = await ctx.note(Holding, fired.key)
    ctx.do(Drop(Holding, fired.key))
    if holding is None or ctx.now - fired.due > TOO_LATE:
        return
    channel = str(holding.message.channel)
    today = local_date(ctx.now, ctx.policy.zone)
    spoken = await ctx.note(Spoken, channel)
    if spoken is None or spoken.day != today:
        spoken = Spoken(today, 0)
    entry = ctx.library.entry(holding.slug, holding.language, guest=True, kind="faq")
    if entry is None or spoken.times >= ctx.timetable.rules(FaqRules).unasked_per_day:
        return
    ctx.do(
        Remember(channel, replace(spoken, times=spoken.times + 1)),
        Drop(OpenQuestion, fired.key),
        Send(
            to=holding.message.channel,
            message=answer(ctx, holding.language, entry, guest=True),
            kind=Kind.ANSWER,
            thread=holding.message,
            key=f"faq/unasked/{holding.message.channel.id}/{holding.message.id}",
        ),
        signal(ctx, fired.key, What.ASKED, None, entry.slug),
        signal(ctx, fired.key, What.ANSWERED, None, entry.slug),
    )


async def on_started(ctx: Context, event: Started) -> None:
    """Have the animators' notice rung, once. One that fell due meanwhile stays due."""
    if await ctx.timers.get(ctx.workspace, "faq", "digest", "") is None:
        _set_digest(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    timer = await ctx.timers.get(ctx.workspace, "faq", "digest", "")
    if timer is None or timer.due > ctx.now:
        _set_digest(ctx)


def _set_digest(ctx: Context) -> None:
    ctx.do(SetTimer("digest", "", next_moment(ctx.now, ctx.timetable.rules(FaqRules).tell_at, ctx.policy.zone)))


async def digest(ctx: Context, fired: TimerFired) -> None:
    """Tell the animators which questions stayed open since they were last told, and let the old ones go."""
    _set_digest(ctx)
    found = await ctx.notes.all(ctx.workspace, OpenQuestion)
    for key, each in found.items():
        if each.asked_at < ctx.now - OPEN_FOR:
            ctx.do(Drop(OpenQuestion, key))
    today = local_date(ctx.now, ctx.policy.zone)
    if not is_worked(today, ctx.policy):
        return
    until = ctx.now - SETTLED
    told = await ctx.note(Told, "") or Told(until - timedelta(days=1))
    ctx.do(Remember("", Told(until)))
    heard = sum(1 for each in found.values() if told.until < each.asked_at <= until)
    alone = sum((await ctx.measures.counts(ctx.workspace, What.UNANSWERED, told.until)).values())
    if heard or alone:
        await ctx.tell_animators(lambda language: _notice(ctx, language, heard, alone), key=f"faq/digest/{today}")


def _notice(ctx: Context, language: Language, heard: int, alone: int) -> Message:
    lines = [ctx.words(language, "faq.heard_open", count=heard)] if heard else []
    lines += [ctx.words(language, "faq.alone_open", count=alone)] if alone else []
    button = Button(ctx.words(language, "faq.show_open"), "faq open")
    write = Button(ctx.words(language, "faq.write_answer"), "faq write", "primary")
    return Message(join_lines(lines), (write, button) if heard else (write,))


FEATURE = Feature(
    name="faq",
    commands=(
        Command(path=("faq",), run=ask, has_arguments=True),
        Command(path=("faq", "list"), french=("faq", "liste"), run=listing, has_arguments=True),
        Command(path=("faq", "top"), french=("faq", "fréquentes"), run=top),
        Command(path=("faq", "open"), french=("faq", "ouvertes"), run=open_questions, role=Role.ANIMATOR),
        Command(path=("faq", "show"), run=show, hidden=True),
        Command(path=("faq", "none"), run=none_of_these, hidden=True),
        Command(path=("faq", "helped"), run=helped, hidden=True),
        Command(path=("faq", "unhelped"), run=unhelped, hidden=True),
    ),
    listeners=(
        Listener(MessagePosted, on_message),
        Listener(MessageDeleted, on_deleted),
        Listener(Started, on_started),
        Listener(FilesChanged, on_files_changed),
    ),
    timers={"answer": speak, "digest": digest},
    rules=FaqRules,
)
