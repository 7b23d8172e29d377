"""A server that takes the platform's signed events over HTTP, in one of three ways; run by the bench in a process of
its own: ``python -m tests.bench.signals_web bolt|verify|durable SOCKET FOLDER``."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.core.events import MessagePosted
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.core.signals import Signal, What, source_of
from bot.store import Store

SIGNING = b"bench signing secret"
WORKSPACE = WorkspaceRef("slack", "T1")


def body(number: int) -> bytes:
    """An event as the platform sends it."""
    event = {
        "type": "message",
        "user": f"U{number % 5000}",
        "channel": f"C{number % 200}",
        "ts": f"1795428000.{number:06}" if number >= 0 else f"1795427000.{-number:06}",
        "text": "Does anybody know where the onboarding documents are kept these days?",
    }
    whole = {"token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_time": 1795428000}
    return json.dumps({**whole, "event_id": f"Ev{number}", "event": event}).encode()


def signed(raw: bytes) -> dict[str, str]:
    stamp = str(int(time.time()))
    mark = hmac.new(SIGNING, b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    return {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={mark}",
        "content-type": "application/json",
    }


def verified(headers: Any, raw: bytes) -> bool:
    stamp = headers.get("x-slack-request-timestamp", "0")
    if abs(time.time() - int(stamp)) > 300:
        return False
    mark = hmac.new(SIGNING, b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={mark}", headers.get("x-slack-signature", ""))


def decoded(raw: bytes) -> MessagePosted:
    whole = json.loads(raw)
    event = whole["event"]
    workspace = WORKSPACE if whole["team_id"] == WORKSPACE.id else WorkspaceRef("slack", whole["team_id"])
    channel = ChannelRef(workspace, event["channel"])
    return MessagePosted(
        id=whole["event_id"],
        at=datetime.fromtimestamp(float(event["ts"]), UTC),
        workspace=workspace,
        message=MessageRef(channel, event["ts"]),
        member=MemberRef(workspace, event["user"]),
        text=event["text"],
    )


def counted(event: MessagePosted) -> Signal:
    return Signal(
        source=source_of(event.message),
        workspace=event.workspace,
        at=event.at,
        what=What.POSTED,
        member=event.member,
        channel=event.channel,
    )


def bolt_app() -> AsyncApp:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-x", bot_id="B1", bot_user_id="UB")

    app = AsyncApp(signing_secret=SIGNING.decode(), authorize=authorize)

    @app.event("message")
    async def heard(event: dict[str, Any]) -> None:
        pass

    return app


async def serve(kind: str, socket: str, folder: str) -> None:
    opened = await Store.open(f"sqlite:///{folder}/{kind}.db", secret=b"s" * 32) if kind == "durable" else None
    bolt = AsyncSlackRequestHandler(bolt_app()) if kind == "bolt" else None

    async def events(request: Request) -> Response:
        if bolt is not None:
            return await bolt.handle(request)
        raw = await request.body()
        if not verified(request.headers, raw):
            return Response(status_code=401)
        if opened is not None:
            # The 200 goes out once the event is on disk.
            await opened.inbox.accept(decoded(raw))
        return Response()

    app = Starlette(routes=[Route("/slack/events", events, methods=["POST"])])
    config = uvicorn.Config(app, uds=socket, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    await server.serve()
    if opened is not None:
        await opened.close()


async def load(socket: str, total: int, first: int, connections: int = 16) -> float:
    """Requests a second, each answered before its connection sends the next."""
    numbers = iter(range(first, first + total))

    async def one() -> None:
        reader, writer = await asyncio.open_unix_connection(socket)
        for number in numbers:
            raw = body(number)
            head = "".join(f"{name}: {value}\r\n" for name, value in signed(raw).items())
            request = f"POST /slack/events HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(raw)}\r\n\r\n"
            writer.write(request.encode() + raw)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.split(b"\r\n")[0]:
                raise RuntimeError(answer.decode())
            for line in answer.lower().split(b"\r\n"):
                if line.startswith(b"content-length:") and int(line.split(b":")[1]):
                    await reader.readexactly(int(line.split(b":")[1]))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return total / (time.perf_counter() - began)


def wait_for(socket: str, alive: Callable[[], bool]) -> None:
    while not Path(socket).exists():
        if not alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.05)
    time.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:4]))
