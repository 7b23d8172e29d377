"""The tables of the figures: who is who in the signals, and what the rollups hold. As in bot.store.tables, no word."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text, text
from sqlmodel import Field

from bot.store.moments import Moment
from bot.store.tables import Row, table_of


class PeriodRow(Row, table=True):
    """The key of each month's member keys, drawn at random and destroyed when the month is closed: from then on nobody,
    not even with the secret, can tell whose the keys of that month were. Month 0 is what was kept before there were
    months. ``closed_at``: its bitmaps are gone too, only counts are left."""

    __tablename__ = "signal_period"

    workspace: str = Field(primary_key=True, sa_type=Text)
    period: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    key: bytes | None = Field(sa_type=LargeBinary)
    closed_at: datetime | None = Field(sa_type=Moment)


class RosterRow(Row, table=True):
    """The number under which a month's member key stands in the bitmaps, and what the figures need to know of whoever
    that is: the month of joining, the day first seen, the team, whether they lead one. Kept apart from names; the rows
    of a month go when it is closed."""

    __tablename__ = "signal_member"
    __table_args__ = (
        Index("ix_signal_member_workspace_number", "workspace", "number"),
        Index("ix_signal_member_workspace_period", "workspace", "period"),
        Index("ix_signal_member_manager", "workspace", sqlite_where=text("manager"), postgresql_where=text("manager")),
    )

    workspace: str = Field(primary_key=True, sa_type=Text)
    member_key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    period: int = Field(sa_type=BigInteger)
    number: int = Field(sa_type=BigInteger)
    joined: int | None = Field(sa_type=BigInteger)
    first_day: int = Field(sa_type=BigInteger)
    team: str = Field(sa_type=Text)
    manager: bool


class CrowdRow(Row, table=True):
    """Who did what on a day, as roaring bitmaps of the roster's numbers. ``scope`` is empty for the workspace, ``#``
    and a channel's id, or ``joined/`` and a month, whose ``day`` is a month too and ``used`` all who were active. Days
    count from 1970, in UTC."""

    __tablename__ = "crowd"
    __table_args__ = (Index("ix_crowd_workspace_day", "workspace", "day"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    scope: str = Field(primary_key=True, sa_type=Text)
    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    posted: bytes | None = Field(sa_type=LargeBinary)
    replied: bytes | None = Field(sa_type=LargeBinary)
    reacted: bytes | None = Field(sa_type=LargeBinary)
    used: bytes | None = Field(sa_type=LargeBinary)
    joined: bytes | None = Field(sa_type=LargeBinary)
    left: bytes | None = Field(sa_type=LargeBinary)
    started: bytes | None = Field(sa_type=LargeBinary)
    received: bytes | None = Field(sa_type=LargeBinary)
    crossed: bytes | None = Field(sa_type=LargeBinary)
    stayed: bytes | None = Field(sa_type=LargeBinary)
    onboarded: bytes | None = Field(sa_type=LargeBinary)


class TallyRow(Row, table=True):
    """How often what happened on a day, in a scope as of :class:`CrowdRow`; ``about`` as of the signal, or empty for
    all."""

    __tablename__ = "tally"
    __table_args__ = (Index("ix_tally_workspace_day", "workspace", "day"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    scope: str = Field(primary_key=True, sa_type=Text)
    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    what: str = Field(primary_key=True, sa_type=Text)
    about: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(sa_type=BigInteger)


class HeadcountRow(Row, table=True):
    """How many people, of months that are closed: what is left of their bitmaps. ``day`` is the last of ``days`` days.
    No number below the threshold is ever written here."""

    __tablename__ = "headcount"
    __table_args__ = (Index("ix_headcount_workspace_day", "workspace", "day"),)

    workspace: str = Field(primary_key=True, sa_type=Text)
    scope: str = Field(primary_key=True, sa_type=Text)
    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    days: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    crowd: str = Field(primary_key=True, sa_type=Text)
    people: int = Field(sa_type=BigInteger)


class EffectRow(Row, table=True):
    """What followed one of the bot's posts within 48 hours in its channel, and the same over the comparable spans
    before it, on average. ``people``: how many wrote or reacted after the post."""

    __tablename__ = "effect"
    __table_args__ = (Index("ix_effect_workspace_at", "workspace", "at"),)

    delivery: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    workspace: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    item: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)
    comparable: int = Field(sa_type=BigInteger)
    replies: int = Field(sa_type=BigInteger)
    people: int = Field(sa_type=BigInteger)
    reactions: int = Field(sa_type=BigInteger)
    usual_replies: float
    usual_people: float
    usual_reactions: float


class FillRow(Row, table=True):
    """How far each statistic is kept: ``started_at`` later than ``done_at`` means that a run is under way or was
    killed, and the next goes on. ``upto``: the latest moment it has seen; ``number``: how much it did in all."""

    __tablename__ = "fill"

    statistic: str = Field(primary_key=True, sa_type=Text)
    started_at: datetime | None = Field(sa_type=Moment)
    done_at: datetime | None = Field(sa_type=Moment)
    upto: datetime | None = Field(sa_type=Moment)
    number: int = Field(sa_type=BigInteger)


class ErasureRow(Row, table=True):
    """Who asked to be forgotten, or not to be counted, and when: a mark without a name, applied again after a restore.
    ``applied`` is false for what a restored database still has to do."""

    __tablename__ = "erasure"

    member_key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    what: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=Moment)
    applied: bool


periods = table_of(PeriodRow)
roster = table_of(RosterRow)
crowds = table_of(CrowdRow)
tallies = table_of(TallyRow)
headcounts = table_of(HeadcountRow)
effects = table_of(EffectRow)
fills = table_of(FillRow)
erasures = table_of(ErasureRow)
