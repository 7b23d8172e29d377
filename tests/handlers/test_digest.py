"""What finds no room is told in a digest, moved, or dropped by priority, as policy.yaml says; the ledger says which."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.actions import Planned, Send
from bot.core.delivery import Delivery, Kind, State
from bot.core.excerpt import excerpt, halves, plain, title
from bot.core.ledger import digest_key
from bot.core.message import Message, escape
from bot.core.refs import Place
from tests.handlers.stage import ANN, BEN, MONDAY, OSCAR, Stage, stage

ITEMS = """
items:
  - {id: one, every: monday 10:10, to: ["#general"], words: {en: "**First** of all", fr: "**D'abord**"}}
  - {id: two, every: monday 10:20, to: ["#general"], words: {en: "The second [page](https://x.org/2)", fr: Deux}}
  - {id: three, every: monday 10:30, to: ["#general"], words: {en: Third, fr: Trois}}
"""


@contextlib.asynccontextmanager
async def playing(folder: Path, policy: str) -> AsyncIterator[Stage]:
    files = {"items.yaml": ITEMS, "policy.yaml": f"policy:\n  channel_day: 1\n  member_day: 1\n{policy}"}
    async with stage(folder, schedules=files) as play:
        yield play


async def plan(play: Stage, key: str, to: Place, kind: Kind = Kind.POST, **more: object) -> None:
    send = Send(to=to, message=Message(f"words of {key}"), kind=kind, key=key, **more)  # type: ignore[arg-type]
    await play.allant.store.journal.commit(
        play.workspace, [Planned("calendar", (send,))], at=play.clock.now(), source=key
    )
    await play.settle()


async def row(play: Stage, key: str) -> Delivery:
    rows = await play.allant.store.ledger.recent(play.workspace, limit=100)
    return next(each for each in rows if each.key.startswith(key))


async def test_what_has_no_room_is_told_together_the_next_morning(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: digest\n") as play:
        await play.wait(timedelta(hours=2))
        assert len(play.said_in("general")) == 1
        assert (await row(play, "calendar/two")).reason == "for_digest"
        await play.until(MONDAY + timedelta(days=1))
        first, digest = play.said_in("general")
        assert "D'abord" in first.text
        french, english = halves(digest.text)
        assert "2 nouvelles en une" in french
        assert "- Deux" in french
        assert "2 things in one" in english
        assert "[page](https://x.org/2)" in english
        assert [button.label for button in digest.buttons] == ["📖 Deux", "📖 Trois"]
        merged = [await row(play, f"calendar/{name}") for name in ("two", "three")]
        told = await row(play, "digest/")
        assert [each.state for each in merged] == [State.HELD_BACK] * 2
        assert [digest_key(each.reason) for each in merged] == [told.key] * 2
        attention = await play.allant.store.ledger.attention(told.to, play.clock.now(), "Europe/Paris")
        assert attention.day == 1
        assert "told in a digest" in await play.ask(OSCAR, "calendar why two")


async def test_a_part_is_read_in_full_where_the_digest_stands(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: {post: digest}\n") as play:
        await play.until(MONDAY + timedelta(days=1))
        digest = play.said_in("general")[-1]
        play.heard()
        await play.press(ANN, digest, "📖 Deux")
        [read] = play.heard()
        assert "The second [page]" in read.text
        number = (await row(play, "calendar/two")).id
        assert "nothing more to read" in await play.ask(BEN, f"digest read {number}", "random")
        assert "The second" in await play.ask(OSCAR, f"digest read {number}", "random")
        for text in ("0", "x", str((await row(play, "calendar/one")).id)):
            assert "nothing more to read" in await play.ask(BEN, f"digest read {text}")


async def test_one_alone_in_time_goes_as_it_is_and_one_too_late_in_a_digest(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: digest\n") as play:
        await plan(play, "room is taken", play.channel("random"))
        await plan(play, "no hurry", play.channel("random"))
        await plan(play, "room is taken too", play.channel("ideas"))
        await plan(play, "hurry", play.channel("ideas"), expires=MONDAY + timedelta(hours=1))
        await play.until(MONDAY + timedelta(days=1))
        assert play.said_in("random")[-1].text == "words of no hurry"
        assert "Saved for now" in play.said_in("ideas")[-1].text
        assert "- words of hurry" in play.said_in("ideas")[-1].text


async def test_a_person_gets_the_whole_words_and_they_are_not_kept(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: digest\n") as play:
        for key in ("first", "second", "third"):
            await plan(play, key, play.member("ann"))
        await play.until(MONDAY + timedelta(days=1))
        assert [post.text.count("words of") for post in play.told(ANN)] == [1, 2]
        assert (await row(play, "second")).message == Message("")


async def test_what_one_person_sees_or_belongs_to_a_thread_is_moved_instead(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: digest\n") as play:
        await plan(play, "first", play.channel("random"))
        await plan(play, "for ann", play.channel("random"), visible_to=play.member("ann"))
        assert (await row(play, "for ann")).reason == "day_budget"


async def test_what_is_dropped_gives_way_to_what_matters_more(tmp_path: Path) -> None:
    async with playing(tmp_path, "  overflow: {feed: drop}\n") as play:
        # The calendar has something for #general today, and there is room for one.
        await plan(play, "news", play.channel("general"), Kind.FEED)
        assert await outcome(play, "news") == (State.HELD_BACK, "outranked")
        await plan(play, "elsewhere", play.channel("random"), Kind.FEED)
        assert await outcome(play, "elsewhere") == (State.SENT, "")
        await plan(play, "more", play.channel("random"), Kind.FEED)
        assert await outcome(play, "more") == (State.HELD_BACK, "day_budget")
        later = MONDAY + timedelta(hours=3)
        await plan(play, "a step later", play.member("ann"), Kind.JOURNEY, due=later)
        await plan(play, "news for ann", play.member("ann"), Kind.FEED)
        assert await outcome(play, "news for ann") == (State.HELD_BACK, "outranked")
        await play.until(later)
        assert [post.text for post in play.told(ANN)] == ["words of a step later"]
        assert "something more important is due there today" in await play.ask(OSCAR, "deliveries #general held")


async def outcome(play: Stage, key: str) -> tuple[State, str]:
    found = await row(play, key)
    return found.state, found.reason


async def test_greetings_take_no_room_from_the_calendar(tmp_path: Path) -> None:
    async with playing(tmp_path, "  welcome_day: 2\n") as play:
        for number in range(3):
            await plan(play, f"greeting {number}", play.channel("general"), Kind.WELCOME)
        assert (await outcome(play, "greeting 2"))[1] == "welcome_budget"
        await play.wait(timedelta(hours=2))
        assert "D'abord" in play.said_in("general")[-1].text


# Words made short


def test_an_excerpt_ends_between_words_and_closes_what_it_opened() -> None:
    assert excerpt("# Title\n\nA **bold and** [linked](https://x.y/z) word", 200) == (
        "Title A **bold and** [linked](https://x.y/z) word"
    )
    assert excerpt("say **many bold words here** and more", 9) == "say **many bold …**"
    assert excerpt("see [a long label here](https://x.y/z) and more", 5) == "see [a long label here](https://x.y/z) …"
    assert excerpt(escape("2 * 3 _is_ [six](x)"), 99) == escape("2 * 3 _is_ [six](x)")


@given(st.text(alphabet="ab *_[]()\\`\n#-", max_size=80), st.integers(1, 40))
def test_an_excerpt_of_escaped_words_stays_escaped(text: str, length: int) -> None:
    short = excerpt(escape(text), length)
    assert plain(escape(text)).startswith(plain(short.removesuffix(" …")))
    assert "\n" not in short


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Bonjour** à tous", "Bonjour à tous"),
        ("# Une question\n\nsuite", "Une question"),
        ("[Lire](https://x.y) " + "mot " * 20, "Lire mot mot mot mot mot mot mot mot mot …"),
        ("", ""),
    ],
)
def test_a_title_is_plain(text: str, said: str) -> None:
    assert title(text) == said


def test_a_text_in_one_language_is_both_halves() -> None:
    assert halves("one text") == ("one text", "one text")
    assert halves("un\n\n---\n\none") == ("un", "one")
