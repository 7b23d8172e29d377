"""People who know: they offer a topic and hours, get its questions in turn, and answer where these were asked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time, timedelta

from bot.core.actions import CallOff, Count, Drop, Remember, Send, SetTimer
from bot.core.answering import signal
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.faq import FaqRules, OpenQuestion, Question, Wants, keep
from bot.core.feature import Command, Context, Feature, TimerFired
from bot.core.handoff import ANYTHING, Expert, Given, hand_off, quoted, topic_key
from bot.core.message import Button, Field, Form, Markup, Message, escape, join_lines
from bot.core.refs import Language
from bot.core.signals import What
from bot.core.written import tame

MOST_TOPICS = 10
LONGEST_TOPIC = 60
_HOURS = re.compile(
    r"\s+(?:(?:from|de)\s+)?(\d{1,2})(?:[h:](\d{2})?)?\s*(?:-|–|to|à|until)\s*(\d{1,2})(?:[h:](\d{2})?)?\s*$",
    re.IGNORECASE,
)
KEPT = timedelta(days=14)
"""So long what somebody answered is kept, for adding it to the FAQ, with the words of the question."""
_EVERYTHING = ("*", "everything", "anything", "tout")


# Decisions


def parse_offer(text: str) -> tuple[str, time | None, time | None] | None:
    """The topic and the hours in ``holidays 9-12`` or ``congés de 9h30 à 12h``; no hours where none are named. None
    when the hours are none."""
    found = _HOURS.search(f" {text}")
    if found is None:
        return " ".join(text.split()), None, None
    begin, begin_minute, end, end_minute = (int(each or 0) for each in found.groups())
    if not (begin < 24 and end <= 24 and begin_minute < 60 and end_minute < 60):
        return None
    since = time(begin, begin_minute)
    until = time(23, 59) if end == 24 else time(end, end_minute)
    topic = " ".join(f" {text}"[: found.start()].split())
    return (topic, since, until) if since < until and topic else None


# Offering


async def on(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant expert on TOPIC [9-12]``"""
    member = await ctx.member(command.member)
    language = member.language
    if member.guest:
        raise BadInput(ctx.words(language, "experts.no_guests"))
    offer = parse_offer(arguments)
    if offer is None:
        raise BadInput(ctx.words(language, "experts.bad_hours"))
    topic, since, until = offer
    if not topic or len(topic) > LONGEST_TOPIC:
        raise BadInput(ctx.words(language, "experts.name_topic"))
    mine = await _mine(ctx, member)
    if len(mine) >= MOST_TOPICS:
        raise BadInput(ctx.words(language, "experts.enough", most=MOST_TOPICS))
    topic = ANYTHING if topic.casefold() in _EVERYTHING else topic
    expert = Expert(member.ref, topic, since, until)
    ctx.do(Remember(expert.key, expert, member.ref))
    undo = Button(ctx.words(language, "experts.stop"), f"expert off {topic}")
    ctx.reply(command, Message(ctx.words(language, "experts.thanks", topic=_topic(ctx, member, expert)), (undo,)))


