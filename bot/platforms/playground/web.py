"""The playground's web page and its JSON API.

Only the page itself may use it: requests must name a host that is ours (against rebinding of names), and whatever
changes something must be JSON sent from the same origin.
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.core.community import Role
from bot.core.ports import Clock
from bot.core.refs import LANGUAGES, Language
from bot.core.rendering import Renderer
from bot.platforms.playground.homes import Homes
from bot.platforms.playground.records import Change, Person, Post
from bot.platforms.playground.server import PlaygroundServer, Rejected
from bot.platforms.playground.views import Views

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
_BODY_LIMIT = 600_000
"""Bytes: a message of the longest allowed length, every character written as an escaped pair, and room for the rest."""
_GATHER_SECONDS = 0.05
_FOLDER = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Hint:
    """A command the composer offers: the words after /allant, what they do, and which arguments they take."""

    command: str
    help: str
    arguments: str = ""
    shortcut: str = ""
    """The label under which it is offered in a message's menu; empty where it is not."""


Hints = Callable[[Language, Role], Sequence[Hint]]
Status = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives what “Behind the scenes” shows: ``figures`` (name to number) and ``ledger`` (rows: mappings with ``at`` (ISO),
``state``, ``kind``, ``feature``, ``to``, ``reason``), all of them optional."""
Handler = Callable[[Request], Awaitable[Response]]


def no_hints(language: Language, role: Role) -> Sequence[Hint]:
    """Nothing to offer."""
    return ()


def routes(
    server: PlaygroundServer,
    renderer: Renderer,
    clock: Clock,
    *,
    hints: Hints = no_hints,
    status: Status | None = None,
    hosts: Sequence[str] = LOCAL_HOSTS,
) -> list[BaseRoute]:
    """The page at ``/`` and its API below ``/api/``, to be put at the root or mounted below a path.

    ``clock`` gives the time the page shows. ``hosts``: the host names under which the page may be reached; ``*``
    among them allows any.
    """
    api = _Api(server, Views(server, renderer), clock, hints, status)
    reads: dict[str, Handler] = {
        "state": api.state,
        "messages": api.messages,
        "thread": api.thread,
        "events": api.events,
        "status": api.status,
        "home": api.home,
        "image": api.image,
        "file": api.file,
    }
    writes: dict[str, Callable[[_Body], Mapping[str, Any]]] = {
        "messages": api.say,
        "edit": api.edit,
        "delete": api.delete,
        "reactions": api.react,
        "press": api.press,
        "submit": api.submit,
        "shortcut": api.shortcut,
        "join": api.join,
        "quit": api.quit,
        "read": api.read,
        "people": api.arrive,
        "home": api.open_home,
        "home-press": api.press_home,
    }
    found: list[BaseRoute] = [
        Route(f"/api/{name}", _guarded(_reading(read), hosts), methods=["GET"]) for name, read in reads.items()
    ]
    found += [
        Route(f"/api/{name}", _guarded(_writing(write), hosts), methods=["POST"]) for name, write in writes.items()
    ]
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            url = "/" if path.name == "index.html" else f"/page/{path.name}"
            found.append(Route(url, _guarded(_file(path), hosts), methods=["GET"]))
    return found


class _Body:
    """A request's JSON, read field by field; raises Rejected where a field is not what it should be."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def text(self, name: str, default: str | None = None) -> str:
        value = self._data.get(name, default)
        if not isinstance(value, str):
            raise Rejected("bad_request", f"“{name}” must be text")
        return _clean(value, name)

    def has(self, name: str) -> bool:
        return self._data.get(name) is not None

    def number(self, name: str) -> int:
        value = self._data.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**53:
            raise Rejected("bad_request", f"“{name}” must be a whole number")
        return value

    def flag(self, name: str) -> bool:
        value = self._data.get(name, False)
        if not isinstance(value, bool):
            raise Rejected("bad_request", f"“{name}” must be true or false")
        return value

    def values(self, name: str) -> dict[str, str]:
        value = self._data.get(name)
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise Rejected("bad_request", f"“{name}” must be an object of texts")
        return {key: _clean(each, name) for key, each in value.items()}


