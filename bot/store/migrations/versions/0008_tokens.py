"""What a platform needs to answer a command, sealed, until the answer is sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("token", sa.LargeBinary(), nullable=True))
