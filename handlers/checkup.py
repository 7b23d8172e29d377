"""Checkup: what stands in the bot's way on its platform, told to those who can mend it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.actions import Remember, Send
from bot.core.checkup import Finding, Gravity, amiss
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.events import CommandGiven, LookedOver
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.message import Markup, Message, join_lines
from bot.core.refs import Language

MOST = 10
"""Findings told in one message: a bot that is in none of fifty channels has one trouble, not fifty."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """What was found last, and when. ``told``: a digest of what the administrators know is amiss, empty for nothing."""

    findings: tuple[Finding, ...]
    at: datetime
    told: str = ""


def digest_of(findings: Sequence[Finding]) -> str:
    """Equal for the same findings, in whatever order; empty for none."""
    if not findings:
        return ""
    said = sorted(f"{each.key} {sorted(each.values.items())}" for each in findings)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


async def on_looked_over(ctx: Context, event: LookedOver) -> None:
    """Tell the administrators once of what is amiss, and once that all is well again."""
    last = await ctx.note(LastLook, "")
    wrong = amiss(event.findings)
    digest = digest_of(wrong)
    ctx.do(Remember("", LastLook(event.findings, ctx.now, digest)))
    if digest == (last.told if last is not None else ""):
        return
    for member in await ctx.members.with_role(ctx.workspace, Role.ADMIN):
        words = _listed(ctx, member.language, wrong) if wrong else ctx.words(member.language, "checkup.well_again")
        key = f"checkup/{digest or 'well'}/{ctx.now.isoformat()}/{member.ref.id}"
        ctx.do(Send(to=member.ref, message=Message(words), kind=Kind.NOTICE, key=key))


async def show(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant checkup``: what was found last, well or amiss."""
    member = await ctx.member(command.member)
    last = await ctx.note(LastLook, "")
    if last is None:
        ctx.reply(command, ctx.words(member.language, "checkup.never"))
        return
    ctx.reply(command, _report(ctx, member, last))


def _report(ctx: Context, member: Member, last: LastLook) -> Markup:
    language = member.language
    wrong = amiss(last.findings)
    moment = ctx.say_moment(language, last.at, ctx.zone_of(member))
    lines = [ctx.words(language, "checkup.looked", moment=moment), ""]
    lines += [_listed(ctx, language, wrong) if wrong else ctx.words(language, "checkup.all_well"), ""]
    lines += [f"- ✓ {each.said(ctx.words, language)}" for each in last.findings if each.gravity is Gravity.WELL]
    return join_lines(lines)


def _listed(ctx: Context, language: Language, wrong: Sequence[Finding]) -> Markup:
    lines: list[str] = [ctx.words(language, "checkup.amiss", count=len(wrong)), ""]
    for each in wrong[:MOST]:
        lines.append(f"- {_sign(each)} **{each.said(ctx.words, language)}**  \n  {each.mend(ctx.words, language)}")
    if len(wrong) > MOST:
        lines.append("- " + ctx.words(language, "checkup.more", count=len(wrong) - MOST))
    return join_lines(lines)


def _sign(finding: Finding) -> str:
    return "✗" if finding.gravity is Gravity.ERROR else "!"


FEATURE = Feature(
    name="checkup",
    commands=(Command(path=("checkup",), french=("bilan",), run=show, role=Role.ADMIN),),
    listeners=(Listener(LookedOver, on_looked_over),),
)
