"""Drafts: a post that the writing service proposes, and that goes out only once an animator edited and approved it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import partial

from bot.core.actions import CancelTimer, Drop, Remember, Send, SetTimer
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput, WriterUnavailable
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature, TimerFired
from bot.core.localtime import local_moment
from bot.core.message import Button, Field, Form, Markup, Message, channel_link, join_lines
from bot.core.policy import is_open
from bot.core.refs import ChannelRef, Language

MAX_CHARACTERS = 4000
"""Of a post in one language; the platforms' own limits lie near."""
MAX_CHOICES = 100
"""Channels offered in the form; with more of them the name is typed."""
MAX_KEPT = 100
"""Drafts kept at a time: more than anybody reads."""

_TAG = re.compile(r"<(?![a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*>)[!/?a-zA-Z][^<>]*>")
"""Raw HTML, and things such as ``<!channel>``; an address in angle brackets is left for the next step."""
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?([^()\s<>]*)>?(?:\s+[^()]*)?\)")
_ANGLED = re.compile(r"<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*)>")
_FIELD_LINE = re.compile(r"\s*(fr|en|channel|canal|salon|moment|when|quand)\s*:\s?(.*)", re.IGNORECASE)
_FIELD_NAMES = {"canal": "channel", "salon": "channel", "when": "moment", "quand": "moment"}
_NOW = frozenset({"now", "maintenant"})
_MOMENT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2})[:h](\d{2})(?::00)?")
_FRENCH_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: à)? (\d{1,2})[:h](\d{2})")


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """A text in both languages, waiting for an animator; once approved, ``channel`` (an id) and ``due`` are set."""

    number: int
    fr: str
    en: str
    at: datetime
    channel: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastNumber:
    """The last number given: an old button must never mean a newer draft."""

    number: int = 0


# Decisions


def tame(text: str) -> str:
    """Markdown without raw HTML, pictures, or links to anything but web and mail addresses: no mention survives.

    What cannot be made harmless neatly is shown as plain text instead.
    """
    calm = text.replace("\x00", "").strip()[:MAX_CHARACTERS]
    before = None
    while calm != before:  # Until nothing new appears: a tag may hide in pieces around another.
        before = calm
        calm = _ANGLED.sub(_web_only, _LINK.sub(_web_only, _TAG.sub("", calm)))
    # What is left of brackets may still be a link in a form not foreseen above, and the backslash ends that.
    calm = re.sub(r"\](?=\s*:)", r"\\]", calm)
    calm = re.sub(r"(?<!\\)\]\((?!https?://|mailto:)", r"\\](", calm)
    return re.sub(r"<(?!https?://|mailto:)", r"\\<", calm)


def _web_only(match: re.Match[str]) -> str:
    address = html.unescape(match.group(match.lastindex or 1))
    is_web = re.match(r"(?:https?://|mailto:)[^\\\s]*$", address) is not None
    if match.lastindex == 1:  # An address in angle brackets.
        return match.group(0) if is_web else match.group(1).partition(":")[2]
    label = match.group(1)
    return f"[{label}]({match.group(2)})" if is_web else label


def parse_fields(text: str) -> dict[str, str]:
    """A form typed as ``name: value`` lines; lines without a name go on with the value before them."""
    values: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = _FIELD_LINE.fullmatch(line)
        if match:
            name = _FIELD_NAMES.get(match.group(1).casefold(), match.group(1).casefold())
            values[name] = match.group(2)
        elif name:
            values[name] += f"\n{line}"
    return {name: value.strip() for name, value in values.items()}


