"""The addresses that platforms call to bring their events: ``/hooks/…``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.core.platform import OnEvent
from bot.core.webhook import MAX_BODY_BYTES, Webhook, WebRequest

log = logging.getLogger("allant.web")


def webhook_routes(webhooks: Callable[[], Iterable[Webhook]], on_event: OnEvent) -> list[BaseRoute]:
    """``/hooks/<path>`` for what ``webhooks`` gives at each request, as workspaces come and go while we run.

    A webhook that fails is answered 500 without a word of the failure, so that the platform brings the event again.
    """

    async def hook(request: Request) -> Response:
        path = request.path_params["path"]
        found = next((each for each in webhooks() if each.path == path), None)
        if found is None:
            return PlainTextResponse("There is nothing here.\n", status_code=404)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return PlainTextResponse(f"More than {MAX_BODY_BYTES} bytes.\n", status_code=413)
        asked = WebRequest(
            method=request.method,
            path=path,
            query=request.url.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
        )
        try:
            answer = await found.answer(asked, on_event)
        except Exception as error:
            # Neither the path nor the body is logged: the one may hold a secret, the other a member's words.
            log.error("a webhook failed: %s", type(error).__name__)
            return Response(status_code=500)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return [Route("/hooks/{path:path}", hook, methods=["GET", "POST"])]


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is too large: what comes after the bound is not read."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
