"""Taking a person out of the figures: out of the signals, the bitmaps, and the small cells that would be about them.

Their signals stay without a member key, so that a channel's totals do not change by what one person did and nothing
tells any more that one person was behind them. Of days and channels in which so few others were there that the tallies
would tell of these, the tallies go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Executable, delete, select, update

from bot.core.actions import Uncount
from bot.core.refs import MemberRef
from bot.core.signals import THRESHOLD, What
from bot.store import crowds, rollup_tables, tables
from bot.store.commit import Commit
from bot.store.dialect import Insert, prepared
from bot.store.folding import CROSSED, GOT_ANSWER, RESPONSE, STAYED, fold
from bot.store.people import UNCOUNTED
from bot.store.roster import keys_of, numbers_of
from bot.store.secrecy import Keys

TALLIES_OF: Mapping[str, Sequence[str]] = {
    "posted": (What.POSTED, GOT_ANSWER, RESPONSE),
    "replied": (What.REPLIED, What.BOT_REPLIED),
    "reacted": (What.REACTED, What.BOT_REACTED),
    "used": (What.COMMAND, What.CLICKED, What.ASKED, What.ANSWERED, What.UNANSWERED, What.HELPED, What.NOT_HELPED),
    "joined": (What.JOINED,),
    "left": (What.LEFT,),
    "crossed": (CROSSED,),
    "stayed": (STAYED,),
    "onboarded": (What.JOURNEY_COMPLETED, What.CHARTER_ANSWERED),
}
"""Which tallies are about each crowd."""

_signals = tables.signals.c
_tallies = rollup_tables.tallies.c
_roster = rollup_tables.roster.c
_erasures = rollup_tables.erasures.c


def uncount(commit: Commit, action: Uncount) -> None:
    """From now on the member is not counted, nor is what they did before; or they are counted again from now on."""
    member_key = commit.keys.of_member(action.member)
    if action.counted:
        commit.connection.execute(
            delete(rollup_tables.erasures).where(_erasures.member_key == member_key, _erasures.what == UNCOUNTED)
        )
        return
    take_out(commit.connection, commit.keys, action.member)
    mark(commit.connection, member_key, UNCOUNTED, commit.at)


def take_out(connection: Connection, keys: Keys, member: MemberRef) -> None:
    """Let go of the member in all that figures are made of, in every month that is open; of the closed ones nobody can
    tell any more who was in them."""
    workspace, known = str(member.workspace), keys_of(connection, keys, member)
    for pair in [pair for pair in keys.enrolled if pair[0] == member]:
        del keys.enrolled[pair]
    if not known:
        return
    mine = _signals.member_key.in_(known)
    while connection.scalar(
        select(_signals.id).where(_signals.workspace == workspace, mine, _signals.rolled.is_(False)).limit(1)
    ):
        # What is not yet in the rollups gets there first, with everybody else's: then it is taken out like the rest.
        fold(connection)
    numbers = numbers_of(connection, workspace, known)
    if numbers:
        _drop_small_cells(connection, workspace, crowds.remove(connection, workspace, numbers))
        connection.execute(
            delete(rollup_tables.roster).where(_roster.workspace == workspace, _roster.number.in_(numbers))
        )
    connection.execute(update(tables.signals).where(_signals.workspace == workspace, mine).values(member_key=None))


def _drop_small_cells(connection: Connection, workspace: str, left: dict[tuple[str, int], dict[str, int]]) -> None:
    for (scope, day), crowd in left.items():
        told = [what for name, number in crowd.items() if number < THRESHOLD for what in TALLIES_OF.get(name, ())]
        if told:
            connection.execute(
                delete(rollup_tables.tallies).where(
                    _tallies.workspace == workspace,
                    _tallies.scope == scope,
                    _tallies.day == day,
                    _tallies.what.in_(told),
                )
            )


def mark(connection: Connection, member_key: bytes, what: str, at: datetime) -> None:
    """Note it in the list of erasures, which is applied again after a restore."""
    connection.execute(_marking(connection), {"member_key": member_key, "what": what, "at": at, "applied": True})


def to_apply(connection: Connection) -> Collection[tuple[bytes, str]]:
    """What a restored database still has to erase: lasting member keys, and what was asked for."""
    statement = select(_erasures.member_key, _erasures.what).where(_erasures.applied.is_(False))
    return [(bytes(row.member_key), row.what) for row in connection.execute(statement)]


@prepared
def _marking(insert: Insert) -> Executable:
    return insert(rollup_tables.erasures).on_conflict_do_update(
        index_elements=["member_key", "what"], set_={"applied": True}
    )
