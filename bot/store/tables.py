"""The tables. No member's words are in any of them; see each table for what is.

The migrations in bot/store/migrations bring a database to exactly this; a test compares the two.
Refs are kept in their text form (see bot.core.refs), moments as :class:`~bot.store.moments.Moment`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, text
from sqlmodel import Field, SQLModel

from bot.store.moments import Moment

REVISION = "0013"
"""The schema these tables are: the newest migration. A test holds the two together, so that a start need not load
Alembic only to find that there is nothing to do."""

_ROWID = BigInteger().with_variant(Integer, "sqlite")
"""A number given by the database; SQLite gives them to plain INTEGER keys only."""

_ORDERED = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is searched by its beginning or walked in the order of its characters, which is Python's and SQLite's own;
PostgreSQL would otherwise follow a language's."""

_NEVER_AGAIN = {"sqlite_autoincrement": True}
"""SQLite would otherwise give the number of an erased last row to the next one, and whoever still holds the erased
one would act on its successor."""


class Row(SQLModel):
    """The base of all tables, with names for constraints that are the same in every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class MemberRow(Row, table=True):
    """Who is who. ``folded_name`` and ``folded_id`` are for finding people whatever the case they are typed in."""

    __tablename__ = "member"
    __table_args__ = (
        Index("ix_member_workspace_role", "workspace", "role"),
        Index("ix_member_workspace_folded_name", "workspace", "folded_name"),
        Index("ix_member_workspace_folded_id", "workspace", "folded_id"),
    )

    ref: str = Field(primary_key=True, sa_type=Text)
    workspace: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    folded_name: str = Field(sa_type=Text)
    folded_id: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    language_chosen: bool
    zone: str = Field(sa_type=Text)
    guest: bool
    manager: bool
    bot: bool
    active: bool
    role: int = Field(sa_type=SmallInteger)
    muted_until: datetime | None = Field(sa_type=Moment)
    away_until: datetime | None = Field(sa_type=Moment)
    joined_at: datetime | None = Field(sa_type=Moment)
    team: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})


class ChannelRow(Row, table=True):
    """The places to talk. ``tags`` is a JSON list."""

    __tablename__ = "channel"
    __table_args__ = (Index("ix_channel_workspace_name", "workspace", "name"),)

    ref: str = Field(primary_key=True, sa_type=Text)
    workspace: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    direct: bool
    archived: bool
    tags: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    zone: str = Field(sa_type=Text)
    one_way: bool
    last_message_at: datetime | None = Field(sa_type=Moment)


class InboxRow(Row, table=True):
    """Events by their platform's id. ``payload`` is sealed while the event waits and NULL once it is handled, like
    ``lane``, in whose order it is handled (see :func:`bot.core.events.place_of`)."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("uq_inbox_workspace_event_id", "workspace", "event_id", unique=True),
        Index(
            "ix_inbox_waiting",
            "number",
            sqlite_where=text("handled_at IS NULL"),
            postgresql_where=text("handled_at IS NULL"),
        ),
        _NEVER_AGAIN,
    )

    number: int = Field(primary_key=True, sa_type=cast(Any, _ROWID))
    workspace: str = Field(sa_type=Text)
    event_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)
    payload: bytes | None = Field(sa_type=LargeBinary)
    handled_at: datetime | None = Field(sa_type=Moment)
    unreadable: bool
    lane: str | None = Field(sa_type=Text)


class DeliveryRow(Row, table=True):
    """The ledger: what the bot says, never what it was told.

    ``place`` is ``#`` and a channel's ref, or ``@`` and a member's: the two could otherwise be the same text.
    ``priority`` is the place of ``kind`` in their order. ``private``: only one person sees it, so ``message`` (JSON)
    goes once it is done with, or a few days later where it may not have arrived. ``out_at``: when it last left for the
    platform. ``answers``: the id of the event that it answers, as the platform gave it. ``token``: what the platform
    needs to answer it, sealed; NULL once it is done with. ``meant_for``: with whom the direct conversation is that it
    goes to.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("uq_delivery_workspace_key", "workspace", "key", unique=True),
        Index("ix_delivery_workspace_id", "workspace", "id"),
        Index("ix_delivery_state_due", "state", "due"),
        Index("ix_delivery_state_place", "state", "place"),
        Index("ix_delivery_place_out_at", "place", "out_at"),
        Index("ix_delivery_workspace_out_at", "workspace", "out_at"),
        Index("ix_delivery_sent_as", "sent_as"),
        Index("ix_delivery_meant_for", "meant_for"),
        _NEVER_AGAIN,
    )

    id: int = Field(primary_key=True, sa_type=cast(Any, _ROWID))
    workspace: str = Field(sa_type=Text)
    key: str = Field(sa_type=cast(Any, _ORDERED))
    feature: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    priority: int = Field(sa_type=SmallInteger)
    verb: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    thread: str | None = Field(sa_type=Text)
    target: str | None = Field(sa_type=Text)
    visible_to: str | None = Field(sa_type=Text)
    private: bool
    message: str | None = Field(sa_type=Text)
    emoji: str = Field(sa_type=Text)
    due: datetime = Field(sa_type=Moment)
    planned_for: datetime = Field(sa_type=Moment)
    expires: datetime | None = Field(sa_type=Moment)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    attempts: int
    sent_as: str | None = Field(sa_type=Text)
    out_at: datetime | None = Field(sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
    answers: str | None = Field(sa_type=Text)
    token: bytes | None = Field(sa_type=LargeBinary)
    meant_for: str | None = Field(sa_type=Text)


class DecisionRow(Row, table=True):
    """What people decided about deliveries that did not go out. ``by`` is NULL once they have been forgotten."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_delivery", "delivery"), Index("ix_decision_by", "by"))

    id: int = Field(primary_key=True, sa_type=cast(Any, _ROWID))
    delivery: int = Field(sa_type=BigInteger)
    what: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)
    by: str | None = Field(sa_type=Text)


