"""The app manifest: what a Slack app for Allant consists of, made from what the features declare.

Given to api.slack.com/apps it makes the app in one step, with no box to tick and none forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bot.core.events import Event, HomeOpened
from bot.core.feature import Feature
from bot.core.refs import Language
from bot.platforms.slack.app import EVENTS_PATH
from bot.platforms.slack.reception import SHORTCUT_FAQ
from bot.platforms.slack.scopes import needed, subscriptions

COMMAND = "/allant"
FAQ_COMMAND = ("faq", "write")
"""What the message shortcut gives."""
OAUTH_PATH = "slack/oauth"
INSTALL_PATH = "slack/install"
COLOUR = "#1f3a5f"

Words = Callable[[Language, str], str]


def listened(features: Iterable[Feature]) -> set[type[Event]]:
    """The types of events that some feature listens to."""
    return {listener.event for feature in features for listener in feature.listeners}


def manifest(
    features: Sequence[Feature],
    words: Words,
    *,
    language: Language,
    name: str = "Allant",
    public_url: str = "",
    install: bool = False,
) -> dict[str, Any]:
    """The manifest, ready for JSON or YAML.

    ``words`` gives the bot's words of content/messages as plain text. ``public_url``: where Slack reaches our web
    server; empty for Socket Mode. ``install``: with the address to which Slack returns whoever installs the app in
    another workspace (needs ``public_url``).
    """
    hook = f"{public_url.rstrip('/')}/hooks/{EVENTS_PATH}" if public_url else ""
    events = subscriptions(listened(features))
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": words(language, "installing.description"),
            "long_description": words(language, "installing.long_description"),
            "background_color": COLOUR,
        },
        "features": {
            "app_home": {
                "home_tab_enabled": HomeOpened in listened(features),
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.lower(), "always_online": True},
            **_shortcuts(features, words, language),
            "slash_commands": [
                {
                    "command": COMMAND,
                    **_at(hook, "url"),
                    "description": words(language, "installing.command_does"),
                    "usage_hint": words(language, "installing.command_usage"),
                    # Names of people and channels then arrive as their ids.
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {
            **({"redirect_urls": [f"{public_url.rstrip('/')}/hooks/{OAUTH_PATH}"]} if install and public_url else {}),
            "scopes": {"bot": needed(events)},
        },
        "settings": {
            "event_subscriptions": {**_at(hook, "request_url"), "bot_events": events},
            "interactivity": {"is_enabled": True, **_at(hook, "request_url")},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not hook,
            "token_rotation_enabled": False,
        },
    }


def _shortcuts(features: Iterable[Feature], words: Words, language: Language) -> Mapping[str, Any]:
    """Nothing where no feature has the command: a list may not be empty."""
    if all(command.path != FAQ_COMMAND for feature in features for command in feature.commands):
        return {}
    faq = {
        "name": words(language, "installing.shortcut_faq"),
        "type": "message",
        "callback_id": SHORTCUT_FAQ,
        "description": words(language, "installing.shortcut_faq_does"),
    }
    return {"shortcuts": [faq]}


def _at(hook: str, field: str) -> Mapping[str, str]:
    """The address where one is needed: with Socket Mode, Slack refuses none but uses none."""
    return {field: hook} if hook else {}
