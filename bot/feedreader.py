"""Reading RSS and Atom feeds: fetched by httpx within strict limits, read by feedparser away from the event loop.

A feed's address comes from a file, and where it leads from strangers. So every address is resolved once, refused when
it is not public, and connected to as it was resolved; each redirect goes through the same door; sizes count after
decompression; and nothing of the text is trusted.
"""

from __future__ import annotations

import asyncio
import calendar
import io
import ipaddress
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from bot.core.errors import BadInput, Unreachable
from bot.core.ports import FeedEntry, FeedRead, FeedReader

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2 * 1024 * 1024
MAX_SECONDS = 20.0
MAX_REDIRECTS = 3
MAX_ENTRIES = 200
MAX_TITLE = 300
MAX_TAGS = 100_000
MAX_ATTRIBUTES = 300
MAX_ADDRESSES = 4
"""Of a host with many addresses, only this many are tried."""

_HEADERS = {
    "User-Agent": "Allant feed reader",
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRY_LATER = frozenset({408, 425, 429})
_METADATA = frozenset(
    # Cloud metadata services that answer on addresses which are not link-local: Azure's, and AWS's over IPv6.
    {ipaddress.ip_address("168.63.129.16"), ipaddress.ip_address("fd00:ec2::254")}
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LONG_TAG = re.compile(rb"<[^<>]{1000,}")
_HIDDEN = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

REASONS = {
    "feeds.slow": "the feed took longer than {seconds} s",
    "feeds.unreachable": "the feed cannot be reached ({error})",
    "feeds.unknown_host": "the feed's host is not known",
    "feeds.busy": "the feed's host answers {status}",
    "feeds.answer": "the feed's host answers {status} instead of a feed",
    "feeds.bad_address": "the feed's address is not valid",
    "feeds.scheme": "a feed's address begins with https:// or http://",
    "feeds.redirects": "the feed's address redirects more than {most} times",
    "feeds.internal": "the feed's address leads into an internal network, which is refused",
    "feeds.compression": "the feed comes compressed in a way that was not asked for",
    "feeds.damaged": "the feed's compression is damaged",
    "feeds.too_large": "the feed is larger than {most} MiB",
    "feeds.entities": "the feed declares entities of its own, which is refused",
    "feeds.crowded": "the feed has more markup than any feed needs, which is refused",
    "feeds.unreadable": "the feed cannot be read ({error})",
    "feeds.no_feed": "what the address gives is not a feed",
}
"""Why a feed is not read, for logs; for people by the same key in content/messages/feeds.yaml."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def _bad(key: str, **values: Any) -> BadInput:
    return BadInput(REASONS[key].format(**values), key=key, **values)


def _gone(key: str, **values: object) -> Unreachable:
    return Unreachable(REASONS[key].format(**values), key=key, **values)


class HttpFeedReader(FeedReader):
    """Reads feeds over http and https. Proxies of the environment are not used: they would resolve names themselves.

    ``allow_private``: addresses of the organisation's own network are allowed too (never link-local or metadata ones).
    ``seconds``: the time one read may take in all.
    """

    def __init__(self, *, allow_private: bool = False, seconds: float = MAX_SECONDS) -> None:
        self._allow_private = allow_private
        self._seconds = seconds
        self._tls: ssl.SSLContext | None = None

    async def read(self, url: str, *, etag: str = "", modified: str = "") -> FeedRead:
        import httpx  # With its own imports it costs 6 MiB, which a bot without feeds need not pay.

        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(url.strip(), etag, modified)
        except TimeoutError:
            raise _gone("feeds.slow", seconds=f"{self._seconds:g}") from None
        except httpx.InvalidURL:
            raise _bad("feeds.bad_address") from None
        except (httpx.HTTPError, OSError) as error:
            raise _gone("feeds.unreachable", error=type(error).__name__) from None

    async def _read(self, url: str, etag: str, modified: str) -> FeedRead:
        import httpx

        if self._tls is None:
            # Loading the certificates takes tens of milliseconds: once, and not in the event loop. SSL_CERT_FILE names
            # other ones, for organisations with an authority of their own.
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        headers = {**_HEADERS, **_conditions(etag, modified)}
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=self._seconds) as client:
            for _ in range(MAX_REDIRECTS + 1):
                response = await self._ask(client, httpx.URL(url), headers)
                try:
                    if response.status_code in _REDIRECTS and "location" in response.headers:
                        url = urljoin(url, response.headers["location"])
                        continue
                    return await self._answer(response, url, etag, modified)
                finally:
                    await response.aclose()
        raise _bad("feeds.redirects", most=MAX_REDIRECTS)

    async def _ask(self, client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """One request, to an address that was resolved and checked here; the name goes along for TLS and the host."""
        import httpx

        if url.scheme not in ("http", "https") or not url.host:
            raise _bad("feeds.scheme")
        host = url.raw_host.decode("ascii")
        failed: httpx.HTTPError | None = None
        for address in await self._resolve(host, url.port or (443 if url.scheme == "https" else 80)):
            request = client.build_request(
                "GET",
                url.copy_with(host=str(address)),
                headers={**headers, "Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host},
            )
            try:
                return await client.send(request, stream=True)
            except httpx.ConnectError as error:
                failed = error  # Perhaps IPv6 leads nowhere from here: try the next address.
        raise failed or _gone("feeds.unknown_host")

    async def _resolve(self, host: str, port: int) -> list[IPAddress]:
        """The host's addresses. Raises BadInput when any of them may not be asked: which one is used is chance."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror:
            raise _gone("feeds.unknown_host") from None
        except UnicodeError:
            raise _bad("feeds.bad_address") from None
        addresses = list(dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in found))
        if any(is_refused(address, allow_private=self._allow_private) for address in addresses):
            raise _bad("feeds.internal")
        return addresses[:MAX_ADDRESSES]

    async def _answer(self, response: httpx.Response, url: str, etag: str, modified: str) -> FeedRead:
        status = response.status_code
        if status == 304:
            return FeedRead(etag=etag, modified=modified, unchanged=True)
        if status >= 500 or status in _TRY_LATER:
            raise _gone("feeds.busy", status=status)
        if status != 200:
            raise _bad("feeds.answer", status=status)
        data = await _bounded(response)
        title, entries = await asyncio.to_thread(parse, data, url, response.headers.get("content-type", ""))
        return FeedRead(
            title=title,
            entries=entries,
            etag=response.headers.get("etag", ""),
            modified=response.headers.get("last-modified", ""),
        )


def is_refused(address: IPAddress, *, allow_private: bool) -> bool:
    """Whether no feed may be read from ``address``: not public, or a way around to one that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(each is not None and is_refused(each, allow_private=allow_private) for each in inner):
            return True
        if address.ipv4_mapped is not None:
            return False
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return True
    return not (allow_private or address.is_global)


def _conditions(etag: str, modified: str) -> dict[str, str]:
    """The headers that ask for changes only. Values that cannot stand in a header are left out."""
    wanted = {"If-None-Match": etag, "If-Modified-Since": modified}
    return {name: value for name, value in wanted.items() if value and value.isascii() and value.isprintable()}


async def _bounded(response: httpx.Response) -> bytes:
    """The body, decompressed, at most MAX_BYTES of it: a small body can hold gigabytes. Raises BadInput beyond."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    chunks = response.aiter_raw()
    if encoding in ("gzip", "x-gzip"):
        chunks = _inflated(chunks)
    elif encoding != "identity":
        raise _bad("feeds.compression")
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_BYTES:
            raise _bad("feeds.too_large", most=MAX_BYTES // 1024 // 1024)
    return bytes(data)


async def _inflated(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks decompressed, never more than a little over MAX_BYTES at once."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        async for chunk in chunks:
            yield inflater.decompress(chunk, MAX_BYTES + 1)
    except zlib.error:
        raise _bad("feeds.damaged") from None


def parse(data: bytes, url: str, content_type: str = "") -> tuple[str, tuple[FeedEntry, ...]]:
    """The feed's title and its entries, newest first. Runs in a thread. Raises BadInput when it is not a feed."""
    import feedparser  # 6 MiB, which a bot without feeds need not pay.

    _refuse_bombs(data)
    try:
        # As a stream: given plain bytes, feedparser would first look for a file of that name.
        read = feedparser.parse(
            io.BytesIO(data),
            response_headers={"content-type": content_type, "content-location": url},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        title = clean(_text(read.feed.get("title")))
        found = [_entry(each, url) for each in read.entries[:MAX_ENTRIES]]
    except Exception as error:
        # What strangers send may break the parser in ways nobody listed; it must not break the watch over other feeds.
        raise _bad("feeds.unreadable", error=type(error).__name__) from None
    if not read.get("version") and not found:
        raise _bad("feeds.no_feed")
    by_id: dict[str, FeedEntry] = {}
    for entry in found:
        if entry is not None:
            by_id.setdefault(entry.id, entry)
    entries = list(by_id.values())
    if all(entry.published is not None for entry in entries):
        entries.sort(key=lambda entry: entry.published or datetime.min.replace(tzinfo=UTC), reverse=True)
    return title, tuple(entries)


def _refuse_bombs(data: bytes) -> None:
    """Raises BadInput for what would keep the parser busy for minutes, measured: 150,000 attributes take it 158 s."""
    plain = data.replace(b"\0", b"")  # UTF-16 has them between the letters.
    if b"<!entity" in plain.lower():
        # Entities that hold entities can make a small feed huge; no real feed declares its own.
        raise _bad("feeds.entities")
    crowded = any(tag.group().count(b"=") > MAX_ATTRIBUTES for tag in _LONG_TAG.finditer(plain))
    if crowded or plain.count(b"<") > MAX_TAGS:
        raise _bad("feeds.crowded")


def _entry(raw: Mapping[str, Any], url: str) -> FeedEntry | None:
    """The entry, or None when it says nothing. Without an id of its own its link is one, or else its title."""
    link = _web_address(_text(raw.get("link")), url)
    title = clean(_text(raw.get("title"))) or link
    if not title:
        return None
    identity = _text(raw.get("id")).strip() or link or sha256(title.encode()).hexdigest()
    if len(identity) > MAX_TITLE:
        identity = sha256(identity.encode("utf-8", "replace")).hexdigest()
    return FeedEntry(id=_HIDDEN.sub("", identity), title=title, url=link, published=_moment(raw))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _web_address(link: str, base: str) -> str:
    """The link made absolute, or empty when it is not one to follow on the web."""
    try:
        absolute = urljoin(base, link.strip()) if link.strip() else ""
    except ValueError:
        return ""
    return absolute if re.match(r"https?://[^\s<>\x00-\x1f]+$", absolute) and len(absolute) <= 2000 else ""


def _moment(raw: Mapping[str, Any]) -> datetime | None:
    # Asked for “updated” where there is none, feedparser warns and gives “published” again: look before.
    name = "updated_parsed" if "updated_parsed" in raw and not raw.get("published_parsed") else "published_parsed"
    parts = raw.get(name)
    try:
        return datetime.fromtimestamp(calendar.timegm(parts), UTC) if parts else None
    except (TypeError, ValueError):
        return None


class _TextOnly(HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)


def clean(text: str) -> str:
    """One line of text at most MAX_TITLE long, without markup and hidden characters."""
    reader = _TextOnly()
    reader.feed(text[: MAX_TITLE * 10])
    reader.close()
    line = " ".join(_HIDDEN.sub(" ", "".join(reader.seen)).split())
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1].rstrip() + "…"
