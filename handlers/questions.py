"""Questions without an answer: shown to those who answer for the FAQ, grouped by meaning, until somebody writes one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from bot.core.actions import CallOff, Drop, Remember, Send, SetTimer
from bot.core.answering import answer
from bot.core.community import Role
from bot.core.delivery import Kind
from bot.core.events import CommandGiven, FilesChanged, Started
from bot.core.faq import FaqRules, OpenQuestion, Question, Wants, settle
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.handoff import quoted
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, channel_link, join_lines
from bot.core.policy import is_worked
from bot.core.refs import Language, MemberRef
from bot.core.signals import What

SETTLED = timedelta(hours=1)
"""A question is called open only after this long: people and the bot may still be answering."""
LISTED = 20
MOST_GROUPS = 5
"""Groups in one message: each is work for somebody."""
MOST_WAYS = 3
"""Ways of asking that are shown of a group: the others say the same."""
LOOK_AGAIN = timedelta(minutes=1)
"""So long after an answer was approved or files changed, the open questions are searched again: by then the search
has taken in what is new."""


@dataclass(frozen=True, slots=True)
class Told:
    """Up to when the animators know of open questions."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that mean the same: their names, and what they say, the earliest first."""

    names: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def askers(self) -> int:
        return len({question.asker for question in self.questions})


# Decisions


def next_moment(now: datetime, at: time, zone: str) -> datetime:
    """The next ``at`` in the wall-clock time of ``zone`` strictly after the aware ``now``, as aware UTC."""
    today = local_date(now, zone)
    moment = local_moment(today, at, zone)
    return moment if moment > now else local_moment(today + timedelta(days=1), at, zone)


async def open_groups(ctx: Context) -> list[Group]:
    """The open questions, those that mean the same together; what most people asked first."""
    found = await ctx.notes.all(ctx.workspace, Question)
    still = sorted(
        ((name, each) for name, each in found.items() if each.open), key=lambda pair: (pair[1].asked_at, pair[0])
    )
    together = await ctx.library.alike([each.words for _, each in still])
    groups = [
        Group(tuple(still[number][0] for number in numbers), tuple(still[number][1] for number in numbers))
        for numbers in together
    ]
    return sorted(groups, key=lambda group: (-group.askers, group.questions[0].asked_at))


async def _owners(ctx: Context, groups: Sequence[Group]) -> dict[MemberRef | None, list[Group]]:
    """Each group with who answers for the entry that was given and did not help; None: those who animate."""
    by_owner: defaultdict[MemberRef | None, list[Group]] = defaultdict(list)
    for group in groups:
        slug = next((question.slug for question in group.questions if question.slug), "")
        entry = ctx.library.entry(slug, "en", guest=False) if slug else None
        owner = await ctx.members.named(ctx.workspace, entry.owner) if entry and entry.owner != "animator" else None
        by_owner[owner.ref if owner is not None and owner.active else None].append(group)
    return by_owner


# What is shown


def _said(ctx: Context, language: Language, groups: Sequence[Group], head: Markup) -> Message:
    """Groups with their words and a button each: nobody's name stands there."""
    lines: list[str] = [head]
    buttons: list[Button] = []
    for number, group in enumerate(groups[:MOST_GROUPS], start=1):
        ways = list(dict.fromkeys(question.words for question in group.questions))[:MOST_WAYS]
        count = ctx.words(language, "questions.group", number=number, count=group.askers)
        lines += ["", f"**{count}**", *(quoted(way) for way in ways)]
        buttons.append(
            Button(ctx.words(language, "questions.write", number=number), f"faq write from {group.names[0]}")
        )
    if len(groups) > MOST_GROUPS:
        lines += ["", ctx.words(language, "questions.more", count=len(groups) - MOST_GROUPS)]
    return Message(join_lines(lines), tuple(buttons), quotes=True)


