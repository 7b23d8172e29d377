"""A small Bot API on the wire: what Telegram does, as far as Allant uses it, with its limits and its refusals.

The real python-telegram-bot talks to it. People are moved by the tests through :class:`BotApi`'s own methods.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web import listen, web_server
from tests.wire.telegram_chats import (
    BOT_ID,
    IN,
    RIGHTS,
    TOKEN,
    Json,
    Limits,
    Refusal,
    Room,
    check_keyboard,
    entities_of,
)


class BotApi:
    """The server. ``privacy``: whether the bot sees only what is meant for it, where it is no administrator."""

    def __init__(self, *, privacy: bool = False, limits: Limits | None = None) -> None:
        self.privacy = privacy
        self.limits = limits
        self.token = TOKEN
        self.users: dict[int, Json] = {
            BOT_ID: {"id": BOT_ID, "is_bot": True, "first_name": "Allant", "username": "allant_test_bot"}
        }
        self.rooms: dict[int, Room] = {}
        self.updates: deque[Json] = deque()
        self.confirmed = 0
        self.started: set[int] = set()
        self.reactions: defaultdict[tuple[int, int], dict[str, list[int]]] = defaultdict(dict)
        self.answers: list[Json] = []
        """answerCallbackQuery and answerInlineQuery, as they came."""
        self.commands: dict[str, list[Json]] = {}
        self.requests: dict[int, set[int]] = defaultdict(set)
        self.asked: list[tuple[float, str, Json]] = []
        """Every request but getUpdates: when, which method, with what."""
        self.webhook: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
        self.refuse_next: deque[Refusal] = deque()
        self.slow = 0.0
        """Seconds that a message takes at the longest, on its way there and back each."""
        self._dice = random.Random(7)
        self._numbers = itertools.count(1000)
        self._update_ids = itertools.count(7_000_001)
        self._more = asyncio.Condition()
        self._closing = False
        self.public = ("", "")
        """The address the bot believes to have, and where it really is."""
        self.taken = 0
        """Messages of the bot that were taken."""
        self.url = ""

    # Serving

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[BotApi]:
        app = Starlette(
            routes=[
                Route("/bot{token}/{method}", self._call, methods=["POST", "GET"]),
                Route("/", lambda _: Response(), methods=["GET", "HEAD"]),
            ]
        )
        socket = listen("127.0.0.1", port)
        server = web_server(app)
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        self._closing = False
        try:
            yield self
        finally:
            self._closing = True
            async with self._more:
                self._more.notify_all()
            server.should_exit = server.force_exit = True
            await serving
            socket.close()

    async def _call(self, request: Request) -> Response:
        method = request.path_params["method"]
        given: Json = {}
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)  # Whoever asked was killed while asking.
        for name, value in parse_qsl(body.decode(), keep_blank_values=True):
            given[name] = _value(name, value)
        if request.path_params["token"] != self.token:
            return _refused(Refusal(401, "Unauthorized"))
        if method == "getUpdates":
            return await self._get_updates(given)
        self.asked.append((time.monotonic(), method, given))
        handler = getattr(self, f"_{method}", None)
        if handler is None:
            return _refused(Refusal(404, "Not Found: method not found"))
        slow = self.slow if method.startswith("send") else 0.0
        await asyncio.sleep(self._dice.uniform(0, slow))
        try:
            if self.refuse_next and method.startswith(("send", "edit")):
                raise self.refuse_next.popleft()
            result = handler(given)
            if asyncio.iscoroutine(result):
                result = await result
        except Refusal as refusal:
            return _refused(refusal)
        # Taken, and not answered yet: whoever is killed meanwhile cannot know.
        await asyncio.sleep(self._dice.uniform(0, slow))
        return JSONResponse({"ok": True, "result": result})

    async def _get_updates(self, given: Json) -> Response:
        if self.webhook["url"]:
            return _refused(Refusal(409, "Conflict: can't use getUpdates method while webhook is active"))
        offset, end = int(given.get("offset", 0)), time.monotonic() + float(given.get("timeout", 0))
        allowed = given.get("allowed_updates")
        async with self._more:
            while self.updates and self.updates[0]["update_id"] < offset:
                self.confirmed = self.updates.popleft()["update_id"]
                self._more.notify_all()
            while not self.updates and time.monotonic() < end and not self._closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), max(0.01, end - time.monotonic()))
            found = list(self.updates)[: int(given.get("limit", 100))]
        return JSONResponse({"ok": True, "result": [each for each in found if _allowed(each, allowed)]})

    async def update(self, **what: Json) -> int:
        """Something happened: the bot is told, by whichever way it chose. The update's id."""
        number = next(self._update_ids)
        update: Json = {"update_id": number, **what}
        async with self._more:
            if not self.webhook["url"]:
                self.updates.append(update)
                self._more.notify_all()
        if self.webhook["url"]:
            await self._bring(update)
        return number

    async def asked_for(self, method: str, times: int = 1) -> None:
        """Wait until the bot has asked for this so many times."""
        async with asyncio.timeout(20):
            while self.methods().count(method) < times:  # noqa: ASYNC110  # Requests tell nobody.
                await asyncio.sleep(0.01)

    async def all_read(self) -> None:
        """Wait until the bot has confirmed everything that happened."""
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: not self.updates)

    async def _bring(self, update: Json) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook.get("secret_token", "")}
        async with httpx.AsyncClient() as client:
            for _ in range(20):
                answer = await client.post(self.webhook["url"].replace(*self.public), json=update, headers=headers)
                if answer.is_success:
                    return
                await asyncio.sleep(0.05)

    # People, as the tests move them

    def user(self, name: str, *, language: str = "en", username: str = "") -> int:
        identifier = next(self._numbers) + 100_000
        self.users[identifier] = {
            "id": identifier,
            "is_bot": False,
            "first_name": name,
            "language_code": language,
            **({"username": username} if username else {}),
        }
        return identifier

    def group(self, title: str, *, supergroup: bool = True, forum: bool = False, bot: str = "administrator") -> Room:
        number = next(self._numbers)
        identifier = -1_000_000_000_000 - number if supergroup else -number
        room = Room(identifier, "supergroup" if supergroup else "group", title, forum=forum)
        room.members[BOT_ID] = bot
        self.rooms[identifier] = room
        return room

    def private(self, user: int) -> Room:
        room = self.rooms.get(user)
        if room is None:
            room = self.rooms[user] = Room(user, "private", self.users[user]["first_name"])
        return room

    async def admit_bot(self, room: Room, by: int, *, before: str = "left", now: str = "") -> None:
        """Somebody lets the bot in, takes it out or changes its rights."""
        if now:
            room.members[BOT_ID] = now
        await self.update(my_chat_member=self._change(room, by, BOT_ID, before, room.members.get(BOT_ID, "left")))

    async def join(self, room: Room, user: int, *, quietly: bool = False, by_link: bool = False) -> None:
        """``quietly``: without the service message, as in large groups."""
        before = room.members.get(user, "left")
        room.members[user] = "member"
        if room.members.get(BOT_ID) == "administrator":
            change = self._change(room, user, user, before, "member")
            if by_link:
                change["invite_link"] = {
                    "invite_link": "https://t.me/+abc",
                    "creator": self.users[BOT_ID],
                    "creates_join_request": False,
                    "is_primary": False,
                    "is_revoked": False,
                }
            await self.update(chat_member=change)
        if not quietly:
            await self.update(message=self._message(room, user, new_chat_members=[self.users[user]]))

    async def leave(self, room: Room, user: int) -> None:
        before = room.members.pop(user, "left")
        if room.members.get(BOT_ID) == "administrator":
            await self.update(chat_member=self._change(room, user, user, before, "left"))
        await self.update(message=self._message(room, user, left_chat_member=self.users[user]))

    async def ask_to_join(self, room: Room, user: int) -> None:
        self.requests[room.id].add(user)
        self.started.add(user)  # For five minutes the bot may write to them.
        request = {"chat": room.json(), "from": self.users[user], "user_chat_id": user, "date": int(time.time())}
        await self.update(chat_join_request=request)

    async def say(self, room: Room, user: int, text: str, **more: Any) -> int:
        """A message's id. In private one has pressed Start by then, if ever."""
        message = self._message(room, user, text=text, entities=entities_of(text), **more)
        if self._told(room, message):
            await self.update(message=message)
        return int(message["message_id"])

    async def start(self, user: int, payload: str = "") -> int:
        """The person opens the conversation with the bot."""
        self.started.add(user)
        return await self.say(self.private(user), user, f"/start {payload}".strip())

    async def edit(self, room: Room, message: int, text: str) -> None:
        found = room.messages[message]
        found |= {"text": text, "edit_date": int(time.time())}
        await self.update(edited_message=found)

    async def press(self, room: Room, message: int, user: int, label: str) -> None:
        """A button by its label; an address opens the conversation with the bot."""
        for row in room.messages[message].get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if button["text"] != label:
                    continue
                if "url" in button:
                    await self.start(user, button["url"].partition("?start=")[2])
                    return
                await self.update(callback_query=self._query(room, message, user, button["callback_data"]))
                return
        raise AssertionError(f"no button {label!r} under {room.messages[message].get('text')!r}")

    def _query(self, room: Room, message: int, user: int, data: str) -> Json:
        return {
            "id": str(next(self._numbers)),
            "from": self.users[user],
            "message": room.messages[message],
            "chat_instance": "1",
            "data": data,
        }

    async def react(self, room: Room, message: int, user: int, emoji: str, *, back: bool = False) -> None:
        kind = [{"type": "emoji", "emoji": emoji}]
        await self.update(
            message_reaction={
                "chat": room.json(),
                "message_id": message,
                "user": self.users[user],
                "date": int(time.time()),
                "old_reaction": kind if back else [],
                "new_reaction": [] if back else kind,
            }
        )

    async def type_inline(self, user: int, words: str) -> None:
        query = {"id": str(next(self._numbers)), "from": self.users[user], "query": words, "offset": ""}
        await self.update(inline_query=query)

    async def topic(self, room: Room, user: int, name: str) -> int:
        """A new topic; its thread id."""
        message = self._message(room, user, forum_topic_created={"name": name, "icon_color": 1})
        message |= {"message_thread_id": message["message_id"], "is_topic_message": True}
        await self.update(message=message)
        return int(message["message_id"])

    async def upgrade(self, room: Room) -> Room:
        """The group becomes a supergroup, under another id."""
        new = self.group(room.title, bot=room.members[BOT_ID])
        new.members |= room.members
        room.moved_to = new.id
        owner = next(iter(set(room.members) - {BOT_ID}))
        await self.update(message=self._message(room, owner, migrate_to_chat_id=new.id))
        await self.update(message=self._message(new, owner, migrate_from_chat_id=room.id))
        return new

    # What the bot asks

    def _getMe(self, given: Json) -> Json:
        return self.users[BOT_ID] | {
            "can_join_groups": True,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": True,
        }

    def _sendMessage(self, given: Json) -> Json:
        room = self._reach(given)
        self._limited(room)
        if not given.get("text"):
            raise Refusal(400, "Bad Request: message text is empty")
        if len(given["text"].encode("utf-16-le")) // 2 > 4096:
            raise Refusal(400, "Bad Request: message is too long")
        more: Json = {}
        for name in ("entities", "reply_markup", "link_preview_options"):
            if name in given:
                more[name] = given[name]
        check_keyboard(given.get("reply_markup"))
        reply = given.get("reply_parameters")
        if reply and reply["message_id"] in room.messages:
            more["reply_to_message"] = {
                k: v for k, v in room.messages[reply["message_id"]].items() if k != "reply_to_message"
            }
        if given.get("message_thread_id"):
            more |= {"message_thread_id": int(given["message_thread_id"]), "is_topic_message": True}
        self.taken += 1
        return self._message(room, BOT_ID, text=given["text"], **more)

    def _editMessageText(self, given: Json) -> Json:
        message = self._own(given)
        before = (message.get("text"), message.get("reply_markup"))
        message["text"] = given["text"]
        for name in ("entities", "reply_markup"):
            message.pop(name, None)
            if name in given:
                message[name] = given[name]
        if before == (message.get("text"), message.get("reply_markup")):
            raise Refusal(400, "Bad Request: message is not modified")
        message["edit_date"] = int(time.time())
        return message

    def _editMessageReplyMarkup(self, given: Json) -> Json:
        message = self._own(given)
        message.pop("reply_markup", None)
        if "reply_markup" in given:
            message["reply_markup"] = given["reply_markup"]
        return message

    def _deleteMessage(self, given: Json) -> bool:
        room = self._reach(given)
        if int(given["message_id"]) not in room.messages:
            raise Refusal(400, "Bad Request: message to delete not found")
        del room.messages[int(given["message_id"])]
        return True

    def _setMessageReaction(self, given: Json) -> bool:
        room = self._reach(given)
        number = int(given["message_id"])
        if number not in room.messages:
            raise Refusal(400, "Bad Request: message to react not found")
        for reaction in given.get("reaction", []):
            self.reactions[room.id, number].setdefault(reaction["emoji"], []).append(BOT_ID)
        return True

    def _answerCallbackQuery(self, given: Json) -> bool:
        self.answers.append(given)
        return True

    _answerInlineQuery = _answerCallbackQuery

    def _approveChatJoinRequest(self, given: Json) -> Any:
        room, user = self.rooms[int(given["chat_id"])], int(given["user_id"])
        if user not in self.requests[room.id]:
            raise Refusal(400, "Bad Request: HIDE_REQUESTER_MISSING")
        self.requests[room.id].discard(user)

        async def enter() -> bool:
            await self.join(room, user, quietly=True)
            return True

        return enter()

    def _setMyCommands(self, given: Json) -> bool:
        scope = given.get("scope", {}).get("type", "default")
        self.commands[f"{scope}/{given.get('language_code', '')}"] = given["commands"]
        return True

    def _getWebhookInfo(self, given: Json) -> Json:
        return {k: v for k, v in self.webhook.items() if k != "secret_token"} | {
            "pending_update_count": len(self.updates)
        }

    async def _setWebhook(self, given: Json) -> bool:
        self.webhook |= {k: given[k] for k in ("url", "secret_token", "allowed_updates") if k in given}
        waiting = list(self.updates)
        self.updates.clear()
        for each in waiting:
            await self._bring(each)
        return True

    def _deleteWebhook(self, given: Json) -> bool:
        self.webhook = {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
        return True

    def _getChatMember(self, given: Json) -> Json:
        room, user = self._reach(given), int(given["user_id"])
        return self._as_member(user, room.members.get(user, "left"))

    def _getChatAdministrators(self, given: Json) -> list[Json]:
        room = self._reach(given)
        return [self._as_member(user, status) for user, status in room.members.items() if status in IN[:2]]

    # How Telegram is

    def _reach(self, given: Json) -> Room:
        chat = int(given["chat_id"])
        room = self.rooms.get(chat)
        if chat in self.users and chat != BOT_ID:
            if chat not in self.started:
                raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
            return self.private(chat)
        if room is None:
            raise Refusal(400, "Bad Request: chat not found")
        if room.moved_to:
            raise Refusal(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=room.moved_to
            )
        if not room.may_post:
            raise Refusal(400, "Bad Request: not enough rights to send text messages to the chat")
        if room.members.get(BOT_ID) not in IN:
            raise Refusal(403, "Forbidden: bot was kicked from the supergroup chat")
        return room

    def _own(self, given: Json) -> Json:
        room = self._reach(given)
        message = room.messages.get(int(given["message_id"]))
        if message is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        if message["from"]["id"] != BOT_ID:
            raise Refusal(400, "Bad Request: message can't be edited")
        return message

    def _limited(self, room: Room) -> None:
        if self.limits is not None:
            self.limits.let_through(room)

    def _told(self, room: Room, message: Json) -> bool:
        """Whether the bot sees it: in privacy mode only commands, replies to it, and what names it."""
        if room.type == "private" or not self.privacy or room.members.get(BOT_ID) == "administrator":
            return True
        to_bot = message.get("reply_to_message", {}).get("from", {}).get("id") == BOT_ID
        return to_bot or message["text"].startswith("/") or "@allant_test_bot" in message["text"]

    def _message(self, room: Room, user: int, **more: Any) -> Json:
        number = next(self._numbers)
        message = {
            "message_id": number,
            "date": int(time.time()),
            "chat": room.json(),
            "from": self.users[user],
            **{name: value for name, value in more.items() if value is not None},
        }
        room.messages[number] = message
        return message

    def _as_member(self, user: int, status: str) -> Json:
        found: Json = {"user": self.users[user], "status": status}
        if status == "administrator":
            found |= {right: right == "can_invite_users" for right in RIGHTS}
        elif status == "creator":
            found["is_anonymous"] = False
        elif status == "kicked":
            found["until_date"] = 0
        return found

    def _change(self, room: Room, by: int, user: int, before: str, now: str) -> Json:
        return {
            "chat": room.json(),
            "from": self.users[by],
            "date": int(time.time()),
            "old_chat_member": self._as_member(user, before),
            "new_chat_member": self._as_member(user, now),
        }

    # What the tests look at

    def said(self, chat: int) -> list[Json]:
        """What the bot said in a chat and is still there, oldest first."""
        room = self.rooms.get(chat)
        return [each for each in room.messages.values() if each["from"]["id"] == BOT_ID] if room else []

    def methods(self) -> list[str]:
        return [method for _, method, _ in self.asked]


_AS_JSON = frozenset(
    {
        "entities",
        "reply_markup",
        "reply_parameters",
        "link_preview_options",
        "allowed_updates",
        "reaction",
        "commands",
        "scope",
        "results",
    }
)


def _value(name: str, value: str) -> Any:
    return json.loads(value) if name in _AS_JSON else value


def _refused(refusal: Refusal) -> Response:
    body: Json = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return JSONResponse(body, status_code=refusal.code)


def _allowed(update: Mapping[str, Any], allowed: list[str] | None) -> bool:
    return allowed is None or bool(set(allowed) & set(update))
