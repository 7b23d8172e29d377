"""Run by Alembic: migrates within the connection and transaction that bot.store.migrate opened."""

from __future__ import annotations

from alembic import context

from bot.store.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    # SQLite cannot alter most of a table in place; Alembic then copies it.
    render_as_batch=True,
)
context.run_migrations()
