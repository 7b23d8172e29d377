"""People of the fake Slack: what they do in their clients, and what they see there."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.wire.slack_api import reaction_of
from tests.wire.slack_org import APP_ID, Json, Organisation
from tests.wire.slack_server import SlackServer


class People:
    """Drives the clients of an organisation's members. Every act changes what is stored and tells the app."""

    def __init__(self, server: SlackServer, org: Organisation | None = None) -> None:
        self.server = server
        self.org = org or server.org

    def tell(self, event: Json, **more: Any) -> str:
        return self.server.tell(event, org=self.org, **more)

    # Coming and going

    def join_team(self, name: str, **more: Any) -> str:
        user = self.org.new_user(name, **more)
        # The event's user object says no locale, as Slack's documentation shows it.
        told = {key: value for key, value in user.items() if key != "locale"}
        self.tell({"type": "team_join", "user": told, "cache_ts": int(time.time())})
        return str(user["id"])

    def join_channel(self, user: str, channel: str) -> str:
        self.org.members[channel].add(user)
        return self.tell(
            {
                "type": "member_joined_channel",
                "user": user,
                "channel": channel,
                "channel_type": "C",
                "team": self.org.users[user].get("team_id", self.org.team),
            }
        )

    def leave_channel(self, user: str, channel: str) -> str:
        self.org.members[channel].discard(user)
        return self.tell(
            {
                "type": "member_left_channel",
                "user": user,
                "channel": channel,
                "channel_type": "C",
                "team": self.org.team,
            }
        )

    def change(self, user: str, **values: Any) -> str:
        self.org.users[user] |= values
        return self.tell({"type": "user_change", "user": self.org.users[user], "cache_ts": int(time.time())})

    # Talking

    def say(self, user: str, channel: str, text: str, *, thread: str = "", event_id: str = "", **more: Any) -> str:
        made = self.org.add(channel, user, text, thread_ts=thread or None, client_msg_id=f"msg-{self.org.number()}")
        made |= more
        kind = "im" if self.org.channels[channel].get("is_im") else "channel"
        event = made | {"channel": channel, "channel_type": kind}
        if self.org.bot_user in self.org.members[channel]:
            if f"<@{self.org.bot_user}>" in text and kind != "im":
                # Slack tells both, in whatever order.
                mention = {key: value for key, value in event.items() if key != "channel_type"}
                self.tell(mention | {"type": "app_mention"})
            self.tell(event, event_id=event_id)
        return str(made["ts"])

    def edit(self, channel: str, ts: str, text: str) -> str:
        message = self.org.message(channel, ts)
        assert message is not None
        before = dict(message)
        message |= {"text": text, "edited": {"user": message["user"], "ts": self.org.ts()}}
        return self.tell(
            {
                "type": "message",
                "subtype": "message_changed",
                "channel": channel,
                "ts": self.org.ts(),
                "hidden": True,
                "message": message,
                "previous_message": before,
                "channel_type": "channel",
            }
        )

    def delete(self, channel: str, ts: str) -> str:
        message = self.org.message(channel, ts)
        assert message is not None
        self.org.messages[channel].remove(message)
        return self.tell(
            {
                "type": "message",
                "subtype": "message_deleted",
                "channel": channel,
                "ts": self.org.ts(),
                "deleted_ts": ts,
                "hidden": True,
                "previous_message": message,
                "channel_type": "channel",
            }
        )

    def react(self, user: str, channel: str, ts: str, name: str, *, added: bool = True) -> str:
        message = self.org.message(channel, ts)
        assert message is not None
        reaction = reaction_of(message, name)
        (reaction["users"].append if added else reaction["users"].remove)(user)
        return self.tell(
            {
                "type": "reaction_added" if added else "reaction_removed",
                "user": user,
                "reaction": name,
                "item_user": message["user"],
                "item": {"type": "message", "channel": channel, "ts": ts},
            }
        )

    def open_home(self, user: str, tab: str = "home") -> str:
        return self.tell({"type": "app_home_opened", "user": user, "channel": self.org.direct(user), "tab": tab})

    # Acting. Each gives the acknowledgement's payload; None: Slack told the person that it failed.

    async def slash(self, user: str, channel: str, text: str) -> Json | None:
        said = await self.server.interact(
            "slash_commands",
            {
                "token": "verification-token",
                "team_id": self.org.team,
                "team_domain": "fake",
                "channel_id": channel,
                "channel_name": self.org.channels[channel].get("name", "directmessage"),
                "user_id": user,
                "user_name": self.org.users[user]["name"],
                "command": "/allant",
                "text": text,
                "api_app_id": APP_ID,
                "is_enterprise_install": "false",
                "response_url": self.server.api.response_url(self.org, channel, user),
                "trigger_id": self.server.api.trigger(user),
            },
        )
        if said and said.get("text"):
            self.org.add(channel, self.org.bot_user, said["text"], bot_id=self.org.bot_id, visible_to=user)
        return said

    async def press(self, user: str, channel: str, ts: str, label: str) -> Json | None:
        message = self.org.message(channel, ts)
        assert message is not None
        action = found_action(message.get("blocks", []), label)
        container: Json = {
            "type": "message",
            "message_ts": ts,
            "channel_id": channel,
            "is_ephemeral": "visible_to" in message,
        }
        if message.get("thread_ts"):
            container["thread_ts"] = message["thread_ts"]
        # Of an ephemeral message Slack tells no more than where it is.
        told = (
            {key: value for key, value in message.items() if key != "metadata"} if "visible_to" not in message else None
        )
        return await self.server.interact(
            "interactive",
            self._interaction("block_actions", user)
            | ({"message": told} if told is not None else {})
            | {
                "container": container,
                "channel": {"id": channel, "name": self.org.channels[channel].get("name", "directmessage")},
                "state": {"values": {}},
                "response_url": self.server.api.response_url(self.org, channel, user, ts),
                "actions": [action | {"action_ts": self.org.ts()}],
            },
        )

    async def press_in_view(
        self, user: str, view: str, label: str, values: Mapping[str, Any] | None = None
    ) -> Json | None:
        shown = self.server.api.views[view]
        action = found_action(shown["blocks"], label)
        shown = shown | {"state": {"values": self.state(shown, values or {})}}
        return await self.server.interact(
            "interactive",
            self._interaction("block_actions", user)
            | {
                "container": {"type": "view", "view_id": view},
                "view": shown,
                "actions": [action | {"action_ts": self.org.ts()}],
            },
        )

    async def submit(self, user: str, view: str, values: Mapping[str, Any]) -> Json | None:
        """Send the modal off; the acknowledgement is carried out as Slack does."""
        shown = self.server.api.views[view]
        for block in shown["blocks"]:
            if block["type"] == "input" and not block.get("optional") and not values.get(block["block_id"]):
                initial = {"initial_value", "initial_option", "initial_options", "initial_date", "initial_time"}
                assert initial & set(block["element"]), f"Slack asks for {block['label']['text']} before it submits"
        filled = shown | {"state": {"values": self.state(shown, values)}}
        said = await self.server.interact(
            "interactive", self._interaction("view_submission", user) | {"view": filled, "response_urls": []}
        )
        if said is None:
            return None
        if said.get("response_action") == "update":
            self.server.api.keep_view(self.org, said["view"], user, view)
        elif said.get("response_action") == "errors":
            assert set(said["errors"]) <= {each["block_id"] for each in shown["blocks"] if each["type"] == "input"}
            self.server.api.views[view] = filled | {"errors": said["errors"]}
        else:
            del self.server.api.views[view]
        return said

    def state(self, view: Json, values: Mapping[str, Any]) -> Json:
        """What the inputs hold, as Slack sends it: by block and action."""
        found: Json = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                found[block["block_id"]] = {element["action_id"]: input_state(element, values.get(block["block_id"]))}
        return found

    async def message_shortcut(self, user: str, channel: str, ts: str, callback: str) -> Json | None:
        return await self.server.interact(
            "interactive",
            self._interaction("message_action", user)
            | {
                "callback_id": callback,
                "channel": {"id": channel, "name": self.org.channels[channel].get("name", "")},
                "message_ts": ts,
                "message": self.org.message(channel, ts),
                "response_url": self.server.api.response_url(self.org, channel, user),
            },
        )

    def _interaction(self, kind: str, user: str) -> Json:
        return {
            "type": kind,
            "user": {"id": user, "username": self.org.users[user]["name"], "team_id": self.org.team},
            "api_app_id": APP_ID,
            "token": "verification-token",
            "team": {"id": self.org.team, "domain": "fake"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self.server.api.trigger(user),
        }

    def view_of(self, user: str) -> Json | None:
        """The modal that is open before the person."""
        open_ones = [
            each for each in self.server.api.views.values() if each["user"] == user and each["type"] == "modal"
        ]
        return open_ones[-1] if open_ones else None

    # Seeing

    def sees(self, user: str, channel: str) -> list[Json]:
        """The messages of the bot that this person sees there, oldest first."""
        if user not in self.org.members[channel]:
            return []
        return [each for each in self.org.messages[channel] if each.get("visible_to", user) == user]

    def said(self, user: str, channel: str = "") -> list[Json]:
        """What the bot said to them alone, or that they see in ``channel``."""
        place = channel or self.org.direct(user)
        return [each for each in self.sees(user, place) if each["user"] == self.org.bot_user]


def found_action(blocks: Sequence[Json], label: str) -> Json:
    for block in blocks:
        for element in block.get("elements", ()) if block["type"] == "actions" else ():
            common = {
                "type": element["type"],
                "action_id": element["action_id"],
                "block_id": block.get("block_id", "b1"),
            }
            if element["type"] == "button" and element["text"]["text"] == label:
                return common | {"text": element["text"], "value": element["value"]}
            for option in element.get("options", ()):
                if option["text"]["text"] == label:
                    return common | {"selected_option": option}
    raise AssertionError(f"there is no {label!r} to press")


def input_state(element: Json, value: Any) -> Json:
    kind = element["type"]
    match kind:
        case "static_select":
            chosen = next(
                (each for each in element["options"] if each["value"] == value), element.get("initial_option")
            )
            return {"type": kind, "selected_option": chosen}
        case "checkboxes" | "multi_static_select":
            options = [each for each in element["options"] if value and each["value"] in value]
            return {
                "type": kind,
                "selected_options": options if value is not None else element.get("initial_options", []),
            }
        case "datepicker":
            return {"type": kind, "selected_date": value or element.get("initial_date")}
        case "timepicker":
            return {"type": kind, "selected_time": value or element.get("initial_time")}
        case "multi_conversations_select":
            return {"type": kind, "selected_conversations": value or element.get("initial_conversations", [])}
        case "users_select":
            return {"type": kind, "selected_user": value or element.get("initial_user")}
        case _:
            return {"type": kind, "value": value if value is not None else element.get("initial_value")}


def text_of(message: Json) -> str:
    """What is read in the client: the blocks where there are any."""
    if not message.get("blocks"):
        return unescaped(message["text"])
    return "\n".join(_block_text(each) for each in message["blocks"]).strip()


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _block_text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_block_text(each) for each in value)
    kind = value.get("type")
    if kind in ("text", "link"):
        return str(value.get("text", value.get("url", "")))
    if kind == "user":
        return f"@{value['user_id']}"
    if kind == "channel":
        return f"#{value['channel_id']}"
    if kind in ("header", "section"):
        return str(value["text"]["text"])
    if kind == "context":
        return "".join(each["text"] for each in value["elements"])
    if kind == "image":
        return str(value["alt_text"])
    if kind in ("actions", "divider", "input"):
        return ""
    ending = "\n" if kind in ("rich_text_section", "rich_text_quote", "rich_text_preformatted") else ""
    return _block_text(value.get("elements", [])) + ending


def elements_of(message: Json, kind: str) -> list[Json]:
    """The rich text's elements of this type."""
    found: list[Json] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == kind:
                found.append(value)
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(message.get("blocks", []))
    return found


def labels_of(message: Json) -> list[str]:
    """What can be pressed."""
    return [each["text"]["text"] for each in elements_of(message, "button")]


MENTION = re.compile(r"<@([A-Z0-9]+)>")
