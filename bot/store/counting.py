"""Recording signals: that something happened, never what was said, and by whom only as a key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Executable

from bot.core.actions import Count
from bot.core.signals import Signal
from bot.store import tables
from bot.store.commit import Commit
from bot.store.dialect import Insert, prepared
from bot.store.people import forgotten_among
from bot.store.secrecy import Keys


def record(connection: Connection, keys: Keys, signals: Sequence[Signal]) -> int:
    """How many were new. What was counted already, and what forgotten people did, is left out."""
    member_keys = {each.member: keys.of_member(each.member) for each in signals if each.member is not None}
    gone = forgotten_among(connection, list(set(member_keys.values()))) if member_keys else set()
    rows = [
        {
            "workspace": str(each.workspace),
            "source": keys.of_source(each.source),
            "at": each.at,
            "what": each.what.value,
            "channel": str(each.channel) if each.channel else None,
            "member_key": member_keys[each.member] if each.member else None,
            "about": each.about,
        }
        for each in signals
        if each.member is None or member_keys[each.member] not in gone
    ]
    return len(connection.execute(_recording(connection), rows).all()) if rows else 0


@prepared
def _recording(insert: Insert) -> Executable:
    statement = insert(tables.signals).on_conflict_do_nothing(index_elements=["workspace", "source"])
    # Not every driver says how many of many rows it inserted, but every database can say which.
    return statement.returning(tables.signals.c.id)


def count(commit: Commit, action: Count) -> None:
    record(commit.connection, commit.keys, [action.signal])
