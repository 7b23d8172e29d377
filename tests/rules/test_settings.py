"""Every setting is in .env.example with a comment, every line there is a setting, and each is really read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.core.errors import BadInput
from bot.settings import Settings, read_settings

EXAMPLE = Path(".env.example").read_text(encoding="utf-8").splitlines()
LINES = {line.split("=", 1)[0]: line.split("=", 1)[1] for line in EXAMPLE if line.startswith("ALLANT_")}
NAMES = {f"ALLANT_{name.upper()}": name for name in Settings.model_fields}
SAMPLES = {
    "ALLANT_ADMINS": "matrix/example.org/@a:example.org, matrix/example.org/@b:example.org",
    "ALLANT_LEASE_SECONDS": "20",
    "ALLANT_PORT": "9090",
    "ALLANT_PUBLIC_URL": "https://allant.example.org",
    "ALLANT_LANGUAGE": "en",
    "ALLANT_LOG_LEVEL": "debug",
    "ALLANT_PLAYGROUND": "true",
    "ALLANT_TELEGRAM_WEBHOOK": "true",
    "ALLANT_FEEDS_ALLOW_PRIVATE": "true",
    "ALLANT_WRITER_ANSWERS": "true",
    "ALLANT_MEANING": "false",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(LINES) == set(NAMES)


def test_every_setting_in_the_example_has_a_comment_above() -> None:
    for number, line in enumerate(EXAMPLE):
        if line.startswith("ALLANT_"):
            above = number - 1
            while EXAMPLE[above].startswith("ALLANT_"):
                above -= 1
            assert EXAMPLE[above].startswith("#"), f"{line} has no comment"


@pytest.mark.parametrize("variable", sorted(NAMES))
def test_a_setting_is_read_from_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = getattr(read_settings(), NAMES[variable])
    monkeypatch.setenv(variable, SAMPLES.get(variable, "another-value"))
    assert getattr(read_settings(), NAMES[variable]) != before


def test_the_example_itself_gives_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n".join(EXAMPLE), encoding="utf-8")
    with_example = read_settings()
    (tmp_path / ".env").unlink()
    assert with_example == read_settings()


def test_a_wrong_value_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLANT_PORT", "a lot")
    monkeypatch.setenv("ALLANT_LANGUAGE", "de")
    with pytest.raises(BadInput) as caught:
        read_settings()
    assert re.search(r"ALLANT_PORT: .*\nALLANT_LANGUAGE: |ALLANT_LANGUAGE: .*\nALLANT_PORT: ", str(caught.value))


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = read_settings(secret_file=tmp_path / "deep" / "allant.key")
    first = settings.secret()
    assert len(first) == 32
    assert settings.secret() == first
    assert settings.secret_file.stat().st_mode & 0o077 == 0
    assert [each.name for each in settings.secret_file.parent.iterdir()] == ["allant.key"]


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "allant.key").write_text("not hexadecimal", encoding="ascii")
    with pytest.raises(BadInput, match="holds no secret"):
        read_settings().secret()


def test_a_secret_of_the_environment_is_used_and_makes_no_file(tmp_path: Path) -> None:
    settings = read_settings(secret_hex="ab" * 32)
    assert settings.secret() == b"\xab" * 32
    assert "ab" * 32 not in repr(settings)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match="ALLANT_SECRET_HEX"):
        read_settings(secret_hex="ab" * 8).secret()
