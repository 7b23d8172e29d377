"""News that is dropped for want of room gives way to what the calendar really has planned for the place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.delivery import Kind, State
from tests.handlers.stage import ANN, MONDAY, OSCAR, stage
from tests.handlers.test_digest import outcome, plan
from tests.handlers.test_editing import write

POLICY = "policy:\n  zone: Europe/Paris\n  channel_day: 1\n  member_day: 1\n  overflow: {feed: drop}\n"
FILE = """
items:
  - {id: hello, every: monday 10:30, to: ["#general"], words: {en: Hello, fr: Bonjour}}
  - {id: people, every: monday 10:30, to: ["@everyone"], words: {en: Hello, fr: Bonjour}}
"""
OUTRANKED, SENT = (State.HELD_BACK, "outranked"), (State.SENT, "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("calendar next", OUTRANKED),
        ("calendar pause hello", SENT),
        ("calendar skip hello", SENT),
        ("calendar move hello 2026-11-24 10:00", SENT),
    ],
)
async def test_what_is_paused_skipped_or_moved_away_takes_no_room(
    tmp_path: Path, command: str, expected: tuple[State, str]
) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": POLICY}) as play:
        await play.ask(OSCAR, command, "help")
        await plan(play, "news", play.channel("general"), Kind.FEED)
        assert await outcome(play, "news") == expected


async def test_what_was_made_in_the_chat_takes_room_once_it_is_approved(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"policy.yaml": POLICY}) as play:
        await write(play, OSCAR, "tea", to="#random", when="monday 10:30", then="draft")
        await write(play, OSCAR, "cake", to="#ideas", when="monday 10:30")
        await plan(play, "news", play.channel("random"), Kind.FEED)
        await plan(play, "ideas", play.channel("ideas"), Kind.FEED)
        assert await outcome(play, "news") == SENT
        assert await outcome(play, "ideas") == OUTRANKED


async def test_news_for_one_person_give_way_to_what_everybody_gets(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": POLICY}) as play:
        await plan(play, "news for ann", play.member(ANN.id), Kind.FEED)
        assert await outcome(play, "news for ann") == OUTRANKED
        await play.until(MONDAY + timedelta(hours=2))
        assert [post.text for post in play.told(ANN)] == ["Hello"]


async def test_posts_of_tomorrow_take_no_room_today(tmp_path: Path) -> None:
    later = FILE.replace("monday", "tuesday")
    async with stage(tmp_path, schedules={"items.yaml": later, "policy.yaml": POLICY}) as play:
        await plan(play, "news", play.channel("general"), Kind.FEED)
        assert await outcome(play, "news") == SENT
