"""The homeserver as the adapter sees it: matrix-nio's client, with plain dictionaries out and our own errors.

The only file that knows matrix-nio. nio's own waiting and repeating is switched off, because the outbox decides when to
try again; so is its picture of the rooms, because ours (:mod:`bot.platforms.matrix.rooms`) can go back in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import aiohttp
import nio  # type: ignore[import-untyped]  # It ships without type information.

from bot.core.errors import PlatformError, RateLimited, Refused, Unreachable, Unsure
from bot.platforms.matrix.reading import DIRECT_MARK, Json, mapping, strings, text
from bot.platforms.matrix.session import Session, SessionFile

log = logging.getLogger("allant.matrix")

DEVICE = "ALLANT"
"""A sign-in with a password always takes this device, so that losing the state file doubles no half-sent message."""
LONG_POLL_SECONDS = 30
REQUEST_SECONDS = 30.0
TIMELINE = 100
"""Events of a room in one sync; a longer gap is read page by page."""
API = "/_matrix/client/v3"

_FILTER = {
    "presence": {"types": []},
    "account_data": {"types": ["m.direct"]},
    "room": {"timeline": {"limit": TIMELINE}, "ephemeral": {"types": []}, "account_data": {"types": []}},
}


class MatrixRefused(Refused):
    """The homeserver refuses; ``code`` is its errcode (M_FORBIDDEN), ``status`` the HTTP status."""

    def __init__(self, code: str, status: int, why: str = "") -> None:
        self.code = code
        self.status = status
        super().__init__(f"{code}: {why}" if why else code)


class SignedOut(Unreachable):
    """The homeserver does not know our session (any more) and no password helps: an administrator must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomNews:
    """What a sync says of one room. ``before``: where to read on backwards when the timeline is ``limited``."""

    state: Sequence[Json] = ()
    timeline: Sequence[Json] = ()
    limited: bool = False
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One answer to a sync. ``direct`` is the m.direct account data when it is in there."""

    next: str
    joined: Mapping[str, RoomNews]
    left: Mapping[str, RoomNews]
    invited: Mapping[str, Sequence[Json]]
    direct: Mapping[str, Sequence[str]] | None = None


class _Client(nio.AsyncClient):  # type: ignore[misc]  # nio is untyped.
    async def receive_response(self, response: Any) -> None:
        """Keep no second picture of the rooms; everything else as nio does it."""
        if not isinstance(response, nio.SyncResponse):
            await super().receive_response(response)


class Homeserver:
    """Every method signs in when needed, and raises RateLimited, Unreachable (SignedOut among them), Unsure or
    MatrixRefused."""

    def __init__(
        self, *, homeserver: str, user: str, password: str, access_token: str, state_file: SessionFile
    ) -> None:
        self.user = user
        self._password = password
        self._given_token = access_token
        self._file = state_file
        self.session = state_file.load(homeserver.rstrip("/"), user)
        # nio quotes the event that is not as it should be in its warnings: a member's words.
        logging.getLogger("nio").setLevel(logging.CRITICAL)
        config = nio.AsyncClientConfig(
            max_limit_exceeded=0, max_timeouts=0, request_timeout=REQUEST_SECONDS, encryption_enabled=False
        )
        self._nio = _Client(homeserver.rstrip("/"), user, device_id=DEVICE, config=config)
        self._signing_in = asyncio.Lock()

    async def close(self) -> None:
        await self._nio.close()

    # The session

    async def sign_in(self) -> None:
        """Have a session: the kept one, else the token of the settings, else a new one with the password."""
        async with self._signing_in:
            if self._nio.access_token:
                return
            kept = self.session
            if kept.token and self._given_token in ("", kept.token):
                self._nio.restore_login(kept.user, kept.device, kept.token)
            elif self._given_token:
                await self._take_token()
            elif self._password:
                await self._log_in()
            else:
                raise SignedOut("neither ALLANT_MATRIX_PASSWORD nor ALLANT_MATRIX_ACCESS_TOKEN is set")

    async def _take_token(self) -> None:
        self._nio.restore_login(self.user, "", self._given_token)
        try:
            who = await self._answer(self._nio.whoami())
        except PlatformError:
            self._nio.access_token = ""
            raise
        if who.user_id != self.user:
            self._nio.access_token = ""
            raise SignedOut(f"ALLANT_MATRIX_ACCESS_TOKEN belongs to {who.user_id}, not to ALLANT_MATRIX_USER")
        await self._keep(replace(self.session, device=who.device_id or "", token=self._given_token))

    async def _log_in(self) -> None:
        try:
            done = await self._answer(self._nio.login(self._password, device_name="Allant"))
        except MatrixRefused as error:
            raise SignedOut(f"the homeserver refuses ALLANT_MATRIX_USER or its password ({error.code})") from None
        log.info("signed in to the homeserver as %s", self.user)
        await self._keep(replace(self.session, device=done.device_id, token=done.access_token))

    async def _keep(self, session: Session) -> None:
        await asyncio.to_thread(self._file.save, session)
        self.session = session

    async def read_up_to(self, since: str, invited: Iterable[str] = ()) -> None:
        """Every event up to this sync token was accepted, and only these rooms are still to be joined: durable when it
        returns."""
        await self._keep(replace(self.session, since=since, invited=tuple(invited)))

    # Listening

    async def sync(self, since: str, *, wait: bool = False, full: bool = False) -> Batch:
        """What is new after ``since``. ``wait``: for news, up to half a minute. ``full``: with each room's whole state
        as it was before the news."""
        await self.sign_in()
        answer = await self._answer(
            self._nio.sync(
                timeout=LONG_POLL_SECONDS * 1000 if wait else 0,
                sync_filter=_FILTER,
                since=since or None,
                full_state=full or None,
            )
        )
        direct = [each.content for each in answer.account_data_events if getattr(each, "type", "") == "m.direct"]
        return Batch(
            next=answer.next_batch,
            joined={room: _news(info) for room, info in answer.rooms.join.items()},
            left={room: _news(info) for room, info in answer.rooms.leave.items()},
            invited={room: _sources(info.invite_state) for room, info in answer.rooms.invite.items()},
            direct=direct_rooms(direct[-1]) if direct else None,
        )

    async def back(self, room: str, start: str, *, end: str = "", own: bool = False) -> tuple[list[Json], str]:
        """A page of events before ``start`` (empty: the newest), newest first, and where the next page starts (empty:
        there is none). ``end``: stop at this token. ``own``: only messages of ours."""
        wanted = {"senders": [self.user], "types": ["m.room.message"]} if own else None
        await self.sign_in()
        page = await self._answer(
            self._nio.room_messages(room, start or None, end=end or None, limit=TIMELINE, message_filter=wanted)
        )
        return _sources(page.chunk), page.end or ""

    async def event(self, room: str, event: str) -> Json | None:
        """The event with its latest edit beside it; None when there is none that we may see."""
        try:
            return await self._ask("GET", f"/rooms/{quote(room, safe='')}/event/{quote(event, safe='')}")
        except MatrixRefused as error:
            if error.code in ("M_NOT_FOUND", "M_FORBIDDEN"):
                return None
            raise

    async def related(self, room: str, event: str, relation: str) -> list[Json]:
        """The latest events that relate to ``event`` in this way, newest first."""
        path = f"/_matrix/client/v1/rooms/{quote(room, safe='')}/relations/{quote(event, safe='')}/{relation}"
        answer = await self._ask("GET", path, base="")
        chunk = answer.get("chunk")
        return [mapping(each) for each in chunk] if isinstance(chunk, list) else []

    # Speaking

    async def send(self, room: str, kind: str, content: Json, transaction: str) -> str:
        """The event's id. The same transaction is never posted twice."""
        await self.sign_in()
        done = await self._answer(self._nio.room_send(room, kind, content, tx_id=transaction))
        return str(done.event_id)

    async def redact(self, room: str, event: str, transaction: str) -> None:
        await self.sign_in()
        await self._answer(self._nio.room_redact(room, event, tx_id=transaction))

    # Rooms

    async def join(self, room: str) -> None:
        await self.sign_in()
        await self._answer(self._nio.join(room))

    async def leave(self, room: str) -> None:
        await self.sign_in()
        await self._answer(self._nio.room_leave(room))

    async def invite(self, room: str, user: str) -> None:
        await self.sign_in()
        await self._answer(self._nio.room_invite(room, user))

    async def joined(self) -> list[str]:
        await self.sign_in()
        return list((await self._answer(self._nio.joined_rooms())).rooms)

    async def marked_direct(self, room: str) -> str:
        """The user with whom we made this direct room; empty when it is none of those."""
        try:
            content = await self._ask("GET", f"/rooms/{quote(room, safe='')}/state/{DIRECT_MARK}")
        except MatrixRefused:
            return ""
        return text(content.get("with"))

    async def create_direct(self, user: str) -> str:
        """A new direct room with ``user``, who is invited; its id."""
        await self.sign_in()
        made = await self._answer(
            self._nio.room_create(
                is_direct=True,
                preset=nio.RoomPreset.trusted_private_chat,
                invite=[user],
                initial_state=[{"type": DIRECT_MARK, "state_key": "", "content": {"with": user}}],
            )
        )
        return str(made.room_id)

    async def mark_direct(self, user: str, room: str) -> None:
        """Say in our account data that the room is a direct one with ``user``, as other clients do."""
        path = f"/user/{quote(self.user, safe='')}/account_data/m.direct"
        try:
            known = await self._ask("GET", path)
        except MatrixRefused:
            known = {}
        rooms = strings(known.get(user))
        if room not in rooms:
            await self._ask("PUT", path, known | {user: [*rooms, room]})

    # Asking, and what goes wrong

    async def _ask(self, method: str, path: str, body: Json | None = None, base: str = API) -> Json:
        """A request for which nio has no method of its own (or none that keeps what we need)."""
        await self.sign_in()
        headers = {"Authorization": f"Bearer {self._nio.access_token}", "Content-Type": "application/json"}
        data = nio.Api.to_json(body) if body is not None else None

        async def asked() -> Any:
            answer = await self._nio.send(method, base + path, data, headers)
            content = await self._nio.parse_body(answer)
            if answer.status < 400:
                return content
            error = nio.ErrorResponse.from_dict(content)
            error.transport_response = answer
            return error

        return mapping(await self._answer(asked()))

    async def _answer(self, asked: Awaitable[Any]) -> Any:
        try:
            answer = await asked
        except aiohttp.ClientConnectorError:
            raise Unreachable("the homeserver cannot be reached") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unsure(f"the homeserver did not answer ({type(error).__name__})") from None
        if isinstance(answer, nio.ErrorResponse):
            raise self._trouble(answer)
        return answer

    def _trouble(self, answer: Any) -> PlatformError:
        response = answer.transport_response
        status = response.status if response is not None else 0
        code = str(answer.status_code or f"HTTP {status}")
        if status == 429 or code == "M_LIMIT_EXCEEDED":
            return RateLimited(_wait_seconds(answer))
        if code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
            return self._signed_out()
        if status >= 500 or status < 400 or (answer.status_code is None and status != 413):
            # Not the homeserver's own words: a gateway before it (some say 404 while it restarts), or unreadable.
            return Unsure(f"the homeserver answered {code}")
        return MatrixRefused(code, status, _reason(answer))

    def _signed_out(self) -> PlatformError:
        """Forget the session that ended. With a password the next request signs in anew."""
        self._nio.access_token = ""
        self.session = replace(self.session, token="", device="")
        if self._password and not self._given_token:
            return Unreachable("the session ended; signing in anew")
        return SignedOut("the homeserver does not know ALLANT_MATRIX_ACCESS_TOKEN (any more)")


def direct_rooms(content: object) -> dict[str, list[str]]:
    """m.direct as rooms by user; whatever else is in there is left out."""
    return {str(user): strings(rooms) for user, rooms in mapping(content).items()}


def _news(info: Any) -> RoomNews:
    timeline = info.timeline
    return RoomNews(
        state=_sources(info.state),
        timeline=_sources(timeline.events),
        limited=bool(timeline.limited),
        before=timeline.prev_batch or "",
    )


def _sources(events: Sequence[Any]) -> list[Json]:
    return [mapping(getattr(event, "source", None)) for event in events]


def _wait_seconds(answer: Any) -> float:
    """As long as the homeserver asks for; 5 seconds (nio's own choice) when it does not say."""
    if answer.retry_after_ms:
        return float(answer.retry_after_ms) / 1000
    header = answer.transport_response.headers.get("Retry-After", "") if answer.transport_response else ""
    return float(header) if header.isdigit() else 5.0


def _reason(answer: Any) -> str:
    """What the homeserver says, on one short line: it goes into the ledger's reason."""
    return " ".join(str(answer.message or "").split())[:120]
