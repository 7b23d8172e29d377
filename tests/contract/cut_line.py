"""A line to PostgreSQL that loses a request, or the answer to one, and then breaks."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path


class CutLine:
    """Listens on 127.0.0.1 and passes bytes on to a Unix socket, each connection on two threads."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.lost = 0
        """How many requests or answers were lost."""
        self._watched: tuple[bytes, bool] | None = None
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose_answer_to(self, part: bytes) -> None:
        """The next request with ``part`` in it arrives; its answer does not, and the connection breaks."""
        self._watched = (part, True)

    def lose_request(self, part: bytes) -> None:
        """The next request with ``part`` in it does not arrive, and the connection breaks."""
        self._watched = (part, False)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for line in self._lines:
            _hang_up(line)
        for thread in self._threads:
            thread.join()
        for line in self._lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._lines += [near, far]
            for work in (self._there, self._back):
                thread = threading.Thread(target=work, args=(near, far))
                self._threads.append(thread)
                thread.start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                watched = self._watched
                if watched is None or watched[0] not in data:
                    far.sendall(data)
                    continue
                self._watched = None
                self.lost += 1
                _hang_up(near)  # No answer gets back from here on.
                if watched[1]:
                    far.sendall(data)
        _hang_up(far, socket.SHUT_WR)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
        _hang_up(near)
        _hang_up(far)


def _hang_up(line: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(how)
