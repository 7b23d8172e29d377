"""An organisation's folder, small enough to read at a glance, for the commands over the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.settings import Settings

CHANNELS = """
channels:
  general: {tags: [everyone], zone: Europe/Paris}
  news: {one_way: true, zone: Europe/Paris}
  english: {language: en, zone: America/New_York}
"""
ITEMS = """
items:
  - id: hello
    every: monday 10:30
    to: ["#general"]
    words: {en: "Hello", fr: "Bonjour"}
  - id: page
    every: tuesday 10:00
    to: ["tag:everyone"]
    words: page
"""
PAGE = "---\ntitle: {title}\n---\n{text}\n"


@dataclass(frozen=True)
class Organisation:
    """The folder, and the settings over it. There is no database until somebody makes one."""

    folder: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    @property
    def settings(self) -> Settings:
        return Settings(
            database_url=f"sqlite:///{self.folder / 'allant.db'}",
            secret_file=self.folder / "allant.key",
            content_dir=self.folder / "content",
            schedules_dir=self.folder / "schedules",
        )


@pytest.fixture
def organisation(tmp_path: Path) -> Organisation:
    made = Organisation(tmp_path)
    made.write(
        {
            "schedules/channels.yaml": CHANNELS,
            "schedules/items.yaml": ITEMS,
            "schedules/policy.yaml": "policy: {zone: Europe/Paris}\n",
            "content/calendar/page.en.md": PAGE.format(title="Page", text="A page"),
            "content/calendar/page.fr.md": PAGE.format(title="Page", text="Une page"),
        }
    )
    return made
