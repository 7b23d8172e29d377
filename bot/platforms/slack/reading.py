"""What Slack says, in our words: pure functions over payloads, none of which trusts a type or a missing part."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from bot.core.community import Channel, Member
from bot.core.refs import ChannelRef, Language, MemberRef, WorkspaceRef

Json = dict[str, Any]

MAX_NAME = 100
"""Characters of a display name that we take over."""
_ENTITY = re.compile(r"<([^<>]{1,4000})>")
_TYPED = re.compile(r"\s*[!/]allant\b[ \t]*(.*)", re.DOTALL | re.IGNORECASE)
EPHEMERAL = ";ephemeral"
"""Ends the ids of messages that one person alone sees: these can be neither looked up nor changed by the Web API."""


def mapping(value: object) -> Json:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """``value`` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[Json]:
    """The JSON objects in ``value`` if it is a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def fingerprint(key: str) -> str:
    """A short name for a key, telling nothing of it."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def moment(value: object, now: datetime) -> datetime:
    """Slack's seconds (``1700000000.000100``) as an aware UTC moment; ``now`` for what is later or no moment."""
    try:
        return min(datetime.fromtimestamp(float(value), UTC), now)  # type: ignore[arg-type]  # What is none raises.
    except (TypeError, ValueError, OverflowError, OSError):
        return now


def words(said: str) -> str:
    """What a person wrote, as plain text: Slack's ``<…>`` as people read them, and its three entities undone."""
    return unescape_text(_ENTITY.sub(lambda found: _entity(found.group(1)), said)).strip()


def unescape_text(said: str) -> str:
    """Slack escapes these three and no others."""
    return said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _entity(inner: str) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        kind, _, rest = target[1:].partition("^")
        if kind in ("here", "channel", "everyone"):
            return f"@{kind}"
        return (f"@{label.removeprefix('@')}" if kind == "subteam" else label) or rest or kind
    # A label that Slack made itself is the address as it was typed; any other is somebody's own.
    return (label or target.removeprefix("mailto:")) if label in target else f"{label} ({target})"


def arguments(said: str) -> str:
    """What follows a command. Whoever and whatever it names is given by id, so that it is meant exactly."""
    exact = re.sub(r"<([@#])([A-Z0-9]+)(?:\|[^<>]*)?>", r"\1\2", said)
    plain = re.sub(r"<(https?://[^<>|]+)(?:\|[^<>]*)?>", r"\1", exact)
    return words(plain)


def typed_command(said: str) -> str | None:
    """What follows ``!allant`` (or ``/allant``, typed as words where slash commands do not work, as in a thread). None
    when it is no command."""
    found = _TYPED.fullmatch(said)
    return found.group(1).strip() if found else None


def mentions(said: str, user: str) -> bool:
    return f"<@{user}>" in said or f"<@{user}|" in said


def without_mention(said: str, user: str) -> str:
    """Without the bot's name at the beginning, so that what is asked remains."""
    return re.sub(rf"^\s*<@{re.escape(user)}(?:\|[^<>]*)?>(?:[\s,:;.—-]|!(?!allant))*", "", said, count=1)


def language_of(locale: str, usual: Language) -> Language:
    """French for every French (``fr-FR``, ``fr-CA``), English for any other; ``usual`` where Slack names none."""
    if not locale:
        return usual
    return "fr" if locale.lower().startswith("fr") else "en"


def member(workspace: WorkspaceRef, user: Json, usual: Language) -> Member:
    """Somebody as users.list, users.info, team_join and user_change describe them. Guests of both kinds, people of
    organisations connected by Slack Connect, and members of other teams count as guests."""
    profile = mapping(user.get("profile"))
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    shown = next((" ".join(text(each).split()) for each in names if text(each).strip()), "")
    outside = any(user.get(mark) is True for mark in ("is_restricted", "is_ultra_restricted", "is_stranger"))
    return Member(
        MemberRef(workspace, text(user.get("id"))),
        shown[:MAX_NAME],
        language=language_of(text(user.get("locale")), usual),
        zone=text(user.get("tz")),
        guest=outside or is_from_elsewhere(workspace, user),
        bot=user.get("is_bot") is True or user.get("id") == "USLACKBOT",
        active=user.get("deleted") is not True,
    )


def is_from_elsewhere(workspace: WorkspaceRef, user: Json) -> bool:
    """On Enterprise Grid people have a home team, and others in which they are just as much at home."""
    team = text(user.get("team_id"))
    grid = mapping(user.get("enterprise_user"))
    teams = grid.get("teams")
    at_home = isinstance(teams, list) and workspace.id in teams
    return bool(team) and team != workspace.id and not at_home and not grid


def channel(workspace: WorkspaceRef, said: Json) -> Channel:
    """A conversation as conversations.list, conversations.info and the channel events describe it."""
    direct = said.get("is_im") is True
    name = text(said.get("user")) if direct else text(said.get("name_normalized")) or text(said.get("name"))
    return Channel(
        ChannelRef(workspace, text(said.get("id"))),
        name or text(said.get("id")),
        direct=direct,
        archived=said.get("is_archived") is True,
    )
