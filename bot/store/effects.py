"""What followed each of the bot's posts: settled once its 48 hours are over, from the signals of its channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, insert, select

from bot.core.delivery import Kind, Verb
from bot.core.evidence import LEAST_POSTS, gain
from bot.core.metrics import Effect
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import What
from bot.store import rollup_tables, tables
from bot.store.deliveries import ARRIVED, UNASKED
from bot.store.roster import people

AFTER = timedelta(hours=48)
WEEK = timedelta(days=7)
WEEKS_BACK = 4
"""A post is compared with the same span of up to so many weeks before it."""
LOOK_BACK = timedelta(days=21)
"""Posts older than this when they are first looked at are let be: what to compare them with may be gone."""
AT_ONCE = 200
"""Posts settled in one transaction."""

_effects = rollup_tables.effects.c
_deliveries = tables.deliveries.c
_signals = tables.signals.c
_TALKING = (What.POSTED.value, What.REPLIED.value, What.REACTED.value)


class _Talk(NamedTuple):
    replies: int
    people: int
    reactions: int


def item_of(feature: str, key: str) -> str:
    """What a post belongs to: the calendar's item, or the practice."""
    parts = key.split("/")
    return parts[1] if feature == "calendar" and len(parts) > 2 else feature


def settle(connection: Connection, now: datetime) -> int:
    """Write down what followed the posts whose 48 hours are over and that are not settled yet; how many there were."""
    statement = (
        select(
            _deliveries.id,
            _deliveries.workspace,
            _deliveries.place,
            _deliveries.feature,
            _deliveries.key,
            _deliveries.out_at,
        )
        .outerjoin(rollup_tables.effects, _effects.delivery == _deliveries.id)
        .where(
            _effects.delivery.is_(None),
            _deliveries.out_at <= now - AFTER,
            _deliveries.out_at > now - AFTER - LOOK_BACK,
            _deliveries.state.in_(ARRIVED),
            _deliveries.verb == Verb.SEND.value,
            _deliveries.kind.in_([Kind.POST.value, Kind.PROMPT.value]),
            _deliveries.private.is_(False),
            _deliveries.place.startswith("#", autoescape=True),
        )
        .order_by(_deliveries.id)
        .limit(AT_ONCE)
    )
    rows = [_settled(connection, row) for row in connection.execute(statement).all()]
    if rows:
        connection.execute(insert(rollup_tables.effects), rows)
    return len(rows)


def _settled(connection: Connection, post: Any) -> dict[str, Any]:
    channel = post.place[1:]
    first = connection.scalar(select(func.min(_signals.at)).where(_signals.workspace == post.workspace))
    usual = [
        _talk(connection, post.workspace, channel, since)
        for since in (post.out_at - WEEK * back for back in range(1, WEEKS_BACK + 1))
        if first is not None and since >= first and not _spoken(connection, post, since)
    ]
    after = _talk(connection, post.workspace, channel, post.out_at)
    return {
        "delivery": post.id,
        "workspace": post.workspace,
        "channel": channel,
        "item": item_of(post.feature, post.key),
        "at": post.out_at,
        "comparable": len(usual),
        **{name: getattr(after, name) for name in _Talk._fields},
        **{f"usual_{name}": fmean([getattr(each, name) for each in usual] or [0.0]) for name in _Talk._fields},
    }


def _spoken(connection: Connection, post: Any, since: datetime) -> bool:
    """Whether the bot said something unasked in the channel whose effect lies in the span: then it is not usual."""
    statement = (
        select(_deliveries.id)
        .where(
            _deliveries.place == post.place,
            _deliveries.out_at > since - AFTER,
            _deliveries.out_at < since + AFTER,
            _deliveries.id != post.id,
            _deliveries.state.in_(ARRIVED),
            _deliveries.verb == Verb.SEND.value,
            _deliveries.kind.in_(UNASKED),
        )
        .limit(1)
    )
    return connection.scalar(statement) is not None


def _talk(connection: Connection, workspace: str, channel: str, since: datetime) -> _Talk:
    statement = select(_signals.what, _signals.member_key).where(
        _signals.workspace == workspace,
        _signals.channel == channel,
        and_(_signals.at >= since, _signals.at < since + AFTER),
        _signals.what.in_(_TALKING),
    )
    rows = connection.execute(statement).all()
    keys = list({row.member_key for row in rows if row.member_key is not None})
    numbers = {person.number for person in people(connection, workspace, keys).values()}
    return _Talk(
        sum(row.what == What.REPLIED for row in rows), len(numbers), sum(row.what == What.REACTED for row in rows)
    )


def unasked_posts(
    connection: Connection, workspace: WorkspaceRef, channel: ChannelRef | None, span: tuple[datetime, datetime]
) -> int:
    """How many messages the bot posted in channels in ``span`` without being asked."""
    place = _deliveries.place == f"#{channel}" if channel else _deliveries.place.startswith("#", autoescape=True)
    statement = select(func.count()).where(
        _deliveries.workspace == str(workspace),
        and_(_deliveries.out_at >= span[0], _deliveries.out_at < span[1]),
        _deliveries.state.in_(ARRIVED),
        _deliveries.verb == Verb.SEND.value,
        _deliveries.kind.in_(UNASKED),
        _deliveries.private.is_(False),
        place,
    )
    return connection.scalar(statement) or 0


def effects(
    connection: Connection,
    workspace: WorkspaceRef,
    channel: ChannelRef | None,
    span: tuple[datetime, datetime],
    threshold: int,
) -> list[Effect]:
    """The effects of what was posted in ``span``, by item."""
    statement = select(rollup_tables.effects).where(
        _effects.workspace == str(workspace),
        _effects.at >= span[0],
        _effects.at < span[1],
        *([_effects.channel == str(channel)] if channel is not None else []),
    )
    by_item: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(statement.order_by(_effects.at, _effects.delivery)):
        by_item[row.item].append(row)
    return [_effect(item, rows, threshold) for item, rows in sorted(by_item.items())]


def _effect(item: str, rows: Sequence[Any], threshold: int) -> Effect:
    compared = [row for row in rows if row.comparable]
    if len(compared) < LEAST_POSTS:
        return Effect(item=item, posts=len(compared), replies=None, people=None, reactions=None, why="nothing")
    if fmean(row.people for row in compared) < threshold:
        return Effect(item=item, posts=len(compared), replies=None, people=None, reactions=None, why="few")
    return Effect(
        item=item,
        posts=len(compared),
        replies=gain([row.replies for row in compared], [row.usual_replies for row in compared]),
        people=gain([row.people for row in compared], [row.usual_people for row in compared]),
        reactions=gain([row.reactions for row in compared], [row.usual_reactions for row in compared]),
    )
