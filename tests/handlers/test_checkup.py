"""What stands in the bot's way: told once to those who administer, in their language, and once when it is mended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.checkup import Finding, error, warning, well
from bot.core.events import LookedOver
from handlers.checkup import MOST, digest_of
from tests.handlers.stage import ADA, ANN, ODILE, PEOPLE, Stage, stage

ALINE = replace(ODILE, id="aline", name="Aline", animator=False, admin=True)
"""An administrator who speaks French."""
TOKEN = well("token", bot="allant", workspace="Acme", ref="slack/T1")
OUTSIDE = error("not_in_channel", names="#general, #help", bot="allant")
SLOW = warning("clock_slow", seconds="40")


async def find(play: Stage, *findings: Finding) -> None:
    """The platform looked itself over and found this."""
    event = LookedOver(id="looked-over", at=play.clock.now(), workspace=play.workspace, findings=findings)
    await play.allant.dispatcher.handle(event)
    await play.settle()


async def test_administrators_hear_what_is_amiss_in_their_language(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, ALINE)) as play:
        await find(play, TOKEN, SLOW, OUTSIDE)
        (english,), (french,) = play.told(ADA), play.told(ALINE)
        assert english.text.splitlines() == [
            "2 things stand in my way here:",
            "",
            r"- ✗ **I am not in channels where I should post: \#general, \#help**  ",
            "  Write /invite @allant in each of them.",
            "- ! **This machine’s clock is 40 seconds behind**  ",
            "  Let it keep time by itself (timedatectl set-ntp true): beyond five minutes every event is refused, and "
            "posts go out at the wrong moment.",
        ]
        assert french.text.startswith("2 choses me gênent ici :")
        assert "Écrivez /invite @allant dans chacun d’eux." in french.text
        assert play.told(ODILE) == []


async def test_the_same_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        await find(play, TOKEN, OUTSIDE)
        await find(play, OUTSIDE, TOKEN)
        assert len(play.told(ADA)) == 1
        await find(play, TOKEN)
        await find(play, TOKEN)
        assert [post.text for post in play.told(ADA)][1:] == ["Nothing stands in my way here any more. Thank you."]


async def test_nothing_is_told_where_all_is_well_from_the_beginning(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        await find(play, TOKEN)
        assert play.told(ADA) == []


async def test_the_checkup_shows_what_was_found_last(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, ALINE)) as play:
        assert await play.ask(ADA, "checkup") == "I have not looked myself over here yet. I do so at each start."
        await find(play, TOKEN, OUTSIDE)
        said = await play.ask(ADA, "checkup")
        assert "looked at Monday 23 November 2026" in said
        assert "One thing stands in my way here:" in said
        assert r"- ✓ I speak as allant in Acme (slack\/T1)".replace("(", "(") in said
        await find(play, TOKEN)
        assert "Nothing stands in my way." in await play.ask(ADA, "checkup")
        assert "Rien ne me gêne." in await play.ask(ALINE, "bilan")


@pytest.mark.parametrize("person", [ANN, ODILE])
async def test_it_is_for_administrators(tmp_path: Path, person: object) -> None:
    async with stage(tmp_path) as play:
        await find(play, TOKEN, OUTSIDE)
        said = await play.ask(person, "checkup")  # type: ignore[arg-type]
        assert "general" not in said


async def test_many_findings_are_cut_with_their_number(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        await find(play, *(error("no_channel", names=f"#c{number}") for number in range(MOST + 3)))
        assert "… and 3 more" in play.told(ADA)[-1].text


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest_of([OUTSIDE, SLOW]) == digest_of([SLOW, OUTSIDE]) != digest_of([SLOW])
    assert digest_of([]) == ""
