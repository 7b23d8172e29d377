"""What came back to the bot's own posts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.refs import MemberRef
from bot.core.signals import Response, Signal, What, about_delivery
from bot.store import Store
from tests.contract.store_house import ACME, NOW, OTHER, signal

TWO_DAYS = timedelta(hours=48)
INSTANT = timedelta(microseconds=1)


def back(source: str, post: int, what: What, person: int, after: timedelta = timedelta()) -> Signal:
    return signal(source, what, at=NOW + after, member=MemberRef(ACME, f"P{person}"), about=about_delivery(post))


async def test_what_comes_back_is_counted_in_the_time_after_each_post(store: Store) -> None:
    day = timedelta(days=1)
    await store.record_signals(
        [
            back("at once", 1, What.BOT_REPLIED, 1),
            back("just in time", 1, What.BOT_REACTED, 2, TWO_DAYS - INSTANT),
            back("too late", 1, What.BOT_REPLIED, 3, TWO_DAYS),
            back("in time for the second", 2, What.BOT_REACTED, 3, TWO_DAYS),
            back("before it", 2, What.BOT_REACTED, 3, -INSTANT),
            back("another post", 3, What.BOT_REPLIED, 4),
            back("no answer to us", 1, What.REPLIED, 5),
        ]
    )
    posts = {1: NOW, 2: NOW + day}
    assert await store.measures.response(ACME, posts, TWO_DAYS) == Response(1, 2, None)
    assert await store.measures.response(OTHER, posts, TWO_DAYS) == Response(0, 0, 0)
    assert await store.measures.response(ACME, {}, TWO_DAYS) == Response(0, 0, 0)


@pytest.mark.parametrize(("people", "threshold", "shown"), [(4, 1, None), (5, 5, 5), (6, 7, None), (7, 7, 7)])
async def test_people_are_counted_once_and_few_are_hidden(
    store: Store, people: int, threshold: int, shown: int | None
) -> None:
    for what in (What.BOT_REPLIED, What.BOT_REACTED):
        for post in (1, 600):
            await store.record_signals([back(f"{what}/{post}/{each}", post, what, each) for each in range(people)])
    posts = dict.fromkeys(range(1, 1200), NOW)
    found = await store.measures.response(ACME, posts, TWO_DAYS, threshold=threshold)
    assert found == Response(2 * people, 2 * people, shown)
