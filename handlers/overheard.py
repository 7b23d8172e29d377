"""Questions in channels: people answer first; then the bot, in the thread, when it is sure; then somebody who knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from bot.core.actions import CallOff, CancelTimer, Drop, Remember, Send, SetTimer
from bot.core.answering import about, answer, search_in_context, signal, worth_offering
from bot.core.community import Member
from bot.core.delivery import Kind
from bot.core.events import MessageDeleted, MessagePosted
from bot.core.faq import (
    MAX_WORDS,
    FaqRules,
    OpenQuestion,
    Question,
    Subject,
    Zeal,
    keep,
    question_id,
    settle,
    unasked_key,
)
from bot.core.feature import Context, Feature, Listener, TimerFired
from bot.core.handoff import hand_off
from bot.core.knowledge import Found
from bot.core.localtime import local_date
from bot.core.questions import looks_like_question
from bot.core.refs import ChannelRef, MessageRef
from bot.core.signals import What

TOO_LATE = timedelta(hours=6)
"""An answer that a standstill delayed for longer than this is not given: people have gone on."""
JUDGED_WITHIN = timedelta(days=2)
"""So long the words of an answered question are kept, for the case that the answer was not what was meant."""
REMEMBERED = timedelta(days=30)
"""What people of a channel did not want is forgotten after so long without another such case."""
MOST_REFUSALS = 4
"""After so many refusals the bot is silent in a channel, until they are forgotten."""
SURER = 0.5
"""Each refusal halves the doubt that the bot may have in its answer, and its answers a day, and doubles the time it
leaves to people."""
FIRST_DOUBT = 0.1
"""The doubt (of 1) that it may have after the first refusal: less than the shipped thresholds leave to any channel."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """How often the bot answered unasked in a channel, on its latest such day."""

    day: date
    times: int


# Decisions


def refusals(zeal: Zeal | None, ctx: Context) -> int:
    """How many refusals still count in a channel."""
    return 0 if zeal is None or ctx.now - zeal.at > REMEMBERED else zeal.refusals


def sure_enough(found: Found, refused: int) -> bool:
    """Whether the first entry may be said where so many answers were not wanted lately."""
    if not (found.sure and found.hits) or refused >= MOST_REFUSALS:
        return False
    return refused == 0 or found.hits[0].score >= 1 - FIRST_DOUBT * SURER ** (refused - 1)


# What is heard


async def on_message(ctx: Context, event: MessagePosted) -> None:
    """A question waits for people first; whoever answers it settles it."""
    if event.by_bot or event.direct or event.mentions_bot:
        return
    if event.thread is not None and await _settled_by_people(ctx, event, event.thread):
        return
    member = await ctx.member(event.member)
    if not looks_like_question(event.text, member.language):
        return
    if event.thread is None or await _goes_on(ctx, event, event.thread):
        await _overheard(ctx, event, member)


async def _settled_by_people(ctx: Context, event: MessagePosted, thread: MessageRef) -> bool:
    """Somebody else's reply settles the open question of a thread; what the asker adds to it does not."""
    question = await ctx.note(OpenQuestion, str(thread))
    if question is None or question.asker == event.member:
        return False
    await _let_go(ctx, question.message, thread)
    return True


async def _goes_on(ctx: Context, event: MessagePosted, thread: MessageRef) -> bool:
    """Whether the bot took part in the thread, so that a question there may be to it as well as to people."""
    return await ctx.note(Subject, str(thread)) is not None


async def _overheard(ctx: Context, event: MessagePosted, member: Member) -> None:
    channel = await ctx.channels.get(event.channel)
    if channel is None or channel.one_way or channel.direct:
        return
    rules, name = ctx.timetable.rules(FaqRules), question_id(str(event.message))
    question = Question(
        words=event.text[:MAX_WORDS],
        language=member.language,
        asker=member.ref,
        asked_at=event.at,
        place=event.channel,
        message=event.message,
        thread=event.thread,
        guest=member.guest,
    )
    keep(ctx, name, question)
    root = event.thread or event.message
    ctx.do(Remember(str(root), OpenQuestion(event.message, event.at, member.ref), member.ref))
    refused = refusals(await ctx.note(Zeal, str(event.channel)), ctx)
    if rules.unasked_per_day > 0 and refused < MOST_REFUSALS:
        ctx.do(SetTimer("answer", name, ctx.now + rules.patience * 2**refused, member.ref))
    ctx.do(SetTimer("expert", name, ctx.now + max(rules.expert_after, rules.patience * 2), member.ref))
    ctx.do(SetTimer("let go", name, ctx.now + rules.keep_open, member.ref, feature="faq"))


