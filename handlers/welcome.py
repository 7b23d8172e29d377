"""Welcome: a newcomer gets a first word at once, and a journey over two weeks."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from bot.core.actions import CancelTimer, Count, Drop, RegisterMember, Remember, Send, SetTimer
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.errors import BadInput
from bot.core.events import (
    CommandGiven,
    ConversationClosed,
    ConversationOpened,
    MemberChanged,
    MemberJoined,
    MemberLeft,
)
from bot.core.feature import Command, Context, Feature, HomePart, Listener, TimerFired
from bot.core.home import section
from bot.core.knowledge import Page
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, Section, fill, join_lines
from bot.core.policy import PolicyRules, is_worked
from bot.core.refs import LANGUAGES, Language, MemberRef, other_language
from bot.core.signals import Signal, What
from bot.core.welcome import Opened, Waiting, WelcomeRules, can_be_told, forgotten, public_greeting

JOURNEYS = ("employee", "guest", "manager")


@dataclass(frozen=True, slots=True)
class Journey:
    """How far a newcomer is. ``kind`` is one of JOURNEYS; ``started`` and ``ended`` are aware UTC moments.

    ``done`` is the last day given or skipped, ``waited`` the working days that passed during absences. ``state``:
    running, ended (complete), stopped (they left), waiting (to begin when they open the conversation).
    """

    kind: str
    started: datetime
    done: int = -1
    waited: int = 0
    state: str = "running"
    ended: datetime | None = None


# Decisions


def journey_kind(member: Member) -> str:
    """Which journey a member follows."""
    return "guest" if member.guest else "manager" if member.manager else "employee"


def working_day(start: date, count: int, policy: PolicyRules) -> date:
    """The ``count``-th working day after the local date ``start``; ``start`` itself for 0."""
    day = start
    while count > 0:
        day += timedelta(days=1)
        if is_worked(day, policy) or not policy.working_days:
            count -= 1
    return day


def working_days_between(since: datetime, until: datetime, policy: PolicyRules, zone: str) -> int:
    """How many working days after that of ``since`` there are up to that of ``until``."""
    first, last = local_date(since, zone), local_date(until, zone)
    return sum(is_worked(first + timedelta(days=number), policy) for number in range(1, (last - first).days + 1))


def step_moment(journey: Journey, day: int, at: time, policy: PolicyRules, zone: str) -> datetime:
    """When the step of ``day`` is due: ``at`` on that working day after the joining day, absences left out."""
    joined = local_date(journey.started, zone)
    return local_moment(working_day(joined, day + journey.waited, policy), at, zone)


def next_morning(now: datetime, at: time, policy: PolicyRules, zone: str) -> datetime:
    """``at`` on the next working day after today in ``zone``."""
    return local_moment(working_day(local_date(now, zone), 1, policy), at, zone)


def next_page(pages: Sequence[Page], done: int) -> Page | None:
    """The page of the first day after ``done``; None when the journey is complete."""
    later = [page for page in pages if page.day is not None and page.day > done]
    return min(later, key=lambda page: page.day or 0, default=None)


def welcomed_before(journey: Journey | None, now: datetime, rules: WelcomeRules) -> bool:
    """Whether a journey is under way, or ended too recently to begin another."""
    if journey is None or journey.state == "waiting":
        return False
    return journey.state == "running" or now - (journey.ended or journey.started) < rules.again_after


def tally(journeys: Mapping[str, Journey], away: Collection[str]) -> Counter[tuple[str, str]]:
    """How many journeys there are by kind and state; ``away`` are the keys of absent members, whose journey pauses."""
    return Counter(
        (journey.kind, "paused" if journey.state == "running" and key in away else journey.state)
        for key, journey in journeys.items()
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``welcome preview`` was asked for. ``day`` -1: the first."""

    journey: str = "employee"
    day: int = -1
    languages: tuple[Language, ...] = ()


_JOURNEY_WORDS = {
    **{name: name for name in (*JOURNEYS, "public")},
    **{
        "employe": "employee",
        "employee": "employee",
        "salarie": "employee",
        "invite": "guest",
        "responsable": "manager",
    },
}
_LANGUAGE_WORDS: dict[str, tuple[Language, ...]] = {
    **{"fr": ("fr",), "en": ("en",), "both": LANGUAGES, "deux": LANGUAGES},
}


