"""The small calendar that the dialogues about it share, in the week that begins on Monday 23 November 2026."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

ITEMS = """
items:
  - id: hello
    every: monday 10:30
    to: ["#general", "tag:ideas"]
    words: {en: "Hello everybody", fr: "Bonjour tout le monde"}
  - id: pages
    every: tuesday 10:00
    to: ["#random"]
    words: launch-01-hello
  - id: once
    "on": "2026-11-25 14:00"
    to: ["#help"]
    words: {en: "Once", fr: "Une fois"}
"""


def in_paris(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026 in Paris, as UTC."""
    return datetime(2026, 11, 1, hour - 1, minute, tzinfo=UTC) + timedelta(days=day - 1)
