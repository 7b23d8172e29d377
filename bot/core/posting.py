"""From an occurrence to its copies: which words go to which channel and person, and under which key of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.actions import Send, SetTimer
from bot.core.calendar import Audience, Item
from bot.core.community import Channel, Member, Role
from bot.core.delivery import Kind
from bot.core.editorial import Slot
from bot.core.feature import Context
from bot.core.localtime import known_zone, local_date
from bot.core.message import Markup, Message
from bot.core.planning import Planner
from bot.core.policy import PolicyRules, next_open
from bot.core.refs import LANGUAGES, Language, other_language

ON_TIME = timedelta(minutes=5)
"""So late is still on time: the longest an ordinary restart takes."""
PEOPLE_AT_ONCE = 500
"""Direct messages planned in one transaction."""


def text_of(ctx: Context, item: Item, language: Language) -> str | None:
    """The item's words in this language, or in the other where only that exists; None when there are none."""
    if item.page:
        page = ctx.library.page(f"calendar/{item.page}", language)
        return page.body if page is not None else None
    return item.words.get(language) or item.words.get(other_language(language))


def for_channel(ctx: Context, item: Item, channel: Channel) -> Markup | None:
    """What the channel reads; None when there are no words."""
    texts = {language: text_of(ctx, item, language) for language in LANGUAGES}
    known = [text for text in texts.values() if text]
    if not known:
        return None
    # Words that exist in one language only are said once, not twice.
    if channel.language != "both" or len(set(known)) == 1:
        return Markup(texts["en" if channel.language == "en" else "fr"] or known[0])
    return ctx.bilingual("both", lambda language: texts[language] or "")


def publish(ctx: Context, planner: Planner, item: Item, slot: Slot, *, expiring: bool = True) -> list[Channel]:
    """Plan the occurrence's copies; returns the channels that get one. The people of an audience follow in batches.

    ``expiring``: words for a Monday morning are not said on a Tuesday because the budget was used up.
    """
    sent = []
    for channel in planner.channels(item, slot.zone):
        text = for_channel(ctx, item, channel)
        if text is None:
            continue
        rules = planner.rules_of(channel)
        opening = next_open(slot.due, rules, rules.zone)
        ctx.do(
            Send(
                to=channel.ref,
                message=Message(text),
                kind=Kind.POST,
                key=f"{slot.key}{channel.ref.id}",
                expires=opening + max(item.grace, ON_TIME) if expiring else None,
            )
        )
        sent.append(channel)
    if item.audiences and not item.personal:
        batch = Batch(item.id, slot.at, slot.zone, "" if expiring else "*")
        ctx.do(SetTimer("people", batch.key, ctx.now, feature="calendar"))
    return sent


@dataclass(frozen=True, slots=True)
class Batch:
    """People who get an occurrence in direct messages, from an id on. ``lasting``: not empty where it may go out
    however late."""

    item: str
    at: datetime
    zone: str
    lasting: str = ""
    after: str = ""

    @property
    def key(self) -> str:
        return "|".join((self.item, self.at.isoformat(), self.zone, self.lasting, self.after))

    @classmethod
    def parse(cls, key: str) -> Batch:
        item, at, zone, lasting, after = key.split("|", 4)
        return cls(item, datetime.fromisoformat(at), zone, lasting, after)


async def publish_to_people(ctx: Context, planner: Planner, item: Item, slot: Slot, batch: Batch) -> Batch | None:
    """Plan the direct messages of one batch; returns the next batch, None after the last."""
    zones = [zone for zone in await ctx.members.zones(ctx.workspace) if planner.speaks_to(item, slot.zone, zone)]
    page = await ctx.members.page(ctx.workspace, after=batch.after, limit=PEOPLE_AT_ONCE, zones=zones)
    for member in page:
        if is_in_audience(item, member, ctx.policy, ctx.now):
            send_to(ctx, item, member, slot.due, f"{slot.key}{member.ref.id}", expiring=not batch.lasting)
    if len(page) < PEOPLE_AT_ONCE:
        return None
    return Batch(batch.item, batch.at, batch.zone, batch.lasting, page[-1].ref.id)


def is_in_audience(item: Item, member: Member, policy: PolicyRules, now: datetime) -> bool:
    """Whether the member belongs to one of the item's audiences at ``now`` (aware UTC)."""
    joined, newcomer = member.joined_at, policy.newcomer
    zone = known_zone(member.zone, policy.zone)
    for audience in item.audiences:
        match audience:
            case Audience.EVERYONE:
                return True
            case Audience.MANAGERS if member.manager:
                return True
            case Audience.ANIMATORS if member.role >= Role.ANIMATOR:
                return True
            case Audience.NEWCOMERS if joined is not None:
                if newcomer.day_from(local_date(joined, zone)) >= local_date(now, zone):
                    return True
    return False


def send_to(ctx: Context, item: Item, member: Member, due: datetime, key: str, *, expiring: bool = True) -> None:
    """Plan the direct message for one person, in their language. Whoever muted the bot gets none."""
    text = text_of(ctx, item, member.language)
    if text is None or (member.muted_until is not None and member.muted_until > ctx.now):
        return
    rules = ctx.timetable.policy_for(member=member)
    expires = next_open(due, rules, rules.zone) + max(item.grace, ON_TIME) if expiring else None
    ctx.do(Send(to=member.ref, message=Message(Markup(text)), kind=Kind.POST, key=key, expires=expires))
