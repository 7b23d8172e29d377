"""`allant deliveries`, `allant pause` and `allant resume`, as somebody types them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli
from bot.core.actions import Dismiss, Planned, Send
from bot.core.community import Channel
from bot.core.delivery import Kind, State
from bot.core.errors import BadInput
from bot.core.ledger import Pause
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, Place, WorkspaceRef
from bot.history import opened
from bot.settings import read_settings
from bot.store import Store

ACME = WorkspaceRef("playground", "acme")
GENERAL = ChannelRef(ACME, "C1")
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLANT_DATABASE_URL", f"sqlite:///{tmp_path / 'allant.db'}")
    monkeypatch.setenv("COLUMNS", "200")


def in_store(work: Callable[[Store], Awaitable[object]]) -> None:
    async def body() -> None:
        async with opened(read_settings()) as store:
            await work(store)

    asyncio.run(body())


def allant(*arguments: str) -> str:
    """What the command prints; its expected errors are raised."""
    done = CliRunner().invoke(cli, arguments)
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture
def _three() -> None:
    async def work(store: Store) -> None:
        await store.register([Channel(GENERAL, "general")])

        def say(key: str, to: Place, kind: Kind) -> Send:
            return Send(to=to, message=Message("secret words"), kind=kind, key=key, due=NOW)

        wanted = (
            say("calendar/a/1", GENERAL, Kind.POST),
            say("step/alice", MemberRef(ACME, "alice"), Kind.JOURNEY),
            say("answer/alice", GENERAL, Kind.ANSWER),
        )
        await store.journal.commit(ACME, [Planned("calendar", wanted)], at=NOW, source="t")
        post = await store.ledger.find(ACME, "calendar/a/1")
        assert post is not None
        await store.outbound.sending(post, NOW)
        await store.outbound.close(post, State.FAILED, "refused: not *in* channel")
        decided = Dismiss(post.id, MemberRef(ACME, "oscar"))
        await store.journal.commit(ACME, [Planned("deliveries", (decided,))], at=NOW, source="u")

    in_store(work)


@pytest.mark.usefixtures("_three")
def test_the_ledger_says_why_and_shows_neither_words_nor_people() -> None:
    said = allant("deliveries")
    assert "#general" in said
    assert "the platform refused it (not *in* channel) (left by decision" in said
    assert "a direct message" in said
    for hidden in ("secret", "alice", "answer", "oscar"):
        assert hidden not in said


@pytest.mark.usefixtures("_three")
def test_it_is_narrowed_and_given_as_json() -> None:
    [failed] = json.loads(allant("deliveries", "--state", "failed", "--channel", "#General", "--json"))["deliveries"]
    assert (failed["key"], failed["channel"], failed["state"]) == ("calendar/a/1", "general", "failed")
    assert failed["reason"] == "refused: not *in* channel"
    assert failed["decided"]["what"] == "drop"
    [step] = json.loads(allant("deliveries", "--state", "planned", "--feature", "calendar", "--json"))["deliveries"]
    assert (step["kind"], step["channel"], step["key"]) == ("journey", None, None)
    assert len(json.loads(allant("deliveries", "--since", "1d", "--limit", "1", "--json"))["deliveries"]) == 1
    later = (NOW + timedelta(days=2)).date().isoformat()
    assert "Nothing of the kind" in allant("deliveries", "--since", later)
    assert "Nothing of the kind" in allant("deliveries", "--workspace", "playground/other")


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("deliveries", "--since", "soon"), "--since soon: write such as 2d"),
        (("deliveries", "--channel", "nowhere"), "there are: #general"),
        (("deliveries", "--workspace", "acme"), "write platform/workspace"),
        (("pause", "--for", "ever"), "--for ever: write such as 2h"),
        (("resume", "--workspace", "acme"), "write platform/workspace"),
        (("pause", "hello"), "an item is paused in the chat"),
        (("pause", "everything", "for", "ever"), "--for ever: write such as 2h"),
        (("pause", "tout", "pendant", "2h", "--for", "3h"), "said already: for 2h"),
        (("resume", "everything", "else"), "an item is resumed in the chat"),
    ],
)
def test_mistakes_say_what_to_write(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BadInput, match=reason.replace("(", r"\(")):
        allant(*arguments)


@pytest.mark.parametrize("command", ["deliveries", "pause", "resume"])
def test_in_the_wrong_folder_nothing_is_made_and_nobody_misled(command: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no database"):
        allant(command)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_three")
def test_everything_is_paused_and_resumed() -> None:
    async def pause(store: Store) -> Pause | None:
        found.append(await store.ledger.paused(ACME, datetime.now(UTC)))
        return None

    found: list[Pause | None] = []
    assert "Nothing was paused as a whole; nothing has changed" in allant("resume")
    assert "UTC: no welcome" in allant("pause", "everything", "for", "2", "hours")
    assert "Resumed everything" in allant("resume", "everything")
    assert "Paused everything until `allant resume`" in allant("pause", "everything")
    assert "playground/acme was not paused by itself" in allant("resume", "--workspace", "playground/acme")
    in_store(pause)
    assert "UTC" in allant("pause", "--for", "2 hours", "--workspace", "playground/acme")
    assert "Resumed playground/acme; 0 that waited" in allant("resume", "--workspace", "playground/acme")
    in_store(pause)
    assert "Resumed everything; 0 that waited" in allant("resume")
    in_store(pause)
    assert [each is not None and each.everywhere for each in found] == [True, True, False]
