"""The simulated organisation that lives on the playground."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from bot.core.clock import VirtualClock
from bot.platforms.playground import PlaygroundServer, acts, fill, found, history, live, perform
from bot.platforms.playground.organisation import organisation

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def test_the_same_seed_gives_the_same_life() -> None:
    one, two, other = (list(acts(seed, MONDAY, 30)) for seed in (7, 7, 8))
    assert one == two != other
    assert [act.at for act in one] == sorted(act.at for act in one)
    assert one[0].at >= MONDAY
    assert one[-1].at < MONDAY + timedelta(days=30)


def test_a_life_has_everything_in_it() -> None:
    life = list(acts(1, MONDAY, 60))
    assert set(Counter(act.kind for act in life)) == {"join", "leave", "post", "reply", "react", "ask", "press"}
    asked = [act for act in life if act.kind == "ask"]
    assert {act.text.split()[0] for act in asked if act.text[0] in "@/"} == {"@allant", "/allant"}
    assert "" in {act.channel for act in asked}
    posts = [act for act in life if act.kind == "post" and act.channel == "ideas"]
    early = sum(each.at < MONDAY + timedelta(days=14) for each in posts)
    late = sum(each.at >= MONDAY + timedelta(days=46) for each in posts)
    assert early > 5 * late


def test_the_organisation_is_as_described() -> None:
    org = organisation()
    assert len(org.people) >= 40
    assert sum(each.manager for each in org.people) == 3
    assert sum(each.animator for each in org.people) == 2
    assert sum(each.admin for each in org.people) == 1
    assert sum(each.guest for each in org.people) >= 3
    assert {each.language for each in org.people} == {"fr", "en"}
    assert set(org.channels) == {"general", "random", "help", "announcements", "ideas", "learning", "newcomers"}


def test_a_life_can_be_played() -> None:
    server = PlaygroundServer(None, VirtualClock(MONDAY), name="x")
    found(server, MONDAY)
    assert server.archive.count_happenings() == 0
    done = Counter((act.kind, perform(server, act)) for act in acts(1, MONDAY, 30))
    assert done["post", True] > 100
    assert done["join", False] == done["post", False] == done["ask", False] == 0
    assert server.archive.count_happenings() > 500
    server.close()


def test_the_past_is_filled_in_without_telling_the_bot() -> None:
    server = PlaygroundServer(None, VirtualClock(NOW))
    found(server, NOW - timedelta(weeks=4))
    found(server, NOW - timedelta(weeks=4))
    assert fill(server, history(3, 4, NOW)) > 300
    assert server.archive.count_happenings() == 0
    assert max(post.at for post in server.archive.all_posts()) < NOW
    inside = server.rooms_of("camille")
    assert sum(server.archive.unread(room, "camille", read) for room, read in inside.items()) == 0
    server.close()


def test_live_chatter_goes_on_slowly_and_brings_those_who_are_absent() -> None:
    server = PlaygroundServer(None, VirtualClock(NOW))
    found(server, NOW)
    chatter = list(itertools.islice(live(1, NOW, {person.id for person in server.people()}), 1500))
    gaps = {(after.at - before.at).total_seconds() for before, after in itertools.pairwise(chatter)}
    assert min(gaps) >= 10
    assert max(gaps) <= 30
    done = Counter((act.kind, perform(server, act)) for act in chatter)
    assert done["join", True] > 3
    assert done["join", False] == 0
    server.close()
