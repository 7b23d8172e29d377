"""Allant keeps an organisation's chat communities alive."""

VERSION = "0.1.0"
"""The one place that says it: pyproject.toml reads it from here."""
