"""A small Slack on the wire: the Web API with its limits and error shapes, Socket Mode, signed HTTP, interactivity.

It serves one workspace (more can be added) with the real slack_sdk and slack-bolt on the other side, and no member of
it is a mock: what is sent is stored, what is stored can be read, and what Slack refuses is refused. Payloads have the
shape of the examples in Slack's documentation, which tests/wire/test_slack_server.py compares.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from tests.wire.slack_api import TIERS, Api, Refusal
from tests.wire.slack_org import APP_ID, APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Organisation

Json = dict[str, Any]


@dataclass(kw_only=True)
class Manners:
    """How this Slack behaves. ``speed`` divides all waiting: at 10 a minute has six seconds. ``channel_burst``: how
    many messages at once in one channel. ``redeliver``: seconds until an event that was not acknowledged comes
    again."""

    limits: bool = True
    speed: float = 1.0
    channel_burst: int = 4
    workspace_rate: float = 0.0
    """Messages a second over all channels, looked at over six seconds (Slack says “several hundred a minute”, and no
    more); 0: as many as come."""
    ack_seconds: float = 3.0
    redeliver: tuple[float, ...] = (0.05, 1.0, 5.0)
    echo: bool = True
    """Whether the app is told of its own messages, as Slack does."""
    delay: float = 0.0
    """Seconds that every answer takes."""


@dataclass
class Bucket:
    rate: float
    burst: float
    left: float
    at: float

    def wait(self, now: float) -> float:
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / self.rate


@dataclass
class Call:
    method: str
    arguments: Json
    at: float
    answer: Json = field(default_factory=dict)


class SlackServer:
    """``url`` is the Web API's address once it serves. ``calls`` are all that came; ``faults`` maps a method to what
    goes wrong the next times: ``lost`` (done, and no answer), ``500``, ``html``, ``429``, ``fatal_error``, ``slow``."""

    def __init__(self, org: Organisation | None = None, manners: Manners | None = None) -> None:
        self.org = org or Organisation()
        self.orgs: dict[str, Organisation] = {BOT_TOKEN: self.org}
        self.manners = manners or Manners()
        self.calls: list[Call] = []
        self.count: defaultdict[str, int] = defaultdict(int)
        self.too_many = 0
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.request_url = ""
        """Where events go when there is no Socket Mode."""
        self.timeouts: list[Json] = []
        """Commands and presses that were not acknowledged in time, as a person would see it."""
        self.undelivered: list[Json] = []
        """Events given up after all redeliveries."""
        self.retries = 0
        self.port = 0
        self._buckets: dict[str, Bucket] = {}
        self._sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._acks: dict[str, asyncio.Future[Json]] = {}
        self._connected = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self.api = Api(self)
        self._order: dict[str, asyncio.Task[Any]] = {}

    # The server

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/link", self._socket)
        app.router.add_post("/respond/{id}", self.api.respond)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # It has one once started.
        self._http = aiohttp.ClientSession()

    async def stop(self) -> None:
        """Cut every connection; what was said stays, for another start at the same port."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self._sockets):
            with contextlib.suppress(Exception):
                await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._http is not None:
            await self._http.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # The Web API

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        call = Call(method, arguments, time.monotonic())
        self.calls.append(call)
        self.count[method] += 1
        if self.manners.delay:
            await asyncio.sleep(self.manners.delay)
        fault = self.faults[method].pop(0) if self.faults[method] else ""
        waited = await self._fault_before(fault, request)
        if waited is not None:
            return waited
        seconds = self._limited(method, token, arguments)
        if seconds > 0:
            self.too_many += 1
            return _too_many(seconds)
        call.answer = self._answer(method, token, arguments)
        if fault == "lost":
            assert request.transport is not None
            request.transport.close()
        return web.json_response(call.answer, headers={"X-OAuth-Scopes": self.api.scopes})

    async def _fault_before(self, fault: str, request: web.Request) -> web.Response | None:
        match fault:
            case "500":
                return web.Response(status=500, text="oh no")
            case "html":
                return web.Response(text="<html>We will be right back</html>", content_type="text/html")
            case "broken":
                return web.Response(text='{"ok": tru', content_type="application/json")
            case "429":
                self.too_many += 1
                return _too_many(1)
            case "slow":
                await asyncio.sleep(5)
            case "fatal_error" | "internal_error":
                return web.json_response({"ok": False, "error": fault})
        return None

    def _answer(self, method: str, token: str, arguments: Json) -> Json:
        try:
            if method == "apps.connections.open":
                return self._open_connection(token)
            org = self.orgs.get(token)
            if org is None:
                raise Refusal("invalid_auth" if token else "not_authed")
            return {"ok": True} | self.api.answer(org, method, arguments)
        except Refusal as refusal:
            return {"ok": False, "error": refusal.code} | refusal.more

    def _limited(self, method: str, token: str, arguments: Json) -> float:
        if not self.manners.limits:
            return 0.0
        speed, now = self.manners.speed, time.monotonic()
        waits = []
        if method == "chat.postMessage":
            channel, burst = str(arguments.get("channel")), self.manners.channel_burst
            waits.append(self._bucket(f"{token} {channel}", speed, burst).wait(now))
            if self.manners.workspace_rate and not waits[0]:
                rate = self.manners.workspace_rate * speed
                waits.append(self._bucket(token, rate, self.manners.workspace_rate * 6).wait(now))
        elif method in TIERS:
            waits.append(self._bucket(f"{token} {method}", TIERS[method] * speed / 60, TIERS[method]).wait(now))
        return max(waits, default=0.0)

    def _bucket(self, key: str, rate: float, burst: float) -> Bucket:
        return self._buckets.setdefault(key, Bucket(rate, burst, burst, time.monotonic()))

    # Socket Mode

    def _open_connection(self, token: str) -> Json:
        if token != APP_TOKEN:
            raise Refusal("invalid_auth")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link?ticket={ticket}&app_id={APP_ID}"}

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._sockets) + 1,
                "connection_info": {"app_id": APP_ID},
                "debug_info": {"host": "applink-1", "build_number": 10, "approximate_connection_time": 18060},
            }
        )
        self._sockets.append(socket)
        self._connected.set()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    said = json.loads(message.data)
                    waiting = self._acks.get(said.get("envelope_id", ""))
                    if waiting is not None and not waiting.done():
                        waiting.set_result(said.get("payload") or {})
        finally:
            self._sockets.remove(socket)
            if not self._sockets:
                self._connected.clear()
        return socket

    async def connected(self) -> None:
        """Once a bot listens."""
        await self._connected.wait()

    async def refresh(self) -> None:
        """Slack asks its clients to connect anew, every few hours."""
        for socket in list(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    async def cut(self) -> None:
        """Every socket breaks."""
        for socket in list(self._sockets):
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    # Events and interactions

    def tell(self, event: Json, *, org: Organisation | None = None, event_id: str = "", **more: Any) -> str:
        """Send an event to the app, again and again until it is acknowledged. Returns its id."""
        where = org or self.org
        identifier = event_id or f"Ev{where.number():09d}"
        now = time.time()
        body: Json = {
            "token": "verification-token",
            "team_id": where.team,
            "api_app_id": APP_ID,
            "event": {"event_ts": f"{now:.6f}"} | event,
            "type": "event_callback",
            "event_id": identifier,
            "event_time": int(now),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": where.team,
                    "user_id": where.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{identifier}",
        } | more
        self.send(lambda: self._deliver_event(body))
        return identifier

    def send(self, work: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
        """Do it beside everything else."""

        async def run() -> Any:
            return await work()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver_event(self, body: Json) -> None:
        for number, pause in enumerate((0.0, *self.manners.redeliver)):
            await asyncio.sleep(pause)
            if not self.request_url:
                await self._connected.wait()
            retry: Json = {"retry_attempt": number, "retry_reason": "timeout" if number else ""}
            if number:
                self.retries += 1
            if await self._deliver("events_api", body, retry) is not None:
                return
        self.undelivered.append(body)

    async def interact(self, kind: str, body: Json) -> Json | None:
        """A command or an interaction: the acknowledgement's payload, None when it was not acknowledged in time. It is
        never sent again."""
        answer = await self._deliver(kind, body, {})
        if answer is None:
            self.timeouts.append(body)
        return answer

    async def _deliver(self, kind: str, body: Json, retry: Json) -> Json | None:
        try:
            async with asyncio.timeout(self.manners.ack_seconds):
                if self.request_url:
                    return await self._post_signed(kind, body, retry)
                return await self._over_socket(kind, body, retry)
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            return None

    async def _over_socket(self, kind: str, body: Json, retry: Json) -> Json:
        if not self._sockets:
            raise ConnectionError
        identifier = secrets.token_hex(16)
        envelope: Json = {
            "envelope_id": identifier,
            "payload": body,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= retry
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._acks[identifier] = waiting
        try:
            await self._sockets[-1].send_json(envelope)
            return await waiting
        finally:
            del self._acks[identifier]

    async def _post_signed(self, kind: str, body: Json, retry: Json) -> Json | None:
        if kind == "events_api":
            raw, content_type = json.dumps(body).encode(), "application/json"
        else:
            values = body if kind == "slash_commands" else {"payload": json.dumps(body)}
            raw = urlencode(values).encode()
            content_type = "application/x-www-form-urlencoded"
        headers = signed(raw, int(time.time())) | {"Content-Type": content_type}
        if retry.get("retry_attempt"):
            headers |= {"X-Slack-Retry-Num": str(retry["retry_attempt"]), "X-Slack-Retry-Reason": "http_timeout"}
        assert self._http is not None
        async with self._http.post(self.request_url, data=raw, headers=headers) as answer:
            said = await answer.text()
            if answer.status != 200:
                return None
            found: Json = json.loads(said) if said.startswith("{") else {"text": said} if said else {}
            return found


def signed(raw: bytes, at: int, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers with which Slack signs (“Verifying requests from Slack”)."""
    made = hmac.new(secret.encode(), b"v0:" + str(at).encode() + b":" + raw, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={made}"}


def _too_many(seconds: float) -> web.Response:
    headers = {"Retry-After": str(max(1, round(seconds + 0.5)))}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


async def _arguments(request: web.Request) -> Json:
    """From the query, a form, or JSON; values that are JSON themselves opened."""
    found: Json = dict(request.query)
    if request.content_type == "application/json":
        found |= await request.json()
    else:
        found |= dict(await request.post())
    for name in ("blocks", "metadata", "view", "attachments"):
        if isinstance(found.get(name), str):
            found[name] = json.loads(found[name])
    return found
