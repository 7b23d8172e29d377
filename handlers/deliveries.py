"""Deliveries: what went out, what waits and why; what did not arrive is shown to those who animate, who decide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from bot.core.actions import Dismiss, Resend
from bot.core.community import Member, Role
from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.dispatch import unaccented
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, DeliveryTroubled
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.ledger import DEAD, OVER, Decision, Query
from bot.core.measured import measured_copies, measured_words
from bot.core.message import Button, Markup, Message, join_lines
from bot.core.reasons import reason_words
from bot.core.refs import LANGUAGES, ChannelRef, Language
from bot.core.rows import channel_of, decided_words, place_words, state_words
from bot.core.spans import read_span

ROWS = 10
DEAD_ROWS = 5
"""On a page whose rows have two buttons each: chats show few buttons well."""
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


def can_resend(delivery: Delivery) -> bool:
    """Whether it did not go out, or may not have, nobody took it back, it is still approved (otherwise the item's own
    buttons decide), and its words are still there."""
    return (
        delivery.state in OVER
        and delivery.reason not in ("recalled", "unapproved")
        and (delivery.verb is not Verb.SEND or delivery.message != Message(""))
    )


# The list


async def _row(ctx: Context, member: Member, delivery: Delivery, decision: Decision | None) -> str:
    language = member.language
    moment = delivery.sent_at or delivery.planned_for or delivery.due
    values = {
        "when": ctx.say_moment(language, moment, ctx.zone_of(member)),
        "what": ctx.words(language, f"deliveries.kind_{delivery.kind.value}"),
        "where": await place_words(ctx, language, delivery),
        "state": state_words(ctx, member, delivery),
    }
    line = ctx.words(language, "deliveries.line", **values) + await decided_words(ctx, member, decision)
    found = await measured_copies(ctx, [delivery]) if delivery.kind is Kind.POST else None
    if found is None or found.response is None:  # When it will be measured is said of the item, not of each copy.
        return line
    return f"{line} {ctx.words(language, 'deliveries.measured', measured=measured_words(ctx, member, found))}"


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
            query = replace(query, place=await _askedplace_words(ctx, member, word))
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


async def _askedplace_words(ctx: Context, member: Member, word: str) -> ChannelRef:
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
            decided=Markup((await decided_words(ctx, member, decision)).strip()),
            state=state_words(ctx, member, delivery),
        )
    )


async def on_trouble(ctx: Context, event: DeliveryTroubled) -> None:
    """Tell the animators what did not go out, or may not have; a notice that troubles is not told again."""
    delivery = event.delivery
    if delivery.kind is Kind.NOTICE:
        return
    public = await channel_of(ctx, delivery) is not None

    where: dict[Language, Markup] = {each: await place_words(ctx, each, delivery) for each in LANGUAGES}

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


FEATURE = Feature(
    name="deliveries",
    commands=(
        Command(path=("deliveries",), french=("envois",), run=deliveries, role=Role.ANIMATOR, has_arguments=True),
        Command(path=("deliveries", "resend"), run=resend, role=Role.ANIMATOR, hidden=True),
        Command(path=("deliveries", "drop"), run=drop, role=Role.ANIMATOR, hidden=True),
    ),
    listeners=(Listener(DeliveryTroubled, on_trouble),),
)
