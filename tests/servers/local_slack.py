"""local-slack: a Slack workspace in one program (MIT), driven as its people do. Only what it lacks we send ourselves.

It has Socket Mode and signed events, commands, buttons, modals and homes; it sends nobody's coming and going, keeps no
metadata of messages, and limits nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from aiohttp import ClientSession

from tests.servers import npm, process

TEAM, BOT = "T0001", "U0BOT"
BOT_TOKEN, APP_TOKEN = "xoxb-local", "xapp-local"
SIGNING_SECRET = "0123456789abcdef0123456789abcdef"
GENERAL = "C0GENERAL"
PEOPLE = ("Ada", "Eve")
PATIENCE = 15.0

Json = dict[str, Any]
_numbers = itertools.count(1)


class LocalSlack:
    """Its people's hands and eyes."""

    def __init__(self, url: str, request_url: str) -> None:
        self.url = url
        self.request_url = request_url
        self._http = httpx.AsyncClient(base_url=url, timeout=PATIENCE)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @staticmethod
    def id_of(name: str) -> str:
        return f"U0{name.upper()}"

    async def close(self) -> None:
        await self._http.aclose()

    async def control(self, what: str, **values: Any) -> Json:
        answer = await self._http.post(f"/_control/{what}", json=values)
        said: Json = answer.json()
        assert said["ok"], said
        return said

    async def say(self, person: str, channel: str, text: str, thread: str = "") -> str:
        more = {"thread_ts": thread} if thread else {}
        said = await self.control("message", channel=channel, user=person, text=text, **more)
        return str(said["message"]["ts"])

    async def slash(self, person: str, channel: str, text: str) -> None:
        await self.control("command", channel=channel, user=person, command="/allant", text=text)

    async def press(self, person: str, channel: str, ts: str, label: str) -> None:
        message = next(each for each in await self.messages(channel) if each["ts"] == ts)
        action = action_of(message.get("blocks", []), label)
        await self.control("interact", channel=channel, messageTs=ts, user=person, action=action)

    async def messages(self, channel: str) -> list[Json]:
        found: list[Json] = (await self._http.get(f"/_control/messages/{channel}")).json()["messages"]
        return found

    async def direct(self, person: str) -> str:
        """The conversation of the bot with somebody; empty when there is none yet."""
        state: Json = (await self._http.get("/_control/state")).json()
        rooms = [each["id"] for each in state["channels"] if each.get("is_im") and person in each["members"]]
        return str(rooms[0]) if rooms else ""

    async def told(self, person: str) -> list[Json]:
        """What the bot said to them alone, in their conversation."""
        room = await self.direct(person)
        return [each for each in await self.messages(room) if each["user"] == BOT] if room else []

    async def snapshot(self) -> Json:
        """What its page shows: the modal in front, the homes."""
        async with ClientSession() as session, session.ws_connect(f"{self.url}/ui") as page:
            state: Json = json.loads(await page.receive_str())["state"]
            return state

    async def modal(self) -> Json | None:
        stack = (await self.snapshot())["modalStack"]
        return stack[-1] if stack else None

    async def home(self, person: str) -> Json | None:
        found = (await self.snapshot())["homeViews"].get(person, {})
        return next(iter(found.values()), None)

    async def submit(self, person: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Send the modal off, with each block's state."""
        async with ClientSession() as session, session.ws_connect(f"{self.url}/ui") as page:
            await page.receive_str()
            await page.send_json({"t": "view_submit", "user": person, "values": values})
            # It says nothing when it is done; the log does.
            await page.receive_str(timeout=PATIENCE)

    async def until(self, found: Callable[[list[Json]], Json | None], channel: str) -> Json:
        """The first message there that ``found`` takes, waiting for it."""
        async with asyncio.timeout(PATIENCE):
            # It cannot tell when something is said.
            while (message := found(await self.messages(channel))) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return message

    async def bring(self, event: Json) -> None:
        """An event that it does not send by itself, signed as Slack signs, until it is taken in."""
        body = json.dumps(
            {
                "type": "event_callback",
                "team_id": TEAM,
                "api_app_id": "A1",
                "event_id": f"EvOwn{next(_numbers)}",
                "event_time": int(time.time()),
                "event": {"event_ts": f"{time.time():.6f}", **event},
            }
        )
        stamp = str(int(time.time()))
        signed = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signed}",
        }
        async with asyncio.timeout(PATIENCE):
            # As Slack does, though sooner.
            while (await self._http.post(self.request_url, content=body, headers=headers)).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def arrives(self, person: str, name: str, locale: str = "en-GB") -> None:
        """Somebody joins the workspace."""
        profile = {"display_name": name, "real_name": name}
        user = {"id": person, "name": name, "real_name": name, "locale": locale, "profile": profile, "team_id": TEAM}
        await self.bring({"type": "team_join", "user": {**user, "tz": "Europe/Paris"}})

    async def enters(self, person: str, channel: str) -> None:
        """Somebody joins a channel."""
        await self.bring({"type": "member_joined_channel", "user": person, "channel": channel, "channel_type": "C"})


@contextlib.contextmanager
def local_slack(folder: Path, *, request_url: str = "") -> Iterator[str]:
    """It runs until the end of the block; gives its address. ``request_url``: events come there, signed, instead of
    over Socket Mode."""
    port = process.free_port()
    app = {
        "appId": "A1",
        "botUserId": BOT,
        "botName": "allant",
        "botToken": BOT_TOKEN,
        "appToken": APP_TOKEN,
        "signingSecret": SIGNING_SECRET,
        "mode": "events" if request_url else "socket",
        **({"requestUrl": request_url} if request_url else {}),
    }
    users = [{"id": LocalSlack.id_of(name), "name": name, "real_name": name} for name in PEOPLE]
    settings = {
        "workspace": {"name": "Acme", "domain": "acme", "teamId": TEAM},
        "apps": [app],
        "users": users,
        "channels": [{"id": GENERAL, "name": "general", "members": [BOT, *(each["id"] for each in users)]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    program = npm.install("local-slack") / "local-slack-linux-x64" / "bin" / "local-slack"
    command = [str(program), "--config", "config.yaml", "--port", str(port), "--base-host", "127.0.0.1"]
    command += ["--files-dir", str(folder / "files")]
    with process.running(command, folder, lambda: process.listens(port)):
        yield f"http://127.0.0.1:{port}"


def action_of(blocks: list[Json], label: str) -> Json:
    """The button of that label, as a client says that it was pressed."""
    for block in blocks:
        for element in block.get("elements", ()) if block["type"] == "actions" else ():
            if element["type"] == "button" and element["text"]["text"] == label:
                pressed = {name: element[name] for name in ("type", "action_id", "text", "value") if name in element}
                return {**pressed, "block_id": block.get("block_id", "b1"), "action_ts": f"{time.time():.6f}"}
    raise AssertionError(f"there is no {label!r} to press")
