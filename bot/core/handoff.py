"""Handing a question to somebody who knows: by topic, among those who offered it, in turn, while they are on duty."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from bot.core.actions import Remember, Send, SetTimer
from bot.core.community import Member
from bot.core.delivery import Kind
from bot.core.dispatch import unaccented
from bot.core.faq import FaqRules, Question, keep
from bot.core.feature import Context
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, channel_link, escape, join_lines
from bot.core.policy import is_open, is_worked, next_open
from bot.core.refs import MemberRef

ANYTHING = "*"
"""The topic of those who are asked whatever it is about."""
MOST_ASKED = 5
"""So many people are asked about one question at most; then it is for those who answer for the FAQ."""
_SHORTEST_STEM = 4


@dataclass(frozen=True, slots=True)
class Expert:
    """Somebody offered to answer questions on ``topic`` (:data:`ANYTHING` for all), from ``since`` to ``until`` o'clock
    on their own clock where they named hours, else whenever they want to be disturbed. ``asked_at``: the latest time
    they were asked, by which they take turns. Its key is the topic's :func:`topic_key`, a slash, and their id."""

    member: MemberRef
    topic: str
    since: time | None = None
    until: time | None = None
    asked_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"{topic_key(self.topic)}/{self.member.id}"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody who knows answered to a question: kept sealed for a while, for adding it to the FAQ, and erased
    with whoever wrote it. Its key is the question's name, a slash, and their id."""

    text: str = field(repr=False)


def topic_key(topic: str) -> str:
    return "-".join(re.findall(r"\w+", unaccented(topic))) or ANYTHING


def concerns(topic: str, words: str, topics: Iterable[str]) -> bool:
    """Whether a question of these ``words``, about these ``topics`` as far as entries tell, is on ``topic``: every word
    of the topic is in it, in whatever form."""
    wanted = re.findall(r"\w+", unaccented(topic))
    said = re.findall(r"\w+", unaccented(" ".join((words, *topics))))
    return bool(wanted) and all(any(_alike(each, word) for word in said) for each in wanted)


def _alike(one: str, other: str) -> bool:
    """Whether two words are forms of the same one: plurals and endings differ, beginnings do not."""
    shorter = min(len(one), len(other))
    if shorter < _SHORTEST_STEM or abs(len(one) - len(other)) > 3:
        return one == other
    stem = max(_SHORTEST_STEM, shorter - 2)
    return one[:stem] == other[:stem]


def on_duty_at(ctx: Context, expert: Expert, member: Member) -> datetime:
    """The first moment from now on at which the expert may be asked."""
    rules, zone = ctx.timetable.policy_for(member=member), ctx.zone_of(member)
    start = max(ctx.now, member.away_until or ctx.now, member.muted_until or ctx.now)
    if expert.since is None or expert.until is None:
        return start if is_open(start, rules, zone) else next_open(start, rules, zone)
    for days in range(60):
        day = local_date(start, zone) + timedelta(days=days)
        since, until = local_moment(day, expert.since, zone), local_moment(day, expert.until, zone)
        if is_worked(day, rules) and start < until:
            return max(start, since)
    return start + timedelta(days=60)


async def hand_off(ctx: Context, name: str, question: Question) -> Member | None:
    """Ask the next person who knows, who is returned; None when there is nobody (more). Who is not on duty is asked
    once they are. The question is kept with who was asked."""
    candidates: list[tuple[bool, datetime, datetime, Expert, Member]] = []
    if len(question.asked_of) < MOST_ASKED:
        for expert in (await ctx.notes.all(ctx.workspace, Expert)).values():
            member = await ctx.members.get(expert.member)
            if member is None or not member.active or member.guest or member.ref == question.asker:
                continue
            fits = concerns(expert.topic, question.words, question.topics)
            if member.ref.id in question.asked_of or not (fits or expert.topic == ANYTHING):
                continue
            last = expert.asked_at or datetime.min.replace(tzinfo=ctx.now.tzinfo)
            candidates.append((not fits, on_duty_at(ctx, expert, member), last, expert, member))
    if not candidates:
        return None
    # Somebody on duty now before anybody who is later; of those who are, whoever was asked longest ago.
    _, at, _, expert, member = min(candidates, key=lambda each: (each[1], each[0], each[2], each[4].ref.id))
    ctx.do(Remember(expert.key, replace(expert, asked_at=ctx.now), expert.member))
    keep(ctx, name, replace(question, asked_of=(*question.asked_of, member.ref.id)))
    message = await asking(ctx, name, question, expert, member)
    key = f"experts/{name}/{member.ref.id}"
    ctx.do(Send(to=member.ref, message=message, kind=Kind.NOTICE, key=key, due=at))
    again = at + ctx.timetable.rules(FaqRules).expert_time
    ctx.do(SetTimer("next", name, again, question.asker, feature="experts"))
    return member


async def asking(ctx: Context, name: str, question: Question, expert: Expert, member: Member) -> Message:
    """What somebody who knows is shown of a question: its words, where it stands, and never whose a private one is."""
    language = member.language
    channel = await ctx.channels.get(question.place) if question.message is not None else None
    topic = ctx.words(language, "experts.anything") if expert.topic == ANYTHING else escape(expert.topic)
    if channel is not None:
        head = ctx.words(language, "experts.asked_in", channel=channel_link(channel), topic=topic)
    else:
        head = ctx.words(language, "experts.asked_alone", topic=topic)
    lines = [head, "", quoted(question.words)]
    if question.guest:
        lines += ["", ctx.words(language, "experts.by_guest")]
    lines += ["", ctx.words(language, "experts.why_you")]
    buttons = (
        Button(ctx.words(language, "experts.answer"), f"expert answer {name}", "primary"),
        Button(ctx.words(language, "experts.pass"), f"expert pass {name}"),
        Button(ctx.words(language, "experts.stop"), f"expert off {expert.topic}"),
    )
    return Message(join_lines(lines), buttons, quotes=True)


def quoted(words: str) -> Markup:
    """Somebody's words as a quotation, line by line, without markup of their own."""
    lines = [escape(line) for line in words.splitlines() if line.strip()]
    return Markup("\n".join(f"> {line}" for line in lines))
