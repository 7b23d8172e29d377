"""The form in which an item is made in chat: its fields, and reading back what was filled in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from bot.core.calendar import Audience, Item, When
from bot.core.community import Channel, Member
from bot.core.editorial import KeptItem, Status
from bot.core.errors import BadContent, BadInput
from bot.core.excerpt import plain
from bot.core.feature import Context
from bot.core.forms import listed, several
from bot.core.itempicks import LOCAL, REPEATS, WEEKDAYS, Wrong, clocks, picks_of, read_picks
from bot.core.message import Button, Field, FieldKind, Form, Markup
from bot.core.mistakes import problem_words
from bot.core.refs import Language
from bot.core.written import tame

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
    "repeat": "repeat",
    "répéter": "repeat",
    "repeter": "repeat",
    "day": "day",
    "jour": "day",
    "time": "time",
    "heure": "time",
    "days": "days",
    "jours": "days",
    "clock": "clock",
    "horloge": "clock",
    "fr": "fr",
    "en": "en",
    "then": "then",
    "puis": "then",
    "ensuite": "then",
}
"""The names of the form's fields, as people may type them."""

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
_PICKED_CHANNEL = re.compile(r"(?:\[[^\]]*\]\(channel:([^)\s]+)\))")
_NAMED_WORDS = 4
"""So many words of a text make the id of an item to which nobody gave one."""


async def item_form(ctx: Context, member: Member, kept: KeptItem | None, then: Status, item_id: str = "") -> Form:
    """The form for an item as it is, or for a new one. ``then``: the step offered first."""
    language = member.language
    item = kept.item if kept is not None else None
    words = item.words if item is not None else {}
    channels = await ctx.channels.all(ctx.workspace)
    known = item.id if item is not None else item_id
    fields = [
        *([] if known else [_field(ctx, language, "id", required=False)]),
        _to_field(ctx, language, item, channels),
        *_when_fields(ctx, member, item, channels),
        _field(ctx, language, "fr", "text", words.get("fr", ""), required=False),
        _field(ctx, language, "en", "text", words.get("en", ""), required=False),
        _then_field(ctx, member, then),
    ]
    version = f" {kept.version}" if kept is not None else ""
    title = ctx.words(language, "editing.form_title", item=known) if known else ctx.words(language, "editing.form_new")
    # A command cannot end with a blank: what follows it is the item, when there is one.
    which = f" {known}{version}" if known else ""
    preview = Button(ctx.words(language, "editing.preview"), f"calendar try{which}")
    return Form(
        plain(title), f"calendar write{which}", tuple(fields), ctx.words(language, "editing.save"), buttons=(preview,)
    )


def _field(
    ctx: Context,
    language: Language,
    name: str,
    kind: FieldKind = "line",
    value: str = "",
    choices: Sequence[str] = (),
    *,
    required: bool = True,
) -> Field:
    """A field of the item's form with its words; ``choices`` are worded ``editing.<name>_<choice>``."""
    offered = tuple((each, plain(ctx.words(language, f"editing.{name}_{each}"))) for each in choices)
    help_key = f"editing.help_{name}"
    label, said = ctx.words(language, f"editing.field_{name}"), _HELPED.get(name) and ctx.words(language, help_key)
    return Field(name, plain(label), kind, value, offered, required, plain(said or ""))


_HELPED = dict.fromkeys(("id", "day", "time", "days", "when", "fr", "en", "to"), True)


def _to_field(ctx: Context, language: Language, item: Item | None, channels: Sequence[Channel]) -> Field:
    """Any channels, and beside them the tags in use and the people one may write to."""
    to = item.to if item is not None else ()
    tags = Counter(tag for channel in channels for tag in channel.tags)
    offered = {
        f"tag:{tag}": plain(ctx.words(language, "editing.to_tag", tag=tag, count=tags[tag])) for tag in sorted(tags)
    }
    for each in Audience:
        if each is not Audience.PERSON:
            offered[each.value] = plain(ctx.words(language, f"editing.to_{each.value.removeprefix('@')}"))
    # What is not offered, and still is in the item, must not get lost in a picker.
    offered |= {place: place for place in to if not place.startswith("#") and place not in offered}
    ids = {f"#{channel.name}".casefold(): channel.ref.id for channel in channels}
    named = tuple((place, ids[place.casefold()]) for place in to if place.casefold() in ids)
    field = _field(ctx, language, "to", "channels", listed(to))
    return replace(field, choices=tuple(offered.items()), named=named)


