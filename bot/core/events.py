"""What happened on a platform, in the past tense, in our words.

Every event carries ``id``, unique in its workspace and the same when the platform delivers it again, and ``at``, an
aware UTC moment. The words in an event are read, answered and dropped: they never reach a table in the clear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.core.checkup import Finding
from bot.core.community import Channel, Member
from bot.core.delivery import Delivery
from bot.core.errors import Problem
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, WorkspaceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    id: str
    at: datetime
    workspace: WorkspaceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined(Event):
    """A member joined the workspace (``channel`` None) or a channel."""

    member: Member
    channel: ChannelRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft(Event):
    """A member left the workspace (``channel`` None) or a channel."""

    member: MemberRef
    channel: ChannelRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChanged(Event):
    """What the platform says of a member changed: name, language, zone, guest, active."""

    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChanged(Event):
    """A channel was created, renamed or archived."""

    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMoved(Event):
    """The platform gave a channel another id; its people stay, its earlier messages are no longer reached.

    ``channel`` is what it was called, ``now`` what it is called from here on.
    """

    channel: ChannelRef
    now: ChannelRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOpened(Event):
    """A person opened the conversation with the bot alone, where that is needed before it can write to them.

    ``channel`` is that conversation. ``asked``: they came to ask for something, which follows as an event of its own.
    """

    member: Member
    channel: ChannelRef
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationClosed(Event):
    """A person closed the conversation: the bot can no longer write to them alone."""

    member: MemberRef


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequested(Event):
    """Somebody asks to be let into a channel (see :class:`bot.core.actions.Admit`)."""

    member: Member
    channel: ChannelRef


@dataclass(frozen=True, slots=True, kw_only=True)
class BotAdmitted(Event):
    """The bot was let into a channel, or its rights there changed. ``by``: who did it.

    ``said``: what it can and cannot do there and how to change that, as the platform's adapter puts it: Markdown, in
    each language.
    """

    channel: Channel
    by: MemberRef
    said: dict[Language, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePosted(Event):
    """Somebody wrote. ``thread`` is the root message when this is a reply. ``mentions_bot`` when the bot is named.

    ``direct`` when it was said to the bot alone. ``by_bot`` when any bot wrote it: such are never answered.
    """

    message: MessageRef
    member: MemberRef
    text: str
    thread: MessageRef | None = None
    direct: bool = False
    mentions_bot: bool = False
    by_bot: bool = False

    @property
    def channel(self) -> ChannelRef:
        return self.message.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited(Event):
    """A message's words changed. The new words are not carried: nothing of ours needs them."""

    message: MessageRef
    member: MemberRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted(Event):
    """A message was withdrawn."""

    message: MessageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionAdded(Event):
    """A member reacted to a message with ``emoji`` (the character itself, or its short name without colons)."""

    message: MessageRef
    member: MemberRef
    emoji: str
    on_bot: bool = False
    """Whether the message reacted to is the bot's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionRemoved(Event):
    """A member took a reaction back."""

    message: MessageRef
    member: MemberRef
    emoji: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Event):
    """A member asked the bot for something by its name: a slash command, a button, or a submitted form.

    ``text`` is what follows ``/allant`` (or ``!allant``): ``calendar next 5``. ``fields`` are a form's values.
    ``message`` is the message whose button was pressed, or the message that held a typed command; for a shortcut on a
    message (see :attr:`bot.core.feature.Command.shortcut`) that message. ``home``: a button in the
    member's home gave it; ``channel`` is then their direct conversation, and ``direct`` holds.
    """

    member: MemberRef
    channel: ChannelRef
    text: str
    direct: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    thread: MessageRef | None = None
    message: MessageRef | None = None
    button: bool = False
    home: bool = False
    token: str = field(default="", repr=False)
    """What the adapter needs to answer this very command (to open a form, say). Nobody else reads it, it is good for a
    short while only, and it is as secret as a password: never logged, never kept in the clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeOpened(Event):
    """A member looks at their home: the page that the platform gives the bot for each person (``can.home``)."""

    member: MemberRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """Allant started, or a workspace was connected. Made by ourselves; never in the inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChanged(Event):
    """Files of content/ or schedules/ changed. With ``problems``, the last good version keeps running.

    Made by ourselves; never in the inbox.
    """

    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedOver(Event):
    """The platform looked itself over, at the start and now and then: the administrators should know what is amiss.

    Made by ourselves; never in the inbox.
    """

    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTroubled(Event):
    """A delivery failed for good, or nobody can tell whether it went out: the animators should know.

    Made by ourselves; never in the inbox.
    """

    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestDue(Event):
    """There is room again in a place where these messages waited to be told together.

    Made by ourselves; never in the inbox.
    """

    parts: tuple[Delivery, ...]


AnyEvent = (
    MemberJoined
    | MemberLeft
    | MemberChanged
    | ChannelChanged
    | ChannelMoved
    | ConversationOpened
    | ConversationClosed
    | JoinRequested
    | BotAdmitted
    | MessagePosted
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | CommandGiven
    | HomeOpened
)
EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        MemberJoined,
        MemberLeft,
        MemberChanged,
        ChannelChanged,
        ChannelMoved,
        ConversationOpened,
        ConversationClosed,
        JoinRequested,
        BotAdmitted,
        MessagePosted,
        MessageEdited,
        MessageDeleted,
        ReactionAdded,
        ReactionRemoved,
        CommandGiven,
        HomeOpened,
    )
}


_IN_THE_ORDER_OF_THE_WORKSPACE = (MemberJoined, MemberLeft, MemberChanged, ConversationOpened, ConversationClosed)


def place_of(event: Event) -> str:
    """The key in whose order events are handled: the channel where there is one, else the workspace.

    Who comes, goes and changes is handled in the workspace's order, also when a channel is named: somebody new enters
    several channels within milliseconds, and each of these events must see what the one before decided.
    """
    if isinstance(event, _IN_THE_ORDER_OF_THE_WORKSPACE):
        return str(event.workspace)
    if isinstance(event, HomeOpened):
        return f"home of {event.member}"  # Nobody waits for another's home, nor for what newcomers do.
    channel = getattr(event, "channel", None)
    if isinstance(channel, ChannelRef):
        return str(channel)
    message = getattr(event, "message", None)
    return str(message.channel) if isinstance(message, MessageRef) else str(event.workspace)
