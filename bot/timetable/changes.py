"""What a change to the calendar changes: pure comparisons of its items before and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bot.core.calendar import Item
from bot.core.refs import LANGUAGES, Language
from bot.timetable.writing import as_written

Kind = Literal["added", "changed", "removed"]

_NOT_COMPARED = frozenset({"id", "file", "line", "said", "page", "words", "when", "zone"})
"""Fields of an item that say where it stands, and those compared below in a way of their own."""
_NOT_WHEN = frozenset({"id", "to", "words", "owner", "missed", "grace", "holidays", "state"})
"""What an item as written holds besides when it goes out."""
_CALLED = {"to": "where", "holidays": "on holidays", "missed": "when missed"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed of an item: ``what`` is when, where, words.fr and the like; as text, before and after."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item that comes, changes or goes. ``item`` is as it will be; of a removed one, as it was."""

    kind: Kind
    item: Item
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Worded:
    """An item with the words it really says, in each language that has some, wherever they are written."""

    item: Item
    words: Mapping[Language, str]


def compare(before: Mapping[str, Worded], after: Mapping[str, Worded]) -> list[ItemChange]:
    """What becomes of the items, by id. One that only moved within the files, or says the same in another form
    (``every: monday`` for ``rrule: …;BYDAY=MO``), did not change."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None and new is not None:
            found.append(ItemChange("added", new.item))
        elif new is None and old is not None:
            found.append(ItemChange("removed", old.item))
        elif old is not None and new is not None and (differences := tuple(_differences(old, new))):
            found.append(ItemChange("changed", new.item, differences))
    return found


def _differences(old: Worded, new: Worded) -> list[Difference]:
    found = []
    if old.item.when != new.item.when or old.item.zone != new.item.zone:
        found.append(Difference("when", said_when(old.item), said_when(new.item)))
    for each in dataclasses.fields(Item):
        if each.name not in _NOT_COMPARED:
            was, will = getattr(old.item, each.name), getattr(new.item, each.name)
            if was != will:
                found.append(Difference(_CALLED.get(each.name, each.name), _shown(was), _shown(will)))
    for language in LANGUAGES:
        said, say = old.words.get(language, ""), new.words.get(language, "")
        if said != say:
            found.append(Difference(f"words.{language}", said, say))
    return found


def said_when(item: Item) -> str:
    """When the item goes out, as its file says it: ``every: monday 09:30, until: 2027-03-01``."""
    fields = {name: value for name, value in as_written(item).items() if name not in _NOT_WHEN}
    if item.when.week is not None:
        fields["starts"] = item.when.start or "installation"
    return ", ".join(f"{name}: {_shown(value)}" for name, value in fields.items())


def _shown(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(str(each) for each in value)
    if isinstance(value, timedelta):
        minutes = value // timedelta(minutes=1)
        return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
    return str(value)
