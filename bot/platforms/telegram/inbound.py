"""Takes one update after the other: what it means, handed over until it is durable, then what follows from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from functools import partial

from telegram import Chat as TelegramChat
from telegram import InlineQueryResultArticle as Article
from telegram import InputTextMessageContent, Message, Update, User

from bot.core.errors import PlatformError, where
from bot.core.events import (
    ChannelChanged,
    CommandGiven,
    ConversationOpened,
    JoinRequested,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from bot.core.patience import hand_over
from bot.core.platform import Equipment, OnEvent
from bot.core.refs import Language, MessageRef, WorkspaceRef
from bot.platforms.telegram import reading
from bot.platforms.telegram.api import Api
from bot.platforms.telegram.conversation import Conversation
from bot.platforms.telegram.groups import Groups
from bot.platforms.telegram.keeping import Memory, language_of
from bot.platforms.telegram.outbound import Sender
from bot.platforms.telegram.people import People
from bot.platforms.telegram.reading import Names, Reading
from bot.platforms.telegram.words import say

log = logging.getLogger("allant.telegram")

REMEMBERED = 5_000
"""Messages whose topic is kept in mind: reactions do not say in which they are."""


class Listener:
    """Reads updates. One at a time: what one says of people and groups, the next must see."""

    def __init__(
        self,
        api: Api,
        workspace: WorkspaceRef,
        memory: Memory,
        sender: Sender,
        conversation: Conversation,
        language: Language,
    ) -> None:
        self._api = api
        self._memory = memory
        self._sender = sender
        self._conversation = conversation
        self._language: Language = language
        self.names = Names(workspace, language)
        self.people = People(memory, self.names)
        self.groups = Groups(api, memory, self.names, self.people)
        self._topics: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._equipment: Equipment | None = None
        self._one_at_a_time = asyncio.Lock()

    def equip(self, equipment: Equipment) -> None:
        self._equipment = equipment

    async def take_in(self, update: Update, on_event: OnEvent, *, patiently: bool) -> None:
        """Returns once all of it is durable. ``patiently``: however long the store is away; else its error is raised,
        and whoever brought the update brings it again."""
        async with self._one_at_a_time:
            found = Reading()
            try:
                await self._read(update, found)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                log.warning("an update could not be read and was passed over: %s", where(error))
            for event in found.events:
                await (hand_over(event, on_event) if patiently else on_event(event))
            for step in found.after:
                try:
                    await step()
                except PlatformError as error:
                    log.warning("what follows from an update could not be done: %s", error)

    async def _read(self, update: Update, found: Reading) -> None:
        message = update.message or update.edited_message
        if message is not None:
            await self._message(update, message, found, edited=update.message is None)
        elif update.chat_member is not None:
            told = update.chat_member
            if str(told.new_chat_member.user.id) != self._api.id:  # my_chat_member says that.
                await self.groups.chat(told.chat, found, update)
                await self.people.changed(update, told, found)
        elif update.my_chat_member is not None:
            await self.groups.own_standing(update, update.my_chat_member, found)
        elif update.message_reaction is not None:
            await self._reaction(update, found)
        elif update.callback_query is not None:
            await self._button(update, found)
        elif update.inline_query is not None:
            found.after.append(partial(self._suggest, update))
        elif update.chat_join_request is not None:
            request = update.chat_join_request
            chat = await self.groups.chat(request.chat, found, update)
            member = self.names.person(request.from_user, guest=not (await self.people.groups(request.from_user)))
            channel = self.names.channel(request.chat.id, chat).ref
            found.events.append(
                JoinRequested(
                    id=str(update.update_id),
                    at=request.date,
                    workspace=self.names.workspace,
                    member=member,
                    channel=channel,
                )
            )

    # Messages

    async def _message(self, update: Update, message: Message, found: Reading, *, edited: bool) -> None:
        chat, user = message.chat, message.from_user
        private = chat.type == TelegramChat.PRIVATE
        if not private:
            if message.migrate_to_chat_id or message.migrate_from_chat_id:
                self.groups.moved(message, found)
                return
            await self.groups.chat(chat, found, update)
            await self.groups.service(update, message, found)
        if user is None:
            return
        if not reading.by_nobody(message) and not message.left_chat_member:
            await self.people.seen(update, user, found, group=None if private else chat.id)
        if not reading.is_content(message):
            return
        if edited:
            ref = self.names.message_ref(message)
            found.events.append(
                MessageEdited(
                    id=str(update.update_id),
                    at=message.edit_date or message.date,
                    workspace=self.names.workspace,
                    message=ref,
                    member=self.names.member_ref(user.id),
                )
            )
            return
        topic = reading.topic_of(message)
        if topic:
            self._topics[chat.id, message.message_id] = topic
            if len(self._topics) > REMEMBERED:
                self._topics.popitem(last=False)
        if not reading.by_nobody(message) and await self._command(update, message, user, found, private=private):
            return
        if private and await self._conversation.answered(update, message, user, found):
            return
        await self._posted(update, message, user, found, private=private)

    async def _posted(self, update: Update, message: Message, user: User, found: Reading, *, private: bool) -> None:
        named, text = reading.names_bot(message, await self._api.me())
        if private and not text:
            return  # A picture or a sticker for us alone: nothing to answer, and not counted either.
        found.events.append(
            MessagePosted(
                id=str(update.update_id),
                at=message.date,
                workspace=self.names.workspace,
                message=self.names.message_ref(message),
                member=self.names.member_ref(user.id),
                text=text,
                thread=None if private else reading.thread_of(message, self.names),
                direct=private,
                mentions_bot=named,
                by_bot=reading.by_nobody(message),
            )
        )

    async def _command(self, update: Update, message: Message, user: User, found: Reading, *, private: bool) -> bool:
        """Whether it was a command, ours or another bot's."""
        match = reading.COMMAND.fullmatch((await reading.with_people(message, self._memory.user_named)).strip())
        if match is None or not message.text:
            return False
        word, bot, rest = match.group(1), match.group(2) or "", (match.group(3) or "").strip()
        me = await self._api.me()
        if bot and bot.casefold() != (me.username or "").casefold():
            return True
        if word == "start" and private:
            await self._started(update, message, user, rest, found)
            return True
        text = rest if word == "allant" else f"{word} {rest}".strip()
        if not (private or bot or word == "allant" or self._knows(text)):
            return False  # Another bot's of the same group, most likely.
        if private and await self._conversation.interrupted(update, user, word, found):
            return True
        self._give(found, update, message, user, text, private=private)
        return True

    def _knows(self, text: str) -> bool:
        return self._equipment is not None and self._equipment.knows(text)

    def _give(self, found: Reading, update: Update, message: Message, user: User, text: str, *, private: bool) -> None:
        found.events.append(
            CommandGiven(
                id=str(update.update_id),
                at=message.date,
                workspace=self.names.workspace,
                member=self.names.member_ref(user.id),
                channel=self.names.channel_of(message),
                text=text,
                direct=private,
                thread=None if private else reading.thread_of(message, self.names),
                message=self.names.message_ref(message),
            )
        )

    async def _started(self, update: Update, message: Message, user: User, payload: str, found: Reading) -> None:
        """The person pressed Start: from now on we may write to them."""
        guest = not await self.people.groups(user)
        member = self.names.person(user, guest=guest)
        kind, _, token = payload.partition("-")
        command = await self._memory.command_of(f"k:{token}") if kind == "k" else ""
        found.events.append(
            ChannelChanged(
                id=f"{update.update_id}/channel",
                at=message.date,
                workspace=self.names.workspace,
                channel=self.names.direct_channel(user),
            )
        )
        found.events.append(
            ConversationOpened(
                id=f"{update.update_id}/opened",
                at=message.date,
                workspace=self.names.workspace,
                member=member,
                channel=self.names.channel_ref(user.id),
                asked=bool(command) or kind in ("h", "f"),
            )
        )
        if command:
            self._give(found, update, message, user, command, private=True)
        elif kind == "h":
            found.after.append(partial(self._sender.release, token, user))
        elif kind == "f":
            found.after.append(partial(self._conversation.begin, update.update_id, token, user))

    async def _button(self, update: Update, found: Reading) -> None:
        query = update.callback_query
        if query is None or query.data is None or query.message is None:
            return
        user, message = query.from_user, query.message
        private = message.chat.type == TelegramChat.PRIVATE
        await self.people.seen(update, user, found, group=None if private else message.chat.id)
        if await self._conversation.pressed(update, query, found):
            return
        command = await self._memory.command_of(query.data)
        if not command:
            found.after.append(
                partial(self._answer, query.id, say(await self.language_for(user.id, user.language_code), "old_button"))
            )
            return
        topic = reading.topic_of(message) if isinstance(message, Message) else None
        channel = self.names.channel_ref(message.chat.id, topic)
        found.events.append(
            CommandGiven(
                id=str(update.update_id),
                at=reading.now(),
                workspace=self.names.workspace,
                member=self.names.member_ref(user.id),
                channel=channel,
                text=command,
                direct=private,
                message=MessageRef(channel, str(message.message_id)),
                button=True,
            )
        )
        found.after.append(partial(self._answer, query.id))

    async def _answer(self, query: str, text: str = "") -> None:
        """Ends the little clock on a pressed button. It is no matter when it is too late for that."""
        with contextlib.suppress(PlatformError):
            await self._api.ask(self._api.bot.answer_callback_query(query, text=text or None))

    async def _reaction(self, update: Update, found: Reading) -> None:
        told = update.message_reaction
        if told is None or told.user is None:
            return  # Somebody who hides behind the group.
        group = None if told.chat.type == TelegramChat.PRIVATE else told.chat.id
        await self.people.seen(update, told.user, found, group=group)
        topic = self._topics.get((told.chat.id, told.message_id))
        message = MessageRef(self.names.channel_ref(told.chat.id, topic), str(told.message_id))
        member = self.names.member_ref(told.user.id)
        added, removed = reading.emojis(told)
        on_bot = self._sender.said(message) or (
            self._equipment is not None and bool(added) and await self._equipment.is_ours(message)
        )
        for number, emoji in enumerate(added):
            found.events.append(
                ReactionAdded(
                    id=f"{update.update_id}/+{number}",
                    at=told.date,
                    workspace=self.names.workspace,
                    message=message,
                    member=member,
                    emoji=emoji,
                    on_bot=on_bot,
                )
            )
        for number, emoji in enumerate(removed):
            found.events.append(
                ReactionRemoved(
                    id=f"{update.update_id}/-{number}",
                    at=told.date,
                    workspace=self.names.workspace,
                    message=message,
                    member=member,
                    emoji=emoji,
                )
            )

    # While somebody is still typing

    async def _suggest(self, update: Update) -> None:
        """What the FAQ holds, as far as the person may see it. A late answer is of no use, so it is not tried again."""
        query = update.inline_query
        if query is None or self._equipment is None:
            return
        language = await self.language_for(query.from_user.id, query.from_user.language_code)
        ref = self.names.member_ref(query.from_user.id)
        found = await self._equipment.look_up(ref, query.query[:256], language)
        articles = []
        for each in found:
            text = self._sender.scribe.texts(each.text)[0]
            content = InputTextMessageContent(text.text, entities=text.entities)
            articles.append(Article(each.id[:64], each.title, content, description=text.text[len(each.title) :][:120]))
        with contextlib.suppress(PlatformError):
            await self._api.ask(self._api.bot.answer_inline_query(query.id, articles, cache_time=30, is_personal=True))

    async def language_for(self, user: int, code: str | None = None) -> Language:
        """What the person chose, else what their Telegram speaks (``code``)."""
        chosen = None
        if self._equipment is not None:
            chosen = await self._equipment.language_of(self.names.member_ref(user))
        return chosen or language_of(code, self._language)
