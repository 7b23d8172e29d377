"""emulate's Slack (Apache-2.0): the Web API with its scopes enforced, people's own tokens, coming and going, OAuth.

It sends signed events and nothing else: no Socket Mode, no commands, no modals' answers.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.servers import npm, process

SCRIPT = Path(__file__).with_name("emulate-slack.mjs")
SIGNING_SECRET = "fedcba9876543210fedcba9876543210"
BOT_TOKEN = "xoxb-bot"
CLIENT_ID, CLIENT_SECRET = "1.2", "shh"
TEAM = "T000000001"
PEOPLE = ("alice", "bob", "carol")
_ALL = (
    *("channels:history", "channels:join", "channels:read", "channels:write", "chat:write"),
    *("im:history", "im:read", "im:write", "reactions:read", "reactions:write"),
    *("users.profile:read", "users.profile:write", "users:read", "users:write"),
)

Json = dict[str, Any]


class EmulateSlack:
    """Its people act by the Web API, each with a token of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api_url = f"{url}/api/"
        self._http = httpx.AsyncClient(base_url=url, timeout=10)

    async def close(self) -> None:
        await self._http.aclose()

    async def act(self, person: str, method: str, **values: Any) -> Json:
        """The person calls ``method``; ``bot`` acts as the bot."""
        token = BOT_TOKEN if person == "bot" else f"xoxp-{person}"
        headers = {"Authorization": f"Bearer {token}"}
        said: Json = (await self._http.post(f"/api/{method}", json=values, headers=headers)).json()
        assert said["ok"], (method, said)
        return said

    async def id_of(self, person: str) -> str:
        return str((await self.act(person, "auth.test"))["user_id"])

    async def channel(self, name: str) -> str:
        found = (await self.act("alice", "conversations.list"))["channels"]
        return next(str(each["id"]) for each in found if each["name"] == name)

    async def agree(self, address: str, person: str) -> str:
        """The person opens the page of an installation and agrees; the address to which Slack sends their browser."""
        assert (await self._http.get(address)).status_code == 200
        query = dict(httpx.URL(address).params)
        sent = await self._http.post(
            "/oauth/v2/authorize/callback", data={**query, "user_id": await self.id_of(person)}
        )
        assert sent.status_code == 302
        return str(sent.headers["location"])


@contextlib.contextmanager
def emulate_slack(folder: Path, *, scopes: Sequence[str], event_url: str = "", redirect_url: str = "") -> Iterator[str]:
    """It runs until the end of the block; gives its address. The bot has ``scopes`` and no other."""
    port = process.free_port()
    seed = {
        "signing_secret": SIGNING_SECRET,
        "strict_scopes": True,
        "team": {"name": "Acme", "domain": "acme"},
        "users": [{"name": name, "real_name": name.title(), "email": f"{name}@example.org"} for name in PEOPLE],
        "channels": [{"name": "general"}, {"name": "random"}],
        "bots": [{"name": "allant"}],
        "oauth_apps": [
            {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "app_id": "A1",
                "name": "Allant",
                "redirect_uris": [redirect_url or "http://127.0.0.1/unused"],
                "bot_name": "allant",
            }
        ],
        "tokens": [
            {"token": BOT_TOKEN, "user": "allant", "app_id": "A1", "type": "bot", "scopes": list(scopes)},
            *({"token": f"xoxp-{name}", "user": name, "scopes": _ALL} for name in PEOPLE),
        ],
    }
    package = npm.install("emulate") / "emulate"
    settings = json.dumps({"eventUrl": event_url, "seed": seed})
    with process.running(
        [str(npm.node()), str(SCRIPT), str(package), str(port), settings], folder, lambda: process.listens(port)
    ):
        yield f"http://127.0.0.1:{port}"
