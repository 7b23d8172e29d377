"""Workspaces connect themselves: by whoever began it, once, and are listened to without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bot.app import Allant, assemble, running
from bot.connections import make_slack
from bot.core.clock import VirtualClock
from bot.core.community import Role
from bot.core.errors import BadInput
from bot.core.events import Event
from bot.core.installations import Installations, Installed
from bot.core.platform import OnEvent
from bot.core.refs import MemberRef, WorkspaceRef
from bot.core.webhook import Webhook
from bot.library import ContentLibrary
from bot.lookover import readable
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import SlackApp
from bot.platforms.slack.oauth import SlackDoor, Tickets
from bot.service import all_webhooks
from bot.settings import Settings, starter_folder
from bot.slack_setup import scopes_needed, set_up
from bot.web import make_web, webhook_routes
from tests.contract.store_house import NOW
from tests.wire.slack_desk import ADMIN, SECRET, TEAM, TOKEN, SlackDesk, query_of, slack_desk

PUBLIC = "https://allant.test"
ACME = WorkspaceRef("slack", TEAM)
PATIENCE = 10.0


def settings_for(desk: SlackDesk, folder: Path, **more: object) -> Settings:
    schedules = folder / "schedules"
    schedules.mkdir(exist_ok=True)
    given = {
        "database_url": f"sqlite:///{folder / 'allant.db'}",
        "secret_file": folder / "allant.key",
        "content_dir": starter_folder("content"),
        "schedules_dir": schedules,
        "public_url": PUBLIC,
        "language": "en",
        "slack_api_url": f"{desk.url}/api/",
        "slack_signing_secret": SECRET,
        "slack_client_id": "1.2",
        "slack_client_secret": "shh",
        **more,
    }
    return Settings(_env_file=None, **given)  # type: ignore[arg-type, call-arg]  # pydantic checks them.


class InMemory(Installations):
    """What the store keeps of workspaces, in the hand."""

    def __init__(self) -> None:
        self.kept: dict[WorkspaceRef, Installed] = {}
        self.spent: set[str] = set()

    async def spend(self, mark: str, until: datetime, now: datetime) -> bool:
        fresh = mark not in self.spent
        self.spent.add(mark)
        return fresh

    async def keep(self, installed: Installed) -> None:
        self.kept[installed.workspace] = installed

    async def all(self) -> Sequence[Installed]:
        return list(self.kept.values())

    async def unreadable(self) -> Sequence[WorkspaceRef]:
        return []

    async def forget(self, workspace: WorkspaceRef) -> bool:
        return self.kept.pop(workspace, None) is not None


class Visitor:
    """Whoever connects a workspace, with a browser that keeps cookies."""

    def __init__(self, desk: SlackDesk, webhooks: Callable[[], Sequence[Webhook]], accept: OnEvent) -> None:
        async def gauges() -> dict[str, float]:
            return {}

        self.desk = desk
        self._transport = httpx.ASGITransport(make_web(gauges, webhook_routes(webhooks, accept)))
        self._browsers: list[httpx.AsyncClient] = []
        self.browser = self.another_browser()

    def another_browser(self) -> httpx.AsyncClient:
        browser = httpx.AsyncClient(transport=self._transport, base_url=PUBLIC, follow_redirects=False)
        self._browsers.append(browser)
        return browser

    async def begin(self) -> str:
        """Open the install page; the state that Slack will bring back."""
        sent = await self.browser.get("/hooks/slack/install")
        assert sent.status_code == 302
        return query_of(sent.headers["location"])["state"]

    async def end(self, **query: str) -> httpx.Response:
        return await self.browser.get("/hooks/slack/oauth", params=query)

    async def install(self, code: str = "code", **allowed: str) -> httpx.Response:
        self.desk.allow(code, **allowed)
        return await self.end(code=code, state=await self.begin())

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.aclose()


class House(Visitor):
    """A running Allant with its web server."""

    def __init__(self, allant: Allant, desk: SlackDesk) -> None:
        super().__init__(desk, lambda: all_webhooks(allant), allant.accept)
        self.allant = allant

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not so():  # noqa: ASYNC110  # What is waited for has no event of its own.
                await asyncio.sleep(0.02)

    async def event(self, event: Mapping[str, object], number: int, team: str = TEAM) -> httpx.Response:
        """Slack brings an event, signed."""
        body = json.dumps(
            {"type": "event_callback", "team_id": team, "api_app_id": "A1", "event": event, "event_id": f"Ev{number}"}
        )
        stamp = str(int(time.time()))
        signed = hmac.new(SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={signed}",
        }
        return await self.browser.post("/hooks/slack/events", content=body, headers=headers)

    async def heard(self, event: Mapping[str, object], number: int, team: str = TEAM) -> None:
        """The event was taken in and handled. Until the workspace is listened to, Slack is told to come again."""
        async with asyncio.timeout(PATIENCE):
            while (await self.event(event, number, team)).status_code != 200:  # noqa: ASYNC110  # As Slack does.
                await asyncio.sleep(0.05)
            await self.allant.intake.idle()


class Lobby(Visitor):
    """The door alone: no house behind it, only a list of who came in."""

    def __init__(self, desk: SlackDesk, allowed: Sequence[str] = ()) -> None:
        self.clock = VirtualClock(NOW)
        self.installations = InMemory()
        self.tickets = Tickets(b"key", self.clock, self.installations)
        self.app = SlackApp(
            signing_secret=SECRET, api_url=f"{desk.url}/api/", renderer=MarkdownRenderer(), language="en"
        )
        self.admitted: list[tuple[Installed, MemberRef | None]] = []
        door = SlackDoor(
            self.app,
            client_id="1.2",
            client_secret="shh",
            public_url=PUBLIC,
            scopes=scopes_needed(),
            allowed=allowed,
            tickets=self.tickets,
            clock=self.clock,
            words=lambda language, key, **values: readable(starter_words().words(language, key, **values)),
            admit=self.admit,
        )
        super().__init__(desk, lambda: door.webhooks, self.hear)

    async def admit(self, installed: Installed, installer: MemberRef | None) -> None:
        self.admitted.append((installed, installer))

    async def hear(self, event: Event) -> None:
        raise AssertionError("nothing is heard at the door")


@cache
def starter_words() -> ContentLibrary:
    library = ContentLibrary(starter_folder("content"))
    library.load()
    return library


@pytest.fixture
async def lobby(desk: SlackDesk) -> AsyncIterator[Lobby]:
    lobby = Lobby(desk)
    yield lobby
    await lobby.close()


@pytest.fixture
async def desk() -> AsyncIterator[SlackDesk]:
    async with slack_desk() as desk:
        desk.tokens.clear()
        yield desk


@contextlib.asynccontextmanager
async def house(desk: SlackDesk, folder: Path, **more: object) -> AsyncIterator[House]:
    settings = settings_for(desk, folder, **more)
    slack = make_slack(settings)
    assert slack is not None
    allant = await assemble(settings, [], library=starter_words())
    set_up(settings, slack, allant)
    async with running(allant):
        found = House(allant, desk)
        try:
            yield found
        finally:
            await found.close()


async def test_slack_is_asked_for_exactly_what_is_needed(lobby: Lobby) -> None:
    sent = await lobby.browser.get("/hooks/slack/install")
    address = sent.headers["location"]
    asked = query_of(address)
    assert urlsplit(address).path == "/oauth/v2/authorize"
    assert asked["scope"].split(",") == scopes_needed()
    assert asked["client_id"] == "1.2"
    assert asked["redirect_uri"] == f"{PUBLIC}/hooks/slack/oauth"
    cookie = sent.headers["set-cookie"]
    for part in ("allant_install=", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"):
        assert part in cookie
    assert asked["state"] not in cookie


async def test_a_workspace_connects_itself_without_a_restart(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        assert play.allant.platforms == {}
        done = await play.install()
        assert done.status_code == 200
        assert "Allant is connected to Acme" in done.text
        assert "https://slack.com/app_redirect?app=A1&amp;team=T0001" in done.text
        await play.until(lambda: ACME in play.allant.platforms)
        admin = await play.allant.store.members.get(MemberRef(ACME, ADMIN))
        assert admin is not None
        assert admin.role is Role.ADMIN
        await play.until(lambda: "users.list" in desk.methods())
        zoe = {"id": "U9", "name": "zoe", "real_name": "Zoé", "locale": "fr-FR"}
        await play.heard({"type": "team_join", "user": zoe, "event_ts": "1.1"}, 1)
        member = await play.allant.store.members.get(MemberRef(ACME, "U9"))
        assert member is not None
        assert (member.name, member.language) == ("Zoé", "fr")


async def test_the_client_proves_itself_and_the_token_is_nowhere_to_be_read(
    desk: SlackDesk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(desk, tmp_path) as play:
        done = await play.install()
        await play.until(lambda: ACME in play.allant.platforms)
    (access,) = [each for each in desk.asked if each[0] == "oauth.v2.access"]
    assert access[1] == "1.2:shh"
    assert access[2]["redirect_uri"] == f"{PUBLIC}/hooks/slack/oauth"
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert TOKEN.encode() not in on_disk
    assert TOKEN not in done.text + caplog.text
    assert "shh" not in caplog.text
    assert done.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in done.headers["content-security-policy"]


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_speaks_the_browsers_language(lobby: Lobby, language: str) -> None:
    lobby.browser.headers["accept-language"] = f"de,{language};q=0.8"
    done = await lobby.end(state="forged", code="code")
    said = {"fr": "Ce lien ne sert plus", "en": "This link has served its time"}
    assert said[language] in done.text
    assert f'<html lang="{language}">' in done.text


async def test_a_state_is_good_once_in_its_own_browser(lobby: Lobby, desk: SlackDesk) -> None:
    state = await lobby.begin()
    desk.allow("code")
    stolen = await lobby.another_browser().get("/hooks/slack/oauth", params={"code": "code", "state": state})
    assert stolen.status_code == 400
    own = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in lobby.browser.cookies.jar)}
    assert (await lobby.end(code="code", state=state)).status_code == 200
    desk.allow("code")
    again = await lobby.browser.get("/hooks/slack/oauth", params={"code": "code", "state": state}, headers=own)
    assert again.status_code == 400
    for forged in ("", "1.2.3", f"9{state}", state[:-1], "é.x.y", state.replace(".", "")):
        query = {"code": "code", "state": forged}
        assert (await lobby.browser.get("/hooks/slack/oauth", params=query, headers=own)).status_code == 400
    assert desk.methods().count("oauth.v2.access") == 1
    assert len(lobby.admitted) == 1


async def test_a_state_ends_after_ten_minutes(lobby: Lobby) -> None:
    state, browser = lobby.tickets.make()
    other_state, other_browser = lobby.tickets.make()
    lobby.clock.move_to(NOW + timedelta(minutes=9, seconds=59))
    assert not await lobby.tickets.spend(state, other_browser)
    assert await lobby.tickets.spend(state, browser)
    lobby.clock.move_to(NOW + timedelta(minutes=10))
    assert not await lobby.tickets.spend(other_state, other_browser)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"error": "access_denied"}, 200, "You chose not to install"),
        ({"error": "server_error"}, 400, "Slack did not agree"),
        ({"code": "never given"}, 400, "Slack did not agree"),
    ],
)
async def test_what_slack_does_not_grant_is_said(lobby: Lobby, query: dict[str, str], status: int, said: str) -> None:
    done = await lobby.end(state=await lobby.begin(), **query)
    assert (done.status_code, said in done.text) == (status, True)
    assert lobby.admitted == []


async def test_settings_that_slack_does_not_know_are_told_apart(lobby: Lobby, desk: SlackDesk) -> None:
    desk.answers["oauth.v2.access"] = {"ok": False, "error": "bad_client_secret"}
    assert "ALLANT_SLACK_CLIENT_SECRET" in (await lobby.install()).text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"is_enterprise_install": True, "team": None}, "workspace by workspace"),
        ({"refresh_token": "xoxe-1", "expires_in": 43200}, "Token rotation is on"),
        ({"token_type": "user"}, "Slack did not agree"),
    ],
)
async def test_what_allant_does_not_support_is_refused_and_its_token_given_back(
    lobby: Lobby, desk: SlackDesk, more: dict[str, object], said: str
) -> None:
    desk.allow("code")
    desk.codes["code"] |= more
    done = await lobby.end(code="code", state=await lobby.begin())
    assert (done.status_code, said in done.text) == (400, True)
    assert lobby.admitted == []
    assert desk.tokens == {}


async def test_a_workspace_with_an_odd_id_is_refused(lobby: Lobby, desk: SlackDesk) -> None:
    await lobby.install(team="../T1")
    assert lobby.admitted == []


async def test_only_the_workspaces_that_are_named_may_connect(desk: SlackDesk) -> None:
    lobby = Lobby(desk, allowed=("T0002", "T0003"))
    refused = await lobby.install()
    assert "Ask them to add T0001 to ALLANT_SLACK_WORKSPACES" in refused.text
    assert desk.tokens == {}
    assert (await lobby.install(team="T0002", token="xoxb-2")).status_code == 200
    assert [str(installed.workspace) for installed, _ in lobby.admitted] == ["slack/T0002"]
    await lobby.close()


async def test_two_workspaces_are_told_apart(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        await play.install()
        await play.install("other", team="T0002", name="Beta", token="xoxb-2-good")
        beta = WorkspaceRef("slack", "T0002")
        await play.until(lambda: {ACME, beta} <= set(play.allant.platforms))
        bo = {"id": "U7", "name": "bo", "locale": "en-GB"}
        await play.heard({"type": "team_join", "user": bo, "event_ts": "1.1"}, 1, team="T0002")
        assert await play.allant.store.members.get(MemberRef(beta, "U7")) is not None
        assert await play.allant.store.members.get(MemberRef(ACME, "U7")) is None


async def test_every_process_takes_up_a_workspace_and_one_listens(
    desk: SlackDesk, tmp_path: Path, empty_postgres: str
) -> None:
    shared = {"database_url": empty_postgres, "lease_seconds": 2}
    async with house(desk, tmp_path, **shared) as one, house(desk, tmp_path, **shared) as other:
        await one.install()
        await one.until(lambda: ACME in one.allant.platforms and ACME in other.allant.platforms)
        await one.until(lambda: len(one.allant.attending | other.allant.attending) == 1)
        zoe = {"id": "U9", "name": "zoe", "real_name": "Zoé"}
        await other.heard({"type": "team_join", "user": zoe, "event_ts": "1.1"}, 1)
        desk.tokens.clear()
        assert (await other.event({"type": "app_uninstalled", "event_ts": "2.1"}, 2)).status_code == 200
        await one.until(lambda: ACME not in one.allant.platforms and ACME not in other.allant.platforms)
        await one.until(lambda: not one.allant.attending | other.allant.attending)


async def test_a_removed_app_lets_its_workspace_go_until_it_is_connected_anew(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        await play.install()
        await play.until(lambda: ACME in play.allant.platforms)
        desk.tokens.clear()
        assert (await play.event({"type": "app_uninstalled", "event_ts": "2.1"}, 2)).status_code == 200
        assert await play.allant.store.installations.all() == []
        await play.until(lambda: ACME not in play.allant.platforms)
        await play.install("again", token="xoxb-1-newer")
        await play.until(lambda: ACME in play.allant.platforms)
        (kept,) = await play.allant.store.installations.all()
        assert kept.credentials["token"] == "xoxb-1-newer"


async def test_old_news_of_a_removal_does_not_remove_what_is_connected_anew(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        await play.install()
        await play.until(lambda: ACME in play.allant.platforms)
        revoked = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0BOT"]}, "event_ts": "2.1"}
        assert (await play.event(revoked, 2)).status_code == 200
        assert len(await play.allant.store.installations.all()) == 1
        assert ACME in play.allant.platforms


async def test_a_restart_connects_what_was_connected(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        await play.install()
        await play.until(lambda: ACME in play.allant.platforms)
    async with house(desk, tmp_path) as play:
        await play.until(lambda: ACME in play.allant.platforms)


async def test_a_token_that_is_worthless_at_the_start_stops_nobody(desk: SlackDesk, tmp_path: Path) -> None:
    async with house(desk, tmp_path) as play:
        await play.install()
        await play.until(lambda: ACME in play.allant.platforms)
    desk.tokens.clear()
    async with house(desk, tmp_path) as play:
        await play.install("other", team="T0002", name="Beta", token="xoxb-2-good")
        await play.until(lambda: WorkspaceRef("slack", "T0002") in play.allant.platforms)
        await play.until(lambda: ("users.list", "xoxb-2-good") in [(method, token) for method, token, _ in desk.asked])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"slack_client_secret": ""}, "set both ALLANT_SLACK_CLIENT_ID and ALLANT_SLACK_CLIENT_SECRET"),
        ({"public_url": ""}, "ALLANT_PUBLIC_URL"),
        ({"slack_workspaces": "acme"}, "'acme' is no workspace id"),
    ],
)
async def test_a_wrong_setting_is_told(desk: SlackDesk, tmp_path: Path, setting: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("(", "\\(")):
        async with house(desk, tmp_path, **setting):
            pytest.fail("it must not start")
