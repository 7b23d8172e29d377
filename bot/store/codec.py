"""Events, messages and notes as JSON, by pydantic from the dataclasses themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.core.events import EVENTS, Event
from bot.core.message import Message

T = TypeVar("T")

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which JSON from a platform may hold and which no database or UTF-8 text can."""


_adapters: dict[type, TypeAdapter[Any]] = {}


def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Reads and writes values of ``kind``; made once, as making one is slow."""
    found = _adapters.get(kind)
    if found is None:
        found = _adapters[kind] = TypeAdapter(kind)
    return found


def kind_of(value_type: type) -> str:
    """How a kind of note is called in the database: the last part of its module and its name, ``nudge.Snooze``."""
    return f"{value_type.__module__.rpartition('.')[2]}.{value_type.__qualname__}"


def to_json(value: object) -> str:
    """A dataclass as JSON."""
    return adapter(type(value)).dump_json(value).decode()


def from_json(kind: type[T], text: str) -> T:
    """Raises ValueError when ``text`` is not (or no longer) a ``kind``."""
    return adapter(kind).validate_json(text)


def from_message(message: Message) -> str | None:
    """None for a message without words: what has been erased reads the same as what never had any."""
    return None if message == _NOTHING else to_json(message)


def to_message(text: str | None) -> Message:
    """A message that is sealed stays so: see :mod:`bot.store.sealing`."""
    if text is None:
        return _NOTHING
    if text.startswith(SEALED):
        return SealedMessage("", sealed=text.removeprefix(SEALED))
    return from_json(Message, text)


SEALED = "sealed:"


@dataclass(frozen=True, slots=True)
class SealedMessage(Message):
    """A message of which only the outbox sees more than this."""

    sealed: str = ""


_NOTHING = Message("")


def encode_event(event: Event) -> tuple[Event, bytes]:
    """The event and its JSON. Half characters, which cannot be stored, are replaced in both."""
    kind: TypeAdapter[Event] = adapter(type(event))
    try:
        return event, kind.dump_json(event)
    except PydanticSerializationError:
        whole = kind.validate_python(_whole(kind.dump_python(event)))
        return whole, kind.dump_json(whole)


def decode_event(name: str, payload: bytes) -> Event:
    """The event of the class ``name``. Raises ValueError or KeyError when it is none of ours."""
    return adapter(EVENTS[name]).validate_json(payload)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_CHARACTER.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_whole(each) for each in value)
    return value
