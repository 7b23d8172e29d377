"""The ledger for the command line: rows with channel names and reasons in words, and the pause of everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core.delivery import Delivery, State
from bot.core.errors import BadInput
from bot.core.excerpt import plain
from bot.core.ledger import Decision, Pause, Query
from bot.core.reasons import reason_words
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.history import opened
from bot.library import ContentLibrary
from bot.settings import Settings
from bot.store import Store
from bot.store.dialect import database_file

MOST = 100_000
"""Rows looked through to know the workspaces, or counted."""


@contextlib.asynccontextmanager
async def there(settings: Settings) -> AsyncIterator[Store]:
    """The store, which must be there: in the wrong folder one would otherwise pause an empty new database and believe
    that all is quiet. Raises BadInput."""
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        raise BadInput(
            f"there is no database {file} here: run this in the folder of `allant run`, or set ALLANT_DATABASE_URL"
        )
    async with opened(settings) as store:
        yield store


async def pause(settings: Settings, wanted: Pause, workspace: WorkspaceRef | None) -> None:
    """Let nothing unasked leave, in one workspace or in all."""
    async with there(settings) as store:
        await store.pause(wanted, workspace)


async def resume(settings: Settings, now: datetime, workspace: WorkspaceRef | None) -> int | None:
    """End the pause; how many messages waited for its end. None when there was no such pause."""
    async with there(settings) as store:
        query = Query(workspace=workspace, states=(State.PLANNED,), limit=MOST)
        waiting = sum(each.reason == "paused" for each in await store.ledger.search(query))
        return waiting if await store.resume(now, workspace) else None


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as it may be shown: with its channel's name, and without saying whom a direct message goes to."""

    delivery: Delivery
    channel: str
    why: str
    decision: Decision | None

    @property
    def when(self) -> datetime:
        return self.delivery.sent_at or self.delivery.due

    def as_row(self) -> tuple[str, ...]:
        each, why = self.delivery, self.why
        if self.decision is not None:
            said = "sent again" if self.decision.what == "resend" else "left"
            why = f"{why} ({said} by decision, {self.decision.at:%Y-%m-%d %H:%M})".strip()
        where = f"#{self.channel}" if self.channel else "a direct message"
        when = f"{self.when:%Y-%m-%d %H:%M}"
        return str(each.id), when, each.feature, each.kind.value, where, each.state.value, why

    def as_json(self) -> dict[str, Any]:
        each = self.delivery
        return {
            "number": each.id,
            "workspace": str(each.workspace),
            "key": each.key if self.channel else None,
            "feature": each.feature,
            "kind": each.kind.value,
            "channel": self.channel or None,
            "state": each.state.value,
            "reason": each.reason,
            "why": self.why,
            "planned_for": _iso(each.planned_for),
            "due": _iso(each.due),
            "out_at": _iso(each.sent_at),
            "attempts": each.attempts,
            "decided": self.decision and {"what": self.decision.what, "at": _iso(self.decision.at)},
        }


async def listed(settings: Settings, query: Query, channel: str) -> list[Row]:
    """The rows that ``query`` describes, of the channel of that name where one is named. Raises BadInput when there is
    no such channel."""
    library = ContentLibrary(settings.content)
    await asyncio.to_thread(library.load)
    async with there(settings) as store:
        found: list[Delivery] = []
        if channel:
            for place in await _channels(store, query.workspace, channel):
                found += await store.ledger.search(replace(query, place=place))
            found = sorted(found, key=lambda each: -each.id)[: query.limit]
        else:
            found = list(await store.ledger.search(query))
        decisions = await store.ledger.decisions([each.id for each in found])
        rows = []
        for each in found:
            why = plain(reason_words(library.words, "en", each.reason)) if each.reason else ""
            rows.append(Row(each, await _channel_name(store, each), why, decisions.get(each.id)))
        return rows


async def _channel_name(store: Store, delivery: Delivery) -> str:
    """Empty for what only one person sees."""
    if not isinstance(delivery.to, ChannelRef) or delivery.visible_to is not None:
        return ""
    channel = await store.channels.get(delivery.to)
    if channel is None:
        return delivery.to.id
    return "" if channel.direct else channel.name


async def _channels(store: Store, workspace: WorkspaceRef | None, name: str) -> Sequence[ChannelRef]:
    """The channels of that name or id, in one workspace or in all that the ledger knows."""
    wanted = name.removeprefix("#").casefold()
    known = [workspace] if workspace else {each.workspace for each in await store.ledger.search(Query(limit=MOST))}
    channels = [each for one in known for each in await store.channels.all(one)]
    found = [each.ref for each in channels if wanted in (each.name.casefold(), each.ref.id.casefold())]
    if not found:
        names = ", ".join(sorted({f"#{each.name}" for each in channels})) or "none yet"
        raise BadInput(f"there is no channel {name!r}; there are: {names}")
    return found


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
