"""The calendar feeds over http: private addresses that calendar programs ask every hour or so."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_TOKEN = re.compile(r"([0-9a-f]{16})-([0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """A feed as it is now; ``modified`` (aware UTC): when it last changed, None when nothing is in it."""

    data: bytes
    name: str
    modified: datetime | None = None


ReadFeed = Callable[[str, str], Awaitable[CalendarFile | None]]
"""The feed of an address, by its two halves; None when there is none (any more)."""


def calendar_routes(read: ReadFeed) -> list[BaseRoute]:
    """``/calendar/<key>-<mark>.ics``. A wrong address, a renewed one, and one of somebody who left answer alike."""

    async def calendar(request: Request) -> Response:
        found = _TOKEN.fullmatch(request.path_params["token"])
        file = await read(found[1], found[2]) if found is not None else None
        if file is None:
            return PlainTextResponse("There is no such calendar (any more).\n", status_code=404, headers=_HEADERS)
        tag = f'"{sha256(file.data).hexdigest()[:32]}"'
        headers = {**_HEADERS, "ETag": tag}
        if file.modified is not None:
            headers["Last-Modified"] = format_datetime(file.modified, usegmt=True)
        if _unchanged(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = f'inline; filename="{file.name}"'
        return Response(file.data, media_type="text/calendar; charset=utf-8", headers=headers)

    return [Route("/calendar/{token}.ics", calendar)]


_HEADERS = {
    # Private: the address is the key. A proxy must not keep it, a search engine not list it, a link not carry it on.
    "Cache-Control": "private, max-age=300",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _unchanged(asked: str, tag: str) -> bool:
    """Whether one of the tags of If-None-Match is ours, weak or not, as a proxy in between may weaken it."""
    return asked.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in asked.split(",")]
