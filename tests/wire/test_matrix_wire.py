"""Whatever answers at the homeserver's address: a hostile or broken server costs neither memory, time nor the token."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.core.errors import BadInput, PlatformError, RateLimited, Unreachable, Unsure
from bot.markdown import MarkdownRenderer
from bot.platforms.matrix import MatrixPlatform
from bot.platforms.matrix.homeserver import Homeserver
from bot.platforms.matrix.session import Session, SessionFile
from bot.platforms.matrix.wire import LONGEST_WAIT, USUAL_WAIT, MatrixRefused, Wire, path

ROOM = "!room:example.org"
USER = "@allant:example.org"


class Impostor:
    """Speaks HTTP on loopback, and answers every request with ``answer``, whatever that is."""

    def __init__(self) -> None:
        self.answer = b""
        self.endless = b""
        """Sent again and again after the answer, until the other side hangs up."""
        self.requests: list[str] = []
        self.connections = 0

    async def start(self, certificate: Path | None = None) -> None:
        """``certificate``: it and its key in one file, to speak TLS with."""
        tls = None
        if certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def says(self, status: str, body: bytes, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.answer = "\r\n".join([*lines, "", ""]).encode() + body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((each for each in head.splitlines() if each.lower().startswith("content-length:")), ":0")
                body = await reader.readexactly(int(length.partition(":")[2]))
                self.requests.append(head + body.decode())
                writer.write(self.answer)
                while self.endless:
                    writer.write(self.endless)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def impostor() -> AsyncIterator[Impostor]:
    impostor = Impostor()
    await impostor.start()
    yield impostor
    await impostor.close()


@pytest.fixture
async def wire(impostor: Impostor) -> AsyncIterator[Wire]:
    wire = Wire(impostor.url)
    yield wire
    await wire.close()


@pytest.fixture
async def server(impostor: Impostor, tmp_path: Path) -> AsyncIterator[Homeserver]:
    """The homeserver as the adapter sees it, with a session that was kept."""
    file = SessionFile(tmp_path / "matrix.json")
    file.save(Session(impostor.url, USER, "DEVICE", "syt_SECRET"))
    server = Homeserver(homeserver=impostor.url, user=USER, password="", access_token="", state_file=file)
    yield server
    await server.close()


async def test_the_token_is_in_the_header_alone_and_one_connection_is_kept(
    impostor: Impostor, server: Homeserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    impostor.says("200 OK", b'{"event_id": "$1"}')
    for number in range(3):
        assert await server.send(ROOM, "m.room.message", {"body": "half a pair \ud83d"}, f"t{number}") == "$1"
    head, _, body = impostor.requests[0].partition("\r\n\r\n")
    assert head.splitlines()[0] == (
        "PUT /_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/t0 HTTP/1.1"
    )
    assert "Authorization: Bearer syt_SECRET" in head.splitlines()
    assert head.count("SECRET") == 1
    assert json.loads(body) == {"body": "half a pair \ud83d"}
    assert impostor.connections == 1
    assert "SECRET" not in caplog.text
    assert "room" not in "".join(each.getMessage() for each in caplog.records if each.name == "httpx")


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        ("429 Slow", b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}', (), 1.5),
        ("429 Slow", b'{"errcode": "M_LIMIT_EXCEEDED"}', ("Retry-After: 7",), 7),
        ("429 Slow", b"<html>", ("Retry-After: 7",), 7),
        ("429 Slow", b"", ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT",), USUAL_WAIT),
        ("400 Bad", b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": -3}', (), USUAL_WAIT),
        ("429 Slow", b'{"retry_after_ms": "soon"}', (), USUAL_WAIT),
        ("429 Slow", b'{"retry_after_ms": 1e400}', (), LONGEST_WAIT),
        ("429 Slow", b'{"retry_after_ms": 9' + b"9" * 500 + b"}", (), LONGEST_WAIT),
    ],
)
async def test_how_long_to_wait(
    impostor: Impostor, wire: Wire, status: str, body: bytes, headers: tuple[str, ...], seconds: float
) -> None:
    impostor.says(status, body, *headers)
    with pytest.raises(RateLimited) as caught:
        await wire.ask("GET", "/")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        ("403 No", b'{"errcode": "M_FORBIDDEN", "error": "You\\nmay not"}', MatrixRefused, "M_FORBIDDEN: You may not"),
        ("403 No", b'{"errcode": "M_FORBIDDEN", "error": ["x"]}', MatrixRefused, "M_FORBIDDEN"),
        ("413 Large", b"<html>", MatrixRefused, "HTTP 413"),
        ("404 Not Found", b"<html>", Unsure, "the homeserver answered HTTP 404"),
        ("401 No", b'{"errcode": "<script>"}', Unsure, "the homeserver answered HTTP 401"),
        ("502 Bad Gateway", b'{"errcode": "M_UNKNOWN"}', Unsure, "the homeserver answered M_UNKNOWN"),
        ("200 OK", b"<html>", Unsure, "the homeserver answered HTTP 200"),
        ("200 OK", b"[1, 2]", Unsure, "the homeserver answered HTTP 200"),
        ("200 OK", b"[" * 100_000, Unsure, "the homeserver answered HTTP 200"),
        ("200 OK", b'{"a": "\xff"}', Unsure, "the homeserver answered HTTP 200"),
    ],
)
async def test_what_is_refused_and_what_nobody_knows(
    impostor: Impostor, wire: Wire, status: str, body: bytes, error: type[PlatformError], words: str
) -> None:
    impostor.says(status, body)
    with pytest.raises(error) as caught:
        await wire.ask("GET", "/")
    assert type(caught.value) is error
    assert str(caught.value) == words


async def test_the_token_follows_no_redirect(impostor: Impostor, wire: Wire) -> None:
    elsewhere = Impostor()
    await elsewhere.start()
    impostor.says("307 Elsewhere", b"", f"Location: {elsewhere.url}/")
    with pytest.raises(Unsure, match="ALLANT_MATRIX_HOMESERVER"):
        await wire.ask("GET", "/", token="syt_SECRET")
    assert elsewhere.requests == []
    await elsewhere.close()


async def test_an_endless_answer_is_cut_off(impostor: Impostor, wire: Wire) -> None:
    impostor.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    impostor.endless = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with pytest.raises(Unsure, match="larger than 16 MiB"):
        await wire.ask("GET", "/")


async def test_a_compressed_answer_is_never_blown_up(impostor: Impostor, wire: Wire) -> None:
    impostor.says("200 OK", gzip.compress(b" " * 2**20 + b"{}"), "Content-Encoding: gzip")
    with pytest.raises(Unsure, match="HTTP 200"):
        await wire.ask("GET", "/")
    assert "Accept-Encoding: identity" in impostor.requests[0].splitlines()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"])
async def test_an_answer_that_does_not_come_is_not_waited_for(impostor: Impostor, wire: Wire, answer: bytes) -> None:
    impostor.answer = answer
    with pytest.raises(Unsure, match="TimeoutError"):
        await wire.ask("GET", "/", seconds=0.1)
    impostor.says("200 OK", b"{}")
    assert await wire.ask("GET", "/") == {}


async def test_an_answer_that_is_no_http_leaves_us_unsure(impostor: Impostor, wire: Wire) -> None:
    impostor.answer = b"220 mail.example.org ESMTP\r\n\r\n"
    with pytest.raises(Unsure, match="RemoteProtocolError"):
        await wire.ask("GET", "/")


async def test_where_nobody_listens_nothing_was_asked(impostor: Impostor, wire: Wire) -> None:
    await impostor.close()
    with pytest.raises(Unreachable, match="cannot be reached"):
        await wire.ask("GET", "/")


async def test_a_success_without_what_it_should_say_leaves_us_unsure(impostor: Impostor, server: Homeserver) -> None:
    impostor.says("200 OK", b'{"event_id": 7, "rooms": {"join": {"!a": 3}, "invite": []}}')
    with pytest.raises(Unsure, match="event_id"):
        await server.send(ROOM, "m.room.message", {}, "t")
    with pytest.raises(Unsure, match="next_batch"):
        await server.sync("")
    impostor.says("200 OK", b'{"next_batch": "s2", "rooms": {"join": {"!a": 3}, "leave": {"!b": {}}, "invite": []}}')
    batch = await server.sync("s1", wait=True)
    assert (batch.next, [*batch.joined], [*batch.left], [*batch.invited]) == ("s2", ["!a"], ["!b"], [])


@pytest.mark.parametrize("identifier", ["", ".", ".."])
async def test_an_id_that_would_lead_elsewhere_is_none(impostor: Impostor, server: Homeserver, identifier: str) -> None:
    with pytest.raises(MatrixRefused):
        await server.event(ROOM, identifier)
    assert impostor.requests == []


def test_any_sign_stays_in_its_segment() -> None:
    assert path("rooms", "!a/../b?c#d", "…") == "/rooms/%21a%2F..%2Fb%3Fc%23d/%E2%80%A6"


def self_signed(folder: Path) -> Path:
    """A certificate for localhost that nobody knows, and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "certificate.pem"
    file.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    return file


