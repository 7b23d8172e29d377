"""The groups we are in: their names, their topics, their moves, and what we may do there."""

from __future__ import annotations

from functools import partial

from telegram import Chat as TelegramChat
from telegram import ChatMemberUpdated, Message, Update

from bot.core.events import BotAdmitted, ChannelChanged, ChannelMoved, ConversationClosed
from bot.core.refs import LANGUAGES, Language
from bot.platforms.telegram import reading
from bot.platforms.telegram.api import Api
from bot.platforms.telegram.keeping import Chat, Memory
from bot.platforms.telegram.people import People
from bot.platforms.telegram.reading import Names, Reading
from bot.platforms.telegram.standing import standing


class Groups:
    """Reads what updates say of groups."""

    def __init__(self, api: Api, memory: Memory, names: Names, people: People) -> None:
        self._api = api
        self._memory = memory
        self.names = names
        self._people = people

    async def chat(self, chat: TelegramChat, found: Reading, update: Update, status: str = "") -> Chat:
        """The group as kept, brought up to date; told when it is new or renamed."""
        kept = await self._memory.chat(chat.id)
        was = (kept.title, kept.kind, kept.forum, kept.username, kept.status) if kept else None
        kept = kept or Chat()
        kept.title, kept.kind = chat.title or str(chat.id), str(chat.type)
        kept.forum, kept.username = bool(chat.is_forum), chat.username or ""
        kept.status = status or kept.status or "member"
        if was == (kept.title, kept.kind, kept.forum, kept.username, kept.status):
            return kept
        if was is None or was[:2] != (kept.title, kept.kind):
            self.tell_channel(found, update, chat.id, kept)
            for topic in kept.topics if was else ():
                self.tell_channel(found, update, chat.id, kept, int(topic))
        found.after.append(partial(self._memory.keep_chat, chat.id, kept))
        return kept

    def tell_channel(
        self, found: Reading, update: Update, chat: int, kept: Chat, topic: int | None = None, archived: bool = False
    ) -> None:
        found.events.append(
            ChannelChanged(
                id=f"{update.update_id}/channel/{topic or 0}",
                at=reading.now(),
                workspace=self.names.workspace,
                channel=self.names.channel(chat, kept, topic, archived=archived),
            )
        )

    async def service(self, update: Update, message: Message, found: Reading) -> None:
        """Who came, who left, and what became of topics."""
        chat = message.chat.id
        for user in message.new_chat_members:
            if str(user.id) != self._api.id:
                await self._people.joined(update, user, chat, message.date, found)
        if message.left_chat_member is not None and str(message.left_chat_member.id) != self._api.id:
            await self._people.left(update, message.left_chat_member, chat, message.date, found)
        topic, name = message.message_thread_id, ""
        if message.forum_topic_created is not None:
            name = message.forum_topic_created.name
        elif message.forum_topic_edited is not None:
            name = message.forum_topic_edited.name or ""
        elif message.is_topic_message and message.reply_to_message is not None:
            created = message.reply_to_message.forum_topic_created
            name = created.name if created is not None else ""
        closed = message.forum_topic_closed is not None
        if topic is None or not (
            name or closed or message.forum_topic_reopened is not None or message.is_topic_message
        ):
            return
        kept = await self._memory.chat(chat) or Chat(title=message.chat.title or "")
        known = kept.topics.get(str(topic))
        if known is None or (name and known != name) or closed or message.forum_topic_reopened is not None:
            # A topic older than our time here tells its name only when it is changed.
            kept.topics[str(topic)] = name or known or str(topic)
            self.tell_channel(found, update, chat, kept, topic, archived=closed)
            found.after.append(partial(self._memory.keep_chat, chat, kept))

    def moved(self, message: Message, found: Reading) -> None:
        """A group became a supergroup: told once in each, and both mean the same."""
        old = message.migrate_from_chat_id or message.chat.id
        new = message.migrate_to_chat_id or message.chat.id
        found.events.append(
            ChannelMoved(
                id=f"moved/{old}/{new}",
                at=message.date,
                workspace=self.names.workspace,
                channel=self.names.channel_ref(old),
                now=self.names.channel_ref(new),
            )
        )
        found.after.append(partial(self._memory.move_chat, old, new))

    async def own_standing(self, update: Update, told: ChatMemberUpdated, found: Reading) -> None:
        was, now = reading.is_in(told.old_chat_member), reading.is_in(told.new_chat_member)
        if told.chat.type == TelegramChat.PRIVATE:
            if not now:
                found.events.append(
                    ConversationClosed(
                        id=str(update.update_id),
                        at=told.date,
                        workspace=self.names.workspace,
                        member=self.names.member_ref(told.from_user.id),
                    )
                )
            return
        status = str(told.new_chat_member.status)
        kept = await self.chat(told.chat, found, update, status)
        if not now:
            if was:
                self.tell_channel(found, update, told.chat.id, kept, archived=True)
            return
        if not was:
            await self._people.seen(update, told.from_user, found, group=told.chat.id)
        me = await self._api.me_now()
        said: dict[Language, str] = {each: standing(each, kept.title, me, told.new_chat_member) for each in LANGUAGES}
        found.events.append(
            BotAdmitted(
                id=f"{update.update_id}/standing",
                at=told.date,
                workspace=self.names.workspace,
                channel=self.names.channel(told.chat.id, kept),
                by=self.names.member_ref(told.from_user.id),
                said=said,
            )
        )
