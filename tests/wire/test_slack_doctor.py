"""The doctor finds what is wrong with a connection to Slack, and says how to mend it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.checkup import Finding, Gravity, amiss
from bot.core.events import Event
from bot.core.refs import LANGUAGES
from bot.library import ContentLibrary
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import SlackApp
from bot.platforms.slack.doctor import Patient, examine
from bot.settings import starter_folder
from bot.web import listen, make_web, web_server, webhook_routes
from tests.wire.slack_desk import ADMIN, SECRET, TEAM, TOKEN, SlackDesk, channel, slack_desk

NAMED = {"general": "year.yaml", "random": "channels.yaml"}
NEEDED = ("channels:read", "chat:write")


@pytest.fixture
async def desk() -> AsyncIterator[SlackDesk]:
    async with slack_desk() as desk:
        desk.scopes = "channels:read,chat:write"
        yield desk


def patient(desk: SlackDesk, **more: object) -> Patient:
    whole = Patient(
        api_url=f"{desk.url}/api/",
        bot_token=TOKEN,
        app_token="xapp-1-good",
        needed=NEEDED,
        admins=[f"slack/{TEAM}/{ADMIN}"],
    )
    return replace(whole, **more)  # type: ignore[arg-type]  # Each test names fields of Patient.


def keys(findings: list[Finding]) -> list[str]:
    return [each.key for each in amiss(findings)]


async def test_nothing_is_wrong(desk: SlackDesk) -> None:
    found = await examine(patient(desk), NAMED, thoroughly=True)
    assert [(each.key, each.gravity) for each in found] == [
        (key, Gravity.WELL) for key in ("token", "scopes", "clock", "channels", "admins", "socket")
    ]
    assert found[0].values == {"bot": "allant", "workspace": "Acme", "ref": "slack/T0001"}
    assert desk.greetings == 1


async def test_it_only_reads(desk: SlackDesk) -> None:
    await examine(patient(desk), NAMED, thoroughly=True)
    assert set(desk.methods()) == {"auth.test", "conversations.list", "users.info", "apps.connections.open"}


@pytest.mark.parametrize(
    ("token", "key"),
    [("", "no_token"), ("xapp-1-good", "token_kind"), ("xoxp-1", "token_kind"), ("secret", "token_kind")],
)
async def test_the_wrong_kind_of_token_is_seen_before_anything_is_asked(desk: SlackDesk, token: str, key: str) -> None:
    found = await examine(patient(desk, bot_token=token, app_token=""), NAMED)
    assert keys(found) == [key, "no_way_in"]
    assert desk.asked == []
    assert token == "" or token not in str(found)


@pytest.mark.parametrize(
    ("error", "key"),
    [
        ("invalid_auth", "token_refused"),
        ("token_revoked", "token_refused"),
        ("account_inactive", "token_refused"),
        ("token_expired", "token_expired"),
    ],
)
async def test_a_token_that_slack_refuses(desk: SlackDesk, error: str, key: str) -> None:
    desk.answers["auth.test"] = {"ok": False, "error": error}
    found = await examine(patient(desk), NAMED)
    assert keys(found) == [key]
    assert found[0].values["error"] == error


async def test_an_installed_workspace_is_told_to_connect_anew(desk: SlackDesk) -> None:
    found = await examine(patient(desk, bot_token="xoxb-revoked", installed=True), NAMED, into=False)
    assert keys(found) == ["installation_revoked"]


async def test_rights_that_are_missing_and_superfluous(desk: SlackDesk) -> None:
    desk.scopes = "chat:write, files:read"
    found = {each.key: each for each in await examine(patient(desk), NAMED)}
    assert found["scopes_missing"].values == {"scopes": "channels:read"}
    assert found["scopes_missing"].gravity is Gravity.ERROR
    assert found["scopes_superfluous"].values == {"scopes": "files:read"}
    assert found["scopes_superfluous"].gravity is Gravity.WARNING


async def test_a_server_that_does_not_tell_scopes_is_not_suspected(desk: SlackDesk) -> None:
    desk.scopes = ""
    found = await examine(patient(desk), NAMED)
    assert keys(found) == []
    assert "scopes" not in {each.key for each in found}


@pytest.mark.parametrize(
    ("off", "key", "gravity"),
    [
        (timedelta(seconds=-45), "clock_fast", Gravity.WARNING),
        (timedelta(minutes=6), "clock_slow", Gravity.ERROR),
        (timedelta(seconds=10), "clock", Gravity.WELL),
    ],
)
async def test_the_clock(desk: SlackDesk, off: timedelta, key: str, gravity: Gravity) -> None:
    desk.clock_off = off
    found = {each.key: each for each in await examine(patient(desk), NAMED)}
    assert found[key].gravity is gravity
    if gravity is not Gravity.WELL:
        assert abs(int(found[key].values["seconds"]) - abs(off.total_seconds())) <= 3


async def test_channels_that_do_not_exist_or_in_which_the_bot_is_not(desk: SlackDesk) -> None:
    desk.answers["conversations.list"] = {"channels": [channel("C1", "general", member=False)]}
    found = {each.key: each for each in await examine(patient(desk), NAMED)}
    assert found["no_channel"].values == {"names": "#random (channels.yaml)"}
    assert found["not_in_channel"].values == {"names": "#general", "bot": "allant"}


async def test_channels_are_read_to_their_last_page_and_may_be_named_by_id(desk: SlackDesk) -> None:
    pages: list[dict[str, Any]] = [
        {"channels": [channel("C1", "general")], "response_metadata": {"next_cursor": "more"}},
        {"channels": [channel("C2", "random")]},
    ]
    listed = iter(pages)
    say = desk.say
    desk.say = lambda method, token, values: (  # type: ignore[method-assign]  # A server that answers in two pages.
        {"ok": True, **next(listed)} if method == "conversations.list" else say(method, token, values)
    )
    assert keys(await examine(patient(desk), {**NAMED, "C2": "year.yaml"})) == []
    assert [values.get("cursor") for method, _, values in desk.asked if method == "conversations.list"] == [
        None,
        "more",
    ]


async def test_many_channels_make_one_finding(desk: SlackDesk) -> None:
    named = {f"room-{number}": "year.yaml" for number in range(40)}
    found = {each.key: each for each in await examine(patient(desk), named)}
    assert found["no_channel"].values["names"].endswith("(+28)")


async def test_nobody_administers_or_somebody_unknown(desk: SlackDesk) -> None:
    nobody = {each.key: each for each in await examine(patient(desk, admins=["slack/TOTHER/U1", "odd"]), NAMED)}
    assert nobody["no_admin"].values == {"ref": "slack/T0001/U0123ABCD"}
    desk.answers["users.info"] = {"ok": False, "error": "user_not_found"}
    assert keys(await examine(patient(desk), NAMED)) == ["admin_unknown"]


@pytest.mark.parametrize(("token", "key"), [("xoxb-1", "app_token_kind"), ("xapp-wrong", "app_token_refused")])
async def test_the_wrong_app_token(desk: SlackDesk, token: str, key: str) -> None:
    assert keys(await examine(patient(desk, app_token=token), NAMED)) == [key]


async def test_an_app_token_without_its_scope(desk: SlackDesk) -> None:
    desk.answers["apps.connections.open"] = {"ok": False, "error": "missing_scope"}
    assert keys(await examine(patient(desk), NAMED)) == ["app_token_scope"]


async def test_a_socket_that_nobody_lets_through(desk: SlackDesk) -> None:
    desk.socket_url = "ws://127.0.0.1:1/"
    assert keys(await examine(patient(desk), NAMED, thoroughly=True)) == ["socket_unreachable"]
    assert keys(await examine(patient(desk), NAMED)) == []  # Looked over while running, it opens no connection.


async def test_no_way_in(desk: SlackDesk) -> None:
    assert keys(await examine(patient(desk, app_token=""), NAMED)) == ["no_way_in"]


async def test_slack_cannot_be_reached() -> None:
    away = Patient(api_url="http://127.0.0.1:1/api/", bot_token=TOKEN, app_token="xapp-1", needed=NEEDED)
    assert keys(await examine(away, NAMED)) == ["unreachable", "unreachable"]


async def test_an_org_wide_token_is_refused_in_plain_words(desk: SlackDesk) -> None:
    desk.answers["auth.test"] = {"is_enterprise_install": True}
    assert keys(await examine(patient(desk), NAMED)) == ["org_wide"]


# Over HTTP: it calls our own address as Slack does


@contextlib.asynccontextmanager
async def running_hook(desk: SlackDesk, secret: str) -> AsyncIterator[str]:
    """Allant's web server with the Slack app of that signing secret; gives its address."""
    app = SlackApp(signing_secret=secret, api_url=f"{desk.url}/api/", renderer=MarkdownRenderer(), language="en")

    async def gauges() -> dict[str, float]:
        return {}

    async def ignore(event: Event) -> None: ...

    server = web_server(make_web(gauges, webhook_routes(lambda: app.webhooks, ignore)))
    with contextlib.closing(listen("127.0.0.1", 0)) as socket:
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.mark.parametrize(("secret", "key"), [(SECRET, "hook"), ("f" * 32, "hook_refused")])
async def test_our_own_hook_answers_what_is_signed(desk: SlackDesk, secret: str, key: str) -> None:
    async with running_hook(desk, secret) as url:
        looked = patient(desk, app_token="", signing_secret=SECRET, public_url=url)
        found = {each.key: each for each in await examine(looked, NAMED, thoroughly=True)}
    assert found[key].values["url"] == f"{url}/hooks/slack/events"
    assert found["public_url_plain"].gravity is Gravity.WARNING


