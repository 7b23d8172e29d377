"""The editorial calendar: posts at their moments, what was missed, and the reins in the animators' hands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.calendar import Missed
from bot.core.editorial import Fate, Slot
from bot.core.events import FilesChanged
from bot.core.localtime import local_date
from bot.core.planning import counts_from
from bot.core.policy import PolicyRules
from handlers import calendar
from handlers.calendar import Outcome
from tests.handlers.stage import ANN, BEN, CHLOE, MONDAY, ODILE, OSCAR, Stage, stage

HOUR = timedelta(hours=1)
ITEMS = """
items:
  - id: hello
    every: monday 10:30
    to: ["#general", "tag:ideas"]
    words: {en: "Hello everybody", fr: "Bonjour tout le monde"}
  - id: pages
    every: tuesday 10:00
    to: ["#random"]
    words: launch-01-hello
  - id: once
    "on": "2026-11-25 14:00"
    to: ["#help"]
    words: {en: "Once", fr: "Une fois"}
"""


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026 in Paris, as UTC."""
    return datetime(2026, 11, 1, hour - 1, minute, tzinfo=UTC) + timedelta(days=day - 1)


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
        await play.until(_at(30, 9, 29))
        assert play.said_in("general") == []
        await play.until(_at(30, 9, 30))
        assert len(play.said_in("general")) == 1


# Going out


async def test_items_go_out_at_their_moment_once_in_each_of_their_channels(tmp_path: Path) -> None:
    channels = "channels:\n  general: {language: both, tags: [ideas]}\n  ideas: {language: fr, tags: [ideas]}\n"
    channels += "  random: {language: en}\n"
    files = {"items.yaml": ITEMS, "channels.yaml": channels}
    async with stage(tmp_path, schedules=files) as play:
        await play.until(_at(23, 10, 29))
        assert play.said_in("general") == []
        await play.until(_at(23, 10, 30))
        [general], [ideas] = play.said_in("general"), play.said_in("ideas")
        assert general.text == "Bonjour tout le monde\n\n---\n\nHello everybody"
        assert ideas.text == "Bonjour tout le monde"
        await play.until(_at(24, 10))
        [random] = play.said_in("random")
        assert random.text.startswith("Hello everyone!")  # From content/calendar.
        assert "---" not in random.text
        await play.until(_at(30, 10, 30))
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
        await play.until(_at(23, 10, 30))
        assert len(play.said_in("general")) == 1
        assert "#nowhere" in play.told(ODILE)[-1].text.replace("\\", "")
        assert "Quelque chose empêche" in play.told(ODILE)[-1].text
        assert "stands in the way" in play.told(OSCAR)[-1].text
        await play.until(_at(25, 10, 30))
        assert len([post for post in play.told(OSCAR) if "stands in the way" in post.text]) == 1
        assert len(play.said_in("general")) == 3


async def test_a_page_that_does_not_exist_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS.replace("launch-01-hello", "nothing-here")}) as play:
        await play.until(_at(24, 10))
        assert play.said_in("random") == []
        assert "nothing-here" in play.told(OSCAR)[-1].text.replace("\\", "")


# What was missed


async def _away(play: Stage, until: datetime) -> None:
    """Nothing runs until then; afterwards everything due is done at once."""
    play.clock.move_to(until)
    await play.settle()


async def test_missed_by_an_hour_is_still_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, _at(23, 11, 30))
        assert len(play.said_in("general")) == 1
        assert play.told(OSCAR) == []


async def test_missed_by_three_hours_is_left_out_and_the_animators_told(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, _at(23, 13, 31))
        assert play.said_in("general") == []
        [told] = play.told(ODILE)
        assert "trop tard" in told.text
        assert "lundi 23 novembre 2026 à 10:30" in told.text
        await play.press(ODILE, told, "Publier maintenant")
        assert len(play.said_in("general")) == 1
        await play.press(OSCAR, play.told(OSCAR)[0], "Send now")
        assert len(play.said_in("general")) == 1  # Whoever presses second does not send twice.
        await play.until(_at(30, 10, 30))
        assert len(play.said_in("general")) == 2


