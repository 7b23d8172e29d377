"""Chats as Telegram has them, and its rules for what a bot sends there: limits, keyboards, what it refuses."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
TOKEN = "424242:AAfakeTokenOfATestBot_0123456789abcd"
BOT_ID = 424242
IN = ("creator", "administrator", "member")
RIGHTS = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


class Refusal(Exception):
    """What the API answers instead of a result."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        self.code, self.description, self.parameters = code, description, parameters
        super().__init__(description)


@dataclass
class Limits:
    """Telegram's, with time ``scale`` times as fast: messages a second over all, a second in a chat, a minute in a
    group."""

    over_all: int = 30
    in_chat: int = 1
    in_group: int = 20
    scale: float = 1.0
    sent: deque[float] = field(default_factory=deque)
    sent_in: defaultdict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    sent_in_group: defaultdict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def let_through(self, room: Room) -> None:
        """Count a message to ``room``. Raises Refusal 429 when it came too soon."""
        now = time.monotonic() * self.scale
        windows = [(self.sent, self.over_all, 1.0), (self.sent_in[room.id], self.in_chat, 1.0)]
        if room.type != "private":
            windows.append((self.sent_in_group[room.id], self.in_group, 60.0))
        for sent, count, seconds in windows:
            while sent and sent[0] <= now - seconds:
                sent.popleft()
            if len(sent) >= count:
                wait = sent[-count] + seconds - now
                raise Refusal(429, "Too Many Requests", retry_after=max(1, round(wait)))
        for sent, _, _ in windows:
            sent.append(now)


@dataclass
class Room:
    """A chat: a group, supergroup or private one."""

    id: int
    type: str
    title: str = ""
    members: dict[int, str] = field(default_factory=dict)
    forum: bool = False
    messages: dict[int, Json] = field(default_factory=dict)
    may_post: bool = True
    moved_to: int = 0

    def json(self) -> Json:
        found: Json = {"id": self.id, "type": self.type}
        if self.type == "private":
            found["first_name"] = self.title
        else:
            found["title"] = self.title
        if self.forum:
            found["is_forum"] = True
        return found


def check_keyboard(markup: Json | None) -> None:
    rows = (markup or {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100 or any(len(row) > 8 for row in rows):
        raise Refusal(400, "Bad Request: reply markup is too long")
    for button in buttons:
        if not 1 <= len(button.get("callback_data", "x").encode()) <= 64:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")


def entities_of(text: str) -> list[Json]:
    found = []
    if text.startswith("/"):
        found.append({"type": "bot_command", "offset": 0, "length": len(text.split()[0])})
    at = text.find("@allant_test_bot")
    if at >= 0 and not text.startswith("/"):
        found.append({"type": "mention", "offset": at, "length": len("@allant_test_bot")})
    return found
