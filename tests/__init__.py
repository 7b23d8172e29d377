"""Dialogues (handlers), one suite a port (contract), the wire, crashes (faults), the house (rules), speed (bench)."""
