"""The Web API through slack_sdk: what goes wrong as our own errors, no method asked more often than its tier allows.

slack_sdk would try again by itself after a lost connection, which could post twice: it is told not to.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import PlatformError, RateLimited, Refused, SignedOut, Unreachable, Unsure
from bot.platforms.slack.reading import Json, mapping, text

log = logging.getLogger("allant.slack")

API_URL = "https://slack.com/api/"
REQUEST_SECONDS = 30
LONGEST_WAIT = 3600.0
"""Seconds Slack may ask us to wait before we try all the same."""
USUAL_WAIT = 30.0
"""Seconds to wait where a 429 does not say how long (Slack's own SDKs take as much)."""
PATIENT_SECONDS = 2.0
"""A request waits so long for its method's turn; beyond that its delivery is put off, so that others go on."""

TIERS: Mapping[str, int] = {
    "auth.test": 100,
    "apps.connections.open": 20,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.list": 20,
    "conversations.open": 50,
    "conversations.replies": 50,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.update": 50,
    "reactions.add": 50,
    "users.info": 100,
    "users.list": 20,
    "views.open": 100,
    "views.publish": 100,
    "views.update": 100,
}
"""Requests a minute in one workspace: tier 2 is 20, tier 3 is 50, tier 4 is 100 (Slack, “Rate limits”, and each
method's own page). chat.postMessage has a limit of its own, which bot.delivery.limits keeps."""

_SIGNED_OUT = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked", "team_access_not_granted"}
)
_PERHAPS = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Slack says of these that part of it may have been done."""
_SECRET = re.compile(r"x(?:ox[a-z]|app)(?:\.xox[a-z])?-[\w.%-]+|wss?://\S+|https?://hooks\.\S+")

T = TypeVar("T")


class Discreet(logging.Filter):
    """Lets nothing of what the SDK logs stand but that it stumbled, and over what: no tokens, addresses or words."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        said = _SECRET.sub("…", record.getMessage().partition("\n")[0])[:120]
        record.msg = f"{said} ({type(error).__name__})" if error is not None else said
        record.args, record.exc_info, record.exc_text = (), None, None
        return record.levelno >= logging.WARNING


def sdk_logger() -> logging.Logger:
    """For slack_sdk and slack_bolt, which at their debug level log whole payloads."""
    found = logging.getLogger("allant.slack.sdk")
    found.setLevel(logging.WARNING)
    if not any(isinstance(each, Discreet) for each in found.filters):
        found.addFilter(Discreet())
    return found


class SlackRefused(Refused):
    """Slack refuses; ``code`` is its error (``channel_not_found``)."""

    def __init__(self, code: str, why: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {why}" if why else code)


class Turns:
    """The turns of each method: in no minute more than its tier, and none while Slack asked us to wait."""

    def __init__(self, tiers: Mapping[str, int] = TIERS, now: Callable[[], float] = time.monotonic) -> None:
        self._tiers = tiers
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}
        self._resting: dict[str, float] = {}

    def resting(self, method: str, place: str = "") -> float:
        """Seconds for which Slack asked us to let it be."""
        until = max(self._resting.get(method, 0.0), self._resting.get(f"{method} {place}", 0.0))
        return max(0.0, until - self._now())

    def wait(self, method: str) -> float:
        """Seconds until ``method`` may be asked by its tier; 0 takes the turn."""
        now = self._now()
        if method not in self._tiers:
            return 0.0
        # Half of a minute's requests at once, the other half over the minute: never more than the tier in any minute.
        half = self._tiers[method] / 2
        left, at = self._left.get(method, (half, now))
        left = min(half, left + (now - at) * half / 60)
        if left < 1:
            self._left[method] = (left, now)
            return (1 - left) * 60 / half
        self._left[method] = (left - 1, now)
        return 0.0

    def rest(self, method: str, seconds: float, place: str = "") -> None:
        """Slack said 429: nobody asks this again until then."""
        now = self._now()
        self._resting = {key: until for key, until in self._resting.items() if until > now}
        self._resting[f"{method} {place}" if place else method] = now + seconds


class Wire:
    """Asks the Web API on behalf of one token. ``session`` gives the connections, which all workspaces share."""

    def __init__(self, api_url: str, token: str, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._client = make_client(api_url, token)
        self._session = session
        self.turns = Turns()

    async def ask(self, method: str, *, read: bool = False, patient: bool = False, **values: Any) -> Json:
        """What a success says. ``read``: with the values in the address, as Slack takes them for its reading methods.
        ``patient``: wait for however long it takes for the method's turn.

        Raises SlackRefused, RateLimited, Unreachable (SignedOut among them) when surely nothing was done, and Unsure
        when nobody knows."""
        place = text(values.get("channel")) if method == "chat.postMessage" else ""
        while (seconds := self.turns.resting(method, place)) > 0 or (turn := self.turns.wait(method)) > 0:
            if not patient and (seconds > 0 or turn > PATIENT_SECONDS):
                raise RateLimited(seconds or turn)
            await asyncio.sleep(seconds or turn)
        self._client.session = self._session()
        given = {name: value for name, value in values.items() if value is not None}
        try:
            answer = await translated(
                self._client.api_call(method, http_verb="GET", params=given)
                if read
                else self._client.api_call(method, json=given)
            )
        except RateLimited as error:
            self.turns.rest(method, error.retry_after, place)
            raise
        return mapping(answer.data)

    async def ask_until_answered(self, method: str, **values: Any) -> Json:
        """For reading: as :meth:`ask`, waiting as often as Slack asks us to."""
        while True:
            try:
                return await self.ask(method, read=True, patient=True, **values)
            except RateLimited as error:
                await asyncio.sleep(error.retry_after)


def make_client(api_url: str, token: str) -> AsyncWebClient:
    # Proxies and certificates of the environment are used, as people behind a company's proxy expect of slack_sdk.
    return AsyncWebClient(
        token=token or None, base_url=api_url, timeout=REQUEST_SECONDS, retry_handlers=[], logger=sdk_logger()
    )


async def translated(asked: Awaitable[T]) -> T:
    """The answer, and what goes wrong as our own errors, without a word of the request in them."""
    try:
        return await asked
    except SlackApiError as error:
        raise _trouble(error) from None
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
        raise Unreachable("Slack cannot be reached") from None
    except (aiohttp.ClientError, SlackClientError, TimeoutError, ValueError) as error:
        raise Unsure(f"Slack did not answer ({type(error).__name__})") from None


def _trouble(error: SlackApiError) -> PlatformError:
    answer = error.response
    status = int(getattr(answer, "status_code", 0) or getattr(answer, "status", 0) or 0)
    headers = getattr(answer, "headers", None) or {}
    data = mapping(getattr(answer, "data", None))
    code = text(data.get("error"))
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return RateLimited(_seconds(headers))
    if code in _SIGNED_OUT:
        return SignedOut(f"the token is not accepted, or not any more ({code})")
    if not code or code in _PERHAPS or status >= 500:
        return Unsure(f"Slack answered {code or f'HTTP {status}'}")
    if code == "missing_scope":
        return SlackRefused(code, f"the app needs the scope {text(data.get('needed'))[:80]}")
    messages = mapping(data.get("response_metadata")).get("messages")
    # One short line: it goes into the ledger's reason. Slack's messages name blocks, never what is in them.
    why = " ".join(str(messages[0]).split())[:120] if isinstance(messages, list) and messages else ""
    return SlackRefused(code[:60], why)


def _seconds(headers: Mapping[str, str]) -> float:
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(said), LONGEST_WAIT) if said.isascii() and said.isdigit() and int(said) else USUAL_WAIT
