"""The house stays in order: features are tested and documented, and rooms keep their own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.reference import write_pages
from handlers import FEATURES

VENDORS = ("slack", "telegram", "matrix", "teams", "synapse", "playground")


@pytest.mark.parametrize("feature", [feature.name for feature in FEATURES])
def test_a_feature_has_a_dialogue_test(feature: str) -> None:
    assert Path(f"tests/handlers/test_{feature}.py").is_file()


def test_the_pages_of_commands_say_what_the_features_declare(tmp_path: Path) -> None:
    """Every command is documented in both languages, and `make docs` was run."""
    for written in write_pages(tmp_path):
        committed = Path("docs") / written.relative_to(tmp_path)
        assert committed.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), "run `make docs`"


def test_features_and_core_name_no_vendor() -> None:
    for path in [*Path("handlers").glob("*.py"), *Path("bot/core").glob("*.py")]:
        text = path.read_text(encoding="utf-8").casefold()
        for vendor in VENDORS:
            assert not re.search(rf"\b{vendor}\b", text), f"{path} names {vendor}"


def test_every_feature_file_is_registered() -> None:
    files = {path.stem for path in Path("handlers").glob("*.py")} - {"__init__"}
    assert {feature.name for feature in FEATURES} == files


LONGEST = 500
"""Lines of a file; past them it does more than one thing."""


def test_no_file_grows_past_its_purpose() -> None:
    long = {
        str(path): lines
        for root in ("bot", "handlers")
        for path in Path(root).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert long == {}
