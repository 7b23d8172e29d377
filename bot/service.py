"""Allant as a service: the platforms of the settings, the web server, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from bot.app import Allant, ProcessRole, assemble, running
from bot.connections import make_platforms, make_slack
from bot.core.clock import SystemClock
from bot.core.errors import BadInput
from bot.core.platform import Platform
from bot.core.webhook import Webhook
from bot.searching import make_library
from bot.settings import Settings
from bot.subscriptions import calendar_file
from bot.web import calendar_routes, listen, make_web, web_server, webhook_routes

if TYPE_CHECKING:
    from bot.platforms.slack import SlackApp

PLAYGROUND_CHANNELS = ("general", "random", "help", "newcomers")
"""The channels of a playground that `allant run` serves for the first time."""


async def serve(
    settings: Settings, stop: asyncio.Event, *, say: Callable[[str], None], role: ProcessRole = "all"
) -> None:
    """Run on every platform that the settings name until ``stop`` is set. Raises BadInput when none is named."""
    if settings.playground and role != "all":
        raise BadInput("the playground lives in one process: run without --role, or without ALLANT_PLAYGROUND")
    slack = make_slack(settings)
    platforms: list[Platform] = await make_platforms(settings, slack)
    with contextlib.ExitStack() as stack:
        server = None
        if settings.playground:
            # Only then: what serves its page takes memory that a bot on another platform need not pay.
            from bot.platforms.playground import PlaygroundPlatform, PlaygroundServer

            server = PlaygroundServer(settings.playground_file, SystemClock())
            stack.callback(server.close)
            for name in PLAYGROUND_CHANNELS:
                server.create_room(name)
            platforms.append(PlaygroundPlatform(server))
        if not platforms and slack is None:
            raise BadInput(
                "no platform to connect to: set ALLANT_SLACK_BOT_TOKEN, ALLANT_TELEGRAM_TOKEN, or "
                "ALLANT_MATRIX_HOMESERVER and the others, in .env (see .env.example), or ALLANT_PLAYGROUND=true; "
                "`allant demo` shows everything without any"
            )
        allant = await assemble(settings, platforms, role=role, library=make_library(settings))
        if slack is not None:
            await _set_up_slack(settings, slack, allant)
        routes: Sequence[BaseRoute] = ()
        if server is not None:
            from bot.backstage import playground_routes

            routes = playground_routes(allant, server, platforms[-1].workspace)
        await serve_web(allant, routes, stop, say=say, hang_up=server.hang_up if server else None)


async def _set_up_slack(settings: Settings, slack: SlackApp, allant: Allant) -> None:
    from bot.slack_setup import set_up

    try:
        set_up(settings, slack, allant)
    except BadInput:
        await allant.stop()
        raise


def all_webhooks(allant: Allant) -> list[Webhook]:
    """The addresses that the doors and the connected workspaces need at this moment."""
    doors = allant.doors.webhooks if allant.doors is not None else []
    return [*doors, *(each for platform in allant.platforms.values() for each in platform.webhooks)]


async def serve_web(
    allant: Allant,
    routes: Sequence[BaseRoute],
    stop: asyncio.Event,
    *,
    say: Callable[[str], None],
    hang_up: Callable[[], None] | None = None,
) -> None:
    """``allant`` and its web server, until ``stop`` is set or a part of it fails, which is raised.

    ``hang_up`` ends the streams of open pages, which would otherwise hold up the end.
    """

    async def gauges() -> Mapping[str, float]:
        waiting = await allant.store.inbox.waiting(limit=1000)
        found = {"allant_inbox_waiting": len(waiting), "allant_platforms": len(allant.platforms)}
        peers = await allant.store.shared.peers() if allant.store.shared is not None else []
        return found | {f"allant_processes_{role}": count for role, count in Counter(p.role for p in peers).items()}

    socket = listen(allant.settings.host, allant.settings.port)
    with contextlib.closing(socket):
        feeds = calendar_routes(partial(calendar_file, allant))
        hooks = webhook_routes(lambda: all_webhooks(allant), allant.accept)
        web = web_server(make_web(gauges, [*feeds, *hooks, *routes]))
        async with running(allant):
            serving = asyncio.create_task(web.serve(sockets=[socket]), name="web")
            working = asyncio.create_task(allant.wait(), name="allant")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            host, port = socket.getsockname()[:2]
            say(f"Allant is ready on http://{host}:{port} (Ctrl-C stops it)")
            done, _ = await asyncio.wait({serving, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if hang_up is not None:
                hang_up()
            web.should_exit = True
            for task in (working, stopping):
                task.cancel()
            results = await asyncio.gather(serving, working, stopping, return_exceptions=True)
            failures = [each for each in results if isinstance(each, Exception)]
            if failures and stopping not in done:
                raise failures[0]
    say("Allant has stopped; what waits is kept for the next start.")
