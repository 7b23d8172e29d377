"""A channel on the fake Slack with people in it, and the adapter that listens there, over Socket Mode or HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from bot.core.delivery import Delivery, Kind
from bot.core.errors import PlatformError, RateLimited, Refused, Unreachable, Unsure
from bot.core.events import Event
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.core.webhook import WebRequest
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import SlackApp, SlackPlatform, emoji
from tests.contract.platform_world import LATER, Heard, Seen, SeenForm, World
from tests.wire.slack_org import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Json
from tests.wire.slack_people import People, elements_of, labels_of, text_of
from tests.wire.slack_server import Manners, SlackServer

E = TypeVar("E", bound=Event)


class SlackWorld(World):
    platform: SlackPlatform

    def __init__(self, *, over_http: bool = False, manners: Manners | None = None) -> None:
        self.server = SlackServer(manners=manners or Manners(ack_seconds=1.0))
        self.people = People(self.server)
        self.heard = Heard()
        self.over_http = over_http
        self._web: web.AppRunner | None = None
        self._submitting: asyncio.Task[Json | None] | None = None
        self._opened: set[str] = set()

    async def open(self) -> None:
        await self.server.start()
        made = self.server.org.new_channel("general")
        self.app = SlackApp(
            app_token="" if self.over_http else APP_TOKEN,
            signing_secret=SIGNING_SECRET if self.over_http else "",
            api_url=self.server.url,
            renderer=MarkdownRenderer(),
            language="en",
        )
        self.platform = await self.app.install(BOT_TOKEN)
        self.channel = ChannelRef(self.platform.workspace, made["id"])
        self._listening = asyncio.create_task(self.platform.run(self.heard))
        if self.over_http:
            await self._serve()
        else:
            await self.server.connected()

    async def _serve(self) -> None:
        """The bot's own web server, as far as the platform's addresses go."""
        (hook,) = self.platform.webhooks

        async def answer(request: web.Request) -> web.Response:
            asked = WebRequest(
                method=request.method,
                path=hook.path,
                query=request.query_string,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.read(),
            )
            said = await hook.answer(asked, self.heard)
            headers = {name: value for name, value in said.headers.items() if name != "content-type"}
            kind = said.headers.get("content-type", "text/plain").partition(";")[0]
            return web.Response(body=said.body, status=said.status, headers=headers, content_type=kind)

        app = web.Application()
        app.router.add_post(f"/hooks/{hook.path}", answer)
        self._web = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._web.setup()
        site = web.TCPSite(self._web, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # A real server has sockets.
        self.server.request_url = f"http://127.0.0.1:{port}/hooks/{hook.path}"

    async def deafen(self) -> None:
        """The adapter ends, as when Allant is stopped."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self.platform.close()

    async def close(self) -> None:
        if self._submitting is not None:
            self._submitting.cancel()
        await self.deafen()
        if self._web is not None:
            await self._web.cleanup()
        await self.server.stop()

    async def heard_one(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> E:
        return await self.heard.first(kind, where)

    # People

    async def newcomer(self, name: str) -> MemberRef:
        user = self.people.join_team(name)
        self.people.join_channel(user, self.channel.id)
        return MemberRef(self.platform.workspace, user)

    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        place = self.server.org.direct(person.id) if direct else self.channel.id
        words = f"<@{self.server.org.bot_user}> {text}" if to_bot else text
        ts = self.people.say(person.id, place, words, thread=thread.id if thread else "")
        return MessageRef(ChannelRef(self.platform.workspace, place), ts)

    async def command(self, person: MemberRef, text: str) -> None:
        assert await self.people.slash(person.id, self.channel.id, text) is not None

    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        assert await self.people.press(person.id, message.channel.id, message.id, label) is not None

    async def react(self, person: MemberRef, message: MessageRef, character: str) -> None:
        self.people.react(person.id, message.channel.id, message.id, emoji.name(character))

    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        if text is None:
            self.people.delete(message.channel.id, message.id)
        else:
            self.people.edit(message.channel.id, message.id, text)

    async def submit(self, person: MemberRef, message: MessageRef, values: Mapping[str, str], button: str = "") -> None:
        """The acknowledgement of a submitted modal waits for the answer, and is waited for when it is looked at."""
        view = await self._view(person, message)
        filled = picked(view, values)
        if button:
            assert await self.people.press_in_view(person.id, view["id"], button, filled) is not None
        else:
            self._submitting = asyncio.create_task(self.people.submit(person.id, view["id"], filled))

    async def _view(self, person: MemberRef, message: MessageRef) -> Json:
        await self._submitted()
        if self.people.view_of(person.id) is None:
            plain = MessageRef(message.channel, message.id.partition(";")[0])
            await self.press(person, plain, "Open the form")
            self._opened.add(person.id)
        view = self.people.view_of(person.id)
        assert view is not None
        return view

    async def _submitted(self) -> None:
        if self._submitting is not None:
            assert await self._submitting is not None
            self._submitting = None

    async def form(self, person: MemberRef, message: MessageRef) -> SeenForm | None:
        await self._submitted()
        if person.id in self._opened and self.people.view_of(person.id) is None:
            return None
        return as_form(await self._view(person, message))

    async def open_home(self, person: MemberRef) -> None:
        self.people.open_home(person.id)

    async def home(self, person: MemberRef) -> str | None:
        shown = self.server.org.homes.get(person.id)
        return "\n".join([text_of(shown), *labels_of(shown)]) if shown is not None else None

    async def press_home(self, person: MemberRef, label: str) -> None:
        shown = self.server.org.homes[person.id]
        assert await self.people.press_in_view(person.id, shown["id"], label) is not None

    # Eyes

    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        found = self.server.org.message(message.channel.id, message.id.partition(";")[0])
        visible = self.people.sees(by.id, message.channel.id)
        return self._as_seen(found) if found is not None and found in visible else None

    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        found = self.people.sees(by.id, self.channel.id)
        return [self._as_seen(each) for each in found if each.get("thread_ts") in (None, each["ts"])]

    def _as_seen(self, message: Json) -> Seen:
        words = text_of(message)
        mentions = frozenset(each["user_id"] for each in elements_of(message, "user"))
        for each in mentions:
            words = words.replace(f"@{each}", f"@{self.server.org.users[each]['real_name']}")
        assert not elements_of(message, "broadcast")
        strong = [each["text"] for each in elements_of(message, "text") if each.get("style", {}).get("bold")]
        return Seen(
            text=words,
            by_bot=message["user"] == self.server.org.bot_user,
            thread=message.get("thread_ts"),
            edited="edited" in message,
            buttons=tuple(labels_of(message)),
            mentions=mentions,
            strong=tuple(strong),
            reactions={
                emoji.character(each["name"]): len(each["users"])
                for each in message.get("reactions", [])
                if each["users"]
            },
        )

    async def trouble(self, error: type[PlatformError]) -> Delivery:
        place = self.channel
        if error is Refused:
            place = ChannelRef(self.platform.workspace, "C0NOWHERE")
        elif error is RateLimited:
            self.server.faults["chat.postMessage"].append("429")
        else:
            # What Slack said of haste a moment ago holds for that channel: another one.
            made = self.server.org.new_channel("quiet")
            place = ChannelRef(self.platform.workspace, made["id"])
        if error is Unsure:
            self.server.faults["chat.postMessage"].append("lost")
        elif error is Unreachable:
            await self.server.stop()
        return Delivery(
            key=f"trouble/{error.__name__}",
            workspace=self.platform.workspace,
            feature="test",
            kind=Kind.ANSWER,
            to=place,
            message=Message("words"),
            due=LATER,
        )


def picked(view: Json, values: Mapping[str, str]) -> dict[str, Any]:
    """What each input of the view is given, for values as bot.core.message.FieldKind writes them."""
    found: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        name = block["block_id"].removeprefix("field:").removesuffix(":more")
        value = values.get(name)
        if value is None:
            continue
        parts = [each.strip() for each in value.split(",")]
        match block["element"]["type"]:
            case "checkboxes" | "multi_static_select":
                found[block["block_id"]] = [each for each in parts if not each.startswith("#")]
            case "multi_conversations_select":
                found[block["block_id"]] = [each.removeprefix("#") for each in parts if each.startswith("#")]
            case "users_select":
                found[block["block_id"]] = value.removeprefix("@")
            case "datepicker":
                found[block["block_id"]] = value.partition(" ")[0]
            case "timepicker":
                found[block["block_id"]] = value.rpartition(" ")[2]
            case _:
                found[block["block_id"]] = value
    return found


def as_form(view: Json) -> SeenForm:
    state = view["state"]["values"]
    values: dict[str, str] = {}
    written = [view["title"]["text"], text_of(view)]
    for block in view["blocks"]:
        if block["type"] == "input":
            name = block["block_id"].removeprefix("field:")
            values[name] = _held(block["element"], state.get(block["block_id"], {}))
            written += [block["label"]["text"], block.get("hint", {}).get("text", "")]
    errors = {each.removeprefix("field:"): said for each, said in view.get("errors", {}).items()}
    return SeenForm(text="\n".join([*written, *labels_of(view)]), values=values, errors=errors)


def _held(element: Json, state: Json) -> str:
    """What an input shows: what was put into it, else what it began with."""
    given: Json = next(iter(state.values()), {})
    for name in ("value", "selected_date", "selected_time", "selected_user"):
        if given.get(name):
            return str(given[name])
    if "initial_options" in element:
        return ", ".join(each["value"] for each in element["initial_options"])
    if "initial_option" in element:
        return str(element["initial_option"]["value"])
    names = ("initial_value", "initial_date", "initial_time", "initial_user")
    return next((str(element[name]) for name in names if element.get(name)), "")
