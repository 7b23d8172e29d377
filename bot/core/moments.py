"""The moments of an item as they are told: which occurrences are told as one, what became of them, and through whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.core.delivery import Delivery
from bot.core.editorial import Change, Fate, Slot, Subject

MOST_SLOTS = 120
"""Occurrences of an item that are read at once."""


@dataclass(slots=True)
class Told:
    """What is told as one: occurrences at one time on the clocks of several zones, with the same fate; or a moment of
    which only the ledger knows (without ``slots``). ``keys``: the beginnings of its copies' keys."""

    due: datetime
    slots: list[Slot] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


def occurrence_of(delivery: Delivery) -> datetime:
    """Which moment of its item a calendar post is for: the one in its key, else the one it was planned for."""
    for part in delivery.key.split("/")[2:]:
        try:
            moment = datetime.fromisoformat(part)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            return moment
    return delivery.planned_for or delivery.due


def is_over(slot: Slot, now: datetime) -> bool:
    """Whether nothing more comes of it by itself. What is skipped beforehand can still be taken back."""
    return slot.due <= now or slot.fate not in (Fate.PLANNED, Fate.SKIPPED)


def told_together(slots: Iterable[Slot]) -> list[Told]:
    """The occurrences by their time on the clock, where they were moved to, and their fate; earliest first."""
    found: dict[object, Told] = {}
    for slot in slots:
        zone = ZoneInfo(slot.clock)
        clocks = [each.astimezone(zone).replace(tzinfo=None) for each in (slot.at, slot.due)]
        told = found.setdefault((*clocks, slot.fate, slot.reason), Told(slot.due))
        told.due = min(told.due, slot.due)
        told.slots.append(slot)
        told.keys.add(slot.key)
    return sorted(found.values(), key=lambda each: each.due)


def known_to_the_ledger_only(rows: Iterable[Delivery], slots: Sequence[Slot]) -> list[Told]:
    """Moments whose copies belong to no occurrence: those that count from a person's arrival, and those from before
    occurrences were kept. Moments older than the occurrences that were read are left out: theirs may be there."""
    known = {slot.key for slot in slots}
    oldest = min((slot.at for slot in slots), default=None) if len(slots) >= MOST_SLOTS else None
    found: dict[str, Told] = {}
    for row in rows:
        parts = row.key.split("/", 3)
        key, moment = "/".join(parts[:3]) + "/", occurrence_of(row)
        if len(parts) == 4 and key not in known and (oldest is None or moment >= oldest):
            found.setdefault(key, Told(moment, keys={key}))
    return list(found.values())


def fate_name(slot: Slot) -> str:
    """The last part of the words for what became of it; empty for what simply went out."""
    match slot.fate:
        case Fate.OUT:
            return "late" if slot.reason == "late" else ""
        case Fate.PLANNED:
            return "due"
        case Fate.SKIPPED:
            return slot.reason if slot.reason in ("paused", "gone", "left_out", "recalled") else "skipped"
        case Fate.ASKED if slot.reason.startswith("rule_"):
            return slot.reason
        case Fate.MISSED:
            return "failed" if slot.reason == "failed" else "missed"
    return slot.fate.value


def decided_by(changes: Sequence[Change], slot: Slot) -> Change | None:
    """The change by which somebody left this occurrence out, among ``changes``, newest first."""
    for change in changes:
        after = change.after
        if change.subject is Subject.OCCURRENCE and change.id == slot.name and isinstance(after, Slot):
            return change if after.fate is slot.fate is Fate.SKIPPED and after.reason == slot.reason else None
    return None


def moved_by(changes: Sequence[Change], slot: Slot) -> Change | None:
    """The newest change by which this occurrence came to the moment at which it is due."""
    for change in changes:
        before, after = change.before, change.after
        if change.id != slot.name or not (isinstance(before, Slot) and isinstance(after, Slot)):
            continue
        if before.due != after.due and after.due == slot.due:
            return change
    return None
