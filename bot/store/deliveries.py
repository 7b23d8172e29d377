"""Deliveries as rows of the ledger, and the actions that plan them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, and_, bindparam, delete, or_, select, update

from bot.core.actions import Admit, CallOff, Edit, React, Reword, Send, ShowHome, Withdraw
from bot.core.delivery import Delivery, Kind, State, Verb
from bot.core.ledger import in_digest
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef, Place, WorkspaceRef, place_key
from bot.store import tables
from bot.store.codec import from_message, to_message
from bot.store.commit import Commit
from bot.store.dialect import Insert, prepared
from bot.store.sealing import closed

PRIORITY = {kind.value: number for number, kind in enumerate(Kind)}
UNASKED = tuple(kind.value for kind in Kind if kind.unasked)
ARRIVED = (State.SENT.value, State.RECALLED.value)
"""States of what people got to see. What was recalled was seen too."""
RESENDABLE = (State.FAILED.value, State.UNCERTAIN.value)
"""States in which what one person was to see is kept for a while, so that it can be sent again."""

_ACTIVE = select(tables.members.c.active).where(tables.members.c.ref == bindparam("ref"))
_MEANT_FOR = select(tables.deliveries.c.meant_for).where(tables.deliveries.c.sent_as == bindparam("sent_as"))
_DIRECT = select(tables.channels.c.direct).where(tables.channels.c.ref == bindparam("ref"))


def _to_place(text: str) -> Place:
    return MemberRef.parse(text[1:]) if text.startswith("@") else ChannelRef.parse(text[1:])


def _message_ref(text: str | None) -> MessageRef | None:
    return MessageRef.parse(text) if text else None


def to_delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        key=row.key,
        workspace=WorkspaceRef.parse(row.workspace),
        feature=row.feature,
        kind=Kind(row.kind),
        to=_to_place(row.place),
        message=to_message(row.message),
        due=row.due,
        planned_for=row.planned_for,
        verb=Verb(row.verb),
        thread=_message_ref(row.thread),
        target=_message_ref(row.target),
        visible_to=MemberRef.parse(row.visible_to) if row.visible_to else None,
        emoji=row.emoji,
        expires=row.expires,
        state=State(row.state),
        reason=row.reason,
        attempts=row.attempts,
        sent_as=_message_ref(row.sent_as),
        sent_at=row.out_at if row.state in ARRIVED else None,
        created_at=row.created_at,
        answers=row.answers or "",
    )


def token_row(workspace: WorkspaceRef, key: str) -> bytes:
    """What the sealed token of a delivery is bound to."""
    return f"token\0{workspace}\0{key}".encode()


def send(commit: Commit, action: Send) -> None:
    """Nothing is planned for somebody who left."""
    key = action.key or commit.next_key()
    addressee = action.to if isinstance(action.to, MemberRef) else action.visible_to
    if addressee is not None and _has_left(commit, addressee):
        return
    _plan(
        commit,
        key=key,
        kind=action.kind.value,
        verb=Verb.SEND.value,
        place=place_key(action.to),
        message=closed(commit.keys, action.message),
        thread=str(action.thread) if action.thread else None,
        visible_to=str(action.visible_to) if action.visible_to else None,
        private=addressee is not None or action.meant_for is not None or _is_direct(commit, action.to),
        meant_for=str(action.meant_for) if action.meant_for else None,
        due=action.due or commit.at,
        expires=action.expires,
        answers=action.answers or None,
        token=commit.seal.close(action.token.encode(), token_row(commit.workspace, key)) if action.token else None,
    )


def edit(commit: Commit, action: Edit) -> None:
    _plan_change(commit, Verb.EDIT, action.target, action.key, message=action.message)


def withdraw(commit: Commit, action: Withdraw) -> None:
    _plan_change(commit, Verb.WITHDRAW, action.target, action.key)


def react(commit: Commit, action: React) -> None:
    _plan_change(commit, Verb.REACT, action.target, action.key, emoji=action.emoji)


def admit(commit: Commit, action: Admit) -> None:
    _plan(
        commit,
        key=action.key or commit.next_key(),
        kind=Kind.ANSWER.value,
        verb=Verb.ADMIT.value,
        place=place_key(action.channel),
        message=None,
        visible_to=str(action.member),
        private=True,
        due=commit.at,
    )


HOME_LASTS = timedelta(minutes=10)
"""A view that could not be shown for this long is let go: whoever opens their home again gets a newer one."""


def show_home(commit: Commit, action: ShowHome) -> None:
    """The newest view takes the place of all others of the member but one that is just being sent, which goes first."""
    if _has_left(commit, action.member):
        return
    column, place = tables.deliveries.c, place_key(action.member)
    commit.connection.execute(
        delete(tables.deliveries).where(
            column.place == place, column.verb == Verb.HOME.value, column.state != State.SENDING.value
        )
    )
    _plan(
        commit,
        key=commit.next_key(),
        kind=Kind.ANSWER.value,
        verb=Verb.HOME.value,
        place=place,
        message=from_message(action.view),
        private=True,
        due=commit.at,
        expires=commit.at + HOME_LASTS,
    )


def call_off(commit: Commit, action: CallOff) -> None:
    """What is kept private loses its words, as whatever is done with."""
    column = tables.deliveries.c
    planned = (*begins(commit.workspace, action.prefix), column.state == State.PLANNED.value)
    held = {"state": State.HELD_BACK.value, "reason": action.reason}
    commit.connection.execute(
        update(tables.deliveries).where(*planned, column.private.is_(True)).values(**held, message=None)
    )
    commit.connection.execute(update(tables.deliveries).where(*planned).values(**held))
    told = (*begins(commit.workspace, action.prefix), column.reason.startswith(in_digest("")))
    commit.connection.execute(update(tables.deliveries).where(*told).values(reason=action.reason))


def reword(commit: Commit, action: Reword) -> None:
    column = tables.deliveries.c
    commit.connection.execute(
        update(tables.deliveries)
        .where(
            column.workspace == str(commit.workspace),
            column.key == action.key,
            or_(
                column.state == State.PLANNED.value,
                and_(column.reason.startswith(in_digest("")), column.private.is_(False)),
            ),
            column.verb == Verb.SEND.value,
        )
        .values(message=closed(commit.keys, action.message))
    )


def begins(workspace: WorkspaceRef, prefix: str) -> tuple[ColumnElement[bool], ...]:
    """The deliveries whose key begins with ``prefix``, as a range that the index of keys serves in every database."""
    column = tables.deliveries.c
    return (column.workspace == str(workspace), column.key >= prefix, column.key < f"{prefix}\U0010ffff")


def _plan_change(
    commit: Commit, verb: Verb, target: MessageRef, key: str, *, message: Message | None = None, emoji: str = ""
) -> None:
    """Changes to what is already there are answers: no budget and no quiet hours hold them back."""
    _plan(
        commit,
        key=key or commit.next_key(),
        kind=Kind.ANSWER.value,
        verb=verb.value,
        place=place_key(target.channel),
        target=str(target),
        message=closed(commit.keys, message) if message else None,
        private=_is_private(commit, target),
        meant_for=commit.connection.scalar(_MEANT_FOR, {"sent_as": str(target)}),
        emoji=emoji,
        due=commit.at,
    )


def _has_left(commit: Commit, member: MemberRef) -> bool:
    return commit.connection.scalar(_ACTIVE, {"ref": str(member)}) is False


def _is_direct(commit: Commit, place: Place) -> bool:
    return bool(commit.connection.scalar(_DIRECT, {"ref": str(place)}))


def _is_private(commit: Commit, target: MessageRef) -> bool:
    column = tables.deliveries.c
    was_private = commit.connection.scalar(select(column.private).where(column.sent_as == str(target)))
    return bool(was_private) or _is_direct(commit, target.channel)


_BLANK: dict[str, Any] = {
    "thread": None,
    "target": None,
    "visible_to": None,
    "emoji": "",
    "expires": None,
    "state": State.PLANNED.value,
    "reason": "",
    "attempts": 0,
    "sent_as": None,
    "out_at": None,
    "answers": None,
    "token": None,
    "meant_for": None,
}


def _plan(commit: Commit, **values: Any) -> None:
    row = {
        **_BLANK,
        **values,
        "workspace": str(commit.workspace),
        "feature": commit.feature,
        "priority": PRIORITY[values["kind"]],
        "planned_for": values["due"],
        "created_at": commit.at,
    }
    number = commit.connection.scalar(_planning(commit.connection), row)
    if number is not None:
        commit.planned.append(number)


@prepared
def _planning(insert: Insert) -> Executable:
    statement = insert(tables.deliveries).on_conflict_do_nothing(index_elements=["workspace", "key"])
    return statement.returning(tables.deliveries.c.id)
