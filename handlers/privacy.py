"""Privacy: what is known about a person is theirs to see, to export, to erase and to silence. Keeps the list of who is
who from what the platform tells, too: what is written down about people is written down here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from bot.core.actions import (
    ChooseLanguage,
    Forget,
    MemberWentAway,
    MoveChannel,
    Mute,
    RegisterChannel,
    RegisterMember,
    Send,
    SetAbsence,
    Uncount,
)
from bot.core.community import Member
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import ChannelChanged, ChannelMoved, CommandGiven, MemberChanged, MemberJoined, MemberLeft
from bot.core.feature import Command, Context, Feature, HomePart, Listener
from bot.core.home import section
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, Section, TextFile, join_lines
from bot.core.refs import Language, other_language
from bot.core.signals import What

FOR_EVER = datetime(9000, 1, 1, tzinfo=UTC)
"""Until when somebody is muted who says no end: far off, and still a moment every zone can show."""
EXPORT_PART = 3000
"""Characters of an export in one message: below every platform's limit, with room for escaping."""
DEFAULT_MUTE = timedelta(weeks=2)
LONGEST_SPAN = timedelta(days=3660)

_SPAN = re.compile(r"(\d{1,4})\s*(h|d|j|w|s|m)[a-z]*")
_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "j": timedelta(days=1),
    "w": timedelta(weeks=1),
    "s": timedelta(weeks=1),
    "m": timedelta(days=30),
}
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_FRENCH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_EVER = frozenset({"forever", "toujours", "always"})
_OFF = frozenset({"off", "no", "non", "not"})
_ON = frozenset({"on", "yes", "oui"})
_BACK = frozenset({"back", "retour", "no", "non"})
_LANGUAGE_NAMES: Mapping[str, Language] = {
    **{"fr": "fr", "french": "fr", "français": "fr", "francais": "fr"},
    **{"en": "en", "english": "en", "anglais": "en"},
}


# Decisions


def parse_span(text: str) -> timedelta | None:
    """``2w``, ``10 days``, ``3h``, or ``2s``, ``10 jours``; ``m`` is a month of 30 days. None when it is no span."""
    found = _SPAN.fullmatch(text.strip().casefold())
    if not found:
        return None
    span = int(found.group(1)) * _UNITS[found.group(2)]
    return span if timedelta() < span <= LONGEST_SPAN else None


def parse_day(text: str) -> date | None:
    """``2026-12-20``, or ``20/12/2026``; None when it is neither."""
    iso, french = _ISO_DAY.fullmatch(text.strip()), _FRENCH_DAY.fullmatch(text.strip())
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if french:
            return date(int(french[3]), int(french[2]), int(french[1]))
    except ValueError:
        return None
    return None


def back_at(text: str, now: datetime, zone: str) -> datetime | None:
    """The moment at which somebody is back who is away until ``text`` (a day, or a span from today): the beginning of
    that day in ``zone``, as aware UTC. None when it is not understood, has come already, or lies too far off."""
    span, day = parse_span(text), parse_day(text)
    if span is not None:
        day = local_date(now + span, zone)
    if day is None or not now.date() - timedelta(days=1) <= day <= now.date() + LONGEST_SPAN:
        return None
    moment = local_moment(day, time(0), zone)
    return moment if moment > now else None


def exported(known: Mapping[str, object]) -> str:
    """What is known as JSON, for people and programs alike."""
    return json.dumps(known, ensure_ascii=False, indent=1, default=str)


def export_parts(known: Mapping[str, object], size: int = EXPORT_PART) -> list[Markup]:
    """What is known as JSON, in code blocks of at most about ``size`` characters, broken between lines."""
    text = exported(known)
    # The fence is longer than any run of backticks inside, so that a name cannot end the block.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    pieces = [row[at : at + size] for row in text.split("\n") for at in range(0, len(row), size)]
    parts: list[list[str]] = [[]]
    length = 0
    for piece in pieces:
        if parts[-1] and length + len(piece) > size:
            parts.append([])
            length = 0
        parts[-1].append(piece)
        length += len(piece) + 1
    return [Markup("\n".join([f"{fence}json", *part, fence])) for part in parts]


