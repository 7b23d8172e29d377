"""What a change of the calendar changed: each value as it was before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.answers import KeptAnswer
from bot.core.community import Member
from bot.core.editorial import Fate, KeptItem, Slot, State
from bot.core.excerpt import plain
from bot.core.feature import Context
from bot.core.message import Markup, escape
from bot.core.planning import said
from bot.core.refs import LANGUAGES

LONG = 90
"""Characters of a text that are shown, from a little before the first that differs."""
BEFORE = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """``what``: the last part of the words that name it. Values are ready to be shown; empty where there is none."""

    what: str
    before: Markup
    after: Markup


def differences(ctx: Context, member: Member, before: State, after: State) -> list[Difference]:
    """What differs, in the member's language and time. Of what was not there before, or is no more: what it says."""
    one = _values(ctx, member, before)
    other = _values(ctx, member, after)
    found = []
    for what in dict.fromkeys([*one, *other]):
        left, right = one.get(what, ""), other.get(what, "")
        if left == right:
            continue
        if what.startswith("words"):
            found.append(Difference(what, *(_quoted(ctx, member, text) for text in _parts(left, right))))
        else:
            found.append(Difference(what, Markup(left), Markup(right)))
    return found


def _quoted(ctx: Context, member: Member, text: str) -> Markup:
    return ctx.words(member.language, "history.quoted", text=escape(text)) if text else Markup("")


def _parts(before: str, after: str) -> Iterator[str]:
    """The two texts on one line each, from where they differ."""
    one, other = (" ".join(plain(text).split()) for text in (before, after))
    if one == other:  # Only their markup differs.
        one, other = (" ".join(text.split()) for text in (before, after))
    same = next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), None)
    same = min(len(one), len(other)) if same is None else same
    start = one.rfind(" ", 0, same - BEFORE) + 1 if one and other and same > LONG // 2 else 0
    for text in (one, other):
        piece = text[start : start + LONG]
        yield ("…" if start and text else "") + piece + ("…" if len(text) > start + LONG else "")


def _values(ctx: Context, member: Member, state: State) -> dict[str, str]:
    language = member.language
    if isinstance(state, Slot):
        fate = state.reason if state.fate is Fate.SKIPPED and state.reason in ("recalled", "left_out") else state.fate
        return {"moment": said(ctx, member, state.due), "fate": ctx.words(language, f"history.state_{fate}")}
    if isinstance(state, KeptAnswer):
        return _values_of_answer(ctx, member, state)
    if not isinstance(state, KeptItem):
        return {}
    item = state.item
    values: dict[str, str] = {
        "status": ctx.words(language, f"history.status_{state.status.value}"),
        "when": escape(item.said),
        "to": escape(", ".join(item.to)),
        "page": escape(item.page),
        **{f"words_{each}": item.words.get(each, "") for each in LANGUAGES},
        "zone": escape(item.zone),
        "missed": ctx.words(language, f"history.missed_{item.missed.value}"),
        "grace": escape(str(item.grace)),
        "holidays": ctx.words(language, f"history.holidays_{item.holidays.value}"),
    }
    return {what: value for what, value in values.items() if value}


def _values_of_answer(ctx: Context, member: Member, answer: KeptAnswer) -> dict[str, str]:
    values: dict[str, str] = {"status": ctx.words(member.language, f"history.status_{answer.status.value}")}
    for language, wording in answer.texts.items():
        values[f"words_{language}"] = "\n".join((wording.title, *wording.questions, wording.body))
    return values
