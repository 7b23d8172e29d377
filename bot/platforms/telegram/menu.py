"""The commands that Telegram lists: in both languages, for everybody, for administrators of groups, and in private."""

from __future__ import annotations

import re
from collections.abc import Sequence

from telegram import (
    BotCommand,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
)

from bot.core.community import Role
from bot.core.dispatch import unaccented
from bot.core.menu import MenuEntry
from bot.core.refs import Language
from bot.platforms.telegram.api import Api

_NAME = re.compile(r"[a-z0-9_]{1,32}")
LONGEST = 256
"""Characters of what a command does (Bot API, BotCommand)."""


def commands(menu: Sequence[MenuEntry], language: Language, role: Role) -> list[BotCommand]:
    """What somebody with ``role`` may give. A name that Telegram does not take is left out; it can be typed."""
    found = {}
    for entry in menu:
        name = unaccented(entry.names[language])
        if entry.role <= role and _NAME.fullmatch(name):
            found[name] = BotCommand(name, entry.says[language][:LONGEST])
    return list(found.values())


async def tell(api: Api, menu: Sequence[MenuEntry]) -> None:
    """Have Telegram list them: English for everybody, French for those whose Telegram is French. Who administers a
    group most likely animates too; the bot itself decides who may do what."""
    scopes = [
        (BotCommandScopeDefault(), Role.MEMBER),
        (BotCommandScopeAllGroupChats(), Role.MEMBER),
        (BotCommandScopeAllPrivateChats(), Role.ANIMATOR),
        (BotCommandScopeAllChatAdministrators(), Role.ANIMATOR),
    ]
    for scope, role in scopes:
        await api.ask(api.bot.set_my_commands(commands(menu, "en", role), scope))
        await api.ask(api.bot.set_my_commands(commands(menu, "fr", role), scope, "fr"))
