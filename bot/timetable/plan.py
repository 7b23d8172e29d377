"""An item's moments as text: for telling whether a change of the files moved them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from bot.core.calendar import Anchor, Item, OnHolidays, When
from bot.core.policy import PolicyRules

_EMPTY = When()


def described(item: Item, rules: PolicyRules, items: Mapping[str, Item]) -> str:
    """Equal exactly when the item, the event it counts from, their zones and the days off they heed are."""
    when = item.when
    parts = [
        f"{each.name}={_text(getattr(when, each.name))}"
        for each in fields(When)
        if getattr(when, each.name) != getattr(_EMPTY, each.name)
    ]
    parts.append(f"zone={item.zone or rules.zone}")
    if item.holidays is not OnHolidays.SEND:
        off = ",".join(str(day) for day in sorted(rules.holidays))
        parts.append(f"{item.holidays}={rules.days}|{off}")
    if when.relative_to is Anchor.PROBATION_END:
        parts.append(f"probation={rules.probation}")
    if when.event in items:
        parts.append(f"event=({described(items[when.event], rules, items)})")
    return "|".join(parts)


def _text(value: object) -> str:
    return ",".join(sorted(str(each) for each in value)) if isinstance(value, frozenset) else str(value)
