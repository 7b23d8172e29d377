"""FAQ: whoever asks gets the best answer, a short list to choose from, or an honest “I do not know, I have asked …”."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.actions import CallOff, Drop, Remember, Send, SetTimer, Withdraw
from bot.core.answering import about, answer, did_you_mean, search_in_context, signal, worth_offering
from bot.core.community import Member
from bot.core.composing import composed
from bot.core.delivery import Kind, State
from bot.core.dispatch import unaccented
from bot.core.events import CommandGiven, MessagePosted
from bot.core.faq import MAX_WORDS, FaqRules, Question, Wants, Zeal, keep, question_id, settle, unasked_key
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.handoff import hand_off
from bot.core.knowledge import Entry, Found
from bot.core.message import Button, Message, join_lines
from bot.core.questions import looks_like_question
from bot.core.refs import ChannelRef, Language, MessageRef
from bot.core.signals import What

KEYWORDS = 6
"""Somebody who writes no more words than this to the bot alone may be searching, question mark or not."""
LISTED = 20
TOP = 10
JUDGED_WITHIN = timedelta(days=2)
"""So long the words of an answered question are kept, for the case that the answer was not what was meant."""
_COURTESY = re.compile(
    r"\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|night)|thanks|thank you|thx|cheers|bye|ok|okay|great|cool"
    r"|perfect|bonjour|bonsoir|salut|coucou|merci|super|parfait|d.accord|g[ée]nial|au revoir"
    r"|bonne (?:journ[ée]e|soir[ée]e))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody said of an answer; one a person and answer."""

    helped: bool


@dataclass(frozen=True, slots=True)
class Greeted:
    """When somebody was last told what the bot can do."""

    at: datetime


# Decisions


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question put to the bot. ``source`` is the event's id; ``guest``: a guest may read the answer where it is said;
    ``message`` and ``thread`` where it was asked in a channel."""

    source: str
    words: str
    member: Member
    guest: bool
    place: ChannelRef
    message: MessageRef | None = None
    thread: MessageRef | None = None

    @property
    def subject(self) -> str:
        """What is asked next here may be about the same thing. In a channel only a thread keeps to one thing."""
        return str(self.thread or self.message) if self.message is not None else f"{self.place}/{self.member.ref.id}"

    def question(self, ctx: Context, found: Found) -> Question:
        return Question(
            words=self.words[:MAX_WORDS],
            language=self.member.language,
            asker=self.member.ref,
            asked_at=ctx.now,
            place=self.place,
            message=self.message,
            thread=self.thread,
            guest=self.member.guest,
            topics=tuple(dict.fromkeys(tag for entry in worth_offering(found) for tag in entry.tags)),
        )


async def _find(ctx: Context, asking: Asking) -> Found:
    return await search_in_context(ctx, asking.words, asking.member.language, guest=asking.guest, place=asking.subject)


async def _reply_to(ctx: Context, asking: Asking, found: Found) -> Message:
    """The best answer for somebody who asked, counted; never nothing. The words are kept while it is not settled."""
    member, name, source = asking.member, question_id(asking.source), asking.source
    question = asking.question(ctx, found)
    if found.hits and found.good:
        best = found.hits[0].entry
        _answered(ctx, name, question, best, asking.subject)
        ctx.do(signal(ctx, source, What.ASKED, member.ref, best.slug))
        ctx.do(signal(ctx, source, What.ANSWERED, member.ref, best.slug))
        short = await composed(ctx, member.language, asking.words, found, guest=asking.guest, question=name)
        return short or answer(ctx, member.language, best, guest=asking.guest, question=name)
    ctx.do(signal(ctx, source, What.ASKED, member.ref))
    if offered := worth_offering(found):
        keep(ctx, name, replace(question, open=False))
        _let_go_at(ctx, name, question, ctx.now + JUDGED_WITHIN)
        return did_you_mean(ctx, member.language, offered, name)
    ctx.do(signal(ctx, source, What.UNANSWERED, member.ref))
    return await _unknown(ctx, name, question)


def _answered(ctx: Context, name: str, question: Question, entry: Entry, subject: str) -> None:
    if entry.kind == "faq":
        keep(ctx, name, replace(question, open=False, slug=entry.slug))
        _let_go_at(ctx, name, question, ctx.now + JUDGED_WITHIN)
    about(ctx, subject, entry, question.asker if question.message is None else None)


def _let_go_at(ctx: Context, name: str, question: Question, at: datetime) -> None:
    ctx.do(SetTimer("let go", name, at, question.asker))


async def _unknown(ctx: Context, name: str, question: Question, *, sorry: bool = False) -> Message:
    """Nothing answers it: it stays open, and somebody who knows is asked. ``sorry``: an answer was none."""
    question = replace(question, open=True)
    keep(ctx, name, question)
    _let_go_at(ctx, name, question, ctx.now + ctx.timetable.rules(FaqRules).keep_open)
    expert = await hand_off(ctx, name, question)
    language = question.language
    head = ctx.words(language, "faq.sorry" if sorry else "faq.unknown")
    if expert is not None:
        then = ctx.words(language, "faq.asked_somebody", name=expert.name)
    else:
        then = ctx.words(language, "faq.passed_on" if question.message is not None else "faq.passed_on_unnamed")
    want = Button(ctx.words(language, "faq.want"), f"faq want {name}", "primary")
    back = Button(ctx.words(language, "faq.take_back"), f"faq forget {name}")
    return Message(join_lines([f"{head} {then}"]), (want, back))


# Commands


async def ask(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq QUESTION``"""
    if not arguments.strip():
        return await listing(ctx, command, "")
    member = await ctx.member(command.member)
    asking = Asking(
        source=command.id, words=arguments.strip(), member=member, guest=member.guest, place=command.channel
    )
    ctx.reply(command, await _reply_to(ctx, asking, await _find(ctx, asking)))


