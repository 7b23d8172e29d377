"""The web server: health, metrics, and whatever routes the platforms bring."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.core.errors import BadInput

Gauges = Callable[[], Awaitable[Mapping[str, float]]]
"""Gives the figures of /metrics by name (``allant_inbox_waiting``); raises when the store cannot be reached."""


HEALTH_SECONDS = 3.0
"""After this long without an answer of the store we are unwell."""


def make_web(gauges: Gauges, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application. ``/health`` answers 503 when the gauges cannot be read."""

    async def health(request: Request) -> Response:
        try:
            # The store itself is more patient than whoever asks for our health.
            async with asyncio.timeout(HEALTH_SECONDS):
                await gauges()
        except Exception as error:
            return JSONResponse({"status": "unwell", "reason": type(error).__name__}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        lines = []
        for name, value in sorted((await gauges()).items()):
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/health", health), Route("/metrics", metrics), *routes])


class WebServer(uvicorn.Server):
    """uvicorn inside our own event loop, which leaves signals to the command that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is told before anything else starts. Raises BadInput."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        server.close()
        reason = error.strerror or type(error).__name__
        raise BadInput(f"cannot listen on {host}:{port}: {reason}; choose another with --port or ALLANT_PORT") from None
    server.listen(128)
    return server


def web_server(app: Starlette) -> WebServer:
    """Serve with ``await server.serve(sockets=[…])``; end it with ``server.should_exit = True``."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws="none"
    )
    return WebServer(config)
