"""Words of people that have to wait: in forms of the ledger, in messages that repeat them, in notes about questions.

A form that is shown again holds a person's words for as long as its delivery waits. Nobody reads them in the database,
and none of the ledger's readers needs them; only the outbox opens them.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from bot.core.delivery import Delivery
from bot.core.message import Message
from bot.store.codec import SEALED, SealedMessage, from_json, from_message
from bot.store.secrecy import Keys, Unreadable

_ROW = b"form"
"""What a sealed form is bound to: sending a delivery again copies it into another row."""


def closed(keys: Keys, message: Message) -> str | None:
    """``message`` as the ledger keeps it: sealed when it has a form with anything filled in, or repeats a member."""
    text, form = from_message(message), message.form
    filled_in = form is not None and (form.preview or any(field.value for field in form.fields))
    if text is None or not (message.quotes or filled_in):
        return text
    return SEALED + base64.b64encode(keys.forms.close(text.encode("utf-8", "replace"), _ROW)).decode()


def opened(keys: Keys, delivery: Delivery) -> Delivery:
    """``delivery`` with its words. Sealed with another secret it has none, and the platform refuses it."""
    message = delivery.message
    if not isinstance(message, SealedMessage):
        return delivery
    try:
        text = keys.forms.open(base64.b64decode(message.sealed), _ROW).decode()
        return replace(delivery, message=from_json(Message, text))
    except (Unreadable, ValueError):
        return replace(delivery, message=Message(""))


def closed_note(keys: Keys, workspace: str, kind: str, key: str, text: str) -> str:
    """A note's JSON as the database keeps it when it may hold somebody's words: it opens in its own row only."""
    sealed = keys.notes.close(text.encode("utf-8", "replace"), _note_row(workspace, kind, key))
    return SEALED + base64.b64encode(sealed).decode()


def opened_note(keys: Keys, workspace: str, kind: str, key: str, value: str) -> str:
    """The JSON of a note, sealed or not. Raises ValueError when it was sealed with another secret."""
    if not value.startswith(SEALED):
        return value
    try:
        sealed = base64.b64decode(value.removeprefix(SEALED))
        return keys.notes.open(sealed, _note_row(workspace, kind, key)).decode()
    except Unreadable:
        raise ValueError(f"a note was sealed with another secret: {kind}") from None


def _note_row(workspace: str, kind: str, key: str) -> bytes:
    return f"{workspace}\0{kind}\0{key}".encode("utf-8", "replace")
