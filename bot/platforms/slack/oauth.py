"""The door of Slack: workspaces connect themselves with the “Add to Slack” flow (OAuth 2), and several share one app.

Who begins at ``/hooks/slack/install`` gets a ticket, half of it in a cookie and half in the address by which Slack
brings them back: only the same browser, within ten minutes, and only once, can finish what it began. Nothing is written
down before that.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.core.doors import Admit, Door
from bot.core.errors import BadInput, PlatformError, Refused, Unreachable
from bot.core.events import Event
from bot.core.installations import Installations, Installed
from bot.core.platform import Platform
from bot.core.ports import Clock
from bot.core.refs import Language, MemberRef, WorkspaceRef
from bot.core.webhook import Webhook, WebRequest, WebResponse
from bot.platforms.slack.app import SlackApp
from bot.platforms.slack.installation import Installation
from bot.platforms.slack.manifest import INSTALL_PATH, OAUTH_PATH
from bot.platforms.slack.pages import page
from bot.platforms.slack.reading import mapping, text
from bot.platforms.slack.wire import make_client

log = logging.getLogger("allant.slack")

COOKIE = "allant_install"
TICKET_FOR = timedelta(minutes=10)
_TEAM = re.compile(r"T[A-Z0-9]{2,20}")
_WORTHLESS = ("account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked")
_TROUBLE = (SlackClientError, aiohttp.ClientError, asyncio.TimeoutError, OSError)

Words = Callable[..., str]


class NotConnected(Exception):
    """The workspace is not connected; ``why`` ends the key of the words that say so."""

    def __init__(self, why: str, **values: str) -> None:
        self.why = why
        self.values = values
        super().__init__(why)


class Tickets:
    """Makes and checks the two halves. ``key``: a secret of the installation, the same in every process."""

    def __init__(self, key: bytes, clock: Clock, installations: Installations) -> None:
        self._key = key
        self._clock = clock
        self._installations = installations

    def make(self) -> tuple[str, str]:
        """The half for the address, and the half for the cookie."""
        until = int((self._clock.now() + TICKET_FOR).timestamp())
        begun, browser = f"{until}.{secrets.token_urlsafe(16)}", secrets.token_urlsafe(24)
        return f"{begun}.{self._sign(begun, browser)}", browser

    async def spend(self, state: str, browser: str) -> bool:
        """Whether the halves belong together, hold still, and were not used before; from now on they are."""
        begun, _, signature = state.rpartition(".")
        if not (browser and hmac.compare_digest(signature.encode(), self._sign(begun, browser).encode())):
            return False
        until = datetime.fromtimestamp(int(begun.split(".")[0]), UTC)  # We signed it: it is a number.
        now = self._clock.now()
        mark = hashlib.sha256(begun.encode()).hexdigest()
        return until > now and await self._installations.spend(mark, until, now)

    def _sign(self, begun: str, browser: str) -> str:
        return hmac.new(
            self._key, f"slack install\0{begun}\0{browser}".encode("utf-8", "replace"), "sha256"
        ).hexdigest()


class SlackDoor(Door):
    """``/hooks/slack/install`` begins, ``/hooks/slack/oauth`` ends."""

    platform = "slack"

    def __init__(
        self,
        app: SlackApp,
        *,
        client_id: str,
        client_secret: str,
        public_url: str,
        scopes: Sequence[str],
        allowed: Collection[str],
        tickets: Tickets,
        clock: Clock,
        words: Words,
        admit: Admit,
    ) -> None:
        """``allowed``: the ids of the only workspaces that may connect; empty for all that Slack lets install the app.
        ``words(language, key, **values)`` gives plain text. Raises BadInput for a wrong setting."""
        if not (client_id and client_secret):
            raise BadInput("set both ALLANT_SLACK_CLIENT_ID and ALLANT_SLACK_CLIENT_SECRET, or neither")
        if not public_url:
            raise BadInput(
                "ALLANT_SLACK_CLIENT_ID lets workspaces connect themselves, for which Slack must reach Allant: set "
                "ALLANT_PUBLIC_URL to its https address"
            )
        wrong = [each for each in allowed if not _TEAM.fullmatch(each)]
        if wrong:
            raise BadInput(f"ALLANT_SLACK_WORKSPACES: {wrong[0]!r} is no workspace id; it looks like T0123ABCD")
        self._app = app
        self._client_id = client_id
        self._client_secret = client_secret
        self._secure = public_url.startswith("https://")
        self._redirect = f"{public_url.rstrip('/')}/hooks/{OAUTH_PATH}"
        self._scopes = tuple(scopes)
        self._allowed = frozenset(allowed)
        self._tickets = tickets
        self._clock = clock
        self._words = words
        self._admit = admit
        self.webhooks = (*app.webhooks, Webhook(INSTALL_PATH, self._begin), Webhook(OAUTH_PATH, self._finish))

    async def open(self, installed: Installed) -> Platform:
        kept = installed.credentials
        if not kept.get("token"):
            raise BadInput("its token is not there: connect it again")
        return self._app.connect(
            Installation(
                team=installed.workspace.id,
                token=kept["token"],
                bot_user=kept.get("bot_user", ""),
                bot=kept.get("bot", ""),
                name=installed.name,
                url=kept.get("url", ""),
                scopes=frozenset(kept.get("scopes", "").split(",")) - {""},
            )
        )

    async def answers(self, installed: Installed) -> bool:
        try:
            await make_client(self._app.api_url, installed.credentials.get("token", "")).auth_test()
        except _TROUBLE:
            return False
        return True

    async def revoke(self, installed: Installed) -> None:
        await revoke(self._app.api_url, installed.credentials.get("token", ""))

    def shut(self, workspace: WorkspaceRef) -> None:
        self._app.workspaces.pop(workspace.id, None)

    # The pages

    async def _begin(self, asked: WebRequest, on_event: Callable[[Event], Awaitable[None]]) -> WebResponse:
        del on_event
        if asked.method != "GET":
            return WebResponse(status=405)
        state, browser = self._tickets.make()
        query = {"client_id": self._client_id, "scope": ",".join(self._scopes), "state": state}
        query["redirect_uri"] = self._redirect
        where = f"{self._app.api_url.removesuffix('api/')}oauth/v2/authorize?{urlencode(query)}"
        headers = {"location": where, "set-cookie": self._cookie(browser, TICKET_FOR), "cache-control": "no-store"}
        return WebResponse(status=302, headers=headers)

    async def _finish(self, asked: WebRequest, on_event: Callable[[Event], Awaitable[None]]) -> WebResponse:
        del on_event
        if asked.method != "GET":
            return WebResponse(status=405)
        language = _language(asked.headers.get("accept-language", ""), self._app.language)
        given = {name: values[0] for name, values in parse_qs(asked.query).items()}
        try:
            installed, app_id = await self._exchange(given, _cookie(asked.headers.get("cookie", "")))
        except NotConnected as problem:
            log.warning("a workspace was not connected: %s", problem.why)
            status = 200 if problem.why == "cancelled" else 400
            return self._page(language, problem.why, status, again=True, **problem.values)
        home = f"https://slack.com/app_redirect?{urlencode({'app': app_id, 'team': installed.workspace.id})}"
        return self._page(language, "done", 200, home=home if app_id else "", workspace=installed.name)

    def _page(
        self, language: Language, key: str, status: int, *, again: bool = False, home: str = "", **values: str
    ) -> WebResponse:
        """The page that says how it went; whatever it was, the cookie has served."""

        def say(part: str) -> str:
            return self._words(language, f"installing.{part}_{key}", **values)

        link = (home, self._words(language, "installing.open")) if home else ("", "")
        if again:
            link = (INSTALL_PATH.rpartition("/")[2], self._words(language, "installing.again"))
        body, headers = page(language, title=say("title"), text=say("text"), link=link)
        cookie = self._cookie("", timedelta())
        return WebResponse(status=status, headers={**headers, "set-cookie": cookie}, body=body)

    def _cookie(self, value: str, age: timedelta) -> str:
        secure = "; Secure" if self._secure else ""
        seconds = int(age.total_seconds())
        # Lax: Slack brings the browser back by a link, with which a stricter cookie would not be sent.
        return f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"

    # What Slack says

    async def _exchange(self, given: Mapping[str, str], browser: str) -> tuple[Installed, str]:
        """The workspace, connected, and the app's id. Raises NotConnected."""
        if not await self._tickets.spend(given.get("state", ""), browser):
            raise NotConnected("ticket")
        if given.get("error"):
            raise NotConnected("cancelled" if given["error"] == "access_denied" else "refused")
        said = await self._access(given.get("code", ""))
        token, team = text(said.get("access_token")), mapping(said.get("team"))
        try:
            self._check(said, text(team.get("id")))
        except NotConnected:
            # What we will not use, nobody should.
            with contextlib.suppress(PlatformError):
                await revoke(self._app.api_url, token)
            raise
        workspace = WorkspaceRef("slack", text(team.get("id")))
        credentials = {"token": token, "bot_user": text(said.get("bot_user_id")), "scopes": text(said.get("scope"))}
        credentials |= await self._about_bot(token)
        installed = Installed(
            workspace=workspace,
            name=" ".join(text(team.get("name")).split())[:100] or workspace.id,
            credentials=credentials,
            at=self._clock.now(),
        )
        installer = text(mapping(said.get("authed_user")).get("id"))
        await self._admit(installed, MemberRef(workspace, installer) if installer else None)
        return installed, text(said.get("app_id"))

    async def _access(self, code: str) -> Mapping[str, Any]:
        client = make_client(self._app.api_url, "")
        # As the SDK would, without the part of aiohttp that it uses for this and that is going away.
        proof = base64.b64encode(f"{self._client_id}:{self._client_secret}".encode()).decode()
        try:
            answer = await client.api_call(
                "oauth.v2.access",
                data={"code": code, "redirect_uri": self._redirect},
                headers={"Authorization": f"Basic {proof}"},
            )
        except SlackApiError as problem:
            code = str(problem.response.get("error") or "")
            log.warning("Slack refused to connect a workspace: %s", code if code.isidentifier() else "?")
            ours = code in ("bad_client_secret", "invalid_client_id", "bad_redirect_uri")
            raise NotConnected("settings" if ours else "refused") from None
        except _TROUBLE:
            raise NotConnected("unreachable") from None
        return mapping(answer.data)

    def _check(self, said: Mapping[str, Any], team: str) -> None:
        if said.get("is_enterprise_install") is True:
            raise NotConnected("org_wide")
        if text(said.get("token_type")) != "bot" or not _TEAM.fullmatch(team):
            raise NotConnected("refused")
        if said.get("refresh_token"):
            raise NotConnected("rotating")
        if self._allowed and team not in self._allowed:
            raise NotConnected("not_allowed", ref=team)

    async def _about_bot(self, token: str) -> dict[str, str]:
        """Its bot id, by which we know our own messages, and the workspace's address."""
        try:
            said = mapping((await make_client(self._app.api_url, token).auth_test()).data)
        except _TROUBLE:
            raise NotConnected("unreachable") from None
        return {"bot": text(said.get("bot_id")), "url": text(said.get("url"))}


async def revoke(api_url: str, token: str) -> None:
    """Make the token worthless; one that is so already is no error. Raises Refused or Unreachable."""
    try:
        await make_client(api_url, token).auth_revoke()
    except SlackApiError as problem:
        code = str(problem.response.get("error"))
        if code not in _WORTHLESS:
            raise Refused(f"Slack did not revoke the token: {code}") from None
    except _TROUBLE as problem:
        raise Unreachable(f"Slack could not be asked to revoke the token: {type(problem).__name__}") from None


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _language(accepted: str, usual: Language) -> Language:
    """The first of the two languages that the browser names."""
    for each in accepted.split(","):
        tongue = each.strip()[:2].lower()
        if tongue == "fr":
            return "fr"
        if tongue == "en":
            return "en"
    return usual
