"""Administration in the chat: help, roles, how the bot is, and what is wrong in the files."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import unquote

from bot.core.actions import Drop, GiveRole, MarkManager, Remember, Send, SetTimer
from bot.core.community import Member, Role
from bot.core.delivery import Kind, State
from bot.core.dispatch import unaccented
from bot.core.errors import BadInput, Problem
from bot.core.events import CommandGiven, FilesChanged
from bot.core.feature import Command, Context, Feature, HomePart, Listener
from bot.core.handover import hand_over
from bot.core.home import page_of, section
from bot.core.ledger import Query
from bot.core.message import Button, Markup, Message, Section, escape, join_lines
from bot.core.mistakes import problem_words
from bot.core.pausing import pause_line
from bot.core.reasons import reason_words
from bot.core.refs import Language

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
MOST_PROBLEMS = 10
"""Problems of files told in one message; `allant check` shows the rest."""
MOST_COUNTED = 1000
MOST_REASONS = 4
"""Reasons for holding back that a home names; the status names all."""
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
    paused = await pause_line(ctx, member) if member.role >= Role.ANIMATOR else None
    if paused is not None:
        lines = [paused, "", *lines]
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
    if role < Role.ANIMATOR <= member.role:
        await hand_over(ctx, member, "admin.inherited")
    if role < member.role:  # What they approved, and what still waits of it, may no longer go out on their word.
        ctx.do(SetTimer("review", "", ctx.now, feature="permission"))
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
        lines.append(f"- **{escape(where)}** {problem_words(ctx.words, language, each)}")
    if len(problems) > MOST_PROBLEMS:
        lines.append(ctx.words(language, "admin.files_more", count=len(problems) - MOST_PROBLEMS))
    return join_lines(lines)


async def _count(ctx: Context, *states: State) -> int:
    query = Query(workspace=ctx.workspace, states=states, undecided=True, limit=MOST_COUNTED)
    return len(await ctx.ledger.search(query))


async def status(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant status``: what is there, what waits, and what needs a look."""
    member = await ctx.member(command.member)
    language = member.language
    counts = {
        "channels": len(await ctx.channels.all(ctx.workspace)),
        "items": len(ctx.timetable.items()),
        "entries": len(ctx.library.entries(language, guest=False)),
        "animators": len(await ctx.members.with_role(ctx.workspace, Role.ANIMATOR)),
        "waiting": await _count(ctx, State.PLANNED),
        "uncertain": await _count(ctx, State.UNCERTAIN),
        "failed": await _count(ctx, State.FAILED),
    }
    lines: list[str] = [ctx.words(language, "admin.status"), ""]
    lines += [f"- {ctx.words(language, f'admin.status_{name}', count=count)}" for name, count in counts.items()]
    writer = "admin.status_templates" if ctx.writer.name == "canned" else "admin.status_writer"
    lines.append("- " + ctx.words(language, writer, name=ctx.writer.name))
    if await ctx.note(ToldProblems, "") is not None:
        lines.append("- " + ctx.words(language, "admin.status_files"))
    paused = await pause_line(ctx, member)
    if paused is not None:
        lines = [paused, "", *lines]
    held = await ctx.ledger.held_back(ctx.workspace, ctx.now - timedelta(weeks=1))
    if held:
        lines += ["", ctx.words(language, "admin.held_head"), ""]
    lines += [
        f"- {ctx.words(language, 'admin.held', count=count, reason=reason_words(ctx.words, language, reason))}"
        for reason, count in sorted(_by_name(held).items())
    ]
    ctx.reply(command, join_lines(lines))


def _by_name(held: Mapping[str, int]) -> Counter[str]:
    """The counts without the reasons' details: each digest and each refusal would otherwise be a line."""
    counts: Counter[str] = Counter()
    for reason, count in held.items():
        counts[reason.partition(": ")[0]] += count
    return counts


# In administrators' homes


async def health(ctx: Context, member: Member, page: int) -> Section | None:
    """Whether all is well: what failed, what nobody knows of, what is wrong in the files, what is held back."""
    language = member.language
    lines: list[str] = []
    paused = await pause_line(ctx, member)
    if paused is not None:
        lines.append(paused)
    for name, state in (("failed", State.FAILED), ("uncertain", State.UNCERTAIN)):
        count = await _count(ctx, state)
        lines += [ctx.words(language, f"admin.status_{name}", count=count)] if count else []
    if await ctx.note(ToldProblems, "") is not None:
        lines.append(ctx.words(language, "admin.status_files"))
    held = await ctx.ledger.held_back(ctx.workspace, ctx.now - timedelta(weeks=1))
    lines += [
        ctx.words(language, "admin.held", count=count, reason=reason_words(ctx.words, language, reason))
        for reason, count in _by_name(held).most_common(MOST_REASONS)
    ]
    buttons = (
        Button(ctx.words(language, "admin.home_status"), "status"),
        Button(ctx.words(language, "admin.home_deliveries"), "deliveries"),
    )
    head = ctx.words(language, "admin.home_health")
    return section(ctx, language, "health", head, lines or [ctx.words(language, "admin.home_well")], buttons=buttons)


async def who(ctx: Context, member: Member, page: int) -> Section | None:
    """Who animates and who administers."""
    language = member.language
    holders = sorted(
        await ctx.members.with_role(ctx.workspace, Role.ANIMATOR), key=lambda each: (-each.role, each.name)
    )
    shown, at, pages = page_of(holders, page)
    lines = [f"{escape(each.name)} – {_role(ctx, language, each.role)}" for each in shown]
    head = ctx.words(language, "admin.home_roles")
    button = Button(ctx.words(language, "admin.home_change_roles"), "roles")
    return section(ctx, language, "roles", head, lines, page=at, pages=pages, buttons=(button,))


async def limits(ctx: Context, member: Member, page: int) -> Section | None:
    """How much may be said, and when: the rules of schedules/policy.yaml in words."""
    language, policy = member.language, ctx.policy
    hours = {"since": f"{policy.quiet_from:%H:%M}", "until": f"{policy.quiet_to:%H:%M}", "zone": policy.zone}
    lines = [
        ctx.words(language, "admin.home_channel_limit", day=policy.channel_day, week=policy.channel_week),
        ctx.words(language, "admin.home_member_limit", day=policy.member_day, week=policy.member_week),
        ctx.words(language, "admin.home_quiet", **hours),
        ctx.words(language, "admin.home_threshold", least=policy.threshold),
        ctx.words(language, "admin.home_kept", days=policy.keep_deliveries.days),
    ]
    return section(ctx, language, "limits", ctx.words(language, "admin.home_limits"), lines)


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
        Command(path=("status",), french=("état",), run=status, role=Role.ADMIN),
    ),
    listeners=(Listener(FilesChanged, on_files_changed),),
    home=(
        HomePart(name="health", place=90, make=health, role=Role.ADMIN),
        HomePart(name="roles", place=91, make=who, role=Role.ADMIN),
        HomePart(name="limits", place=92, make=limits, role=Role.ADMIN),
    ),
)
