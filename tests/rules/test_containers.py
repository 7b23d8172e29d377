"""The Dockerfile and compose.yaml say what the code says; no Docker is needed to find out."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from bot.app import ProcessRole
from bot.settings import Settings
from bot.store.dialect import parse

COMPOSE: dict[str, Any] = yaml.safe_load(Path("compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "allant"}
SETTINGS = {f"ALLANT_{name.upper()}" for name in Settings.model_fields}
ROLES = set(get_args(ProcessRole))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", Path("Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines if line.strip()]


def test_the_services_are_the_database_and_one_for_each_role() -> None:
    assert set(SERVICES) == {"postgres", "web", "worker"}
    for name, service in OURS.items():
        command = service["command"]
        assert command[:2] == ["run", "--role"]
        assert command[2] == name
        assert command[2] in ROLES


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_is_set_for_allant_is_a_setting(name: str) -> None:
    environment = OURS[name]["environment"]
    assert set(environment) - {"PGPASSWORD"} <= SETTINGS
    address = parse(environment["ALLANT_DATABASE_URL"])
    database = SERVICES["postgres"]["environment"]
    assert (address.host, address.username, address.database) == (
        "postgres",
        database["POSTGRES_USER"],
        database["POSTGRES_DB"],
    )
    assert address.password is None
    assert OURS[name]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_every_process_has_the_same_secret_and_starts_only_with_one() -> None:
    asked = {service["environment"]["ALLANT_SECRET_HEX"] for service in OURS.values()}
    assert len(asked) == 1
    assert asked.pop().startswith("${ALLANT_SECRET_HEX:?")
    for variable in re.findall(r"\$\{(\w+):\?", Path("compose.yaml").read_text(encoding="utf-8")):
        assert variable in SETTINGS | {"POSTGRES_PASSWORD"}


def test_what_is_named_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert Path(source).is_dir() if source.startswith("./") else source in COMPOSE["volumes"]
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert "pg_isready" in SERVICES["postgres"]["healthcheck"]["test"]


def test_the_image_is_copied_from_what_is_there_and_nothing_else_is_sent() -> None:
    ignored = Path(".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = set()
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            copied |= set(shlex.split(rest)[:-1])
    assert copied == sent
    assert all(Path(each).exists() for each in copied)


def test_the_image_runs_allant_as_an_ordinary_user_and_tells_its_health() -> None:
    found = instructions()
    last = found[max(n for n, (name, _) in enumerate(found) if name == "FROM") :]
    said = dict(last)
    assert [name for name, _ in found].count("FROM") == 2
    assert said["USER"] not in ("root", "0")
    assert said["ENTRYPOINT"] == '["allant"]'
    assert "/health" in said["HEALTHCHECK"]
    assert set(re.findall(r"\b(ALLANT_\w+)=", said["ENV"])) <= SETTINGS
    # USER comes after what only root may do, and before nothing else that runs.
    order = [name for name, _ in last]
    assert order.index("USER") > max(number for number, name in enumerate(order) if name in ("RUN", "COPY"))


def test_the_image_has_the_driver_and_the_versions_that_are_tested() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    (install,) = [rest for name, rest in instructions() if name == "RUN" and ".whl)[" in rest]
    extras = re.findall(r"\[([a-z,]+)\]", install)[0].split(",")
    assert set(extras) == set(project["project"]["optional-dependencies"]) - {"dev"}
    assert "--constraint constraints.txt" in install
    images = {rest.split()[0] for name, rest in instructions() if name == "FROM"}
    assert images == {"python:3.12-slim"}
