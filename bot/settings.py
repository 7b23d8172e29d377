"""Typed settings, read once in main() from the environment and from ``.env`` in the working folder.

Every setting begins with ``ALLANT_`` and is described in ``.env.example``, which a test holds to this class.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.core.errors import BadInput
from bot.core.refs import Language

_HERE = Path(__file__).resolve().parent


def starter_folder(name: Literal["content", "schedules"]) -> Path:
    """Where the starter files that come with Allant lie: in the checkout, or inside the installed package."""
    return _starter(name, _HERE.parent / name)


def starter_env() -> Path:
    """The ``.env.example`` that comes with Allant, found in the same way."""
    return _starter("env.example", _HERE.parent / ".env.example")


def _starter(name: str, checkout: Path) -> Path:
    """What came with the package counts first: beside an installed one lie the files of other packages."""
    packaged = _HERE / "starter" / name
    return packaged if packaged.exists() else checkout


class Settings(BaseSettings):
    """See ``.env.example`` for what each is for. Paths are relative to the working folder."""

    model_config = SettingsConfigDict(env_prefix="ALLANT_", env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: str = "sqlite:///allant.db"
    lease_seconds: float = Field(default=10.0, ge=0.5, le=300.0)
    secret_file: Path = Path("allant.key")
    secret_hex: SecretStr = SecretStr("")
    content_dir: Path | None = None
    schedules_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    language: Language = "fr"
    admins: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    playground: bool = False
    playground_file: Path = Path("playground.db")
    matrix_homeserver: str = ""
    matrix_user: str = ""
    matrix_password: SecretStr = SecretStr("")
    matrix_access_token: SecretStr = SecretStr("")
    matrix_state_file: Path = Path("matrix.json")
    telegram_token: SecretStr = SecretStr("")
    telegram_webhook: bool = False
    telegram_api_url: str = "https://api.telegram.org"
    slack_bot_token: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_signing_secret: SecretStr = SecretStr("")
    slack_api_url: str = "https://slack.com/api/"
    writer_api_key: SecretStr = SecretStr("")
    writer_base_url: str = "https://api.openai.com/v1"
    writer_model: str = "gpt-4o-mini"
    writer_answers: bool = False
    feeds_allow_private: bool = False
    slack_client_id: str = ""
    slack_client_secret: SecretStr = SecretStr("")
    slack_workspaces: Annotated[tuple[str, ...], NoDecode] = ()
    meaning: bool = True
    index_dir: Path = Path("search-index")
    calibration_file: Path = Path("faq-calibration.json")
    embedding_base_url: str = "https://api.openai.com/v1"
    embedding_api_key: SecretStr = SecretStr("")
    embedding_model: str = ""

    @field_validator("admins", "slack_workspaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError("must be an address such as https://allant.example.org")
        return value

    @property
    def content(self) -> Path:
        """The content folder: the setting, else ``./content``, else the starter content."""
        return self._folder("content", self.content_dir)

    @property
    def schedules(self) -> Path:
        """The schedules folder: the setting, else ``./schedules``, else the starter schedules."""
        return self._folder("schedules", self.schedules_dir)

    @property
    def local_url(self) -> str:
        """How this machine itself reaches the web server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @staticmethod
    def _folder(name: Literal["content", "schedules"], chosen: Path | None) -> Path:
        if chosen is not None:
            return chosen
        here = Path(name)
        return here if here.is_dir() else starter_folder(name)

    def secret(self) -> bytes:
        """The workspace's secret, made on the first call and kept in ``secret_file``, readable by its owner only.

        It seals waiting events and keys the signals: without it they cannot be read or joined to people. Where
        ``secret_hex`` gives it, no file is looked at. Raises BadInput when it cannot be had.
        """
        if given := self.secret_hex.get_secret_value():
            return _secret_from(given, "ALLANT_SECRET_HEX holds no secret (64 hexadecimal digits)")
        try:
            self.secret_file.parent.mkdir(parents=True, exist_ok=True)
            if not self.secret_file.exists():
                # Written aside and linked into place, so that a crash never leaves half a secret, and of two processes
                # that start at once both end up with the same one.
                aside = self.secret_file.with_name(f"{self.secret_file.name}.{os.getpid()}")
                handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(secrets.token_hex(32) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(aside, self.secret_file)
                aside.unlink()
            return self._read_secret()
        except OSError as error:
            raise BadInput(
                f"ALLANT_SECRET_FILE={self.secret_file}: {error.strerror}; choose a writable place"
            ) from None

    def _read_secret(self) -> bytes:
        return _secret_from(
            self.secret_file.read_text(encoding="ascii", errors="replace"),
            f"ALLANT_SECRET_FILE={self.secret_file} holds no secret (64 hexadecimal digits): restore it from your "
            "backup, or remove it to begin with a new one (what waits unread in the inbox is then lost)",
        )


def _secret_from(text: str, otherwise: str) -> bytes:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise BadInput(otherwise)
    return secret


def read_settings(**overrides: object) -> Settings:
    """The settings from the environment and ``.env``. Raises BadInput naming every setting that is wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # Overrides are checked by pydantic like the rest.
    except ValidationError as error:
        lines = []
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"])
            lines.append(f"ALLANT_{name.upper()}: {each['msg'].removeprefix('Value error, ')}")
        raise BadInput("\n".join(lines)) from None
