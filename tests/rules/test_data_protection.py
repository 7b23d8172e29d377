"""The pages on data protection say what is really held and how long: they are what a works council is given."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.policy import PolicyRules
from bot.core.signals import THRESHOLD
from bot.store import rollup_tables, tables

PAGES = {"docs/data-protection.md": "days", "docs/fr/protection-des-donnees.md": "jours"}
ROW = re.compile(r"^\| `(\w+)` \| ((?:`\w+` ?)+)\| [^|]+ \| [^|]+ \|$", re.MULTILINE)
WINDOW = re.compile(r"^\| `(keep_\w+)` \| (\d+) (\w+) \|", re.MULTILINE)


def settings() -> dict[str, timedelta]:
    rules = PolicyRules()
    return {each.name: getattr(rules, each.name) for each in fields(rules) if each.name.startswith("keep_")}


@pytest.mark.parametrize("page", PAGES)
def test_every_column_of_every_table_is_on_the_page(page: str) -> None:
    written = {name: re.findall(r"`(\w+)`", columns) for name, columns in ROW.findall(Path(page).read_text("utf-8"))}
    there = {table.name: [column.name for column in table.columns] for table in tables.Row.metadata.sorted_tables}
    assert rollup_tables.crowds.name in there
    assert written == there, f"say in {page} what each table and column is for"


@pytest.mark.parametrize(("page", "days"), PAGES.items())
def test_every_window_is_on_the_page_as_it_is_set(page: str, days: str) -> None:
    text = Path(page).read_text("utf-8")
    written = {name: (int(number), word) for name, number, word in WINDOW.findall(text)}
    assert written == {name: (window.days, days) for name, window in settings().items()}
    how_long = " ".join(line for line in text.splitlines() if ROW.match(line))
    assert all(f"`{name}`" in how_long for name in settings()), "each window is that of some table"


@pytest.mark.parametrize("page", PAGES)
def test_the_law_and_the_threshold_are_named(page: str) -> None:
    text = Path(page).read_text("utf-8")
    for each in ("SAN-2024-021", "L1222-4", "L1121-1", "L2312-38", f"{THRESHOLD}", "/allant"):
        assert each in text
