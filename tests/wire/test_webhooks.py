"""The addresses that platforms call: what reaches the platform's adapter, and what others learn from it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from bot.core.events import Event, Started
from bot.core.refs import WorkspaceRef
from bot.core.webhook import MAX_BODY_BYTES, Webhook, WebRequest, WebResponse
from bot.web import make_web, webhook_routes

HAPPENED = Started(id="1", at=datetime(2026, 11, 23, tzinfo=UTC), workspace=WorkspaceRef("test", "one"))


async def _answer(asked: WebRequest, on_event: Callable[[Event], Awaitable[None]]) -> WebResponse:
    if asked.headers.get("x-secret") != "right":
        return WebResponse(status=403)
    if asked.body == b"break":
        raise RuntimeError("said by a member")
    await on_event(HAPPENED)
    return WebResponse(headers={"x-asked": f"{asked.method} {asked.path}?{asked.query}"}, body=asked.body)


@pytest.fixture
async def hooks() -> list[Webhook]:
    return [Webhook("test/events", _answer)]


@pytest.fixture
async def heard() -> list[Event]:
    return []


@pytest.fixture
async def client(hooks: list[Webhook], heard: list[Event]) -> AsyncIterator[httpx.AsyncClient]:
    async def on_event(event: Event) -> None:
        heard.append(event)

    async def gauges() -> dict[str, float]:
        return {}

    app = make_web(gauges, webhook_routes(lambda: hooks, on_event))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://allant.test") as client:
        yield client


async def test_the_platform_gets_the_bytes_and_brings_its_event(client: httpx.AsyncClient, heard: list[Event]) -> None:
    answer = await client.post("/hooks/test/events?a=%2F", content=b"\x00{}", headers={"X-Secret": "right"})
    assert (answer.status_code, answer.content) == (200, b"\x00{}")
    assert answer.headers["x-asked"] == "POST test/events?a=%2F"
    assert heard == [HAPPENED]


async def test_what_the_platform_refuses_is_refused(client: httpx.AsyncClient, heard: list[Event]) -> None:
    assert (await client.post("/hooks/test/events", content=b"{}")).status_code == 403
    assert (await client.post("/hooks/test/other", headers={"X-Secret": "right"})).status_code == 404
    assert heard == []


async def test_a_huge_body_is_refused_before_it_is_read_whole(client: httpx.AsyncClient, heard: list[Event]) -> None:
    huge = await client.post("/hooks/test/events", content=b"x" * (MAX_BODY_BYTES + 1), headers={"X-Secret": "right"})
    assert huge.status_code == 413
    just = await client.post("/hooks/test/events", content=b"x" * MAX_BODY_BYTES, headers={"X-Secret": "right"})
    assert just.status_code == 200


async def test_a_failure_tells_nobody_what_was_said(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        failed = await client.post("/hooks/test/events", content=b"break", headers={"X-Secret": "right"})
    assert (failed.status_code, failed.content) == (500, b"")
    assert "said by a member" not in caplog.text
    assert "RuntimeError" in caplog.text


async def test_a_workspace_that_is_connected_later_is_heard(client: httpx.AsyncClient, hooks: list[Webhook]) -> None:
    assert (await client.post("/hooks/later", headers={"X-Secret": "right"})).status_code == 404
    hooks.append(Webhook("later", _answer))
    assert (await client.post("/hooks/later", headers={"X-Secret": "right"})).status_code == 200
