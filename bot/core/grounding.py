"""Whether a text says only what its sources say: what a model wrote is checked before anybody reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.core.dispatch import unaccented

LEAST_GROUNDED = 0.7
"""So large a share of an answer's longer words must stand in the sources, in one form or another."""
_LONG = 4
"""Letters of a word that says something; shorter ones are articles and the like in both languages."""
_STEM = 5
_ADDRESS = re.compile(r"(?:https?://|mailto:|www\.)[^\s<>()\[\]\"']+|[\w.+-]+@[\w-]+\.\w+", re.IGNORECASE)


def is_grounded(text: str, sources: Iterable[str]) -> bool:
    """Every address and every number of ``text`` stands in the ``sources``, and most of its longer words do."""
    known = "\n".join(sources)
    folded = unaccented(known)
    if any(each.rstrip(".,;:!?") not in known for each in _ADDRESS.findall(text)):
        return False
    bare = _ADDRESS.sub(" ", text)
    numbers = set(re.findall(r"\d+", folded))
    if any(each not in numbers for each in re.findall(r"\d+", bare)):
        return False
    stems = {word[:_STEM] for word in re.findall(r"[^\W\d_]+", folded)}
    said = [word for word in re.findall(r"[^\W\d_]+", unaccented(bare)) if len(word) >= _LONG]
    return bool(said) and sum(word[:_STEM] in stems for word in said) >= LEAST_GROUNDED * len(said)
