"""From a delivery to requests. Telegram knows no key of ours: what may have arrived is never repeated here."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReactionTypeEmoji,
    ReplyParameters,
    User,
)
from telegram import Message as TelegramMessage

from bot.core.delivery import Delivery, Receipt, Verb
from bot.core.errors import PlatformError, RateLimited, Refused, Unreachable, Unsure
from bot.core.message import Button, Markup, Message, escape
from bot.core.platform import Equipment
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.telegram.api import Api, Moved, NotOpened
from bot.platforms.telegram.forms import FORM_KEPT, form_of, form_to_json
from bot.platforms.telegram.keeping import COMMAND_KEPT, HELD, Memory
from bot.platforms.telegram.words import say
from bot.platforms.telegram.writing import Scribe, Text, in_rows

T = TypeVar("T")

REMEMBERED = 5_000
"""Messages of our own kept in mind, so that nobody else is asked whether they are ours."""
LONGEST_PAUSE = 45.0
"""Seconds we wait between the parts of one message when Telegram asks for it; a delivery may take a minute."""
MOST_BUTTONS = 100
"""In one keyboard (Bot API)."""
_STYLES = {"primary": "primary", "danger": "danger"}


class Sender:
    """Carries out deliveries. Raises the errors of :class:`Api`, and Refused for what can never be done."""

    def __init__(self, api: Api, workspace: WorkspaceRef, memory: Memory, scribe: Scribe, language: Language) -> None:
        self._api = api
        self._workspace = workspace
        self._memory = memory
        self.scribe = scribe
        self._language: Language = language
        self._said: OrderedDict[MessageRef, None] = OrderedDict()
        self._equipment: Equipment | None = None

    def equip(self, equipment: Equipment) -> None:
        self._equipment = equipment

    def said(self, message: MessageRef) -> bool:
        """Whether this process said it lately."""
        return message in self._said

    async def do(self, delivery: Delivery) -> Receipt:
        if delivery.verb is Verb.SEND:
            return await self._send(delivery)
        if delivery.verb is Verb.ADMIT:
            return await self._admit(delivery)
        if delivery.verb is Verb.HOME:
            raise Refused("Telegram gives a bot no page for each person")
        if delivery.target is None:
            raise Refused(f"{delivery.verb} names no message")
        chat, message = _chat(delivery.target.channel.id)[0], _number(delivery.target.id)
        if delivery.verb is Verb.EDIT:
            await self._edit(delivery, delivery.target, chat, message)
        elif delivery.verb is Verb.WITHDRAW:
            await self._withdraw(delivery.target, chat, message)
        else:
            reaction = [ReactionTypeEmoji(delivery.emoji)]
            await self._do(self._api.bot.set_message_reaction(chat, message, reaction))
        return Receipt(delivery.target)

    # Sending

    async def _send(self, delivery: Delivery) -> Receipt:
        person = delivery.to if isinstance(delivery.to, MemberRef) else delivery.visible_to
        if person is None:
            return await self._to_channel(delivery)
        try:
            sent = await self._parts(_number(person.id), None, delivery.message, "")
        except Refused as error:
            if isinstance(delivery.to, MemberRef) or not _never_met(error):
                raise
            if delivery.to.id == person.id:
                raise  # In the conversation itself: it was closed.
            return await self._hold(delivery, person)
        return await self._receipt(ChannelRef(self._workspace, person.id), sent)

    async def _to_channel(self, delivery: Delivery) -> Receipt:
        chat, topic = _chat(delivery.to.id)
        chat = await self._memory.now(chat)
        thread = ""
        if delivery.thread is not None and delivery.thread.channel.id == delivery.to.id:
            thread = delivery.thread.id
        try:
            sent = await self._parts(chat, topic, delivery.message, thread)
        except Moved as moved:
            # Nothing was sent, so this is no second time; a thread is left behind with the old group.
            await self._memory.move_chat(chat, moved.chat)
            chat = moved.chat
            sent = await self._parts(chat, topic, delivery.message, "")
        return await self._receipt(_channel(self._workspace, chat, topic), sent)

    async def _parts(self, chat: int, topic: int | None, message: Message, thread: str) -> list[int]:
        """The ids of the messages it took, in order. The last has the buttons."""
        texts = self.scribe.texts(message.text)
        keyboard = await self.keyboard(message)
        sent: list[int] = []
        for number, text in enumerate(texts):
            last = number == len(texts) - 1

            async def post(text: Text = text, last: bool = last, first: bool = number == 0) -> TelegramMessage:
                return await self._api.post(
                    self._api.bot.send_message(
                        chat,
                        text.text or "…",
                        entities=text.entities,
                        link_preview_options=_preview(text),
                        message_thread_id=topic,
                        reply_parameters=_reply(thread) if first else None,
                        reply_markup=keyboard if last else None,
                    )
                )

            sent.append((await (self._on(post) if sent else post())).message_id)
        return sent

    async def _on(self, post: Callable[[], Awaitable[T]]) -> T:
        """One of the later parts: what came before is out, so that it may be tried again but not given up lightly."""
        waited = 0.0
        while True:
            try:
                return await post()
            except (RateLimited, Unreachable) as error:
                wait = error.retry_after if isinstance(error, RateLimited) else 2.0
                waited += wait
                if waited > LONGEST_PAUSE:
                    raise Unsure("only its beginning was sent: Telegram took no more") from None
                await asyncio.sleep(wait)
            except PlatformError as error:
                raise Unsure(f"only its beginning was sent: {error}") from None

    async def keyboard(self, message: Message) -> InlineKeyboardMarkup | None:
        """The message's buttons, and one that begins its form."""
        buttons = [await self._button(each) for each in message.buttons[:MOST_BUTTONS]]
        if message.form is not None:
            token = secrets.token_urlsafe(12)
            await self._memory.keep(f"form/{token}", form_to_json(message.form), FORM_KEPT)
            buttons.append(InlineKeyboardButton(_label(f"✏️ {message.form.title}"), callback_data=f"f:{token}"))
        if not buttons:
            return None
        rows, rest = [], buttons
        for count in in_rows([each.text for each in buttons]):
            rows.append(rest[:count])
            rest = rest[count:]
        return InlineKeyboardMarkup(rows)

    async def _button(self, button: Button) -> InlineKeyboardButton:
        label, style = _label(button.label), _STYLES.get(button.style)
        if button.direct:
            payload = await self._memory.start_for(button.command)
            return InlineKeyboardButton(label, url=await self.address(payload), style=style)
        return InlineKeyboardButton(label, callback_data=await self._memory.data_for(button.command), style=style)

    async def address(self, payload: str) -> str:
        """The address that opens the conversation with the bot and tells it ``payload``."""
        return f"https://t.me/{(await self._api.me()).username}?start={payload}"

    async def _receipt(self, channel: ChannelRef, sent: Sequence[int]) -> Receipt:
        message = MessageRef(channel, str(sent[-1]))
        self._said[message] = None
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        if len(sent) > 1:
            await self._memory.keep(_long_name(message), {"earlier": list(sent[:-1])}, COMMAND_KEPT)
        return Receipt(message)

    async def _earlier(self, message: MessageRef) -> list[int]:
        """The parts before the last of one of our long messages."""
        kept = await self._memory.load(_long_name(message))
        return list(kept["earlier"]) if kept else []

    # What only one may see, and who has not opened the conversation

    async def _hold(self, delivery: Delivery, person: MemberRef) -> Receipt:
        """Keep the answer until the person opens the conversation, and tell them so in the group."""
        token = secrets.token_urlsafe(12)
        user = _number(person.id)
        kept = {"user": user, "text": delivery.message.text, "buttons": [asdict(b) for b in delivery.message.buttons]}
        if delivery.message.form is not None:
            kept["form"] = form_to_json(delivery.message.form)
        await self._memory.keep(f"held/{token}", kept, HELD, user)
        language = await self._language_of(person)
        known = await self._memory.person(user)
        name = known.name if known is not None else person.id
        mention = Markup(f"[{escape(name)}](mention:{user})")
        notice = self.scribe.texts(say(language, "only_in_private", name=mention))[0]
        button = InlineKeyboardButton(say(language, "open"), url=await self.address(f"h-{token}"))
        chat, topic = _chat(delivery.to.id)
        chat = await self._memory.now(chat)
        thread = delivery.thread.id if delivery.thread is not None else ""
        sent = await self._api.post(
            self._api.bot.send_message(
                chat,
                notice.text,
                entities=notice.entities,
                message_thread_id=topic,
                reply_parameters=_reply(thread),
                reply_markup=InlineKeyboardMarkup([[button]]),
            )
        )
        return await self._receipt(_channel(self._workspace, chat, topic), [sent.message_id])

    async def release(self, token: str, user: User) -> None:
        """The person opened the conversation: what waited for them is said. It goes before it is said, as nothing is
        ever said twice blindly."""
        name = f"held/{token}"
        kept = await self._memory.load(name)
        language = await self._language_of(MemberRef(self._workspace, str(user.id)))
        if kept is None or kept["user"] != user.id:
            await self.say(user.id, Message(say(language, "too_old" if kept is None else "not_yours")))
            return
        await self._memory.drop(name)
        form = form_of(kept["form"]) if kept.get("form") else None
        buttons = tuple(Button(**each) for each in kept["buttons"])
        await self.say(user.id, Message(kept["text"], buttons, form))

    async def say(self, user: int, message: Message) -> None:
        """Say something at once, in the conversation with a person who just did something there."""
        await self._parts(user, None, message, "")

    async def _language_of(self, person: MemberRef) -> Language:
        found = await self._equipment.language_of(person) if self._equipment is not None else None
        return found or self._language

    # Changing what is there

    async def _edit(self, delivery: Delivery, target: MessageRef, chat: int, message: int) -> None:
        texts = self.scribe.texts(delivery.message.text)
        earlier = await self._earlier(target)
        if len(texts) != len(earlier) + 1:
            raise Refused("the new words take another number of messages: take it back and send it anew")
        keyboard = await self.keyboard(delivery.message)
        for number, text in zip([*earlier, message], texts, strict=True):
            await self._do(
                self._api.bot.edit_message_text(
                    text.text or "…",
                    chat,
                    number,
                    entities=text.entities,
                    link_preview_options=_preview(text),
                    reply_markup=keyboard if number == message else None,
                ),
                "not modified",
            )

    async def _withdraw(self, target: MessageRef, chat: int, message: int) -> None:
        for number in await self._earlier(target):
            await self._do(self._api.bot.delete_message(chat, number), "not found")
        await self._do(self._api.bot.delete_message(chat, message))
        await self._memory.drop(_long_name(target))

    async def _admit(self, delivery: Delivery) -> Receipt:
        if delivery.visible_to is None:
            raise Refused("nobody is named")
        chat, _ = _chat(delivery.to.id)
        chat = await self._memory.now(chat)
        request = self._api.bot.approve_chat_join_request(chat, _number(delivery.visible_to.id))
        await self._do(request, "already")
        return Receipt()

    async def _do(self, request: Awaitable[Any], fine: str = "") -> None:
        """``fine``: what Telegram refuses with when it is so already."""
        try:
            await self._api.post(request)
        except Moved:
            raise Refused("the group became a supergroup, in which its earlier messages are out of reach") from None
        except Refused as error:
            if not fine or fine not in str(error).casefold():
                raise


