"""The part of Slack where apps are installed and tokens are looked at: small answers, which a test changes at will."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import WSMsgType, web

TEAM, BOT, ADMIN = "T0001", "U0BOT", "U0ADMIN"
TOKEN = "xoxb-1-good"
SECRET = "0123456789abcdef0123456789abcdef"

Json = dict[str, Any]


class SlackDesk:
    """``answers`` holds what each method says, by its name; ``asked`` what was asked, as (method, token, values)."""

    def __init__(self) -> None:
        self.scopes = ""
        """What the token has, for the header; nothing is said when empty."""
        self.clock_off = timedelta()
        """How much Slack's clock is before ours."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.greetings = 0
        self.url = ""
        self.socket_url = ""
        """Where Socket Mode connects to; our own when empty."""
        self.tokens: dict[str, tuple[str, str]] = {TOKEN: (TEAM, "Acme")}
        """Good tokens, each with its workspace's id and name."""
        self.codes: dict[str, Json] = {}
        """What Slack gives for a code that it gave to a browser; each is good once."""
        self.answers: dict[str, Json] = {
            "conversations.list": {"channels": [channel("C1", "general"), channel("C2", "random")]},
            "users.info": {"user": {"id": ADMIN, "name": "ada", "real_name": "Ada"}},
            "users.list": {"members": [{"id": ADMIN, "name": "ada", "real_name": "Ada", "tz": "Europe/Paris"}]},
        }

    async def answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        token, values = await _read(request)
        self.asked.append((method, token, values))
        said = self.say(method, token, values)
        headers = {"x-oauth-scopes": self.scopes} if self.scopes else {}
        headers["Date"] = format_datetime(datetime.now(UTC) + self.clock_off, usegmt=True)
        return web.json_response(said, headers=headers)

    def say(self, method: str, token: str, values: Mapping[str, str]) -> Json:
        if method in self.answers and not self.answers[method].get("ok", True):
            return self.answers[method]
        if method == "oauth.v2.access":
            given = self.codes.pop(values.get("code", ""), None)
            return {"ok": True, **given} if given is not None else {"ok": False, "error": "invalid_code"}
        if method == "apps.connections.open":
            good = token == "xapp-1-good"
            return (
                {"ok": True, "url": self.socket_url or f"{self.url}/socket"}
                if good
                else {"ok": False, "error": "invalid_auth"}
            )
        if token not in self.tokens:
            return {"ok": False, "error": "invalid_auth"}
        team, name = self.tokens[token]
        if method == "auth.revoke":
            del self.tokens[token]
            return {"ok": True, "revoked": True}
        if method == "auth.test":
            who = {"team": name, "team_id": team, "user": "allant", "user_id": BOT, "bot_id": "B1", "url": "https://x/"}
            return {"ok": True, **who, **self.answers.get("auth.test", {})}
        return {"ok": True, **self.answers.get(method, {})}

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_json({"type": "hello", "num_connections": 1})
        self.greetings += 1
        async for message in response:
            if message.type is WSMsgType.CLOSE:
                break
        return response

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]

    def allow(self, code: str, team: str = TEAM, name: str = "Acme", token: str = TOKEN, **more: Any) -> None:
        """Somebody agreed that the app be installed in their workspace, and Slack sends their browser back."""
        self.tokens[token] = (team, name)
        self.codes[code] = {
            "access_token": token,
            "token_type": "bot",
            "scope": "chat:write,commands",
            "bot_user_id": BOT,
            "app_id": "A1",
            "team": {"id": team, "name": name},
            "authed_user": {"id": ADMIN},
            "is_enterprise_install": False,
            **more,
        }


def channel(identifier: str, name: str, *, member: bool = True) -> Json:
    return {"id": identifier, "name": name, "is_member": member, "is_archived": False}


async def _read(request: web.Request) -> tuple[str, dict[str, str]]:
    """The token, or the client's id and secret, and the values, however they were sent."""
    values = dict(request.query.items())
    body = await request.text()
    if request.content_type == "application/json" and body:
        values |= {name: str(value) for name, value in json.loads(body).items()}
    else:
        values |= {name: found[0] for name, found in parse_qs(body).items()}
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        credential = base64.b64decode(credential).decode()
    return credential or values.get("token", ""), values


@asynccontextmanager
async def slack_desk() -> AsyncIterator[SlackDesk]:
    """Listening on loopback until the end of the block."""
    desk = SlackDesk()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", desk.answer)
    app.router.add_get("/socket", desk.socket)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield desk
    finally:
        await runner.cleanup()


def query_of(address: str) -> dict[str, str]:
    """What an address asks, by name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
