"""The editorial calendar: posts at their moments, what was missed, and the reins in the animators' hands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core import planning, posting
from bot.core.actions import CancelTimer, DropOccurrences, Planned, SetTimer
from bot.core.calendar import Item, Missed
from bot.core.community import Channel
from bot.core.editorial import Fate, Slot
from bot.core.events import FilesChanged
from bot.core.feature import Context
from bot.core.localtime import local_date
from bot.core.planning import Planner, counts_from
from bot.core.policy import PolicyRules
from bot.platforms.playground import Person
from handlers import calendar
from handlers.calendar import Outcome
from tests.handlers.a_calendar import ITEMS, in_paris
from tests.handlers.stage import ANN, BEN, CHLOE, MONDAY, ODILE, OSCAR, Stage, stage

HOUR = timedelta(hours=1)


def _slot(at: datetime) -> Slot:
    return Slot(item="x", at=at, zone="Europe/Paris", due=at)


async def _rewrite(play: Stage, text: str, name: str = "items.yaml") -> None:
    """Somebody edits a file of schedules/, and the bot notices."""
    (play.allant.settings.schedules / name).write_text(text, encoding="utf-8")
    await play.allant.reload_changed_files()
    await play.settle()


# Decisions


@pytest.mark.parametrize(
    ("late", "missed", "expected"),
    [
        (timedelta(), Missed.SKIP, "send"),
        (timedelta(minutes=5), Missed.ASK, "send"),
        (timedelta(minutes=6), Missed.ASK, "ask"),
        (timedelta(minutes=6), Missed.SKIP, "lost"),
        (2 * HOUR, Missed.LATE, "send"),
        (2 * HOUR + timedelta(seconds=1), Missed.LATE, "lost"),
    ],
)
def test_what_was_missed_is_sent_asked_or_lost(late: timedelta, missed: Missed, expected: str) -> None:
    slot = _slot(MONDAY)
    outcome = calendar.sort_out([slot], MONDAY + late, missed, 2 * HOUR)
    assert outcome == Outcome(
        send=slot if expected == "send" else None,
        ask=slot if expected == "ask" else None,
        lost=(slot,) if expected == "lost" else (),
    )


def test_of_many_missed_moments_only_the_last_may_go_out() -> None:
    slots = [_slot(MONDAY + timedelta(days=number)) for number in range(4)]
    outcome = calendar.sort_out(slots, slots[-1].due + HOUR, Missed.LATE, 2 * HOUR)
    assert outcome == Outcome(slots[-1], lost=tuple(slots[:-1]))
    assert [(slot.at.day, slot.fate) for slot in calendar.marks(outcome)] == [
        (23, Fate.MISSED),
        (24, Fate.MISSED),
        (25, Fate.MISSED),
        (26, Fate.OUT),
    ]


@pytest.mark.parametrize(
    ("started", "day"),
    [
        (datetime(2026, 11, 23, 6, 59, tzinfo=UTC), 23),
        (datetime(2026, 11, 23, 9, tzinfo=UTC), 24),
        (datetime(2026, 11, 22, 22, 30, tzinfo=UTC), 23),  # Half past eleven in the evening in Paris.
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), 23),
    ],
)
def test_a_launch_counts_from_a_day_that_is_still_whole(started: datetime, day: int) -> None:
    assert local_date(counts_from(started, PolicyRules()), "Europe/Paris").day == day


async def test_a_launch_installed_on_a_monday_at_ten_begins_the_monday_after(tmp_path: Path) -> None:
    items = """
starts: installation
items:
  - id: first
    week: 1 monday 09:30
    to: ["#general"]
    words: {en: First, fr: Premier}
