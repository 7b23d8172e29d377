"""A recall and a correction reach every copy, are written down, and say what nobody can reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.editorial import Fate
from bot.platforms.playground import Person
from bot.platforms.playground.faults import Fault
from tests.handlers.stage import ANN, ODILE, OSCAR, Stage, stage
from tests.handlers.test_recall import ITEMS, OUT

DIGEST = "policy: {member_day: 1, channel_day: 1, overflow: digest}\n"
POSTS = [("one", "Un"), ("two", "Deux"), ("three", "Trois")]
NEXT_MORNING = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def to(place: str, second: str = "two") -> str:
    lines = [
        f'  - {{id: {en}, every: monday 10:30, to: ["{place}"], words: {{en: "{en if en != "two" else second} !",'
        f" fr: {fr}}}}}"
        for en, fr in POSTS
    ]
    return "\n".join(["items:", *lines])


async def confirm(play: Stage, command: str) -> str:
    await play.ask(OSCAR, command, "help")
    question = play.said_in("help")[-1]
    await play.press(OSCAR, question, question.buttons[0].label)
    return question.text


async def rewrite(play: Stage, text: str) -> None:
    (play.allant.settings.schedules / "items.yaml").write_text(text, encoding="utf-8")
    await play.allant.reload_changed_files()
    await play.settle()


async def test_a_recall_is_a_change_that_is_told_and_stays(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": ITEMS}) as play:
        await play.until(OUT)
        await confirm(play, "calendar recall hello")
        changes = await play.allant.store.changes.of(play.workspace, "hello")
        before, after = changes[0].before, changes[0].after
        assert changes[0].by == play.member("oscar")
        assert (getattr(before, "fate", None), getattr(after, "fate", None)) == (Fate.OUT, Fate.SKIPPED)
        said = await play.ask(ODILE, "calendrier historique hello", "help")
        assert "Oscar a rappelé la publication du lundi 23 novembre 2026" in said
        assert "**rappelé** (Oscar, le " in await play.ask(ODILE, "calendrier pourquoi hello", "help")
        assert "cannot be put back" in await play.ask(OSCAR, "calendar undo", "help")


async def test_a_recall_reaches_what_was_told_to_one_person_in_a_digest(tmp_path: Path) -> None:
    files = {"items.yaml": to("@everyone"), "policy.yaml": DIGEST}
    async with stage(tmp_path, schedules=files, people=(ANN, OSCAR)) as play:
        await play.until(NEXT_MORNING)
        digest = play.told(ANN)[-1]
        parts = [en for en, _ in POSTS if f"{en} !" in digest.text]
        assert len(parts) == 2
        await confirm(play, f"calendar recall {parts[1]}")
        now = play.post(digest.id).text
        assert f"{parts[0]} !" in now
        assert f"{parts[1]} !" not in now
        await confirm(play, f"calendar recall {parts[0]}")
        assert play.post(digest.id).deleted


async def test_a_correction_reaches_digests_of_channels_and_of_people(tmp_path: Path) -> None:
    for number, place in enumerate(("#ideas", "@everyone")):
        files = {"items.yaml": to(place), "policy.yaml": DIGEST}
        async with stage(tmp_path / str(number), schedules=files, people=(ANN, OSCAR)) as play:
            await play.until(NEXT_MORNING)
            digest = (play.told(ANN) if number else play.said_in("ideas"))[-1]
            assert "two !" in digest.text
            await rewrite(play, to(place, "second"))
            await play.ask(OSCAR, "calendar correct two", "help")
            now = play.post(digest.id)
            assert "second !" in now.text
            assert "two !" not in now.text
            await rewrite(play, to(place, "third"))
            await play.wait(timedelta(minutes=2))
            await play.ask(OSCAR, "calendar correct two", "help")
            assert "third !" in play.post(digest.id).text
            if not number:
                await play.press(ANN, play.post(digest.id), now.buttons[-1].command)
                assert "third !" in play.said_in("ideas")[-1].text


async def test_copies_that_may_be_there_are_named_and_not_sent_again(tmp_path: Path) -> None:
    one = ITEMS.replace(', "#random", "@everyone"', "")
    async with stage(tmp_path, schedules={"items.yaml": one}) as play:
        platform = play.allant.platforms[play.workspace]
        platform.can = replace(platform.can, safe_to_repeat=False, can_look_up=False)
        play.server.faults.fail_next(Fault.UNSURE_DONE)
        await play.until(OUT)
        letter = next(post for post in reversed(play.told(OSCAR)) if post.buttons)
        question = (await confirm(play, "calendar recall hello")).replace("\\", "")
        assert "1 copy may have arrived, nobody knows" in question
        assert "#general" in question
        assert "No copy of **hello** of Monday 23 November 2026, 10:30 (CET) is known to be out" in question
        await play.press(OSCAR, letter, letter.buttons[0].command)
        assert "decided to leave it" in play.told(OSCAR)[-1].text
        assert len(play.said_in("general")) == 1


async def test_the_first_person_in_a_zone_gets_what_is_due_the_same_day(tmp_path: Path) -> None:
    items = 'items: [{id: noon, every: monday 18:00, to: ["@everyone"], words: {en: Noon, fr: Midi}}]\n'
    kei = Person(id="kei", name="Kei", language="en", zone="America/New_York")
    async with stage(tmp_path, schedules={"items.yaml": items}) as play:
        await play.arrive(kei)
        zones = {slot.clock for slot in await play.allant.store.occurrences.of(play.workspace, "noon")}
        assert zones == {"Europe/Paris", "Europe/London", "America/New_York"}
        await play.until(datetime(2026, 11, 23, 23, 30, tzinfo=UTC))
        assert play.told(kei)[-1].text == "Noon"


async def test_the_writer_is_known_however_often_moments_were_moved_since(tmp_path: Path) -> None:
    rules = "publishing: {rules: [{channels: ['#ideas'], four_eyes: true}]}\n"
    async with stage(tmp_path, schedules={"policy.yaml": rules}) as play:
        text = "calendar write idea\nwhen: monday 10:30\nto: #ideas\nfr: Un\nen: One\nthen: submit"
        await play.ask(OSCAR, text)
        for _ in range(30):
            await play.ask(OSCAR, "calendar pause idea", "help")
            await play.ask(OSCAR, "calendar resume idea", "help")
        assert "does not approve it" in await play.ask(OSCAR, "calendar approve idea", "help")
