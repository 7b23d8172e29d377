"""The forms that count from a day in a person's life here or from another item: ``after: 30 days from arrival``,
``before: 3 days before open-day``, ``après: 1 semaine après l'arrivée``.

A direction in the words (“1 week before the end of probation”) wins over the name of the key; where the words hold
none, the key says it. English and French may be mixed, as everywhere.
"""

from __future__ import annotations

import re
from datetime import time

from bot.core.calendar import Anchor, When
from bot.core.errors import BadInput
from bot.core.span import Span
from bot.timetable.forms import plain

EXAMPLES = {
    "after": "write for example “30 days from arrival”, “1 week before the end of probation”, “2 days after open-day”",
    "before": "write for example “3 days before open-day”, open-day being the id of another item",
}
_UNITS = {
    "minutes": ("minute", "minutes", "min"),
    "hours": ("hour", "hours", "heure", "heures", "h"),
    "days": ("day", "days", "jour", "jours", "d", "j"),
    "weeks": ("week", "weeks", "semaine", "semaines", "w"),
    "months": ("month", "months", "mois"),
    "years": ("year", "years", "an", "ans", "annee", "annees"),
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words}
_PIECE = rf"(\d{{1,4}} ?|(?:an?|une?) )({'|'.join(sorted(_UNIT, key=len, reverse=True))})(?![a-z])"
_SPAN = rf"{_PIECE}(?:,? (?:(?:and|et) )?{_PIECE})*"
_BEFORE, _AFTER = ("before", "avant"), ("after", "from", "following", "apres", "depuis", "suivant")
_LITTLE = r"(?:the |their |his |her |l'|la |le |de la |de l'|leur |son |sa )*"
_ARRIVAL = rf"{_LITTLE}(?:(?:day|jour) (?:of|de) {_LITTLE})?(?:arrival|arrivee|joining)"
_PROBATION = rf"{_LITTLE}(?:(?:end of|fin de|fin d') ?{_LITTLE})?(?:probation(?: period)?|periode d'essai|essai)"
_EVENT = r"[a-z0-9][a-z0-9._-]{0,79}"
MOST_MONTHS = 1200


def span(text: object) -> Span:
    """``3 months``, ``1 week and 2 days``, ``une semaine``. Raises BadInput."""
    words = plain(text)
    if not re.fullmatch(_SPAN, words):
        raise BadInput(f"“{text}” is not a length of time such as 30 days, 2 weeks or 3 months")
    months = days = minutes = 0
    for number, word in re.findall(_PIECE, words):
        unit, count = _UNIT[word], int(number) if number.strip().isdigit() else 1
        months += {"months": count, "years": 12 * count}.get(unit, 0)
        days += {"days": count, "weeks": 7 * count}.get(unit, 0)
        minutes += {"minutes": count, "hours": 60 * count}.get(unit, 0)
    if months + days / 28 + minutes / 40_000 > MOST_MONTHS:
        raise BadInput(f"“{text}” is longer than a hundred years")
    return Span(months, days, minutes)


def relative(text: object, key: str, at: time | None) -> When:
    """What follows ``before:`` or ``after:`` (``key``), with the item's ``at:``. Raises BadInput."""
    words = plain(text)
    found = re.fullmatch(
        rf"(?:(?P<span>{_SPAN}) )?(?:(?P<way>{'|'.join((*_BEFORE, *_AFTER))}) )?(?:on )?(?P<target>.+)", words
    )
    if found is None:
        raise BadInput(f"“{text}” is not understood")
    offset = span(found["span"]) if found["span"] else Span()
    backwards = found["way"] in _BEFORE if found["way"] else key == "before"
    if found["way"] in _AFTER and key == "before":
        raise BadInput(f"“{text}” counts forwards: write it under after:")
    offset = -offset if backwards else offset
    for anchor, pattern in ((Anchor.ARRIVAL, _ARRIVAL), (Anchor.PROBATION_END, _PROBATION)):
        if re.fullmatch(pattern, found["target"]):
            return _personal(anchor, offset, at)
    if not re.fullmatch(_EVENT, found["target"]):
        raise BadInput(f"“{found['target']}” is not arrival, the end of probation, or the id of another item")
    if at is not None and offset.minutes:
        raise BadInput("counts minutes from the other item: leave out “at”")
    return When(event=found["target"], offset=offset, at=at)


def _personal(anchor: Anchor, offset: Span, at: time | None) -> When:
    if offset.minutes:
        raise BadInput("counts whole days from a day: say the time with at:")
    if at is None:
        raise BadInput('does not say at what time: add at: "09:30"')
    if anchor is Anchor.ARRIVAL and offset.backwards:
        raise BadInput("counts back from the arrival, of which nobody knows before")
    return When(relative_to=anchor, offset=offset, at=at)