async def open_questions(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq open``: questions that nothing and nobody answered, grouped, and where they stand."""
    member = await ctx.member(command.member)
    language = member.language
    found = await ctx.notes.all(ctx.workspace, OpenQuestion)
    direct = await ctx.measures.counts(ctx.workspace, What.UNANSWERED, ctx.now - timedelta(weeks=1))
    lines: list[str] = [ctx.words(language, "faq.open", count=len(found))]
    for each in sorted(found.values(), key=lambda one: one.asked_at)[-LISTED:]:
        channel = await ctx.channels.get(each.message.channel)
        if channel is not None:
            when = ctx.say_moment(language, each.asked_at, ctx.zone_of(member))
            lines.append(f"- {channel_link(channel)}, {when}")
    if direct:
        lines += ["", ctx.words(language, "faq.open_direct", count=sum(direct.values()))]
    said = _said(ctx, language, await open_groups(ctx), join_lines(lines))
    write = Button(ctx.words(language, "faq.write_answer"), "faq write", "primary")
    ctx.reply(command, replace(said, buttons=(*said.buttons, write)))


# Every morning, every week


async def on_started(ctx: Context, event: Started) -> None:
    """Have the notice rung, once. One that fell due meanwhile stays due."""
    if await ctx.timers.get(ctx.workspace, "questions", "digest", "") is None:
        _set_digest(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    timer = await ctx.timers.get(ctx.workspace, "questions", "digest", "")
    if timer is None or timer.due > ctx.now:
        _set_digest(ctx)
    ctx.do(SetTimer("look again", "", ctx.now + LOOK_AGAIN))


def _set_digest(ctx: Context) -> None:
    ctx.do(SetTimer("digest", "", next_moment(ctx.now, ctx.timetable.rules(FaqRules).tell_at, ctx.policy.zone)))


async def digest(ctx: Context, fired: TimerFired) -> None:
    """On working days how many questions stayed open since the last time; once a week all of them, grouped."""
    _set_digest(ctx)
    rules, today = ctx.timetable.rules(FaqRules), local_date(ctx.now, ctx.policy.zone)
    found = await ctx.notes.all(ctx.workspace, OpenQuestion)
    for key, each in found.items():
        if each.asked_at < ctx.now - rules.keep_open:
            ctx.do(Drop(OpenQuestion, key))
    if not is_worked(today, ctx.policy):
        return
    until = ctx.now - SETTLED
    told = await ctx.note(Told, "") or Told(until - timedelta(days=1))
    ctx.do(Remember("", Told(until)))
    heard = sum(1 for each in found.values() if told.until < each.asked_at <= until)
    alone = sum((await ctx.measures.counts(ctx.workspace, What.UNANSWERED, told.until)).values())
    if heard or alone:
        await ctx.tell_animators(lambda language: _notice(ctx, language, heard, alone), key=f"faq/digest/{today}")
    week = await ctx.note(Week, "")
    begun = today - timedelta(days=(today.weekday() - rules.weekly_on) % 7)
    if week is None or week.begun < begun.isoformat():
        ctx.do(Remember("", Week(begun.isoformat())))
        if week is not None or today == begun:
            await _weekly(ctx, begun.isoformat())


@dataclass(frozen=True, slots=True)
class Week:
    """The first day, as an ISO date, of the week for which the open questions were shown."""

    begun: str


async def _weekly(ctx: Context, week: str) -> None:
    """Each owner gets the groups that are theirs, with the number of askers."""
    for owner, groups in (await _owners(ctx, await open_groups(ctx))).items():

        def message(language: Language, groups: Sequence[Group] = groups) -> Message:
            return _said(ctx, language, groups, ctx.words(language, "questions.weekly", count=len(groups)))

        if owner is None:
            await ctx.tell_animators(message, key=f"faq/weekly/{week}")
        else:
            member = await ctx.member(owner)
            key = f"faq/weekly/{week}/{owner.id}"
            ctx.do(Send(to=owner, message=message(member.language), kind=Kind.NOTICE, key=key))


def _notice(ctx: Context, language: Language, heard: int, alone: int) -> Message:
    lines = [ctx.words(language, "faq.heard_open", count=heard)] if heard else []
    lines += [ctx.words(language, "faq.alone_open", count=alone)] if alone else []
    show = Button(ctx.words(language, "faq.show_open"), "faq open")
    write = Button(ctx.words(language, "faq.write_answer"), "faq write")
    return Message(join_lines(lines), (show, write))


# An answer came


async def on_command(ctx: Context, event: CommandGiven) -> None:
    """What was just approved may answer what is open."""
    if event.text.casefold().startswith(("faq approve", "faq approuver")):
        ctx.do(SetTimer("look again", "", ctx.now + LOOK_AGAIN))


async def look_again(ctx: Context, fired: TimerFired) -> None:
    """Questions that an entry answers by now are settled, and those who wanted to know are told."""
    for name, question in (await ctx.notes.all(ctx.workspace, Question)).items():
        if not question.open:
            continue
        guest = question.guest or question.message is not None
        found = await ctx.library.search(question.words, question.language, guest=guest, kind="faq")
        if not (found.good and found.hits) or found.hits[0].entry.slug == question.slug:
            continue
        entry = found.hits[0].entry
        settle(ctx, name, question)
        ctx.do(CallOff(f"experts/{name}/", "recalled"))
        for key, wants in (await ctx.notes.all(ctx.workspace, Wants, f"{name}/")).items():
            ctx.do(Drop(Wants, key))
            await _tell(ctx, name, wants.member, question, entry.slug)


async def _tell(ctx: Context, name: str, ref: MemberRef, question: Question, slug: str) -> None:
    """The answer, to somebody who wanted to know: with their own question, and as they may read it."""
    member = await ctx.member(ref)
    entry = ctx.library.entry(slug, member.language, guest=member.guest)
    if entry is None:
        return
    head = ctx.words(member.language, "questions.now_answered")
    said = answer(ctx, member.language, entry, guest=member.guest)
    text = join_lines([head, quoted(question.words), "", said.text])
    key = f"faq/told/{name}/{member.ref.id}"
    ctx.do(Send(to=ref, message=Message(text, said.buttons, quotes=True), kind=Kind.NOTICE, key=key))


FEATURE = Feature(
    name="questions",
    commands=(Command(path=("faq", "open"), french=("faq", "ouvertes"), run=open_questions, role=Role.ANIMATOR),),
    listeners=(
        Listener(Started, on_started),
        Listener(FilesChanged, on_files_changed),
        Listener(CommandGiven, on_command),
    ),
    timers={"digest": digest, "look again": look_again},
)