class _Api:
    def __init__(
        self, server: PlaygroundServer, views: Views, clock: Clock, hints: Hints, status: Status | None
    ) -> None:
        self._server = server
        self._homes = Homes(server)
        self._views = views
        self._clock = clock
        self._hints = hints
        self._status = status

    # What is read

    async def state(self, request: Request) -> Response:
        """Who and where. Without ``as``: as an animator of the page's language, who has most to try."""
        wanted = request.query_params.get("language", "")
        me = self._viewer(request) if "as" in request.query_params else self._anybody(wanted)
        language: Language = "fr" if (wanted or me.language) == "fr" else "en"
        role = Role.ADMIN if me.admin else Role.ANIMATOR if me.animator else Role.MEMBER
        return JSONResponse(
            {
                "now": self._clock.now().isoformat(),
                "me": self._views.person(me),
                "people": [self._views.person(person) for person in self._server.people()],
                "channels": self._views.channels(me),
                "hints": [asdict(hint) for hint in self._hints(language, role)],
                "status": self._status is not None,
            }
        )

    async def messages(self, request: Request) -> Response:
        viewer, room = self._viewer(request), self._server.room(request.query_params.get("channel", ""))
        if not self._server.may_see(viewer, room):
            raise Rejected("unknown_channel", "there is no such channel")
        before = request.query_params.get("before")
        if before is not None and not re.fullmatch(r"[0-9]{1,15}", before):
            raise Rejected("bad_request", "“before” must be a whole number")
        return JSONResponse(self._views.messages(room, viewer, int(before) if before else None))

    async def thread(self, request: Request) -> Response:
        viewer = self._viewer(request)
        post = self._server.archive.post(request.query_params.get("message", ""))
        if post is None or post.thread is not None or not self._views.changed([post.id], viewer):
            raise Rejected("unknown_message", "there is no such thread")
        return JSONResponse(self._views.thread(post, viewer))

    async def image(self, request: Request) -> Response:
        """A picture of a post, by its place in it."""
        images = self._attached_to(request).images
        return _attachment(images, request, lambda each: Response(each.data, media_type="image/png", headers=_HEADERS))

    async def file(self, request: Request) -> Response:
        """A file of a post, to be kept: never shown as a page of ours."""
        kept = _HEADERS | {"Content-Disposition": "attachment"}
        return _attachment(
            self._attached_to(request).files,
            request,
            lambda each: Response(each.text, media_type="text/plain; charset=utf-8", headers=kept),
        )

    def _attached_to(self, request: Request) -> Post:
        viewer, post = self._viewer(request), self._server.archive.post(request.query_params.get("message", ""))
        if post is None or not self._views.changed([post.id], viewer):
            raise Rejected("unknown_message", "there is no such message")
        return post

    async def home(self, request: Request) -> Response:
        return JSONResponse({"home": self._views.home(self._viewer(request))})

    async def status(self, request: Request) -> Response:
        given = await self._status() if self._status else {}
        return JSONResponse({"now": self._clock.now().isoformat(), **given})

    async def events(self, request: Request) -> Response:
        """Server-sent events: ``posts`` as they are now, ``state`` true when people or channels changed, ``home`` true
        when the person's home shows something else, ``refresh`` true when the page should read everything anew."""
        return EventSourceResponse(self._stream(self._viewer(request)), ping=20, headers=_HEADERS)

    async def _stream(self, viewer: Person) -> AsyncIterator[ServerSentEvent]:
        with self._server.subscribed() as subscription:
            # Whatever the page read before this moment may be out of date by now.
            yield ServerSentEvent(data=json.dumps({"now": self._clock.now().isoformat(), "refresh": True}))
            while changes := await subscription.next():
                told: dict[str, Any] = {"now": self._clock.now().isoformat()}
                if subscription.behind:
                    subscription.behind = False
                    told["refresh"] = True
                else:
                    told["posts"] = self._views.changed(
                        [change.id for change in changes if change.what == "post"], self._server.person(viewer.id)
                    )
                    told["state"] = any(change.what in ("people", "channels") for change in changes)
                    told["home"] = Change("home", viewer.id) in changes
                if any(told.get(each) for each in ("posts", "state", "home", "refresh")):
                    yield ServerSentEvent(data=json.dumps(told))
                # A simulation may do hundreds of things a second: the page hears of them together.
                await asyncio.sleep(_GATHER_SECONDS)

    # What is done

    def say(self, body: _Body) -> Mapping[str, Any]:
        thread = body.text("thread", "") or None
        post = self._server.say(body.text("as"), body.text("channel"), body.text("text"), thread)
        return {"message": self._views.posts([post], self._server.person(body.text("as")))[0]}

    def edit(self, body: _Body) -> Mapping[str, Any]:
        self._server.edit(body.text("as"), body.text("message"), body.text("text"))
        return {}

    def delete(self, body: _Body) -> Mapping[str, Any]:
        self._server.delete(body.text("as"), body.text("message"))
        return {}

    def react(self, body: _Body) -> Mapping[str, Any]:
        do = self._server.react if body.flag("on") else self._server.unreact
        do(body.text("as"), body.text("message"), body.text("emoji"))
        return {}

    def press(self, body: _Body) -> Mapping[str, Any]:
        return {"asked": self._server.press(body.text("as"), body.text("message"), body.number("button"))}

    def submit(self, body: _Body) -> Mapping[str, Any]:
        """``asked`` names what the answer will say that it answers. ``button``: that one in the form is pressed."""
        button = body.number("button") if body.has("button") else None
        values = body.values("values")
        return {"asked": self._server.submit(body.text("as"), body.text("message"), values, button)}

    def open_home(self, body: _Body) -> Mapping[str, Any]:
        self._homes.open(body.text("as"))
        return {}

    def press_home(self, body: _Body) -> Mapping[str, Any]:
        return {"asked": self._homes.press(body.text("as"), body.number("section"), body.number("button"))}

    def shortcut(self, body: _Body) -> Mapping[str, Any]:
        hints = [hint for language in LANGUAGES for hint in self._hints(language, Role.ADMIN)]
        offered = [hint.command for hint in hints if hint.shortcut]
        if body.text("command") not in offered:
            raise Rejected("unknown_button", "a message's menu has no such command")
        return {"asked": self._server.shortcut(body.text("as"), body.text("message"), body.text("command"))}

    def join(self, body: _Body) -> Mapping[str, Any]:
        self._server.join(body.text("as"), body.text("channel"))
        return {}

    def quit(self, body: _Body) -> Mapping[str, Any]:
        self._server.quit(body.text("as"), body.text("channel"))
        return {}

    def read(self, body: _Body) -> Mapping[str, Any]:
        self._server.read(body.text("as"), body.text("channel"), body.number("number"))
        return {}

    def arrive(self, body: _Body) -> Mapping[str, Any]:
        """Somebody new; the id is made from the name."""
        name = " ".join(body.text("name").split())
        person = Person(
            id=self._free_id(name),
            name=name,
            language="fr" if body.text("language", "fr") == "fr" else "en",
            zone=body.text("zone", "Europe/Paris"),
            guest=body.flag("guest"),
            manager=body.flag("manager"),
        )
        return {"person": self._views.person(self._server.arrive(person))}

    # Helpers

    def _viewer(self, request: Request) -> Person:
        person = self._server.person(request.query_params.get("as", ""))
        if person.bot or not person.active:
            raise Rejected("unknown_person", f"{person.name} cannot be played")
        return person

    def _anybody(self, language: str) -> Person:
        people = [person for person in self._server.people() if person.active and not person.bot]
        if not people:
            raise Rejected("nobody", "nobody is here yet; let somebody arrive")
        # Python's sort keeps the order of arrival among equals.
        return sorted(people, key=lambda each: (not each.animator, each.language != language))[0]

    def _free_id(self, name: str) -> str:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
        base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30] or "person"
        taken = {person.id for person in self._server.people()}
        return next(each for each in [base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))] if each not in taken)


