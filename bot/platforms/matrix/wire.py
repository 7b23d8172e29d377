"""The client-server API over httpx: JSON there and back, and what goes wrong as our own errors.

Whatever answers at the homeserver's address need not be one, nor mean well. So an answer may take only so long and be
only so large, a redirect is not followed, and of an error nothing is taken over but its code and one short line. The
access token travels in the Authorization header alone: addresses end up in the logs of proxies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
from collections.abc import Mapping
from urllib.parse import quote

import httpx

from bot.core.errors import BadInput, PlatformError, RateLimited, Refused, Unreachable, Unsure
from bot.platforms.matrix.reading import Json, mapping, text

REQUEST_SECONDS = 30.0
"""For a whole request, from its first byte to the answer's last."""
CONNECT_SECONDS = 10.0
KEPT_SECONDS = 20.0
"""An idle connection is closed by us after this, before servers do (Synapse after 60): what is sent on a connection
that is just being closed goes to nobody, and we could not be sure of it."""
MAX_BYTES = 16 * 2**20
"""Of an answer. The largest in earnest is a page of 100 events, each of 65,536 bytes at most."""
LONGEST_WAIT = 3600.0
"""Seconds a homeserver may ask us to wait before we try all the same."""
USUAL_WAIT = 5.0
"""Seconds to wait where it does not say how long."""

_CODE = re.compile(r"[A-Z0-9_.]{1,60}")
_TOKEN = re.compile(r"[!-~]{1,4096}")


class MatrixRefused(Refused):
    """The homeserver refuses; ``code`` is its errcode (M_FORBIDDEN), ``status`` the HTTP status."""

    def __init__(self, code: str, status: int, why: str = "") -> None:
        self.code = code
        self.status = status
        super().__init__(f"{code}: {why}" if why else code)


class Wire:
    """Asks one homeserver, over connections that are kept. Proxies of the environment are not used."""

    def __init__(self, homeserver: str) -> None:
        """``homeserver``: its address without a slash at the end. Raises BadInput for one that cannot be used."""
        # The system's certificates, which an organisation can add its own to; plain HTTP does without loading them.
        tls = ssl.create_default_context() if homeserver.startswith("https:") else False
        try:
            self._http = httpx.AsyncClient(
                base_url=homeserver,
                verify=tls,
                trust_env=False,
                timeout=httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=20, keepalive_expiry=KEPT_SECONDS),
                # Compressed answers could be small on the wire and enormous in memory.
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Allant"},
            )
        except httpx.InvalidURL:
            raise BadInput(f"ALLANT_MATRIX_HOMESERVER={homeserver} is no address") from None
        # It logs every address at INFO, with the ids of rooms and people in it.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
        max_bytes: int = MAX_BYTES,
        upload: tuple[str, bytes] | None = None,
    ) -> Json:
        """What a success says. ``upload``: a type and bytes to send instead of JSON. Raises MatrixRefused, RateLimited,
        Unreachable when the request was surely not made, and Unsure when nobody knows whether it was."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            # In ASCII: half a surrogate pair, which JSON can say and UTF-8 cannot, gets the homeserver's own answer.
            content = json.dumps(body, separators=(",", ":")).encode("ascii")
        elif upload is not None:
            headers["Content-Type"], content = upload
        request = self._http.build_request(method, path, headers=headers, content=content, params=query)
        try:
            async with asyncio.timeout(seconds):
                answer, raw = await self._exchange(request, max_bytes)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(_not_connected(error)) from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unsure(f"the homeserver did not answer ({type(error).__name__})") from None
        found = _object(raw)
        if answer.is_success and found is not None:
            return found
        raise _trouble(answer, found)

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> tuple[httpx.Response, bytes]:
        answer = await self._http.send(request, stream=True)
        try:
            raw = bytearray()
            async for chunk in answer.aiter_raw():
                raw += chunk
                if len(raw) > max_bytes:
                    raise Unsure(f"the homeserver's answer is larger than {max_bytes // 2**20} MiB")
            return answer, bytes(raw)
        finally:
            await answer.aclose()


def path(*parts: str) -> str:
    """A path from its segments, which may hold any sign. Raises MatrixRefused for one that would lead elsewhere: ids of
    messages come from anybody."""
    if {"", ".", ".."} & set(parts):
        raise MatrixRefused("M_INVALID_PARAM", 400, "this is no id")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def usable(token: str) -> bool:
    """Whether ``token`` can stand in a header at all."""
    return _TOKEN.fullmatch(token) is not None


def _not_connected(error: httpx.TransportError) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "the homeserver's certificate is not trusted here (SSL_CERT_FILE can name your own authority's)"
    return "the homeserver cannot be reached"


def _object(raw: bytes) -> Json | None:
    """The JSON object; None for anything else."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _trouble(answer: httpx.Response, found: Json | None) -> PlatformError:
    status, said = answer.status_code, mapping(found)
    known = _CODE.fullmatch(text(said.get("errcode")))
    code = known.group() if known else f"HTTP {status}"
    if status == 429 or code == "M_LIMIT_EXCEEDED":
        return RateLimited(_wait_seconds(said.get("retry_after_ms"), answer.headers.get("Retry-After", "")))
    if answer.is_redirect:
        return Unsure(f"the address of ALLANT_MATRIX_HOMESERVER leads to another one (HTTP {status}); set that one")
    if status >= 500 or status < 400 or (not known and status != 413):
        # Not the homeserver's own words: a gateway before it (some say 404 while it restarts), or unreadable.
        return Unsure(f"the homeserver answered {code}")
    # One short line: it goes into the ledger's reason.
    return MatrixRefused(code, status, " ".join(text(said.get("error")).split())[:120])


def _wait_seconds(milliseconds: object, header: str) -> float:
    """As long as the homeserver asks for, within reason."""
    asked = 0.0
    if isinstance(milliseconds, (int, float)) and milliseconds > 0:
        asked = min(milliseconds, LONGEST_WAIT * 1000) / 1000
    elif header.isascii() and header.isdigit():
        asked = float(header)
    return min(asked, LONGEST_WAIT) or USUAL_WAIT
