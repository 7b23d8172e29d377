"""Everything that is kept about one person, for them to see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from bot.core.community import Role
from bot.core.refs import MemberRef
from bot.store import crowds, rollup_tables, tables
from bot.store.calendar_days import date_of, day_of, month_name
from bot.store.forgetting import mention_of
from bot.store.people import is_uncounted
from bot.store.roster import keys_of, numbers_of
from bot.store.sealing import opened_note
from bot.store.secrecy import Keys

_HIDDEN = frozenset({"folded_name", "folded_id"})
"""Copies of the name and the id that only serve finding."""


def all_about(connection: Connection, member: MemberRef, keys: Keys) -> dict[str, Any]:
    """Ready for JSON, moments in ISO 8601 and UTC. ``member`` is None when unknown. ``notes``, ``timers``;
    ``deliveries`` to them alone, without their text; ``decisions`` of theirs about other deliveries, ``changes`` they
    made in the calendar, ``items`` of theirs there and ``answers`` in the FAQ; what platforms ``put_aside``; ``pauses``
    they ordered; ``named_in``, what the bot said in channels with their name; ``signals`` one by one, and their
    ``counts`` by kind; what the ``roster`` of each month knows of them for the figures, and the ``days`` on which they
    stand in these; whether they are ``forgotten`` or ``uncounted``."""
    ref = str(member)
    member_key, known = keys.of_member(member), keys_of(connection, keys, member)
    row = connection.execute(select(tables.members).where(tables.members.c.ref == ref)).one_or_none()
    marked = tables.forgotten.c.member_key
    return {
        "member": None if row is None else _person(row),
        "notes": _notes(connection, ref, keys),
        "timers": _timers(connection, ref),
        "deliveries": _deliveries(connection, ref),
        "decisions": _decisions(connection, ref),
        "changes": _changes(connection, ref),
        "items": _items(connection, ref),
        "pauses": _pauses(connection, ref),
        "named_in": _named_in(connection, member),
        "signals": _signals(connection, member, known),
        "roster": _roster(connection, member, known),
        "answers": _answers(connection, ref),
        "put_aside": _put_aside(connection, ref),
        "counts": _counts(connection, member, known),
        "days": _days(connection, member, known),
        "forgotten": connection.scalar(select(marked).where(marked == member_key)) is not None,
        "uncounted": is_uncounted(connection, member_key),
    }


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row._mapping.items()
        if name not in _HIDDEN
    }


def _person(row: Row[Any]) -> dict[str, Any]:
    return {**_plain(row), "role": Role(row.role).name.lower()}


def _notes(connection: Connection, ref: str, keys: Keys) -> list[dict[str, Any]]:
    """With the words of their own questions that are kept while these are open."""
    column = tables.notes.c
    rows = connection.execute(
        select(column.workspace, column.kind, column.key, column.value)
        .where(column.member == ref)
        .order_by(column.kind, column.key)
    )
    found = []
    for row in rows:
        try:
            value = json.loads(opened_note(keys, row.workspace, row.kind, row.key, row.value))
        except ValueError:
            value = None  # Sealed with another secret: nobody can read it any more.
        found.append({"kind": row.kind, "key": row.key, "value": value})
    return found


def _timers(connection: Connection, ref: str) -> list[dict[str, Any]]:
    column = tables.timers.c
    return _listed(
        connection.execute(
            select(column.feature, column.name, column.key, column.due).where(column.member == ref).order_by(column.due)
        )
    )


def _deliveries(connection: Connection, ref: str) -> list[dict[str, Any]]:
    column = tables.deliveries.c
    return _listed(
        connection.execute(
            select(
                column.feature,
                column.kind,
                column.key,
                column.state,
                column.reason,
                column.due,
                column.out_at.label("sent_at"),
            )
            .where(or_(column.place == f"@{ref}", column.visible_to == ref, column.meant_for == ref))
            .order_by(column.id)
        )
    )


def _decisions(connection: Connection, ref: str) -> list[dict[str, Any]]:
    column = tables.decisions.c
    return _listed(connection.execute(select(column.what, column.at).where(column.by == ref).order_by(column.id)))


def _changes(connection: Connection, ref: str) -> list[dict[str, Any]]:
    column = tables.changes.c
    return _listed(
        connection.execute(
            select(column.number, column.at, column.subject, column.id).where(column.by == ref).order_by(column.number)
        )
    )


def _items(connection: Connection, ref: str) -> list[str]:
    column = tables.items.c
    return list(connection.scalars(select(column.id).where(column.owner == ref).order_by(column.id)))


def _pauses(connection: Connection, ref: str) -> list[dict[str, Any]]:
    column = tables.pauses.c
    return _listed(connection.execute(select(column.workspace, column.since, column.until).where(column.by == ref)))


def _named_in(connection: Connection, member: MemberRef) -> list[dict[str, Any]]:
    column = tables.deliveries.c
    return _listed(
        connection.execute(
            select(column.feature, column.key, column.place, column.due, column.state)
            .where(
                column.workspace == str(member.workspace),
                column.message.contains(mention_of(member), autoescape=True),
            )
            .order_by(column.id)
        )
    )


def _signals(connection: Connection, member: MemberRef, known: Sequence[bytes]) -> list[dict[str, Any]]:
    column = tables.signals.c
    return _listed(
        connection.execute(
            select(column.at, column.what, column.channel, column.about)
            .where(column.workspace == str(member.workspace), column.member_key.in_(known))
            .order_by(column.id)
        )
    )


def _roster(connection: Connection, member: MemberRef, known: Sequence[bytes]) -> list[dict[str, Any]]:
    """For each month that is open."""
    column = rollup_tables.roster.c
    rows = connection.execute(
        select(column.period, column.joined, column.first_day, column.team, column.manager)
        .where(column.workspace == str(member.workspace), column.member_key.in_(known))
        .order_by(column.period)
    )
    return [
        {
            "month": month_name(row.period),
            "joined": None if row.joined is None else month_name(row.joined),
            "first_day": date_of(row.first_day).isoformat(),
            "team": row.team,
            "manager": row.manager,
        }
        for row in rows
    ]


def _answers(connection: Connection, ref: str) -> list[str]:
    column = tables.answers.c
    return list(connection.scalars(select(column.slug).where(column.owner == ref).order_by(column.slug)))


def _put_aside(connection: Connection, ref: str) -> list[dict[str, Any]]:
    """What platforms keep for a while is sealed: that there is something, and until when."""
    column = tables.aside.c
    return _listed(
        connection.execute(select(column.name, column.until).where(column.member == ref).order_by(column.name))
    )


def _listed(rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    return [_plain(row) for row in rows]


def _counts(connection: Connection, member: MemberRef, known: Sequence[bytes]) -> dict[str, int]:
    column = tables.signals.c
    rows = connection.execute(
        select(column.what, func.count().label("number"))
        .where(column.workspace == str(member.workspace), column.member_key.in_(known))
        .group_by(column.what)
        .order_by(column.what)
    )
    return {row.what: row.number for row in rows}


def _days(connection: Connection, member: MemberRef, known: Sequence[bytes]) -> list[str]:
    column = tables.signals.c
    # Those that are not in the rollups yet are on the way there.
    fresh = connection.scalars(
        select(column.at).where(column.workspace == str(member.workspace), column.member_key.in_(known))
    )
    there = {day_of(at) for at in fresh}
    numbers = numbers_of(connection, str(member.workspace), known)
    days = crowds.read(connection, str(member.workspace), [""], crowds.CROWDS, None).get("", {})
    there |= {
        day for day, found in days.items() if any(number in crowd for crowd in found.values() for number in numbers)
    }
    return [date_of(day).isoformat() for day in sorted(there)]