async def test_three_missed_weeks_are_one_message(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _away(play, _at(23, 13, 31) + timedelta(weeks=2))
        told = [post.text for post in play.told(OSCAR) if "hello" in post.text]
        assert len(told) == 1
        assert "3 times" in told[0]


async def test_an_item_may_ask_first_or_be_skipped(tmp_path: Path) -> None:
    items = ITEMS.replace("every: monday 10:30", "every: monday 10:30\n    missed: ask")
    items = items.replace("every: tuesday 10:00", "every: monday 10:00\n    missed: skip")
    async with stage(tmp_path, schedules={"items.yaml": items}, start=_at(23, 9)) as play:
        await _away(play, _at(23, 10, 40))
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
        await play.until(_at(24, 18))
        assert len(play.said_in("general")) == 1
        assert "budget" in play.told(ODILE)[-1].text


async def test_a_post_planned_for_the_night_waits_for_the_morning(tmp_path: Path) -> None:
    items = ITEMS.replace("monday 10:30", "monday 22:00")
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.until(_at(24, 7, 59))
        assert play.said_in("general") == []
        await play.until(_at(24, 8))
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
        await play.until(_at(23, 10, 59))
        assert play.said_in("general") == []
        await play.until(_at(23, 11))
        assert len(play.said_in("general")) == 1


async def test_only_other_words_are_no_news(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await _rewrite(play, ITEMS.replace("Hello everybody", "Hi all"))
        assert play.told(OSCAR) == []
        await play.until(_at(23, 10, 30))
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
        await play.until(_at(23, 10, 30))
        assert len(play.said_in("general")) == 1
        assert len(play.told(OSCAR)) == 1
        await _rewrite(play, ITEMS)
        assert "right again" in play.told(OSCAR)[-1].text


async def test_a_start_keeps_what_is_overdue_and_tells_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        play.clock.move_to(_at(23, 11))
        await play.allant.start(live=False)  # The timers of the last run are there, one of them overdue.
        await play.settle()
        assert len(play.said_in("general")) == 1
        assert play.told(OSCAR) == []


# Commands


async def test_members_see_what_comes_next_in_their_own_time(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        said = (await play.ask(ANN, "calendar next 2")).replace("\\", "")
        assert "Monday 23 November 2026, 09:30 (GMT): **hello**" in said
        assert "Tuesday 24 November 2026, 09:00 (GMT): **pages**" in said
        assert "once" not in said
        assert "lundi 23 novembre 2026 à 10:30 (CET)" in (await play.ask(CHLOE, "calendrier prochains"))
        assert "not a number" in await play.ask(ANN, "calendar next many")
        assert "animator" in await play.ask(BEN, "calendar list")


async def test_a_long_list_is_paged(tmp_path: Path) -> None:
    item = '  - id: item-{n:02}\n    every: monday 10:{n:02}\n    to: ["#random"]\n    words: {{en: x, fr: x}}\n'
    text = "items:\n" + "".join(item.format(n=number) for number in range(23))
    async with stage(tmp_path, schedules={"items.yaml": text}) as play:
        await play.ask(OSCAR, "calendar list")
        for page, first in ((1, "item-00"), (2, "item-10"), (3, "item-20")):
            post = play.said_in("general")[-1]
            assert f"page {page} of 3" in post.text
            assert first in post.text.replace("\\", "")
            if page < 3:
                await play.press(OSCAR, post, "More")
        assert play.said_in("general")[-1].buttons == ()


async def test_pause_resume_and_the_undo_of_a_pause(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        assert "est suspendu" in await play.ask(ODILE, "calendrier pause hello")
        pausing = play.said_in("general")[-1]
        assert "hello" not in await play.ask(ANN, "calendar next 10")
        assert "suspendu" in await play.ask(ODILE, "calendar list")
        await play.until(_at(23, 10, 20))
        await play.press(ODILE, pausing, "Annuler")
        assert "lundi 23 novembre 2026 à 10:30" in play.heard()[-1].text
        await play.until(_at(23, 10, 30))
        assert [post.text for post in play.said_in("general")].count(
            "Bonjour tout le monde\n\n---\n\nHello everybody"
        ) == 1
        await play.ask(OSCAR, "calendar pause hello")
        await _rewrite(play, ITEMS.replace("monday 10:30", "monday 10:31"))  # Moved while paused: still paused.
        await play.until(_at(30, 12))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 1
        assert "goes on" in await play.ask(OSCAR, "calendar resume hello")
        assert "was not paused" in await play.ask(OSCAR, "calendar resume hello")


async def test_skip_leaves_out_one_occurrence_and_can_be_undone(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        said = await play.ask(OSCAR, "calendar skip hello")
        assert "left out on Monday 23 November 2026" in said
        assert "Next: Monday 30 November 2026" in said
        skipping = play.said_in("general")[-1]
        await play.until(_at(23, 10, 0))
        await play.press(OSCAR, skipping, "Undo")
        assert "after all" in play.heard()[-1].text
        await play.until(_at(23, 10, 30))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 1
        await play.press(OSCAR, skipping, "Undo")
        assert "has passed" in play.heard()[-1].text
        await play.ask(OSCAR, "calendar skip hello")
        await play.until(_at(37, 10, 30))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 2


async def test_a_skip_outlives_a_change_of_the_time(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await play.ask(OSCAR, "calendar skip hello")
        await play.ask(OSCAR, "calendar pause hello")
        await play.ask(OSCAR, "calendar resume hello")
        await play.until(_at(23, 12))
        assert not any("Hello everybody" in post.text for post in play.said_in("general"))


async def test_a_preview_shows_words_channels_moments_and_the_reins(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        said = await play.ask(OSCAR, "calendar preview HELLO")
        for part in (
            "Hello everybody",
            "Bonjour tout le monde",
            "(channel:",
            "23 November",
            "30 November",
            "Missed while",
        ):
            assert part in said
        assert [button.label for button in play.said_in("general")[-1].buttons] == ["Pause", "Skip the next"]
        assert "Bonjour à" in await play.ask(ODILE, "calendrier aperçu pages")
        assert "Did you mean: hello" in await play.ask(OSCAR, "calendar preview helo")
        assert "Indiquez" in await play.ask(ODILE, "calendrier aperçu")


async def test_a_moment_that_is_none_of_the_items_cannot_be_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        for moment in ("2026-11-23T09:00:00+00:00 Europe/Paris", "2026-11-30T09:30:00+00:00", "soon", "2026-11-23"):
            assert "no such moment" in await play.ask(OSCAR, f"calendar send hello {moment}")
        assert all("Hello everybody" not in post.text for post in play.said_in("general"))
