"""A form being filled in, one field after the other: what has been said so far, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from bot.core.message import Button, Field, Form

FORM_KEPT = timedelta(days=1)
"""How long a form can be begun, and how long what was filled in is kept: it holds a person's words."""
SUMMARY = -1
"""The place after the last field, where everything is shown before it is sent."""
DAYS_SHOWN = 9
TIMES_SHOWN = tuple(f"{hour:02}:{minute:02}" for hour in range(8, 19) for minute in (0, 30))[:21]
_MANY = frozenset({"choices", "channels"})


def form_to_json(form: Form) -> dict[str, Any]:
    return asdict(form)


def form_of(written: Mapping[str, Any]) -> Form:
    """What :func:`form_to_json` wrote. Raises TypeError for another version's."""
    fields = tuple(
        Field(**{**each, "choices": _pairs(each["choices"]), "named": _pairs(each["named"])})
        for each in written["fields"]
    )
    buttons = tuple(Button(**each) for each in written["buttons"])
    return Form(**{**written, "fields": fields, "buttons": buttons})


def _pairs(written: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one), str(other)) for one, other in written)


@dataclass(slots=True)
class Filling:
    """``id`` tells this filling from earlier ones, whose buttons still stand about. ``at``: the field being asked, or
    SUMMARY. ``back``: whether we came from the summary and go back there. ``page``: how far the days (or channels) are
    turned. ``day``: the day chosen of a moment. ``message``: the latest question. ``step``: the update that was taken
    in last. ``waits``: the event that submitted it, until that is answered."""

    id: str
    form: Form
    values: dict[str, str] = field(default_factory=dict)
    at: int = 0
    back: bool = False
    page: int = 0
    day: str = ""
    message: int = 0
    step: int = 0
    waits: str = ""
    problem: str = ""

    @classmethod
    def begin(cls, identifier: str, form: Form) -> Filling:
        """Begins with what the form holds: where something is wrong, else with the summary if anything is filled in."""
        filling = cls(identifier, form, {each.name: each.value for each in form.fields})
        wrong = [number for number, each in enumerate(form.fields) if each.error]
        if wrong:
            filling.at, filling.back = wrong[0], True
        elif form.preview or (
            all(each.value or not each.required for each in form.fields) and any(each.value for each in form.fields)
        ):
            filling.at = SUMMARY
        return filling

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Filling:
        """Raises TypeError or KeyError for another version's."""
        return cls(**{**written, "form": form_of(written["form"])})

    @property
    def current(self) -> Field | None:
        return self.form.fields[self.at] if 0 <= self.at < len(self.form.fields) else None

    def forward(self) -> None:
        """To the next field, or to the summary."""
        self.page, self.day, self.problem = 0, "", ""
        if self.back or self.at + 1 >= len(self.form.fields):
            self.at, self.back = SUMMARY, False
        else:
            self.at += 1

    def backward(self) -> None:
        self.problem, self.page = "", 0
        if self.day:
            self.day = ""
        elif self.back:
            self.at, self.back = SUMMARY, False
        elif self.at == SUMMARY:
            self.at = len(self.form.fields) - 1
        else:
            self.at = max(0, self.at - 1)

    def go_to(self, number: int) -> None:
        if 0 <= number < len(self.form.fields):
            self.at, self.back, self.page, self.day, self.problem = number, True, 0, "", ""

    def put(self, value: str) -> None:
        """What was written or chosen for the current field; ``problem`` says why it was not taken."""
        current = self.current
        if current is None:
            return
        value = value.strip()
        if current.required and not value:
            self.problem = "form_needed"
            return
        if current.kind == "choice" and value:
            chosen = _choice(current, value)
            if chosen is None:
                self.problem = "form_not_a_choice"
                return
            value = chosen
        self.values[current.name] = value
        self.forward()

    def toggle(self, value: str) -> None:
        """One more of several, or one less."""
        current = self.current
        if current is None:
            return
        chosen = self.chosen()
        kept = [each for each in chosen if each != value] if value in chosen else [*chosen, value]
        # In the order in which they are offered, whatever the order of pressing; others after them.
        offered = [one for one, _ in current.choices]
        kept.sort(key=lambda each: offered.index(each) if each in offered else len(offered))
        self.values[current.name] = ", ".join(kept)
        self.problem = ""

    def chosen(self) -> list[str]:
        current = self.current
        text = self.values.get(current.name, "") if current is not None else ""
        return [each.strip() for each in text.split(",") if each.strip()]

    @property
    def takes_several(self) -> bool:
        return self.current is not None and self.current.kind in _MANY

    def missing(self) -> int | None:
        """The first field that must not stay empty and is."""
        for number, each in enumerate(self.form.fields):
            if each.required and not self.values.get(each.name, "").strip():
                return number
        return None

    def shown(self, each: Field) -> str:
        """The field's value as a person reads it."""
        value = self.values.get(each.name, "")
        labels = dict(each.choices)
        if each.kind == "choice":
            return labels.get(value, value)
        if each.kind in _MANY:
            return ", ".join(labels.get(one.strip(), one.strip()) for one in value.split(",") if one.strip())
        return value


def _choice(asked: Field, value: str) -> str | None:
    """The choice by its value or its label, in whatever case it was typed."""
    for one, label in asked.choices:
        if value.casefold() in (one.casefold(), label.casefold()):
            return one
    return None


def days_from(today: date, page: int) -> list[date]:
    return [today + timedelta(days=page * DAYS_SHOWN + number) for number in range(DAYS_SHOWN)]
