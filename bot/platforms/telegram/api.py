"""The Bot API through python-telegram-bot: one place for its errors, which become ours, and for keeping the token to
ourselves, as it stands in every address that is asked."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Awaitable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from telegram import Bot, User
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from bot.core.errors import BadInput, PlatformError, RateLimited, Refused, Unreachable, Unsure

T = TypeVar("T")

# The library's way to say that spans of time may come as such: it warns of the numbers it gave before.
os.environ.setdefault("PTB_TIMEDELTA", "true")

TOKEN = re.compile(r"(\d{1,20}):[A-Za-z0-9_-]{10,100}")
"""A bot's token; before the colon stands the bot's own id."""
REQUEST_SECONDS = 25.0
"""For an answer. Less than the minute after which a delivery counts as unclear."""
CONNECT_SECONDS = 10.0
CONNECTIONS = 64
PER_SECOND = 29.0
"""Messages: Telegram takes about 30 a second over all (Bots FAQ)."""


class Moved(PlatformError):
    """The group has another id by now; nothing was done."""

    def __init__(self, chat: int) -> None:
        self.chat = chat
        super().__init__("the group was turned into a supergroup")


class NotOpened(Refused):
    """The person has not opened the conversation with the bot, or has blocked it."""


class TokenRefused(Refused):
    """The token is not (or no longer) a bot's."""


class AlsoAsked(PlatformError):
    """Somebody else asks for the updates of the same bot, or they go to a webhook."""


def quiet() -> None:
    """Both libraries log addresses with the token in them, the one at INFO, the other at DEBUG; and the third quotes
    answers it cannot read, with people's words in them."""
    for name, level in (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("telegram", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)


class Gate:
    """Lets messages out one after the other, so that what waited for something together does not leave together:
    Telegram counts what arrives within a second."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._last = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def pass_(self) -> None:
        """Returns when it is one's turn, in the order of coming. Each gap counts from when the one before really left:
        after a moment in which nothing could run, what was late must not leave at once."""
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            wait = self._last + self._gap - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            self._last = loop.time()


class Api:
    """One bot. :attr:`bot` makes requests; :meth:`ask` awaits them."""

    def __init__(self, token: str, url: str, per_second: float = PER_SECOND) -> None:
        """``url``: of the Bot API server. ``per_second``: how many messages leave at most. Raises BadInput."""
        if not TOKEN.fullmatch(token):
            raise BadInput("ALLANT_TELEGRAM_TOKEN is no bot's token; @BotFather gives one like 123456:ABC-DEF…")
        if not re.match(r"https?://[^/\s]", url):
            raise BadInput(f"ALLANT_TELEGRAM_API_URL={url} is no address; leave it empty for Telegram's own")
        quiet()
        url = url.rstrip("/")
        # The system's certificates, which an organisation can add its own to; plain HTTP does without loading them.
        self.tls = tls = ssl.create_default_context() if url.startswith("https:") else False
        self.url = url
        self._gate = Gate(per_second)
        self.id = token.partition(":")[0]
        self._token = token
        self.bot = Bot(
            token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=HTTPXRequest(
                connection_pool_size=CONNECTIONS,
                read_timeout=REQUEST_SECONDS,
                write_timeout=REQUEST_SECONDS,
                connect_timeout=CONNECT_SECONDS,
                pool_timeout=CONNECT_SECONDS,
                httpx_kwargs={"verify": tls},
            ),
            get_updates_request=HTTPXRequest(
                connection_pool_size=2, connect_timeout=CONNECT_SECONDS, httpx_kwargs={"verify": tls}
            ),
        )
        self._me: User | None = None
        self._opening = asyncio.Lock()

    async def me(self) -> User:
        """The bot itself, asked once; the connections are open afterwards."""
        async with self._opening:
            if self._me is None:
                await self.ask(self.bot.initialize())
                self._me = await self.ask(self.bot.get_me())
            return self._me

    async def me_now(self) -> User:
        """The bot itself as it is now: its privacy mode may have been changed."""
        await self.me()
        self._me = await self.ask(self.bot.get_me())
        return self._me

    async def ask(self, request: Awaitable[T]) -> T:
        """What ``request`` gives. Raises Moved, NotOpened, TokenRefused, AlsoAsked, RateLimited, Unreachable, Refused,
        and Unsure when nobody knows whether it was done. None of them holds the token."""
        try:
            return await request
        except (TelegramError, httpx.HTTPError) as error:
            raise self._ours(error) from None

    async def post(self, request: Awaitable[T]) -> T:
        """As :meth:`ask`, for what Telegram counts: messages and their changes."""
        try:
            await self._gate.pass_()
        except asyncio.CancelledError:
            if isinstance(request, Coroutine):
                request.close()  # It was made and will never be sent.
            raise
        return await self.ask(request)

    async def close(self) -> None:
        # Also when the bot was never known: a refused token leaves connections behind.
        await self.bot.shutdown()

    def _ours(self, error: Exception) -> PlatformError:
        cause = error.__cause__
        if isinstance(error, ChatMigrated):
            return Moved(error.new_chat_id)
        if isinstance(error, RetryAfter):
            wait = error.retry_after
            return RateLimited(wait.total_seconds() if isinstance(wait, timedelta) else float(wait))
        if isinstance(error, InvalidToken):
            return TokenRefused("Telegram does not know this token: look at ALLANT_TELEGRAM_TOKEN, or ask @BotFather")
        if isinstance(error, Conflict):
            return AlsoAsked(self._said(error))
        if isinstance(error, Forbidden) and re.search("initiate|blocked|deactivated", error.message):
            return NotOpened("the person has not opened the conversation with the bot, or has blocked it")
        if isinstance(error, (BadRequest, Forbidden)):
            return Refused(self._said(error))
        if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
            return Unreachable(f"the Bot API cannot be reached ({type(cause).__name__})")
        if isinstance(error, (TimedOut, NetworkError)):
            return Unsure(f"the Bot API did not answer ({type(cause or error).__name__})")
        return Unsure(f"the Bot API answered something else ({type(error).__name__})")

    def _said(self, error: TelegramError) -> str:
        """One short line of Telegram's own, without the token whatever it says."""
        return " ".join(error.message.replace(self._token, "…").split())[:120]


def required(value: Any) -> Any:
    """What the Bot API always sends. Raises ValueError where it did not."""
    if value is None:
        raise ValueError("an update lacks what it always has")
    return value
