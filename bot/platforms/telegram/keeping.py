"""What Telegram does not tell twice: the groups we are in, their topics, and who is in which of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.core.platform import Drawer
from bot.core.refs import Language, MemberRef, WorkspaceRef

T = TypeVar("T")

LONG = timedelta(days=3650)
"""As good as for ever: it goes when the person or the group does."""
COMMAND_KEPT = timedelta(days=400)
"""How long a button whose command is too long for Telegram works."""
HELD = timedelta(days=7)
"""How long a private answer waits for the person to open the conversation."""
MOST_DATA = 64
"""Bytes behind a button (Bot API, callback_data), and characters after /start."""


@dataclass(slots=True)
class Person:
    """``groups`` are the ids of those they were seen in. ``name`` and ``language`` as we last told of them."""

    name: str = ""
    language: str = ""
    groups: list[str] = field(default_factory=list)
    guest: bool = False


@dataclass(slots=True)
class Chat:
    """A group. ``kind`` is Telegram's: group, supergroup, channel. ``topics`` are the names by thread id. ``status`` is
    the bot's own; ``forum``: it has topics."""

    title: str = ""
    kind: str = "group"
    forum: bool = False
    status: str = ""
    username: str = ""
    topics: dict[str, str] = field(default_factory=dict)


class Memory:
    """Everything the adapter keeps, in the workspace's drawer."""

    def __init__(self, workspace: WorkspaceRef) -> None:
        self._workspace = workspace
        self._drawer: Drawer | None = None

    @property
    def drawer(self) -> Drawer:
        if self._drawer is None:
            raise RuntimeError("the platform was not equipped")
        return self._drawer

    def equip(self, drawer: Drawer) -> None:
        self._drawer = drawer

    # People

    async def person(self, user: int) -> Person | None:
        return await self._read(f"person/{user}", Person)

    async def keep_person(self, user: int, person: Person) -> None:
        await self._write(f"person/{user}", asdict(person), LONG, user)

    async def keep_username(self, username: str, user: int) -> None:
        """So that ``@name`` in a command names somebody."""
        await self._write(f"username/{username.casefold()}", {"id": user}, LONG, user)

    async def user_named(self, username: str) -> int | None:
        found = await self.load(f"username/{username.casefold()}")
        return found.get("id") if found else None

    # Groups

    async def chat(self, chat: int) -> Chat | None:
        return await self._read(f"chat/{chat}", Chat)

    async def keep_chat(self, chat: int, kept: Chat) -> None:
        await self._write(f"chat/{chat}", asdict(kept), LONG)

    async def chats(self) -> dict[int, Chat]:
        found = {}
        for name in await self.drawer.names("chat/"):
            chat = await self._read(name, Chat)
            if chat is not None:
                found[int(name.removeprefix("chat/"))] = chat
        return found

    async def move_chat(self, old: int, new: int) -> None:
        before = await self.chat(old)
        await self._write(f"moved/{old}", {"to": new}, LONG)
        if before is not None:
            now = await self.chat(new) or Chat(title=before.title, status=before.status)
            now.kind = "supergroup"
            await self.keep_chat(new, now)
            await self.drawer.drop(f"chat/{old}")

    async def now(self, chat: int) -> int:
        """What the group is called by now."""
        if str(chat).startswith("-100") or chat > 0:
            return chat  # Only small groups move, and supergroups never again.
        moved = await self.load(f"moved/{chat}")
        return int(moved["to"]) if moved else chat

    # Commands too long for a button, and what waits for a conversation

    async def data_for(self, command: str) -> str:
        """What stands behind the button of ``command``: the command itself where it fits."""
        if len(command.encode()) <= MOST_DATA - 2:
            return f"c:{command}"
        token = hashlib.sha256(command.encode()).hexdigest()[:24]
        await self._write(f"command/{token}", {"command": command}, COMMAND_KEPT)
        return f"k:{token}"

    async def command_of(self, data: str) -> str:
        """The command behind a button; empty for one we no longer know."""
        kind, _, rest = data.partition(":")
        if kind == "c":
            return rest
        found = await self.load(f"command/{rest}") if kind == "k" else None
        return str(found["command"]) if found else ""

    async def start_for(self, command: str) -> str:
        """What follows ``?start=`` in an address that gives the command: Telegram allows few signs there."""
        if not command:
            return "hello"
        token = hashlib.sha256(command.encode()).hexdigest()[:24]
        await self._write(f"command/{token}", {"command": command}, COMMAND_KEPT)
        return f"k-{token}"

    # Anything

    async def load(self, name: str) -> dict[str, Any] | None:
        text = await self.drawer.get(name)
        try:
            found = json.loads(text) if text else None
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    async def keep(self, name: str, value: dict[str, Any], span: timedelta, user: int | None = None) -> None:
        await self._write(name, value, span, user)

    async def drop(self, name: str) -> None:
        await self.drawer.drop(name)

    async def _read(self, name: str, kind: type[T]) -> T | None:
        found = await self.load(name)
        if found is None:
            return None
        try:
            return kind(**found)
        except TypeError:
            return None  # An older version's: what it said is learnt anew.

    async def _write(self, name: str, value: dict[str, Any], span: timedelta, user: int | None = None) -> None:
        member = MemberRef(self._workspace, str(user)) if user is not None else None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        await self.drawer.put(name, text, until=datetime.now(UTC) + span, member=member)


def language_of(code: str | None, otherwise: Language) -> Language:
    """Ours for an IETF language tag (``fr-CA``)."""
    primary = (code or "").partition("-")[0].casefold()
    return "fr" if primary == "fr" else "en" if primary else otherwise
