"""Who did what on a day, as roaring bitmaps of the roster's numbers: exact, small, and quick to unite.

Roaring bitmaps (https://roaringbitmap.org, pyroaring) hold 200,000 people in at most 25 kilobytes, tell how many are
in the union of 28 days in a fraction of a millisecond, and let go of one person, which a sketch such as HyperLogLog
cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Connection, Executable, delete, select, tuple_

from bot.store import rollup_tables
from bot.store.dialect import Insert, prepared

CROWDS = (
    "posted",  # wrote at the root of a channel
    "replied",  # wrote in a thread
    "reacted",
    "used",  # gave the bot a command, pressed a button, asked the FAQ
    "joined",  # the workspace for the first time; for a channel, that channel
    "left",
    "started",  # wrote something that somebody else answered
    "received",  # wrote something that somebody else reacted to
    "crossed",  # answered somebody of another team
    "stayed",  # answered somebody of their own team
    "onboarded",  # completed the journey, or answered a charter
)
ACTIVE = ("posted", "replied", "reacted", "used")
WRITING = ("posted", "replied")

Place = tuple[str, str, int]
"""Workspace, scope and day: the key of a day's crowds."""

AT_ONCE = 300
"""Rows asked for at once."""

_crowds = rollup_tables.crowds.c
_BITMAPS = [rollup_tables.crowds.c[name] for name in CROWDS]


def opened(blob: bytes | None) -> BitMap:
    """A bitmap from its column."""
    return BitMap() if blob is None else BitMap.deserialize(bytes(blob))


def closed(crowd: BitMap) -> bytes | None:
    """As it is kept: NULL for nobody."""
    if not crowd:
        return None
    crowd.run_optimize()
    return crowd.serialize()


def add(connection: Connection, new: Mapping[Place, Mapping[str, Iterable[int]]]) -> None:
    """Let these people be in these crowds; who is there already stays there once."""
    places = sorted(new)  # In one order, so that two processes do not hold each other up.
    for start in range(0, len(places), AT_ONCE):
        chosen = places[start : start + AT_ONCE]
        found = _rows(connection, chosen)
        rows = []
        for place in chosen:
            row: dict[str, Any] = found.get(place) or dict.fromkeys(CROWDS)
            for name, numbers in new[place].items():
                crowd = opened(row[name])
                crowd.update(numbers)
                row[name] = closed(crowd)
            rows.append({"workspace": place[0], "scope": place[1], "day": place[2], **row})
        connection.execute(_writing(connection), rows)


def _rows(connection: Connection, places: Sequence[Place]) -> dict[Place, dict[str, Any]]:
    """The bitmaps that are there, as they are kept."""
    statement = select(_crowds.workspace, _crowds.scope, _crowds.day, *_BITMAPS).where(
        tuple_(_crowds.workspace, _crowds.scope, _crowds.day).in_(places)
    )
    return {(row[0], row[1], row[2]): dict(zip(CROWDS, row[3:], strict=True)) for row in connection.execute(statement)}


def remove(connection: Connection, workspace: str, numbers: Iterable[int]) -> dict[tuple[str, int], dict[str, int]]:
    """Let go of these people everywhere in the workspace; the scopes and days they were in, with how many are left of
    each crowd they were in."""
    gone = BitMap(numbers)
    days = [
        day
        for day, found in read(connection, workspace, [""], CROWDS, None).get("", {}).items()
        if any(crowd.intersect(gone) for crowd in found.values())
    ]
    left: dict[tuple[str, int], dict[str, int]] = {}
    for start in range(0, len(days), AT_ONCE):
        chosen = days[start : start + AT_ONCE]
        _remove(connection, workspace, _crowds.day.in_(chosen), gone, left)
    _remove(connection, workspace, _crowds.scope.startswith("joined/"), gone, {})
    return left


def unjoin(connection: Connection, workspace: str, number: int, joined: int | None, day: int) -> list[int]:
    """Somebody did not join on this day, in the month ``joined``; the months in which those of that month count them as
    active, and do no more."""
    gone = BitMap([number])
    row = _rows(connection, [(workspace, "", day)]).get((workspace, "", day))
    if row is not None and row["joined"] is not None:
        row["joined"] = closed(opened(row["joined"]) - gone)
        connection.execute(_writing(connection), [{"workspace": workspace, "scope": "", "day": day, **row}])
    if joined is None:
        return []
    scope = f"joined/{joined}"
    months = [
        month
        for month, found in read(connection, workspace, [scope], ("used",), None).get(scope, {}).items()
        if number in found.get("used", ())
    ]
    _remove(connection, workspace, _crowds.scope == scope, gone, {})
    return months


def _remove(
    connection: Connection, workspace: str, where: Any, gone: BitMap, left: dict[tuple[str, int], dict[str, int]]
) -> None:
    statement = select(_crowds.scope, _crowds.day, *_BITMAPS).where(_crowds.workspace == workspace, where)
    rows = []
    for scope, day, *blobs in connection.execute(statement):
        found = {name: opened(blob) for name, blob in zip(CROWDS, blobs, strict=True)}
        touched = {name: crowd for name, crowd in found.items() if crowd.intersect(gone)}
        if not touched:
            continue
        for crowd in touched.values():
            crowd -= gone
        left[scope, day] = {name: len(crowd) for name, crowd in touched.items()}
        rows.append(
            {
                "workspace": workspace,
                "scope": scope,
                "day": day,
                **{name: closed(crowd) for name, crowd in found.items()},
            }
        )
    if rows:
        connection.execute(_writing(connection), rows)
    connection.execute(
        delete(rollup_tables.crowds).where(
            _crowds.workspace == workspace, where, *(column.is_(None) for column in _BITMAPS)
        )
    )


def read(
    connection: Connection,
    workspace: str,
    scopes: Sequence[str] | None,
    names: Sequence[str],
    days: tuple[int, int] | None,
) -> dict[str, dict[int, dict[str, BitMap]]]:
    """The crowds ``names`` by scope and day, of the days from and to which are both included. None: all channels, all
    days. Nobody's are left out."""
    where = [_crowds.workspace == workspace]
    if scopes is not None:
        where.append(_crowds.scope.in_(scopes))
    else:
        where.append(_crowds.scope.startswith("#", autoescape=True))
    if days is not None:
        where += [_crowds.day >= days[0], _crowds.day <= days[1]]
    columns = [rollup_tables.crowds.c[name] for name in names]
    found: dict[str, dict[int, dict[str, BitMap]]] = {}
    for scope, day, *blobs in connection.execute(select(_crowds.scope, _crowds.day, *columns).where(*where)):
        found.setdefault(scope, {})[day] = {
            name: BitMap.deserialize(blob) for name, blob in zip(names, blobs, strict=True) if blob is not None
        }
    return found


@prepared
def _writing(insert: Insert) -> Executable:
    statement = insert(rollup_tables.crowds)
    return statement.on_conflict_do_update(
        index_elements=["workspace", "scope", "day"], set_={name: statement.excluded[name] for name in CROWDS}
    )
