"""The package as it is installed: everything it needs to begin in an empty folder travels inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bot.settings import read_settings, starter_env

ROOT = Path(__file__).parents[2]


@pytest.mark.wheel
def test_the_package_begins_in_an_empty_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("allant-*.whl")
    installed, empty = tmp_path / "site-packages", tmp_path / "empty"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    empty.mkdir()
    # The folder stands first on the path, as site-packages does for whoever installed nothing but the package.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALLANT_")}
    environment |= {"PYTHONPATH": str(installed)}

    def allant(*arguments: str, folder: Path = empty) -> str:
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    found = allant("check").replace("\n", "")
    assert str(installed / "bot" / "starter" / "content") in found
    allant("init", "org")
    org = empty / "org"
    for name in ("content", "schedules"):
        ours = {each.relative_to(ROOT / name) for each in (ROOT / name).rglob("*") if each.is_file()}
        assert {each.relative_to(org / name) for each in (org / name).rglob("*") if each.is_file()} == ours
    assert (org / ".env.example").read_bytes() == (ROOT / ".env.example").read_bytes()
    assert "All well: content and schedules" in allant("check", folder=org)
    assert "What you may ask of me" in allant("say", "-l", "en", "/allant help", folder=org)
    assert "newcomers" in allant("demo", "--fast", "--days", "1")


def test_what_init_copies_is_there_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(starter_env().read_bytes())
    assert read_settings().database_url == "sqlite:///allant.db"
