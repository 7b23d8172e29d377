"""Reading feeds from a real server on loopback: what is read, what is refused, and how much is taken."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.core.errors import AllantError, BadInput, Unreachable
from bot.feedreader import MAX_BYTES, HttpFeedReader, clean, is_refused, parse

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Nouvelles &amp; idées</title><link>https://news.example/</link>
<item><title>Older</title><link>https://news.example/1</link><guid isPermaLink="false">n-1</guid>
<pubDate>Tue, 01 Dec 2026 08:00:00 +0100</pubDate></item>
<item><title>Newer &lt;b&gt;bold&lt;/b&gt;</title><link>/2</link><guid>https://news.example/2</guid>
<pubDate>Wed, 02 Dec 2026 08:00:00 GMT</pubDate></item>
</channel></rss>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Atom news</title><id>urn:feed</id>
<updated>2026-12-02T00:00:00Z</updated>
<entry><title type="html">Fish &amp;amp; &lt;i&gt;chips&lt;/i&gt;</title><id>urn:1</id>
<link href="https://atom.example/a"/><updated>2026-12-02T09:30:00+01:00</updated></entry></feed>"""

Serve = Callable[[asyncio.StreamWriter, str], Awaitable[None]]


@dataclass
class Site:
    """A server that says what a test tells it to, and remembers what it was asked."""

    port: int = 0
    pages: dict[str, bytes | Serve] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str = "/feed") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self, body: bytes | str, *headers: str, status: str = "200 OK", path: str = "/feed") -> None:
        data = body.encode() if isinstance(body, str) else body
        head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Connection: close", *headers])
        self.pages[path] = head.encode() + b"\r\n\r\n" + data

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(request)
            page = self.pages.get(request.split()[1], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer, request)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The reader hangs up when it has had enough: that is what is tested.
        finally:
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


def reader(seconds: float = 5) -> HttpFeedReader:
    return HttpFeedReader(allow_private=True, seconds=seconds)


async def refused(reading: Awaitable[object]) -> str:
    """The reason why nothing was read."""
    with pytest.raises(AllantError) as caught:
        await reading
    return f"{type(caught.value).__name__}: {caught.value}"


async def test_rss_is_read_newest_first_with_what_it_says_of_changes(site: Site) -> None:
    site.page(RSS, 'ETag: "v1"', "Last-Modified: Wed, 02 Dec 2026 08:00:00 GMT", "Content-Type: application/rss+xml")
    read = await reader().read(site.url())
    assert (read.title, read.etag, read.modified) == ("Nouvelles & idées", '"v1"', "Wed, 02 Dec 2026 08:00:00 GMT")
    assert not read.unchanged
    assert [(entry.id, entry.title, entry.url) for entry in read.entries] == [
        ("https://news.example/2", "Newer bold", site.url("/2")),
        ("n-1", "Older", "https://news.example/1"),
    ]
    assert read.entries[1].published == datetime(2026, 12, 1, 7, 0, tzinfo=UTC)


async def test_atom_is_read(site: Site) -> None:
    site.page(ATOM, "Content-Type: application/atom+xml")
    read = await reader().read(site.url())
    (entry,) = read.entries
    assert (read.title, entry.id, entry.title, entry.url) == (
        "Atom news",
        "urn:1",
        "Fish & chips",
        "https://atom.example/a",
    )
    assert entry.published == datetime(2026, 12, 2, 8, 30, tzinfo=UTC)


async def test_nothing_is_fetched_again_when_nothing_changed(site: Site) -> None:
    site.page("", status="304 Not Modified")
    read = await reader().read(site.url(), etag='"v1"', modified="Wed, 02 Dec 2026 08:00:00 GMT")
    assert (read.unchanged, read.entries, read.etag, read.modified) == (
        True,
        (),
        '"v1"',
        "Wed, 02 Dec 2026 08:00:00 GMT",
    )
    assert 'if-none-match: "v1"' in site.asked[0].lower()
    assert "if-modified-since: wed, 02 dec 2026 08:00:00 gmt" in site.asked[0].lower()


async def test_marks_that_cannot_stand_in_a_header_are_left_out(site: Site) -> None:
    site.page(RSS)
    await reader().read(site.url(), etag='"a"\r\nX-Evil: 1', modified="é")
    assert "evil" not in site.asked[0].lower()
    assert "if-" not in site.asked[0].lower()


