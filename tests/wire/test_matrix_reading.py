"""Reading and writing contents, without a homeserver: whatever is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.message import Button, Field, Form, Message, escape
from bot.core.refs import WorkspaceRef
from bot.markdown import MarkdownRenderer
from bot.platforms.matrix import reading
from bot.platforms.matrix.homeserver import Batch, Homeserver
from bot.platforms.matrix.inbound import Listener
from bot.platforms.matrix.outbound import DirectRooms
from bot.platforms.matrix.rooms import Roster
from bot.platforms.matrix.session import Session, SessionFile
from bot.platforms.matrix.writing import MAX_BYTES, Scribe, cut, full_text
from tests.contract.platform_world import LATER
from tests.wire.matrix_people import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("msgtype", "body", "m.relates_to", "m.mentions", "m.new_content", "rel_type", "event_id", "membership")
CONTENT = st.dictionaries(st.sampled_from(KEYS), JSON | st.dictionaries(st.sampled_from(KEYS), JSON), max_size=5)


@given(CONTENT, JSON)
def test_any_content_can_be_read(content: Json, unsigned: object) -> None:
    event = {"content": content, "unsigned": unsigned, "origin_server_ts": unsigned}
    body = reading.words_of(content)
    reading.mentions(content, body, "@allant:example.org", "Allant")
    reading.replied_to(content)
    reading.relation(content, "m.thread")
    reading.commands_of(event)
    assert reading.moment_of(event, LATER) <= LATER
    reading.name_of("@a:b", content)


@given(st.lists(st.tuples(st.sampled_from(["m.room.member", "m.room.name", "m.room.tombstone"]), CONTENT, st.text())))
def test_any_state_can_be_applied_and_taken_back(events: list[tuple[str, Json, str]]) -> None:
    roster = Roster("@allant:b")
    room = roster.room("!r")
    sources = [{"type": kind, "content": content, "state_key": key} for kind, content, key in events]
    for source in sources:
        roster.apply(room, source)
        roster.title(room)
        roster.is_direct(room)
    roster.rewind(room, sources)
    assert not any(source["state_key"] in room.members for source in sources if source["type"] == "m.room.member")


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("!allant calendar next 5", "calendar next 5"),
        ("  !ALLANT", ""),
        ("/allant help", "help"),
        (
            "!allant calendar approve 1\nfr: Bonjour\nRappel : demain",
            "calendar approve 1\nfr: Bonjour\nRappel : demain",
        ),
        ("!allantly", None),
        ("say !allant help", None),
    ],
)
def test_a_command_keeps_its_lines(body: str, command: str | None) -> None:
    assert reading.command_in(body) == command


@pytest.mark.parametrize(
    ("said", "number"), [("1️⃣", 1), ("2", 2), (" 3. ", 3), ("🔟", 10), ("10)", 10), ("11", 0), ("👍", 0)]
)
def test_numbers(said: str, number: int) -> None:
    assert reading.number_in(said) == number


@given(st.text(min_size=1, max_size=400), st.integers(1, 60))
def test_a_text_is_cut_into_pieces_that_fit_and_lose_no_word(text: str, size: int) -> None:
    parts = cut(text, lambda part: len(part) <= size)
    assert all(len(part) <= size for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_buttons_beyond_the_numbers_show_their_commands() -> None:
    buttons = tuple(Button(f"Choice {number}", f"choose {number}") for number in range(12))
    text = full_text(Message("Which?", buttons))
    assert "🔟 Choice 9" in text
    assert "`!allant choose 11`" in text


def test_our_own_words_name_commands_by_their_sign_here() -> None:
    words = f"Try `/allant help`, [/allant](https://example.org/allant) or (/allant me): {escape('/allant not this')}"
    (content,) = Scribe(MarkdownRenderer(), "example.org").contents(Message(words), "key")
    assert "!allant help, !allant (https://example.org/allant) or (!allant me): /allant not this" in content["body"]


def test_a_forms_values_cannot_leave_its_fence() -> None:
    form = Form("Draft", "calendar approve 1", (Field("fr", "French", "text", "~~~\n# out\n~~~~"),), "Ok")
    (content,) = Scribe(MarkdownRenderer(), "example.org").contents(Message("-", form=form), "key")
    assert "<h1>" not in content["formatted_body"]
    assert "fr: ~~~" in content["body"]


@given(st.text(max_size=2000))
def test_every_part_of_a_message_fits_into_an_event(text: str) -> None:
    contents = Scribe(MarkdownRenderer(), "example.org").contents(Message(text * 40), "key")
    assert all(len(str(each).encode()) < MAX_BYTES * 1.05 for each in contents)


class Recorded(Homeserver):
    """A homeserver that only notes what it is asked to do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            homeserver="https://example.org",
            user="@allant:example.org",
            password="x",
            access_token="",
            state_file=SessionFile(folder / "matrix.json"),
        )
        self.done: list[tuple[str, str]] = []

    async def join(self, room: str) -> None:
        self.done.append(("join", room))

    async def leave(self, room: str) -> None:
        self.done.append(("leave", room))

    async def mark_direct(self, user: str, room: str) -> None:
        self.done.append(("direct", room))

    async def sync(self, since: str, *, wait: bool = False, full: bool = False) -> Batch:
        if wait:
            raise AssertionError("nothing more to hear")
        return Batch(next="s2", joined={}, left={}, invited=self.invitations)

    invitations: Mapping[str, Sequence[Json]] = {}