def parse_moment(text: str, now: datetime, zone: str) -> datetime | None:
    """``2026-12-01 10:00`` (or ``01/12/2026 10:00``) in the wall-clock time of ``zone``, ``now`` or ``maintenant``,
    as aware UTC; None when it is none of these."""
    written = " ".join(text.split()).casefold()
    if written in _NOW:
        return now
    match, french = _MOMENT.fullmatch(written.replace("t", "T")), _FRENCH_MOMENT.fullmatch(written)
    try:
        if match:
            year, month, day, hour, minute = (int(part) for part in match.groups())
        elif french:
            day, month, year, hour, minute = (int(part) for part in french.groups())
        else:
            return None
        return local_moment(date(year, month, day), time(hour, minute), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# What happens


async def draft(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar draft THEME``"""
    member = await ctx.member(command.member)
    theme = " ".join(arguments.split())
    if not theme:
        raise BadInput(ctx.words(member.language, "drafts.no_theme"))
    try:
        written = await ctx.writer.draft(theme)
    except WriterUnavailable as error:
        reason = ctx.reason(member.language, error)
        raise BadInput(ctx.words(member.language, "drafts.no_writer", reason=reason)) from None
    # Numbered only now: the service may take its time, and somebody else ask for a draft meanwhile.
    kept = await ctx.notes.all(ctx.workspace, KeptDraft)
    if len(kept) >= MAX_KEPT:
        raise BadInput(ctx.words(member.language, "drafts.too_many", most=MAX_KEPT))
    last = await ctx.note(LastNumber, "") or LastNumber()
    found = KeptDraft(last.number + 1, tame(written.fr), tame(written.en), ctx.now)
    ctx.do(Remember("", LastNumber(found.number)), Remember(str(found.number), found))
    ctx.reply(command, await _shown(ctx, member, found, "drafts.written"))


async def _shown(ctx: Context, member: Member, found: KeptDraft, head: str) -> Message:
    language = member.language
    canned = ctx.writer.name == "canned"
    writer = ctx.words(language, "drafts.by_template" if canned else "drafts.by_service", name=ctx.writer.name)
    parts = [ctx.words(language, head, number=found.number, writer=writer), found.fr, found.en]
    fields = (
        Field("fr", ctx.words(language, "drafts.field_fr"), "text", found.fr),
        Field("en", ctx.words(language, "drafts.field_en"), "text", found.en),
        await _channel_field(ctx, language),
        Field("moment", ctx.words(language, "drafts.field_moment"), value=ctx.words(language, "drafts.now")),
    )
    title = ctx.words(language, "drafts.form_title", number=found.number)
    form = Form(title, f"calendar approve {found.number}", fields, ctx.words(language, "drafts.approve"))
    button = Button(ctx.words(language, "drafts.discard"), f"calendar discard {found.number}", "danger")
    return Message(Markup("\n\n---\n\n".join(parts)), (button,), form)


async def _channel_field(ctx: Context, language: Language) -> Field:
    label, channels = ctx.words(language, "drafts.field_channel"), await ctx.channels.all(ctx.workspace)
    if len(channels) > MAX_CHOICES:
        return Field("channel", label)
    choices = tuple((channel.ref.id, f"#{channel.name}") for channel in channels)
    return Field("channel", label, "choice", choices[0][0] if choices else "", choices)


async def _asked(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, KeptDraft, str]:
    """Who asks, the draft whose number the arguments begin with, and what follows the number."""
    member = await ctx.member(command.member)
    number, _, rest = arguments.strip().partition("\n")
    first, _, same_line = number.partition(" ")
    found = await ctx.note(KeptDraft, first.strip())
    if found is None:
        raise BadInput(ctx.words(member.language, "drafts.no_draft" if first.strip() else "drafts.name_draft"))
    return member, found, f"{same_line}\n{rest}"


async def approve(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``calendar approve N`` with the form's fields, or with ``name: value`` lines; without any, the form again."""
    member, found, rest = await _asked(ctx, command, arguments)
    fields = command.fields or parse_fields(rest)
    if not fields:
        ctx.reply(command, await _shown(ctx, member, found, "drafts.approve_how"))
        return
    approved = replace(found, fr=tame(fields.get("fr", found.fr)), en=tame(fields.get("en", found.en)))
    if not (approved.fr or approved.en):
        raise BadInput(ctx.words(member.language, "drafts.no_words"))
    channel = await ctx.channel_named(fields.get("channel", ""))
    if channel is None:
        raise BadInput(ctx.words(member.language, "drafts.no_channel", name=fields.get("channel", "")))
    due = parse_moment(fields.get("moment", ""), ctx.now, ctx.zone_of(member))
    if due is None or due < ctx.now:
        key = "drafts.bad_moment" if due is None else "drafts.past_moment"
        raise BadInput(ctx.words(member.language, key, text=fields.get("moment", "")))
    approved = replace(approved, channel=channel.ref.id, due=due)
    ctx.do(Remember(str(found.number), approved), SetTimer("go", str(found.number), due))
    ctx.reply(command, _approved_message(ctx, member, channel, approved, due))


def _approved_message(ctx: Context, member: Member, channel: Channel, approved: KeptDraft, due: datetime) -> Message:
    when = ctx.say_moment(member.language, due, ctx.zone_of(member))
    values = {"number": approved.number, "channel": channel_link(channel), "when": when}
    text = ctx.words(member.language, "drafts.approved", **values)
    if not is_open(due, ctx.timetable.policy_for(channel), channel.zone):
        text = Markup(f"{text} {ctx.words(member.language, 'drafts.waits')}")
    undo = Button(ctx.words(member.language, "drafts.undo"), f"calendar hold {approved.number}")
    return Message(text, (undo,))


async def go(ctx: Context, fired: TimerFired) -> None:
    """The moment of an approved draft."""
    found = await ctx.note(KeptDraft, fired.key)
    if found is None or found.due != fired.due:
        return
    channel = await ctx.channels.get(ChannelRef(ctx.workspace, found.channel))
    if channel is None or channel.archived:
        ctx.do(Remember(fired.key, replace(found, channel="", due=None)))
        await ctx.tell_animators(
            lambda language: Message(ctx.words(language, "drafts.channel_gone", number=found.number))
        )
        return
    texts: dict[Language, str] = {"fr": found.fr or found.en, "en": found.en or found.fr}
    # Words in one language only are said once.
    both = channel.language == "both" and bool(found.fr and found.en)
    text = ctx.bilingual(
        "both" if both else "en" if channel.language == "en" else "fr", lambda language: texts[language]
    )
    key = f"drafts/{found.number}"
    ctx.do(Send(to=channel.ref, message=Message(text), kind=Kind.POST, key=key), Drop(KeptDraft, fired.key))


async def hold(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The undo of an approval: the draft waits again."""
    member, found, _ = await _asked(ctx, command, arguments)
    ctx.do(Remember(str(found.number), replace(found, channel="", due=None)), CancelTimer("go", str(found.number)))
    ctx.reply(command, await _shown(ctx, member, found, "drafts.held"))


async def show(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar drafts``"""
    member = await ctx.member(command.member)
    kept = sorted((await ctx.notes.all(ctx.workspace, KeptDraft)).values(), key=lambda each: each.number)
    if not kept:
        ctx.reply(command, ctx.words(member.language, "drafts.none"))
        return
    lines: list[str] = [ctx.words(member.language, "drafts.list_head"), ""]
    for each in kept:
        lines.append("- " + await _line(ctx, member, each))
    buttons = [
        Button(ctx.words(member.language, "drafts.open", number=each.number), f"calendar approve {each.number}")
        for each in kept[:5]
    ]
    ctx.reply(command, Message(join_lines(lines), tuple(buttons)))


async def _line(ctx: Context, member: Member, found: KeptDraft) -> Markup:
    text = found.fr if member.language == "fr" else found.en
    start = " ".join(re.sub(r"[\\*_`#>\[\]]", "", text or found.fr or found.en).split()[:8]).rstrip(" .,;:!?…")
    channel = await ctx.channels.get(ChannelRef(ctx.workspace, found.channel)) if found.due is not None else None
    if found.due is None or channel is None:
        return ctx.words(member.language, "drafts.line_waiting", number=found.number, start=start)
    when = ctx.say_moment(member.language, found.due, ctx.zone_of(member))
    values = {"number": found.number, "start": start, "channel": channel_link(channel), "when": when}
    return ctx.words(member.language, "drafts.line_approved", **values)


async def discard(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar discard N``: also one that is approved and has not gone out."""
    member, found, _ = await _asked(ctx, command, arguments)
    ctx.do(Drop(KeptDraft, str(found.number)), CancelTimer("go", str(found.number)))
    ctx.reply(command, ctx.words(member.language, "drafts.discarded", number=found.number))


_for_animators = partial(Command, role=Role.ANIMATOR)

FEATURE = Feature(
    name="drafts",
    commands=(
        _for_animators(path=("calendar", "draft"), french=("calendrier", "brouillon"), run=draft, has_arguments=True),
        _for_animators(path=("calendar", "drafts"), french=("calendrier", "brouillons"), run=show),
        _for_animators(
            path=("calendar", "approve"), french=("calendrier", "approuver"), run=approve, has_arguments=True
        ),
        _for_animators(path=("calendar", "discard"), french=("calendrier", "jeter"), run=discard, has_arguments=True),
        _for_animators(path=("calendar", "hold"), run=hold, hidden=True),
    ),
    timers={"go": go},
)
