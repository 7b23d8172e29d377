"""The Slack of the tests says what Slack says: its payloads have the parts that Slack's and Bolt's documentation shows,
its errors the shapes that slack_sdk knows, and its limits are those of the documentation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.wire.slack_checks import wrong_in_blocks, wrong_in_view
from tests.wire.slack_org import BOT_TOKEN, SIGNING_SECRET, Json
from tests.wire.slack_people import People
from tests.wire.slack_server import Manners, SlackServer, signed

ENVELOPE = {"token", "team_id", "api_app_id", "event", "type", "event_id", "event_time", "authorizations"}
DOCUMENTED: dict[str, set[str]] = {
    # Of each event's own page: what its example shows.
    "team_join": {"type", "user", "event_ts"},
    "member_joined_channel": {"type", "user", "channel", "channel_type", "team", "event_ts"},
    "member_left_channel": {"type", "user", "channel", "channel_type", "team", "event_ts"},
    "message": {"type", "channel", "user", "text", "ts", "event_ts", "channel_type"},
    "message_changed": {"type", "subtype", "hidden", "channel", "ts", "message", "previous_message", "event_ts"},
    "message_deleted": {"type", "subtype", "channel", "ts", "deleted_ts", "previous_message", "event_ts"},
    "app_mention": {"type", "user", "text", "ts", "channel", "event_ts", "team"},
    "reaction_added": {"type", "user", "reaction", "item_user", "item", "event_ts"},
    "user_change": {"type", "user", "event_ts"},
    "app_home_opened": {"type", "user", "channel", "event_ts", "tab"},
    "slash": {
        *("token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command", "text"),
        *("response_url", "trigger_id", "api_app_id"),
    },
    "block_actions": {
        *("type", "user", "api_app_id", "token", "container", "trigger_id", "team", "channel", "response_url"),
        *("actions", "message"),
    },
    "action": {"action_id", "block_id", "text", "value", "type", "action_ts"},
    "view_submission": {"type", "team", "user", "api_app_id", "token", "trigger_id", "view", "response_urls"},
    "view": {
        *("id", "team_id", "type", "blocks", "private_metadata", "callback_id", "state", "hash", "title", "close"),
        *("submit", "previous_view_id", "root_view_id", "app_id", "bot_id"),
    },
    "message_action": {
        *("type", "callback_id", "trigger_id", "message_ts", "response_url", "user", "message", "channel", "team"),
        "token",
    },
}
MODAL = {
    "type": "modal",
    "callback_id": "view-id",
    "private_metadata": "for later",
    "title": {"type": "plain_text", "text": "A form"},
    "submit": {"type": "plain_text", "text": "Send"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "line"},
        }
    ],
}


class Catching(SlackServer):
    """Keeps what would be delivered, and acknowledges it."""

    def __init__(self, manners: Manners | None = None) -> None:
        super().__init__(manners=manners)
        self.delivered: list[tuple[str, Json, Json]] = []
        self._connected.set()

    async def _deliver(self, kind: str, body: Json, retry: Json) -> Json | None:
        self.delivered.append((kind, body, retry))
        return {}


@pytest.fixture
async def slack() -> AsyncIterator[Catching]:
    made = Catching()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def client(slack: Catching) -> AsyncWebClient:
    return AsyncWebClient(token=BOT_TOKEN, base_url=slack.url, retry_handlers=[])


async def test_events_look_like_the_documentations(slack: Catching) -> None:
    people = People(slack)
    channel = slack.org.new_channel("general")["id"]
    ada = people.join_team("Ada")
    people.join_channel(ada, channel)
    said = people.say(ada, channel, f"<@{slack.org.bot_user}> hello")
    people.edit(channel, said, "hello there")
    people.react(ada, channel, said, "tada")
    people.delete(channel, said)
    people.change(ada, deleted=True)
    people.leave_channel(ada, channel)
    people.open_home(ada)
    await asyncio.gather(*slack._tasks)
    seen = {}
    for kind, body, retry in slack.delivered:
        assert kind == "events_api"
        assert set(body) >= ENVELOPE
        assert retry == {"retry_attempt": 0, "retry_reason": ""}
        event = body["event"]
        seen[event.get("subtype", event["type"])] = event
        assert SocketModeRequest.from_dict({"type": kind, "envelope_id": "1", "payload": body} | retry) is not None
    for name, parts in DOCUMENTED.items():
        if name in seen:
            assert set(seen[name]) >= parts, name
    assert len(seen) == 10
    assert len({body["event_id"] for _, body, _ in slack.delivered}) == len(slack.delivered)


async def test_interactions_look_like_the_documentations(slack: Catching, client: AsyncWebClient) -> None:
    people = People(slack)
    channel = slack.org.new_channel("general")["id"]
    ada = slack.org.new_user("Ada")["id"]
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Yes"}, "value": "y"}
    blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
    sent = await client.chat_postMessage(channel=channel, text="Well?", blocks=blocks)
    await people.slash(ada, channel, "help")
    await people.press(ada, channel, sent["ts"], "Yes")
    await client.views_open(trigger_id=slack.api.trigger(ada), view=MODAL)
    view = people.view_of(ada)
    assert view is not None
    await people.submit(ada, view["id"], {"name": "Ada"})
    await people.message_shortcut(ada, channel, sent["ts"], "a-shortcut")
    found = {body.get("type", "slash"): body for kind, body, _ in slack.delivered if kind != "events_api"}
    for name in ("slash", "block_actions", "view_submission", "message_action"):
        assert set(found[name]) >= DOCUMENTED[name], name
    assert set(found["block_actions"]["actions"][0]) == DOCUMENTED["action"]
    assert set(found["view_submission"]["view"]) >= DOCUMENTED["view"]
    assert found["view_submission"]["view"]["state"]["values"] == {
        "name": {"line": {"type": "plain_text_input", "value": "Ada"}}
    }


async def test_requests_are_signed_as_slacks_own_verifier_wants_them() -> None:
    raw, now = b'{"type":"event_callback"}', int(time.time())
    headers = {name.lower(): value for name, value in signed(raw, now).items()}
    assert SignatureVerifier(SIGNING_SECRET).is_valid_request(raw, headers)
    assert not SignatureVerifier(SIGNING_SECRET).is_valid_request(raw + b" ", headers)
    old = {name.lower(): value for name, value in signed(raw, now - 301).items()}
    assert not SignatureVerifier(SIGNING_SECRET).is_valid_request(raw, old)


async def test_a_trigger_is_good_once_and_for_three_seconds(slack: Catching, client: AsyncWebClient) -> None:
    ada = slack.org.new_user("Ada")["id"]
    trigger = slack.api.trigger(ada)
    await client.views_open(trigger_id=trigger, view=MODAL)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=MODAL)
    late = slack.api.trigger(ada)
    slack.api.triggers[late] = (ada, time.monotonic() - 3.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=MODAL)


async def test_haste_is_answered_429_with_the_seconds_to_wait(slack: Catching, client: AsyncWebClient) -> None:
    one, other = slack.org.new_channel("one")["id"], slack.org.new_channel("other")["id"]
    for _ in range(slack.manners.channel_burst):
        await client.chat_postMessage(channel=one, text="words")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=one, text="words")
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["Retry-After"]) >= 1
    assert caught.value.response["error"] == "ratelimited"
    await client.chat_postMessage(channel=other, text="words")


async def test_what_slack_refuses_is_refused(slack: Catching, client: AsyncWebClient) -> None:
    here = slack.org.new_channel("here")["id"]
    for channel, code in (
        (slack.org.new_channel("there", with_bot=False)["id"], "not_in_channel"),
        (slack.org.new_channel("old", is_archived=True)["id"], "is_archived"),
        ("C0NOWHERE", "channel_not_found"),
    ):
        with pytest.raises(SlackApiError, match=code):
            await client.chat_postMessage(channel=channel, text="words")
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(channel=here, text="words", blocks=[{"type": "divider"}] * 51)
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=here, ts="1.2", text="words")
    wrong = AsyncWebClient(token="xoxb-another", base_url=slack.url)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await wrong.auth_test()


async def test_metadata_is_in_the_history_for_who_asks(slack: Catching, client: AsyncWebClient) -> None:
    here = slack.org.new_channel("here")["id"]
    metadata = {"event_type": "task", "event_payload": {"id": "1"}}
    await client.chat_postMessage(channel=here, text="words", metadata=metadata)
    with_it = await client.conversations_history(channel=here, include_all_metadata=True)
    without = await client.conversations_history(channel=here)
    assert with_it["messages"][0]["metadata"] == metadata
    assert "metadata" not in without["messages"][0]


async def test_lists_come_page_by_page(slack: Catching, client: AsyncWebClient) -> None:
    for number in range(5):
        slack.org.new_user(f"Person {number}")
    first = await client.users_list(limit=4)
    second = await client.users_list(limit=4, cursor=first["response_metadata"]["next_cursor"])
    assert len(first["members"]) == 4
    assert len(second["members"]) == 2
    assert second["response_metadata"]["next_cursor"] == ""
    assert "locale" not in first["members"][0]


def test_the_limits_of_blocks_are_the_documentations() -> None:
    text = {"type": "plain_text", "text": "x"}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}
    assert wrong_in_blocks([section]) == []
    assert wrong_in_blocks([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}])
    assert wrong_in_blocks([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])
    button = {"type": "button", "action_id": "a", "text": text}
    assert wrong_in_blocks([{"type": "actions", "elements": [button, button]}])
    assert wrong_in_blocks([{"type": "actions", "elements": [button | {"value": "v" * 2001}]}])
    assert wrong_in_blocks([{"type": "input", "label": text, "element": button}])
    assert wrong_in_view(MODAL) == []
    assert wrong_in_view(MODAL | {"title": {"type": "plain_text", "text": "x" * 25}})
    assert wrong_in_view({name: part for name, part in MODAL.items() if name != "submit"})
