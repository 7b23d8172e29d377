"""Signals: that something happened, never what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef


class What(StrEnum):
    """The kinds of signal."""

    JOINED = "joined"
    LEFT = "left"
    POSTED = "posted"  # a message at the root of a channel
    REPLIED = "replied"  # a message in a thread
    REACTED = "reacted"
    COMMAND = "command"
    CLICKED = "clicked"  # a button of the bot's
    MENTIONED = "mentioned"  # the bot, in a channel
    OPENED = "opened"  # a link of a feed; by nobody in particular
    BOT_REACTED = "bot_reacted"  # a reaction to one of the bot's messages
    BOT_REPLIED = "bot_replied"  # a reply in a thread that one of the bot's posts began
    ASKED = "asked"  # a question to the FAQ
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    HELPED = "helped"
    NOT_HELPED = "not_helped"
    JOURNEY_STARTED = "journey_started"
    JOURNEY_COMPLETED = "journey_completed"
    CHARTER_ANSWERED = "charter_answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing that happened. ``at`` is an aware UTC moment.

    ``source`` is unique for what is counted (the platform's event id and the kind): counting it again changes nothing.
    ``about`` is a key that groups (the FAQ entry's slug; the bot delivery replied to), never words. ``reply_to``: the
    source of the signal of the message that this answers or reacts to; empty where there is none.
    """

    source: str
    workspace: WorkspaceRef
    at: datetime
    what: What
    member: MemberRef | None = None
    channel: ChannelRef | None = None
    about: str = ""
    reply_to: str = ""


def source_of(message: MessageRef) -> str:
    """The source of a message's own signal, by which answers and reactions find it."""
    return f"message/{message}"


THRESHOLD = 5
"""No figure is shown about fewer people than this, whatever the rules say: the design's promise."""


def about_delivery(number: int) -> str:
    """What a signal about one of the bot's own posts is about: the delivery of that number."""
    return f"delivery/{number}"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back to posts of the bot: replies in their threads, reactions to them, and how many people did either
    (None: fewer than the threshold, but somebody)."""

    replies: int
    reactions: int
    people: int | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Messages of one local day in a channel."""

    day: date
    messages: int
