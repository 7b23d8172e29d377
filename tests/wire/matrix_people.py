"""People on the tests' homeserver, through the same client-server API that their apps use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote

import httpx

from tests.wire.synapse import Account, Synapse

Json = dict[str, Any]
_numbers = itertools.count(1)


class Person:
    """One signed-in person. Close it at the end."""

    def __init__(self, synapse: Synapse, account: Account) -> None:
        self.id = account.id
        self._since = ""
        self._invited: set[str] = set()
        headers = {"Authorization": f"Bearer {account.token}"}
        # Plain HTTP on loopback: loading certificates for each person would take longer than the tests themselves.
        base = f"{synapse.url}/_matrix/client/v3"
        self._http = httpx.AsyncClient(base_url=base, headers=headers, timeout=30, verify=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, body: Json | None = None, **query: object) -> Json:
        """The answer's JSON; an answer that is no success fails the test."""
        answer = await self.try_to(method, path, body, **query)
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        found: Json = answer.json()
        return found

    async def try_to(self, method: str, path: str, body: Json | None = None, **query: object) -> httpx.Response:
        json = body if body is not None else ({} if method != "GET" else None)
        return await self._http.request(method, path, json=json, params={k: str(v) for k, v in query.items()})

    # Rooms

    async def create(self, name: str = "", *, invite: Sequence[str] = (), **more: object) -> str:
        """A room people can join; a name makes it a channel."""
        body: Json = {"preset": "public_chat", "invite": list(invite)} | more
        if name:
            body["name"] = name
        return str((await self.ask("POST", "/createRoom", body))["room_id"])

    async def join(self, room: str) -> None:
        await self.ask("POST", f"/join/{quote(room)}")

    async def leave(self, room: str) -> None:
        await self.ask("POST", f"/rooms/{quote(room)}/leave")

    async def invite(self, room: str, user: str) -> None:
        await self.ask("POST", f"/rooms/{quote(room)}/invite", {"user_id": user})

    async def state(self, room: str, kind: str, content: Json, key: str = "") -> str:
        return str((await self.ask("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content))["event_id"])

    async def call_oneself(self, name: str) -> None:
        await self.ask("PUT", f"/profile/{quote(self.id)}/displayname", {"displayname": name})

    async def joined(self) -> list[str]:
        return list((await self.ask("GET", "/joined_rooms"))["joined_rooms"])

    async def invitations(self) -> list[str]:
        """Rooms this person is invited to. Synced from where the last call ended: Synapse keeps its answer to a first
        sync for two minutes and would repeat it."""
        query: Json = {"timeout": 0} | ({"since": self._since} if self._since else {})
        answer = await self.ask("GET", "/sync", **query)
        self._since = answer["next_batch"]
        rooms = answer.get("rooms", {})
        self._invited |= set(rooms.get("invite", {}))
        self._invited -= {*rooms.get("join", {}), *rooms.get("leave", {})}
        return sorted(self._invited)

    async def members(self, room: str) -> set[str]:
        return set((await self.ask("GET", f"/rooms/{quote(room)}/joined_members"))["joined"])

    # Messages

    async def send(self, room: str, kind: str, content: Json) -> str:
        path = f"/rooms/{quote(room)}/send/{kind}/people-{next(_numbers)}"
        return str((await self.ask("PUT", path, content))["event_id"])

    async def say(self, room: str, body: str, *, thread: str = "", names: Sequence[str] = (), **more: Any) -> str:
        """Write, as apps do: always with m.mentions."""
        content: Json = {"msgtype": "m.text", "body": body, "m.mentions": {"user_ids": list(names)} if names else {}}
        if thread:
            falling_back = {"event_id": thread}
            content["m.relates_to"] = {
                "rel_type": "m.thread",
                "event_id": thread,
                "is_falling_back": True,
                "m.in_reply_to": falling_back,
            }
        return await self.send(room, "m.room.message", content | more)

    async def edit(self, room: str, event: str, body: str) -> str:
        new = {"msgtype": "m.text", "body": body}
        relates = {"rel_type": "m.replace", "event_id": event}
        content = {"msgtype": "m.text", "body": f"* {body}", "m.new_content": new, "m.relates_to": relates}
        return await self.send(room, "m.room.message", content)

    async def react(self, room: str, event: str, key: str) -> str:
        relates = {"rel_type": "m.annotation", "event_id": event, "key": key}
        return await self.send(room, "m.reaction", {"m.relates_to": relates})

    async def redact(self, room: str, event: str) -> None:
        await self.ask("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/people-{next(_numbers)}")

    async def event(self, room: str, event: str) -> Json | None:
        answer = await self.try_to("GET", f"/rooms/{quote(room)}/event/{quote(event)}")
        found: Json = answer.json()
        return found if answer.status_code == 200 else None

    async def reactions(self, room: str, event: str) -> list[tuple[str, str]]:
        """(sender, emoji) of each reaction, oldest first."""
        path = f"{self._http.base_url}".replace("/v3/", "/v1/") + f"rooms/{quote(room)}/relations/{quote(event)}"
        found = (await self.ask("GET", f"{path}/m.annotation/m.reaction", limit=100))["chunk"]
        return [(each["sender"], each["content"]["m.relates_to"]["key"]) for each in reversed(found)]

    async def download(self, address: str) -> bytes:
        """The file at ``mxc://…``, which only those signed in get."""
        place = address.removeprefix("mxc://")
        base = f"{self._http.base_url}".replace("/v3/", "/v1/")
        answer = await self._http.get(f"{base}media/download/{place}")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def messages(self, room: str) -> list[Json]:
        """All messages of the room that this person sees, oldest first, edits and taken back ones left out."""
        found: list[Json] = []
        start: str | None = None
        while True:
            query: dict[str, Any] = {"dir": "b", "limit": 200} | ({"from": start} if start else {})
            page = await self.ask("GET", f"/rooms/{quote(room)}/messages", **query)
            found += page["chunk"]
            start = page.get("end")
            if not page["chunk"] or start is None:
                break
        return [each for each in reversed(found) if each["type"] == "m.room.message" and _is_message(each["content"])]


def _is_message(content: Json) -> bool:
    return "body" in content and content.get("m.relates_to", {}).get("rel_type") != "m.replace"


def thread_of(content: Json) -> str | None:
    """The thread's root event."""
    relates = content.get("m.relates_to", {})
    return str(relates["event_id"]) if relates.get("rel_type") == "m.thread" else None


class Shown(HTMLParser):
    """A formatted body as an app shows it: the specification's tags only."""

    ALLOWED = frozenset(
        {"h1", "h2", "h3", "blockquote", "p", "a", "ul", "ol", "li", "strong", "em", "code", "hr", "br", "pre"}
    )

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.strong: list[str] = []
        self.pills: set[str] = set()
        self._in_strong = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ALLOWED
        self._in_strong = self._in_strong or tag == "strong"
        pill = re.match(r"https://matrix\.to/#/(@[^?]+)", unquote(dict(attrs).get("href") or ""))
        if pill:
            self.pills.add(pill.group(1))

    def handle_endtag(self, tag: str) -> None:
        self._in_strong = self._in_strong and tag != "strong"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_strong:
            self.strong.append(data)
