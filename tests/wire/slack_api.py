"""The Web API's methods of the fake Slack: as far as Allant calls them, with Slack's own errors."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.wire.slack_checks import wrong_in_blocks, wrong_in_metadata, wrong_in_view
from tests.wire.slack_org import BOT_SCOPES, Json, Organisation

if TYPE_CHECKING:
    from tests.wire.slack_server import SlackServer

TIERS = {
    "auth.test": 600,
    "apps.connections.open": 20,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.list": 20,
    "conversations.open": 50,
    "conversations.replies": 50,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.update": 50,
    "reactions.add": 50,
    "users.info": 100,
    "users.list": 20,
    "views.open": 100,
    "views.publish": 100,
    "views.update": 100,
}
"""Requests a minute, by each method's page."""
TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 1800.0
RESPONSES = 5


class Refusal(Exception):
    """Slack's ``{"ok": false, "error": …}``."""

    def __init__(self, code: str, **more: Any) -> None:
        self.code = code
        self.more = more
        super().__init__(code)


class Api:
    def __init__(self, server: SlackServer) -> None:
        self._server = server
        self.scopes = BOT_SCOPES
        self.triggers: dict[str, tuple[str, float]] = {}
        """Who got each trigger, and when."""
        self.views: dict[str, Json] = {}
        self.responses: dict[str, Json] = {}
        self.responded: list[Json] = []
        self._methods = {
            "auth.test": self._auth_test,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._ephemeral,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.list": self._channels,
            "conversations.open": self._open,
            "conversations.replies": self._replies,
            "reactions.add": self._react,
            "users.info": self._user,
            "users.list": self._users,
            "views.open": self._view_open,
            "views.publish": self._publish,
            "views.update": self._view_update,
        }

    def answer(self, org: Organisation, method: str, given: Json) -> Json:
        found = self._methods.get(method)
        if found is None:
            raise Refusal("unknown_method", req_method=method)
        return found(org, given)

    def _auth_test(self, org: Organisation, _: Json) -> Json:
        return {
            "url": "https://fake.slack.test/",
            "team": "Fake",
            "user": "allant",
            "team_id": org.team,
            "user_id": org.bot_user,
            "bot_id": org.bot_id,
            "is_enterprise_install": False,
        }

    # Messages

    def _place(self, org: Organisation, given: Json, *, member: bool = True) -> str:
        channel = str(given.get("channel", ""))
        if channel in org.users and channel != org.bot_user:
            return org.direct(channel)
        if channel not in org.channels:
            raise Refusal("channel_not_found")
        if org.channels[channel].get("is_archived"):
            raise Refusal("is_archived")
        if member and org.bot_user not in org.members[channel]:
            raise Refusal("not_in_channel" if not org.channels[channel].get("is_private") else "channel_not_found")
        return channel

    def _checked(self, given: Json) -> None:
        if not given.get("text") and not given.get("blocks"):
            raise Refusal("no_text")
        if len(given.get("text", "")) > 40_000:
            raise Refusal("msg_too_long")
        wrong = wrong_in_blocks(given["blocks"]) if "blocks" in given else []
        if wrong:
            raise Refusal("invalid_blocks", response_metadata={"messages": wrong})
        if "metadata" in given and wrong_in_metadata(given["metadata"]):
            raise Refusal("invalid_metadata_format")

    def _post(self, org: Organisation, given: Json) -> Json:
        self._checked(given)
        place = self._place(org, given)
        thread = given.get("thread_ts")
        made = org.add(
            place,
            org.bot_user,
            given.get("text", ""),
            bot_id=org.bot_id,
            blocks=given.get("blocks"),
            thread_ts=thread if thread and org.message(place, thread) else None,
            metadata=given.get("metadata"),
        )
        # Our own messages are told to us like everybody's.
        told = {name: value for name, value in made.items() if name != "metadata"}
        kind = "im" if org.channels[place].get("is_im") else "channel"
        if self._server.manners.echo:
            self._server.tell(told | {"channel": place, "channel_type": kind}, org=org)
        return {"channel": place, "ts": made["ts"], "message": made}

    def _ephemeral(self, org: Organisation, given: Json) -> Json:
        self._checked(given)
        place = self._place(org, given)
        user = str(given.get("user"))
        if user not in org.members[place]:
            raise Refusal("user_not_in_channel")
        made = org.add(
            place,
            org.bot_user,
            given.get("text", ""),
            bot_id=org.bot_id,
            blocks=given.get("blocks"),
            thread_ts=given.get("thread_ts"),
            visible_to=user,
        )
        return {"message_ts": made["ts"]}

    def _own(self, org: Organisation, given: Json, refusal: str) -> tuple[str, Json]:
        place = self._place(org, given, member=False)
        found = org.message(place, str(given.get("ts")))
        if found is None or "visible_to" in found:
            raise Refusal("message_not_found")
        if found["user"] != org.bot_user:
            raise Refusal(refusal)
        return place, found

    def _update(self, org: Organisation, given: Json) -> Json:
        self._checked(given)
        place, found = self._own(org, given, "cant_update_message")
        found["text"] = given.get("text", "")
        found.pop("blocks", None)
        if given.get("blocks"):
            found["blocks"] = given["blocks"]
        found["edited"] = {"user": org.bot_user, "ts": org.ts()}
        return {"channel": place, "ts": found["ts"], "text": found["text"], "message": found}

    def _delete(self, org: Organisation, given: Json) -> Json:
        place, found = self._own(org, given, "cant_delete_message")
        org.messages[place].remove(found)
        return {"channel": place, "ts": found["ts"]}

    def _react(self, org: Organisation, given: Json) -> Json:
        place = self._place(org, given)
        found = org.message(place, str(given.get("timestamp")))
        if found is None:
            raise Refusal("message_not_found")
        if not str(given.get("name", "")).isascii():
            raise Refusal("invalid_name")
        reaction = reaction_of(found, str(given["name"]))
        if org.bot_user in reaction["users"]:
            raise Refusal("already_reacted")
        reaction["users"].append(org.bot_user)
        return {}

    def _history(self, org: Organisation, given: Json) -> Json:
        place = self._place(org, given)
        found = [each for each in org.messages[place] if _in_channel(each)]
        return self._page(found[::-1], given, "messages", with_metadata=True)

    def _replies(self, org: Organisation, given: Json) -> Json:
        place, root = self._place(org, given), str(given.get("ts"))
        found = [each for each in org.messages[place] if root in (each["ts"], each.get("thread_ts"))]
        found = [each for each in found if "visible_to" not in each]
        if not found:
            raise Refusal("thread_not_found")
        return self._page(found, given, "messages", with_metadata=True)

    # Lists

    def _page(self, found: list[Json], given: Json, part: str, *, with_metadata: bool = False) -> Json:
        oldest = float(given.get("oldest", 0) or 0)
        if with_metadata:
            found = [each for each in found if float(each["ts"]) > oldest]
            if str(given.get("include_all_metadata", "")).lower() not in ("1", "true"):
                found = [{name: value for name, value in each.items() if name != "metadata"} for each in found]
        limit, start = int(given.get("limit", 100)), 0
        if limit > 1000:
            raise Refusal("invalid_limit")
        if given.get("cursor"):
            kind, _, place = str(given["cursor"]).partition(":")
            if kind != "next":
                raise Refusal("invalid_cursor")
            start = int(place)
        more = start + limit < len(found)
        metadata = {"next_cursor": f"next:{start + limit}" if more else ""}
        return {part: found[start : start + limit], "has_more": more, "response_metadata": metadata}

    def _channels(self, org: Organisation, given: Json) -> Json:
        kinds = str(given.get("types", "public_channel")).split(",")
        found = []
        for identifier, channel in org.channels.items():
            kind = (
                "im" if channel.get("is_im") else "private_channel" if channel.get("is_private") else "public_channel"
            )
            is_member = org.bot_user in org.members[identifier]
            if kind in kinds and (kind == "public_channel" or is_member):
                found.append(channel | {"is_member": is_member})
        return self._page(found, given, "channels")

    def _info(self, org: Organisation, given: Json) -> Json:
        channel = str(given.get("channel", ""))
        if channel not in org.channels:
            raise Refusal("channel_not_found")
        return {"channel": org.channels[channel] | {"is_member": org.bot_user in org.members[channel]}}

    def _open(self, org: Organisation, given: Json) -> Json:
        user = str(given.get("users", ""))
        if user not in org.users:
            raise Refusal("user_not_found")
        return {"channel": {"id": org.direct(user)}}

    def _users(self, org: Organisation, given: Json) -> Json:
        return self._page([_shown(each, given) for each in org.users.values()], given, "members")

    def _user(self, org: Organisation, given: Json) -> Json:
        found = org.users.get(str(given.get("user", "")))
        if found is None:
            raise Refusal("user_not_found")
        return {"user": _shown(found, given)}

    # Views

    def trigger(self, user: str) -> str:
        made = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[made] = (user, time.monotonic())
        return made

    def _view_open(self, org: Organisation, given: Json) -> Json:
        user, at = self.triggers.pop(str(given.get("trigger_id")), ("", 0.0))
        if not user:
            raise Refusal("exchanged_trigger_id")
        if time.monotonic() - at > TRIGGER_SECONDS:
            raise Refusal("expired_trigger_id")
        return {"view": self._kept(org, given, user, f"V{org.number():08d}")}

    def _view_update(self, org: Organisation, given: Json) -> Json:
        before = self.views.get(str(given.get("view_id")))
        if before is None:
            raise Refusal("not_found")
        return {"view": self._kept(org, given, before["user"], before["id"])}

    def _publish(self, org: Organisation, given: Json) -> Json:
        user = str(given.get("user_id"))
        org.homes[user] = self._kept(org, given, user, f"V{org.number():08d}")
        return {"view": org.homes[user]}

    def _kept(self, org: Organisation, given: Json, user: str, identifier: str) -> Json:
        wrong = wrong_in_view(given.get("view"))
        if wrong:
            raise Refusal("invalid_arguments", response_metadata={"messages": wrong})
        return self.keep_view(org, given["view"], user, identifier)

    def keep_view(self, org: Organisation, view: Json, user: str, identifier: str) -> Json:
        """The view as Slack keeps it: with an id, a hash and a state."""
        blocks = [{"block_id": secrets.token_hex(3)} | each for each in view["blocks"]]
        self.views[identifier] = view | {
            "id": identifier,
            "team_id": org.team,
            "app_id": "A0FAKE001",
            "bot_id": org.bot_id,
            "hash": f"{time.time():.0f}.{secrets.token_hex(4)}",
            "root_view_id": identifier,
            "previous_view_id": None,
            "state": {"values": {}},
            "blocks": blocks,
            "user": user,
        }
        return self.views[identifier]

    # Response addresses

    def response_url(self, org: Organisation, channel: str, user: str, ts: str = "") -> str:
        identifier = secrets.token_hex(16)
        self.responses[identifier] = {"org": org, "channel": channel, "user": user, "ts": ts, "left": RESPONSES}
        self.responses[identifier]["until"] = time.monotonic() + RESPONSE_SECONDS
        return f"{self._server.base}/respond/{identifier}"

    async def respond(self, request: web.Request) -> web.StreamResponse:
        known = self.responses.get(request.match_info["id"])
        if known is None or known["left"] <= 0 or time.monotonic() > known["until"]:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        given = await request.json()
        known["left"] -= 1
        try:
            self._checked(given)
        except Refusal as refusal:
            return web.json_response({"ok": False, "error": refusal.code}, status=400)
        self.responded.append(given)
        org: Organisation = known["org"]
        before = org.message(known["channel"], known["ts"]) if known["ts"] else None
        if given.get("replace_original") and before is not None:
            before |= {"text": given.get("text", ""), "blocks": given.get("blocks", [])}
        else:
            org.add(
                known["channel"],
                org.bot_user,
                given.get("text", ""),
                bot_id=org.bot_id,
                blocks=given.get("blocks"),
                thread_ts=given.get("thread_ts"),
                visible_to=known["user"] if given.get("response_type", "ephemeral") == "ephemeral" else None,
            )
        return web.Response(text="ok")


def _in_channel(message: Json) -> bool:
    """Whether it is in the channel's own history: no ephemeral one, and no answer in a thread."""
    in_thread = message.get("thread_ts") not in (None, message["ts"]) and message.get("subtype") != "thread_broadcast"
    return "visible_to" not in message and not in_thread


def _shown(user: Json, given: Json) -> Json:
    if str(given.get("include_locale", "")).lower() in ("1", "true"):
        return user
    return {name: value for name, value in user.items() if name != "locale"}


def reaction_of(message: Json, name: str) -> Json:
    there: list[Json] = message.setdefault("reactions", [])
    found = next((each for each in there if each["name"] == name), None)
    if found is None:
        found = {"name": name, "users": []}
        there.append(found)
    return found
