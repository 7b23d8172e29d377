"""What platforms put aside for a while: forms being filled in, commands too long for a button."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "aside",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "name", name="pk_aside"),
    )
    op.create_index("ix_aside_member", "aside", ["member"])
    op.create_index("ix_aside_until", "aside", ["until"])
