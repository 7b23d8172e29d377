"""Pausing an item, leaving out or moving one of its occurrences, and sending a missed one after all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.handlers.a_calendar import ITEMS, in_paris
from tests.handlers.stage import ANN, ODILE, OSCAR, Stage, stage


async def _rewrite(play: Stage, text: str, name: str = "items.yaml") -> None:
    """Somebody edits a file of schedules/, and the bot notices."""
    (play.allant.settings.schedules / name).write_text(text, encoding="utf-8")
    await play.allant.reload_changed_files()
    await play.settle()


async def test_pause_resume_and_the_undo_of_a_pause(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        assert "est suspendu" in await play.ask(ODILE, "calendrier pause hello")
        pausing = play.said_in("general")[-1]
        assert "hello" not in await play.ask(ANN, "calendar next 10")
        assert "suspendu" in await play.ask(ODILE, "calendar list")
        await play.until(in_paris(23, 10, 20))
        await play.press(ODILE, pausing, "Annuler")
        assert "lundi 23 novembre 2026 à 10:30" in play.heard()[-1].text
        await play.until(in_paris(23, 10, 30))
        assert [post.text for post in play.said_in("general")].count(
            "Bonjour tout le monde\n\n---\n\nHello everybody"
        ) == 1
        await play.ask(OSCAR, "calendar pause hello")
        await _rewrite(play, ITEMS.replace("monday 10:30", "monday 10:31"))  # Moved while paused: still paused.
        await play.until(in_paris(30, 12))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 1
        assert "goes on" in await play.ask(OSCAR, "calendar resume hello")
        assert "was not paused" in await play.ask(OSCAR, "calendar resume hello")


async def test_skip_leaves_out_one_occurrence_and_can_be_undone(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        said = await play.ask(OSCAR, "calendar skip hello")
        assert "left out on Monday 23 November 2026" in said
        assert "Next: Monday 30 November 2026" in said
        skipping = play.said_in("general")[-1]
        await play.until(in_paris(23, 10, 0))
        await play.press(OSCAR, skipping, "Undo")
        assert "after all" in play.heard()[-1].text
        await play.until(in_paris(23, 10, 30))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 1
        await play.press(OSCAR, skipping, "Undo")
        assert "has passed" in play.heard()[-1].text
        await play.ask(OSCAR, "calendar skip hello")
        await play.until(in_paris(37, 10, 30))
        assert sum("Hello everybody" in post.text for post in play.said_in("general")) == 2


async def test_a_skip_outlives_a_change_of_the_time(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await play.ask(OSCAR, "calendar skip hello")
        await play.ask(OSCAR, "calendar pause hello")
        await play.ask(OSCAR, "calendar resume hello")
        await play.until(in_paris(23, 12))
        assert not any("Hello everybody" in post.text for post in play.said_in("general"))


async def test_a_moment_that_is_none_of_the_items_cannot_be_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        for moment in ("2026-11-23T09:00:00+00:00 Europe/Paris", "2026-11-30T09:30:00+00:00", "soon", "2026-11-23"):
            assert "no such moment" in await play.ask(OSCAR, f"calendar send hello {moment}")
        assert all("Hello everybody" not in post.text for post in play.said_in("general"))


async def test_one_occurrence_is_moved_and_the_others_stay(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await play.ask(ODILE, "calendrier déplacer hello", "help")
        await play.submit(ODILE, play.said_in("help")[-1], moment="2026-11-24 14:00")
        assert "sera publié le mardi 24 novembre 2026 à 14:00" in play.said_in("help")[-1].text
        await _rewrite(play, ITEMS.replace("Hello everybody", "Hello all"))
        await play.until(in_paris(24, 13, 59))
        assert play.said_in("general") == []
        await play.until(in_paris(24, 14))
        assert len(play.said_in("general")) == 1
        await play.until(in_paris(30, 10, 30))
        assert len(play.said_in("general")) == 2


async def test_a_move_typed_in_one_line_can_be_undone(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        assert "no moment I understand" in await play.ask(OSCAR, "calendar move hello soon", "help")
        assert "has passed" in await play.ask(OSCAR, "calendar move hello 2020-01-01 10:00", "help")
        assert "instead of" in await play.ask(OSCAR, "calendar move hello 2026-11-24 14:00", "help")
        assert "(moved)" in await play.ask(OSCAR, "calendar preview hello", "help")
        await play.ask(OSCAR, "calendar undo", "help")
        await play.until(in_paris(23, 10, 30))
        assert len(play.said_in("general")) == 1


async def test_a_missed_occurrence_may_stay_left_out(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        play.clock.move_to(in_paris(23, 15))
        await play.settle()
        await play.press(OSCAR, play.told(OSCAR)[-1], "Leave it out")
        assert "stays left out" in play.told(OSCAR)[-1].text
        await play.press(ODILE, play.told(ODILE)[-1], "Ne pas publier")
        assert "déjà décidé" in play.told(ODILE)[-1].text


async def test_a_skip_leaves_a_post_out_in_every_zone(tmp_path: Path) -> None:
    channels = "channels:\n  general: {zone: Europe/Paris}\n  random: {zone: America/New_York}\n"
    items = ITEMS.replace('["#general", "tag:ideas"]', '["#general", "#random"]')
    async with stage(tmp_path, schedules={"items.yaml": items, "channels.yaml": channels}) as play:
        await play.ask(OSCAR, "calendar skip hello", "help")
        await play.until(in_paris(24, 9))
        assert play.said_in("general") == play.said_in("random") == []
        await play.until(in_paris(30, 10, 30))
        assert len(play.said_in("general")) == 1
        before = len(play.said_in("random"))
        await play.until(in_paris(30, 16, 30))
        assert len(play.said_in("random")) == before + 1


async def test_one_post_in_several_zones_is_moved_and_taken_back_as_one(tmp_path: Path) -> None:
    everyone = """
items:
  - id: hello
    every: monday 10:30
    to: ["@everyone"]
    words: {en: "Hello", fr: "Bonjour"}
"""
    async with stage(tmp_path, schedules={"items.yaml": everyone}) as play:

        async def due() -> list[tuple[str, datetime]]:
            now = play.clock.now()
            slots = await play.allant.store.occurrences.coming(play.workspace, since=now, item="hello", limit=2)
            return sorted((slot.zone, slot.due) for slot in slots)

        before = await due()
        assert "1 other time zone, by its own clock" in await play.ask(OSCAR, "calendar move hello 2026-11-23 15:00")
        assert await due() == [
            ("Europe/London", datetime(2026, 11, 23, 15, tzinfo=UTC)),
            ("Europe/Paris", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ]
        await play.ask(OSCAR, "calendar undo")
        assert await due() == before
        await play.ask(OSCAR, "calendar skip hello")
        assert await due() != before
        await play.ask(OSCAR, "calendar undo")
        assert await due() == before


async def test_a_move_into_quiet_hours_says_that_it_waits_and_until_when(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        said = (await play.ask(OSCAR, "calendar move hello 2026-11-23 21:00")).replace("\\", "")
        assert "That is in quiet hours or on a day off" in said
        assert "[#general](channel:C-general)" in said
        assert "until Tuesday 24 November 2026, 08:00 (CET)" in said
        assert "publication y attendra" in await play.ask(ODILE, "calendrier déplacer hello 2026-11-23 22:00")
        assert "quiet hours" not in await play.ask(OSCAR, "calendar move hello 2026-11-23 15:00")
