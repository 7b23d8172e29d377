"""Which event a delivery answers, so that a platform knows whose form stays open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("answers", sa.Text(), nullable=True))
