"""What is kept of the editorial calendar: occurrences made ahead, items made in chat, and who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.answers import KeptAnswer
from bot.core.calendar import Item, Paused
from bot.core.refs import MemberRef
from bot.core.status import Status as Status


class Fate(StrEnum):
    """What becomes of an occurrence.

    planned → out, skipped, missed, asked or cancelled; asked and missed → out or skipped; skipped → planned.
    """

    PLANNED = "planned"
    OUT = "out"  # handed to the ledger, which knows what came of each copy
    SKIPPED = "skipped"  # somebody left it out, or its item was paused
    MISSED = "missed"  # too late when Allant ran again
    ASKED = "asked"  # too late, and the animators were asked what to do
    CANCELLED = "cancelled"  # its item went away while the animators were asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One occurrence as it is kept. It is named by ``item``, ``at`` (aware UTC) and ``zone``, whatever happens to it;
    ``due`` is when it goes out, which differs from ``at`` once somebody moved it.

    ``zone`` says by whose clock it goes: an IANA name, with the public holidays that count behind it where some do
    (``Europe/Paris;FR-57``). An item with places in several has an occurrence for each.
    """

    item: str
    at: datetime
    zone: str
    due: datetime
    fate: Fate = Fate.PLANNED
    reason: str = ""

    @property
    def moved(self) -> bool:
        return self.due != self.at

    @property
    def name(self) -> str:
        """Its name in the record of changes."""
        return "|".join((self.item, self.at.isoformat(), self.zone))

    @property
    def clock(self) -> str:
        """The IANA name of ``zone``."""
        return self.zone.partition(";")[0]

    @property
    def key(self) -> str:
        """The beginning of the ledger's keys of all its copies."""
        return f"calendar/{self.item}/{self.at.isoformat()}/"


@dataclass(frozen=True, slots=True)
class Plan:
    """How far an item is planned: every moment before ``until`` (aware UTC). ``print`` is the fingerprint of what its
    moments depend on; when it changes they are made anew."""

    print: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptItem:
    """An item made in chat. ``owner`` is a role (``animator``) or a member's ref as text; ``version`` grows with every
    change, so that a form opened before somebody else's change is told from a fresh one."""

    item: Item
    status: Status = Status.DRAFT
    owner: str = "animator"
    version: int = 1


class Subject(StrEnum):
    """What a change is about: an item made in chat (its state is a KeptItem), an occurrence (a Slot), or that an item
    is paused (a Paused); or an answer written in chat (a KeptAnswer). The id is the item's or the answer's; for an
    occurrence with its moment and zone: :attr:`Slot.name`."""

    ITEM = "item"
    OCCURRENCE = "occurrence"
    PAUSE = "pause"
    ANSWER = "answer"


State = KeptItem | Slot | Paused | KeptAnswer | None
"""What was changed, as it was before or after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changed what, when, from what to what (None: it was not there, or no longer is).

    ``by`` is None once that person has been forgotten. ``undoes``: the number of the change this one took back;
    ``undone_by``: the number of the one that took this back.
    """

    number: int
    by: MemberRef | None
    at: datetime
    subject: Subject
    id: str
    before: State
    after: State
    undoes: int | None = None
    undone_by: int | None = None


Plans = Mapping[str, Plan]
"""By the id of the item."""