"""
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(in_paris(30, 9, 29))
        assert play.said_in("general") == []
        await play.until(in_paris(30, 9, 30))
        assert len(play.said_in("general")) == 1


# Going out


async def test_items_go_out_at_their_moment_once_in_each_of_their_channels(tmp_path: Path) -> None:
    channels = "channels:\n  general: {language: both, tags: [ideas]}\n  ideas: {language: fr, tags: [ideas]}\n"
    channels += "  random: {language: en}\n"
    files = {"items.yaml": ITEMS, "channels.yaml": channels}
    async with stage(tmp_path, schedules=files) as play:
        await play.until(in_paris(23, 10, 29))
        assert play.said_in("general") == []
        await play.until(in_paris(23, 10, 30))
        [general], [ideas] = play.said_in("general"), play.said_in("ideas")
        assert general.text == "Bonjour tout le monde\n\n---\n\nHello everybody"
        assert ideas.text == "Bonjour tout le monde"
        await play.until(in_paris(24, 10))
        [random] = play.said_in("random")
        assert random.text.startswith("Hello everyone!")  # From content/calendar.
        assert "---" not in random.text
        await play.until(in_paris(30, 10, 30))
        assert len(play.said_in("general")) == 2
        assert len(play.said_in("help")) == 1


async def test_a_weekly_item_keeps_its_wall_clock_time_over_a_clock_change(tmp_path: Path) -> None:
    start = datetime(2026, 10, 20, 6, tzinfo=UTC)
    item = 'items:\n  - id: tea\n    every: friday 15:00\n    to: ["#random"]\n    words: {en: Tea, fr: Thé}\n'
    async with stage(tmp_path, schedules={"i.yaml": item}, start=start) as play:
        await play.until(datetime(2026, 10, 23, 13, tzinfo=UTC))
        assert len(play.said_in("random")) == 1
        await play.until(datetime(2026, 10, 30, 13, 59, tzinfo=UTC))
        assert len(play.said_in("random")) == 1
        await play.until(datetime(2026, 10, 30, 14, tzinfo=UTC))
        assert len(play.said_in("random")) == 2


async def test_a_channel_nobody_has_is_told_once_and_breaks_nothing_else(tmp_path: Path) -> None:
    items = ITEMS.replace('["#general", "tag:ideas"]', '["#nowhere", "#general"]').replace("monday", "weekday")
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(in_paris(23, 10, 30))
        assert len(play.said_in("general")) == 1
        assert "#nowhere" in play.told(ODILE)[-1].text.replace("\\", "")
        assert "Quelque chose empêche" in play.told(ODILE)[-1].text
        assert "stands in the way" in play.told(OSCAR)[-1].text
        await play.until(in_paris(25, 10, 30))
        assert len([post for post in play.told(OSCAR) if "stands in the way" in post.text]) == 1
        assert len(play.said_in("general")) == 3


async def test_a_page_that_does_not_exist_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS.replace("launch-01-hello", "nothing-here")}) as play:
        await play.until(in_paris(24, 10))
        assert play.said_in("random") == []
        assert "nothing-here" in play.told(OSCAR)[-1].text.replace("\\", "")


# What was missed


async def _away(play: Stage, until: datetime) -> None:
    """Nothing runs until then; afterwards everything due is done at once."""
    play.clock.move_to(until)
    await play.settle()


async def test_missed_by_an_hour_is_still_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, in_paris(23, 11, 30))
        assert len(play.said_in("general")) == 1
        assert play.told(OSCAR) == []


async def test_missed_by_three_hours_is_left_out_and_the_animators_told(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, in_paris(23, 13, 31))
        assert play.said_in("general") == []
        [told] = play.told(ODILE)
        assert "trop tard" in told.text
        assert "lundi 23 novembre 2026 à 10:30" in told.text
        await play.press(ODILE, told, "Publier maintenant")
        assert len(play.said_in("general")) == 1
        await play.press(OSCAR, play.told(OSCAR)[0], "Send now")
        assert len(play.said_in("general")) == 1  # Whoever presses second does not send twice.
        await play.until(in_paris(30, 10, 30))
        assert len(play.said_in("general")) == 2


async def test_three_missed_weeks_are_one_message(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, in_paris(23, 13, 31) + timedelta(weeks=2))
        told = [post.text for post in play.told(OSCAR) if "hello" in post.text]
        assert len(told) == 1
        assert "3 times" in told[0]


async def test_an_item_may_ask_first_or_be_skipped(tmp_path: Path) -> None:
    items = ITEMS.replace("every: monday 10:30", "every: monday 10:30\n    missed: ask")
    items = items.replace("every: tuesday 10:00", "every: monday 10:00\n    missed: skip")
    files = {"items.yaml": items, "reports.yaml": "reports: {weekly_on: []}\n"}
    async with stage(tmp_path, schedules=files, start=in_paris(23, 9)) as play:
        await _away(play, in_paris(23, 10, 40))
        assert play.said_in("general") == play.said_in("random") == []
        [told] = play.told(OSCAR)  # One message for all that was missed.
        assert "Shall I send it now" in told.text
        assert "did not go out" in told.text
        await play.press(OSCAR, told, "Send hello")
        assert len(play.said_in("general")) == 1


async def test_a_post_that_finds_no_room_in_time_is_held_back_and_told(tmp_path: Path) -> None:
    policy = "policy: {channel_day: 1}\n"
    items = ITEMS.replace("every: tuesday 10:00", "every: monday 10:45").replace('["#random"]', '["#general"]')
    async with stage(tmp_path, schedules={"items.yaml": items, "policy.yaml": policy}) as play:
        await play.until(in_paris(24, 18))
        assert len(play.said_in("general")) == 1
        assert "budget" in play.told(ODILE)[-1].text


async def test_a_post_planned_for_the_night_waits_for_the_morning(tmp_path: Path) -> None:
    items = ITEMS.replace("monday 10:30", "monday 22:00")
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(in_paris(24, 7, 59))
        assert play.said_in("general") == []
        await play.until(in_paris(24, 8))
        assert len(play.said_in("general")) == 1


# Files that change


async def test_a_changed_file_takes_effect_and_the_animators_hear_what_changed(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        changed = ITEMS.replace("monday 10:30", "monday 11:00").replace("id: once", "id: once-more")
        await _rewrite(play, changed)
        [told] = play.told(OSCAR)
        for line in ("moved: **hello**", "new: **once-more**", "removed: **once**"):
            assert line in told.text.replace("\\", "")
        assert "Le calendrier éditorial a changé" in play.told(ODILE)[0].text
        await play.until(in_paris(23, 10, 59))
        assert play.said_in("general") == []
        await play.until(in_paris(23, 11))
        assert len(play.said_in("general")) == 1


async def test_only_other_words_are_no_news(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _rewrite(play, ITEMS.replace("Hello everybody", "Hi all"))
        assert play.told(OSCAR) == []
        await play.until(in_paris(23, 10, 30))
        assert "Hi all" in play.said_in("general")[0].text


async def test_a_broken_file_keeps_the_last_good_version_and_is_told_once(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _rewrite(play, ITEMS.replace("every: monday 10:30", "every: moonday 10:30"))
        [told] = play.told(OSCAR)
        assert "items.yaml:4" in told.text.replace("\\", "")
        assert "moonday" in told.text
        again = FilesChanged(
            id="f2", at=play.clock.now(), workspace=play.workspace, problems=play.allant._file_problems
        )
        await play.allant.dispatcher.handle(again)
        await play.until(in_paris(23, 10, 30))
        assert len(play.said_in("general")) == 1
        assert len(play.told(OSCAR)) == 1
        await _rewrite(play, ITEMS)
        assert "right again" in play.told(OSCAR)[-1].text


async def test_a_start_keeps_what_is_overdue_and_tells_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        play.clock.move_to(in_paris(23, 11))
        await play.allant.start(live=False)  # The timers of the last run are there, one of them overdue.
        await play.settle()
        assert len(play.said_in("general")) == 1
        assert play.told(OSCAR) == []


# Places in several zones, and people


async def test_an_item_goes_out_by_the_clock_of_each_of_its_channels(tmp_path: Path) -> None:
    channels = (
        "channels:\n  general: {zone: Europe/Paris}\n  random: {zone: America/New_York}\n  help: {zone: Asia/Tokyo}\n"
    )
    item = '  - {id: tea, every: weekday 10:00, to: ["#general", "#random", "#help"], words: {en: Tea, fr: Thé}}\n'
    async with stage(tmp_path, schedules={"i.yaml": f"items:\n{item}", "channels.yaml": channels}) as play:
        await play.until(in_paris(25, 12))
        for channel, hour in (("general", 9), ("random", 15), ("help", 1)):
            times = {post.at.astimezone(UTC).hour for post in play.said_in(channel)}
            assert times == {hour}, channel


async def test_an_audience_hears_it_alone_each_in_their_own_time_and_language(tmp_path: Path) -> None:
    item = '  - {id: tea, every: monday 10:30, to: ["@animators"], words: {en: Tea, fr: Thé}}\n'
    async with stage(tmp_path, schedules={"i.yaml": f"items:\n{item}"}) as play:
        await play.until(in_paris(24, 9))
        assert [post.text for post in play.told(ODILE)] == ["Thé"]
        assert [post.text for post in play.told(OSCAR)] == ["Tea"]
        assert play.told(ANN) == []


async def test_an_audience_larger_than_a_batch_hears_it_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "PEOPLE_AT_ONCE", 2)
    item = '  - {id: tea, every: monday 10:30, to: ["@everyone"], words: {en: Tea, fr: Thé}}\n'
    async with stage(tmp_path, schedules={"i.yaml": f"items:\n{item}"}) as play:
        await play.ask(BEN, "me mute 7 days")
        await play.until(in_paris(25, 9))
        for person in (ANN, CHLOE, ODILE, OSCAR):
            assert len([post for post in play.told(person) if post.text in ("Tea", "Thé")]) == 1
        assert [post for post in play.told(BEN) if post.text in ("Tea", "Thé")] == []


async def test_an_item_counts_from_each_persons_arrival(tmp_path: Path) -> None:
    item = (
        '  - {id: month, after: 30 days from arrival, at: "10:00", to: "@person", words: {en: A month, fr: Un mois}}\n'
    )
    newcomer = Person(id="nina", name="Nina", language="en", zone="Europe/Paris")
    async with stage(
        tmp_path, schedules={"i.yaml": f"items:\n{item}", "welcome.yaml": "welcome: {journeys: {}}"}
    ) as play:
        await play.arrive(newcomer)
        await play.until(in_paris(23, 12) + timedelta(days=29))
        assert [post for post in play.told(newcomer) if post.text == "A month"] == []
        await play.until(in_paris(23, 12) + timedelta(days=31))
        assert len([post for post in play.told(newcomer) if post.text == "A month"]) == 1


async def test_a_draft_in_a_file_does_not_go_out(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _rewrite(play, ITEMS.replace("every: monday 10:30", "every: monday 10:30\n    state: draft"))
        assert "removed: **hello**" in play.told(OSCAR)[-1].text
        await play.until(in_paris(23, 11))
        assert play.said_in("general") == []


# Made ahead


async def test_occurrences_are_made_ahead_and_the_horizon_moves_on(tmp_path: Path) -> None:
    files = {"items.yaml": ITEMS, "rhythm.yaml": "calendar: {horizon: 20 days}"}
    async with stage(tmp_path, schedules=files) as play:
        store = play.allant.store

        async def ahead() -> list[int]:
            slots = await store.occurrences.coming(play.workspace, since=play.clock.now(), item="hello")
            return [(slot.due - MONDAY).days for slot in slots]

        assert await ahead() == [0, 7, 14]
        await play.until(MONDAY + timedelta(days=8))
        assert await ahead() == [14, 21]
        # Every three weeks and more: nothing is planned, and nothing is lost.
        await play.until(MONDAY + timedelta(days=60))
        assert len([post for post in play.said_in("general") if "Hello" in post.text]) == 9


async def test_an_item_that_breaks_is_told_and_the_others_go_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = ITEMS.replace("every: tuesday 10:00", "every: monday 10:30")

    def breaking(ctx: Context, planner: Planner, item: Item, slot: Slot) -> list[Channel]:
        if item.id == "pages":
            raise ValueError("words of somebody")
        return posting.publish(ctx, planner, item, slot)

    monkeypatch.setattr(calendar, "publish", breaking)
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(in_paris(23, 10, 30))
        assert len(play.said_in("general")) == 1
        assert "could not go out" in play.told(OSCAR)[-1].text


async def test_more_due_than_one_transaction_takes_goes_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar, "AT_ONCE", 3)
    item = '  - {{id: i-{n}, every: monday 10:30, to: ["#random"], words: {{en: "x{n}", fr: "x{n}"}}}}\n'
    text = "policy: {channel_day: 50, channel_week: 50}\nitems:\n" + "".join(item.format(n=n) for n in range(10))
    async with stage(tmp_path, schedules={"items.yaml": text}) as play:
        await play.until(in_paris(23, 10, 30))
        assert len(play.said_in("random")) == 10


async def test_the_timers_of_the_version_before_are_taken_over(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        store = play.allant.store
        old = (SetTimer("post", "hello", in_paris(23, 10, 30)), SetTimer("post", "gone", in_paris(23, 10)))
        gone = (DropOccurrences("hello"), CancelTimer("next", ""))
        await store.journal.commit(
            play.workspace, [Planned("calendar", (*old, *gone))], at=play.clock.now(), source="before"
        )
        play.clock.move_to(in_paris(23, 11))
        await play.allant.start(live=False)
        await play.settle()
        assert len(play.said_in("general")) == 1
        assert await store.timers.all(play.workspace, "calendar", "post") == []


async def test_more_items_than_are_planned_at_once_are_all_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 3)
    monkeypatch.setattr(planning, "WINDOW", 4)
    item = '  - {{id: i-{n:02}, every: monday 10:30, to: ["#random"], words: {{en: "x{n}", fr: "x{n}"}}}}\n'
    text = "items:\n" + "".join(item.format(n=n) for n in range(10))
    async with stage(tmp_path, schedules={"items.yaml": text}) as play:
        assert len(await play.allant.store.occurrences.plans(play.workspace)) == 10
        await _rewrite(play, text.replace("monday 10:30", "monday 11:30").replace("i-09", "j-09"))
        told = play.told(OSCAR)[-1].text.replace("\\", "")
        assert all(
            part in told for part in ("moved: **i-00**", "moved: **i-08**", "new: **j-09**", "removed: **i-09**")
        )
        slots = await play.allant.store.occurrences.coming(play.workspace, since=MONDAY, until=in_paris(24, 1))
        assert [(slot.item, slot.due) for slot in slots] == [
            (f"{'j' if n == 9 else 'i'}-{n:02}", in_paris(23, 11, 30)) for n in range(10)
        ]
