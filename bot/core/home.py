"""What the sections of members' homes have in common: their headings, their pages, and what turns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bot.core.feature import Context
from bot.core.message import Button, Markup, Section, join_lines
from bot.core.refs import Language

T = TypeVar("T")
PAGE = 5
"""Rows of a section at once: a home is looked at, not read."""


def page_of(rows: Sequence[T], page: int) -> tuple[Sequence[T], int, int]:
    """The rows of that page (from 1; beyond the last one: the last), the page they are, and how many there are."""
    pages = max(1, -(-len(rows) // PAGE))
    at = min(max(page, 1), pages)
    return rows[(at - 1) * PAGE : at * PAGE], at, pages


def section(
    ctx: Context,
    language: Language,
    name: str,
    head: Markup,
    lines: Sequence[str],
    *,
    page: int = 1,
    pages: int = 1,
    buttons: Sequence[Button] = (),
) -> Section:
    """A section under its heading: ``lines`` as a list, ``buttons``, and those that turn its pages."""
    heading = f"## {head}"
    if pages > 1:
        heading += f" ({ctx.words(language, 'home.page', page=page, pages=pages)})"
    text = join_lines([heading, "", *(f"- {line}" for line in lines)])
    turning = []
    if page > 1:
        turning.append(Button(ctx.words(language, "home.before"), f"home {name} {page - 1}"))
    if page < pages:
        turning.append(Button(ctx.words(language, "home.after"), f"home {name} {page + 1}"))
    return Section(text, (*buttons, *turning))