def parse_wish(arguments: str) -> Wish:
    """``manager 3 both`` in any order, in English or French words. Raises ValueError with the word not understood."""
    wish = Wish()
    for word in arguments.split():
        folded = unicodedata.normalize("NFKD", word.casefold()).encode("ascii", "ignore").decode()
        number = folded.removeprefix("day-")
        if folded in _JOURNEY_WORDS:
            wish = replace(wish, journey=_JOURNEY_WORDS[folded])
        elif folded in _LANGUAGE_WORDS:
            wish = replace(wish, languages=_LANGUAGE_WORDS[folded])
        elif number.isdigit() and len(number) < 4:
            wish = replace(wish, day=int(number))
        else:
            raise ValueError(word)
    return wish


# What happens


def _rules(ctx: Context) -> WelcomeRules:
    return ctx.timetable.rules(WelcomeRules)


def _pages(ctx: Context, kind: str, language: Language) -> list[Page]:
    found = [ctx.library.page(name, language) for name in ctx.library.pages(f"welcome/{kind}")]
    return [page for page in found if page is not None]


async def on_joined(ctx: Context, event: MemberJoined) -> None:
    """A journey begins for who is new to the workspace."""
    if event.member.bot:
        return
    stored = await ctx.members.get(event.member.ref)
    if stored is None and await forgotten(ctx, event.member.ref):
        return
    if event.channel is None or stored is None:
        await _begin(ctx, stored if stored is not None and stored.active else event.member)


async def _begin(ctx: Context, member: Member) -> None:
    key, rules = member.ref.id, _rules(ctx)
    before = await ctx.note(Journey, key)
    if before is not None and welcomed_before(before, ctx.now, rules):
        if before.state == "stopped":
            policy = ctx.timetable.policy_for(member=member)
            missed = working_days_between(before.ended or ctx.now, ctx.now, policy, policy.zone)
            _continue(ctx, member, replace(before, state="running", ended=None, waited=before.waited + missed))
        return
    journey = Journey(journey_kind(member), ctx.now)
    if not await can_be_told(ctx, member.ref):
        # The greeting in the channel has a button that opens the conversation; there the journey starts.
        ctx.do(Remember(key, replace(journey, state="waiting"), member.ref))
        return
    source = f"welcome/{journey.started.isoformat()}/{key}"
    ctx.do(Count(_signal(ctx, member, What.JOURNEY_STARTED, source)))
    await _take_step(ctx, member, journey, at_once=True)


def _signal(ctx: Context, member: Member, what: What, source: str) -> Signal:
    return Signal(source=f"{source}/{what.value}", workspace=ctx.workspace, at=ctx.now, what=what, member=member.ref)


async def on_opened(ctx: Context, event: ConversationOpened) -> None:
    """The person can be written to from now on: a journey that waited starts, and anybody else learns who speaks."""
    ref = event.member.ref
    stored = await ctx.members.get(ref)
    if stored is None and await forgotten(ctx, ref):
        return
    ctx.do(RegisterMember(event.member), Remember(ref.id, Opened(ctx.now), ref))
    journey, member = await ctx.note(Journey, ref.id), stored or event.member
    if journey is not None and journey.state == "waiting" and member.active:
        started = Journey(journey_kind(member), ctx.now)
        source = f"welcome/{started.started.isoformat()}/{ref.id}"
        ctx.do(Count(_signal(ctx, member, What.JOURNEY_STARTED, source)))
        await _take_step(ctx, member, started, at_once=True)
    elif not event.asked:
        words = ctx.words(member.language, "welcome.opened", name=member.name)
        button = Button(ctx.words(member.language, "core.help_button"), "help")
        ctx.do(Send(to=event.channel, message=Message(words, (button,)), kind=Kind.ANSWER))


async def on_closed(ctx: Context, event: ConversationClosed) -> None:
    ctx.do(Drop(Opened, event.member.id))


async def _take_step(ctx: Context, member: Member, journey: Journey, *, at_once: bool = False) -> None:
    """Give the next step, or pass over it when it is no longer needed; then wait for the one after it."""
    journey = replace(journey, kind=journey_kind(member))
    page = next_page(_pages(ctx, journey.kind, member.language), journey.done)
    if page is not None and page.day is not None and (page.day == 0 or not at_once):
        if not await _did(ctx, member, page, journey.started):
            _give(ctx, member, journey, page)
        journey = replace(journey, done=page.day)
    _continue(ctx, member, journey)


def _give(ctx: Context, member: Member, journey: Journey, page: Page) -> None:
    text = fill(page.body, {"name": member.name})
    key = f"welcome/{journey.started.date().isoformat()}/day-{page.day}/{member.ref.id}"
    kind = Kind.WELCOME if page.day == 0 else Kind.JOURNEY
    ctx.do(Send(to=member.ref, message=Message(text), kind=kind, key=key))


