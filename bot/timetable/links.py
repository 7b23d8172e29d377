"""Items that count from other items: whether what they name is there, and has moments of its own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from bot.core.calendar import Item
from bot.core.errors import Problem

LONGEST_CHAIN = 5
"""Items that count from one which counts from another, and so on: each step makes the moments dearer to find."""


def broken(items: Mapping[str, Item]) -> dict[str, Problem]:
    """What is wrong with each item whose moments cannot be found, by its id."""
    found = {key: _problem(item, items) for key, item in items.items() if item.when.event}
    return {key: problem for key, problem in found.items() if problem is not None}


def _problem(item: Item, items: Mapping[str, Item]) -> Problem | None:
    seen = [item.id]
    each = item
    while each.when.event:
        name = each.when.event
        event = items.get(name)
        if event is None:
            if each is item:
                near = difflib.get_close_matches(name, items, n=1)
                mend = f"did you mean “{near[0]}”?" if near else "name the id of another item, arrival, or probation"
                return Problem(item.file, item.line, f"“{item.id}” counts from “{name}”, which is no item", mend)
            return Problem(item.file, item.line, f"“{item.id}” counts from “{each.id}”, which cannot be followed", "")
        if event.id in seen or len(seen) > LONGEST_CHAIN:
            chain = " → ".join([*seen, event.id])
            reason = f"“{item.id}” counts from itself" if event.id in seen else "too many items count from each other"
            return Problem(item.file, item.line, f"{reason}: {chain}", "give one of them a date or a rhythm")
        if event.personal:
            reason = f"“{item.id}” counts from “{event.id}”, whose moment is another for each person"
            return Problem(item.file, item.line, reason, "count from arrival or the end of probation instead")
        seen.append(event.id)
        each = event
    return None
