"""Rollups kept up to date as signals arrive, member keys that rotate by month, teams, and a list of erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("member", sa.Column("team", sa.Text(), nullable=False, server_default=""))
    op.add_column("signal", sa.Column("reply_to", sa.LargeBinary(), nullable=True))
    op.add_column("signal", sa.Column("answered_at", sa.BigInteger(), nullable=True))
    op.add_column("signal", sa.Column("rolled", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    _signals_found()
    _people()
    _figures()
    _carry_over()


def _signals_found() -> None:
    answered, to_roll = sa.text("reply_to IS NOT NULL"), sa.text("NOT rolled")
    op.create_index(
        "ix_signal_workspace_reply_to",
        "signal",
        ["workspace", "reply_to"],
        sqlite_where=answered,
        postgresql_where=answered,
    )
    op.create_index("ix_signal_to_roll", "signal", ["id"], sqlite_where=to_roll, postgresql_where=to_roll)


def _people() -> None:
    op.create_table(
        "signal_period",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "period", name="pk_signal_period"),
    )
    op.create_table(
        "signal_member",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("member_key", sa.LargeBinary(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("joined", sa.BigInteger(), nullable=True),
        sa.Column("first_day", sa.BigInteger(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("manager", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "member_key", name="pk_signal_member"),
    )
    op.create_index("ix_signal_member_workspace_number", "signal_member", ["workspace", "number"])
    op.create_index("ix_signal_member_workspace_period", "signal_member", ["workspace", "period"])
    leads = sa.text("manager")
    op.create_index(
        "ix_signal_member_manager", "signal_member", ["workspace"], sqlite_where=leads, postgresql_where=leads
    )
    op.create_table(
        "erasure",
        sa.Column("member_key", sa.LargeBinary(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("member_key", "what", name="pk_erasure"),
    )


def _figures() -> None:
    crowds = "posted replied reacted used joined left started received crossed stayed onboarded"
    op.create_table(
        "crowd",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False, autoincrement=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=True) for name in crowds.split()),
        sa.PrimaryKeyConstraint("workspace", "scope", "day", name="pk_crowd"),
    )
    op.create_index("ix_crowd_workspace_day", "crowd", ["workspace", "day"])
    op.create_table(
        "tally",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "scope", "day", "what", "about", name="pk_tally"),
    )
    op.create_index("ix_tally_workspace_day", "tally", ["workspace", "day"])
    op.create_table(
        "headcount",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("days", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("crowd", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "scope", "day", "days", "crowd", name="pk_headcount"),
    )
    op.create_index("ix_headcount_workspace_day", "headcount", ["workspace", "day"])
    op.create_table(
        "effect",
        sa.Column("delivery", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("comparable", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("replies", "people", "reactions")),
        *(sa.Column(f"usual_{name}", sa.Float(), nullable=False) for name in ("replies", "people", "reactions")),
        sa.PrimaryKeyConstraint("delivery", name="pk_effect"),
    )
    op.create_index("ix_effect_workspace_at", "effect", ["workspace", "at"])
    op.create_table(
        "fill",
        sa.Column("statistic", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("upto", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("statistic", name="pk_fill"),
    )


def _carry_over() -> None:
    """What was counted before is in the rollups at the next start; its member keys belong to month 0, and the people
    who were forgotten stay so after a restore."""
    day = 24 * 3600 * 1_000_000
    op.execute(
        "INSERT INTO signal_period (workspace, period) SELECT DISTINCT workspace, 0 "
        "FROM signal WHERE member_key IS NOT NULL"
    )
    op.execute(
        "INSERT INTO signal_member (workspace, member_key, period, number, first_day, team, manager) "  # noqa: S608  # Names of our own only.
        "SELECT workspace, member_key, 0, "
        "ROW_NUMBER() OVER (PARTITION BY workspace ORDER BY min(at), member_key), "
        f"min(at) / {day}, '', false FROM signal WHERE member_key IS NOT NULL GROUP BY workspace, member_key"
    )
    op.execute(
        "INSERT INTO erasure (member_key, what, at, applied) SELECT member_key, 'forgotten', 0, true FROM forgotten"
    )
