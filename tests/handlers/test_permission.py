"""The publishing rules hold when a post goes out, not only when it was written and approved."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.publishing import PlaceRules, Target, next_fitting
from bot.platforms.playground import Post
from tests.handlers.stage import ADA, ODILE, OSCAR, Stage, stage
from tests.handlers.test_editing import FILE, write

FREE = "policy: {zone: Europe/Paris}\n"
MORNING = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENING = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


def ruled(rule: str) -> str:
    return f"{FREE}publishing: {{rules: [{rule}]}}\n"


def a_while(hour: int, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def plain(post: Post) -> str:
    """Its words without the escapes of Markdown."""
    return post.text.replace("\\", "")


async def change(play: Stage, folder: Path, text: str) -> None:
    path = folder / "schedules" / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))
    await play.allant.reload_changed_files()
    await play.settle()


async def test_an_approver_who_left_holds_the_post_back_and_another_lets_it_go(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": FREE}) as play:
        await write(play, OSCAR, "tea", to="#random", when="monday 10:30")
        play.server.leave("oscar")
        await play.settle()
        await play.until(a_while(10))
        assert play.said_in("random") == []
        told = play.told(ODILE)[-1]
        assert "J’ai retenu **tea** du lundi 23 novembre 2026" in plain(told)
        assert "Oscar, qui l’avait approuvé, n’est plus là. Peuvent en décider : " in plain(told)
        assert "Odile" in plain(told)
        assert "qui l’avait approuvé n’est plus là" in await play.ask(ODILE, "calendrier pourquoi tea", "help")
        assert "retenu par les règles" in await play.ask(ODILE, "calendrier historique tea", "help")
        await play.press(ODILE, told, "Approuver et publier")
        assert len(play.said_in("random")) == 1
        assert "Vous avez approuvé **tea** à nouveau" in play.told(ODILE)[-1].text
        await play.press(ODILE, told, "Approuver et publier")
        assert len(play.said_in("random")) == 1
        await play.until(a_while(10, 30))
        assert len(play.said_in("random")) == 2


async def test_an_approver_who_lost_the_role_can_be_replaced_before_the_moment(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": FREE}) as play:
        await write(play, OSCAR, "tea", to="#random", when="monday 10:30")
        assert "est déjà approuvé" in await play.ask(ODILE, "calendrier approuver tea", "help")
        await play.ask(ADA, "roles take oscar", "help")
        assert "**tea** → " in await play.ask(ODILE, "calendrier approuver tea", "help")
        await play.until(a_while(10))
        assert len(play.said_in("random")) == 1


async def test_a_rule_that_was_tightened_holds_back_what_was_approved_before(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": FREE}) as play:
        await write(play, OSCAR, "tea", to="#random", when="monday 10:30")
        await change(play, tmp_path, ruled('{channels: ["#random"], approve: ["@odile"], four_eyes: true}'))
        await play.until(a_while(10))
        assert play.said_in("random") == []
        told = play.told(OSCAR)[-1]
        assert "Oscar, who approved it, may no longer approve what goes to #random. Odile may decide." in plain(told)
        await play.press(OSCAR, told, "Approve and send")
        assert "You may not approve what goes to #random" in plain(play.told(OSCAR)[-1])
        await play.press(ODILE, play.told(ODILE)[-1], "Approuver et publier")
        assert len(play.said_in("random")) == 1


async def test_a_post_at_a_time_that_the_rules_no_longer_allow_is_moved_by_a_button(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": FREE}) as play:
        await change(play, tmp_path, ruled('{channels: ["#general"], days: [tuesday]}'))
        await play.until(a_while(10))
        assert play.said_in("general") == []
        told = play.told(OSCAR)[-1]
        assert "nothing goes out in #general on that day" in plain(told)
        await play.press(OSCAR, told, "Send now")
        assert "Nothing goes out in #general on that day: Monday 23 November 2026" in plain(play.told(OSCAR)[-1])
        await play.press(OSCAR, told, "Move")
        await play.submit(OSCAR, play.told(OSCAR)[-1], moment="2026-11-24 11:00")
        await play.until(MORNING)
        assert len(play.said_in("general")) == 1


async def test_a_week_that_is_full_by_now_holds_back_what_comes_after(tmp_path: Path) -> None:
    more = FILE + "  - {id: again, every: monday 10:30, to: ['#general'], words: {en: Again, fr: Encore}}\n"
    more += "  - {id: tuesday, every: tuesday 10:30, to: ['#general'], words: {en: Third, fr: Trois}}\n"
    async with stage(tmp_path, schedules={"items.yaml": more, "policy.yaml": FREE}) as play:
        await change(play, tmp_path, ruled('{channels: ["#general"], channel_week: 1}'))
        await play.until(MORNING)
        assert len(play.said_in("general")) == 1
        held = [plain(post) for post in play.told(OSCAR) if "limited to 1 a week, and this week is full" in plain(post)]
        assert [("**hello**" in text, "**tuesday**" in text) for text in held] == [(True, False), (False, True)]


async def test_what_waits_for_the_morning_is_called_off_when_its_approver_leaves(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": FREE}) as play:
        await write(play, OSCAR, "tea", to="#random, @everyone", when="monday 22:00")
        await play.until(EVENING)
        play.server.leave("oscar")
        await play.settle()
        told = play.told(ODILE)[-1]
        assert "J’ai retenu les exemplaires de **tea**" in plain(told)
        await play.until(MORNING)
        assert play.said_in("random") == []
        assert [post for post in play.told(ADA) if "Tea?" in post.text] == []
        await play.press(ODILE, told, "Approuver et publier")
        assert len(play.said_in("random")) == 1
        assert len([post for post in play.told(ADA) if "Tea?" in post.text]) == 1


async def test_what_waits_goes_out_when_the_rules_let_it(tmp_path: Path) -> None:
    late = FILE.replace("10:30", "22:00")
    async with stage(tmp_path, schedules={"items.yaml": late, "policy.yaml": FREE}) as play:
        await play.until(EVENING)
        await change(play, tmp_path, ruled('{channels: ["#general"], opens: "09:30"}'))
        await play.until(a_while(8, 24))
        assert play.said_in("general") == []
        said = await play.ask(OSCAR, "deliveries #general", "help")
        assert "the publishing rules of this place" in said
        await play.until(a_while(9, 24))
        assert len(play.said_in("general")) == 1


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        (PlaceRules(), 0),
        (PlaceRules(days=(1,)), 13),
        (PlaceRules(days=(0,)), 0),
        (PlaceRules(days=(0,), closes=datetime(2026, 1, 1, 10).time()), 6 * 24 + 13),  # noqa: DTZ001
        (PlaceRules(opens=datetime(2026, 1, 1, 12).time()), 1),  # noqa: DTZ001
    ],
)
def test_the_next_moment_that_the_rules_allow(rules: PlaceRules, hours: int) -> None:
    now = a_while(10)  # Eleven in Paris, on a Monday.
    assert next_fitting(now, Target("#general", rules, "Europe/Paris")) == now + timedelta(hours=hours)


def test_rules_that_never_open_allow_no_moment() -> None:
    rules = PlaceRules(opens=datetime(2026, 1, 1, 12).time(), closes=datetime(2026, 1, 1, 11).time())  # noqa: DTZ001
    assert next_fitting(a_while(10), Target("#general", rules, "Europe/Paris")) is None
