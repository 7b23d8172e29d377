"""Administration in the chat: help, roles, the ledger, and what went wrong, in files as in deliveries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import unquote

from bot.core.actions import Drop, GiveRole, MarkManager, Remember, Send
from bot.core.community import Member, Role
from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.dispatch import unaccented
from bot.core.errors import BadInput, Problem
from bot.core.events import CommandGiven, DeliveryTroubled, FilesChanged
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.message import Button, Markup, Message, channel_link, escape, join_lines
from bot.core.refs import ChannelRef, Language

ROLES = {
    "member": Role.MEMBER,
    "membre": Role.MEMBER,
    "animator": Role.ANIMATOR,
    "animateur": Role.ANIMATOR,
    "animatrice": Role.ANIMATOR,
    "animation": Role.ANIMATOR,
    "admin": Role.ADMIN,
    "administrator": Role.ADMIN,
    "administration": Role.ADMIN,
}
LEDGER_ROWS = 10
MOST_PROBLEMS = 10
"""Problems of files told in one message; `allant check` shows the rest."""
MOST_COUNTED = 1000
REASONS = frozenset(
    {"quiet_hours", "day_budget", "week_budget", "away", "muted", "gone", "expired"}
    | {"unreachable", "rate_limited", "not_connected", "not_arrived", "unclear", "refused"}
)
_MENTION = re.compile(r"\[[^\]]*\]\(mention:([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class ToldProblems:
    """Which problems of files the animators know about: a digest of them."""

    digest: str


def visible(catalogue: Sequence[tuple[str, Command]], role: Role, topic: str) -> list[tuple[str, Command]]:
    """The commands that ``role`` may give, all or those of a feature or with a word in their path."""
    wanted = unaccented(topic.strip())
    return [
        (feature, command)
        for feature, command in catalogue
        if not command.hidden
        and command.role <= role
        and (not wanted or wanted == feature or wanted in map(unaccented, (*command.path, *command.french)))
    ]


def digest_of(problems: Sequence[Problem]) -> str:
    """Equal for the same set of problems, in whatever order."""
    return hashlib.sha256("\n".join(sorted(str(each) for each in problems)).encode()).hexdigest()


def addressee(text: str) -> str:
    """The name or id in ``@Ann``, ``ann``, or a mention as platforms write it into a command."""
    mention = _MENTION.search(text)
    return unquote(mention.group(1)) if mention else text.strip()


# Help


async def show_help(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant help [topic]``: the commands the asker may give."""
    member = await ctx.member(command.member)
    language = member.language
    found = visible(ctx.ports.catalogue, member.role, arguments)
    if not found:
        raise BadInput(ctx.words(language, "admin.no_help", topic=arguments.strip()))
    lines: list[str] = [ctx.words(language, "admin.help_head")]
    heading = ""
    for name, each in found:
        title = ctx.words(language, f"admin.feature_{name}")
        if title != heading:
            heading = title
            lines += ["", f"**{heading}**"]
        key = "_".join(each.path)
        path = each.french if language == "fr" and each.french else each.path
        usage = f" {ctx.words(language, f'{name}.usage_{key}')}" if each.has_arguments else ""
        said = {
            "command": Markup(f"`/allant {' '.join(path)}{usage}`"),
            "does": ctx.words(language, f"{name}.help_{key}"),
        }
        lines.append("- " + ctx.words(language, "admin.help_line", **said))
    ctx.reply(command, join_lines(lines))


# Roles


async def _named(ctx: Context, command: CommandGiven, text: str) -> Member:
    name = addressee(text)
    if not name:
        raise BadInput(ctx.words(await ctx.language_of(command.member), "admin.name_somebody"))
    member = await ctx.members.named(ctx.workspace, name) if name else None
    if member is None:
        raise BadInput(ctx.words(await ctx.language_of(command.member), "admin.nobody", name=name))
    return member


