"""What a platform calls over HTTP to bring us its events, in our own words: the web server knows no platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.core.events import Event

MAX_BODY_BYTES = 1 << 20
"""A larger body is answered 413 unread: no event of a chat platform comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRequest:
    """A request as it came. ``headers`` have lower-case names; ``query`` is what follows the question mark, undecoded;
    ``body`` holds the very bytes, as signatures are made over them."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebResponse:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address below ``/hooks/`` that a platform brings: ``path`` is what follows.

    ``answer`` gets the request and the way in for events, which returns once an event is durable: only then may it
    answer that all is well. It runs in whichever process the request reaches, also in one that does not listen to the
    platform. It checks who asks (a signature, a secret) before it believes a word.
    """

    path: str
    answer: Callable[[WebRequest, Callable[[Event], Awaitable[None]]], Awaitable[WebResponse]]
