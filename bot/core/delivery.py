"""A delivery: one thing the bot says or does on a platform, with its row in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.message import Message
from bot.core.refs import MemberRef, MessageRef, Place, WorkspaceRef


class Kind(StrEnum):
    """Why the bot speaks. Answers and notices were asked for: no attention budget and no quiet hours hold them back.

    The order is the order of priority when not everything fits.
    """

    ANSWER = "answer"  # somebody asked
    NOTICE = "notice"  # animators and administrators are told what they need to know
    WELCOME = "welcome"  # a newcomer arrived
    JOURNEY = "journey"  # a newcomer's next step
    POST = "post"  # the editorial calendar
    PROMPT = "prompt"  # a nudge, an icebreaker
    FEED = "feed"  # news from a watched feed

    @property
    def unasked(self) -> bool:
        """Whether it counts against the attention budget."""
        return self not in (Kind.ANSWER, Kind.NOTICE)


class Verb(StrEnum):
    SEND = "send"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    REACT = "react"
    ADMIT = "admit"
    HOME = "home"  # the newest view of a member's home, instead of the one before


class State(StrEnum):
    """Where a delivery stands.

    planned → sending → sent, or failed, held_back, uncertain; sent → recalled.
    """

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD_BACK = "held_back"
    UNCERTAIN = "uncertain"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of the ledger. Moments are aware UTC.

    ``key`` is unique in the workspace and says what this delivery is for, so that deciding twice plans once.
    ``to`` is a channel, or a member for a direct message; for edit, withdraw and react ``target`` names the message.
    For home ``to`` is the member whose home shows ``message.sections`` from now on; doing it again changes nothing.
    ``visible_to``: in a channel, show it to this member only; to admit, whom. ``due``: not before.
    ``expires``: not after.
    ``planned_for`` is the ``due`` it was planned with, which stays when it has to wait and ``due`` moves.
    """

    key: str
    workspace: WorkspaceRef
    feature: str
    kind: Kind
    to: Place
    message: Message
    due: datetime
    verb: Verb = Verb.SEND
    thread: MessageRef | None = None
    target: MessageRef | None = None
    visible_to: MemberRef | None = None
    emoji: str = ""
    expires: datetime | None = None
    planned_for: datetime | None = None
    state: State = State.PLANNED
    reason: str = ""
    attempts: int = 0
    sent_as: MessageRef | None = None
    sent_at: datetime | None = None
    created_at: datetime | None = None
    answers: str = ""
    """The id of the event that this answers: see :class:`bot.core.message.Form`."""
    token: str = field(default="", repr=False)
    """The token of the command that this answers: see :class:`bot.core.events.CommandGiven`. Gone once it is sent."""
    id: int = 0
    """The ledger's own number, increasing in the order of planning; 0 until stored."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a platform says of a delivery that went out. ``message`` is None where the platform names none."""

    message: MessageRef | None = None