async def roles(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant roles``: who animates and who administers."""
    language = await ctx.language_of(command.member)
    lines: list[str] = [ctx.words(language, "admin.roles_head"), ""]
    holders = await ctx.members.with_role(ctx.workspace, Role.ANIMATOR)
    for role in (Role.ADMIN, Role.ANIMATOR):
        names = ", ".join(escape(each.name) for each in holders if each.role == role)
        lines.append(
            "- " + ctx.words(language, "admin.roles_line", role=_role(ctx, language, role), names=Markup(names or "–"))
        )
    lines += ["", ctx.words(language, "admin.roles_how")]
    ctx.reply(command, join_lines(lines))


async def give(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant roles give @name animator``"""
    language = await ctx.language_of(command.member)
    name, _, word = arguments.strip().rpartition(" ")
    role = ROLES.get(word.casefold())
    if not name or role is None:
        raise BadInput(ctx.words(language, "admin.give_how"))
    await _set_role(ctx, command, await _named(ctx, command, name), role)


async def take(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant roles take @name``"""
    await _set_role(ctx, command, await _named(ctx, command, arguments), Role.MEMBER)


async def _set_role(ctx: Context, command: CommandGiven, member: Member, role: Role) -> None:
    language = await ctx.language_of(command.member)
    admins = await ctx.members.with_role(ctx.workspace, Role.ADMIN)
    if role is not Role.ADMIN and [each.ref for each in admins] == [member.ref]:
        raise BadInput(ctx.words(language, "admin.last_admin"))
    ctx.do(GiveRole(member.ref, role))
    said = ctx.words(language, "admin.gave", name=member.name, role=_role(ctx, language, role))
    undo = Button(ctx.words(language, "admin.undo"), f"roles give {member.ref.id} {member.role.name.casefold()}")
    ctx.reply(command, Message(said, (undo,)))
    if member.ref != command.member:
        told = ctx.words(member.language, "admin.your_role", role=_role(ctx, member.language, role))
        ctx.do(Send(to=member.ref, message=Message(told), kind=Kind.NOTICE))


def _role(ctx: Context, language: Language, role: Role) -> Markup:
    return ctx.words(language, f"admin.role_{role.name.casefold()}")


async def mark(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await _mark(ctx, command, arguments, manager=True)


async def unmark(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await _mark(ctx, command, arguments, manager=False)


async def _mark(ctx: Context, command: CommandGiven, arguments: str, *, manager: bool) -> None:
    language = await ctx.language_of(command.member)
    member = await _named(ctx, command, arguments)
    ctx.do(MarkManager(member.ref, manager))
    undo = Button(ctx.words(language, "admin.undo"), f"managers {'unmark' if manager else 'mark'} {member.ref.id}")
    key = "admin.marked" if manager else "admin.unmarked"
    ctx.reply(command, Message(ctx.words(language, key, name=member.name), (undo,)))


# The ledger


async def deliveries(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant deliveries``: the latest rows of the ledger, and how much was held back."""
    member = await ctx.member(command.member)
    # Who asked what, and when, is nobody's business: answers are left out.
    recent = await ctx.ledger.recent(ctx.workspace, limit=20 * LEDGER_ROWS)
    rows = [each for each in recent if each.kind is not Kind.ANSWER][:LEDGER_ROWS]
    lines: list[str] = [ctx.words(member.language, "admin.ledger"), ""]
    lines += [await _row(ctx, member, each) for each in rows] or [ctx.words(member.language, "admin.ledger_empty")]
    ctx.reply(command, join_lines([*lines, *await _held(ctx, member.language)]))


async def _held(ctx: Context, language: Language) -> list[str]:
    held = await ctx.ledger.held_back(ctx.workspace, ctx.now - timedelta(weeks=1))
    if not held:
        return []
    said = [
        f"- {ctx.words(language, 'admin.held', count=count, reason=reason_words(ctx, language, reason))}"
        for reason, count in sorted(held.items())
    ]
    return ["", ctx.words(language, "admin.held_head"), "", *said]


def reason_words(ctx: Context, language: Language, reason: str) -> Markup:
    """A reason of the ledger in words. A refusal's own text is the platform's, and may be in its language."""
    name, _, detail = reason.partition(": ")
    if name not in REASONS:
        return escape(reason)
    said = ctx.words(language, f"admin.reason_{name}")
    return Markup(f"{said} ({escape(detail)})") if detail else said


def _is_public(delivery: Delivery) -> bool:
    return isinstance(delivery.to, ChannelRef) and delivery.visible_to is None


async def _place(ctx: Context, language: Language, delivery: Delivery) -> Markup:
    """Where it goes; whom a direct message goes to is not shown."""
    if isinstance(delivery.to, ChannelRef) and _is_public(delivery):
        channel = await ctx.channels.get(delivery.to)
        if channel is not None and not channel.direct:
            return channel_link(channel)
    return ctx.words(language, "admin.direct")


async def _row(ctx: Context, member: Member, delivery: Delivery) -> str:
    language = member.language
    values = {
        "when": ctx.say_moment(language, delivery.sent_at or delivery.due, ctx.zone_of(member)),
        "what": ctx.words(language, f"admin.kind_{delivery.kind.value}"),
        "where": await _place(ctx, language, delivery),
        "state": ctx.words(language, f"admin.state_{delivery.state.value}"),
        "reason": Markup(f" ({reason_words(ctx, language, delivery.reason)})" if delivery.reason else ""),
    }
    return "- " + ctx.words(language, "admin.ledger_line", **values)


async def resend(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator looked: it did not arrive; send it again. Pressing twice sends once."""
    language = await ctx.language_of(command.member)
    delivery = await ctx.ledger.find(ctx.workspace, arguments.strip())
    if delivery is None or not _can_resend(delivery):
        raise BadInput(ctx.words(language, "admin.cannot_resend"))
    again = Send(
        to=delivery.to,
        message=delivery.message,
        kind=delivery.kind,
        thread=delivery.thread,
        key=f"{delivery.key}/again",
    )
    ctx.do(again)
    ctx.reply(command, ctx.words(language, "admin.resent"))


def _can_resend(delivery: Delivery) -> bool:
    """Whether it is over, and its words are still there: those of private messages are dropped at the end."""
    over = delivery.state in (State.UNCERTAIN, State.FAILED, State.HELD_BACK)
    return over and delivery.verb is Verb.SEND and _is_public(delivery) and delivery.message != Message("")


async def drop(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator looked: it arrived, or is no longer wanted."""
    ctx.reply(command, ctx.words(await ctx.language_of(command.member), "admin.dropped"))


async def on_trouble(ctx: Context, event: DeliveryTroubled) -> None:
    """Tell the animators what did not go out, or may not have; a notice that troubles is not told again."""
    delivery = event.delivery
    if delivery.kind is Kind.NOTICE:
        return
    channel = await ctx.channels.get(delivery.to) if isinstance(delivery.to, ChannelRef) else None
    public = channel is not None and not channel.direct and _is_public(delivery)

    def notice(language: Language) -> Message:
        where = channel_link(channel) if channel is not None and public else ctx.words(language, "admin.direct")
        values = {
            "what": ctx.words(language, f"admin.kind_{delivery.kind.value}"),
            "where": where,
            "reason": reason_words(ctx, language, delivery.reason),
        }
        if not (public and _can_resend(delivery)):
            return Message(ctx.words(language, f"admin.trouble_{delivery.state.value}", **values))
        buttons = (
            Button(ctx.words(language, "admin.send_again"), f"deliveries resend {delivery.key}", "primary"),
            Button(ctx.words(language, "admin.drop"), f"deliveries drop {delivery.key}"),
        )
        text = ctx.words(language, f"admin.trouble_{delivery.state.value}", **values)
        return Message(f"{text} {ctx.words(language, 'admin.trouble_choose')}", buttons)

    # Five hundred direct messages that fail for one reason are one piece of news a day, not five hundred.
    about = delivery.key if public else f"{delivery.kind.value}/{delivery.reason}/{ctx.now.date().isoformat()}"
    await ctx.tell_animators(notice, key=f"trouble/{delivery.state.value}/{about}")


# The files, and how things are


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    """Tell the animators once of what is wrong in content/ and schedules/, and once that it is right again."""
    told = await ctx.note(ToldProblems, "")
    if not event.problems:
        if told is not None:
            ctx.do(Drop(ToldProblems, ""))
            await ctx.tell_animators(lambda language: Message(ctx.words(language, "admin.files_mended")))
        return
    digest = digest_of(event.problems)
    if told is not None and told.digest == digest:
        return
    ctx.do(Remember("", ToldProblems(digest)))
    await ctx.tell_animators(lambda language: Message(_problems_said(ctx, language, event.problems)))


def _problems_said(ctx: Context, language: Language, problems: Sequence[Problem]) -> Markup:
    lines: list[str] = [ctx.words(language, "admin.files_wrong", count=len(problems)), ""]
    for each in problems[:MOST_PROBLEMS]:
        where = f"{each.file}:{each.line}" if each.line else each.file
        mend = f" ({escape(each.mend)})" if each.mend else ""
        lines.append(f"- **{escape(where)}** {escape(each.reason)}{mend}")
    if len(problems) > MOST_PROBLEMS:
        lines.append(ctx.words(language, "admin.files_more", count=len(problems) - MOST_PROBLEMS))
    return join_lines(lines)


async def status(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant status``: what is there, what waits, and what needs a look."""
    language = await ctx.language_of(command.member)
    counts = {
        "channels": len(await ctx.channels.all(ctx.workspace)),
        "items": len(ctx.timetable.items()),
        "entries": len(ctx.library.entries(language, guest=False)),
        "animators": len(await ctx.members.with_role(ctx.workspace, Role.ANIMATOR)),
        "waiting": len(await ctx.ledger.recent(ctx.workspace, state=State.PLANNED, limit=MOST_COUNTED)),
        "uncertain": len(await ctx.ledger.recent(ctx.workspace, state=State.UNCERTAIN, limit=MOST_COUNTED)),
        "failed": len(await ctx.ledger.recent(ctx.workspace, state=State.FAILED, limit=MOST_COUNTED)),
    }
    lines: list[str] = [ctx.words(language, "admin.status"), ""]
    lines += [f"- {ctx.words(language, f'admin.status_{name}', count=count)}" for name, count in counts.items()]
    writer = "admin.status_templates" if ctx.writer.name == "canned" else "admin.status_writer"
    lines.append("- " + ctx.words(language, writer, name=ctx.writer.name))
    if await ctx.note(ToldProblems, "") is not None:
        lines.append("- " + ctx.words(language, "admin.status_files"))
    ctx.reply(command, join_lines([*lines, *await _held(ctx, language)]))


_for_admins = partial(Command, role=Role.ADMIN, has_arguments=True)

FEATURE = Feature(
    name="admin",
    commands=(
        Command(path=("help",), french=("aide",), run=show_help, has_arguments=True),
        Command(path=("roles",), french=("rôles",), run=roles, role=Role.ADMIN),
        _for_admins(path=("roles", "give"), french=("rôles", "donner"), run=give),
        _for_admins(path=("roles", "take"), french=("rôles", "retirer"), run=take),
        _for_admins(path=("managers", "mark"), french=("encadrement", "marquer"), run=mark),
        _for_admins(path=("managers", "unmark"), french=("encadrement", "retirer"), run=unmark),
        Command(path=("deliveries",), french=("envois",), run=deliveries, role=Role.ANIMATOR),
        Command(path=("deliveries", "resend"), run=resend, role=Role.ANIMATOR, hidden=True),
        Command(path=("deliveries", "drop"), run=drop, role=Role.ANIMATOR, hidden=True),
        Command(path=("status",), french=("état",), run=status, role=Role.ADMIN),
    ),
    listeners=(Listener(DeliveryTroubled, on_trouble), Listener(FilesChanged, on_files_changed)),
)
