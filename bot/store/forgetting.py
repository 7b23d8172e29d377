"""Erasing a person.

Their row, roles, notes, timers and private deliveries are deleted. They are taken out of the figures as
bot.store.uncounting says. A mark under their
member key stays: it says that somebody is not to be counted or registered, and not who. What they changed in the
calendar stays changed, without their name.
"""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import Connection, Executable, delete, or_, select, update

from bot.core.actions import Forget
from bot.core.delivery import Delivery, State
from bot.core.refs import MemberRef
from bot.store import tables
from bot.store.answers import disown
from bot.store.commit import Commit
from bot.store.deliveries import RESENDABLE
from bot.store.dialect import Insert, prepared
from bot.store.editorial import forget_author
from bot.store.people import FORGOTTEN, forgotten_among
from bot.store.secrecy import Keys
from bot.store.uncounting import mark, take_out

_deliveries = tables.deliveries.c


def forget(commit: Commit, action: Forget) -> None:
    """What this very commit plans stays: the person is told that they have been forgotten."""
    connection, ref = commit.connection, str(action.member)
    member_key = commit.keys.of_member(action.member)
    connection.execute(delete(tables.members).where(tables.members.c.ref == ref))
    connection.execute(delete(tables.notes).where(tables.notes.c.member == ref))
    connection.execute(delete(tables.timers).where(tables.timers.c.member == ref))
    connection.execute(delete(tables.aside).where(tables.aside.c.member == ref))
    connection.execute(
        delete(tables.deliveries).where(
            or_(_deliveries.place == f"@{ref}", _deliveries.visible_to == ref, _deliveries.meant_for == ref),
            _deliveries.id.not_in(commit.planned),
        )
    )
    for by in (tables.decisions.c.by, tables.pauses.c.by):
        connection.execute(update(by.table).where(by == ref).values(by=None))
    _drop_mentions(connection, action.member)
    forget_author(connection, action.member)
    disown(connection, ref)
    _drop_unsent(connection, action.member)
    take_out(connection, commit.keys, action.member)
    connection.execute(_marking(connection), {"member_key": member_key})
    mark(connection, member_key, FORGOTTEN, commit.at)


@prepared
def _marking(insert: Insert) -> Executable:
    return insert(tables.forgotten).on_conflict_do_nothing(index_elements=["member_key"])


def mention_of(member: MemberRef) -> str:
    """How a real mention of the member stands in a message (see :func:`bot.core.message.mention`)."""
    return f"(mention:{quote(member.id, safe='')})"


def _drop_mentions(connection: Connection, member: MemberRef) -> None:
    """What was said in channels and names them is no longer needed word for word."""
    connection.execute(
        update(tables.deliveries)
        .where(
            _deliveries.workspace == str(member.workspace),
            _deliveries.state.not_in([State.PLANNED.value, State.SENDING.value]),
            _deliveries.message.contains(mention_of(member), autoescape=True),
        )
        .values(message=None)
    )


def _drop_unsent(connection: Connection, member: MemberRef) -> None:
    """What could not be said in conversations with one person. Which of them is this member's is not kept, so all of
    the workspace's go: better nothing to send again than a word too many about somebody forgotten."""
    connection.execute(
        update(tables.deliveries)
        .where(
            _deliveries.workspace == str(member.workspace),
            _deliveries.state.in_(RESENDABLE),
            _deliveries.private.is_(True),
            _deliveries.place.startswith("#", autoescape=True),
            _deliveries.visible_to.is_(None),
        )
        .values(message=None)
    )


def forget_addressee(connection: Connection, keys: Keys, delivery: Delivery) -> None:
    """A delivery that went to somebody forgotten (the confirmation itself) goes once it is done with."""
    addressee = delivery.to if isinstance(delivery.to, MemberRef) else delivery.visible_to
    if addressee is None:
        meant = connection.scalar(select(_deliveries.meant_for).where(_deliveries.id == delivery.id))
        addressee = MemberRef.parse(meant) if meant else None
    if addressee is not None and forgotten_among(connection, [keys.of_member(addressee)]):
        connection.execute(delete(tables.deliveries).where(_deliveries.id == delivery.id))