async def test_another_server_or_none_at_our_address(desk: SlackDesk) -> None:
    other = patient(desk, app_token="", signing_secret=SECRET, public_url=desk.url)
    assert "hook_not_ours" in keys(await examine(other, NAMED, thoroughly=True))
    away = patient(desk, app_token="", signing_secret="short", public_url="https://127.0.0.1:1")
    assert keys(await examine(away, NAMED, thoroughly=True)) == ["hook_unreachable", "signing_secret_odd"]
    assert keys(await examine(replace(away, public_url=""), NAMED)) == ["no_public_url", "signing_secret_odd"]


# Words


def test_everything_it_can_find_has_words_in_both_languages() -> None:
    library = ContentLibrary(starter_folder("content"), part="messages")
    library.load()
    known = library.keys()
    said = [key.removeprefix("checkup.is_") for key in known if key.startswith("checkup.is_")]
    well = {"token", "scopes", "clock", "channels", "admins", "app_token", "socket", "hook"}
    assert len(said) > 25
    for key in said:
        for language in LANGUAGES:
            gravity = Gravity.WELL if key in well else Gravity.ERROR
            finding = Finding(key=key, gravity=gravity, values={})
            assert finding.said(library.words, language)
            assert bool(finding.mend(library.words, language)) is (key not in well)