T = TypeVar("T")


def _attachment(all_of: Sequence[T], request: Request, answer: Callable[[T], Response]) -> Response:
    number = request.query_params.get("number", "")
    if not re.fullmatch(r"[0-9]{1,3}", number) or int(number) >= len(all_of):
        raise Rejected("unknown_message", "there is no such picture or file")
    return answer(all_of[int(number)])


def _clean(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Rejected("bad_request", f"“{name}” holds half a character") from None
    return value


def _error(status: int, code: str, reason: str) -> Response:
    return JSONResponse({"error": code, "reason": reason}, status_code=status)


def _guarded(handler: Handler, hosts: Sequence[str]) -> Handler:
    async def guarded(request: Request) -> Response:
        if "*" not in hosts and _host_name(request.headers.get("host", "")) not in hosts:
            return _error(403, "bad_host", "this name does not lead here")
        response = await handler(request)
        response.headers.update(_HEADERS)
        return response

    return guarded


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _reading(read: Handler) -> Handler:
    async def reading(request: Request) -> Response:
        try:
            return await read(request)
        except Rejected as error:
            return _error(400, error.code, str(error))

    return reading


def _writing(write: Callable[[_Body], Mapping[str, Any]]) -> Handler:
    async def writing(request: Request) -> Response:
        if not _same_origin(request):
            return _error(403, "bad_origin", "only the playground's own page may do this")
        if request.headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
            return _error(415, "not_json", "send JSON, with the content type application/json")
        try:
            data = await _json(request)
            return JSONResponse(dict(write(_Body(data))))
        except Rejected as error:
            return _error(400, error.code, str(error))

    return writing


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == request.headers.get("host", "")
    return request.headers.get("sec-fetch-site", "none") in ("same-origin", "none")


async def _json(request: Request) -> Mapping[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise Rejected("too_long", "this is too much at once")
    try:
        data = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise Rejected("bad_request", "this is not JSON") from None
    if not isinstance(data, dict):
        raise Rejected("bad_request", "this must be a JSON object")
    return data


def _file(path: Path) -> Handler:
    content = path.read_bytes()

    async def file(request: Request) -> Response:
        return Response(content, media_type=_TYPES[path.suffix])

    return file