async def test_only_our_own_homeservers_people_may_invite(tmp_path: Path) -> None:
    server = Recorded(tmp_path)

    def invitation(sender: str, **content: object) -> list[Json]:
        member = {"type": "m.room.member", "state_key": server.user, "sender": sender}
        return [member | {"content": {"membership": "invite", **content}}]

    server.invitations = {
        "!ours": invitation("@ada:example.org"),
        "!talk": invitation("@ada:example.org", is_direct=True),
        "!theirs": invitation("@eve:elsewhere.example"),
        "!nobody": [],
    }
    await server.read_up_to("s1")
    listener = Listener(server, WorkspaceRef("matrix", "example.org"), "en", lambda: LATER)
    with pytest.raises(AssertionError, match="nothing more"):
        await listener.run(_nothing)
    assert server.done == [
        ("join", "!ours"),
        ("direct", "!talk"),
        ("join", "!talk"),
        ("leave", "!theirs"),
        ("leave", "!nobody"),
    ]


async def _nothing(event: object) -> None:
    raise AssertionError("an invitation is no event")


def test_a_session_of_another_user_is_not_taken(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "matrix.json")
    file.save(Session("https://a.example", "@allant:a.example", token="t", since="s", invited=("!r",)))
    assert file.load("https://a.example", "@allant:a.example").invited == ("!r",)
    assert file.load("https://b.example", "@allant:a.example").token == ""
    assert "t'" not in repr(file.load("https://a.example", "@allant:a.example"))


class WhileReading(Homeserver):
    """A homeserver with one direct room, of which the roster learns while the bot asks for its rooms."""

    roster: Roster

    async def joined(self) -> list[str]:
        self.roster.room("!direct:example.org")
        return ["!direct:example.org"]

    async def marked_direct(self, room: str) -> str:
        return "@ada:example.org"

    async def mark_direct(self, user: str, room: str) -> None:
        pass

    async def create_direct(self, user: str) -> str:
        raise AssertionError("there is a direct room already")


@pytest.mark.parametrize("begun", [False, True])
async def test_no_second_direct_room_while_the_first_sync_is_read(tmp_path: Path, begun: bool) -> None:
    server = WhileReading(
        homeserver="http://127.0.0.1:9",
        user="@allant:example.org",
        password="x",
        access_token="",
        state_file=SessionFile(tmp_path / "matrix.json"),
    )
    server.roster = Roster(server.user)
    if begun:
        server.roster.room("!direct:example.org")  # Its mark is further down in what is being read.
    assert await DirectRooms(server, server.roster).with_("@ada:example.org") == "!direct:example.org"
    await server.close()
