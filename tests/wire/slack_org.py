"""An organisation on the fake Slack: people, channels, messages, as Slack's own objects."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

TEAM = "T0FAKE001"
BOT_USER = "U0BOT0001"
BOT_ID = "B0BOT0001"
BOT_TOKEN = "xoxb-fake-bot-token-never-logged"
APP_TOKEN = "xapp-1-A0FAKE-fake-app-token-never-logged"
SIGNING_SECRET = "fake-signing-secret-never-logged"
APP_ID = "A0FAKE001"
BOT_SCOPES = (
    "app_mentions:read,channels:history,channels:join,channels:read,chat:write,chat:write.public,commands,"
    "groups:history,groups:read,im:history,im:read,im:write,reactions:read,reactions:write,users:read"
)


@dataclass
class Organisation:
    """All objects by id. ``messages`` are by channel, in the order of their ``ts``; one with ``visible_to`` is
    ephemeral."""

    team: str = TEAM
    bot_user: str = BOT_USER
    bot_id: str = BOT_ID
    users: dict[str, Json] = field(default_factory=dict)
    channels: dict[str, Json] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    messages: dict[str, list[Json]] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    directs: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.users[self.bot_user] = self.user_object(self.bot_user, "Allant", is_bot=True)

    def user_object(self, identifier: str, name: str, **more: Any) -> Json:
        return {
            "id": identifier,
            "team_id": self.team,
            "name": name.casefold().replace(" ", "."),
            "deleted": False,
            "real_name": name,
            "tz": "Europe/Paris",
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "profile": {"real_name": name, "display_name": name, "team": self.team},
            "is_admin": False,
            "is_bot": False,
            "is_app_user": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "updated": int(time.time()),
            "locale": "en-US",
        } | more

    def new_user(self, name: str, **more: Any) -> Json:
        identifier = f"U{next(self._numbers):08d}"
        self.users[identifier] = self.user_object(identifier, name, **more)
        return self.users[identifier]

    def new_channel(self, name: str, *, private: bool = False, with_bot: bool = True, **more: Any) -> Json:
        identifier = f"{'G' if private else 'C'}{next(self._numbers):08d}"
        self.channels[identifier] = {
            "id": identifier,
            "name": name,
            "name_normalized": name,
            "is_channel": not private,
            "is_group": private,
            "is_im": False,
            "is_mpim": False,
            "is_private": private,
            "is_archived": False,
            "is_general": name == "general",
            "is_shared": False,
            "is_ext_shared": False,
            "context_team_id": self.team,
            "created": int(time.time()),
            "creator": self.bot_user,
        } | more
        self.members[identifier] = {self.bot_user} if with_bot else set()
        self.messages[identifier] = []
        return self.channels[identifier]

    def direct(self, user: str) -> str:
        """The conversation of the bot with this person, opened if need be."""
        if user not in self.directs:
            identifier = f"D{next(self._numbers):08d}"
            self.channels[identifier] = {"id": identifier, "is_im": True, "user": user, "is_archived": False}
            self.members[identifier] = {self.bot_user, user}
            self.messages[identifier] = []
            self.directs[user] = identifier
        return self.directs[user]

    def ts(self) -> str:
        """Later than any before."""
        self._last = max(self._last + 0.000_1, time.time())
        return f"{self._last:.6f}"

    def number(self) -> int:
        return next(self._numbers)

    def message(self, channel: str, ts: str) -> Json | None:
        return next((each for each in self.messages.get(channel, ()) if each["ts"] == ts), None)

    def add(self, channel: str, user: str, text: str, **more: Any) -> Json:
        made: Json = {"type": "message", "user": user, "text": text, "ts": self.ts(), "team": self.team}
        made |= {name: value for name, value in more.items() if value not in (None, "", [])}
        self.messages[channel].append(made)
        return made
