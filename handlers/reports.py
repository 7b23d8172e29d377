"""Reports: weekly to those who animate, monthly to sponsors, and a private note to whoever leads a team. Each on
demand too, and nobody gets one who said so. Never a list of persons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from bot.core.actions import CancelTimer, Drop, Remember, Send, SetTimer
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, FilesChanged, Started
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.goals import Goal, GoalRules
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message
from bot.core.periods import Period, read_period
from bot.core.refs import Language
from bot.core.reports import Bulletin, gather
from bot.core.reportwords import Wording

TOO_LATE = timedelta(days=3)
"""A report that a standstill delayed for longer than this waits for the next one."""
AT_ONCE = 200
"""Managers written to in one transaction."""
IDEAS = 3
RHYTHMS = ("weekly", "monthly", "managers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRules:
    """schedules/reports.yaml, under ``reports:``. Times are on the clock of the workspace (policy.yaml)."""

    weekly_on: tuple[int, ...] = (0,)
    """The days of the week (0 Monday) on which animators hear of the week before; none: never."""
    weekly_at: time = time(9, 30)
    monthly_on: int = 3
    """The day of the month (1 to 28) on which sponsors hear of the month before; 0: never."""
    monthly_at: time = time(10, 0)
    managers_on: int = 10
    """The day of the month on which those who lead a team get their private note; 0: never."""
    managers_at: time = time(11, 0)
    sponsors: tuple[str, ...] = ()
    """``@name`` of those who get the monthly report, besides the sponsors of goals."""

    def __post_init__(self) -> None:
        if not set(self.weekly_on) <= set(range(7)):
            raise ValueError("“weekly_on” must name days of the week, such as monday")
        if not (0 <= self.monthly_on <= 28 and 0 <= self.managers_on <= 28):
            raise ValueError("“monthly_on” and “managers_on” must be days from 1 to 28, or 0 for never")


@dataclass(frozen=True, slots=True)
class NoReports:
    """The member wants none unasked."""

    since: datetime


# Decisions


def next_moment(rhythm: str, now: datetime, rules: ReportRules, zone: str) -> datetime | None:
    """The next moment of a rhythm, strictly after the aware ``now``, as aware UTC; None when it has none."""
    if rhythm == "weekly":
        return _first(now, zone, rules.weekly_at, lambda day: day.weekday() in rules.weekly_on)
    on, at = (rules.monthly_on, rules.monthly_at) if rhythm == "monthly" else (rules.managers_on, rules.managers_at)
    return _first(now, zone, at, lambda day: day.day == on)


def _first(now: datetime, zone: str, at: time, fits: Callable[[date], bool]) -> datetime | None:
    today = local_date(now, zone)
    for ahead in range(63):  # Two months: every day of a month from 1 to 28 is among them.
        day = today + timedelta(days=ahead)
        if fits(day) and (moment := local_moment(day, at, zone)) > now:
            return moment
    return None


def named(member: Member, names: Iterable[str]) -> bool:
    """Whether one of ``names`` (``@maud``) is the member's name or id."""
    wanted = {name.strip().removeprefix("@").casefold() for name in names}
    return bool(wanted & {member.name.casefold(), member.ref.id.casefold()})


def sponsored(goals: Sequence[Goal], member: Member) -> list[Goal]:
    """The goals that the member answers for; all of them where they answer for none."""
    own = [goal for goal in goals if goal.sponsor and named(member, [goal.sponsor])]
    return own or list(goals)


# The rhythm


async def on_started(ctx: Context, event: Started) -> None:
    """Have each rhythm rung, once. One that fell due meanwhile stays due."""
    for rhythm in RHYTHMS:
        if await ctx.timers.get(ctx.workspace, "reports", rhythm, "") is None:
            _ring(ctx, rhythm)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    for rhythm in RHYTHMS:
        timer = await ctx.timers.get(ctx.workspace, "reports", rhythm, "")
        if timer is None or timer.due > ctx.now:
            _ring(ctx, rhythm)


def _ring(ctx: Context, rhythm: str) -> None:
    moment = next_moment(rhythm, ctx.now, ctx.timetable.rules(ReportRules), ctx.policy.zone)
    ctx.do(SetTimer(rhythm, "", moment) if moment is not None else CancelTimer(rhythm, ""))


