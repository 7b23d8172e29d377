"""The port to whatever turns texts into vectors, so that what means the same lies close together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from typing import Literal

Family = Literal["e5", "use", "service"]
"""Which trained figures of the search fit an embedder: each kind spreads its vectors in its own way."""

MAX_CHARACTERS = 400
"""Of a text given to an embedder only this much is read; callers cut longer ones into passages."""


class Embedder(ABC):
    """Turns texts into vectors. Whoever holds one closes it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Which model in which version: vectors of different names cannot be compared. Safe in a file's name."""

    @property
    @abstractmethod
    def family(self) -> Family: ...

    @abstractmethod
    async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        """A vector of single floats for each text, of length 1. ``asked``: the texts are questions of people, not the
        library's (some models take them differently). Any text will do, also one with NUL or lone surrogates.

        Never blocks the event loop. Raises EmbedderUnavailable, whose text says what is wrong and how to mend it.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of processes and connections; calling it twice does no harm."""
