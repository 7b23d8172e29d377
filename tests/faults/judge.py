"""The judge: a chat server that writes down what reaches it, when and how often, and can misbehave."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web import listen, web_server


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that reached the server: at the wall clock's second ``at``, from the process ``sender``."""

    at: float
    key: str
    place: str
    text: str
    sender: int


@dataclass
class Judge:
    """``slow``: the longest an answer takes, drawn anew each time. ``hangs``: the share of messages that are taken and
    never answered. ``deaf``: places whose messages are neither taken nor answered; ``silent``: those whose messages are
    taken and never answered."""

    slow: float = 0.02
    hangs: float = 0.0
    deaf: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    knocks: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    url: str = ""
    _dice: random.Random = field(default_factory=lambda: random.Random(5))
    _events: list[dict[str, object]] = field(default_factory=list)

    def happen(self, **event: object) -> None:
        """Something that the bot is told, perhaps more than once."""
        self._events.append(event)

    async def send(self, request: Request) -> Response:
        message = await request.json()
        self.knocks += 1
        if message["place"] in self.deaf:
            await asyncio.sleep(3600)
        # Taken at once or only after a while: whoever is killed meanwhile cannot know.
        await asyncio.sleep(self._dice.uniform(0, self.slow))
        self.arrivals.append(Arrival(time.time(), **message))
        number = len(self.arrivals)
        if message["place"] in self.silent or self._dice.random() < self.hangs:
            await asyncio.sleep(3600)
        await asyncio.sleep(self._dice.uniform(0, self.slow))
        return JSONResponse({"id": number})

    async def find(self, request: Request) -> Response:
        key = request.query_params["key"]
        for number, arrival in enumerate(self.arrivals, start=1):
            if arrival.key == key:
                return JSONResponse({"id": number})
        return JSONResponse({"id": None})

    async def events(self, request: Request) -> Response:
        after = int(request.query_params["after"])
        for _ in range(20):
            if len(self._events) > after:
                break
            await asyncio.sleep(0.05)
        return JSONResponse(self._events[after : after + 50])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Judge]:
        routes = [
            Route("/send", self.send, methods=["POST"]),
            Route("/find", self.find),
            Route("/events", self.events),
        ]
        # Connections that are cut are what the tests are about.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        socket = listen("127.0.0.1", 0)
        server = web_server(Starlette(routes=routes))
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            await serving
            socket.close()

    # What it says of what it saw

    def times(self) -> Counter[str]:
        """How often each key arrived."""
        return Counter(arrival.key for arrival in self.arrivals)

    def places(self) -> dict[str, list[Arrival]]:
        """What arrived in each place, in the order of arrival."""
        found: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in self.arrivals:
            found[arrival.place].append(arrival)
        return dict(found)

    def smallest_gap(self) -> float:
        """Seconds between two arrivals in one place, at the least."""
        gaps = [later.at - earlier.at for arrivals in self.places().values() for earlier, later in pairwise(arrivals)]
        return min(gaps, default=0.0)
