"""Where something written in chat stands on its way to people."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an item or an answer made in chat stands on its way to being published."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
