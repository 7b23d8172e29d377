"""Deliveries: what went out, what waits and why; what did not arrive is shown to those who animate, who decide."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from bot.core.actions import Dismiss, Resend
from bot.core.calendar import Item
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.directory import addressed
from bot.core.dispatch import unaccented
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, DeliveryTroubled
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.ledger import DEAD, OVER, Decision, Query, digest_key
from bot.core.message import Button, Markup, Message, channel_link, escape, join_lines
from bot.core.pausing import pause_line
from bot.core.policy import next_open
from bot.core.reasons import reason_words
from bot.core.refs import LANGUAGES, ChannelRef, Language
from bot.core.spans import read_span

ROWS = 10
DEAD_ROWS = 5
"""On a page whose rows have two buttons each: chats show few buttons well."""
PAST, COMING = 6, 3
"""How many occurrences of an item `calendar why` tells of."""
MOST_ROWS = 200
_LATE = timedelta(minutes=1)
"""Later than this after its planned moment, something was moved."""
_CHANNEL = re.compile(r"\[[^\]]*\]\(channel:([^)\s]+)\)")
_STATES: Mapping[str, tuple[State, ...]] = {
    **dict.fromkeys(("waiting", "planned", "attente", "prevu", "prevus"), (State.PLANNED,)),
    **dict.fromkeys(("sending",), (State.SENDING,)),
    **dict.fromkeys(("sent", "envoye", "envoyes"), (State.SENT,)),
    **dict.fromkeys(("failed", "echec", "echecs"), (State.FAILED,)),
    **dict.fromkeys(("held", "held_back", "retenu", "retenus"), (State.HELD_BACK,)),
    **dict.fromkeys(("uncertain", "incertain", "incertains"), (State.UNCERTAIN,)),
    **dict.fromkeys(("recalled", "retire", "retires"), (State.RECALLED,)),
    **dict.fromkeys(("troubled", "problems", "problemes"), DEAD),
}
_SINCE, _BEFORE = frozenset({"since", "depuis"}), "before"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: the query, and the words it was asked with, for the buttons of its pages."""

    query: Query
    said: str


def read_since(text: str, now: datetime) -> datetime | None:
    """The moment that ``2d``, ``3 jours`` or ``2026-11-20`` names, looking back from ``now``; None for other text."""
    span = read_span(text)
    if span is not None:
        return now - span
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def occurrence_of(delivery: Delivery) -> datetime:
    """Which moment of its item a calendar post is for: the one in its key, else the one it was planned for."""
    for part in delivery.key.split("/")[2:]:
        try:
            moment = datetime.fromisoformat(part)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            return moment
    return delivery.planned_for or delivery.due


def can_resend(delivery: Delivery) -> bool:
    """Whether it did not go out, or may not have, and its words are still there."""
    return delivery.state in OVER and (delivery.verb is not Verb.SEND or delivery.message != Message(""))


def is_public(delivery: Delivery) -> bool:
    return isinstance(delivery.to, ChannelRef) and delivery.visible_to is None


# One row in words


async def _channel_of(ctx: Context, delivery: Delivery) -> Channel | None:
    """The channel, where everybody may know that it goes there."""
    if not isinstance(delivery.to, ChannelRef) or not is_public(delivery):
        return None
    channel = await ctx.channels.get(delivery.to)
    return channel if channel is not None and not channel.direct else None


async def _place(ctx: Context, language: Language, delivery: Delivery) -> Markup:
    """Where it goes; whom a direct message goes to is not shown."""
    channel = await _channel_of(ctx, delivery)
    return channel_link(channel) if channel is not None else ctx.words(language, "deliveries.direct")


async def _decided(ctx: Context, member: Member, decision: Decision | None) -> str:
    if decision is None:
        return ""
    by = await ctx.members.get(decision.by) if decision.by else None
    values = {
        "by": by.name if by is not None and by.name else ctx.words(member.language, "deliveries.somebody"),
        "when": ctx.say_moment(member.language, decision.at, ctx.zone_of(member)),
    }
    return " " + ctx.words(member.language, f"deliveries.decided_{decision.what}", **values)


def _state(ctx: Context, member: Member, delivery: Delivery) -> Markup:
    """The state with its reason: ``held back: quiet hours``, ``waits until …: …``."""
    language = member.language
    said: str = ctx.words(language, f"deliveries.state_{delivery.state.value}")
    planned_for = delivery.planned_for or delivery.due
    if delivery.state is State.PLANNED and delivery.due - planned_for > _LATE:
        until = ctx.say_moment(language, delivery.due, ctx.zone_of(member))
        said = ctx.words(language, "deliveries.moved", until=until)
    if digest_key(delivery.reason):
        said = ctx.words(language, "deliveries.merged")
    said = f"**{said}**"
    if delivery.reason and not digest_key(delivery.reason):
        reason = reason_words(ctx.words, language, delivery.reason)
        said = ctx.words(language, "deliveries.because", state=Markup(said), reason=reason)
    if delivery.state is State.UNCERTAIN:
        said += " " + ctx.words(language, "deliveries.may_be_there")
    return Markup(said)


