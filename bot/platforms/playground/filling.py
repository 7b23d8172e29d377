"""What a person filled in, as the playground takes it; and how it refuses what cannot be."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.errors import BadInput
from bot.core.forms import several
from bot.core.message import Field, Form

_FIELD_LIMIT = 10_000


class Rejected(BadInput):
    """The playground does not do what a person asked. ``code`` names the reason for the page, the text for people."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


def read_values(form: Form | None, values: Mapping[str, str], button: int | None) -> tuple[str, dict[str, str]]:
    """The command that submitting ``form`` (or pressing its ``button``) gives, and the value of each field."""
    if form is None:
        raise Rejected("unknown_form", "this message has no form")
    fields = {each.name: values.get(each.name, "").strip() for each in form.fields}
    if button is not None:
        if not 0 <= button < len(form.buttons):
            raise Rejected("unknown_button", "this form has no such button")
        for each in form.fields:
            _check_length(each, fields[each.name])
        return form.buttons[button].command, fields
    for each in form.fields:
        _check(each, fields[each.name])
    return form.command, fields


def _check(field: Field, value: str) -> None:
    if field.required and not value:
        raise Rejected("field_missing", f"“{field.label}” is missing")
    _check_length(field, value)
    offered = [choice for choice, _ in field.choices]
    chosen = several(value) if field.kind == "choices" else [value] if field.kind == "choice" and value else []
    if any(each not in offered for each in chosen):
        raise Rejected("unknown_choice", f"“{field.label}” has no such choice")


def _check_length(field: Field, value: str) -> None:
    if len(value) > _FIELD_LIMIT:
        raise Rejected("too_long", f"“{field.label}” is longer than {_FIELD_LIMIT:,} characters")