async def test_only_a_trusted_certificate_gets_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, server = self_signed(tmp_path), Impostor()
    await server.start(certificate)
    server.says("200 OK", b"{}")
    stranger = Wire(server.url)
    with pytest.raises(Unreachable, match="certificate is not trusted"):
        await stranger.ask("GET", "/", token="syt_SECRET")
    assert server.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    friend = Wire(server.url)
    assert await friend.ask("GET", "/", token="syt_SECRET") == {}
    for wire in (stranger, friend):
        await wire.close()
    await server.close()


def platform(tmp_path: Path, homeserver: str, token: str) -> MatrixPlatform:
    return MatrixPlatform(
        homeserver=homeserver,
        user=USER,
        access_token=token,
        language="en",
        renderer=MarkdownRenderer(),
        state_file=tmp_path / "matrix.json",
    )


@pytest.mark.parametrize("token", ["syt_SECRET\r\nX: 1", "« syt_SECRET »", "syt SECRET"])
async def test_a_token_that_cannot_be_one_is_told_without_it(impostor: Impostor, tmp_path: Path, token: str) -> None:
    bot = platform(tmp_path, impostor.url, token)
    with pytest.raises(BadInput, match="ALLANT_MATRIX_ACCESS_TOKEN") as caught:
        await bot.run(lambda event: asyncio.sleep(0))
    assert "SECRET" not in str(caught.value)
    assert impostor.requests == []
    await bot.close()


async def test_a_token_of_somebody_else_is_told(impostor: Impostor, tmp_path: Path) -> None:
    impostor.says("200 OK", b'{"user_id": "@mallory:example.org"}')
    bot = platform(tmp_path, impostor.url, "syt_SECRET")
    with pytest.raises(BadInput, match="belongs to @mallory"):
        await bot.run(lambda event: asyncio.sleep(0))
    await bot.close()


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ALLANT_MATRIX_HOMESERVER"):
        platform(tmp_path, "https://[::1", "syt_SECRET")
