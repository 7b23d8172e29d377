"""Forms beyond their plain parts: several values in one text, and a form shown again with what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.core.excerpt import plain
from bot.core.message import Form, Markup, Message


def listed(values: Iterable[str]) -> str:
    """Several values as one text, as fields of the kinds ``choices`` and ``channels`` hold them."""
    return ", ".join(values)


def several(text: str) -> list[str]:
    """The inverse of :func:`listed`, for what people type as well: each once, in their order."""
    return list(dict.fromkeys(each for part in text.replace(";", ",").split(",") if (each := " ".join(part.split()))))


def filled(form: Form, values: Mapping[str, str]) -> Form:
    """``form`` holding ``values`` where they name its fields. A choice that is not offered (any more) is left out."""

    def one(name: str, now: str, kind: str, choices: tuple[tuple[str, str], ...]) -> str:
        value = values.get(name, now)
        offered = {each for each, _ in choices}
        if kind == "choice" and value and value not in offered:
            return now
        if kind == "choices":
            return listed(each for each in several(value) if each in offered)
        return value

    fields = (replace(each, value=one(each.name, each.value, each.kind, each.choices)) for each in form.fields)
    return replace(form, fields=tuple(fields))


def shown_again(form: Form, values: Mapping[str, str], reason: str, errors: Mapping[str, str]) -> Message:
    """The answer to a form that cannot be used: the form with ``values``, and ``errors`` at its fields.

    All of it is Markdown; what stands at a field becomes plain text. ``reason`` is said above the form, and in the form
    as well when it concerns none of its fields.
    """
    kept = filled(form, values)
    fields = tuple(replace(each, error=plain(errors.get(each.name, ""))) for each in kept.fields)
    general = "" if any(each.error for each in fields) else reason
    return Message(reason, (), replace(kept, fields=fields, text=general or kept.text))


MOST_BUTTONS = 9
"""As many as can be counted with one key, which is how platforms without buttons offer them."""


def as_message(view: Message) -> Message:
    """A home's view as an ordinary message: what a platform without homes gives instead. Its buttons stand below all of
    it, the first ones of every section before their second ones where there are too many."""
    parts = [view.text, *(each.text for each in view.sections)]
    placed = [
        (row, column, button)
        for row, section in enumerate(view.sections)
        for column, button in enumerate(section.buttons)
    ]
    chosen = sorted(placed, key=lambda each: (each[1], each[0]))[:MOST_BUTTONS]
    buttons = [button for _, _, button in sorted(chosen, key=lambda each: each[:2])]
    return Message(Markup("\n\n".join(part for part in parts if part)), tuple(buttons))
