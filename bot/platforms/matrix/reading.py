"""What a Matrix event says, in our words: pure functions over its content, which anybody may have written.

Nothing here trusts a type: people's clients send what they like.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

KEY = "org.allant.key"
"""In the content of every message of ours: the delivery's key, hashed."""
BUTTONS = "org.allant.buttons"
"""In the content of a message with buttons: their commands, in the order of their numbers."""
DIRECT_MARK = "org.allant.direct"
"""The state event in direct rooms we make: it says with whom, so that a restart finds the room and makes no other."""
KEYCAPS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟")
"""The numbers of the buttons, which are also the reactions under the message."""

_COMMAND = re.compile(r"\s*[!/]allant\b[ \t]*(.*)", re.DOTALL | re.IGNORECASE)
_REPLY_FALLBACK = re.compile(r"(?:> ?[^\n]*\n)+\n?")
_VARIATION = "\ufe0f"
MAX_NAME = 100
"""Characters of a display name that we take over."""


def mapping(value: object) -> Json:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """``value`` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def strings(value: object) -> list[str]:
    """The strings in ``value`` if it is a list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def fingerprint(key: str) -> str:
    """A short name for a key, safe in addresses and telling nothing of it."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def content_of(event: Json) -> Json:
    return mapping(event.get("content"))


def moment_of(event: Json, now: datetime) -> datetime:
    """When it happened, aware UTC; ``now`` where the sender's clock says something later or nothing usable."""
    try:
        return min(datetime.fromtimestamp(float(event["origin_server_ts"]) / 1000, UTC), now)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return now


def server_of(user: str) -> str:
    """The server part of ``@alice:example.org``."""
    return user.partition(":")[2]


def name_of(user: str, content: Json) -> str:
    """A member's display name on one line, or the local part of the id where they have none."""
    shown = " ".join(text(content.get("displayname")).split())[:MAX_NAME]
    return shown or user.removeprefix("@").partition(":")[0]


def relation(content: Json, kind: str) -> str:
    """The event to which this one relates in this way (``m.thread``, ``m.replace``, ``m.annotation``), or nothing."""
    related = mapping(content.get("m.relates_to"))
    return text(related.get("event_id")) if related.get("rel_type") == kind else ""


def replied_to(content: Json) -> str:
    """The event to which this is a reply outside a thread, or within one to a certain message."""
    related = mapping(content.get("m.relates_to"))
    if related.get("is_falling_back") is True:
        return ""
    return text(mapping(related.get("m.in_reply_to")).get("event_id"))


def words_of(content: Json) -> str:
    """What the person wrote, without the quotation that clients put before a reply. Nothing for pictures and files,
    whose body is a file's name."""
    if content.get("msgtype") not in ("m.text", "m.emote", "m.notice"):
        return ""
    body = text(content.get("body"))
    if mapping(content.get("m.relates_to")).get("m.in_reply_to") and body.startswith("> "):
        body = _REPLY_FALLBACK.sub("", body, count=1)
    return body.strip()


def mentions(content: Json, body: str, user: str, name: str) -> bool:
    """Whether ``user`` is named. Clients of today say it in m.mentions; without it the id counts, or the name where it
    is unmistakable (``@name``, ``name: …``): a bare name may be an ordinary word."""
    if "m.mentions" in content:
        return user in strings(mapping(content["m.mentions"]).get("user_ids"))
    return user in body or _address(user, name).search(body) is not None


def without_mention(body: str, user: str, name: str) -> str:
    """``body`` without the bot's name at its beginning, so that what is asked remains."""
    local = user.removeprefix("@").partition(":")[0]
    names = "|".join(re.escape(each) for each in (user, name, local) if each)
    return re.sub(rf"^\s*@?(?:{names})(?!\w)[\s,:;.!—-]*", "", body, count=1, flags=re.IGNORECASE)


def _address(user: str, name: str) -> re.Pattern[str]:
    local = re.escape(user.removeprefix("@").partition(":")[0])
    names = f"(?:{local}|{re.escape(name)})" if name else local
    return re.compile(rf"(?<!\w)@{names}(?!\w)|^\s*{names}\s*[:,]", re.IGNORECASE)


def command_in(body: str) -> str | None:
    """What follows ``!allant`` (or ``/allant``, which some apps send on as text), its line breaks kept: a form typed as
    ``name: value`` lines depends on them. None when it is no command."""
    found = _COMMAND.fullmatch(body)
    return found.group(1).strip() if found else None


def number_in(said: str) -> int:
    """The button's number in a reaction or a short answer (``2``, ``2.``, ``2️⃣``); 0 when it is none."""
    plain = said.strip().replace(_VARIATION, "")
    for number, keycap in enumerate(KEYCAPS, start=1):
        if plain == keycap.replace(_VARIATION, "") or plain.rstrip(".)") == str(number):
            return number
    return 0


def latest_content(event: Json) -> Json:
    """The event's content after its last edit."""
    edits = mapping(mapping(mapping(event.get("unsigned")).get("m.relations")).get("m.replace"))
    new = content_of(edits).get("m.new_content")
    return new if isinstance(new, dict) else content_of(event)


def commands_of(event: Json) -> list[str]:
    """The commands of a message's buttons, as it is now."""
    return strings(latest_content(event).get(BUTTONS))
