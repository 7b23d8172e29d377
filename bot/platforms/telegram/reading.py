"""From Telegram's updates to our events."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from telegram import Chat as TelegramChat
from telegram import (
    ChatMember,
    ChatMemberRestricted,
    Message,
    MessageEntity,
    MessageReactionUpdated,
    ReactionTypeEmoji,
    User,
)

from bot.core.community import Channel, Member
from bot.core.events import Event
from bot.core.message import escape
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.telegram.keeping import Chat, Person, language_of

COMMAND = re.compile(r"/([^\s@/]+)(?:@(\w+))?(?:\s+([\s\S]*))?")
ANONYMOUS = frozenset({1087968824, 136817688, 777000})
"""Telegram's own accounts behind which groups and channels speak: GroupAnonymousBot, Channel Bot, Telegram."""


@dataclass(slots=True)
class Reading:
    """What an update means: our events, in order, and what is to be done once they are durable."""

    events: list[Event] = field(default_factory=list)
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


class Names:
    """Makes our names of Telegram's."""

    def __init__(self, workspace: WorkspaceRef, language: Language) -> None:
        self.workspace = workspace
        self._language = language

    def member_ref(self, user: int) -> MemberRef:
        return MemberRef(self.workspace, str(user))

    def channel_ref(self, chat: int, topic: int | None = None) -> ChannelRef:
        """A topic of a forum is a channel of its own; what is said in none of them belongs to the group itself."""
        return ChannelRef(self.workspace, f"{chat}:{topic}" if topic else str(chat))

    def channel_of(self, message: Message) -> ChannelRef:
        return self.channel_ref(message.chat.id, topic_of(message))

    def message_ref(self, message: Message) -> MessageRef:
        return MessageRef(self.channel_of(message), str(message.message_id))

    def person(self, user: User, *, guest: bool) -> Member:
        """The person as Telegram tells of them; it knows no time zones."""
        return Member(
            self.member_ref(user.id),
            name=(user.full_name or "").strip() or str(user.id),
            language=language_of(user.language_code, self._language),
            guest=guest,
            bot=user.is_bot,
        )

    def channel(self, chat: int, kept: Chat, topic: int | None = None, *, archived: bool = False) -> Channel:
        """The group, or its topic as ``group/topic``."""
        name = kept.title if not topic else f"{kept.title}/{kept.topics.get(str(topic), topic)}"
        return Channel(
            self.channel_ref(chat, topic), name=name, archived=archived, one_way=kept.kind == TelegramChat.CHANNEL
        )

    def direct_channel(self, user: User) -> Channel:
        return Channel(self.channel_ref(user.id), name=user.full_name or str(user.id), direct=True)


def changed(known: Person | None, now: Member) -> bool:
    """Whether Telegram tells something else of the person than what we told last."""
    return known is None or (known.name, known.language, known.guest) != (now.name, now.language, now.guest)


def topic_of(message: Message) -> int | None:
    """The topic's id; None outside topics. Plain replies carry a thread id too, which is none."""
    return message.message_thread_id if message.is_topic_message else None


def thread_of(message: Message, names: Names) -> MessageRef | None:
    """The message at the root of the replies this one belongs to, as far as Telegram tells."""
    answered = message.reply_to_message
    if answered is None or answered.forum_topic_created is not None:
        return None
    root = answered.message_id
    if not message.is_topic_message and message.message_thread_id:
        root = message.message_thread_id
    if message.is_topic_message and root == message.message_thread_id:
        return None
    return MessageRef(names.channel_of(message), str(root))


def is_in(member: ChatMember) -> bool:
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status in (ChatMember.OWNER, ChatMember.ADMINISTRATOR, ChatMember.MEMBER)


def by_nobody(message: Message) -> bool:
    """Whether a bot, a channel, or a group under its own name wrote it: nobody who could be answered."""
    user = message.from_user
    return user is None or user.is_bot or user.id in ANONYMOUS or message.sender_chat is not None


def is_content(message: Message) -> bool:
    """Whether it is something somebody said or sent, and no service message."""
    return bool(message.text or message.caption) or message.effective_attachment is not None


def words_of(message: Message) -> str:
    return message.text or message.caption or ""


def names_bot(message: Message, me: User) -> tuple[bool, str]:
    """Whether the message names the bot, and its words without the name at either end."""
    text = words_of(message)
    entities = {**message.parse_entities(), **message.parse_caption_entities()}
    named = False
    for entity, shown in entities.items():
        by_name = entity.type == MessageEntity.MENTION and shown.casefold() == f"@{me.username}".casefold()
        by_id = entity.type == MessageEntity.TEXT_MENTION and entity.user is not None and entity.user.id == me.id
        if by_name or by_id:
            named = True
            text = text.replace(shown, " ", 1)
    return named, " ".join(text.split(" ")).strip(" ,:;\n") if named else text


async def with_people(message: Message, named: Callable[[str], Awaitable[int | None]]) -> str:
    """A command's words with the people it mentions as real mentions, which the features understand."""
    text = words_of(message)
    for entity, shown in message.parse_entities().items():
        user: int | None = None
        if entity.type == MessageEntity.TEXT_MENTION and entity.user is not None:
            user = entity.user.id
        elif entity.type == MessageEntity.MENTION:
            user = await named(shown.removeprefix("@"))
        if user is not None:
            text = text.replace(shown, f"[{escape(shown)}](mention:{quote(str(user), safe='')})", 1)
    return text


def emojis(update: MessageReactionUpdated) -> tuple[list[str], list[str]]:
    """The emojis added and taken back; those of one's own making (custom emojis) have no sign to name."""
    old = [each.emoji for each in update.old_reaction if isinstance(each, ReactionTypeEmoji)]
    new = [each.emoji for each in update.new_reaction if isinstance(each, ReactionTypeEmoji)]
    return [each for each in new if each not in old], [each for each in old if each not in new]


def now() -> datetime:
    """For updates that carry no date."""
    return datetime.now(UTC)
