"""Forms as modals: from a form to a view, from a submitted view to the fields' values, and forms within a button."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.core.forms import listed, several
from bot.core.message import Button, Field, Form, escape
from bot.core.refs import Language
from bot.platforms.slack.blocks import (
    MAX_OPTION,
    MAX_VALUE,
    MAX_VIEW_BLOCKS,
    MOST_OPTIONS,
    Scribe,
    buttons,
    plain_text,
)
from bot.platforms.slack.phrases import say
from bot.platforms.slack.reading import Json, mapping, objects, text

CALLBACK = "allant:form"
FIELD = "field:"
"""Begins the block ids of inputs; the field's name follows."""
MAX_TITLE = 24
"""Of a modal's title, and of its two buttons (Slack, “Views”)."""
MAX_INPUT = 3_000
"""Characters in a text input."""
MAX_FIELD_LABEL = 2_000
MAX_METADATA = 3_000
MOST_TICKS = 10
"""Checkboxes in one element."""
MORE = ":more"
"""Ends the id of the second block of a field that takes two of Slack's inputs."""
_PACKED = "form1:"
_SHAPES = {
    "moment": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "time": re.compile(r"\d\d:\d\d"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a modal remembers while it is open: the command it gives, and where whoever opened it was."""

    command: str
    channel: str = ""
    thread: str = ""
    message: str = ""

    def written(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))


def origin_of(view: Json) -> Origin | None:
    """None for a view that is none of our forms."""
    try:
        said = mapping(json.loads(text(view.get("private_metadata")) or "{}"))
    except ValueError:
        return None
    names = ("command", "channel", "thread", "message")
    values = {name: text(said.get(name)) for name in names}
    return Origin(**values) if values["command"] else None


def view(form: Form, origin: Origin, scribe: Scribe, language: Language) -> Json | None:
    """The modal, with what is wrong below its inputs; None where the form does not fit into one."""
    blocks = scribe.blocks(form.text) if form.text else []
    for field in form.fields:
        blocks += _inputs(field, language)
    if form.buttons:
        blocks += buttons(form.buttons, language)
    if form.preview:
        blocks += [{"type": "divider"}, {"type": "header", "text": plain_text(say("preview", language), 150)}]
        blocks += scribe.blocks(form.preview)
    metadata = origin.written()
    if len(metadata) > MAX_METADATA or len(blocks) > MAX_VIEW_BLOCKS or any(_is_too_long(each) for each in form.fields):
        return None
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": metadata,
        "title": plain_text(form.title, MAX_TITLE),
        "submit": plain_text(form.submit, MAX_TITLE),
        "close": plain_text(say("cancel", language), MAX_TITLE),
        "blocks": blocks,
    }


def errors_of(form: Form) -> Json | None:
    """The acknowledgement that leaves the modal as it is, with what is wrong at each field; None where more changes."""
    wrong = {_block_ids(each)[0]: each.error for each in form.fields if each.error}
    if not wrong or form.preview or form.text:
        return None
    return {"response_action": "errors", "errors": wrong}


def typed_form(form: Form) -> str:
    """The form as the command to type, in Markdown."""
    labels = []
    for each in form.fields:
        choices = ", ".join(value for value, _ in each.choices)
        labels.append(f"- {escape(each.label)}" + (f" ({escape(choices)})" if choices else ""))
    typed = "\n".join([f"!allant {form.command}", *(f"{each.name}: {each.value}" for each in form.fields)])
    fence = "~~~"
    while fence in typed:
        fence += "~"
    return "\n\n".join([f"**{escape(form.title)}**", "\n".join(labels), f"{fence}\n{typed}\n{fence}"])


def notice(key: str, title: str, language: Language) -> Json:
    """A modal that only says something of ours."""
    words = {"type": "text", "text": say(key, language)}
    section = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [words]}]}
    return {
        "type": "modal",
        "callback_id": "allant:notice",
        "title": plain_text(title, MAX_TITLE),
        "close": plain_text(say("close", language), MAX_TITLE),
        "blocks": [section],
    }


def _is_too_long(field: Field) -> bool:
    return len(field.value) > MAX_INPUT or len(field.choices) > MOST_OPTIONS


def _block_ids(field: Field) -> list[str]:
    """The blocks of a field, whose ids tell which it is and which part of it."""
    ids = [f"{FIELD}{field.name}"]
    if (field.kind == "moment" and _pickable(field)) or (
        field.kind == "channels" and field.choices and _pickable(field)
    ):
        ids.append(f"{FIELD}{field.name}{MORE}")
    return ids


def _pickable(field: Field) -> bool:
    """Whether what the field holds can be shown in Slack's own pickers; what a person wrote otherwise stays words."""
    if any(len(value) > MAX_OPTION for value, _ in field.choices):
        return False
    if field.kind in _SHAPES:
        return not field.value or _SHAPES[field.kind].fullmatch(field.value) is not None
    if field.kind in ("channels", "person"):
        known = {name for name, _ in field.named} | {value for value, _ in field.choices}
        return all(each in known for each in several(field.value))
    return (
        field.kind in ("choice", "choices")
        and bool(field.choices)
        and all(len(value) <= MAX_OPTION for value, _ in field.choices)
    )


def _inputs(field: Field, language: Language) -> list[Json]:
    elements = _pickers(field, language) if _pickable(field) else [_line(field)]
    labels = [field.label, say("time" if field.kind == "moment" else "also", language)]
    blocks: list[Json] = []
    for identifier, element, label in zip(_block_ids(field), elements, labels, strict=False):
        alone = field.kind == "channels" and len(elements) > 1
        block: Json = {
            "type": "input",
            "block_id": identifier,
            "label": plain_text(label, MAX_FIELD_LABEL),
            # Of channels and the others one is enough: which, is for whoever reads the form to say.
            "optional": not field.required or alone,
            "element": element,
        }
        if field.help and identifier == _block_ids(field)[0]:
            block["hint"] = plain_text(field.help, MAX_FIELD_LABEL)
        blocks.append(block)
    if field.error:
        blocks.append({"type": "context", "elements": [plain_text(f"⚠️ {field.error}", MAX_FIELD_LABEL)]})
    return blocks


def _line(field: Field) -> Json:
    made: Json = {
        "type": "plain_text_input",
        "action_id": field.kind,
        "multiline": field.kind == "text",
        "max_length": MAX_INPUT,
    }
    return made | ({"initial_value": field.value} if field.value else {})


def _pickers(field: Field, language: Language) -> list[Json]:
    """One element, or two for what Slack has no single one for."""
    match field.kind:
        case "choice":
            options = [_option(value, label) for value, label in field.choices]
            chosen = next((option for option in options if option["value"] == field.value), None)
            return [_made("static_select", "choice", language, options=options, initial_option=chosen)]
        case "choices":
            return [_several(field, several(field.value), language)]
        case "date":
            return [_made("datepicker", "date", language, initial_date=field.value or None)]
        case "time":
            return [_made("timepicker", "time", language, initial_time=field.value or None)]
        case "moment":
            date, _, clock = field.value.partition(" ")
            return [
                _made("datepicker", "date", language, initial_date=date or None),
                _made("timepicker", "time", language, initial_time=clock or None),
            ]
        case "person":
            return [_made("users_select", "person", language, initial_user=dict(field.named).get(field.value))]
        case _:
            ids = dict(field.named)
            values = several(field.value)
            rooms = _made(
                "multi_conversations_select",
                "channels",
                language,
                filter={"include": ["public", "private"], "exclude_bot_users": True},
                initial_conversations=[ids[each] for each in values if each in ids] or None,
            )
            return [rooms, _several(field, values, language)] if field.choices else [rooms]


def _several(field: Field, values: list[str], language: Language) -> Json:
    options = [_option(value, label) for value, label in field.choices]
    chosen = [option for option in options if option["value"] in values] or None
    if len(options) <= MOST_TICKS:
        return {"type": "checkboxes", "action_id": "choices", "options": options} | (
            {"initial_options": chosen} if chosen else {}
        )
    return _made("multi_static_select", "choices", language, options=options, initial_options=chosen)


def _made(kind: str, action: str, language: Language, **values: Any) -> Json:
    made: Json = {"type": kind, "action_id": action}
    if kind != "timepicker":
        made["placeholder"] = plain_text(say("choose", language), 150)
    return made | {name: value for name, value in values.items() if value is not None}


def _option(value: str, label: str) -> Json:
    return {"text": plain_text(label, 75), "value": value}


def values_of(submitted: Json) -> dict[str, str]:
    """The value of every field of a view, as bot.core.message.Field writes them."""
    state = mapping(mapping(submitted.get("state")).get("values"))
    parts: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for block in objects(submitted.get("blocks")):
        name = text(block.get("block_id"))
        if block.get("type") == "input" and name.startswith(FIELD):
            given = mapping(state.get(name))
            plain = name.removeprefix(FIELD).removesuffix(MORE)
            kinds.setdefault(plain, text(mapping(block.get("element")).get("type")))
            parts.setdefault(plain, []).append(next((_value(mapping(each)) for each in given.values()), ""))
    return {
        name: (" " if kinds[name] == "datepicker" else ", ").join(each for each in found if each)
        for name, found in parts.items()
    }


def _value(given: Json) -> str:
    match given.get("type"):
        case "static_select" | "radio_buttons":
            return text(mapping(given.get("selected_option")).get("value"))
        case "checkboxes" | "multi_static_select":
            return listed(text(each.get("value")) for each in objects(given.get("selected_options")))
        case "multi_conversations_select":
            chosen = given.get("selected_conversations")
            return listed(f"#{each}" for each in chosen if isinstance(each, str)) if isinstance(chosen, list) else ""
        case "users_select":
            user = text(given.get("selected_user"))
            return f"@{user}" if user else ""
        case "datepicker":
            return text(given.get("selected_date"))
        case "timepicker":
            return text(given.get("selected_time"))
        case _:
            return text(given.get("value")).replace("\r\n", "\n").strip()


# A form within a button


def pack(form: Form) -> str | None:
    """The form as a button's value; None where it is too long for one."""
    written = json.dumps(asdict(form), separators=(",", ":"), ensure_ascii=False).encode()
    packed = _PACKED + base64.b85encode(zlib.compress(written, 9)).decode()
    return packed if len(packed) <= MAX_VALUE else None


def unpack(value: str) -> Form | None:
    """None for what is no packed form."""
    if not value.startswith(_PACKED):
        return None
    try:
        inflate = zlib.decompressobj()
        # Bounded, as whatever was packed once need not be what comes back.
        raw = inflate.decompress(base64.b85decode(value.removeprefix(_PACKED)), 200_000)
        return _form(mapping(json.loads(raw)))
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


def _form(said: Mapping[str, Any]) -> Form:
    fields = tuple(
        Field(**{**each, "choices": _pairs(each["choices"]), "named": _pairs(each["named"])}) for each in said["fields"]
    )
    return Form(**{**said, "fields": fields, "buttons": tuple(Button(**each) for each in said["buttons"])})


def _pairs(said: Any) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in said)
