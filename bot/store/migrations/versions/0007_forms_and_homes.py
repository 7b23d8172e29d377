"""Which event a delivery answers, so that a platform knows whose form stays open; and answers written in chat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("answers", sa.Text(), nullable=True))
    op.create_table(
        "answer",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "slug", name="pk_answer"),
    )
    op.create_index("ix_answer_owner", "answer", ["owner"])
    op.create_index("ix_answer_state", "answer", ["state"])
