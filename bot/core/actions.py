"""What a feature may do, as verbs. All actions of one handled event are committed in one transaction.

Outward actions become deliveries in the ledger; the others change our own state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.core.answers import KeptAnswer
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind
from bot.core.editorial import KeptItem, Plan, Slot, State, Subject
from bot.core.message import Message
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, Place
from bot.core.signals import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Say ``message`` in a channel, or to a member in a direct message.

    ``key`` says what it is for (``welcome/day-1/…``): planning the same key twice in a workspace plans once. Left
    empty it is made from the event and the order, which is right for answers. ``due`` (default now): not before.
    ``expires``: past this moment it is held back with a reason instead of sent.
    """

    to: Place
    message: Message
    kind: Kind
    key: str = ""
    thread: MessageRef | None = None
    visible_to: MemberRef | None = None
    due: datetime | None = None
    expires: datetime | None = None
    answers: str = ""
    """The id of the event that this answers (see :class:`bot.core.message.Form`)."""
    token: str = field(default="", repr=False)
    """The token of the command that this answers (see :class:`bot.core.events.CommandGiven`)."""
    meant_for: MemberRef | None = None
    """Where ``to`` is a direct conversation: with whom. Its words go once it is done with, and all of it with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace the words and buttons of one of the bot's own messages."""

    target: MessageRef
    message: Message
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Delete one of the bot's own messages."""

    target: MessageRef
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """React to a message with an emoji character."""

    target: MessageRef
    emoji: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Let into the channel a member who asked for it."""

    channel: ChannelRef
    member: MemberRef
    key: str = ""


@dataclass(frozen=True, slots=True)
class ShowHome:
    """Show ``view`` as the member's home, instead of what it showed before. Only where the platform ``can.home``.

    The view is a message with ``sections``, and no text, buttons or form of its own. A newer view takes the place of
    one that has not left yet. It is no message to anybody: no budget, quiet hours or pause concern it, and nothing but
    the newest view is kept of it.
    """

    member: MemberRef
    view: Message


@dataclass(frozen=True, slots=True)
class RegisterMember:
    """Write down what the platform says of a member. What the person chose themselves (language, mute) stays."""

    member: Member


@dataclass(frozen=True, slots=True)
class MemberWentAway:
    """The member left the workspace: no more direct messages; their timers and journey end."""

    member: MemberRef


@dataclass(frozen=True, slots=True)
class ChooseLanguage:
    member: MemberRef
    language: Language


@dataclass(frozen=True, slots=True)
class Mute:
    """Send the member nothing unasked until the aware UTC moment ``until``; None unmutes."""

    member: MemberRef
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SetAbsence:
    """The member is absent until the aware UTC moment ``until``; None: back. Their journey waits."""

    member: MemberRef
    until: datetime | None


@dataclass(frozen=True, slots=True)
class GiveRole:
    member: MemberRef
    role: Role


@dataclass(frozen=True, slots=True)
class MarkManager:
    """The member leads a team (or no longer does): decides which journey they follow."""

    member: MemberRef
    manager: bool


@dataclass(frozen=True, slots=True)
class RegisterChannel:
    """Write down what the platform says of a channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class MoveChannel:
    """The channel has another id from now on: whatever is kept under the old one follows. Messages said there keep
    the old one, as they are not reached under the new."""

    old: ChannelRef
    new: ChannelRef


@dataclass(frozen=True, slots=True)
class NoteActivity:
    """Somebody other than a bot spoke in ``channel`` at this aware UTC moment."""

    channel: ChannelRef
    at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """Record a signal: that something happened, never what was said."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Have the feature's timer ``name`` fire at the aware UTC moment ``due``, with ``key`` saying for what.

    One timer for each (feature, name, key): setting it again moves it. It survives restarts. ``member``: it is
    about this member, and goes when they ask to be forgotten. ``feature``: another feature's timer than one's own.
    """

    name: str
    key: str
    due: datetime
    member: MemberRef | None = None
    feature: str = ""