async def _did(ctx: Context, member: Member, page: Page, since: datetime) -> bool:
    for what in page.skip_when:
        if await ctx.measures.did(member.ref, What(what), since):
            return True
    return False


def _continue(ctx: Context, member: Member, journey: Journey) -> None:
    """Wait for the next step, or end the journey when there is none."""
    key, page = member.ref.id, next_page(_pages(ctx, journey.kind, member.language), journey.done)
    if page is None or page.day is None:
        source = f"welcome/{journey.started.isoformat()}/{key}"
        ctx.do(
            Remember(key, replace(journey, state="ended", ended=ctx.now), member.ref),
            Count(_signal(ctx, member, What.JOURNEY_COMPLETED, source)),
        )
        return
    at, policy = _rules(ctx).at, ctx.timetable.policy_for(member=member)
    # After a long silence of ours the steps that are overdue come one a morning, never all at once.
    due = step_moment(journey, page.day, at, policy, policy.zone)
    if due <= ctx.now:
        due = next_morning(ctx.now, at, policy, policy.zone)
    ctx.do(Remember(key, journey, member.ref), SetTimer("step", key, due, member.ref))


async def step(ctx: Context, fired: TimerFired) -> None:
    """The morning of a step has come. Whoever is absent is asked about again the next working morning."""
    journey = await ctx.note(Journey, fired.key)
    member = await ctx.members.get(MemberRef(ctx.workspace, fired.key))
    if journey is None or member is None or journey.state != "running" or not member.active:
        return
    if member.away_until is not None and member.away_until > ctx.now:
        policy = ctx.timetable.policy_for(member=member)
        due = next_morning(ctx.now, _rules(ctx).at, policy, policy.zone)
        ctx.do(
            Remember(fired.key, replace(journey, waited=journey.waited + 1), member.ref),
            SetTimer("step", fired.key, due, member.ref),
        )
        return
    await _take_step(ctx, member, journey)


async def on_left(ctx: Context, event: MemberLeft) -> None:
    if event.channel is None:
        await _stop(ctx, event.member)


async def on_changed(ctx: Context, event: MemberChanged) -> None:
    if not event.member.active:
        await _stop(ctx, event.member.ref)


async def _stop(ctx: Context, member: MemberRef) -> None:
    """Leaving the workspace stops the journey."""
    journey = await ctx.note(Journey, member.id)
    if journey is not None and journey.state == "waiting":
        ctx.do(Drop(Journey, member.id))
    if journey is not None and journey.state == "running":
        stopped = replace(journey, state="stopped", ended=ctx.now)
        ctx.do(Remember(member.id, stopped, member), CancelTimer("step", member.id))


# What animators may ask


