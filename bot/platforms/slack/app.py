"""The Slack app as a whole: one Socket Mode connection or one HTTP address, which all its workspaces share.

slack-bolt checks signatures, knows who is asked and leaves our own events out. It is run so that it answers only after
our work (``process_before_response``): an event is acknowledged once it is durable, and not at all when it is not, upon
which Slack brings it again with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot.core.checkup import Finding
from bot.core.errors import BadInput, SignedOut, Unreachable
from bot.core.patience import patiently
from bot.core.platform import OnEvent
from bot.core.refs import Language
from bot.core.rendering import Renderer
from bot.core.webhook import Webhook, WebRequest, WebResponse
from bot.platforms.slack.adapter import SlackPlatform
from bot.platforms.slack.installation import Installation
from bot.platforms.slack.reading import Json, mapping, text
from bot.platforms.slack.reception import Reception
from bot.platforms.slack.wire import API_URL, SlackRefused, Wire, make_client, sdk_logger, translated

log = logging.getLogger("allant.slack")

EVENTS_PATH = "slack/events"
"""Below /hooks/: the request URL for events, slash commands and interactivity alike."""
START_TRIES = 7
"""Tries to reach Slack at the start, about half a minute: a service manager starts us again."""
CUT_OFF_SECONDS = 15.0
"""A Socket Mode connection that is gone for longer is begun anew: the SDK would try its old address for ever."""
LOOK_EVERY = 1.0
PING_SECONDS = 10.0


class SlackApp:
    """Made once a process. :meth:`install` connects a workspace, :meth:`listen` brings the events of all of them."""

    def __init__(
        self,
        *,
        app_token: str = "",
        signing_secret: str = "",
        api_url: str = API_URL,
        renderer: Renderer,
        language: Language,
    ) -> None:
        """``app_token`` (``xapp-…``): listen over Socket Mode. ``signing_secret``: answer signed requests at
        :data:`EVENTS_PATH`. One of them must be there; Slack sends everything to the socket where an app has Socket
        Mode switched on. ``api_url``: of Slack or of a compatible server. ``language``: of people whose locale is not
        told. Raises BadInput for a wrong setting; nothing is asked of Slack yet."""
        if not (app_token or signing_secret):
            raise BadInput("set ALLANT_SLACK_APP_TOKEN (Socket Mode) or ALLANT_SLACK_SIGNING_SECRET (HTTP) for Slack")
        if app_token and not app_token.startswith("xapp-"):
            raise BadInput("ALLANT_SLACK_APP_TOKEN is no app-level token; it begins with xapp-")
        if not re.match(r"https?://[^/\s]", api_url):
            raise BadInput("ALLANT_SLACK_API_URL is no address; write https://slack.com/api/")
        self.api_url = api_url if api_url.endswith("/") else f"{api_url}/"
        self.renderer = renderer
        self.language = language
        self.workspaces: dict[str, SlackPlatform] = {}
        """By team id."""
        self.on_gone: Callable[[str], Awaitable[None]] | None = None
        """Told the team id of a workspace that removed the app or revoked its token."""
        self.look: Callable[[SlackPlatform, Mapping[str, str]], Awaitable[Sequence[Finding]]] | None = None
        """Looks a workspace over (see :meth:`bot.core.platform.Platform.look_over`)."""
        self.webhooks: tuple[Webhook, ...] = (Webhook(EVENTS_PATH, self._answer),) if signing_secret else ()
        self._app_token = app_token
        self.on_event: OnEvent | None = None
        """For events of workspaces that another process attends to, while the socket is ours."""
        self._reception = Reception(self.workspaces.get, self._gone)
        self._bolt = self._make_bolt(signing_secret)
        self._opener = Wire(self.api_url, app_token, self.session)
        self._http: aiohttp.ClientSession | None = None
        self._listeners = 0
        self._listening: asyncio.Task[None] | None = None

    # Workspaces

    async def install(self, token: str) -> SlackPlatform:
        """Connect the workspace of this bot token, waiting for a while where Slack cannot be reached. Raises BadInput
        when Slack does not accept the token."""
        if not token.startswith(("xoxb-", "xoxe.xoxb-")):
            raise BadInput("ALLANT_SLACK_BOT_TOKEN is no bot token; it begins with xoxb-")
        try:
            return self.connect(await self.ask_who(token))
        finally:
            await self._end_if_unused()

    async def ask_who(self, token: str) -> Installation:
        """Whose token it is, as auth.test says. Raises BadInput."""
        client = make_client(self.api_url, token)

        async def ask() -> tuple[Json, Mapping[str, str]]:
            client.session = self.session()
            answer = await translated(client.auth_test())
            return mapping(answer.data), answer.headers

        try:
            said, headers = await patiently(ask, tries=START_TRIES)
        except (SignedOut, SlackRefused) as error:
            raise BadInput(f"Slack: {error}; copy ALLANT_SLACK_BOT_TOKEN anew from the app's page") from None
        except Unreachable:
            raise BadInput(f"Slack cannot be reached at {self.api_url}; is this machine allowed to go there?") from None
        scopes = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
        return Installation(
            team=text(said.get("team_id")),
            token=token,
            bot_user=text(said.get("user_id")),
            bot=text(said.get("bot_id")),
            name=text(said.get("team")),
            url=text(said.get("url")),
            scopes=frozenset(each.strip() for each in scopes.split(",") if each.strip()),
        )

    def connect(self, installation: Installation) -> SlackPlatform:
        """The platform of a workspace that is known; connected again, it takes the newer token."""
        platform = SlackPlatform(self, installation)
        self.workspaces[installation.team] = platform
        return platform

    def session(self) -> aiohttp.ClientSession:
        """The connections of this process to Slack."""
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=30.0, sock_connect=10.0), trust_env=True
            )
        return self._http

    async def close(self, platform: SlackPlatform) -> None:
        """A workspace ends; with the last one the connections do."""
        if self.workspaces.get(platform.workspace.id) is platform:
            del self.workspaces[platform.workspace.id]
        await self._end_if_unused()

    async def _end_if_unused(self) -> None:
        """Let go of the connections once there is no workspace (any more)."""
        if not self.workspaces:
            await self._reception.close()
            if self._http is not None:
                await self._http.close()

    # Listening

    async def listen(self, meanwhile: Coroutine[Any, Any, None]) -> None:
        """Take in events until cancelled, with the one connection that all workspaces share; ``meanwhile`` is done
        beside it. Raises BadInput when Slack does not accept the app-level token."""
        aside = asyncio.create_task(meanwhile)
        self._listeners += 1
        if self._app_token and self._listening is None:
            self._listening = asyncio.create_task(self._keep_listening(), name="slack socket")
        try:
            if self._listening is not None:
                await asyncio.shield(self._listening)
            await asyncio.Event().wait()  # Over HTTP everything comes by the web server.
        finally:
            self._listeners -= 1
            ending = [aside]
            if self._listeners == 0 and self._listening is not None:
                ending.append(self._listening)
                self._listening = None
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def _keep_listening(self) -> None:
        while True:
            try:
                handler = await patiently(self._new_handler)
            except (SignedOut, SlackRefused) as error:
                raise BadInput(f"Slack: {error}; copy ALLANT_SLACK_APP_TOKEN anew from the app's page") from None
            connecting = asyncio.create_task(handler.client.connect())  # type: ignore[no-untyped-call]  # The SDK's.
            try:
                await self._until_cut_off(handler.client)
                log.warning("the connection to Slack was lost; a new one is made")
            finally:
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                await _closed(handler)

    async def _new_handler(self) -> AsyncSocketModeHandler:
        """Not connected yet, but with an address to connect to. Raises PlatformError."""
        answer = await self._opener.ask("apps.connections.open")
        client = make_client(self.api_url, "")
        client.session = self.session()
        handler = AsyncSocketModeHandler(
            self._bolt, self._app_token, logger=sdk_logger(), web_client=client, ping_interval=PING_SECONDS
        )
        handler.client.wss_uri = text(answer.get("url"))
        return handler

    async def _until_cut_off(self, client: SocketModeClient) -> None:
        """Until there was no connection for a while that the SDK could mend."""
        gone = 0.0
        while gone < CUT_OFF_SECONDS:
            await asyncio.sleep(LOOK_EVERY)
            session = client.current_session
            gone = gone + LOOK_EVERY if session is None or session.closed else 0.0

    # What Slack sends

    def _make_bolt(self, signing_secret: str) -> AsyncApp:
        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult | None:
            return self._whose(team_id, enterprise_id)  # Bolt takes a method's self for an argument to fill in.

        bolt = AsyncApp(
            name="allant",
            logger=sdk_logger(),
            # Bolt takes one from the environment where it is given none; ours come from the settings alone.
            signing_secret=signing_secret or secrets.token_hex(16),
            client=make_client(self.api_url, ""),
            authorize=authorize,  # type: ignore[arg-type]  # None is allowed: it means that nobody is asked.
            process_before_response=True,
            raise_error_for_unhandled_request=True,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        any_of = re.compile(r".*", re.DOTALL)
        bolt.event(any_of)(self._reception.event)
        bolt.command(any_of)(self._reception.command)
        bolt.action(any_of)(self._reception.action)
        bolt.view(any_of)(self._reception.submission)
        bolt.shortcut(any_of)(self._reception.shortcut)
        bolt.error(_on_error)
        return bolt

    def _whose(self, team_id: str | None, enterprise_id: str | None) -> AuthorizeResult | None:
        """Whose event it is; for one of a workspace we do not know, nobody's."""
        platform = self.workspaces.get(team_id or "")
        if platform is None:
            return None
        found = platform.installation
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=found.team,
            bot_token=found.token,
            bot_id=found.bot,
            bot_user_id=found.bot_user,
        )

    async def _answer(self, asked: WebRequest, on_event: OnEvent) -> WebResponse:
        """A signed request. Bolt refuses it where the signature is wrong or older than five minutes; one that is
        repeated within them has the id of the first, and the inbox drops it."""
        try:
            request = AsyncBoltRequest(
                body=asked.body.decode("utf-8", "replace"),
                query=asked.query,
                headers=dict(asked.headers),
                context={"allant_on_event": on_event},
            )
            answer = await self._bolt.async_dispatch(request)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Bolt reads a body before it looks at the signature, and stumbles over what is no object.
            log.warning("a request at the address for Slack could not be read: %s", type(error).__name__)
            return WebResponse(status=400)
        return WebResponse(
            status=answer.status,
            headers={name: values[0] for name, values in answer.headers.items() if values},
            body=answer.body.encode(),
        )

    async def _gone(self, team: str) -> None:
        if self.on_gone is not None:
            await self.on_gone(team)


async def _on_error(error: Exception, body: Json) -> BoltResponse:
    """What nobody listens to is acknowledged and let be; what failed is not, so that Slack brings it again."""
    if isinstance(error, BoltUnhandledRequestError):
        return BoltResponse(status=200, body="")
    # Neither the error's words nor the body: both may hold what a person said.
    log.warning("%s was not taken in: %s", text(body.get("type")) or "a command", type(error).__name__)
    return BoltResponse(status=503, body="")


async def _closed(handler: AsyncSocketModeHandler) -> None:
    """The handler's end, and that of the tasks it leaves behind."""
    client = handler.client
    tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
    with contextlib.suppress(Exception):
        await client.close()  # type: ignore[no-untyped-call]  # The SDK's.
    await asyncio.gather(*(each for each in tasks if each is not None), return_exceptions=True)
