"""The pause of everything unasked: one row that every process reads before each send."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Executable, delete, or_, select, update

from bot.core.actions import PauseAll, ResumeAll
from bot.core.delivery import State
from bot.core.ledger import Pause
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import tables
from bot.store.commit import Commit
from bot.store.dialect import Insert, prepared

EVERYWHERE = ""
"""The ``workspace`` of a pause over all of them."""
_columns = tables.pauses.c
_deliveries = tables.deliveries.c


def pause_all(commit: Commit, action: PauseAll) -> None:
    pause(commit.connection, Pause(commit.at, action.until, action.by))


def resume_all(commit: Commit, action: ResumeAll) -> None:
    resume(commit.connection, commit.at)


def pause(connection: Connection, wanted: Pause, workspace: WorkspaceRef | None = None) -> None:
    """Pause one workspace, or all. A pause already in force keeps its beginning; who changes it last is named."""
    where = str(workspace) if workspace else EVERYWHERE
    before = connection.execute(select(tables.pauses).where(_columns.workspace == where)).one_or_none()
    running = before is not None and (before.until is None or before.until > wanted.since)
    values = {
        "workspace": where,
        "since": before.since if before is not None and running else wanted.since,
        "until": wanted.until,
        "by": str(wanted.by) if wanted.by else None,
    }
    connection.execute(_setting(connection), values)
    # What waits for the end of a former pause waits for that of this one: it is looked at again at once.
    _wake(connection, wanted.since, workspace)


def resume(connection: Connection, now: datetime, workspace: WorkspaceRef | None = None) -> bool:
    """End the pause of one workspace, or every pause: what it held is due now, and goes as its own rules say. Whether
    there was one in force."""
    where = [_columns.workspace == str(workspace)] if workspace else []
    ends = connection.scalars(select(_columns.until).where(*where)).all()
    connection.execute(delete(tables.pauses).where(*where))
    _wake(connection, now, workspace)
    return any(until is None or until > now for until in ends)


def _wake(connection: Connection, now: datetime, workspace: WorkspaceRef | None) -> None:
    where = [_deliveries.workspace == str(workspace)] if workspace else []
    connection.execute(
        update(tables.deliveries)
        .where(_deliveries.state == State.PLANNED.value, _deliveries.reason == "paused", *where)
        .values(due=now)
    )


def in_force(connection: Connection, workspace: WorkspaceRef, now: datetime) -> Pause | None:
    """The pause that holds at ``now``; of two, the one that lasts longer."""
    rows = connection.execute(
        select(tables.pauses).where(
            _columns.workspace.in_([EVERYWHERE, str(workspace)]), or_(_columns.until.is_(None), _columns.until > now)
        )
    ).all()
    if not rows:
        return None
    row = max(rows, key=lambda each: (each.until is None, each.until or now))
    by = MemberRef.parse(row.by) if row.by else None
    return Pause(row.since, row.until, by, row.workspace == EVERYWHERE)


@prepared
def _setting(insert: Insert) -> Executable:
    statement = insert(tables.pauses)
    kept = {name: getattr(statement.excluded, name) for name in ("since", "until", "by")}
    return statement.on_conflict_do_update(index_elements=["workspace"], set_=kept)