async def on_deleted(ctx: Context, event: MessageDeleted) -> None:
    """A question that was taken back wants no answer."""
    await _let_go(ctx, event.message, event.message)


async def _let_go(ctx: Context, message: MessageRef, root: MessageRef) -> None:
    name = question_id(str(message))
    question = await ctx.note(Question, name)
    if question is not None:
        settle(ctx, name, question)
    ctx.do(Drop(OpenQuestion, str(root)), CancelTimer("answer", name), CancelTimer("expert", name))
    ctx.do(CallOff(f"experts/{name}/", "recalled"))


# Timers


async def speak(ctx: Context, fired: TimerFired) -> None:
    """Nobody answered in time: the bot does, in the thread, if it is sure and the channel has room for it."""
    question = await ctx.note(Question, fired.key)
    if question is None or not question.open or question.message is None or ctx.now - fired.due > TOO_LATE:
        return
    root = question.thread or question.message
    found = await search_in_context(ctx, question.words, question.language, guest=True, place=str(root), kind="faq")
    refused = refusals(await ctx.note(Zeal, str(question.place)), ctx)
    follows = question.thread is not None and found.good and refused == 0
    if not found.hits or not (sure_enough(found, refused) or follows):
        topics = tuple(dict.fromkeys(tag for entry in worth_offering(found) for tag in entry.tags))
        keep(ctx, fired.key, replace(question, topics=topics))
        return
    if not await _speaks_there(ctx, question.place, found.hits[0].entry.channels):
        return
    if await _has_room(ctx, question.place, refused):
        _answer(ctx, fired.key, question, found, question.message)


async def _speaks_there(ctx: Context, place: ChannelRef, channels: tuple[str, ...]) -> bool:
    """Whether an entry that names ``channels`` is said unasked in this one."""
    channel = await ctx.channels.get(place)
    if channel is None:
        return False
    named = {each.removeprefix("#").casefold() for each in channels}
    return (
        not named or channel.name.casefold() in named or any(f"tag:{tag}".casefold() in named for tag in channel.tags)
    )


async def _has_room(ctx: Context, place: ChannelRef, refused: int) -> bool:
    """Whether one more unasked answer fits into the channel's day; if so it is counted."""
    today = local_date(ctx.now, ctx.policy.zone)
    spoken = await ctx.note(Spoken, str(place))
    times = spoken.times if spoken is not None and spoken.day == today else 0
    if times >= -(-ctx.timetable.rules(FaqRules).unasked_per_day // 2**refused):
        return False
    ctx.do(Remember(str(place), Spoken(today, times + 1)))
    return True


def _answer(ctx: Context, name: str, question: Question, found: Found, message: MessageRef) -> None:
    entry, root = found.hits[0].entry, question.thread or message
    keep(ctx, name, replace(question, open=False, slug=entry.slug))
    about(ctx, str(root), entry)
    ctx.do(
        Drop(OpenQuestion, str(root)),
        CancelTimer("expert", name),
        SetTimer("let go", name, ctx.now + JUDGED_WITHIN, question.asker, feature="faq"),
        Send(
            to=question.place,
            message=answer(ctx, question.language, entry, guest=True, question=name),
            kind=Kind.ANSWER,
            thread=root,
            key=unasked_key(message),
        ),
        signal(ctx, str(message), What.ASKED, None, entry.slug),
        signal(ctx, str(message), What.ANSWERED, None, entry.slug),
    )


async def ask_somebody(ctx: Context, fired: TimerFired) -> None:
    """Neither people nor the bot answered: somebody who knows the topic is asked."""
    question = await ctx.note(Question, fired.key)
    if question is not None and question.open:
        await hand_off(ctx, fired.key, question)


FEATURE = Feature(
    name="overheard",
    listeners=(Listener(MessagePosted, on_message), Listener(MessageDeleted, on_deleted)),
    timers={"answer": speak, "expert": ask_somebody},
)