class PauseRow(Row, table=True):
    """Nothing unasked leaves. ``workspace`` is empty for all of them. ``by``: who paused; NULL for the administrator at
    the command line, or once they have been forgotten."""

    __tablename__ = "pause"

    workspace: str = Field(primary_key=True, sa_type=Text)
    since: datetime = Field(sa_type=Moment)
    until: datetime | None = Field(sa_type=Moment)
    by: str | None = Field(sa_type=Text)


class TimerRow(Row, table=True):
    """Durable timers. ``member``: whom it is about."""

    __tablename__ = "timer"
    __table_args__ = (Index("ix_timer_due", "due"), Index("ix_timer_member", "member"))

    workspace: str = Field(primary_key=True, sa_type=Text)
    feature: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    due: datetime = Field(sa_type=Moment)
    member: str | None = Field(sa_type=Text)


class NoteRow(Row, table=True):
    """What features remember, as JSON. ``kind`` is such as ``nudge.Snooze``. ``member``: whom it is about."""

    __tablename__ = "note"
    __table_args__ = (Index("ix_note_member", "member"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(sa_type=Text)
    member: str | None = Field(sa_type=Text)


class SignalRow(Row, table=True):
    """That something happened. ``member_key`` cannot be turned back into a member without the secret and the key of its
    month (bot.store.rollup_tables.PeriodRow); it is NULL where nobody in particular did it, or where the person has
    been forgotten.
    ``reply_to``: the ``source`` of the message answered or reacted to. ``answered_at``: when somebody else first
    answered a message. ``rolled``: whether it is in the rollups yet."""

    __tablename__ = "signal"
    __table_args__ = (
        Index("uq_signal_workspace_source", "workspace", "source", unique=True),
        Index("ix_signal_workspace_what_at", "workspace", "what", "at"),
        Index("ix_signal_workspace_at", "workspace", "at"),
        Index("ix_signal_workspace_channel_at", "workspace", "channel", "at"),
        Index("ix_signal_workspace_member_at", "workspace", "member_key", "at"),
        Index(
            "ix_signal_workspace_reply_to",
            "workspace",
            "reply_to",
            sqlite_where=text("reply_to IS NOT NULL"),
            postgresql_where=text("reply_to IS NOT NULL"),
        ),
        Index("ix_signal_to_roll", "id", sqlite_where=text("NOT rolled"), postgresql_where=text("NOT rolled")),
    )

    id: int = Field(primary_key=True, sa_type=cast(Any, _ROWID))
    workspace: str = Field(sa_type=Text)
    source: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=Moment)
    what: str = Field(sa_type=Text)
    channel: str | None = Field(sa_type=Text)
    member_key: bytes | None = Field(sa_type=LargeBinary)
    about: str = Field(sa_type=Text)
    reply_to: bytes | None = Field(sa_type=LargeBinary)
    answered_at: datetime | None = Field(sa_type=Moment)
    rolled: bool = Field(sa_column_kwargs={"server_default": text("false")})


class ProcessRow(Row, table=True):
    """Processes that share the database: each is believed to live ``until`` then."""

    __tablename__ = "process"

    id: str = Field(primary_key=True, sa_type=Text)
    until: datetime = Field(sa_type=Moment)
    started_at: datetime = Field(sa_type=Moment)
    role: str = Field(sa_type=Text)
    version: str = Field(sa_type=Text)


class LeaseRow(Row, table=True):
    """Who works on what (see :mod:`bot.core.leases`). ``ready_at``: not to be taken before. ``rested_at``: when the
    pace of what it stands for is as if never used."""

    __tablename__ = "lease"
    __table_args__ = (Index("ix_lease_owner", "owner"),)

    name: str = Field(primary_key=True, sa_type=Text)
    owner: str | None = Field(sa_type=Text)
    taken_at: datetime = Field(sa_type=Moment)
    ready_at: datetime | None = Field(sa_type=Moment)
    rested_at: datetime | None = Field(sa_type=Moment)


class CommitMarkRow(Row, table=True):
    """On PostgreSQL, the mark of each writer's last commit, by which it learns whether one that was cut off is there
    (see :mod:`bot.store.postgres`)."""

    __tablename__ = "commit_mark"

    writer: str = Field(primary_key=True, sa_type=Text)
    mark: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)