async def off(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant expert off [TOPIC]``: of everything where none is named."""
    member, wanted = await ctx.member(command.member), " ".join(arguments.split())
    topic = ANYTHING if wanted.casefold() in _EVERYTHING else wanted
    gone = [each for each in await _mine(ctx, member) if not wanted or topic_key(each.topic) == topic_key(topic)]
    if not gone:
        raise BadInput(ctx.words(member.language, "experts.not_one", topic=wanted))
    for each in gone:
        ctx.do(Drop(Expert, each.key))
    again = Button(ctx.words(member.language, "experts.again"), f"expert on {_written(gone[0])}")
    ctx.reply(command, Message(ctx.words(member.language, "experts.stopped", count=len(gone)), (again,)))


def _written(expert: Expert) -> str:
    """As it is typed."""
    if expert.since is None or expert.until is None:
        return expert.topic
    return f"{expert.topic} {expert.since:%H:%M}-{expert.until:%H:%M}"


async def mine(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant expert``: what one offers, and how many people offer what."""
    member = await ctx.member(command.member)
    language, own = member.language, await _mine(ctx, member)
    every = await ctx.notes.all(ctx.workspace, Expert)
    topics: dict[str, list[Expert]] = {}
    for each in every.values():
        topics.setdefault(topic_key(each.topic), []).append(each)
    lines: list[str] = [ctx.words(language, "experts.mine" if own else "experts.none_mine")]
    lines += [f"- {_topic(ctx, member, each)}" for each in own]
    if topics:
        lines += ["", ctx.words(language, "experts.all"), ""]
        for several in topics.values():
            topic = _name(ctx, member, several[0].topic)
            lines.append("- " + ctx.words(language, "experts.people", topic=topic, count=len(several)))
    lines += ["", ctx.words(language, "experts.how")]
    buttons = tuple(
        Button(
            ctx.words(language, "experts.stop_one", topic=_name(ctx, member, each.topic)), f"expert off {each.topic}"
        )
        for each in own[:3]
    )
    ctx.reply(command, Message(join_lines(lines), buttons))


async def _mine(ctx: Context, member: Member) -> list[Expert]:
    return [each for each in (await ctx.notes.all(ctx.workspace, Expert)).values() if each.member == member.ref]


def _name(ctx: Context, member: Member, topic: str) -> Markup:
    return ctx.words(member.language, "experts.anything") if topic == ANYTHING else escape(topic)


def _topic(ctx: Context, member: Member, expert: Expert) -> Markup:
    name = _name(ctx, member, expert.topic)
    if expert.since is None or expert.until is None:
        return name
    hours = {"since": Markup(f"{expert.since:%H:%M}"), "until": Markup(f"{expert.until:%H:%M}")}
    return ctx.words(member.language, "experts.with_hours", topic=name, **hours)


# Answering


async def _asked(ctx: Context, command: CommandGiven, name: str) -> Question:
    """The open question that the person was asked about. Raises BadInput: it was answered or taken back meanwhile."""
    member = await ctx.member(command.member)
    question = await ctx.note(Question, name)
    if question is None or not question.open:
        raise BadInput(ctx.words(member.language, "experts.over"))
    if member.ref.id not in question.asked_of and member.role < Role.ANIMATOR:
        raise BadInput(ctx.words(member.language, "experts.not_asked"))
    return question


async def answer_form(ctx: Context, command: CommandGiven, arguments: str) -> Form:
    """The form of an answer. Raises BadInput when the question is over."""
    language, name = await ctx.language_of(command.member), arguments.split()[0] if arguments.split() else ""
    question = await _asked(ctx, command, name)
    fields = (
        Field("answer", ctx.words(language, "experts.field"), "text", help=ctx.words(language, "experts.field_help")),
    )
    title = ctx.words(language, "experts.form")
    return Form(title, f"expert reply {name}", fields, ctx.words(language, "experts.send"), text=quoted(question.words))


async def begin(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Answer” under a question."""
    form = await answer_form(ctx, command, arguments)
    language = await ctx.language_of(command.member)
    ctx.reply(command, Message(ctx.words(language, "experts.how_answer"), (), form, quotes=True))


async def reply(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The form filled in: said in the thread, or to whoever asked alone."""
    member, name = await ctx.member(command.member), arguments.split()[0] if arguments.split() else ""
    question = await _asked(ctx, command, name)
    text = tame(command.fields.get("answer", ""))
    if not text:
        reason = ctx.words(member.language, "experts.empty")
        raise BadInput(reason, errors={"answer": reason})
    keep(ctx, name, replace(question, open=False))
    ctx.do(CallOff(f"experts/{name}/", "recalled"))
    given = f"{name}/{member.ref.id}"
    ctx.do(Remember(given, Given(text), member.ref, sealed=True), SetTimer("forget", given, ctx.now + KEPT, member.ref))
    ctx.do(SetTimer("let go", name, ctx.now + KEPT, question.asker, feature="faq"))
    _say(ctx, name, question, member, text)
    await _tell_others(ctx, name, question, member, text)
    add = f"faq write from {name}" if member.role >= Role.ANIMATOR else f"expert suggest {name}"
    buttons = (Button(ctx.words(member.language, "experts.add"), add, "primary"),)
    ctx.reply(command, Message(ctx.words(member.language, "experts.sent"), buttons))


def _say(ctx: Context, name: str, question: Question, member: Member, text: str) -> None:
    language = question.language
    buttons = (
        Button(ctx.words(language, "faq.helped"), f"expert helped {name}", "primary"),
        Button(ctx.words(language, "faq.not_helped"), f"expert unhelped {name}"),
    )
    if question.message is None:
        head = ctx.words(language, "experts.answered_you", name=member.name)
        said = Message(join_lines([head, quoted(question.words), "", text]), buttons, quotes=True)
        ctx.do(Send(to=question.asker, message=said, kind=Kind.ANSWER, key=f"experts/{name}/said/{member.ref.id}"))
        return
    root = question.thread or question.message
    ctx.do(Drop(OpenQuestion, str(root)))
    said = Message(
        join_lines([ctx.words(language, "experts.answers", name=member.name), "", text]), buttons, quotes=True
    )
    key = f"experts/{name}/said/{member.ref.id}"
    ctx.do(Send(to=question.place, message=said, kind=Kind.ANSWER, thread=root, key=key))


async def _tell_others(ctx: Context, name: str, question: Question, member: Member, text: str) -> None:
    """Whoever else wanted to know reads it as well, alone."""
    for key, wants in (await ctx.notes.all(ctx.workspace, Wants, f"{name}/")).items():
        ctx.do(Drop(Wants, key))
        if wants.member not in (question.asker, member.ref):
            language = await ctx.language_of(wants.member)
            head = ctx.words(language, "questions.now_answered")
            by = ctx.words(language, "experts.answers", name=member.name)
            said = Message(join_lines([head, quoted(question.words), "", by, "", text]), quotes=True)
            told = f"experts/{name}/told/{wants.member.id}"
            ctx.do(Send(to=wants.member, message=said, kind=Kind.NOTICE, key=told))


async def pass_on(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Not me”: the next one is asked."""
    member, name = await ctx.member(command.member), arguments.strip()
    question = await _asked(ctx, command, name)
    following = await hand_off(ctx, name, question)
    ctx.reply(command, ctx.words(member.language, "experts.passed" if following else "experts.passed_to_none"))


async def following(ctx: Context, fired: TimerFired) -> None:
    """Whoever was asked did not answer in their time: the next one is."""
    question = await ctx.note(Question, fired.key)
    if question is not None and question.open:
        await hand_off(ctx, fired.key, question)


async def suggest(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Add to the FAQ” by somebody who does not animate: those who do get the question and the answer as a draft."""
    member, name = await ctx.member(command.member), arguments.strip()
    question = await ctx.note(Question, name)
    given = await ctx.note(Given, f"{name}/{member.ref.id}")
    if question is None or given is None:
        raise BadInput(ctx.words(member.language, "experts.over"))
    text = given.text

    def message(language: Language) -> Message:
        head = ctx.words(language, "experts.suggested", name=member.name)
        write = Button(ctx.words(language, "experts.make_draft"), f"faq write from {name}", "primary")
        return Message(join_lines([head, quoted(question.words), "", text]), (write,), quotes=True)

    await ctx.tell_animators(message, key=f"experts/suggested/{name}/{member.ref.id}")
    ctx.reply(command, ctx.words(member.language, "experts.suggestion_sent"))


# What the asker says of it


async def helped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """It is settled."""
    language = await ctx.language_of(command.member)
    ctx.do(_judged(ctx, command, What.HELPED))
    ctx.reply(command, ctx.words(language, "faq.thanks"))


async def unhelped(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The asker's question is open again, and the next one is asked."""
    member, name = await ctx.member(command.member), arguments.strip()
    ctx.do(_judged(ctx, command, What.NOT_HELPED))
    question = await ctx.note(Question, name)
    if question is None or question.asker != member.ref:
        ctx.reply(command, ctx.words(member.language, "faq.not_it"))
        return
    question = replace(question, open=True)
    keep(ctx, name, question)
    ctx.do(SetTimer("let go", name, ctx.now + ctx.timetable.rules(FaqRules).keep_open, member.ref, feature="faq"))
    expert = await hand_off(ctx, name, question)
    then = ctx.words(member.language, "faq.asked_somebody", name=expert.name) if expert is not None else ""
    ctx.reply(command, Markup(f"{ctx.words(member.language, 'faq.not_it')} {then}".strip()))


def _judged(ctx: Context, command: CommandGiven, what: What) -> Count:
    return signal(ctx, f"{command.message or 'by hand'}/{command.member.id}/person", what, command.member)


async def forget(ctx: Context, fired: TimerFired) -> None:
    ctx.do(Drop(Given, fired.key))


FEATURE = Feature(
    name="experts",
    commands=(
        Command(path=("expert",), french=("expertise",), run=mine),
        Command(path=("expert", "on"), french=("expertise", "sur"), run=on, has_arguments=True),
        Command(path=("expert", "off"), french=("expertise", "arrêter"), run=off, has_arguments=True),
        Command(path=("expert", "answer"), run=begin, hidden=True),
        Command(
            path=("expert", "reply"),
            run=reply,
            hidden=True,
            form=answer_form,
            names={"answer": "answer", "réponse": "answer", "reponse": "answer"},
        ),
        Command(path=("expert", "pass"), run=pass_on, hidden=True),
        Command(path=("expert", "suggest"), run=suggest, hidden=True),
        Command(path=("expert", "helped"), run=helped, hidden=True),
        Command(path=("expert", "unhelped"), run=unhelped, hidden=True),
    ),
    timers={"next": following, "forget": forget},
)
