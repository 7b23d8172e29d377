"""The editorial calendar: each item's words go to its channels at its moments, once, and animators hold the reins."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from bot.core.actions import CancelTimer, Drop, Remember, Send, SetTimer
from bot.core.calendar import Item, Missed
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind
from bot.core.directory import addressed
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, FilesChanged, Started
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.localtime import local_date, local_moment
from bot.core.message import Button, Markup, Message, channel_link, escape, join_lines
from bot.core.policy import PolicyRules, next_open
from bot.core.refs import LANGUAGES, Language, other_language

ON_TIME = timedelta(minutes=5)
"""So late is still on time: the longest an ordinary restart takes."""
MOST_MISSED = 400
"""Occurrences looked through after a long absence; a daily item missed for a year has fewer."""
PAGE = 10
MOST_NEXT = 50
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Installed:
    """The moment from which launches count in this workspace: see :func:`counts_from`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """When an item was last planned to go out, in a form that changes only if its moments do."""

    moments: str


@dataclass(frozen=True, slots=True)
class Paused:
    since: datetime


@dataclass(frozen=True, slots=True)
class Skipped:
    """No occurrence up to this moment goes out."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Troubled:
    """What the animators were told is wrong with an item, so that they are told once."""

    places: tuple[str, ...] = ()
    no_words: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of occurrences that are due: one may be sent, or asked about; the others are lost."""

    send: datetime | None = None
    ask: datetime | None = None
    lost: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids of items that a changed file added, removed, or moved to other moments."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


# Decisions


def sort_out(moments: Sequence[datetime], now: datetime, missed: Missed, grace: timedelta) -> Outcome:
    """What to do at ``now`` about occurrences (at least one, in order) that are due. Only the last may still go out:
    nobody wants three Mondays' greetings on a Thursday."""
    *earlier, last = moments
    late = now - last
    if late <= ON_TIME or (missed is Missed.LATE and late <= grace):
        return Outcome(send=last, lost=tuple(earlier))
    if missed is Missed.ASK:
        return Outcome(ask=last, lost=tuple(earlier))
    return Outcome(lost=tuple(moments))


def counts_from(started: datetime, policy: PolicyRules) -> datetime:
    """``started``, or the next midnight when the day's work had begun: a launch begins with its first post."""
    if started.astimezone(ZoneInfo(policy.zone)).time() <= policy.quiet_to:
        return started
    return local_moment(local_date(started, policy.zone) + timedelta(days=1), time(0), policy.zone)


def described(item: Item, zone: str) -> str:
    """The item's moments as text, equal exactly when they are: for telling whether a changed file moved it."""
    when = item.when
    excluded = ",".join(sorted(day.isoformat() for day in when.excluded))
    parts = (when.once, when.rrule, when.start, when.at, when.until, excluded, when.week, when.weekday, zone)
    return "|".join(str(part) for part in parts)


def changes(before: Mapping[str, Plan], now: Mapping[str, str]) -> Changes:
    """What changed from the plans kept to ``now``, the description of each item's moments by id."""
    return Changes(
        added=tuple(sorted(now.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - now.keys())),
        moved=tuple(sorted(key for key in now.keys() & before.keys() if before[key].moments != now[key])),
    )


def unknown_places(to: Sequence[str], channels: Sequence[Channel]) -> tuple[str, ...]:
    """Those names and tags of ``to`` that name no channel."""
    return tuple(place for place in to if not addressed(channels, [place]))


# Planning


async def _installed(ctx: Context) -> datetime:
    note = await ctx.note(Installed, "")
    if note is not None:
        return note.at
    at = counts_from(ctx.now, ctx.policy)
    ctx.do(Remember("", Installed(at)))
    return at


async def plan(ctx: Context) -> Changes:
    """Give every item its timer. One that is set already stays, also when overdue; what changed is planned anew."""
    installed = await _installed(ctx)
    items = {item.id: item for item in ctx.timetable.items()}
    described_now = {key: described(item, item.zone or ctx.policy.zone) for key, item in items.items()}
    found = changes(await ctx.notes.all(ctx.workspace, Plan), described_now)
    timers = {timer.key for timer in await ctx.timers.all(ctx.workspace, "calendar", "post")}
    paused = await ctx.notes.all(ctx.workspace, Paused)
    skipped = await ctx.notes.all(ctx.workspace, Skipped)
    for key in found.removed:
        ctx.do(CancelTimer("post", key), *(Drop(kind, key) for kind in (Plan, Paused, Skipped, Troubled)))
    for key, item in items.items():
        changed = key in found.added or key in found.moved
        if changed:
            ctx.do(Remember(key, Plan(described_now[key])))
        if key not in paused and (changed or key not in timers):
            _plan_after(ctx, item, _not_before(ctx, skipped.get(key)), installed)
    return found


