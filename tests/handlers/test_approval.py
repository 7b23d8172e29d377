"""Nothing goes out past those who approve it, and nothing more of what is no longer approved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.platforms.playground import Person
from tests.handlers.stage import ODILE, OSCAR, stage
from tests.handlers.test_editing import FILE, RULES, as_it_is, status, write

TEA = ["Un thé ?\n\n---\n\nTea?"]
EVENING = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
NEXT_DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_unapproved_words_do_not_reach_what_is_out(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": RULES}) as play:
        await write(play, OSCAR, "idea", to="#ideas", when="monday 10:30")
        await play.ask(ODILE, "calendrier approuver idea")
        await play.until(datetime(2026, 11, 23, 10, tzinfo=UTC))
        assert [post.text for post in play.said_in("ideas")] == TEA
        await write(play, OSCAR, "idea", 2, then="draft", to="#ideas", when="monday 10:30", en="Unseen", fr="Non relu")
        assert "are not approved" in await play.ask(OSCAR, "calendar correct idea")
        assert [post.text for post in play.said_in("ideas")] == TEA
        await play.ask(ODILE, "calendrier approuver idea")
        assert "gets the present words" in await play.ask(OSCAR, "calendar correct idea")
        assert "Unseen" in play.said_in("ideas")[0].text


async def test_the_button_of_a_missed_moment_sends_no_unapproved_words(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": RULES}) as play:
        once = "on: 2026-11-23 11:00\nmissed: ask"
        await write(play, OSCAR, "idea", to="#ideas", when=once)
        await play.ask(ODILE, "calendrier approuver idea")
        play.clock.move_to(datetime(2026, 11, 23, 14, tzinfo=UTC))
        await play.settle()
        question = play.told(OSCAR)[-1]
        await write(play, OSCAR, "idea", 2, then="draft", to="#ideas", when=once, en="Unseen")
        await play.press(OSCAR, question, "Send idea")
        assert "is not approved" in play.told(OSCAR)[-1].text
        await play.ask(ODILE, "calendrier approuver idea")
        assert play.said_in("ideas") == []


async def test_what_waits_for_the_morning_does_not_go_out_once_its_item_is_deleted_or_sent_back(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as play:
        for item, to in (("tea", "#random"), ("cake", "#ideas"), ("kept", "#help")):
            await write(play, OSCAR, item, to=to, when="monday 22:00")
        await play.until(EVENING)
        assert "what still waited does not go out" in await play.ask(OSCAR, "calendar delete tea confirm")
        await play.ask(ODILE, "calendrier renvoyer cake trop sucré")
        await play.until(NEXT_DAY)
        assert [len(play.said_in(each)) for each in ("random", "ideas", "help")] == [0, 0, 1]


async def test_pausing_an_item_tells_of_what_waits_already_and_how_to_take_it_back(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE.replace("10:30", "22:00")}) as play:
        assert "still wait" not in await play.ask(OSCAR, "calendar pause hello", "help")
        await play.ask(OSCAR, "calendar resume hello", "help")
        await play.until(EVENING)
        assert "1 copy of its last moment still waits" in await play.ask(OSCAR, "calendar pause hello", "help")
        await play.press(OSCAR, play.said_in("help")[-1], "calendar recall hello")
        question = play.said_in("help")[-1]
        await play.press(OSCAR, question, question.buttons[0].label)
        await play.until(NEXT_DAY)
        assert play.said_in("general") == []


async def test_what_waits_for_the_morning_does_not_go_out_once_its_item_left_the_files(tmp_path: Path) -> None:
    late = FILE.replace("10:30", "22:00")
    async with stage(tmp_path, schedules={"items.yaml": late}) as play:
        await play.until(EVENING)
        file = play.allant.settings.schedules / "items.yaml"
        file.write_text(late + "    state: draft\n", encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.until(NEXT_DAY)
        assert play.said_in("general") == []


async def test_a_draft_is_neither_moved_nor_skipped(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE + "    state: draft\n"}) as play:
        await write(play, OSCAR, "tea", then="draft")
        for item in ("hello", "tea"):
            assert "is not approved" in await play.ask(OSCAR, f"calendar move {item} 2026-11-24 10:00")
            assert "n’est pas approuvé" in await play.ask(ODILE, f"calendrier sauter {item}")
        assert "Nothing is planned" in await play.ask(OSCAR, "calendar next")


async def test_an_item_approved_after_its_moment_asks_for_another(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as play:
        await write(play, OSCAR, "tea", when="on: 2026-11-23 10:30", then="submit")
        await play.until(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
        assert "est passé avant son approbation" in await play.ask(ODILE, "calendrier approuver tea")
        assert await status(play, "tea") == "in_review"
        form = play.said_in("general")[-1]
        assert form.form is not None
        await play.submit(ODILE, form, **as_it_is(form, when="on: 2026-11-23 11:30"))
        await play.until(NEXT_DAY)
        assert [post.text for post in play.said_in("random")] == TEA
        assert "no moment left to come" in await write(play, OSCAR, "late", when="on: 2026-11-23 10:30")


async def test_a_file_takes_over_the_name_of_an_item_made_in_chat(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as play:
        await write(play, OSCAR, "tea")
        file = play.allant.settings.schedules / "items.yaml"
        also = FILE.replace("items:\n", "").replace("hello", "tea").replace("monday", "tuesday")
        file.write_text(FILE + also, encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.settle()
        assert "hides the one of that name made in chat" in play.told(OSCAR)[-1].text
        assert "made in chat; a file has an item of this name" in await play.ask(OSCAR, "calendar list")
        assert "est supprimé" in await play.ask(ODILE, "calendrier supprimer tea confirmer")
        assert "stands in a file" in await play.ask(OSCAR, "calendar delete tea confirm")
        await play.until(NEXT_DAY)
        went = [sum("Hello" in post.text for post in play.said_in(each)) for each in ("general", "random")]
        assert went == [2, 0]  # Monday's hello, Tuesday's tea.


async def test_newcomers_get_what_was_made_in_chat_for_them(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as play:
        await write(play, OSCAR, "hand", when="after: 2 days from arrival\nat: 10:00", to="@person")
        newcomer = Person(id="noa", name="Noa", language="en")
        await play.arrive(newcomer)
        await play.until(datetime(2026, 11, 25, 12, tzinfo=UTC))
        assert [post.text for post in play.told(newcomer) if "Tea?" in post.text] == ["Tea?"]
