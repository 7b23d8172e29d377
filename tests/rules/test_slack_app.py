"""The Slack app is in step with the code: its manifest, its scopes, and what the guide says of them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.events import EVENTS, CommandGiven
from bot.core.refs import LANGUAGES, Language
from bot.library import ContentLibrary
from bot.lookover import readable
from bot.platforms.slack import inbound, wire
from bot.platforms.slack.manifest import listened, manifest
from bot.platforms.slack.scopes import (
    BRINGING,
    METHODS,
    SCOPES,
    needed,
    scopes_table,
    subscriptions,
)
from bot.platforms.slack.scopes import EVENTS as SLACK_EVENTS
from bot.settings import starter_folder
from handlers import FEATURES

ROOM = Path("bot/platforms/slack")
GUIDES: dict[Language, Path] = {"en": Path("docs/slack.md"), "fr": Path("docs/fr/slack.md")}
KNOWN = {
    name.replace("_", "."): name
    for name, _ in inspect.getmembers(AsyncWebClient, inspect.iscoroutinefunction)
    if re.fullmatch(r"[a-z]\w*_\w+", name) and name != "api_call"
}
"""Every method of the Web API that the SDK knows, by its name at Slack. Those with an underscore of their own are none
of ours."""


def called() -> set[str]:
    """The methods of the Web API that the room names, as text or as a call of the SDK."""
    found: set[str] = set()
    for path in ROOM.glob("*.py"):
        if path.name == "scopes.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in KNOWN:
                found.add(node.value)
            elif isinstance(node, ast.Attribute) and node.attr in KNOWN.values():
                found.add(node.attr.replace("_", "."))
    return found


def test_every_method_that_is_called_has_its_scopes_and_no_other_is_asked_for() -> None:
    assert called() == set(METHODS)


def test_every_tier_is_of_a_method_we_call() -> None:
    assert set(wire.TIERS) <= set(METHODS)


def test_every_scope_has_a_reason_and_something_that_needs_it() -> None:
    asked = {scope for scopes in (*METHODS.values(), *SLACK_EVENTS.values()) for scope in scopes} | {"commands"}
    assert set(SCOPES) == asked
    assert all(reasons[language] for reasons in SCOPES.values() for language in LANGUAGES)


def test_everything_a_feature_may_hear_is_brought_by_something() -> None:
    assert set(BRINGING) == set(EVENTS.values()) - {CommandGiven}
    assert {each for events in BRINGING.values() for each in events} <= set(SLACK_EVENTS)


def test_what_the_features_listen_to_is_subscribed_and_every_subscription_has_its_scope() -> None:
    subscribed = subscriptions(listened(FEATURES))
    assert "team_join" in subscribed
    scopes = set(needed(subscribed))
    for event in subscribed:
        assert set(SLACK_EVENTS[event]) <= scopes, event


def test_what_is_subscribed_is_read() -> None:
    """The adapter's own table of events has each of them: ``message.im`` is a ``message`` there."""
    source = (ROOM / "inbound.py").read_text(encoding="utf-8") + (ROOM / "reception.py").read_text(encoding="utf-8")
    for event in SLACK_EVENTS:
        assert f'"{event.partition(".")[0]}"' in source, event
    assert set(SLACK_EVENTS) >= inbound._CHANNEL_NEWS


# The manifest, by the limits of Slack's published schema (slackapi/manifest-schema, version 2)

TEXT = {"name": 35, "description": 140, "long_description": 4000, "background_color": 7, "display_name": 80}
SHAPE: dict[str, Any] = {
    "_metadata": {"major_version": int, "minor_version": int},
    "display_information": {"name": 35, "description": 140, "long_description": 4000, "background_color": 7},
    "features": {
        "app_home": {"home_tab_enabled": bool, "messages_tab_enabled": bool, "messages_tab_read_only_enabled": bool},
        "bot_user": {"display_name": 80, "always_online": bool},
        "shortcuts": [{"name": 24, "type": 7, "callback_id": 255, "description": 150}],
        "slash_commands": [
            {"command": 32, "url": 3000, "description": 2000, "usage_hint": 1000, "should_escape": bool}
        ],
    },
    "oauth_config": {"redirect_urls": [2500], "scopes": {"bot": [50]}},
    "settings": {
        "event_subscriptions": {"request_url": 3500, "bot_events": [50]},
        "interactivity": {"is_enabled": bool, "request_url": 3500},
        "org_deploy_enabled": bool,
        "socket_mode_enabled": bool,
        "token_rotation_enabled": bool,
    },
}
"""A number is the most characters of a text."""


def wrong(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        yield from (f"{where}.{key} is unknown" for key in value.keys() - shape.keys())
        for key in value.keys() & shape.keys():
            yield from wrong(value[key], shape[key], f"{where}.{key}")
    elif isinstance(shape, list):
        if not (isinstance(value, list) and value and len(value) <= 100):
            yield f"{where} is no list of one to a hundred"
            return
        for each in value:
            yield from wrong(each, shape[0], f"{where}[]")
    elif isinstance(shape, int):
        if not (isinstance(value, str) and 1 <= len(value) <= shape):
            yield f"{where} is no text of one to {shape} characters"
    elif not isinstance(value, shape):
        yield f"{where} is no {shape.__name__}"


@cache
def library() -> ContentLibrary:
    loaded = ContentLibrary(starter_folder("content"), part="messages")
    loaded.load()
    return loaded


def made(language: Language = "en", **more: Any) -> dict[str, Any]:
    return manifest(FEATURES, lambda tongue, key: readable(library().words(tongue, key)), language=language, **more)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("url", ["", "https://allant.example.org"])
@pytest.mark.parametrize("install", [False, True])
def test_slack_takes_the_manifest(language: Language, url: str, install: bool) -> None:
    found = made(language, public_url=url, install=install)
    assert list(wrong(found, SHAPE)) == []
    assert len(found["display_information"]["long_description"]) >= 175
    events = found["settings"]["event_subscriptions"]["bot_events"]
    assert len(set(events)) == len(events)
    assert len(found["features"].get("shortcuts", [])) <= 10


def test_over_http_each_way_in_is_the_same_hook_and_socket_mode_is_off() -> None:
    found = made(public_url="https://allant.example.org/", install=True)
    hook = "https://allant.example.org/hooks/slack/events"
    assert found["settings"]["event_subscriptions"]["request_url"] == hook
    assert found["settings"]["interactivity"]["request_url"] == hook
    assert found["features"]["slash_commands"][0]["url"] == hook
    assert found["settings"]["socket_mode_enabled"] is False
    assert found["oauth_config"]["redirect_urls"] == ["https://allant.example.org/hooks/slack/oauth"]


def test_over_socket_mode_there_is_no_address() -> None:
    found = made()
    assert found["settings"]["socket_mode_enabled"] is True
    assert "http" not in str(found)


def test_a_manifest_that_slack_would_refuse_is_found() -> None:
    broken = made()
    broken["features"]["shortcuts"] = []
    broken["display_information"]["name"] = "A name that is far too long for an app of Slack"
    broken["settings"]["is_hosted"] = "no"
    assert len(list(wrong(broken, SHAPE))) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_names_every_scope_with_its_reason(language: Language) -> None:
    table = scopes_table(language, needed(subscriptions(listened(FEATURES))))
    assert table in GUIDES[language].read_text(encoding="utf-8")
