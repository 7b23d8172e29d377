"""Fixtures that several folders of tests share."""

from tests.postgres import empty_postgres, postgres, postgres_address
from tests.wire.synapse import limited_synapse, synapse

__all__ = ["empty_postgres", "limited_synapse", "postgres", "postgres_address", "synapse"]
