"""A real Synapse homeserver for the tests: installed once into an environment of its own, started on loopback.

The environment lies in the cache folder (``.cache`` in the repository, or ``ALLANT_TEST_CACHE``), so only the first run
downloads. Whatever goes wrong fails the tests with its reason.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

VERSION = "1.163.2"
SERVER_NAME = "test.local"
REPOSITORY = Path(__file__).resolve().parents[2]
CONSTRAINTS = Path(__file__).with_name("synapse-constraints.txt")
INSTALL_SECONDS = 900
START_SECONDS = 60


def cache_folder() -> Path:
    return Path(os.environ.get("ALLANT_TEST_CACHE", REPOSITORY / ".cache"))


def install() -> Path:
    """The Python that has Synapse; installs it when the cache has none made from these constraints."""
    home = cache_folder() / f"synapse-{VERSION}"
    python, done = home / "bin" / "python", home / "complete"
    wanted = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    home.parent.mkdir(parents=True, exist_ok=True)
    # Two test runs may start at once; the second waits for the first one's installation.
    with (home.parent / f"synapse-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.is_file() and done.read_text(encoding="ascii") == wanted:
            return python
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], "making an environment")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, f"matrix-synapse=={VERSION}", "-c", str(CONSTRAINTS)], "installing matrix-synapse from PyPI")
        done.write_text(wanted, encoding="ascii")
    return python


def _run(command: list[str], what: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(f"{what} failed:\n{(ended.stderr or ended.stdout)[-3000:]}")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the homeserver with a session."""

    id: str
    password: str
    token: str


class Synapse:
    """One homeserver in ``folder``; it can be stopped and started again with what it knows."""

    def __init__(self, python: Path, folder: Path, *, limits: bool) -> None:
        """``limits``: with Synapse's own rate limits, else with none that a test would meet."""
        self._python = python
        self._folder = folder
        self._port = _free_port()
        self._secret = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        # Plain HTTP on loopback needs no certificates, and loading them takes its time.
        self._http = httpx.Client(base_url=self.url, timeout=10, verify=False)
        folder.mkdir(parents=True, exist_ok=True)
        seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        (folder / "signing.key").write_text(f"ed25519 a_test {seed}\n", encoding="ascii")
        # JSON is YAML.
        (folder / "log.yaml").write_text(json.dumps(self._logging()), encoding="utf-8")
        (folder / "homeserver.yaml").write_text(json.dumps(self._settings(limits)), encoding="utf-8")

    def start(self) -> None:
        """Returns once it answers; raises with its log when it ends or takes too long."""
        command = [str(self._python), "-m", "synapse.app.homeserver", "-c", str(self._folder / "homeserver.yaml")]
        with (self._folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Synapse did not start:\n{self._output()}")
            time.sleep(0.05)

    def close(self) -> None:
        self.stop()
        self._http.close()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def register(self, name: str, *, shown: str = "", admin: bool = False) -> Account:
        """Make a user, as register_new_matrix_user does. ``shown``: the display name."""
        address = "/_synapse/admin/v1/register"
        nonce, password = self._http.get(address).json()["nonce"], secrets.token_hex(8)
        parts = [nonce, name, password, "admin" if admin else "notadmin"]
        mac = hmac.new(self._secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "displayname": shown or name, "password": password, "admin": admin}
        answer = self._http.post(address, json=body | {"mac": mac})
        assert answer.status_code == 200, answer.text
        return Account(answer.json()["user_id"], password, answer.json()["access_token"])

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self._http.get("/_matrix/client/versions").status_code == 200
        return False

    def _output(self) -> str:
        return (self._folder / "output.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    def _logging(self) -> dict[str, object]:
        handler = {"class": "logging.FileHandler", "filename": str(self._folder / "synapse.log")}
        return {"version": 1, "handlers": {"file": handler}, "root": {"level": "WARNING", "handlers": ["file"]}}

    def _settings(self, limits: bool) -> dict[str, object]:
        at = {name: str(self._folder / name) for name in ("hs.db", "log.yaml", "media", "signing.key", "hs.pid")}
        listener = {
            "port": self._port,
            "type": "http",
            "tls": False,
            "bind_addresses": ["127.0.0.1"],
            "resources": [{"names": ["client"], "compress": False}],
        }
        settings: dict[str, object] = {
            "server_name": SERVER_NAME,
            "listeners": [listener],
            "database": {"name": "sqlite3", "args": {"database": at["hs.db"]}},
            "log_config": at["log.yaml"],
            "media_store_path": at["media"],
            "signing_key_path": at["signing.key"],
            "pid_file": at["hs.pid"],
            "registration_shared_secret": self._secret,
            "macaroon_secret_key": secrets.token_hex(16),
            "form_secret": secrets.token_hex(16),
            "bcrypt_rounds": 4,  # Passwords of one test run need no slow hash.
            "enable_registration": False,
            "report_stats": False,
            "presence": {"enabled": False},
            "push": {"enabled": False},
            "trusted_key_servers": [],
            "suppress_key_server_warning": True,
            "federation_domain_whitelist": [],
        }
        return settings if limits else settings | _without_limits()


def _without_limits() -> dict[str, object]:
    many = {"per_second": 1000, "burst_count": 1000}
    return {
        "rc_message": many,
        "rc_registration": many,
        "rc_login": {"address": many, "account": many, "failed_attempts": many},
        "rc_joins": {"local": many, "remote": many},
        "rc_joins_per_room": many,
        "rc_invites": {"per_room": many, "per_user": many, "per_issuer": many},
        "rc_room_creation": many,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(folder: Path, *, limits: bool) -> Iterator[Synapse]:
    """A running homeserver, stopped at the end whatever happens."""
    server = Synapse(install(), folder, limits=limits)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """A homeserver without limits, for the whole test run."""
    with serving(tmp_path_factory.mktemp("synapse"), limits=False) as server:
        yield server


@pytest.fixture
def limited_synapse(tmp_path: Path) -> Iterator[Synapse]:
    """A homeserver of its own with Synapse's default limits."""
    with serving(tmp_path / "synapse", limits=True) as server:
        yield server
