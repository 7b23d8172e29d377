"""What Allant asks a workspace for, and why: each scope, and the methods and events that need it.

The manifest, the guide's table and the check of a token are made from here. Tests hold it to what the adapter calls:
nothing is missing, and nothing is asked for that nothing needs. The scopes of methods and events are those of Slack's
reference (docs.slack.dev/reference, read in November 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bot.core import events
from bot.core.refs import Language

SCOPES: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "app_mentions:read": {
            "en": "to be asked a question by naming the bot in a channel",
            "fr": "pour qu’on puisse poser une question en nommant le bot dans un canal",
        },
        "channels:history": {
            "en": "to be told that somebody wrote in a public channel where the bot is (counted, never kept), and to "
            "find there what it posted itself before a crash",
            "fr": "pour apprendre que quelqu’un a écrit dans un canal public où est le bot (compté, jamais gardé), et "
            "pour y retrouver ce qu’il a publié lui-même avant une panne",
        },
        "channels:read": {
            "en": "to find the channels that `schedules/` names, and to learn who joins and leaves them",
            "fr": "pour trouver les canaux que nomme `schedules/`, et savoir qui y entre et en sort",
        },
        "chat:write": {
            "en": "to post, correct and withdraw its own messages where it was invited",
            "fr": "pour publier, corriger et retirer ses propres messages là où il a été invité",
        },
        "commands": {
            "en": "for `/allant` and the shortcuts",
            "fr": "pour `/allant` et les raccourcis",
        },
        "groups:history": {
            "en": "the same as `channels:history`, in the private channels it was invited to",
            "fr": "comme `channels:history`, dans les canaux privés où il a été invité",
        },
        "groups:read": {
            "en": "the same as `channels:read`, for the private channels it was invited to",
            "fr": "comme `channels:read`, pour les canaux privés où il a été invité",
        },
        "im:history": {
            "en": "to read what people write to the bot in its direct messages, and answer",
            "fr": "pour lire ce qu’on écrit au bot dans ses messages directs, et y répondre",
        },
        "im:write": {
            "en": "to welcome a newcomer in a direct message",
            "fr": "pour accueillir une personne nouvelle par message direct",
        },
        "reactions:read": {
            "en": "to count reactions as a sign of life (how many, never by whom)",
            "fr": "pour compter les réactions comme signe de vie (combien, jamais de qui)",
        },
        "reactions:write": {
            "en": "to thank with a reaction instead of a message",
            "fr": "pour remercier d’une réaction plutôt que d’un message",
        },
        "users:read": {
            "en": "to learn who arrives, their language and time zone, who is a guest, and who left",
            "fr": "pour savoir qui arrive, dans quelle langue et quel fuseau, qui est invité, et qui est parti",
        },
    }
)
"""The bot's scopes, in order, each with the reason for it."""

APP_SCOPE = "connections:write"
"""The one scope of the app-level token (``xapp-…``) that Socket Mode needs."""

METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "apps.connections.open": (),  # With the app-level token and its own scope.
        "auth.revoke": (),
        "auth.test": (),
        "chat.delete": ("chat:write",),
        "chat.postEphemeral": ("chat:write",),
        "chat.postMessage": ("chat:write",),
        "chat.update": ("chat:write",),
        "conversations.info": ("channels:read", "groups:read"),
        "conversations.history": ("channels:history", "groups:history", "im:history"),
        "conversations.list": ("channels:read", "groups:read"),
        "conversations.open": ("im:write",),
        "conversations.replies": ("channels:history", "groups:history", "im:history"),
        "oauth.v2.access": (),
        "reactions.add": ("reactions:write",),
        "users.info": ("users:read",),
        "users.list": ("users:read",),
        "views.open": (),
        "views.publish": (),
        "views.update": (),
    }
)
"""Every method of the Web API that Allant calls, with the scopes it needs for what we ask of it."""

EVENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "app_home_opened": (),
        "app_mention": ("app_mentions:read",),
        "app_uninstalled": (),
        "channel_archive": ("channels:read",),
        "channel_created": ("channels:read",),
        "channel_deleted": ("channels:read",),
        "channel_left": ("channels:read",),
        "channel_rename": ("channels:read",),
        "channel_unarchive": ("channels:read",),
        "group_archive": ("groups:read",),
        "group_deleted": ("groups:read",),
        "group_left": ("groups:read",),
        "group_rename": ("groups:read",),
        "group_unarchive": ("groups:read",),
        "member_joined_channel": ("channels:read", "groups:read"),
        "member_left_channel": ("channels:read", "groups:read"),
        "message.channels": ("channels:history",),
        "message.groups": ("groups:history",),
        "message.im": ("im:history",),
        "reaction_added": ("reactions:read",),
        "reaction_removed": ("reactions:read",),
        "team_join": ("users:read",),
        "tokens_revoked": (),
        "user_change": ("users:read",),
    }
)
"""Every event that Allant can subscribe to, with the scopes it needs."""

_MESSAGES = ("message.channels", "message.groups", "message.im")
_PLACES = (
    "channel_archive",
    "channel_created",
    "channel_deleted",
    "channel_left",
    "channel_rename",
    "channel_unarchive",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
)

BRINGING: Mapping[type[events.Event], tuple[str, ...]] = MappingProxyType(
    {
        events.HomeOpened: ("app_home_opened",),
        events.ChannelChanged: (*_PLACES, "member_joined_channel"),
        events.MemberChanged: ("user_change",),
        events.MemberJoined: ("team_join", "member_joined_channel"),
        events.MemberLeft: ("user_change", "member_left_channel"),
        events.MessageDeleted: _MESSAGES,
        events.MessageEdited: _MESSAGES,
        events.MessagePosted: (*_MESSAGES, "app_mention"),
        events.ReactionAdded: ("reaction_added",),
        events.ReactionRemoved: ("reaction_removed",),
        # Slack lets the bot write to everybody, never changes a channel's id, and asks nobody to let people in.
        events.BotAdmitted: (),
        events.ChannelMoved: (),
        events.ConversationClosed: (),
        events.ConversationOpened: (),
        events.JoinRequested: (),
    }
)
"""Which of Slack's events bring each of ours; none where it has nothing of the kind. Commands come by slash command,
button and form, which are no events."""

ALWAYS = ("app_uninstalled", "tokens_revoked")
"""What the adapter itself needs to hear, whatever the features listen to."""


def subscriptions(listened: Iterable[type[events.Event]]) -> list[str]:
    """The events to subscribe to, so that the features hear what they listen to."""
    found = set(ALWAYS)
    for each in listened:
        found.update(BRINGING.get(each, ()))
    return sorted(found)


def needed(subscribed: Iterable[str]) -> list[str]:
    """The scopes for these events, for all the methods we call, and for the commands."""
    found = {"commands"}
    for scopes in (*METHODS.values(), *(EVENTS[each] for each in subscribed)):
        found.update(scopes)
    return sorted(found)


def scopes_table(language: Language, asked: Iterable[str]) -> str:
    """The guide's table: each scope that is asked for, and why."""
    heads: dict[Language, str] = {"en": "| scope | why |", "fr": "| droit | pourquoi |"}
    rows = [f"| `{scope}` | {SCOPES[scope][language]} |" for scope in asked]
    return "\n".join([heads[language], "| --- | --- |", *rows])