async def test_the_host_is_asked_by_its_name(site: Site) -> None:
    site.page(RSS)
    await reader().read(f"http://localhost:{site.port}/feed")
    assert f"host: localhost:{site.port}" in site.asked[0].lower()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


async def test_over_tls_the_name_is_checked_though_the_address_is_pinned(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(public, private)
    site.page(RSS)
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert (await refused(reader().read(f"https://localhost:{port}/feed"))).startswith("Unreachable: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert len((await reader().read(f"https://localhost:{port}/feed")).entries) == 2
        assert (await refused(reader().read(f"https://127.0.0.1:{port}/feed"))).startswith("Unreachable: ")


async def test_compressed_feeds_are_read(site: Site) -> None:
    site.page(gzip.compress(RSS.encode(), mtime=0), "Content-Encoding: gzip")
    assert len((await reader().read(site.url())).entries) == 2


async def test_redirects_are_followed_three_times_at_most(site: Site) -> None:
    for number in range(1, 5):
        site.page("", f"Location: /hop{number - 1}", status="302 Found", path=f"/hop{number}")
    site.page(RSS, path="/hop0")
    assert len((await reader().read(site.url("/hop3"))).entries) == 2
    assert await refused(reader().read(site.url("/hop4"))) == "BadInput: the feed's address redirects more than 3 times"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://[::ffff:169.254.169.254]/",
    ],
)
async def test_a_redirect_into_what_is_never_allowed_is_refused(site: Site, location: str) -> None:
    site.page("", f"Location: {location}", status="301 Moved")
    assert "refused" in await refused(reader().read(site.url()))


async def test_a_redirect_to_another_scheme_is_refused(site: Site) -> None:
    site.page("", "Location: file:///etc/passwd", status="301 Moved")
    assert await refused(reader().read(site.url())) == "BadInput: a feed's address begins with https:// or http://"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
    ],
)
async def test_internal_addresses_are_refused_before_anything_is_asked(site: Site, address: str) -> None:
    site.page(RSS)
    reason = await refused(HttpFeedReader(seconds=5).read(f"http://{address}:{site.port}/feed"))
    assert reason == "BadInput: the feed's address leads into an internal network, which is refused"
    assert site.asked == []


@pytest.mark.parametrize(
    ("address", "private_too"),
    [
        ("93.184.216.34", False),
        ("2606:2800:220:1:248:1893:25c8:1946", False),
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("fd12::1", True),
    ],
)
def test_public_addresses_are_allowed_and_private_ones_on_request(address: str, private_too: bool) -> None:
    parsed = ipaddress.ip_address(address)
    assert is_refused(parsed, allow_private=False) is private_too
    assert not is_refused(parsed, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "::",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert is_refused(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize(
    "url", ["ftp://news.example/feed", "news.example/feed", "file:///etc/passwd", "", "http://", "http://[::1"]
)
async def test_addresses_that_are_none_are_refused(url: str) -> None:
    assert (await refused(reader().read(url))).startswith("BadInput: ")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("404 Not Found", BadInput),
        ("410 Gone", BadInput),
        ("401 Unauthorized", BadInput),
        ("500 Oops", Unreachable),
        ("503 Busy", Unreachable),
        ("429 Slow down", Unreachable),
        ("408 Timeout", Unreachable),
    ],
)
async def test_whether_to_try_later_follows_the_status(site: Site, status: str, kind: type[AllantError]) -> None:
    site.page("x", status=status)
    with pytest.raises(kind, match=status.split()[0]):
        await reader().read(site.url())


async def test_nobody_there_is_unreachable(site: Site) -> None:
    closed = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    assert (await refused(reader().read(f"http://127.0.0.1:{port}/"))).startswith("Unreachable: ")
    assert (await refused(reader().read("http://nowhere.invalid/"))).startswith("Unreachable: ")


async def test_a_feed_that_is_too_large_is_refused_without_reading_it_all(site: Site) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter, request: str) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while sent < 50 * MAX_BYTES:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    site.pages["/feed"] = endless
    assert await refused(reader().read(site.url())) == "BadInput: the feed is larger than 2 MiB"
    assert sent < 10 * MAX_BYTES


async def test_a_small_feed_that_unpacks_to_a_huge_one_is_refused(site: Site) -> None:
    site.page(gzip.compress(b"\0" * (300 * 1024 * 1024), compresslevel=1, mtime=0), "Content-Encoding: gzip")
    assert await refused(reader(seconds=20).read(site.url())) == "BadInput: the feed is larger than 2 MiB"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0)), ("br", b"x"), ("gzip", b"not gzip")],
)
async def test_other_compressions_are_refused(site: Site, encoding: str, body: bytes) -> None:
    site.page(body, f"Content-Encoding: {encoding}")
    assert (await refused(reader().read(site.url()))).startswith("BadInput: the feed")