def _not_before(ctx: Context, skipped: Skipped | None) -> datetime:
    return ctx.now if skipped is None else max(ctx.now, skipped.at)


def _plan_after(ctx: Context, item: Item, after: datetime, installed: datetime) -> datetime | None:
    """Set the timer to the first moment after ``after``, or cancel it; returns the moment."""
    following = ctx.timetable.next(item, after, installed)
    ctx.do(SetTimer("post", item.id, following) if following is not None else CancelTimer("post", item.id))
    return following


async def on_started(ctx: Context, event: Started) -> None:
    await plan(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    """A changed file takes effect at once; the animators hear of items that came, went or moved."""
    found = await plan(ctx)
    if not (found.added or found.removed or found.moved):
        return
    installed, channels = await _installed(ctx), await ctx.channels.all(ctx.workspace)

    def message(language: Language) -> Message:
        lines: list[str] = [ctx.words(language, "calendar.changed")]
        for key in (*found.added, *found.moved):
            name = "calendar.added" if key in found.added else "calendar.moved"
            lines.append("- " + ctx.words(language, name, item=key, when=_next_said(ctx, language, key, installed)))
            item = ctx.timetable.item(key)
            unknown = unknown_places(item.to, channels) if item is not None else ()
            lines += (
                ["  " + ctx.words(language, "calendar.no_such_channel", places=", ".join(unknown))] if unknown else []
            )
        lines += ["- " + ctx.words(language, "calendar.removed", item=key) for key in found.removed]
        shown = lines[: 2 * PAGE]
        if len(lines) > len(shown):
            shown.append(ctx.words(language, "calendar.and_more", count=len(lines) - len(shown)))
        return Message(join_lines(shown))

    await ctx.tell_animators(message, f"calendar/changed/{event.id}")


def _next_said(ctx: Context, language: Language, key: str, installed: datetime) -> Markup:
    item = ctx.timetable.item(key)
    following = ctx.timetable.next(item, ctx.now, installed) if item is not None else None
    if item is None or following is None:
        return ctx.words(language, "calendar.over")
    return ctx.say_moment(language, following, item.zone or ctx.policy.zone)


# Going out


async def post(ctx: Context, fired: TimerFired) -> None:
    """An item's moment has come, or came while Allant was not running."""
    item = ctx.timetable.item(fired.key)
    if item is None or await ctx.note(Paused, fired.key) is not None:
        return
    installed, moments = await _installed(ctx), [fired.due]
    following = ctx.timetable.next(item, fired.due, installed)
    while following is not None and following <= ctx.now and len(moments) < MOST_MISSED:
        moments.append(following)
        following = ctx.timetable.next(item, following, installed)
    if following is not None:
        ctx.do(SetTimer("post", item.id, following))
    outcome = sort_out(moments, ctx.now, item.missed, item.grace)
    if outcome.send is not None:
        await _publish(ctx, item, outcome.send)
    if outcome.lost or outcome.ask is not None:
        await ctx.tell_animators(
            lambda language: _missed_message(ctx, language, item, outcome),
            f"calendar/missed/{item.id}/{fired.due.isoformat()}",
        )


def _missed_message(ctx: Context, language: Language, item: Item, outcome: Outcome) -> Message:
    zone = item.zone or ctx.policy.zone
    lines, buttons = [], []
    if outcome.lost:
        when = ctx.say_moment(language, outcome.lost[-1], zone)
        lines.append(ctx.words(language, "calendar.lost", item=item.id, when=when, count=len(outcome.lost)))
    open_moment = outcome.ask or (outcome.lost[-1] if outcome.lost and outcome.send is None else None)
    if outcome.ask is not None:
        when = ctx.say_moment(language, outcome.ask, zone)
        lines.append(ctx.words(language, "calendar.ask", item=item.id, when=when))
    if open_moment is not None:
        command = f"calendar send {item.id} {open_moment.isoformat()}"
        buttons.append(Button(ctx.words(language, "calendar.send_now"), command, "primary"))
        buttons.append(Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}"))
    return Message(join_lines(lines), tuple(buttons))


def _text(ctx: Context, item: Item, language: Language) -> str | None:
    """The item's words in this language, or in the other where only that exists; None when there are none."""
    if item.page:
        page = ctx.library.page(f"calendar/{item.page}", language)
        return page.body if page is not None else None
    return item.words.get(language) or item.words.get(other_language(language))


def _for_channel(ctx: Context, item: Item, channel: Channel) -> Markup | None:
    texts = {language: _text(ctx, item, language) for language in LANGUAGES}
    known = [text for text in texts.values() if text]
    if not known:
        return None
    # Words that exist in one language only are said once, not twice.
    if channel.language != "both" or len(set(known)) == 1:
        return Markup(texts["en" if channel.language == "en" else "fr"] or known[0])
    return ctx.bilingual("both", lambda language: texts[language] or "")


async def _publish(ctx: Context, item: Item, due: datetime, *, expiring: bool = True) -> list[Channel]:
    """Plan the post in each of the item's channels; tell the animators once what stands in its way."""
    channels = await ctx.channels.all(ctx.workspace)
    sent = []
    for channel in addressed(channels, item.to):
        text = _for_channel(ctx, item, channel)
        if text is None:
            continue
        opening = next_open(due, ctx.policy, channel.zone)
        ctx.do(
            Send(
                to=channel.ref,
                message=Message(text),
                kind=Kind.POST,
                key=f"calendar/{item.id}/{due.isoformat()}/{channel.ref.id}",
                # Words for a Monday morning are not said on a Tuesday because the budget was used up.
                expires=opening + max(item.grace, ON_TIME) if expiring else None,
            )
        )
        sent.append(channel)
    await _tell_trouble(ctx, item, Troubled(unknown_places(item.to, channels), _text(ctx, item, "fr") is None))
    return sent


async def _tell_trouble(ctx: Context, item: Item, trouble: Troubled) -> None:
    before = await ctx.note(Troubled, item.id) or Troubled()
    if trouble == before:
        return
    if trouble == Troubled():
        ctx.do(Drop(Troubled, item.id))
        return
    ctx.do(Remember(item.id, trouble))

    def message(language: Language) -> Message:
        where = f"{item.file}:{item.line}" if item.file else item.id
        lines: list[str] = [ctx.words(language, "calendar.trouble", item=item.id, where=where)]
        if trouble.places:
            places = ", ".join(trouble.places)
            lines.append("- " + ctx.words(language, "calendar.no_such_channel", places=places))
        if trouble.no_words:
            lines.append("- " + ctx.words(language, "calendar.no_words", page=item.page or item.id))
        return Message(join_lines(lines))

    await ctx.tell_animators(message)


# Commands


async def _asked(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, Item]:
    """Who asks, and the item that the arguments begin with."""
    member = await ctx.member(command.member)
    wanted = arguments.split()[0].casefold() if arguments.split() else ""
    items = {item.id.casefold(): item for item in ctx.timetable.items()}
    if wanted in items:
        return member, items[wanted]
    near = difflib.get_close_matches(wanted, items, n=3, cutoff=0.4) or sorted(items)[:3]
    key = "calendar.no_item" if wanted else "calendar.which_item"
    raise BadInput(ctx.words(member.language, key, item=wanted, near=", ".join(near)))


async def _upcoming(ctx: Context) -> Iterator[tuple[datetime, Item]]:
    """Every coming occurrence of every item, in order, what is paused or skipped left out."""
    installed = await _installed(ctx)
    first = [(timer.due, timer.key) for timer in await ctx.timers.all(ctx.workspace, "calendar", "post")]
    heapq.heapify(first)

    def walk() -> Iterator[tuple[datetime, Item]]:
        while first:
            due, key = heapq.heappop(first)
            item = ctx.timetable.item(key)
            if item is None:
                continue
            yield due, item
            following = ctx.timetable.next(item, due, installed)
            if following is not None:
                heapq.heappush(first, (following, key))

    return walk()


def _places(item: Item, channels: Sequence[Channel]) -> Markup:
    known = [channel_link(channel) for channel in addressed(channels, item.to)]
    return Markup(", ".join([*known, *(f"⚠ {escape(place)}" for place in unknown_places(item.to, channels))]))


async def show_next(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar next [N]``: the coming posts, in the asker's own time."""
    member = await ctx.member(command.member)
    word = arguments.strip() or "5"
    if not (word.isascii() and word.isdigit() and len(word) < 4 and 1 <= int(word) <= MOST_NEXT):
        raise BadInput(ctx.words(member.language, "calendar.bad_number", word=word, most=MOST_NEXT))
    language, zone = member.language, ctx.zone_of(member)
    channels = await ctx.channels.all(ctx.workspace)
    lines = [ctx.words(language, "calendar.next_head"), ""]
    for _, (due, item) in zip(range(int(word)), await _upcoming(ctx), strict=False):
        when = ctx.say_moment(language, due, zone)
        lines.append(
            "- " + ctx.words(language, "calendar.next_line", when=when, item=item.id, to=_places(item, channels))
        )
    if len(lines) == 2:
        ctx.reply(command, ctx.words(language, "calendar.nothing"))
        return
    more = min(int(word) + 5, MOST_NEXT)
    button = Button(ctx.words(language, "calendar.more"), f"calendar next {more}")
    full = len(lines) - 2 == int(word) < MOST_NEXT
    ctx.reply(command, Message(join_lines(lines), (button,) if full else ()))


async def show_list(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar list [page]``: every item, with its rhythm, its channels and its next moment."""
    member = await ctx.member(command.member)
    language, items = member.language, ctx.timetable.items()
    pages = max(1, -(-len(items) // PAGE))
    word = arguments.strip()
    page = min(int(word), pages) if word.isascii() and word.isdigit() and len(word) < 5 and int(word) else 1
    timers = {timer.key: timer.due for timer in await ctx.timers.all(ctx.workspace, "calendar", "post")}
    paused = await ctx.notes.all(ctx.workspace, Paused)
    channels = await ctx.channels.all(ctx.workspace)
    lines = [ctx.words(language, "calendar.list_head", count=len(items), page=page, pages=pages), ""]
    for item in items[(page - 1) * PAGE : page * PAGE]:
        state = ctx.words(language, "calendar.over")
        if item.id in paused:
            state = ctx.words(language, "calendar.is_paused")
        elif item.id in timers:
            state = ctx.say_moment(language, timers[item.id], ctx.zone_of(member))
        to = _places(item, channels)
        lines.append("- " + ctx.words(language, "calendar.list_line", item=item.id, said=item.said, to=to, state=state))
    more = Button(ctx.words(language, "calendar.more"), f"calendar list {page + 1}")
    ctx.reply(command, Message(join_lines(lines), (more,) if page < pages else ()))


async def preview(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar preview ITEM``: its words in both languages, where they go, and when."""
    member, item = await _asked(ctx, command, arguments)
    language, channels = member.language, await ctx.channels.all(ctx.workspace)
    paused = await ctx.note(Paused, item.id) is not None
    timer = await ctx.timers.get(ctx.workspace, "calendar", "post", item.id)
    moments = [timer.due] if timer is not None else []
    installed = await _installed(ctx)
    while 0 < len(moments) < 3 and (following := ctx.timetable.next(item, moments[-1], installed)) is not None:
        moments.append(following)
    head: list[str] = [
        ctx.words(language, "calendar.preview_head", item=item.id, said=item.said, to=_places(item, channels))
    ]
    coming = ["- " + ctx.say_moment(language, moment, ctx.zone_of(member)) for moment in moments]
    head.append("\n".join(coming) or ctx.words(language, "calendar.is_paused" if paused else "calendar.over"))
    head.append(ctx.words(language, f"calendar.missed_{item.missed.value}"))
    none = ctx.words(language, "calendar.no_words", page=item.page or item.id)
    texts = [_text(ctx, item, each) or none for each in LANGUAGES]
    parts = [Markup("\n\n".join(head)), *texts]
    ctx.reply(command, Message(Markup("\n\n---\n\n".join(parts)), _reins(ctx, language, item, paused, bool(moments))))


def _reins(ctx: Context, language: Language, item: Item, paused: bool, coming: bool) -> tuple[Button, ...]:
    if paused:
        return (Button(ctx.words(language, "calendar.resume"), f"calendar resume {item.id}", "primary"),)
    if not coming:
        return ()
    return (
        Button(ctx.words(language, "calendar.pause"), f"calendar pause {item.id}"),
        Button(ctx.words(language, "calendar.skip"), f"calendar skip {item.id}"),
    )


async def pause(ctx: Context, command: CommandGiven, arguments: str) -> None:
    member, item = await _asked(ctx, command, arguments)
    if await ctx.note(Paused, item.id) is None:
        ctx.do(Remember(item.id, Paused(ctx.now)), CancelTimer("post", item.id))
    undo = Button(ctx.words(member.language, "calendar.undo"), f"calendar resume {item.id}")
    ctx.reply(command, Message(ctx.words(member.language, "calendar.paused", item=item.id), (undo,)))


async def resume(ctx: Context, command: CommandGiven, arguments: str) -> None:
    member, item = await _asked(ctx, command, arguments)
    if await ctx.note(Paused, item.id) is None:
        ctx.reply(command, ctx.words(member.language, "calendar.not_paused", item=item.id))
        return
    ctx.do(Drop(Paused, item.id))
    skipped = await ctx.note(Skipped, item.id)
    following = _plan_after(ctx, item, _not_before(ctx, skipped), await _installed(ctx))
    ctx.reply(command, ctx.words(member.language, "calendar.resumed", item=item.id, when=_said(ctx, member, following)))


def _said(ctx: Context, member: Member, moment: datetime | None) -> Markup:
    if moment is None:
        return ctx.words(member.language, "calendar.never")
    return ctx.say_moment(member.language, moment, ctx.zone_of(member))


async def skip(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar skip ITEM``: its next occurrence does not go out."""
    member, item = await _asked(ctx, command, arguments)
    timer = await ctx.timers.get(ctx.workspace, "calendar", "post", item.id)
    if timer is None:
        paused = await ctx.note(Paused, item.id) is not None
        key = "calendar.skip_paused" if paused else "calendar.skip_over"
        raise BadInput(ctx.words(member.language, key, item=Markup(item.id)))
    ctx.do(Remember(item.id, Skipped(timer.due)))
    following = _plan_after(ctx, item, timer.due, await _installed(ctx))
    values = {"when": _said(ctx, member, timer.due), "following": _said(ctx, member, following)}
    text = ctx.words(member.language, "calendar.skipped", item=item.id, **values)
    command_text = f"calendar unskip {item.id} {timer.due.isoformat()}"
    ctx.reply(command, Message(text, (Button(ctx.words(member.language, "calendar.undo"), command_text),)))


async def _asked_moment(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, Item, datetime]:
    """As :func:`_asked`, with the moment of one of the item's occurrences after it, in ISO 8601."""
    member, item = await _asked(ctx, command, arguments)
    try:
        moment = datetime.fromisoformat(arguments.split()[1])
        known = ctx.timetable.next(item, moment - _INSTANT, await _installed(ctx)) == moment
    except (IndexError, ValueError, TypeError, OverflowError):
        known = False
    if not known:
        raise BadInput(ctx.words(member.language, "calendar.no_moment", item=item.id))
    return member, item, moment


async def unskip(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The undo of a skip: that occurrence goes out after all, and so do those between."""
    member, item, moment = await _asked_moment(ctx, command, arguments)
    if moment <= ctx.now:
        raise BadInput(ctx.words(member.language, "calendar.too_late", item=item.id))
    ctx.do(Remember(item.id, Skipped(moment - _INSTANT)))
    if await ctx.note(Paused, item.id) is None:
        ctx.do(SetTimer("post", item.id, moment))
    ctx.reply(command, ctx.words(member.language, "calendar.unskipped", item=item.id, when=_said(ctx, member, moment)))


async def send(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator has a missed occurrence go out after all. Pressing twice sends once."""
    member, item, moment = await _asked_moment(ctx, command, arguments)
    if moment > ctx.now:
        raise BadInput(ctx.words(member.language, "calendar.no_moment", item=item.id))
    sent = await _publish(ctx, item, moment, expiring=False)
    if not sent:
        raise BadInput(ctx.words(member.language, "calendar.nowhere", item=item.id))
    to = Markup(", ".join(channel_link(channel) for channel in sent))
    ctx.reply(command, ctx.words(member.language, "calendar.sending", item=item.id, to=to))


_for_animators = partial(Command, role=Role.ANIMATOR, has_arguments=True)

FEATURE = Feature(
    name="calendar",
    commands=(
        Command(path=("calendar", "next"), french=("calendrier", "prochains"), run=show_next, has_arguments=True),
        _for_animators(path=("calendar", "list"), french=("calendrier", "liste"), run=show_list),
        _for_animators(path=("calendar", "preview"), french=("calendrier", "aperçu"), run=preview),
        _for_animators(path=("calendar", "pause"), french=("calendrier", "pause"), run=pause),
        _for_animators(path=("calendar", "resume"), french=("calendrier", "reprendre"), run=resume),
        _for_animators(path=("calendar", "skip"), french=("calendrier", "sauter"), run=skip),
        _for_animators(path=("calendar", "unskip"), run=unskip, hidden=True),
        _for_animators(path=("calendar", "send"), run=send, hidden=True),
    ),
    listeners=(Listener(Started, on_started), Listener(FilesChanged, on_files_changed)),
    timers={"post": post},
)
