"""What is remembered of questions: where and whose they are, and their words, sealed, while they are open.

A kind of note is stored by the name of this module: ``faq.OpenQuestion``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import blake2b

from bot.core.actions import Drop, Remember
from bot.core.feature import Context
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef

MAX_WORDS = 2000
"""Characters of a question that are kept while it is open: a longer one is a story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaqRules:
    """schedules/faq.yaml, under ``faq:``."""

    patience: timedelta = timedelta(minutes=2)
    """How long people have to answer a question in a channel before the bot does. Zero: at once."""
    unasked_per_day: int = 6
    """At most so many unasked answers in a channel a day; 0: never unasked."""
    tell_at: time = time(9, 15)
    """When animators are told of the latest questions without an answer, on working days, in the workspace's zone."""
    expert_after: timedelta = timedelta(hours=1)
    """How long a question in a channel waits for people before somebody who knows the topic is asked to help."""
    expert_time: timedelta = timedelta(hours=4)
    """How long somebody who was asked has before the next one is."""
    weekly_on: int = 0
    """The weekday (0 is Monday) on which the open questions of the week are shown, grouped, to those who answer for
    the FAQ."""
    keep_open: timedelta = timedelta(days=30)
    """How long a question may stay open: then its words go, whatever became of it."""
    keep_wanted: timedelta = timedelta(days=90)
    """The same where the asker wants to hear of an answer."""
    flag_before: timedelta = timedelta(days=14)
    """How long before its ``review_by`` the owner of an entry is asked whether it is still right."""
    withdraw_after: timedelta = timedelta(days=14)
    """How long after its ``review_by`` an entry that nobody confirmed is no longer found."""
    confirmed_for: timedelta = timedelta(days=180)
    """How long “still right” holds."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question in a channel that nobody answered: where, when and whose, never its words. Its key is the message that
    began the thread, which holds one open question at most."""

    message: MessageRef
    asked_at: datetime
    asker: MemberRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its words, kept sealed while it is open or its answer waits to be judged, and erased with the
    asker. ``message``: where it was asked in a channel, with ``thread`` when in one; None when asked of the bot alone,
    in ``place``. ``slug``: the entry it was answered with; ``topics``: what it is about, as far as entries tell."""

    words: str = field(repr=False)
    language: Language
    asker: MemberRef
    asked_at: datetime
    place: ChannelRef
    message: MessageRef | None = None
    thread: MessageRef | None = None
    guest: bool = False
    slug: str = ""
    topics: tuple[str, ...] = ()
    open: bool = True
    """Nobody and nothing answered it yet, or not to the asker's satisfaction."""
    wanted: bool = False
    """The asker wants to hear of an answer, and agreed that the words are kept for it."""
    asked_of: tuple[str, ...] = ()
    """The ids of those who were asked to help; the last one may still do so."""


@dataclass(frozen=True, slots=True)
class Wants:
    """Somebody wants to hear when there is an answer; its key is the question's name, a slash, and their id."""

    member: MemberRef


@dataclass(frozen=True, slots=True)
class Subject:
    """The entry that a thread (or a conversation with the bot alone) is about, for what is asked next in it."""

    slug: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Zeal:
    """How often people of a channel lately said that an unasked answer was not what was meant."""

    refusals: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody said that an entry is still right; its key is the slug."""

    until: date


@dataclass(frozen=True, slots=True)
class Withheld:
    """An entry that was to be reviewed and that nobody confirmed: the library finds it no more. Its key is the slug;
    ``title`` is for naming it meanwhile."""

    title: str


def question_id(source: str) -> str:
    """A short name for a question, from the id of its event or message: it fits into a button."""
    return blake2b(source.encode("utf-8", "replace"), digest_size=8).hexdigest()


def keep(ctx: Context, name: str, question: Question) -> None:
    """Remember the question, its words sealed."""
    ctx.do(Remember(name, question, question.asker, sealed=True))


def settle(ctx: Context, name: str, question: Question) -> None:
    """It is answered, or wants no answer: nothing of it is kept."""
    ctx.do(Drop(Question, name))
    if question.message is not None:
        ctx.do(Drop(OpenQuestion, str(question.thread or question.message)))


def unasked_key(question: MessageRef | None = None) -> str:
    """The ledger's key of the unasked answer to a question; without one the beginning of all such keys."""
    return "faq/unasked/" + ("" if question is None else f"{question.channel.id}/{question.id}")
