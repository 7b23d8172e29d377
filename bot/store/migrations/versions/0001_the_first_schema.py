"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("one_way", sa.Boolean(), nullable=False),
        sa.Column("last_message_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ref", name="pk_channel"),
    )
    op.create_index("ix_channel_workspace_name", "channel", ["workspace", "name"])

    op.create_table(
        "delivery",
        sa.Column("id", _ROWID, nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("visible_to", sa.Text(), nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("planned_for", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_as", sa.Text(), nullable=True),
        sa.Column("out_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_place_out_at", "delivery", ["place", "out_at"])
    op.create_index("ix_delivery_sent_as", "delivery", ["sent_as"])
    op.create_index("ix_delivery_state_due", "delivery", ["state", "due"])
    op.create_index("ix_delivery_state_place", "delivery", ["state", "place"])
    op.create_index("ix_delivery_workspace_id", "delivery", ["workspace", "id"])
    op.create_index("ix_delivery_workspace_out_at", "delivery", ["workspace", "out_at"])
    op.create_index("uq_delivery_workspace_key", "delivery", ["workspace", "key"], unique=True)

    op.create_table(
        "forgotten",
        sa.Column("member_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("member_key", name="pk_forgotten"),
    )
    op.create_table(
        "inbox",
        sa.Column("number", _ROWID, nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.Column("unreadable", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_inbox"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_inbox_waiting",
        "inbox",
        ["number"],
        sqlite_where=sa.text("handled_at IS NULL"),
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_index("uq_inbox_workspace_event_id", "inbox", ["workspace", "event_id"], unique=True)

    op.create_table(
        "member",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("folded_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("language_chosen", sa.Boolean(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("guest", sa.Boolean(), nullable=False),
        sa.Column("manager", sa.Boolean(), nullable=False),
        sa.Column("bot", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("muted_until", sa.BigInteger(), nullable=True),
        sa.Column("away_until", sa.BigInteger(), nullable=True),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ref", name="pk_member"),
    )
    op.create_index("ix_member_workspace_folded_id", "member", ["workspace", "folded_id"])
    op.create_index("ix_member_workspace_folded_name", "member", ["workspace", "folded_name"])
    op.create_index("ix_member_workspace_role", "member", ["workspace", "role"])

    op.create_table(
        "note",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "kind", "key", name="pk_note"),
    )
    op.create_index("ix_note_member", "note", ["member"])

    op.create_table(
        "signal",
        sa.Column("id", _ROWID, nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("member_key", sa.LargeBinary(), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signal"),
    )
    op.create_index("ix_signal_workspace_at", "signal", ["workspace", "at"])
    op.create_index("ix_signal_workspace_channel_at", "signal", ["workspace", "channel", "at"])
    op.create_index("ix_signal_workspace_member_at", "signal", ["workspace", "member_key", "at"])
    op.create_index("ix_signal_workspace_what_at", "signal", ["workspace", "what", "at"])
    op.create_index("uq_signal_workspace_source", "signal", ["workspace", "source"], unique=True)

    op.create_table(
        "timer",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "feature", "name", "key", name="pk_timer"),
    )
    op.create_index("ix_timer_due", "timer", ["due"])
    op.create_index("ix_timer_member", "timer", ["member"])
