"""What becomes of deliveries by a person's or the digest's decision: sent again, let be, or told together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, case, or_, select, update

from bot.core.actions import Dismiss, Merge, Resend
from bot.core.delivery import State, Verb
from bot.core.ledger import OVER, Decision, in_digest
from bot.core.refs import MemberRef
from bot.store import tables
from bot.store.commit import Commit
from bot.store.deliveries import send

_deliveries = tables.deliveries.c
_decisions = tables.decisions.c
_NOT_WAITING = [State.SENDING.value, State.SENT.value, State.RECALLED.value, *(state.value for state in OVER)]


def waiting() -> ColumnElement[bool]:
    """A delivery nobody began to send, in whatever way it waits."""
    return _deliveries.state.not_in(_NOT_WAITING)


def dropped() -> ColumnElement[bool]:
    """Somebody decided to let the delivery be."""
    return select(_decisions.id).where(_decisions.delivery == _deliveries.id, _decisions.what == "drop").exists()


def resend(commit: Commit, action: Resend) -> None:
    """Does nothing when it went out meanwhile, is being sent, was dropped, or its words are gone: then a second press
    of the button changes nothing."""
    statement = (
        update(tables.deliveries)
        .where(
            *_over(commit, action.number),
            or_(_deliveries.verb != Verb.SEND.value, _deliveries.message.is_not(None)),
        )
        .values(
            state=State.PLANNED.value,
            reason="resent",
            attempts=0,
            due=commit.at,
            planned_for=commit.at,
            expires=None,
            out_at=None,
        )
    )
    if commit.connection.execute(statement).rowcount:
        _decide(commit, action, "resend")


def dismiss(commit: Commit, action: Dismiss) -> None:
    """Private words, kept only for this decision, go with it."""
    statement = (
        update(tables.deliveries)
        .where(*_over(commit, action.number))
        .values(message=case((_deliveries.private.is_(True), None), else_=_deliveries.message))
    )
    if commit.connection.execute(statement).rowcount:
        _decide(commit, action, "drop")


def merge(commit: Commit, action: Merge) -> None:
    where = [_deliveries.id.in_(action.parts), _deliveries.workspace == str(commit.workspace), waiting()]
    still = commit.connection.scalars(select(_deliveries.id).where(*where)).all()
    if len(still) != len(action.parts):
        return  # Another process told some of them meanwhile: what is left is told by the next digest.
    send(commit, action.into)
    commit.connection.execute(
        update(tables.deliveries)
        .where(*where)
        .values(
            state=State.HELD_BACK.value,
            reason=in_digest(action.into.key),
            message=case((_deliveries.private.is_(True), None), else_=_deliveries.message),
        )
    )


def _over(commit: Commit, number: int) -> list[ColumnElement[bool]]:
    return [
        _deliveries.id == number,
        _deliveries.workspace == str(commit.workspace),
        _deliveries.state.in_([state.value for state in OVER]),
        _deliveries.reason != "recalled",
        ~dropped(),
    ]


def _decide(commit: Commit, action: Resend | Dismiss, what: str) -> None:
    values = {"delivery": action.number, "what": what, "at": commit.at, "by": str(action.by)}
    commit.connection.execute(tables.decisions.insert(), values)


def latest(connection: Connection, numbers: Sequence[int]) -> Mapping[int, Decision]:
    """The latest decision about each delivery."""
    statement = select(tables.decisions).where(_decisions.delivery.in_(numbers)).order_by(_decisions.id)
    return {
        row.delivery: Decision(row.delivery, row.what, row.at, MemberRef.parse(row.by) if row.by else None)
        for row in connection.execute(statement)
    }
