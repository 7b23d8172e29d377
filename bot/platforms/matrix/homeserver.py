"""The homeserver as the adapter sees it: its session and what can be asked of it, with plain dictionaries out.

Nothing here waits or tries again, because the outbox and :mod:`bot.platforms.matrix.patience` decide when to.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.errors import PlatformError, SignedOut, Unreachable, Unsure
from bot.core.platform import Keepsake
from bot.platforms.matrix.reading import DIRECT_MARK, Json, mapping, strings, text
from bot.platforms.matrix.session import Session, SessionFile, read, written
from bot.platforms.matrix.wire import MAX_BYTES, REQUEST_SECONDS, MatrixRefused, Wire, path, usable

log = logging.getLogger("allant.matrix")

DEVICE = "ALLANT"
"""A sign-in with a password always takes this device, so that losing the state file doubles no half-sent message."""
LONG_POLL_SECONDS = 30
FULL_SECONDS = 120.0
"""For a sync with whole states, which a busy homeserver takes its time to put together."""
MAX_SYNC_BYTES = 256 * 2**20
"""A membership is some 450 bytes in a sync: this is half a million of them, over all rooms."""
TIMELINE = 100
"""Events of a room in one sync; a longer gap is read page by page."""
V3 = "/_matrix/client/v3"
V1 = "/_matrix/client/v1"

_FILTER = {
    "presence": {"types": []},
    "account_data": {"types": ["m.direct"]},
    "room": {"timeline": {"limit": TIMELINE}, "ephemeral": {"types": []}, "account_data": {"types": []}},
}


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
        self._keepsake: Keepsake | None = None
        self.session = state_file.load(homeserver.rstrip("/"), user)
        self._wire = Wire(self.session.homeserver)
        self._token = ""
        self._signing_in = asyncio.Lock()

    async def close(self) -> None:
        await self._wire.close()

    # The session

    async def go_on(self, keepsake: Keepsake) -> None:
        """Go on with the session that another process kept, and keep it there from now on. What we were told before by
        our own file is of no use any more."""
        self._keepsake, self._token = keepsake, ""
        kept = await keepsake.load()
        if kept:
            self.session = read(kept, self.session.homeserver, self.user)

    async def sign_in(self) -> None:
        """Have a session: the kept one, else the token of the settings, else a new one with the password."""
        async with self._signing_in:
            if self._token:
                return
            kept = self.session
            if usable(kept.token) and self._given_token in ("", kept.token):
                self._token = kept.token
            elif self._given_token:
                await self._take_token()
            elif self._password:
                await self._log_in()
            else:
                raise SignedOut("neither ALLANT_MATRIX_PASSWORD nor ALLANT_MATRIX_ACCESS_TOKEN is set")

    async def _take_token(self) -> None:
        if not usable(self._given_token):
            raise SignedOut("ALLANT_MATRIX_ACCESS_TOKEN has signs that no token has; copy it anew")
        try:
            who = await self._wire.ask("GET", f"{V3}/account/whoami", token=self._given_token)
        except MatrixRefused as error:
            raise self._unknown_token() if error.code in _ENDED else error from None
        owner = _required(who, "user_id")
        if owner != self.user:
            raise SignedOut(f"ALLANT_MATRIX_ACCESS_TOKEN belongs to {owner[:255]}, not to ALLANT_MATRIX_USER")
        await self._begin(device=text(who.get("device_id")), token=self._given_token)

    async def _log_in(self) -> None:
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user},
            "password": self._password,
            "device_id": DEVICE,
            "initial_device_display_name": "Allant",
        }
        try:
            done = await self._wire.ask("POST", f"{V3}/login", body=body)
        except MatrixRefused as error:
            raise SignedOut(f"the homeserver refuses ALLANT_MATRIX_USER or its password ({error.code})") from None
        token = text(done.get("access_token"))
        if not usable(token):
            raise Unsure("the homeserver gave a session that cannot be used")
        log.info("signed in to the homeserver as %s", self.user)
        await self._begin(device=text(done.get("device_id")), token=token)

    async def _begin(self, *, device: str, token: str) -> None:
        await self._keep(replace(self.session, device=device, token=token))
        self._token = token

    async def _keep(self, session: Session) -> None:
        if self._keepsake is not None:
            await self._keepsake.save(written(session))
        else:
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
        query = {"filter": json.dumps(_FILTER, separators=(",", ":")), "timeout": "0"}
        if wait:
            query["timeout"] = str(LONG_POLL_SECONDS * 1000)
        if since:
            query["since"] = since
        if full:
            query["full_state"] = "true"
        seconds = FULL_SECONDS if full else REQUEST_SECONDS + LONG_POLL_SECONDS * wait
        answer = await self._ask("GET", f"{V3}/sync", query=query, seconds=seconds, max_bytes=MAX_SYNC_BYTES)
        direct = [each for each in _events(answer.get("account_data")) if each.get("type") == "m.direct"]
        rooms = mapping(answer.get("rooms"))
        return Batch(
            next=_required(answer, "next_batch"),
            joined={room: _news(mapping(info)) for room, info in mapping(rooms.get("join")).items()},
            left={room: _news(mapping(info)) for room, info in mapping(rooms.get("leave")).items()},
            invited={
                room: _events(mapping(info).get("invite_state")) for room, info in mapping(rooms.get("invite")).items()
            },
            direct=direct_rooms(direct[-1].get("content")) if direct else None,
        )

    async def back(self, room: str, start: str, *, end: str = "", own: bool = False) -> tuple[list[Json], str]:
        """A page of events before ``start`` (empty: the newest), newest first, and where the next page starts (empty:
        there is none). ``end``: stop at this token. ``own``: only messages of ours."""
        query = {"dir": "b", "limit": str(TIMELINE)}
        query |= {name: token for name, token in (("from", start), ("to", end)) if token}
        if own:
            query["filter"] = json.dumps({"senders": [self.user], "types": ["m.room.message"]})
        page = await self._ask("GET", V3 + path("rooms", room, "messages"), query=query)
        return _objects(page.get("chunk")), text(page.get("end"))

    async def event(self, room: str, event: str) -> Json | None:
        """The event with its latest edit beside it; None when there is none that we may see."""
        try:
            return await self._ask("GET", V3 + path("rooms", room, "event", event))
        except MatrixRefused as error:
            if error.code in ("M_NOT_FOUND", "M_FORBIDDEN"):
                return None
            raise

    async def related(self, room: str, event: str, relation: str) -> list[Json]:
        """The latest events that relate to ``event`` in this way, newest first."""
        answer = await self._ask("GET", V1 + path("rooms", room, "relations", event, relation))
        return _objects(answer.get("chunk"))

    # Speaking

    async def send(self, room: str, kind: str, content: Json, transaction: str) -> str:
        """The event's id. The same transaction is never posted twice."""
        done = await self._ask("PUT", V3 + path("rooms", room, "send", kind, transaction), content)
        return _required(done, "event_id")

    async def upload(self, data: bytes, media: str, name: str) -> str:
        """The address (``mxc://…``) at which the homeserver keeps the file from now on. Sent again, it is kept twice,
        and only the one that a message names is ever shown."""
        query = {"filename": name}
        done = await self._ask("POST", "/_matrix/media/v3/upload", query=query, upload=(media, data))
        return _required(done, "content_uri")

    async def redact(self, room: str, event: str, transaction: str) -> None:
        await self._ask("PUT", V3 + path("rooms", room, "redact", event, transaction), {})

    # Rooms

    async def join(self, room: str) -> None:
        await self._ask("POST", V3 + path("join", room), {})

    async def leave(self, room: str) -> None:
        await self._ask("POST", V3 + path("rooms", room, "leave"), {})

    async def invite(self, room: str, user: str) -> None:
        await self._ask("POST", V3 + path("rooms", room, "invite"), {"user_id": user})

    async def joined(self) -> list[str]:
        return strings((await self._ask("GET", f"{V3}/joined_rooms")).get("joined_rooms"))

    async def marked_direct(self, room: str) -> str:
        """The user with whom we made this direct room; empty when it is none of those."""
        try:
            content = await self._ask("GET", V3 + path("rooms", room, "state", DIRECT_MARK))
        except MatrixRefused:
            return ""
        return text(content.get("with"))

    async def create_direct(self, user: str) -> str:
        """A new direct room with ``user``, who is invited; its id."""
        body: Json = {
            "is_direct": True,
            "preset": "trusted_private_chat",
            "visibility": "private",
            "invite": [user],
            "initial_state": [{"type": DIRECT_MARK, "state_key": "", "content": {"with": user}}],
        }
        return _required(await self._ask("POST", f"{V3}/createRoom", body), "room_id")

    async def mark_direct(self, user: str, room: str) -> None:
        """Say in our account data that the room is a direct one with ``user``, as other clients do."""
        place = V3 + path("user", self.user, "account_data", "m.direct")
        try:
            known = await self._ask("GET", place)
        except MatrixRefused:
            known = {}
        rooms = strings(known.get(user))
        if room not in rooms:
            await self._ask("PUT", place, known | {user: [*rooms, room]})

    # Asking, and a session that ended

    async def _ask(
        self,
        method: str,
        where: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
        max_bytes: int = MAX_BYTES,
        upload: tuple[str, bytes] | None = None,
    ) -> Json:
        await self.sign_in()
        token = self._token
        try:
            return await self._wire.ask(
                method,
                where,
                token=token,
                body=body,
                query=query,
                seconds=seconds,
                max_bytes=max_bytes,
                upload=upload,
            )
        except MatrixRefused as error:
            if error.code not in _ENDED:
                raise
            if token != self._token:  # Another request learned of it first, and there is a new session already.
                raise Unreachable("the session ended; it was begun anew") from None
            raise self._unknown_token() from None

    def _unknown_token(self) -> PlatformError:
        """Forget the session that ended. With a password the next request signs in anew."""
        self._token = ""
        self.session = replace(self.session, token="", device="")
        if self._password and not self._given_token:
            return Unreachable("the session ended; signing in anew")
        return SignedOut("the homeserver does not know ALLANT_MATRIX_ACCESS_TOKEN (any more)")


_ENDED = ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN")


def direct_rooms(content: object) -> dict[str, list[str]]:
    """m.direct as rooms by user; whatever else is in there is left out."""
    return {str(user): strings(rooms) for user, rooms in mapping(content).items()}


def _news(info: Json) -> RoomNews:
    timeline = mapping(info.get("timeline"))
    return RoomNews(
        state=_events(info.get("state")),
        timeline=_events(timeline),
        limited=timeline.get("limited") is True,
        before=text(timeline.get("prev_batch")),
    )


def _events(part: object) -> list[Json]:
    return _objects(mapping(part).get("events"))


def _objects(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _required(answer: Json, name: str) -> str:
    """A text that every such answer has. Raises Unsure for one that lacks it: what was asked for may have been done."""
    found = text(answer.get(name))
    if not found:
        raise Unsure(f"the homeserver's answer has no {name}")
    return found
