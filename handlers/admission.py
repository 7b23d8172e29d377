"""Admission: who asks to join a channel reads the charter first, and is let in on accepting it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.core.actions import Admit, Drop, Remember, Send
from bot.core.community import Channel
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, JoinRequested, MemberJoined
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.message import Button, Markup, Message
from bot.core.refs import ChannelRef, Language, MemberRef

REMEMBERED = timedelta(days=30)
"""A request older than this is asked anew: the charter may be another by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """schedules/admission.yaml, under ``admission:``."""

    channels: tuple[str, ...] = ()
    """The channels whose requests the bot answers, by name; ``*`` for all. None: people decide there."""
    let_in: Literal["charter", "at_once"] = "charter"
    """Let in those who accept the charter, or everybody who asks."""


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody asked to join a channel, and was shown the charter; kept under the channel's id and theirs."""

    language: Language
    at: datetime


def answered_by_us(rules: AdmissionRules, channel: str) -> bool:
    """Whether the bot answers requests for the channel of that name."""
    wanted = {name.removeprefix("#").casefold() for name in rules.channels}
    return "*" in wanted or channel.casefold() in wanted


async def on_requested(ctx: Context, event: JoinRequested) -> None:
    rules = ctx.timetable.rules(AdmissionRules)
    channel = await ctx.channels.get(event.channel)
    if channel is None or event.member.bot or not answered_by_us(rules, channel.name):
        return
    ref = event.member.ref
    if rules.let_in == "at_once":
        ctx.do(Admit(channel=channel.ref, member=ref, key=f"admission/{event.id}"))
        return
    stored = await ctx.members.get(ref)
    language = stored.language if stored is not None else event.member.language
    # Also about somebody who asked to be forgotten: without it they could not accept; it goes when they did.
    ctx.do(
        Remember(_key(channel.ref, ref), Requested(language, ctx.now), ref),
        Send(to=ref, message=_charter(ctx, language, channel), kind=Kind.ANSWER, key=f"admission/{event.id}"),
    )


def _charter(ctx: Context, language: Language, channel: Channel) -> Message:
    page = ctx.library.page("charter/charter", language)
    head = ctx.words(language, "admission.head", channel=channel.name)
    asked = ctx.words(language, "admission.asked")
    text = "\n\n".join(part for part in (head, page.body if page is not None else "", asked) if part)
    return Message(
        Markup(text),
        (
            Button(ctx.words(language, "admission.accept"), f"admission accept {channel.ref.id}", "primary"),
            Button(ctx.words(language, "admission.decline"), f"admission decline {channel.ref.id}"),
        ),
    )


async def accept(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The charter is accepted: the person is let in."""
    channel, requested = await _request(ctx, command, arguments)
    ctx.do(
        Drop(Requested, _key(channel, command.member)),
        Admit(channel=channel, member=command.member),
    )
    ctx.reply(command, ctx.words(requested.language, "admission.accepted"))


async def decline(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Nothing is decided: the request stays, for those who administer the channel."""
    channel, requested = await _request(ctx, command, arguments)
    ctx.do(Drop(Requested, _key(channel, command.member)))
    ctx.reply(command, ctx.words(requested.language, "admission.declined"))


async def _request(ctx: Context, command: CommandGiven, arguments: str) -> tuple[ChannelRef, Requested]:
    channel = ChannelRef(ctx.workspace, arguments.strip() or "-")
    requested = await ctx.note(Requested, _key(channel, command.member))
    if requested is None or ctx.now - requested.at > REMEMBERED:
        raise BadInput(ctx.words(await ctx.language_of(command.member), "admission.no_request"))
    return channel, requested


def _key(channel: ChannelRef, member: MemberRef) -> str:
    return f"{channel.id}/{member.id}"


async def on_joined(ctx: Context, event: MemberJoined) -> None:
    """They are in, whoever let them: nothing is left to accept."""
    if event.channel is not None:
        ctx.do(Drop(Requested, _key(event.channel, event.member.ref)))


FEATURE = Feature(
    name="admission",
    commands=(
        Command(path=("admission", "accept"), run=accept, hidden=True),
        Command(path=("admission", "decline"), run=decline, hidden=True),
    ),
    listeners=(Listener(JoinRequested, on_requested), Listener(MemberJoined, on_joined)),
    rules=AdmissionRules,
)