def _preview(text: Text) -> LinkPreviewOptions:
    """The picture above the words where there is one; addresses in the words show nothing of what they lead to."""
    if text.picture:
        return LinkPreviewOptions(url=text.picture, prefer_large_media=True, show_above_text=True)
    return LinkPreviewOptions(is_disabled=True)


def _reply(thread: str) -> ReplyParameters | None:
    """A reply to a message that is gone meanwhile is sent all the same."""
    return ReplyParameters(int(thread), allow_sending_without_reply=True) if thread.isdecimal() else None


def _never_met(error: Refused) -> bool:
    """Whether Telegram would not let us write to the person, as they never wrote to us (or no longer want us to)."""
    return isinstance(error, NotOpened) or "chat not found" in str(error).casefold()


def _chat(channel: str) -> tuple[int, int | None]:
    """A chat's id and topic. Raises Refused for what is no id of Telegram's."""
    chat, _, topic = channel.partition(":")
    return _number(chat), _number(topic) if topic else None


def _channel(workspace: WorkspaceRef, chat: int, topic: int | None) -> ChannelRef:
    return ChannelRef(workspace, f"{chat}:{topic}" if topic else str(chat))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused("this is no id of Telegram's") from None


def _long_name(message: MessageRef) -> str:
    return f"long/{message.channel.id}/{message.id}"


def _label(text: str) -> str:
    """A button's words: Telegram takes more, and shows little of it."""
    return text if len(text) <= 60 else f"{text[:59]}…"