async def preview(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant welcome preview [employee|guest|manager|public] [day] [fr|en|both]``"""
    member = await ctx.member(command.member)
    try:
        wish = parse_wish(arguments)
    except ValueError as error:
        raise BadInput(ctx.words(member.language, "welcome.bad_preview", word=str(error))) from None
    languages = wish.languages or (member.language,)
    if wish.journey == "public":
        texts = [public_greeting(ctx, language, [member], 1) for language in languages]
        ctx.reply(command, Message(Markup("\n\n---\n\n".join(texts)), _preview_buttons(ctx, member, wish)))
        return
    pages = _pages(ctx, wish.journey, member.language)
    chosen = next_page(pages, wish.day - 1)
    if chosen is None or chosen.day is None or (wish.day >= 0 and chosen.day != wish.day):
        days = ", ".join(str(page.day) for page in pages)
        raise BadInput(ctx.words(member.language, "welcome.no_step", day=wish.day, days=days))
    shown = replace(wish, day=chosen.day)
    parts = [_preview_head(ctx, member.language, shown, chosen)]
    for language in languages:
        page = ctx.library.page(chosen.name, language)
        parts.append(fill(page.body, {"name": member.name}) if page is not None else Markup(""))
    ctx.reply(command, Message(Markup("\n\n---\n\n".join(parts)), _preview_buttons(ctx, member, shown, pages)))


def _preview_head(ctx: Context, language: Language, wish: Wish, page: Page) -> Markup:
    journey = ctx.words(language, f"welcome.journey_{wish.journey}")
    head = ctx.words(language, "welcome.preview_head", journey=journey, day=page.day, title=page.title)
    skips = [ctx.words(language, f"welcome.skip_{what}") for what in page.skip_when if what in _SKIPS]
    return (
        Markup(f"{head}  \n{ctx.words(language, 'welcome.skipped_when', what=Markup(', '.join(skips)))}")
        if skips
        else head
    )


_SKIPS = frozenset({What.POSTED, What.REPLIED, What.REACTED, What.ASKED})


def _preview_buttons(ctx: Context, member: Member, wish: Wish, pages: Sequence[Page] = ()) -> tuple[Button, ...]:
    language, asked = member.language, " ".join(wish.languages) if len(wish.languages) == 1 else ""
    following = next_page(pages, wish.day)
    buttons = []
    if following is not None:
        label = ctx.words(language, "welcome.next_day", day=following.day)
        buttons.append(Button(label, f"welcome preview {wish.journey} {following.day} {asked}".strip(), "primary"))
    other = other_language(wish.languages[0] if wish.languages else language)
    day = str(max(wish.day, 0)) if wish.journey != "public" else ""
    buttons.append(
        Button(
            ctx.words(language, f"welcome.in_{other}"),
            " ".join(f"welcome preview {wish.journey} {day} {other}".split()),
        )
    )
    for journey in (*JOURNEYS, "public"):
        if journey != wish.journey:
            buttons.append(Button(ctx.words(language, f"welcome.journey_{journey}"), f"welcome preview {journey}"))
    return tuple(buttons)


async def status(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant welcome status``: how many journeys run, pause and ended; no names, and no small numbers."""
    language = await ctx.language_of(command.member)
    journeys = await ctx.notes.all(ctx.workspace, Journey)
    running = [key for key, journey in journeys.items() if journey.state == "running"]
    members = [await ctx.members.get(MemberRef(ctx.workspace, key)) for key in running]
    away = {each.ref.id for each in members if each is not None and each.away_until and each.away_until > ctx.now}
    counted = tally(journeys, away)
    waiting = {each.member for each in (await ctx.notes.all(ctx.workspace, Waiting)).values()}
    lines = [ctx.words(language, "welcome.status_head"), ""]
    for kind in JOURNEYS:
        said = {
            state: _people(ctx, language, counted[kind, state]) for state in ("running", "paused", "ended", "stopped")
        }
        journey = ctx.words(language, f"welcome.journey_{kind}")
        lines.append("- " + ctx.words(language, "welcome.status_line", journey=journey, **said))
    lines += ["", ctx.words(language, "welcome.status_waiting", number=_people(ctx, language, len(waiting)))]
    ctx.reply(command, join_lines(lines))


def _people(ctx: Context, language: Language, number: int) -> Markup:
    threshold = ctx.policy.threshold
    if 0 < number < threshold:
        return ctx.words(language, "welcome.few", threshold=threshold)
    return Markup(str(number))


async def my_journey(ctx: Context, member: Member, page: int) -> Section | None:
    """How far the member's own welcome is, in their home, until it ends."""
    journey = await ctx.note(Journey, member.ref.id)
    if journey is None or journey.state != "running":
        return None
    language, pages = member.language, _pages(ctx, journey.kind, member.language)
    days = [each.day for each in pages if each.day is not None]
    following = next_page(pages, journey.done)
    lines = [ctx.words(language, "welcome.home_done", count=sum(day <= journey.done for day in days), of=len(days))]
    timer = await ctx.timers.get(ctx.workspace, "welcome", "step", member.ref.id)
    if following is not None and timer is not None:
        when = ctx.say_day(language, local_date(timer.due, ctx.zone_of(member)))
        lines.append(ctx.words(language, "welcome.home_next", title=following.title, when=when))
    head = ctx.words(language, "welcome.home_head")
    buttons = [
        Button(ctx.words(language, "welcome.home_tutorials"), "tuto"),
        Button(ctx.words(language, "core.help_button"), "help"),
    ]
    return section(ctx, language, "journey", head, lines, buttons=buttons)


FEATURE = Feature(
    name="welcome",
    commands=(
        Command(
            path=("welcome", "preview"),
            french=("accueil", "aperçu"),
            run=preview,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
        Command(path=("welcome", "status"), french=("accueil", "état"), run=status, role=Role.ANIMATOR),
    ),
    listeners=(
        Listener(MemberJoined, on_joined),
        Listener(MemberLeft, on_left),
        Listener(MemberChanged, on_changed),
        Listener(ConversationOpened, on_opened),
        Listener(ConversationClosed, on_closed),
    ),
    timers={"step": step},
    rules=WelcomeRules,
    home=(HomePart(name="journey", place=10, make=my_journey),),
)
