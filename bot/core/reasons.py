"""The ledger's reasons as sentences, for the chat and for the command line."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.ledger import REASONS
from bot.core.message import Markup, escape
from bot.core.refs import Language


def reason_words(words: Callable[..., Markup], language: Language, reason: str) -> Markup:
    """``reason`` in words. The detail of a refusal is the platform's own text, and may be in its language; that of a
    digest is a key, which says nothing to people."""
    name, _, detail = reason.partition(": ")
    if name not in REASONS:
        return escape(reason)
    said = words(language, f"reasons.{name}")
    return Markup(f"{said} ({escape(detail)})") if detail and name != "in_digest" else said
