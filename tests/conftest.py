"""Fixtures that several folders of tests share."""

import os

from tests.postgres import empty_postgres, postgres, postgres_address
from tests.wire.synapse import limited_synapse, synapse

__all__ = ["empty_postgres", "limited_synapse", "postgres", "postgres_address", "synapse"]

# What the commands print must not depend on the width of whoever's terminal the tests run in.
os.environ["COLUMNS"] = "160"

# Bots that tests start answer by words alone: reading the starter content with the models takes a core for a minute.
# What compares meaning is tested where it is built, with its own embedders.
os.environ["ALLANT_MEANING"] = "false"
