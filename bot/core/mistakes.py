"""What is wrong in a file, in the reader's language. Those who read files say it in English, as the command line does;
here it is recognised by its words and said in French."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from bot.core.errors import Problem
from bot.core.message import Markup, escape
from bot.core.refs import Language

Words = Callable[..., Markup]
"""As :meth:`bot.core.feature.Context.words`."""
_MARKS = {"a": "\ue000", "b": "\ue001", "c": "\ue002"}
"""Characters that no text holds, in the places of a template's values."""


KEYS = [
    "counts_from_nothing",
    "cannot_be_followed",
    "counts_from_itself",
    "counts_from_person",
    "id_on_line",
    "id_in_file",
    "no_id",
    "not_an_id",
    "no_to",
    "empty_name",
    "unknown",
    "no_words",
    "no_page_name",
    "no_language",
    "empty_text",
    "no_zone",
    "must_be_text",
    "no_when",
    "many_whens",
    "words_missing",
    "words_not_there",
    "no_tag",
    "quiz_choices",
    "quiz_right",
    "bad_address",
    "must_be_mapping",
    "whole_mapping",
    "must_be_list",
    "given_twice",
    "described_twice",
    "personal_elsewhere",
    "personal_others",
    "below_zero",
    "not_utf8",
    "too_large",
    "no_front",
    "open_front",
    "no_text",
    "no_translation",
    "bad_file_name",
    "lies_nowhere",
    "alias",
    "bad_yaml",
    "cannot_be_read",
    "other_placeholders",
    "file_placeholders",
    "needs_both",
    "reviewed_by",
    "same_name",
    "other_steps",
    "differs",
    "mend_near",
    "mend_known",
    "mend_own_id",
    "mend_name_it",
    "mend_small",
    "mend_places",
    "mend_place",
    "mend_words",
    "mend_languages",
    "mend_quotes",
    "mend_write",
    "mend_lines",
    "mend_add_under",
    "mend_keep_one",
    "mend_list",
    "mend_example",
    "mend_use",
    "mend_utf8",
    "mend_split",
    "mend_yaml",
    "mend_same",
    "mend_rename",
    "mend_date",
    "mend_other",
    "mend_front",
    "mend_close",
    "mend_see",
]
"""Of the words that may be meant, in content/messages/mistakes.yaml."""


def said_in(words: Words, language: Language, text: str) -> Markup:
    """``text``, a reason or a remedy in English, in ``language``; as it is where nobody wrote it in that language."""
    if language == "en" or not text:
        return escape(text)
    marks = {name: Markup(mark) for name, mark in _MARKS.items()}
    templates = tuple((key, str(words("en", f"mistakes.{key}", **marks))) for key in KEYS)
    for pattern, key in _patterns(templates):
        match = pattern.fullmatch(text)
        if match is not None:
            return words(language, f"mistakes.{key}", **match.groupdict())
    return escape(text)


def problem_words(words: Words, language: Language, problem: Problem) -> Markup:
    """The reason, and how to mend it in brackets where that is known."""
    reason = said_in(words, language, problem.reason)
    return Markup(f"{reason} ({said_in(words, language, problem.mend)})") if problem.mend else reason


@cache
def _patterns(templates: tuple[tuple[str, str], ...]) -> Sequence[tuple[re.Pattern[str], str]]:
    """Those with the most words of their own first."""
    found = []
    for key, template in templates:
        pattern = re.escape(template)
        for name, mark in _MARKS.items():
            pattern = pattern.replace(re.escape(mark), f"(?P<{name}>.+?)", 1)
        found.append((len(template), re.compile(pattern, re.DOTALL), key))
    return [(pattern, key) for _, pattern, key in sorted(found, key=lambda each: -each[0])]