class InstallationRow(Row, table=True):
    """Workspaces that connected themselves. ``credentials`` is JSON, sealed. Nobody's name is kept: not who did it."""

    __tablename__ = "installation"

    workspace: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    credentials: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=Moment)


class SpentRow(Row, table=True):
    """What is good only once and was used: remembered ``until`` it would be worth nothing anyway."""

    __tablename__ = "spent"

    mark: str = Field(primary_key=True, sa_type=Text)
    until: datetime = Field(sa_type=Moment)


class ForgottenRow(Row, table=True):
    """The member keys of people who asked to be forgotten: a mark without a name, so that it holds."""

    __tablename__ = "forgotten"

    member_key: bytes = Field(primary_key=True, sa_type=LargeBinary)


class OccurrenceRow(Row, table=True):
    """Moments of calendar items, made ahead. ``at`` names it and never changes; ``due`` is when it goes out."""

    __tablename__ = "occurrence"
    __table_args__ = (Index("ix_occurrence_workspace_state_due", "workspace", "state", "due"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    item: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(primary_key=True, sa_type=Moment)
    zone: str = Field(primary_key=True, sa_type=Text)
    due: datetime = Field(sa_type=Moment)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)


class PlanRow(Row, table=True):
    """How far each calendar item is planned, and the fingerprint of what its moments depend on."""

    __tablename__ = "plan"

    workspace: str = Field(primary_key=True, sa_type=Text)
    item: str = Field(primary_key=True, sa_type=cast(Any, _ORDERED))
    print: str = Field(sa_type=Text)
    until: datetime = Field(sa_type=Moment)


class ItemRow(Row, table=True):
    """Calendar items made in chat: the animators' words, as JSON. ``owner`` is a role or a member's ref."""

    __tablename__ = "item"
    __table_args__ = (Index("ix_item_owner", "owner"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    item: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    version: int


class ChangeRow(Row, table=True):
    """Who changed what in the calendar; ``by`` goes once that person asks to be forgotten. ``item`` is the item's id,
    ``id`` what exactly was changed; ``before`` and ``after`` are JSON, empty where there was or is nothing."""

    __tablename__ = "change"
    __table_args__ = (
        Index("ix_change_workspace_item", "workspace", "item", "number"),
        Index("ix_change_by", "by", "number"),
        _NEVER_AGAIN,
    )

    number: int = Field(primary_key=True, sa_type=cast(Any, _ROWID))
    workspace: str = Field(sa_type=Text)
    by: str | None = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)
    subject: str = Field(sa_type=Text)
    item: str = Field(sa_type=Text)
    id: str = Field(sa_type=Text)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)
    undoes: int | None = Field(sa_type=cast(Any, _ROWID))
    undone_by: int | None = Field(sa_type=cast(Any, _ROWID))


class AsideRow(Row, table=True):
    """What platforms put aside (see :class:`bot.core.platform.Drawer`): ``value`` is sealed. ``member``: whom it is
    about."""

    __tablename__ = "aside"
    __table_args__ = (Index("ix_aside_member", "member"), Index("ix_aside_until", "until"))

    workspace: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=cast(Any, _ORDERED))
    value: bytes = Field(sa_type=LargeBinary)
    until: datetime = Field(sa_type=Moment)
    member: str | None = Field(sa_type=Text)


class AnswerRow(Row, table=True):
    """Answers of the FAQ written in chat: the animators' words, as JSON. ``owner`` is a role or a member's ref;
    ``changed`` says when it was last written."""

    __tablename__ = "answer"
    __table_args__ = (Index("ix_answer_owner", "owner"), Index("ix_answer_state", "state"))

    workspace: str = Field(primary_key=True, sa_type=Text)
    slug: str = Field(primary_key=True, sa_type=Text)
    answer: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    version: int
    changed: datetime = Field(sa_type=Moment)


def table_of(row: type[Row]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]  # SQLModel adds it to classes with table=True.


members = table_of(MemberRow)
channels = table_of(ChannelRow)
inbox = table_of(InboxRow)
deliveries = table_of(DeliveryRow)
decisions = table_of(DecisionRow)
pauses = table_of(PauseRow)
timers = table_of(TimerRow)
notes = table_of(NoteRow)
signals = table_of(SignalRow)
installations = table_of(InstallationRow)
spent = table_of(SpentRow)
forgotten = table_of(ForgottenRow)
occurrences = table_of(OccurrenceRow)
plans = table_of(PlanRow)
items = table_of(ItemRow)
changes = table_of(ChangeRow)
processes = table_of(ProcessRow)
leases = table_of(LeaseRow)
answers = table_of(AnswerRow)
aside = table_of(AsideRow)