async def weekly(ctx: Context, fired: TimerFired) -> None:
    """Those who animate hear of the week that is over: in their channel if policy.yaml names one, else each alone."""
    _ring(ctx, "weekly")
    if ctx.now - fired.due > TOO_LATE:
        return
    period = _period(ctx, "week")
    bulletin = await _bulletin(ctx, period)
    key = f"reports/week/{period.name}"
    channel = await ctx.channel_named(ctx.policy.animators_channel)
    if channel is not None:
        language: Language = "fr" if channel.language == "both" else channel.language
        message = await _message(ctx, bulletin, language, "animator")
        ctx.do(Send(to=channel.ref, message=message, kind=Kind.NOTICE, key=key))
        return
    await _send(ctx, await ctx.members.with_role(ctx.workspace, Role.ANIMATOR), bulletin, "animator", key)


async def monthly(ctx: Context, fired: TimerFired) -> None:
    """Each sponsor hears of the month that is over, and of the goals they answer for."""
    _ring(ctx, "monthly")
    if ctx.now - fired.due > TOO_LATE:
        return
    period = _period(ctx, "month")
    found = await _sponsors(ctx)
    if found:
        await _send(ctx, found, await _bulletin(ctx, period), "sponsor", f"reports/month/{period.name}")


async def _send(ctx: Context, members: Collection[Member], bulletin: Bulletin, audience: str, key: str) -> None:
    stopped = await ctx.notes.all(ctx.workspace, NoReports)
    goals = [each.goal for each in bulletin.goals]
    made: dict[tuple[str, tuple[str, ...]], Message] = {}
    for member in members:
        if member.ref.id in stopped or not member.active or member.bot:
            continue
        own = sponsored(goals, member) if audience == "sponsor" else goals
        same = (member.language, tuple(goal.id for goal in own))
        if same not in made:
            kept = tuple(each for each in bulletin.goals if each.goal in own)
            made[same] = await _message(ctx, replace(bulletin, goals=kept), member.language, audience, unasked=True)
        ctx.do(Send(to=member.ref, message=made[same], kind=Kind.POST, key=f"{key}/{member.ref.id}"))


async def _sponsors(ctx: Context) -> list[Member]:
    rules, goals = ctx.timetable.rules(ReportRules), ctx.timetable.rules(GoalRules).goals
    names = dict.fromkeys([*rules.sponsors, *(goal.sponsor for goal in goals if goal.sponsor)])
    found = [await ctx.members.named(ctx.workspace, name) for name in names]
    return list({each.ref: each for each in found if each is not None}.values())


async def managers(ctx: Context, fired: TimerFired) -> None:
    """Everybody who leads a team gets the same private note; who of them wrote is not looked at."""
    _ring(ctx, "managers")
    if ctx.now - fired.due <= TOO_LATE:
        await _some_managers(ctx, _period(ctx, "month").name, "")


async def more_managers(ctx: Context, fired: TimerFired) -> None:
    """The next of them."""
    name, _, after = fired.key.partition("|")
    await _some_managers(ctx, name, after)


async def _some_managers(ctx: Context, name: str, after: str) -> None:
    found = await ctx.members.page(ctx.workspace, managers=True, after=after, limit=AT_ONCE)
    if not found:
        return
    stopped = await ctx.notes.all(ctx.workspace, NoReports)
    last_week = await ctx.metrics.report(
        ctx.workspace, until=_period(ctx, "week").until, weeks=1, threshold=ctx.policy.threshold
    )
    share = last_week.value("managers_posting_share")
    for member in found:
        if member.ref.id not in stopped:
            message = Message(leader_note(ctx, member.language, share, int(name[-2:])))
            ctx.do(
                Send(to=member.ref, message=message, kind=Kind.PROMPT, key=f"reports/managers/{name}/{member.ref.id}")
            )
    if len(found) == AT_ONCE:
        ctx.do(SetTimer("more_managers", f"{name}|{found[-1].ref.id}", ctx.now))