async def _row(ctx: Context, member: Member, delivery: Delivery, decision: Decision | None) -> str:
    language = member.language
    moment = delivery.sent_at or delivery.planned_for or delivery.due
    values = {
        "when": ctx.say_moment(language, moment, ctx.zone_of(member)),
        "what": ctx.words(language, f"deliveries.kind_{delivery.kind.value}"),
        "where": await _place(ctx, language, delivery),
        "state": _state(ctx, member, delivery),
    }
    return ctx.words(language, "deliveries.line", **values) + await _decided(ctx, member, decision)


# The list


async def deliveries(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant deliveries [#channel] [feature] [state] [since 2d]``: the ledger, newest first, page by page."""
    member = await ctx.member(command.member)
    language = member.language
    asked = await _asked(ctx, member, arguments)
    dead = bool(asked.query.states) and set(asked.query.states) <= set(DEAD)
    most = DEAD_ROWS if dead else ROWS
    # Who asked what, and when, is nobody's business: answers are left out, but for those that need a decision.
    found = await ctx.ledger.search(replace(asked.query, answers=dead, undecided=dead, limit=most + 1))
    rows = found[:most]
    decisions = await ctx.ledger.decisions([each.id for each in rows])
    lines: list[str] = [ctx.words(language, "deliveries.head"), ""]
    buttons: list[Button] = []
    for number, each in enumerate(rows, start=1):
        mark = f"{number}." if dead else "-"
        lines.append(f"{mark} {await _row(ctx, member, each, decisions.get(each.id))}")
        buttons += _choices(ctx, language, each, str(number)) if dead else ()
    if not rows:
        lines.append(ctx.words(language, "deliveries.none"))
    if len(found) > most:
        earlier = f"deliveries {asked.said} {_BEFORE} {rows[-1].id}".replace("  ", " ")
        buttons.append(Button(ctx.words(language, "deliveries.earlier"), earlier))
    if not asked.said:
        buttons += [
            Button(ctx.words(language, f"deliveries.only_{name}"), f"deliveries {name}")
            for name in ("waiting", "held", "troubled")
        ]
    ctx.reply(command, Message(join_lines(lines), tuple(buttons)))


def _choices(ctx: Context, language: Language, delivery: Delivery, number: str = "") -> list[Button]:
    """Send again, where its words are still there, and let it be."""
    shown = f" ({number})" if number else ""
    drop = Button(ctx.words(language, "deliveries.drop") + shown, f"deliveries drop {delivery.id}")
    if not can_resend(delivery):
        return [drop]
    again = ctx.words(language, "deliveries.send_again") + shown
    return [Button(again, f"deliveries resend {delivery.id}", "primary"), drop]


async def _asked(ctx: Context, member: Member, arguments: str) -> Asked:
    query = Query(workspace=ctx.workspace)
    features = _features(ctx)
    words, kept = arguments.split(), []
    while words:
        word = words.pop(0)
        plain = unaccented(word)
        if plain == _BEFORE and words and words[0].isdecimal() and len(words[0]) < 19:
            query = replace(query, before=int(words.pop(0)))
            continue
        kept.append(word)
        if plain in _SINCE:
            since = await _since(ctx, member, words, kept)
            query = replace(query, since=since)
        elif plain in _STATES:
            query = replace(query, states=_STATES[plain])
        elif plain in features:
            query = replace(query, features=features[plain])
        else:
            query = replace(query, place=await _asked_place(ctx, member, word))
    return Asked(query, " ".join(kept))


def _features(ctx: Context) -> dict[str, tuple[str, ...]]:
    """The practices by name, and by title in either language as typed without accents: several may share a title, as
    all do that make up the calendar."""
    found: dict[str, tuple[str, ...]] = {name: (name,) for name in ctx.ports.practices}
    titled: dict[str, set[str]] = {}
    for name in ctx.ports.practices:
        for language in LANGUAGES:
            titled.setdefault(unaccented(ctx.words(language, f"admin.feature_{name}")), set()).add(name)
    return found | {title: tuple(sorted(names)) for title, names in titled.items()}


async def _since(ctx: Context, member: Member, words: list[str], kept: list[str]) -> datetime:
    """The one or two words after “since” as a moment; they move from ``words`` to ``kept``."""
    for count in (2, 1):
        since = read_since(" ".join(words[:count]), ctx.now) if len(words) >= count else None
        if since is not None:
            kept += words[:count]
            del words[:count]
            return since
    raise BadInput(ctx.words(member.language, "deliveries.bad_since", text=" ".join(words[:2])))


async def _asked_place(ctx: Context, member: Member, word: str) -> ChannelRef:
    link = _CHANNEL.search(word)
    channel = await ctx.channel_named(unquote(link.group(1)) if link else word)
    if channel is None:
        raise BadInput(ctx.words(member.language, "deliveries.not_understood", word=word))
    return channel.ref


# What did not arrive


async def resend(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator looked: it did not arrive; send it again. Pressing twice sends once."""
    member = await ctx.member(command.member)
    delivery = await _numbered(ctx, member, arguments)
    await _only_undecided(ctx, member, delivery)
    if not can_resend(delivery):
        raise BadInput(ctx.words(member.language, "deliveries.cannot_resend"))
    ctx.do(Resend(delivery.id, command.member))
    ctx.reply(command, ctx.words(member.language, "deliveries.resent"))


async def drop(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """An animator looked: it arrived, or is no longer wanted."""
    member = await ctx.member(command.member)
    delivery = await _numbered(ctx, member, arguments)
    await _only_undecided(ctx, member, delivery)
    if delivery.state not in OVER:
        raise BadInput(ctx.words(member.language, "deliveries.cannot_drop"))
    ctx.do(Dismiss(delivery.id, command.member))
    ctx.reply(command, ctx.words(member.language, "deliveries.dropped"))


async def _numbered(ctx: Context, member: Member, arguments: str) -> Delivery:
    word = arguments.strip()
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else 0
    found = await ctx.ledger.numbered(ctx.workspace, number)
    if found is None:
        raise BadInput(ctx.words(member.language, "deliveries.unknown"))
    return found


async def _only_undecided(ctx: Context, member: Member, delivery: Delivery) -> None:
    """Refuse what somebody decided before; one sent again which failed again is to be decided anew."""
    decision = (await ctx.ledger.decisions([delivery.id])).get(delivery.id)
    if decision is None or (decision.what == "resend" and delivery.state in OVER):
        return
    raise BadInput(
        ctx.words(
            member.language,
            "deliveries.already",
            decided=Markup((await _decided(ctx, member, decision)).strip()),
            state=_state(ctx, member, delivery),
        )
    )


async def on_trouble(ctx: Context, event: DeliveryTroubled) -> None:
    """Tell the animators what did not go out, or may not have; a notice that troubles is not told again."""
    delivery = event.delivery
    if delivery.kind is Kind.NOTICE:
        return
    public = await _channel_of(ctx, delivery) is not None

    where: dict[Language, Markup] = {each: await _place(ctx, each, delivery) for each in LANGUAGES}

    def notice(language: Language) -> Message:
        values = {
            "what": ctx.words(language, f"deliveries.kind_{delivery.kind.value}"),
            "where": where[language],
            "reason": reason_words(ctx.words, language, delivery.reason),
        }
        text = ctx.words(language, f"deliveries.trouble_{delivery.state.value}", **values)
        if not public:
            state = "uncertain" if delivery.state is State.UNCERTAIN else "failed"
            return Message(text, (Button(ctx.words(language, "deliveries.show"), f"deliveries {state}"),))
        return Message(f"{text} {ctx.words(language, 'deliveries.choose')}", tuple(_choices(ctx, language, delivery)))

    # Five hundred direct messages that fail for one reason are one piece of news a day, not five hundred.
    about = f"{delivery.kind.value}/{delivery.reason}/{ctx.now.date().isoformat()}"
    if public:
        # One that was sent again and failed again is news again.
        about = f"{delivery.key}/{(delivery.planned_for or delivery.due).isoformat()}"
    await ctx.tell_animators(notice, key=f"trouble/{delivery.state.value}/{about}")


# Why an item went out, or did not


async def why(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar why ITEM``: what became of its latest moments, and what will of the next."""
    member = await ctx.member(command.member)
    language = member.language
    name = arguments.strip().split()[0] if arguments.strip() else ""
    items = {each.id.casefold(): each for each in ctx.timetable.items()}
    item = items.get(name.casefold())
    prefix = f"calendar/{item.id if item else name}/"
    query = Query(workspace=ctx.workspace, prefix=prefix, limit=MOST_ROWS)
    rows = await ctx.ledger.search(query) if name else []
    if item is None and not rows:
        near = difflib.get_close_matches(name.casefold(), items, n=3, cutoff=0.4) or sorted(items)[:3]
        key = "deliveries.why_unknown" if name else "deliveries.why_which"
        raise BadInput(ctx.words(language, key, item=name, near=", ".join(near) or "–"))
    lines: list[str] = [ctx.words(language, "deliveries.why_head", item=item.id if item else name), ""]
    lines += await _past(ctx, member, item, rows)
    lines += await _coming(ctx, member, item)
    ctx.reply(command, join_lines(lines))


async def _past(ctx: Context, member: Member, item: Item | None, rows: Sequence[Delivery]) -> list[str]:
    by_moment: dict[datetime, list[Delivery]] = {}
    for each in sorted(rows, key=lambda row: row.id):
        by_moment.setdefault(occurrence_of(each), []).append(each)
    for moment in _unplanned(ctx, item, min(by_moment, default=ctx.now)):
        by_moment.setdefault(moment, [])
    decisions = await ctx.ledger.decisions([each.id for each in rows])
    lines = []
    for moment in sorted(by_moment)[-PAST:]:
        lines.append("- " + ctx.say_moment(member.language, moment, ctx.zone_of(member)))
        for each in by_moment[moment]:
            lines.append(f"  - {await _fate(ctx, member, each, decisions.get(each.id))}")
        if not by_moment[moment]:
            lines.append("  - " + ctx.words(member.language, "deliveries.why_unplanned"))
    return lines


def _unplanned(ctx: Context, item: Item | None, since: datetime) -> list[datetime]:
    """The item's moments after the first known one that are over, whether or not anything was planned for them."""
    found: list[datetime] = []
    moment = ctx.timetable.next(item, since, since) if item is not None and item.when.week is None else None
    while item is not None and moment is not None and moment <= ctx.now - _LATE and len(found) < MOST_ROWS:
        found.append(moment)
        moment = ctx.timetable.next(item, moment, since)
    return found


async def _fate(ctx: Context, member: Member, delivery: Delivery, decision: Decision | None) -> str:
    language = member.language
    values: dict[str, object] = {"where": await _place(ctx, language, delivery), "state": _state(ctx, member, delivery)}
    key = "deliveries.fate"
    if delivery.sent_at is not None:
        key = "deliveries.fate_out"
        values["when"] = ctx.say_moment(language, delivery.sent_at, ctx.zone_of(member))
    said: str = ctx.words(language, key, **values)
    digest = digest_key(delivery.reason)
    told = await ctx.ledger.find(ctx.workspace, digest) if digest else None
    if told is not None:
        moment = ctx.say_moment(language, told.sent_at or told.due, ctx.zone_of(member))
        said += " " + ctx.words(language, "deliveries.fate_digest", when=moment, state=_state(ctx, member, told))
    return said + await _decided(ctx, member, decision)


async def _coming(ctx: Context, member: Member, item: Item | None) -> list[str]:
    """The next moments with their places, and what already stands in their way."""
    language, zone = member.language, ctx.zone_of(member)
    timer = await ctx.timers.get(ctx.workspace, "calendar", "post", item.id) if item is not None else None
    if item is None or timer is None:
        return ["", ctx.words(language, "deliveries.why_over" if item is not None else "deliveries.why_gone")]
    lines: list[str] = ["", ctx.words(language, "deliveries.why_coming"), ""]
    paused = await pause_line(ctx, member)
    if paused is not None:
        lines += [paused, ""]
    channels = await ctx.channels.all(ctx.workspace)
    moment: datetime | None = timer.due
    while moment is not None and len(lines) - 3 < COMING * (1 + len(item.to)):
        lines.append("- " + ctx.say_moment(language, moment, zone))
        for to in item.to:
            places = addressed(channels, [to])
            lines += [f"  - {_expected(ctx, member, each, moment)}" for each in places]
            if not places:
                lines.append("  - " + ctx.words(language, "deliveries.why_nowhere", place=escape(to)))
        moment = ctx.timetable.next(item, moment, ctx.now)
    return lines


def _expected(ctx: Context, member: Member, channel: Channel, moment: datetime) -> Markup:
    opening = next_open(moment, ctx.policy, channel.zone)
    where = channel_link(channel)
    if opening == moment:
        return ctx.words(member.language, "deliveries.why_then", where=where)
    until = ctx.say_moment(member.language, opening, ctx.zone_of(member))
    reason = reason_words(ctx.words, member.language, "quiet_hours")
    return ctx.words(member.language, "deliveries.why_moves", where=where, until=until, reason=reason)


FEATURE = Feature(
    name="deliveries",
    commands=(
        Command(path=("deliveries",), french=("envois",), run=deliveries, role=Role.ANIMATOR, has_arguments=True),
        Command(path=("deliveries", "resend"), run=resend, role=Role.ANIMATOR, hidden=True),
        Command(path=("deliveries", "drop"), run=drop, role=Role.ANIMATOR, hidden=True),
        Command(
            path=("calendar", "why"),
            french=("calendrier", "pourquoi"),
            run=why,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
    ),
    listeners=(Listener(DeliveryTroubled, on_trouble),),
)
