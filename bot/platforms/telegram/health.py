"""How the bot stands with Telegram: what is wrong, and how to mend it. For the log at the start, and for the doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
from telegram.error import TelegramError

from bot.core.errors import PlatformError
from bot.platforms.telegram.api import AlsoAsked, Api, TokenRefused
from bot.platforms.telegram.keeping import Chat
from bot.platforms.telegram.reading import is_in
from bot.platforms.telegram.standing import standing_of

LATE_SECONDS = 60.0
"""A clock further off than this plans posts at the wrong minute."""
MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``mend``: what to do about it, where something is wrong."""

    state: Literal["fine", "note", "wrong"]
    said: str
    mend: str = ""


async def examine(api: Api, chats: Mapping[int, Chat], *, webhook: str, listening: bool = False) -> list[Finding]:
    """Everything there is to say. ``chats``: the groups we know of. ``webhook``: the address at which Telegram is to
    call us, empty when we ask for updates. ``listening``: we do so at this moment, so that to ask once more would
    only end that."""
    try:
        me = await api.me_now()
    except TokenRefused as error:
        return [Finding("wrong", str(error), "put the token from @BotFather into ALLANT_TELEGRAM_TOKEN")]
    except PlatformError as error:
        return [Finding("wrong", str(error), "look at the network, and at ALLANT_TELEGRAM_API_URL")]
    found = [Finding("fine", f"the token is that of @{me.username} (workspace telegram/{me.id})")]
    if me.can_read_all_group_messages:
        found.append(Finding("fine", "privacy mode is off: the bot sees all messages of its groups"))
    else:
        found.append(
            Finding(
                "note",
                "privacy mode is on: where the bot is no administrator, it sees commands and replies alone",
                "make it an administrator of its groups; or @BotFather, /setprivacy, Disable, then add it to them anew",
            )
        )
    if not me.can_join_groups:
        found.append(Finding("wrong", "it cannot be added to groups", "@BotFather, /setjoingroups, Enable"))
    if not me.supports_inline_queries:
        found.append(
            Finding("note", f"inline mode is off: @{me.username} shows nothing while typing", "@BotFather, /setinline")
        )
    return [*found, *await _updates(api, webhook, listening), await _clock(api), *await _groups(api, chats)]


async def _updates(api: Api, webhook: str, listening: bool) -> list[Finding]:
    info = await api.ask(api.bot.get_webhook_info())
    found = []
    if webhook and info.url != webhook:
        found.append(Finding("wrong", "Telegram does not call this Allant", "start `allant run`, which tells it to"))
    elif webhook:
        found.append(Finding("fine", "Telegram calls our webhook"))
    elif info.url:
        found.append(
            Finding(
                "wrong",
                "a webhook is set for this bot, so that nobody who asks gets updates",
                "start `allant run`, which takes it away; if it comes back, something else uses this token: "
                "have @BotFather /revoke it",
            )
        )
    else:
        found.append(Finding("fine", "no webhook is set: we ask for updates"))
    if info.last_error_message:
        at = info.last_error_date.strftime("%Y-%m-%d %H:%M UTC") if info.last_error_date else "lately"
        found.append(
            Finding(
                "wrong",
                f"Telegram could not call the webhook ({at}): {info.last_error_message[:120]}",
                "look at ALLANT_PUBLIC_URL, the certificate, and the proxy before Allant",
            )
        )
    if info.pending_update_count > MOST_WAITING:
        found.append(
            Finding("note", f"{info.pending_update_count} updates wait at Telegram", "is `allant run` running?")
        )
    if not (webhook or info.url or listening):
        found += await _asked_by_others(api)
    return found


async def _asked_by_others(api: Api) -> list[Finding]:
    """Nothing is taken from whoever else asks: what is not confirmed comes again."""
    try:
        await api.ask(api.bot.get_updates(limit=1, timeout=0))
    except AlsoAsked:
        return [
            Finding(
                "note",
                "somebody else asks for this bot's updates at this moment",
                "that is well if it is your own `allant run`; two at once take them from each other",
            )
        ]
    except PlatformError as error:
        return [Finding("wrong", f"updates cannot be had: {error}", "try again in a moment")]
    return []


async def _clock(api: Api) -> Finding:
    """By the date that the server's answers carry. The request has nothing of the token in it."""
    try:
        async with httpx.AsyncClient(timeout=10.0, verify=api.tls) as client:
            answer = await client.head(api.url)
        there = parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, KeyError, ValueError, TelegramError):
        return Finding("note", "the clock could not be compared")
    off = abs((datetime.now(UTC) - there).total_seconds())
    if off > LATE_SECONDS:
        return Finding("wrong", f"this machine's clock is {off:.0f} seconds off", "have it set by NTP (timedatectl)")
    return Finding("fine", "the clock agrees with Telegram's")


async def _groups(api: Api, chats: Mapping[int, Chat]) -> Sequence[Finding]:
    """The bot's rights in each of its groups."""
    if not chats:
        return [Finding("note", "the bot is in no group yet", "add it to one, as a member or an administrator")]
    me, found = await api.me(), []
    for number, chat in sorted(chats.items(), key=lambda pair: pair[1].title.casefold()):
        try:
            member = await api.ask(api.bot.get_chat_member(number, int(api.id)))
        except PlatformError as error:
            found.append(Finding("wrong", f"{chat.title}: {error}", "add the bot to it again, or leave it be"))
            continue
        if not is_in(member):
            found.append(Finding("note", f"{chat.title}: the bot is no longer in it", "add it again, or leave it be"))
            continue
        has = standing_of(me, member)
        lacks = [
            said
            for there, said in (
                (has.speaks, "cannot post"),
                (has.reads, "sees commands only"),
                (has.people, "sees neither reactions nor everybody who comes"),
            )
            if not there
        ]
        if lacks:
            state: Literal["note", "wrong"] = "note" if has.speaks else "wrong"
            found.append(Finding(state, f"{chat.title}: {', '.join(lacks)}", "make the bot an administrator there"))
        else:
            lets = " and may let people in" if has.admits else ""
            found.append(Finding("fine", f"{chat.title}: the bot sees and says all it needs{lets}"))
    return found
