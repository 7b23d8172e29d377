"""The playground's server, file, API and page."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bot.core.clock import VirtualClock
from bot.core.community import Role
from bot.core.delivery import Delivery, Kind
from bot.core.events import Event, MemberJoined, MessagePosted
from bot.core.message import Button, Message
from bot.core.refs import ChannelRef, Language
from bot.markdown import MarkdownRenderer
from bot.platforms.playground import (
    Hint,
    Person,
    PlaygroundPlatform,
    PlaygroundServer,
    routes,
)
from bot.platforms.playground.bot_api import BotApi
from bot.platforms.playground.faults import NotAllowed
from bot.platforms.playground.server import Rejected

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PAGE = Path("bot/platforms/playground/page")
JSON = {"content-type": "application/json"}


@pytest.fixture
def server() -> Iterator[PlaygroundServer]:
    server = PlaygroundServer(None, VirtualClock(NOW))
    server.create_room("general", {"fr": "Ensemble", "en": "Together"})
    server.create_room("board", open_to="nobody")
    server.create_room("news", one_way=True)
    server.arrive(Person(id="ada", name="Ada", animator=True))
    server.arrive(Person(id="eve", name="Eve", language="fr"))
    server.arrive(Person(id="gus", name="Gus", guest=True))
    yield server
    server.close()


def hints(language: Language, role: Role) -> list[Hint]:
    found = [Hint("help", {"fr": "Aide", "en": "Help"}[language])]
    return [*found, Hint("faq write", "Write", shortcut="Add to the FAQ")] if role >= Role.ANIMATOR else found


@pytest.fixture
async def web(server: PlaygroundServer) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes(server, MarkdownRenderer(), server.clock, hints=hints))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


# The server's file


async def deliver_until_idle(server: PlaygroundServer) -> list[Event]:
    events: list[Event] = []

    async def keep(event: Event) -> None:
        events.append(event)

    listening = asyncio.create_task(PlaygroundPlatform(server).run(keep))
    await server.idle()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return events


async def test_a_new_server_on_the_same_file_has_everything_and_delivers_what_was_not_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "playground.db"
    first = PlaygroundServer(path, VirtualClock(NOW))
    first.create_room("general")
    first.arrive(Person(id="ada", name="Ada"))
    await deliver_until_idle(first)
    root = first.say("ada", "general", "not yet heard")
    first.react("ada", root.id, "👍")
    waiting = [each.id for each in await first.undelivered()]
    # The first server is not closed: a killed process closes nothing.
    second = PlaygroundServer(path, VirtualClock(NOW))
    events = await deliver_until_idle(second)
    assert [event.id for event in events] == waiting
    assert isinstance(events[0], MessagePosted)
    assert events[0].text == "not yet heard"
    assert second.archive.posts("C-general") == [root]
    assert second.archive.reactions([root]) == {root.id: {"👍": ["ada"]}}
    second.close()
    third = PlaygroundServer(path, VirtualClock(NOW))
    assert third.archive.count_happenings() == 0
    assert [person.name for person in third.people()] == ["Allant", "Ada"]
    third.close()
    first.close()


async def test_an_event_is_acknowledged_only_once_it_was_taken_in(server: PlaygroundServer) -> None:
    await deliver_until_idle(server)
    server.say("ada", "general", "hello")
    reached = asyncio.Event()

    async def stuck(event: Event) -> None:
        reached.set()
        await asyncio.Event().wait()

    listening = asyncio.create_task(PlaygroundPlatform(server).run(stuck))
    await reached.wait()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    (event,) = await deliver_until_idle(server)
    assert isinstance(event, MessagePosted)


async def test_the_same_key_after_a_restart_is_not_posted_again(tmp_path: Path) -> None:
    path = tmp_path / "playground.db"
    receipts = []
    for _ in range(2):
        server = PlaygroundServer(path, VirtualClock(NOW))
        server.create_room("general")
        platform = PlaygroundPlatform(server)
        delivery = Delivery(
            key="calendar/launch/1",
            workspace=platform.workspace,
            feature="calendar",
            kind=Kind.POST,
            to=ChannelRef(platform.workspace, "C-general"),
            message=Message("Good morning"),
            due=NOW,
        )
        receipts.append(await platform.do(delivery))
        assert len(server.archive.all_posts()) == 1
        server.close()
    assert receipts[0] == receipts[1]


def test_ids_of_two_playgrounds_differ() -> None:
    servers = [PlaygroundServer(None, VirtualClock(NOW)) for _ in range(2)]
    for server in servers:
        server.create_room("general")
        server.arrive(Person(id="ada", name="Ada"))
    posts = [server.say("ada", "general", "hello") for server in servers]
    assert posts[0].id != posts[1].id
    for server in servers:
        server.close()


def test_a_step_that_fails_leaves_nothing_behind(server: PlaygroundServer) -> None:
    waiting = server.archive.count_happenings()

    def say_twice() -> None:
        with server.step():
            server.say("ada", "general", "hello")
            server.say("ada", "nowhere", "hello")

    with pytest.raises(Rejected):
        say_twice()
    assert server.archive.all_posts() == []
    assert server.archive.count_happenings() == waiting


# Who may do what


def test_guests_see_only_what_is_open_to_them(server: PlaygroundServer) -> None:
    with pytest.raises(Rejected, match="guests"):
        server.join("gus", "board")
    server.join("ada", "board")
    secret = server.say("ada", "board", "not for guests")
    with pytest.raises(Rejected):
        server.react("gus", secret.id, "👍")


def test_only_animators_begin_threads_in_a_one_way_channel(server: PlaygroundServer) -> None:
    news = server.say("ada", "news", "some news")
    assert server.say("eve", "news", "thanks", thread=news.id).thread == news.id
    with pytest.raises(Rejected, match="animators"):
        server.say("eve", "news", "my own news")


def test_a_direct_conversation_is_its_persons_alone(server: PlaygroundServer) -> None:
    mine = server.say("ada", server.direct("ada").id, "between us")
    with pytest.raises(Rejected):
        server.react("eve", mine.id, "👍")
    with pytest.raises(Rejected):
        server.say("eve", server.direct("ada").id, "me too")


def test_one_changes_only_ones_own_words(server: PlaygroundServer) -> None:
    post = server.say("ada", "general", "hello")
    with pytest.raises(Rejected):
        server.edit("eve", post.id, "goodbye")
    server.delete("ada", post.id)
    assert server.archive.all_posts()[0].text == ""


async def test_the_bot_changes_only_its_own_words(server: PlaygroundServer) -> None:
    post = server.say("ada", "general", "hello")
    for request in (BotApi(server).delete(post.id, key="1"), BotApi(server).edit(post.id, Message("x"), key="2")):
        with pytest.raises(NotAllowed):
            await request


async def test_an_edit_repeated_late_does_not_undo_a_later_one(server: PlaygroundServer) -> None:
    bot = BotApi(server)
    post = await bot.post("C-general", Message("first"), key="post")
    assert post is not None
    await bot.edit(post.id, Message("second"), key="edit/1")
    await bot.edit(post.id, Message("third"), key="edit/2")
    await bot.edit(post.id, Message("second"), key="edit/1")
    assert server.archive.all_posts()[0].text == "third"


# The API


async def test_the_state_shows_who_and_where(web: httpx.AsyncClient) -> None:
    state = (await web.get("/api/state", params={"as": "eve"})).json()
    assert state["me"]["name"] == "Eve"
    assert [channel["name"] for channel in state["channels"]] == ["", "general", "board", "news"]
    assert state["hints"] == [{"command": "help", "help": "Aide", "arguments": "", "shortcut": ""}]
    english = (await web.get("/api/state", params={"language": "en"})).json()
    assert english["me"]["id"] == "ada"
    assert english["hints"][0]["help"] == "Help"
    guest = (await web.get("/api/state", params={"as": "gus"})).json()
    assert "board" not in [channel["name"] for channel in guest["channels"]]


async def test_a_message_is_said_and_read(web: httpx.AsyncClient, server: PlaygroundServer) -> None:
    body = {"as": "ada", "channel": "C-general", "text": "<b>hello</b> [x](mention:eve)"}
    said = (await web.post("/api/messages", json=body)).json()["message"]
    assert said["text"] == body["text"]
    assert "html" not in said
    reply = {"as": "eve", "channel": "C-general", "text": "hi", "thread": said["id"]}
    assert (await web.post("/api/messages", json=reply)).status_code == 200
    shown = (await web.get("/api/messages", params={"as": "eve", "channel": "C-general"})).json()["messages"]
    assert [each["replies"]["count"] for each in shown] == [1]
    thread = (await web.get("/api/thread", params={"as": "eve", "message": said["id"]})).json()
    assert [each["text"] for each in thread["replies"]] == ["hi"]
    assert server.archive.count_happenings() > 0


async def test_unread_counts_until_read(web: httpx.AsyncClient, server: PlaygroundServer) -> None:
    post = server.say("ada", "general", "hello")

    async def unread() -> int:
        state = (await web.get("/api/state", params={"as": "eve"})).json()
        return int(state["channels"][1]["unread"])

    assert await unread() == 1
    await web.post("/api/read", json={"as": "eve", "channel": "C-general", "number": post.number})
    assert await unread() == 0


async def test_the_bots_markdown_becomes_html_and_its_commands_stay_on_the_server(
    web: httpx.AsyncClient, server: PlaygroundServer
) -> None:
    text = "**Hi** [Eve](mention:eve) [x](javascript:alert) <img src=x onerror=alert(1)>"
    await BotApi(server).post("C-general", Message(text, (Button("Yes", "faq helped secret"),)), key="1")
    found_ = await web.get("/api/messages", params={"as": "eve", "channel": "C-general"})
    assert "secret" not in found_.text
    (message,) = found_.json()["messages"]
    assert "<strong>Hi</strong>" in message["html"]
    assert 'href="#person/eve"' in message["html"]
    assert "<img" not in message["html"]
    assert 'href="javascript' not in message["html"]
    await web.post("/api/press", json={"as": "eve", "message": message["id"], "button": 0})
    assert [each.data["text"] for each in await server.undelivered() if each.kind == "command"] == ["faq helped secret"]


async def test_a_shortcut_on_a_message_brings_its_words_along(web: httpx.AsyncClient, server: PlaygroundServer) -> None:
    post = server.say("ada", "general", "where is the tea?")
    body = {"as": "ada", "message": post.id, "command": "faq write"}
    asked = (await web.post("/api/shortcut", json=body)).json()["asked"]
    given = next(each for each in await server.undelivered() if each.kind == "command")
    assert (given.id, given.data["text"], given.data["post"]) == (asked, "faq write", post.id)
    assert given.data["fields"] == {"message": "where is the tea?"}
    refused = await web.post("/api/shortcut", json=body | {"command": "me forget confirm"})
    assert refused.json()["error"] == "unknown_button"


async def test_a_newcomer_arrives_with_an_id_of_their_own(web: httpx.AsyncClient, server: PlaygroundServer) -> None:
    body = {"name": " Ève  Martin ", "language": "fr", "zone": "Europe/Paris", "guest": True}
    ids = [(await web.post("/api/people", json=body)).json()["person"]["id"] for _ in range(2)]
    assert ids == ["eve-martin", "eve-martin-2"]
    assert server.person("eve-martin").guest
    events = await deliver_until_idle(server)
    joined = [event.member.ref.id for event in events if isinstance(event, MemberJoined) and event.channel is None]
    assert joined == ["ada", "eve", "gus", *ids]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("messages", {"as": "ada", "channel": "C-general"}, "bad_request"),
        ("messages", {"as": "ada", "channel": "C-general", "text": 5}, "bad_request"),
        ("messages", {"as": "ada", "channel": "C-general", "text": "  "}, "empty"),
        ("messages", {"as": "ada", "channel": "C-general", "text": "x" * 40_001}, "too_long"),
        ("messages", {"as": "ada", "channel": "C-nowhere", "text": "x"}, "unknown_channel"),
        ("messages", {"as": "nobody", "channel": "C-general", "text": "x"}, "unknown_person"),
        ("messages", {"as": "allant", "channel": "C-general", "text": "x"}, "gone"),
        ("messages", {"as": "ada", "channel": "C-board", "text": "x"}, "not_in_channel"),
        ("messages", {"as": "ada", "channel": "C-general", "text": "x", "thread": "M-1"}, "unknown_message"),
        (
            "reactions",
            {"as": "ada", "message": "Mx-99999999999999999999", "emoji": "👍", "on": True},
            "unknown_message",
        ),
        ("reactions", {"as": "ada", "message": "1", "emoji": "<b>", "on": True}, "bad_emoji"),
        ("reactions", {"as": "ada", "message": "1", "emoji": "👍", "on": "yes"}, "bad_request"),
        ("press", {"as": "ada", "message": "1", "button": True}, "bad_request"),
        ("press", {"as": "ada", "message": "1", "button": 1e400}, "bad_request"),
        ("submit", {"as": "ada", "message": "1", "values": {"a": 1}}, "bad_request"),
        ("read", {"as": "ada", "channel": "C-general", "number": 2**60}, "bad_request"),
        ("join", {"as": "ada", "channel": ["C-general"]}, "bad_request"),
        ("people", {"name": ""}, "bad_name"),
        ("people", {"name": "x" * 81}, "bad_name"),
        ("people", {"name": "Zoe", "zone": "../../etc/passwd"}, "bad_zone"),
        ("people", {"name": "Zoe", "zone": "Mars/Base"}, "bad_zone"),
    ],
)
async def test_bad_input_is_named_and_changes_nothing(
    web: httpx.AsyncClient, server: PlaygroundServer, path: str, body: dict[str, object], code: str
) -> None:
    before = server.archive.count_happenings(), len(server.people()), server.archive.all_posts()
    answer = await web.post(f"/api/{path}", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert answer.json()["reason"]
    assert (server.archive.count_happenings(), len(server.people()), server.archive.all_posts()) == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"as": "ada", "text": "\\ud83d"}']
)
async def test_what_is_not_json_of_ours_is_refused(web: httpx.AsyncClient, content: bytes) -> None:
    answer = await web.post("/api/messages", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_half_a_character_is_refused(web: httpx.AsyncClient) -> None:
    content = b'{"as": "ada", "channel": "C-general", "text": "\\ud83d"}'
    answer = await web.post("/api/messages", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_a_body_without_end_is_cut_off(web: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b"x" * 65_536

    answer = await web.post("/api/messages", content=endless(), headers=JSON)
    assert answer.json()["error"] == "too_long"
    assert sent < 2_000_000


@pytest.mark.parametrize(
    "path",
    [
        "messages?as=eve&channel=C-general&before=abc",
        "messages?as=eve&channel=C-general&before=-1",
        "messages?as=eve&channel=C-general&before=99999999999999999999",
        "messages?as=eve&channel=D-ada",
        "messages?as=eve",
        "messages?channel=C-general",
        "thread?as=eve&message=nothing",
        "state?as=allant",
        "events?as=nobody",
    ],
)
async def test_bad_reads_are_refused(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(f"/api/{path}")
    assert answer.status_code == 400
    assert answer.json()["reason"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "origin": "https://evil.example"}, 403),
        ({**JSON, "origin": "null"}, 403),
        ({**JSON, "sec-fetch-site": "cross-site"}, 403),
        ({**JSON, "host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
        ({**JSON, "origin": "http://127.0.0.1:8080"}, 200),
    ],
)
async def test_only_the_page_itself_may_write(web: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    body = json.dumps({"as": "ada", "channel": "C-general", "text": "hello"})
    assert (await web.post("/api/messages", content=body, headers=headers)).status_code == status


@pytest.mark.parametrize("path", ["/", "/api/state", "/page/app.js", "/api/state?as=nobody"])
async def test_every_answer_carries_the_strict_policy(web: httpx.AsyncClient, path: str) -> None:
    policy = (await web.get(path)).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_files_outside_the_page_are_not_served(web: httpx.AsyncClient) -> None:
    for path in ("/page/../web.py", "/page/%2e%2e/web.py", "/page/web.py", "/page/"):
        assert (await web.get(path)).status_code == 404


async def test_open_pages_hear_of_what_they_may_see(server: PlaygroundServer) -> None:
    with server.subscribed() as page:
        post = server.say("ada", "general", "hello")
        server.react("ada", post.id, "👍")
        assert [(change.what, change.id) for change in await page.next()] == [("post", post.id)]
        for number in range(600):
            server.say("ada", "general", f"{number}")
        await page.next()
        assert page.behind
        server.hang_up()
        assert list(await page.next()) == []


# The page's words


def test_the_page_is_complete_in_both_languages() -> None:
    text = (PAGE / "words.js").read_text(encoding="utf-8")
    french, english = text.split("\n  en: {", 1)
    keys = [re.findall(r"^    (\w+): \"", part, re.MULTILINE) for part in (french, english)]
    assert keys[0] == keys[1]
    assert len(keys[0]) > 90
    used = {
        match
        for path in PAGE.glob("*.js")
        for match in re.findall(r"\bword\(\s*\"(\w+)\"", path.read_text(encoding="utf-8"))
    }
    used |= set(re.findall(r"data-(?:word|label)=\"(\w+)\"", (PAGE / "index.html").read_text(encoding="utf-8")))
    assert {each for each in used if each not in keys[0] and f"{each}_one" not in keys[0]} == set()


def test_every_error_has_its_words_on_the_page() -> None:
    source = Path("bot/platforms/playground/server.py").read_text(encoding="utf-8")
    codes = set(re.findall(r"Rejected\(\s*\"(\w+)\"", source))
    words = (PAGE / "words.js").read_text(encoding="utf-8")
    assert {code for code in codes if words.count(f"error_{code}:") != 2} == set()
