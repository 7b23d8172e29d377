"""The list of erasures: who asked to be forgotten, or not to be counted, so that a restore undoes none of it.

A backup knows nothing of what was asked after it was made. When it is put in place of a database, that one's list goes
along, as does one that was written to a file meanwhile (``allant db erasures``) where the database itself is lost; what
it asks for is done before anything else when Allant next opens the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Executable, inspect, select, update

from bot.core.actions import Forget, Uncount
from bot.core.errors import BadInput
from bot.core.refs import MemberRef
from bot.store import rollup_tables, tables
from bot.store.commit import Commit
from bot.store.dialect import WRITES, Insert, engine_for, prepared
from bot.store.forgetting import forget
from bot.store.people import FORGOTTEN, UNCOUNTED
from bot.store.secrecy import Keys, Seal
from bot.store.uncounting import mark, to_apply, uncount

_erasures = rollup_tables.erasures.c


@dataclass(frozen=True, slots=True)
class Erasure:
    """One line of the list: a lasting member key, what was asked for, and when."""

    member_key: bytes
    what: str
    at: datetime


def listed(connection: Connection) -> list[Erasure]:
    """The database's list; of one that has none yet, who was forgotten."""
    names = set(inspect(connection).get_table_names())
    found = []
    if "erasure" in names:
        rows = connection.execute(select(_erasures.member_key, _erasures.what, _erasures.at))
        found = [Erasure(bytes(row.member_key), row.what, row.at) for row in rows]
    return found


def listed_at(url: str) -> list[Erasure]:
    """As :func:`listed`, of the database at ``url``; none where it cannot be read any more."""
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            return listed(connection)
    except Exception:  # It is damaged, which may be why it is being replaced.
        return []
    finally:
        engine.dispose()


def enlist(connection: Connection, erasures: Iterable[Erasure]) -> None:
    """Have these done when Allant next opens the database, unless they were before."""
    rows = [{"member_key": each.member_key, "what": each.what, "at": each.at, "applied": False} for each in erasures]
    if rows:
        connection.execute(_enlisting(connection), rows)


def enlist_at(url: str, erasures: Sequence[Erasure]) -> None:
    engine = engine_for(url)
    try:
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            enlist(connection, erasures)
    finally:
        engine.dispose()


def write_list(erasures: Sequence[Erasure], target: Path) -> None:
    """One JSON object a line. No name is in it."""
    lines = [
        json.dumps({"member_key": each.member_key.hex(), "what": each.what, "at": each.at.isoformat()})
        for each in erasures
    ]
    target.write_text("\n".join([*lines, ""]), encoding="utf-8")


def read_list(source: Path) -> list[Erasure]:
    """Raises BadInput naming the line that is wrong."""
    found = []
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{source}: cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        try:
            said = json.loads(line)
            one = Erasure(bytes.fromhex(said["member_key"]), said["what"], datetime.fromisoformat(said["at"]))
            if one.what not in (FORGOTTEN, UNCOUNTED) or one.at.tzinfo is None:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{source}:{number}: is no line that `allant db erasures` writes") from None
        found.append(one)
    return found


def apply_waiting(connection: Connection, keys: Keys, seal: Seal, at: datetime) -> int:
    """Do what a restored database still has to; how many erasures that were."""
    waiting = to_apply(connection)
    if not waiting:
        return 0
    people = {
        keys.of_member(member): member
        for member in map(MemberRef.parse, connection.scalars(select(tables.members.c.ref)))
    }
    for member_key, what in waiting:
        member = people.get(member_key)
        if member is not None:
            commit = Commit(connection, keys, seal, member.workspace, at, "restore")
            if what == FORGOTTEN:
                forget(commit, Forget(member))
            else:
                uncount(commit, Uncount(member))
        elif what == FORGOTTEN:
            connection.execute(_marking(connection), {"member_key": member_key})
        mark(connection, member_key, what, at)
    connection.execute(update(rollup_tables.erasures).values(applied=True))
    return len(waiting)


@prepared
def _enlisting(insert: Insert) -> Executable:
    return insert(rollup_tables.erasures).on_conflict_do_nothing(index_elements=["member_key", "what"])


@prepared
def _marking(insert: Insert) -> Executable:
    return insert(tables.forgotten).on_conflict_do_nothing(index_elements=["member_key"])