def leader_note(ctx: Context, language: Language, share: float | None, number: int) -> Markup:
    """What those who lead a team do as a whole, where that may be told, and one idea: another one each month."""
    first = ctx.words(language, "reports.leader_plain")
    if share is not None:
        said = ctx.words(language, "signals.percent", number=f"{share * 100:.0f}")
        first = ctx.words(language, "reports.leader_share", share=said)
    parts = [
        ctx.words(language, "reports.leader_head"),
        first,
        ctx.words(language, f"reports.leader_idea_{number % IDEAS + 1}"),
        ctx.words(language, "reports.leader_private"),
    ]
    return Markup("\n\n".join(parts))


# On demand


async def report(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant report [week|month|2026-W47|2026-10]``: for those who animate, and for sponsors theirs."""
    member = await ctx.member(command.member)
    audience = "animator" if member.role >= Role.ANIMATOR else "sponsor"
    if audience == "sponsor" and member.ref not in [each.ref for each in await _sponsors(ctx)]:
        raise BadInput(ctx.words(member.language, "reports.not_yours"))
    period = read_period(arguments or ("week" if audience == "animator" else "month"), _today(ctx))
    bulletin = await _bulletin(ctx, period)
    if audience == "sponsor":
        own = sponsored([each.goal for each in bulletin.goals], member)
        bulletin = replace(bulletin, goals=tuple(each for each in bulletin.goals if each.goal in own))
    message = await _message(ctx, bulletin, member.language, audience)
    if command.direct:
        ctx.reply(command, message)
        return
    # Pictures cannot be shown to one person in a channel everywhere.
    ctx.do(Send(to=member.ref, message=message, kind=Kind.ANSWER))
    ctx.reply(command, ctx.words(member.language, "reports.sent"))


async def stop(ctx: Context, command: CommandGiven, arguments: str) -> None:
    language = await ctx.language_of(command.member)
    ctx.do(Remember(command.member.id, NoReports(ctx.now), member=command.member))
    button = Button(ctx.words(language, "reports.again_button"), "report start")
    ctx.reply(command, Message(ctx.words(language, "reports.stopped"), (button,)))


async def start(ctx: Context, command: CommandGiven, arguments: str) -> None:
    ctx.do(Drop(NoReports, command.member.id))
    ctx.reply(command, ctx.words(await ctx.language_of(command.member), "reports.started"))


# Making one


def _today(ctx: Context) -> date:
    """Figures count in days of UTC, and so do the weeks that are over."""
    return ctx.now.date()


def _period(ctx: Context, word: str) -> Period:
    return read_period(word, _today(ctx))


async def _bulletin(ctx: Context, period: Period) -> Bulletin:
    goals = ctx.timetable.rules(GoalRules).goals
    return await gather(ctx.metrics, ctx.channels, ctx.workspace, period, goals, ctx.policy.threshold)


async def _message(
    ctx: Context, bulletin: Bulletin, language: Language, audience: str, *, unasked: bool = False
) -> Message:
    """The report with its pictures; without whatever draws them, words and a hint for those who can have it mended."""
    wording = Wording(ctx.words, language, bulletin)
    text: str = wording.message(audience)
    if unasked:
        text += f"\n\n{ctx.words(language, 'reports.stop_hint')}"
    buttons = (_other(ctx, language, bulletin.period),)
    if not ctx.painter.ready:
        hint = f"\n\n{ctx.words(language, 'reports.no_pictures')}" if audience == "animator" else ""
        return Message(Markup(text + hint), buttons)
    return Message(Markup(text), buttons, images=tuple(await ctx.painter.paint(wording.charts())))


def _other(ctx: Context, language: Language, period: Period) -> Button:
    """From the week to the month, and back."""
    kind = "month" if period.kind == "week" else "week"
    return Button(ctx.words(language, f"reports.{kind}_button"), f"report {kind}")


FEATURE = Feature(
    name="reports",
    commands=(
        Command(path=("report",), french=("rapport",), run=report, role=Role.ANIMATOR, has_arguments=True, judges=True),
        Command(path=("report", "stop"), french=("rapport", "stop"), run=stop),
        Command(path=("report", "start"), french=("rapport", "reprendre"), run=start),
    ),
    listeners=(Listener(Started, on_started), Listener(FilesChanged, on_files_changed)),
    timers={"weekly": weekly, "monthly": monthly, "managers": managers, "more_managers": more_managers},
    rules=ReportRules,
)
