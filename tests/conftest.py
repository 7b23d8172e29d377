"""Fixtures that several folders of tests share."""

from tests.wire.synapse import limited_synapse, synapse

__all__ = ["limited_synapse", "synapse"]
