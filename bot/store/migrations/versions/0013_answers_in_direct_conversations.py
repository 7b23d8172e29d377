"""With whom a direct conversation is that an answer went to, so that the answer is theirs to see and to have erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("meant_for", sa.Text(), nullable=True))
    op.create_index("ix_delivery_meant_for", "delivery", ["meant_for"])
