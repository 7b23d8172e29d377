"""Several processes on one database: processes, their leases, and the lanes of waiting events.

A process of the version before goes on beside this one: it writes events without a lane, which are then handled in
their workspace's order.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "process",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("rested_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_index("ix_lease_owner", "lease", ["owner"])
    op.add_column("inbox", sa.Column("lane", sa.Text(), nullable=True))
