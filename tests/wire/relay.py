"""A line between the bot and its homeserver that can be cut, or lose an answer on the way back."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on to ``target`` (http://127.0.0.1:PORT). Start it, give the bot ``url``, close it at the end."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._own_port = 0
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lose, self._times = b"", 0
        self.lost = 0
        """How many answers were lost."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._own_port}"

    async def start(self) -> None:
        """Listen (again), always on the same port."""
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", self._own_port)
        self._own_port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """No connection holds, and none can be made until start()."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def lose_answers_to(self, part: str, times: int = 2) -> None:
        """Let the next requests whose first line has ``part`` through, and drop the connection instead of the answer.
        Twice by default: an HTTP client tries once more by itself where a connection it kept open broke."""
        self._lose, self._times = part.encode(), times

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            return
        losing = asyncio.Event()

        async def there() -> None:
            while chunk := await reader.read(65536):
                if self._times and self._lose in chunk.partition(b"\r\n")[0]:
                    self._times -= 1
                    losing.set()
                far_writer.write(chunk)
                await far_writer.drain()

        async def back() -> None:
            while chunk := await far_reader.read(65536):
                if losing.is_set():
                    self.lost += 1
                    return
                writer.write(chunk)
                await writer.drain()

        ways = [asyncio.create_task(there()), asyncio.create_task(back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.close()
            with contextlib.suppress(OSError):
                await far_writer.wait_closed()
