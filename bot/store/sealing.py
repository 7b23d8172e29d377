"""Forms in the ledger: what people filled in is sealed from when it is planned until it is shown to them again.

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
    """``message`` as the ledger keeps it: sealed when it has a form with anything filled in."""
    text, form = from_message(message), message.form
    if text is None or form is None or not (form.preview or any(field.value for field in form.fields)):
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
