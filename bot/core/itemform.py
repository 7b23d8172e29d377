"""The form in which an item is made in chat: its fields, and reading back what was filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.calendar import Item, When
from bot.core.community import Member
from bot.core.editorial import KeptItem, Status
from bot.core.errors import BadContent, BadInput
from bot.core.feature import Context
from bot.core.message import Field, Form, Markup
from bot.core.mistakes import problem_words
from bot.core.written import parse_moment, tame

NAMES: Mapping[str, str] = {
    "id": "id",
    "nom": "id",
    "when": "when",
    "quand": "when",
    "moment": "when",
    "to": "to",
    "channel": "to",
    "canal": "to",
    "salon": "to",
    "fr": "fr",
    "en": "en",
    "then": "then",
    "puis": "then",
    "ensuite": "then",
}
"""The names of the form's fields, as people may type them."""

_WHEN_NAMES = frozenset(
    {"every", "chaque", "on", "le", "week", "semaine", "rrule", "at", "à", "a", "from", "depuis", "until", "except"}
    | {"jusqu'au", "jusqu’au", "sauf", "also", "aussi", "before", "avant", "after", "après", "apres", "holidays"}
    | {"fériés", "feries", "zone", "missed", "grace"}
)
_SEVERAL = frozenset({"except", "sauf", "also", "aussi"})
_ID = re.compile(r"[a-z][a-z0-9._-]{0,79}")
"""Not a number: buttons name drafts and changes by numbers."""
NEXT_STEPS: Mapping[str, Status] = {
    "draft": Status.DRAFT,
    "brouillon": Status.DRAFT,
    "submit": Status.IN_REVIEW,
    "soumettre": Status.IN_REVIEW,
    "approve": Status.APPROVED,
    "approuver": Status.APPROVED,
}
"""What happens to an item once it is saved, as people may type it."""


def item_form(ctx: Context, member: Member, kept: KeptItem | None, then: Status, item_id: str = "") -> Form:
    """The form for an item as it is, or for a new one. ``then``: the step offered first."""
    language = member.language
    item = kept.item if kept is not None else None
    words = item.words if item is not None else {}
    fields = [
        Field("when", ctx.words(language, "editing.field_when"), "text", written_when(item) if item else ""),
        Field("to", ctx.words(language, "editing.field_to"), "line", ", ".join(item.to) if item else ""),
        Field("fr", ctx.words(language, "editing.field_fr"), "text", words.get("fr", ""), required=False),
        Field("en", ctx.words(language, "editing.field_en"), "text", words.get("en", ""), required=False),
        _then_field(ctx, member, then),
    ]
    known = item.id if item is not None else item_id
    if not known:
        fields.insert(0, Field("id", ctx.words(language, "editing.field_id"), "line"))
    version = f" {kept.version}" if kept is not None else ""
    title = ctx.words(language, "editing.form_title", item=known) if known else ctx.words(language, "editing.form_new")
    # A command cannot end with a blank: what follows it is the item, when there is one.
    command = f"calendar write {known}{version}" if known else "calendar write"
    return Form(title, command, tuple(fields), ctx.words(language, "editing.save"))


def _then_field(ctx: Context, member: Member, then: Status) -> Field:
    language = member.language
    choices = (
        ("approve", ctx.words(language, "editing.then_approve")),
        ("submit", ctx.words(language, "editing.then_submit")),
        ("draft", ctx.words(language, "editing.then_draft")),
    )
    first = {Status.APPROVED: "approve", Status.IN_REVIEW: "submit"}.get(then, "draft")
    return Field("then", ctx.words(language, "editing.field_then"), "choice", first, choices)


def written_when(item: Item) -> str:
    """When the item goes out, as it may be written into the form again: one ``name: value`` a line."""
    pieces = re.split(rf", (?=(?:{'|'.join(sorted(_WHEN_NAMES))}): )", item.said)
    lines = [piece for piece in pieces if piece]
    if item.zone:
        lines.append(f"zone: {item.zone}")
    if item.missed != "late":
        lines.append(f"missed: {item.missed}")
    return "\n".join(lines)


def parse_when(text: str, now: datetime, zone: str) -> dict[str, Any]:
    """``every: monday 09:30`` and more lines like it, or ``monday 09:30``, ``2026-12-18 10:00``, ``01/12/2026 10:00``
    and ``now``, as a file would have it. A moment alone is the writer's own time, in ``zone``."""
    moment = parse_moment(text, now, zone)
    if moment is not None:
        # A post is planned by the minute, and for one that is still to come.
        minute = moment if moment > now else now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        local = minute.astimezone(ZoneInfo(zone))
        return {"on": f"{local:%Y-%m-%d %H:%M}", "zone": zone}
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        known = name.strip().casefold()
        if colon and known in _WHEN_NAMES:
            found[known] = [each.strip() for each in value.split(",")] if known in _SEVERAL else value.strip()
        elif line.strip():
            found.setdefault("every", line.strip())
    return found


def check_id(ctx: Context, member: Member, item_id: str) -> None:
    """Raises BadInput when this cannot be the name of an item."""
    if not _ID.fullmatch(item_id):
        raise BadInput(ctx.words(member.language, "editing.bad_id", text=item_id))


def read_form(ctx: Context, member: Member, before: KeptItem | None, item_id: str, fields: Mapping[str, str]) -> Item:
    """The item that the form says, what it leaves out staying as it was. Raises BadInput in the member's language."""
    language = member.language
    key = (item_id or fields.get("id", "")).strip().casefold()
    check_id(ctx, member, key)
    old = before.item if before is not None else Item(id=key, when=When(), to=(), words={})
    words = {each: tame(fields[each]) if each in fields else old.words.get(each, "") for each in ("fr", "en")}
    words = {each: text for each, text in words.items() if text}
    to = [each.strip() for each in fields["to"].split(",") if each.strip()] if "to" in fields else list(old.to)
    when = parse_when(fields.get("when", written_when(old)), ctx.now, ctx.zone_of(member))
    if not words:
        raise BadInput(ctx.words(language, "editing.no_words"))
    if not to or not when:
        raise BadInput(ctx.words(language, "editing.no_place" if not to else "editing.no_when"))
    written = {"id": key, "to": to, "words": words, **when}
    try:
        read = ctx.timetable.read_item(written)
    except BadContent as error:
        reasons = Markup("; ".join(problem_words(ctx.words, language, each) for each in error.problems))
        raise BadInput(ctx.words(language, "editing.not_understood", reasons=reasons)) from None
    return replace(read, owner=old.owner)