@dataclass(frozen=True, slots=True)
class CancelTimer:
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep ``value`` (a frozen dataclass of the feature) under ``key``, replacing what was there.

    Never put a member's words into it, unless it is ``sealed``: kept encrypted, and opened for features only; drop such
    words as soon as what they were for is over. ``member``: it is about this member: shown to them, erased with them.
    """

    key: str
    value: object
    member: MemberRef | None = None
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget the value of this type under ``key``."""

    type: type
    key: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase all that is known about a member, and count them no more: a mark without a name stays, so that it holds."""

    member: MemberRef


@dataclass(frozen=True, slots=True)
class Uncount:
    """Count the member no more, and take what they did out of the figures of the past; or, with ``counted``, count them
    again from now on."""

    member: MemberRef
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the delivery of this number after all: failed, uncertain or held back, it is planned anew, once, as if it
    had never been tried. ``by``: who decided, which the ledger keeps."""

    number: int
    by: MemberRef


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Let a delivery that failed, is uncertain or was held back be. ``by``: who decided, which the ledger keeps."""

    number: int
    by: MemberRef


@dataclass(frozen=True, slots=True)
class Merge:
    """Say ``into`` instead of the deliveries with the numbers ``parts``, provided that all of them still wait."""

    into: Send
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PauseAll:
    """Nothing unasked leaves on any platform until the aware UTC moment ``until`` (None: until resumed)."""

    by: MemberRef
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResumeAll:
    """What the pause held back is due now, under its rules."""


@dataclass(frozen=True, slots=True)
class CallOff:
    """What is planned under keys that begin with ``prefix``, and is not yet on its way, is held back for ``reason``;
    what was told in a digest belongs to it no more."""

    prefix: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reword:
    """The message planned under ``key`` gets other words, when nobody began to send it yet; or the part of a digest in
    a channel, so that whoever asks for all of it reads them."""

    key: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOccurrences:
    """``item`` has these occurrences after ``since`` and up to ``plan.until``: (moment, zone).

    Those planned before that are not among them go, moved ones included; what is out, skipped or missed stays as it
    is, also where it is among them. Where the fingerprint of ``plan`` is the one known already, those from
    ``plan.until`` on stay as well: somebody moved them from there. All moments are aware UTC.
    """

    item: str
    plan: Plan
    since: datetime
    moments: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DropOccurrences:
    """``item`` is no longer in the calendar: what was planned goes, what was asked about is cancelled."""

    item: str


@dataclass(frozen=True, slots=True)
class MarkOccurrences:
    """These occurrences are from now on as given: their fate, reason and due moment. Unknown ones are added.

    ``instead_of``: how they were when that was decided. When one has met another fate since, the commit raises
    Overtaken, nothing of it happens, and the cause is handled again.
    """

    slots: tuple[Slot, ...]
    instead_of: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class WakeForOccurrences:
    """Set the timer ``name`` of ``feature`` to the earliest planned occurrence of the workspace, as it stands with all
    that this commit did before; with none planned, cancel it. ``fired``: the moment of the timer being handled."""

    feature: str
    name: str
    fired: datetime | None = None


@dataclass(frozen=True, slots=True)
class WriteItem:
    """Keep the item made in chat, replacing what was there under its id.

    ``instead_of``: the version that was there when that was decided, 0 for none. When there is another by now, the
    commit raises Overtaken, nothing of it happens, and the cause is handled again. None: whatever is there.
    """

    kept: KeptItem
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """The item made in chat goes."""

    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """Write down a change (see :class:`bot.core.editorial.Change`); with ``undoes``, that one is marked undone. Who
    owns an item is not written down with it."""

    by: MemberRef
    subject: Subject
    id: str
    before: State
    after: State
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """Keep the answer written in chat, replacing what was there under its slug. ``instead_of``: see WriteItem."""

    kept: KeptAnswer
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveAnswer:
    """The answer written in chat goes."""

    slug: str


Action = (
    Send
    | Edit
    | Withdraw
    | React
    | Admit
    | ShowHome
    | RegisterMember
    | MemberWentAway
    | ChooseLanguage
    | Mute
    | SetAbsence
    | GiveRole
    | MarkManager
    | RegisterChannel
    | MoveChannel
    | NoteActivity
    | Count
    | SetTimer
    | CancelTimer
    | Remember
    | Drop
    | Forget
    | Resend
    | Dismiss
    | Merge
    | PauseAll
    | ResumeAll
    | CallOff
    | Reword
    | PlanOccurrences
    | DropOccurrences
    | MarkOccurrences
    | WakeForOccurrences
    | WriteItem
    | RemoveItem
    | RecordChange
    | WriteAnswer
    | RemoveAnswer
    | Uncount
)


@dataclass(frozen=True, slots=True)
class Planned:
    """One feature's actions for one event, ready to commit together."""

    feature: str
    actions: tuple[Action, ...] = field(default=())