def _when_fields(ctx: Context, member: Member, item: Item | None, channels: Sequence[Channel]) -> list[Field]:
    language, own = member.language, ctx.zone_of(member)
    picked = picks_of(item, own) if item is not None else {"repeat": "once"}
    fields = [
        _field(ctx, language, "repeat", "choice", picked.get("repeat", ""), REPEATS, required=False),
        _field(ctx, language, "day", "date", picked.get("day", ""), required=False),
        _field(ctx, language, "time", "time", picked.get("time", ""), required=False),
        _field(ctx, language, "days", "choices", picked.get("days", ""), WEEKDAYS, required=False),
        _field(ctx, language, "when", "text", picked.get("when", ""), required=False),
    ]
    zones = clocks(item, own, {channel.zone for channel in channels} | {ctx.policy.zone})
    if zones:
        local = plain(ctx.words(language, "editing.clock_local"))
        choices = tuple((zone, local if zone == LOCAL else zone) for zone in zones)
        clock = _field(ctx, language, "clock", "choice", picked.get("clock", own), required=False)
        fields.insert(4, replace(clock, choices=choices))
    return fields


def _then_field(ctx: Context, member: Member, then: Status) -> Field:
    first = {Status.APPROVED: "approve", Status.IN_REVIEW: "submit"}.get(then, "draft")
    return _field(ctx, member.language, "then", "choice", first, ("approve", "submit", "draft"))


def is_id(text: str) -> bool:
    """Whether this can be the name of an item."""
    return _ID.fullmatch(text) is not None


def check_id(ctx: Context, member: Member, item_id: str) -> None:
    """Raises BadInput when this cannot be the name of an item."""
    if not is_id(item_id):
        raise BadInput(ctx.words(member.language, "editing.bad_id", text=item_id), field="id")


def id_from(words: Mapping[Language, str]) -> str:
    """A name for an item to which nobody gave one, from its first words; empty when they have no letters of ours."""
    text = words.get("en") or words.get("fr") or ""
    bare = unicodedata.normalize("NFKD", plain(text)).encode("ascii", "ignore").decode().casefold()
    parts = re.findall(r"[a-z0-9]+", bare)[:_NAMED_WORDS]
    name = "-".join(parts)[:40].strip("-")
    return name if is_id(name) else f"item-{name}".strip("-")


def places_of(text: str, channels: Sequence[Channel]) -> list[str]:
    """The places named in a field of the kind ``channels``, each as an item has it: a channel by its name, whether it
    was named by that, by its id, or by a link to it."""
    names = {channel.ref.id.casefold(): channel.name for channel in channels}
    linked = _PICKED_CHANNEL.sub(lambda match: f"#{unquote(match.group(1))}", text)
    found = []
    for place in several(linked):
        bare = place.removeprefix("#").casefold()
        found.append(f"#{names[bare]}" if bare in names and not place.startswith(("tag:", "@")) else place)
    return list(dict.fromkeys(found))


def read_form(
    ctx: Context,
    member: Member,
    before: KeptItem | None,
    item_id: str,
    fields: Mapping[str, str],
    channels: Sequence[Channel],
) -> Item:
    """The item that the form says, what it leaves out staying as it was. Raises BadInput in the member's language, with
    every field that is wrong."""
    language, wrong = member.language, dict[str, str]()
    old = before.item if before is not None else Item(id=item_id, when=When(), to=(), words={})
    words = {each: tame(fields[each]) if each in fields else old.words.get(each, "") for each in ("fr", "en")}
    words = {each: text for each, text in words.items() if text}
    to = places_of(fields["to"], channels) if "to" in fields else list(old.to)
    when: dict[str, object] = {}
    try:
        zone = ctx.zone_of(member)
        said = fields if fields.keys() & {"when", "repeat"} else picks_of(old, zone)
        when = read_picks(said, ctx.now, zone, picks_of(old, zone) if before is not None else None)
        if not when:
            wrong["day" if "day" in fields else "when"] = ctx.words(language, "editing.no_when")
    except Wrong as error:
        wrong[error.field] = ctx.words(language, f"editing.{error.key}")
    if not words:
        wrong["fr"] = ctx.words(language, "editing.no_words")
    if not to:
        wrong["to"] = ctx.words(language, "editing.no_place")
    if wrong:
        raise BadInput("\n\n".join(wrong.values()), errors=wrong)
    read = _read(ctx, member, {"id": item_id, "to": to, "words": words, **when})
    return replace(read, owner=old.owner)


def _read(ctx: Context, member: Member, written: Mapping[str, object]) -> Item:
    try:
        return ctx.timetable.read_item(written)
    except BadContent as error:
        problems = error.problems
    language, wrong = member.language, dict[str, str]()
    reasons = Markup("; ".join(problem_words(ctx.words, language, each) for each in problems))
    try:
        # By itself, so that what is wrong with the moment is told from what is wrong with the places.
        ctx.timetable.read_item({**written, "to": ["#channel"]})
        wrong["to"] = ctx.words(language, "editing.to_unclear")
    except BadContent:
        wrong["when"] = ctx.words(language, "editing.when_unclear")
    raise BadInput(ctx.words(language, "editing.not_understood", reasons=reasons), errors=wrong)
