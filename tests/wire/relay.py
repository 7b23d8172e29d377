"""A line between the bot and its homeserver that can be cut, or lose an answer on the way back."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on to ``target`` (http://127.0.0.1:PORT). Start it, give the bot ``url``, cut it at the end."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.far = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.lines: set[_Near] = set()
        self.lost = 0
        """How many answers were lost."""
        self._own_port = 0
        self._listening: asyncio.Server | None = None
        self._lose, self._times = b"", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._own_port}"

    async def start(self) -> None:
        """Listen (again), always on the same port."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: _Near(self), "127.0.0.1", self._own_port)
        self._own_port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """No connection holds, and none can be made until start()."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        while self.lines:
            ended = [line.ended for line in self.lines]
            for line in self.lines:
                line.hang_up()
            await asyncio.gather(*ended)

    def lose_answers_to(self, part: str, times: int = 1) -> None:
        """Let the next requests whose first line has ``part`` through, and drop the connection instead of the answer.
        Once by default: the adapter's client never repeats a request by itself."""
        self._lose, self._times = part.encode(), times

    def loses(self, request: bytes) -> bool:
        """Whether the answer to this request is to be lost."""
        if not self._times or self._lose not in request.partition(b"\r\n")[0]:
            return False
        self._times -= 1
        return True


class _Near(asyncio.Protocol):
    """The bot's end of a line; it makes the homeserver's end."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._transport: asyncio.Transport | None = None
        self._far: _Far | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._losing = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.pause_reading()
        self._relay.lines.add(self)
        self._connecting = asyncio.create_task(self._connect(transport))

    async def _connect(self, transport: asyncio.Transport) -> None:
        try:
            _, self._far = await asyncio.get_running_loop().create_connection(lambda: _Far(self), *self._relay.far)
            transport.resume_reading()
        except OSError:
            self.hang_up()

    def data_received(self, data: bytes) -> None:
        self._losing = self._losing or self._relay.loses(data)
        if self._far is not None and self._far.transport is not None:
            self._far.transport.write(data)

    def answered(self, data: bytes) -> None:
        if self._losing:
            self._relay.lost += 1
            self.hang_up()
        elif self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._far is not None and self._far.transport is not None:
            self._far.transport.abort()
        if self._connecting is not None:
            self._connecting.cancel()
        self._relay.lines.discard(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Far(asyncio.Protocol):
    """The homeserver's end of a line."""

    def __init__(self, near: _Near) -> None:
        self._near = near
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._near.answered(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._near.hang_up()
