"""What is remembered of questions in channels, without their words.

The kind of note is stored as ``faq.OpenQuestion``, by the name of this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.refs import MemberRef, MessageRef


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question in a channel that nobody answered: where, when and whose, never its words."""

    message: MessageRef
    asked_at: datetime
    asker: MemberRef
