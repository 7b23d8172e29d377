"""Watched feeds: only what is new, once, within limits; what a feed says cannot do harm."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import AllantError, BadInput, Unreachable
from bot.core.ports import FeedEntry, FeedRead, FeedReader
from handlers.watch import FeedState, after_reading, backoff, fresh, mark
from tests.handlers.stage import ANN, MONDAY, ODILE, OSCAR, Stage, stage

ONE = """
watch:
  feeds:
    - {id: blog, url: "https://example.org/feed.xml", to: ["#learning"], title: Our blog, every: 1 hour, most: 3}
"""
POLICY = "policy:\n  channel_day: 50\n  channel_week: 100\n"


def entry(number: int, title: str = "") -> FeedEntry:
    return FeedEntry(id=f"id-{number}", title=title or f"News {number}", url=f"https://example.org/{number}")


class Press(FeedReader):
    """Feeds held in the hand: what each address says, and what was asked."""

    def __init__(self) -> None:
        self.entries: list[FeedEntry] = [entry(2), entry(1)]
        self.error: AllantError | None = None
        self.asked: list[tuple[str, str, str]] = []

    async def read(self, url: str, *, etag: str = "", modified: str = "") -> FeedRead:
        self.asked.append((url, etag, modified))
        if self.error is not None:
            raise self.error
        version = f"v{len(self.entries)}"
        if etag == version:
            return FeedRead(unchanged=True, etag=etag)
        return FeedRead(title="The feed's own title", entries=tuple(self.entries), etag=version, modified="today")


@contextlib.asynccontextmanager
async def watching(folder: Path, feeds: str = ONE) -> AsyncIterator[tuple[Stage, Press]]:
    press = Press()
    async with stage(folder, schedules={"feeds.yaml": feeds, "policy.yaml": POLICY}, feeds=press) as play:
        yield play, press


async def test_a_new_feed_posts_its_newest_only_then_what_is_new_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        (first,) = play.said_in("learning")
        assert "[News 2](<https://example.org/2>)" in first.text
        assert "News 1" not in first.text
        await play.wait(timedelta(hours=2))
        assert len(play.said_in("learning")) == 1
        press.entries = [entry(4), entry(3), *press.entries]
        await play.wait(timedelta(hours=3))
        _, second = play.said_in("learning")
        assert second.text.index("News 3") < second.text.index("News 4")
        assert second.text.count("News 3") == 1
        assert "2 nouvelles" in second.text
        assert "2 items" in second.text


async def test_it_asks_only_for_what_changed(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        await play.wait(timedelta(hours=2, minutes=1))
        url = "https://example.org/feed.xml"
        assert press.asked == [(url, "", ""), (url, "v2", "today"), (url, "v2", "today")]


async def test_one_by_one_when_so_wished_and_never_more_than_the_most(tmp_path: Path) -> None:
    feeds = ONE.replace("most: 3", "most: 3, grouped: false")
    async with watching(tmp_path, feeds) as (play, press):
        press.entries = [entry(number) for number in range(9, 2, -1)] + press.entries
        await play.wait(timedelta(hours=1))
        texts = [post.text for post in play.said_in("learning")[1:]]
        assert [text.partition("[")[2].partition("]")[0] for text in texts] == ["News 7", "News 8", "News 9"]


async def test_what_a_feed_says_is_only_shown(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        press.entries = [
            FeedEntry(id="bad", title="**Win** [here](mention:ann) <!channel> @everyone", url="javascript:alert(1)"),
            *press.entries,
        ]
        await play.wait(timedelta(hours=1))
        text = play.said_in("learning")[-1].text
        assert "javascript" not in text
        assert r"\*\*Win\*\* \[here\]\(mention\:ann\) \<\!channel\> \@everyone" in text


async def test_a_failing_feed_is_tried_less_and_less_and_the_animators_are_told_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        press.error = Unreachable("the host answers 503", key="feeds.busy", status=503)
        await play.wait(timedelta(hours=32))
        assert len(press.asked) == 1 + 5
        (told,) = [post for post in play.told(OSCAR) if "could not be read" in post.text]
        assert "5 times" in told.text
        assert "its host answers 503 at the moment" in told.text
        (told,) = [post for post in play.told(ODILE) if "n’a pas pu être lu" in post.text]
        assert "son serveur répond 503 pour l’instant" in told.text
        assert "could not be read (5 times" in await play.ask(OSCAR, "watch list")
        press.error = None
        await play.wait(timedelta(days=1))
        assert "well" in await play.ask(OSCAR, "watch list")


async def test_paused_and_resumed(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        assert "is paused" in await play.ask(OSCAR, "watch pause blog")
        press.entries = [entry(3), *press.entries]
        await play.wait(timedelta(hours=5))
        assert len(play.said_in("learning")) == 1
        assert "en pause" in await play.ask(ODILE, "veille liste")
        await play.ask(ODILE, "veille reprendre blog")
        assert "News 3" in play.said_in("learning")[-1].text


async def test_previewed_without_posting(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, press):
        said = await play.ask(OSCAR, "watch preview blog")
        assert "News 1" in said
        assert "News 2" in said
        assert len(play.said_in("learning")) == 1
        press.error = BadInput("not a feed", key="feeds.no_feed")
        assert "cannot be read: what the address gives is not a feed." in await play.ask(OSCAR, "watch preview blog")
        assert "ne peut pas être lu : ce que donne l’adresse n’est pas" in await play.ask(ODILE, "veille apercu blog")
        press.error = BadInput("<b>without words for people</b>")
        assert r"\<b\>without words" in await play.ask(OSCAR, "watch preview blog")
        press.error, press.entries = None, []
        assert "ne dit rien" in await play.ask(ODILE, "veille apercu blog")


async def test_lists_say_what_is_wrong(tmp_path: Path) -> None:
    async with watching(tmp_path, ONE.replace("#learning", "#nowhere")) as (play, _):
        assert "no such channel here" in await play.ask(OSCAR, "watch list")
        assert "There is no feed" in await play.ask(OSCAR, "watch pause other")
        assert "animator" in await play.ask(ANN, "watch list")


async def test_a_feed_must_be_named_and_there_must_be_one(tmp_path: Path) -> None:
    async with watching(tmp_path) as (play, _):
        assert "Please name the feed: blog." in await play.ask(OSCAR, "watch pause")
        assert "Indiquez le flux : blog." in await play.ask(ODILE, "veille pause")
    async with watching(tmp_path / "none", "watch:\n  feeds: []\n") as (play, _):
        assert "No feed is watched yet" in await play.ask(OSCAR, "watch preview x")


async def test_no_feeds_no_reading_and_a_changed_file_takes_effect(tmp_path: Path) -> None:
    async with watching(tmp_path, "watch:\n  feeds: []\n") as (play, press):
        await play.wait(timedelta(days=1))
        assert press.asked == []
        assert "No feed is watched" in await play.ask(OSCAR, "watch list")
        (tmp_path / "schedules" / "feeds.yaml").write_text(ONE, encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.settle()
        assert len(play.said_in("learning")) == 1
        (tmp_path / "schedules" / "feeds.yaml").write_text("watch:\n  feeds: []\n", encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.wait(timedelta(days=1))
        assert len(press.asked) == 1


# Decisions


def test_the_first_reading_gives_the_newest_later_ones_the_new() -> None:
    entries = tuple(entry(number) for number in (5, 4, 3, 2, 1))
    assert fresh(entries, FeedState(), 3) == [entry(5)]
    known = after_reading(FeedState(), entries[3:], "e", "m", MONDAY)
    assert fresh(entries, known, 2) == [entry(4), entry(5)]
    assert fresh(entries, after_reading(known, entries, "e", "m", MONDAY), 2) == []


def test_what_is_remembered_stays_bounded_and_keeps_the_latest() -> None:
    state = FeedState()
    for start in range(0, 2000, 100):
        state = after_reading(state, [entry(number) for number in range(start + 99, start - 1, -1)], "", "", MONDAY)
    assert len(state.seen) == 500
    assert state.seen[-1] == mark(entry(1999))
    assert len(mark(entry(1))) == 20


@pytest.mark.parametrize(
    ("every", "failures", "wait"),
    [(1, 1, 2), (1, 2, 4), (1, 4, 16), (1, 5, 24), (1, 1000, 24), (48, 3, 48)],
)
def test_the_wait_doubles_up_to_a_day(every: int, failures: int, wait: int) -> None:
    assert backoff(timedelta(hours=every), failures) == timedelta(hours=wait)
