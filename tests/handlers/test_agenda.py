"""What the calendar holds: the coming posts, every item, and one item's words and moments."""

from __future__ import annotations

from pathlib import Path

from tests.handlers.a_calendar import ITEMS
from tests.handlers.stage import ANN, BEN, CHLOE, ODILE, OSCAR, stage


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
