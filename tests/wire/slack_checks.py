"""What Slack refuses in blocks and views, by the limits of its documentation (“Block Kit”, “Views”)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_KINDS = {
    "message": {"actions", "context", "divider", "header", "image", "rich_text", "section"},
    "view": {"actions", "context", "divider", "header", "image", "input", "rich_text", "section"},
}
_PARTS = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
_ELEMENTS = {"text", "link", "user", "channel", "emoji", "broadcast", "date", "usergroup", "color"}


def wrong_in_blocks(blocks: Any, surface: str = "message") -> list[str]:
    """What Slack would say in response_metadata.messages; nothing when it takes them."""
    return list(_wrong(blocks, surface))


def wrong_in_view(view: Any) -> list[str]:
    if not isinstance(view, dict):
        return ["[ERROR] view must be an object"]
    found = list(_wrong(view.get("blocks"), "view"))
    if view.get("type") == "modal":
        for part in ("title", "submit", "close"):
            if part in view:
                found += _plain(view[part], 24, f"/{part}")
        if "title" not in view:
            found.append("[ERROR] missing required field: title")
        if "submit" not in view and any(each.get("type") == "input" for each in view.get("blocks", ())):
            found.append("[ERROR] submit is required when blocks contain inputs")
        if len(view.get("private_metadata", "")) > 3000:
            found.append("[ERROR] must be less than 3001 characters [json-pointer:/private_metadata]")
    return found


def _wrong(blocks: Any, surface: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "[ERROR] must be an array"
        return
    most = 50 if surface == "message" else 100
    if len(blocks) > most:
        yield f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]"
    ids = [each["block_id"] for each in blocks if "block_id" in each]
    if len(ids) != len(set(ids)):
        yield "[ERROR] block_id must be unique"
    for number, block in enumerate(blocks):
        yield from _block(block, f"/{number}", surface)


def _block(block: Json, at: str, surface: str) -> Iterator[str]:
    kind = block.get("type")
    if kind not in _KINDS[surface]:
        yield f"[ERROR] unsupported type: {kind} [json-pointer:{at}]"
    if len(block.get("block_id", "")) > 255:
        yield f"[ERROR] must be less than 256 characters [json-pointer:{at}/block_id]"
    if kind == "header":
        yield from _plain(block["text"], 150, f"{at}/text")
    elif kind == "section":
        yield from _text(block["text"], 3000, f"{at}/text")
    elif kind == "context":
        if not 1 <= len(block["elements"]) <= 10:
            yield f"[ERROR] 1 to 10 elements [json-pointer:{at}/elements]"
        for element in block["elements"]:
            yield from _text(element, 3000, f"{at}/elements")
    elif kind == "image":
        if not block["image_url"].startswith("https://") or not block.get("alt_text"):
            yield f"[ERROR] downloading image failed [json-pointer:{at}/image_url]"
    elif kind == "actions":
        if not 1 <= len(block["elements"]) <= 25:
            yield f"[ERROR] 1 to 25 elements [json-pointer:{at}/elements]"
        actions = [each["action_id"] for each in block["elements"]]
        if len(actions) != len(set(actions)):
            yield f"[ERROR] action_id must be unique [json-pointer:{at}]"
        for element in block["elements"]:
            yield from _element(element, f"{at}/elements")
    elif kind == "input":
        yield from _plain(block["label"], 2000, f"{at}/label")
        if "hint" in block:
            yield from _plain(block["hint"], 2000, f"{at}/hint")
        yield from _element(block["element"], f"{at}/element")
    elif kind == "rich_text":
        yield from _rich_text(block, at)


def _rich_text(block: Json, at: str) -> Iterator[str]:
    for part in block["elements"]:
        if part["type"] not in _PARTS:
            yield f"[ERROR] unsupported type: {part['type']} [json-pointer:{at}]"
        inner = part["elements"]
        if part["type"] == "rich_text_list":
            if part.get("style") not in ("bullet", "ordered"):
                yield f"[ERROR] must be bullet or ordered [json-pointer:{at}]"
            inner = [element for item in inner for element in item["elements"]]
        for element in inner:
            if element["type"] not in _ELEMENTS or element.get("text") == "":
                yield f"[ERROR] invalid element {element['type']} [json-pointer:{at}]"


def _element(element: Json, at: str) -> Iterator[str]:
    kind = element["type"]
    if len(element.get("action_id", "")) > 255:
        yield f"[ERROR] must be less than 256 characters [json-pointer:{at}/action_id]"
    if kind == "button":
        yield from _plain(element["text"], 75, f"{at}/text")
        if len(element.get("value", "")) > 2000:
            yield f"[ERROR] must be less than 2001 characters [json-pointer:{at}/value]"
    options = element.get("options", [])
    if "options" in element and not 1 <= len(options) <= (10 if kind == "checkboxes" else 100):
        yield f"[ERROR] too many options [json-pointer:{at}/options]"
    for option in options:
        yield from _text(option["text"], 75, f"{at}/options")
        if len(option["value"]) > 150:
            yield f"[ERROR] must be less than 151 characters [json-pointer:{at}/options/value]"
    chosen = [element["initial_option"]] if "initial_option" in element else element.get("initial_options", [])
    if any(each not in options for each in chosen):
        yield f"[ERROR] initial option is not among the options [json-pointer:{at}]"
    if kind == "plain_text_input" and len(element.get("initial_value", "")) > element.get("max_length", 3000):
        yield f"[ERROR] initial_value is too long [json-pointer:{at}/initial_value]"
    if "placeholder" in element:
        yield from _plain(element["placeholder"], 150, f"{at}/placeholder")


def _plain(text: Any, longest: int, at: str) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") != "plain_text":
        yield f"[ERROR] must be plain_text [json-pointer:{at}]"
    else:
        yield from _text(text, longest, at)


def _text(text: Json, longest: int, at: str) -> Iterator[str]:
    if not 1 <= len(text["text"]) <= longest:
        yield f"[ERROR] must be 1 to {longest} characters [json-pointer:{at}/text]"


def wrong_in_metadata(metadata: Any) -> bool:
    if not isinstance(metadata, dict) or not metadata.get("event_type"):
        return True
    return not isinstance(metadata.get("event_payload"), dict) or len(json.dumps(metadata)) > 16_000