async def test_a_feed_that_trickles_is_given_up_in_time(site: Site) -> None:
    async def trickle(writer: asyncio.StreamWriter, request: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    site.pages["/feed"] = trickle
    assert await refused(reader(seconds=0.3).read(site.url())) == "Unreachable: the feed took longer than 0.3 s"


@pytest.mark.parametrize(
    "body",
    [
        "<!doctype html><html><head><title>Hi</title></head><body><p>No feed here</p></body></html>",
        "hello",
        "",
        "{}",
        "\0\1\2\3",
        "<xml></xml>",
    ],
)
async def test_what_is_no_feed_is_said_so(site: Site, body: str) -> None:
    site.page(body, "Content-Type: text/html")
    assert await refused(reader().read(site.url())) == "BadInput: what the address gives is not a feed"


async def test_a_feed_with_mistakes_is_read_as_far_as_it_goes(site: Site) -> None:
    site.page(RSS.replace("&amp;", "&").replace("</channel></rss>", "<item><title>Cut"))
    read = await reader().read(site.url())
    assert {"Older", "Newer bold"} <= {entry.title for entry in read.entries}


async def test_an_empty_feed_is_a_feed(site: Site) -> None:
    site.page('<rss version="2.0"><channel><title>Quiet</title></channel></rss>')
    read = await reader().read(site.url())
    assert (read.title, read.entries) == ("Quiet", ())


def item(inner: str) -> bytes:
    return f'<rss version="2.0"><channel><title>T</title>{inner}</channel></rss>'.encode()


def test_entries_without_an_id_get_one_that_stays() -> None:
    feed = item("<item><title>A</title><link>https://x.example/a</link></item><item><title>B</title></item><item/>")
    _, entries = parse(feed, "https://x.example/feed")
    assert entries == parse(feed, "https://x.example/feed")[1]
    assert [entry.title for entry in entries] == ["A", "B"]
    assert entries[0].id == "https://x.example/a"
    assert len(entries[1].id) == 64
    assert entries[1].url == ""


def test_an_id_given_twice_counts_once_and_undated_entries_keep_their_order() -> None:
    one = "<item><title>{}</title><guid isPermaLink='false'>{}</guid></item>"
    _, entries = parse(item(one.format("B", 1) + one.format("A", 2) + one.format("Again", 1)), "https://x.example/")
    assert [entry.title for entry in entries] == ["B", "A"]


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "mailto:a@b.example", "http://a b/", "http://[bad"]
)
def test_links_that_do_not_lead_to_the_web_are_dropped(link: str) -> None:
    _, (entry,) = parse(item(f"<item><title>A</title><link>{link}</link></item>"), "https://x.example/")
    assert entry.url == "" or entry.url.startswith("https://x.example/")


def test_strange_dates_and_long_ids_are_borne() -> None:
    feed = item(f"<item><title>A</title><guid>{'g' * 5000}</guid><pubDate>99 Foo 99999</pubDate></item>")
    _, (entry,) = parse(feed, "https://x.example/")
    assert entry.published is None
    assert len(entry.id) == 64


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss version="2.0"><channel/></rss>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel><title>&a;</title></channel></rss>'.encode(
            "utf-16"
        ),
        item("<a>" * 200_000),
        item("<item " + " ".join(f'a{number}="x"' for number in range(100_000)) + "/>"),
    ],
)
def test_bombs_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="refused"):
        parse(data, "https://x.example/")


def test_a_feed_cannot_name_a_file_of_ours() -> None:
    with pytest.raises(BadInput, match="not a feed"):
        parse(b"/etc/passwd", "https://x.example/")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain", "Plain"),
        ("<b>Fish</b> &amp; chips", "Fish & chips"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<script>alert(1)</script>Safe<style>x</style>", "Safe"),
        ("a\u202eb\u200bc\nd\x00e", "a b c d e"),
        ("x" * 400, "x" * 299 + "…"),
        ("<" * 5000, ("<" * 299) + "…"),
        ("", ""),
    ],
)
def test_titles_are_one_line_of_text(text: str, shown: str) -> None:
    assert clean(text) == shown