def _pressed(command: CommandGiven) -> str:
    """What a person pressed a button under: the same however often they press."""
    return f"{command.message or command.id}/{command.member.id}"


def _named(arguments: str) -> tuple[str, str]:
    """The entry, and the question that a button is about; empty where it names none."""
    words = [*arguments.split(), "", ""]
    return words[0], words[1]


async def show(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """One entry by its name, as chosen from a list."""
    member = await ctx.member(command.member)
    slug, name = _named(arguments)
    entry = ctx.library.entry(slug, member.language, guest=member.guest, kind="faq")
    if entry is None:
        ctx.reply(command, ctx.words(member.language, "faq.no_entry", name=slug))
        return
    question = await _own_question(ctx, command, name)
    if question is not None:
        asking = Asking(
            source=name,
            words=question.words,
            member=member,
            guest=member.guest,
            place=question.place,
            message=question.message,
            thread=question.thread,
        )
        _answered(ctx, name, question, entry, asking.subject)
    ctx.do(signal(ctx, _pressed(command), What.ANSWERED, member.ref, entry.slug))
    own = name if question is not None else ""
    ctx.reply(command, answer(ctx, member.language, entry, guest=member.guest, question=own))


async def _own_question(ctx: Context, command: CommandGiven, name: str) -> Question | None:
    """The question of that name, when it is the person's own and still known."""
    question = await ctx.note(Question, name) if name else None
    return question if question is not None and question.asker == command.member else None


async def none_of_these(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Nothing of a list was it."""
    ctx.do(signal(ctx, _pressed(command), What.UNANSWERED, command.member))
    name = arguments.strip()
    question = await _own_question(ctx, command, name)
    if question is None:
        ctx.reply(command, ctx.words(await ctx.language_of(command.member), "faq.unknown"))
        return
    ctx.reply(command, await _unknown(ctx, name, question))


async def helped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """It is settled: nothing is kept of the question."""
    member = await ctx.member(command.member)
    slug, name = _named(arguments)
    if not await _judged(ctx, command, member, slug, helped=True):
        return
    question = await _own_question(ctx, command, name)
    if question is not None:
        settle(ctx, name, question)
    ctx.reply(command, ctx.words(member.language, "faq.thanks"))


async def unhelped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Not what was meant: an unasked answer goes, with some of the zeal; the asker's question is open again."""
    member = await ctx.member(command.member)
    slug, name = _named(arguments)
    if not await _judged(ctx, command, member, slug, helped=False):
        return
    withdrawn = await _withdraw(ctx, command, name)
    question = await _own_question(ctx, command, name)
    if question is not None and question.message is not None and withdrawn:
        keep(ctx, name, replace(question, open=True))
        _let_go_at(ctx, name, question, ctx.now + ctx.timetable.rules(FaqRules).keep_open)
        expert = await hand_off(ctx, name, replace(question, open=True))
        text = ctx.words(member.language, "faq.withdrawn")
        then = ctx.words(member.language, "faq.asked_somebody", name=expert.name) if expert is not None else ""
        ctx.reply(command, join_lines([f"{text} {then}".strip()]))
    elif question is not None:
        ctx.reply(command, await _unknown(ctx, name, question, sorry=True))
    else:
        ctx.reply(command, ctx.words(member.language, "faq.withdrawn" if withdrawn else "faq.not_it"))


async def _judged(ctx: Context, command: CommandGiven, member: Member, slug: str, *, helped: bool) -> bool:
    """Count what a person says of an answer, once: pressing again changes nothing, and is said."""
    if ctx.library.entry(slug, member.language, guest=member.guest) is None:
        ctx.reply(command, ctx.words(member.language, "faq.no_entry", name=slug))
        return False
    key = f"{command.message or 'by hand'}/{command.member.id}/{slug}"
    if await ctx.note(Verdict, key) is not None:
        ctx.reply(command, ctx.words(member.language, "faq.already_judged"))
        return False
    ctx.do(Remember(key, Verdict(helped), member.ref))
    ctx.do(signal(ctx, key, What.HELPED if helped else What.NOT_HELPED, member.ref, slug))
    return True


async def _withdraw(ctx: Context, command: CommandGiven, name: str) -> bool:
    """Take back the unasked answer under which the button was, and be slower in its channel. Whoever reads along may
    say so: nobody asked for it."""
    question = await ctx.note(Question, name) if name else None
    if question is not None and question.message is not None:
        delivery = await ctx.ledger.find(ctx.workspace, unasked_key(question.message))
    elif command.message is not None:
        delivery = await ctx.ledger.sent_as(ctx.workspace, command.message.channel, command.message.id)
    else:
        delivery = None
    if delivery is None or not delivery.key.startswith(unasked_key()) or delivery.sent_as is None:
        return False
    if delivery.state is not State.SENT:
        return False
    channel = delivery.sent_as.channel
    zeal = await ctx.note(Zeal, str(channel)) or Zeal(0, ctx.now)
    ctx.do(Withdraw(target=delivery.sent_as, key=f"faq/withdrawn/{delivery.id}"))
    ctx.do(Remember(str(channel), Zeal(zeal.refusals + 1, ctx.now)))
    return True


async def want(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Tell me when there is an answer”: the asker's words are kept for it; others may want to know as well."""
    member, name = await ctx.member(command.member), arguments.strip()
    question = await ctx.note(Question, name)
    if question is None:
        ctx.reply(command, ctx.words(member.language, "faq.question_gone"))
        return
    rules = ctx.timetable.rules(FaqRules)
    ctx.do(Remember(f"{name}/{member.ref.id}", Wants(member.ref), member.ref))
    if question.asker == member.ref:
        keep(ctx, name, replace(question, wanted=True))
        _let_go_at(ctx, name, question, ctx.now + rules.keep_wanted)
    days = (rules.keep_wanted if question.asker == member.ref else rules.keep_open).days
    undo = Button(ctx.words(member.language, "faq.want_not"), f"faq unwant {name}")
    ctx.reply(command, Message(ctx.words(member.language, "faq.wanted", count=days), (undo,)))


async def unwant(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The undo of wanting to know."""
    name = arguments.strip()
    ctx.do(Drop(Wants, f"{name}/{command.member.id}"))
    question = await _own_question(ctx, command, name)
    if question is not None:
        keep(ctx, name, replace(question, wanted=False))
        _let_go_at(ctx, name, question, ctx.now + ctx.timetable.rules(FaqRules).keep_open)
    ctx.reply(command, ctx.words(await ctx.language_of(command.member), "faq.wanted_no_more"))


async def take_back(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The asker's question wants no answer any more: nothing is kept of it, and who was not yet asked is not."""
    language, name = await ctx.language_of(command.member), arguments.strip()
    question = await ctx.note(Question, name)
    if question is None:
        ctx.reply(command, ctx.words(language, "faq.question_gone"))
        return
    if question.asker != command.member:
        ctx.reply(command, ctx.words(language, "faq.not_your_question"))
        return
    settle(ctx, name, question)
    ctx.do(Drop(Wants, f"{name}/{command.member.id}"), CallOff(f"experts/{name}/", "recalled"))
    ctx.reply(command, ctx.words(language, "faq.taken_back"))


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


# What is heard


async def on_message(ctx: Context, event: MessagePosted) -> None:
    """A question to the bot, alone or by its name, is answered. What people say among themselves is overheard.py's."""
    if event.by_bot or not (event.direct or event.mentions_bot):
        return
    member = await ctx.member(event.member)
    asking = Asking(
        source=event.id,
        words=event.text,
        member=member,
        guest=member.guest if event.direct else True,
        place=event.channel,
        message=None if event.direct else event.message,
        thread=event.thread,
    )
    if event.direct:
        await _told_alone(ctx, event, asking)
    else:
        await _named_in_channel(ctx, event, asking)


async def _told_alone(ctx: Context, event: MessagePosted, asking: Asking) -> None:
    found = await _find(ctx, asking)
    if is_small_talk(event.text, found, asking.member.language):
        await _greet(ctx, event, asking.member, event.thread)
        return
    ctx.do(_say(event, await _reply_to(ctx, asking, found), event.thread))


async def _named_in_channel(ctx: Context, event: MessagePosted, asking: Asking) -> None:
    """Everybody in the channel reads the thread: what guests may not see goes to the person alone."""
    thread, member = event.thread or event.message, asking.member
    found = await _find(ctx, asking)
    if not found.good and not member.guest:
        alone = replace(asking, guest=False)
        own = await _find(ctx, alone)
        if own.good and own.hits[0].entry.audience == "employees":
            ctx.do(
                Send(to=member.ref, message=await _reply_to(ctx, alone, own), kind=Kind.ANSWER),
                _say(event, Message(ctx.words(member.language, "faq.told_alone")), thread),
            )
            return
    if is_small_talk(event.text, found, member.language):
        await _greet(ctx, event, member, thread)
        return
    ctx.do(_say(event, await _reply_to(ctx, asking, found), thread))


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


async def let_go(ctx: Context, fired: TimerFired) -> None:
    """The time of a question is over, whatever became of it: its words go."""
    question = await ctx.note(Question, fired.key)
    if question is not None:
        settle(ctx, fired.key, question)
    for key in await ctx.notes.all(ctx.workspace, Wants, f"{fired.key}/"):
        ctx.do(Drop(Wants, key))


FEATURE = Feature(
    name="faq",
    commands=(
        Command(path=("faq",), run=ask, has_arguments=True),
        Command(path=("faq", "list"), french=("faq", "liste"), run=listing, has_arguments=True),
        Command(path=("faq", "top"), french=("faq", "fréquentes"), run=top),
        Command(path=("faq", "show"), run=show, hidden=True),
        Command(path=("faq", "none"), run=none_of_these, hidden=True),
        Command(path=("faq", "helped"), run=helped, hidden=True),
        Command(path=("faq", "unhelped"), run=unhelped, hidden=True),
        Command(path=("faq", "want"), run=want, hidden=True),
        Command(path=("faq", "unwant"), run=unwant, hidden=True),
        Command(path=("faq", "forget"), run=take_back, hidden=True),
    ),
    listeners=(Listener(MessagePosted, on_message),),
    timers={"let go": let_go},
    rules=FaqRules,
)