# The list of who is who


async def on_joined(ctx: Context, event: MemberJoined) -> None:
    member = event.member
    ctx.do(RegisterMember(member if member.joined_at is not None else replace(member, joined_at=event.at)))


async def on_changed(ctx: Context, event: MemberChanged) -> None:
    ctx.do(RegisterMember(event.member))
    if not event.member.active:
        ctx.do(MemberWentAway(event.member.ref))


async def on_left(ctx: Context, event: MemberLeft) -> None:
    if event.channel is None:
        ctx.do(MemberWentAway(event.member))


async def on_channel(ctx: Context, event: ChannelChanged) -> None:
    ctx.do(RegisterChannel(event.channel))


async def on_moved(ctx: Context, event: ChannelMoved) -> None:
    ctx.do(MoveChannel(event.channel, event.now))


# What a person may ask about themselves


async def me(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me``: what is known, in words, and what can be done about it."""
    known, found = await ctx.notes.about(command.member), await ctx.members.get(command.member)
    member = await ctx.member(command.member)
    language = member.language
    if found is None:
        key = "privacy.forgotten" if known.get("forgotten") else "privacy.unknown"
        ctx.reply(command, ctx.words(language, key))
        return
    lines = [ctx.words(language, "privacy.head"), "", *_about(ctx, member), *_counts(ctx, language, known)]
    lines += ["", ctx.words(language, "privacy.never_words")]
    ctx.reply(command, Message(join_lines(lines), _buttons(ctx, member)))


def _about(ctx: Context, member: Member) -> list[str]:
    language, zone = member.language, ctx.zone_of(member)
    lines: list[str] = [
        ctx.words(language, "privacy.name", name=member.name),
        ctx.words(language, "privacy.language", spoken=ctx.words(language, f"privacy.speaks_{language}")),
        ctx.words(language, "privacy.zone", zone=zone),
        ctx.words(language, "privacy.role", role=ctx.words(language, f"privacy.role_{member.role.name.lower()}")),
    ]
    for flag, key in ((member.guest, "privacy.guest"), (member.manager, "privacy.manager")):
        lines += [ctx.words(language, key)] if flag else []
    if member.joined_at is not None:
        lines.append(
            ctx.words(language, "privacy.joined", day=ctx.say_day(language, local_date(member.joined_at, zone)))
        )
    if member.muted_until is not None and member.muted_until > ctx.now:
        lines.append(_muted(ctx, member, member.muted_until))
    if member.away_until is not None and member.away_until > ctx.now:
        day = ctx.say_day(language, local_date(member.away_until, zone))
        lines.append(ctx.words(language, "privacy.away", day=day))
    if member.hours is not None:
        lines.append(ctx.words(language, "privacy.own_hours"))
    return [f"- {line}" for line in lines]


def _counts(ctx: Context, language: Language, known: Mapping[str, object]) -> list[str]:
    """How much is kept, in numbers; the export shows each."""
    lines = []
    for name in ("notes", "timers", "deliveries", "changes", "items", "answers"):
        kept = known.get(name)
        if isinstance(kept, Sequence) and kept:
            lines.append("- " + ctx.words(language, f"privacy.kept_{name}", count=len(kept)))
    counts = known.get("counts")
    if isinstance(counts, Mapping) and counts:
        said = ", ".join(
            ctx.words(language, f"privacy.what_{what}", count=number)
            for what, number in counts.items()
            if what in set(What)
        )
        lines.append("- " + ctx.words(language, "privacy.counted", what=Markup(said)))
    if known.get("uncounted"):
        lines.append("- " + ctx.words(language, "privacy.is_uncounted"))
    return lines


def _buttons(ctx: Context, member: Member) -> tuple[Button, ...]:
    language = member.language
    muted = member.muted_until is not None and member.muted_until > ctx.now
    other = other_language(language)
    return (
        Button(ctx.words(language, "privacy.export_button"), "me export", "primary"),
        Button(ctx.words(language, "privacy.unmute_button"), "me unmute")
        if muted
        else Button(ctx.words(language, "privacy.mute_button"), "me mute"),
        # In the words of the language it leads to: whoever needs it may not read the present one.
        Button(ctx.words(other, f"privacy.use_{other}"), f"me language {other}"),
        Button(ctx.words(language, "privacy.forget_button"), "me forget", "danger"),
    )


async def export(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me export``: everything, as JSON, to the person alone: as a file where the platform can send one."""
    language = await ctx.language_of(command.member)
    known = await ctx.notes.about(command.member)
    messages: list[Message] = []
    if ctx.can.files:
        file = TextFile("allant-me.json", "application/json", exported(known))
        messages.append(Message(ctx.words(language, "privacy.export_file"), files=(file,)))
    else:
        parts = export_parts(known)
        for number, part in enumerate(parts, start=1):
            head = ctx.words(language, "privacy.export_head", number=number, total=len(parts))
            messages.append(Message(Markup(f"{head}\n\n{part}")))
    for message in messages:
        if command.direct:
            ctx.reply(command, message)
        else:
            ctx.do(Send(to=command.member, message=message, kind=Kind.ANSWER))
    if not command.direct:
        ctx.reply(command, ctx.words(language, "privacy.export_sent"))


async def forget(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me forget``: asks once more, then erases for good."""
    language = await ctx.language_of(command.member)
    if arguments.strip().casefold() not in ("confirm", "confirmer"):
        yes = Button(ctx.words(language, "privacy.forget_yes"), "me forget confirm", "danger")
        no = Button(ctx.words(language, "privacy.forget_no"), "me")
        ctx.reply(command, Message(ctx.words(language, "privacy.forget_sure"), (yes, no)))
        return
    # The answer is planned before the erasure, which leaves it alone and has it erased once it was said.
    ctx.reply(command, ctx.words(language, "privacy.forget_done"))
    ctx.do(Forget(command.member))


def _muted(ctx: Context, member: Member, until: datetime) -> Markup:
    if until >= FOR_EVER:
        return ctx.words(member.language, "privacy.muted_for_ever")
    when = ctx.say_moment(member.language, until, ctx.zone_of(member))
    return ctx.words(member.language, "privacy.muted", when=when)


async def mute(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me mute [2w|forever]``"""
    member, word = await ctx.member(command.member), arguments.strip().casefold()
    span = parse_span(word) if word else DEFAULT_MUTE
    if span is None and word not in _EVER:
        raise BadInput(ctx.words(member.language, "privacy.bad_span", text=word))
    until = FOR_EVER if span is None else ctx.now + span
    ctx.do(Mute(command.member, until))
    buttons = [Button(ctx.words(member.language, "privacy.unmute_button"), "me unmute")]
    if span is not None:
        buttons.append(Button(ctx.words(member.language, "privacy.mute_for_ever"), "me mute forever"))
    text = f"{_muted(ctx, member, until)} {ctx.words(member.language, 'privacy.mute_still')}"
    ctx.reply(command, Message(Markup(text), tuple(buttons)))


async def unmute(ctx: Context, command: CommandGiven, arguments: str) -> None:
    ctx.do(Mute(command.member, None))
    ctx.reply(command, ctx.words(await ctx.language_of(command.member), "privacy.unmuted"))


async def count(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me count off|on``: whether the person is in the figures at all."""
    spoken, word = await ctx.language_of(command.member), arguments.strip().casefold()
    off, on = (
        Button(ctx.words(spoken, "privacy.uncount_button"), "me count off"),
        Button(ctx.words(spoken, "privacy.count_button"), "me count on"),
    )
    if word in _OFF:
        ctx.do(Uncount(command.member))
        ctx.reply(command, Message(ctx.words(spoken, "privacy.uncounted"), (on,)))
    elif word in _ON:
        ctx.do(Uncount(command.member, counted=True))
        ctx.reply(command, Message(ctx.words(spoken, "privacy.counted_again"), (off,)))
    else:
        known = await ctx.notes.about(command.member)
        key = "privacy.is_uncounted" if known.get("uncounted") else "privacy.is_counted"
        ctx.reply(command, Message(ctx.words(spoken, key), (on if known.get("uncounted") else off,)))


async def language(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me language fr|en``: answered in the language chosen."""
    chosen = _LANGUAGE_NAMES.get(arguments.strip().casefold())
    if chosen is None:
        spoken = await ctx.language_of(command.member)
        buttons = tuple(Button(ctx.words(each, f"privacy.use_{each}"), f"me language {each}") for each in ("fr", "en"))
        ctx.reply(command, Message(ctx.words(spoken, "privacy.which_language"), buttons))
        return
    ctx.do(ChooseLanguage(command.member, chosen))
    ctx.reply(command, ctx.words(chosen, "privacy.language_chosen"))


async def away(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant me away 2026-12-20`` (the day one is back), or ``back``"""
    member, word = await ctx.member(command.member), arguments.strip().casefold()
    if word in _BACK:
        ctx.do(SetAbsence(command.member, None))
        ctx.reply(command, ctx.words(member.language, "privacy.is_back"))
        return
    zone = ctx.zone_of(member)
    until = back_at(word, ctx.now, zone)
    if until is None:
        raise BadInput(ctx.words(member.language, "privacy.bad_day" if word else "privacy.name_day", text=word))
    ctx.do(SetAbsence(command.member, until))
    day = ctx.say_day(member.language, local_date(until, zone))
    button = Button(ctx.words(member.language, "privacy.back_button"), "me away back")
    ctx.reply(command, Message(ctx.words(member.language, "privacy.away_noted", day=day), (button,)))


async def you(ctx: Context, member: Member, page: int) -> Section | None:
    """The member's own language, silence and absence, with what changes them, in their home."""
    language = member.language
    lines: list[str] = [
        ctx.words(language, "privacy.language", spoken=ctx.words(language, f"privacy.speaks_{language}"))
    ]
    lines += [line.removeprefix("- ") for line in _about(ctx, member)[4:]]  # Name, zone and role they know.
    lines.append(ctx.words(language, "privacy.never_words"))
    _, mute_button, other, _ = _buttons(ctx, member)
    known = Button(ctx.words(language, "privacy.home_known"), "me")
    head = ctx.words(language, "privacy.home_head")
    return section(ctx, language, "you", head, lines, buttons=(other, mute_button, known))


FEATURE = Feature(
    name="privacy",
    commands=(
        Command(path=("me",), french=("moi",), run=me),
        Command(path=("me", "export"), french=("moi", "exporter"), run=export),
        Command(path=("me", "forget"), french=("moi", "oublier"), run=forget),
        Command(path=("me", "mute"), french=("moi", "silence"), run=mute, has_arguments=True),
        Command(path=("me", "unmute"), french=("moi", "parler"), run=unmute),
        Command(path=("me", "count"), french=("moi", "compter"), run=count, has_arguments=True),
        Command(
            path=("me", "language"),
            french=("moi", "langue"),
            short=("language", "langue"),
            run=language,
            has_arguments=True,
        ),
        Command(path=("me", "away"), french=("moi", "absence"), run=away, has_arguments=True),
    ),
    listeners=(
        Listener(MemberJoined, on_joined),
        Listener(MemberChanged, on_changed),
        Listener(MemberLeft, on_left),
        Listener(ChannelChanged, on_channel),
        Listener(ChannelMoved, on_moved),
    ),
    home=(HomePart(name="you", place=40, make=you),),
)
