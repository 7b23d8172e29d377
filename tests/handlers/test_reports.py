"""Reports: what each person gets, when, in their language; and that nobody gets one who said so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import Signal, What
from bot.platforms.playground import Person
from handlers.reports import ReportRules, next_moment
from tests.handlers.stage import ADA, ANN, CHLOE, MAUD, ODILE, OSCAR, PEOPLE, Stage, stage

RULES = ReportRules()
CROWD = tuple(Person(id=f"p{number}", name=f"Person {number}", language="en") for number in range(9))
GOALS = """
goals:
  - id: habit
    name: {en: More people take part, fr: Plus de monde participe}
    measure: active_28_days
    from: 0
    to: 20
    since: 2026-11-01
    by: 2026-12-20
    sponsor: "@maud"
"""
FILES = {
    "reports.yaml": "reports:\n  weekly_on: monday\n  weekly_at: '11:30'\n  monthly_on: 25\n  managers_on: 26\n",
    "goals.yaml": GOALS,
}
HOUR = timedelta(hours=1)


async def talked(play: Stage, people: int = 9) -> None:
    """In each of four weeks, so many people wrote, and the next one answered each."""
    workspace, channel = play.workspace, ChannelRef(play.workspace, play.server.room("general").id)
    signals = []
    for week in range(1, 5):
        for number in range(people):
            at = play.clock.now() - timedelta(weeks=week, hours=-number)
            name = f"{week}/{number}"
            signals += [
                _signal(workspace, channel, f"p{number}", What.POSTED, at, name),
                _signal(workspace, channel, f"p{(number + 1) % people}", What.REPLIED, at + HOUR, f"{name}/r", name),
            ]
    await play.allant.store.record_signals(signals)


def _signal(
    workspace: WorkspaceRef, channel: ChannelRef, person: str, what: What, at: datetime, name: str, to: str = ""
) -> Signal:
    member = MemberRef(workspace, person)
    return Signal(source=name, workspace=workspace, at=at, what=what, member=member, channel=channel, reply_to=to)


async def test_an_animator_hears_of_the_last_week_with_pictures_in_their_language(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=FILES) as play:
        await talked(play)
        await play.tell(OSCAR, "/allant report")
        post = play.told(OSCAR)[-1]
        assert "How the community lives" in post.text
        assert "Week 47, 16 November to 22 November 2026" in post.text
        assert "Active members, 7 days: **9** (9 the week before)" in post.text
        assert "Now 9, on the way from 0 to 20 by 20 December 2026; today it should be about 9" in post.text
        assert [image.name for image in post.images] == ["people.png", "messages.png", "ladder.png"]
        assert "16 November: active 9, writing 9" in post.images[0].alt
        assert all(image.data.startswith(b"\x89PNG") and image.width > 600 for image in post.images)
        await play.tell(ODILE, "/allant rapport mois")
        french = play.told(ODILE)[-1]
        assert "La vie de la communauté" in french.text
        assert "Octobre 2026" in french.text


async def test_few_people_are_in_no_report(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=FILES) as play:
        await talked(play, people=4)
        await play.tell(OSCAR, "/allant report")
        post = play.told(OSCAR)[-1]
        assert "Active members, 7 days: **fewer than 5**" in post.text
        assert "16 November: active fewer than 5" in post.images[0].alt
        assert "it cannot be told" in post.text


async def test_the_weekly_report_comes_by_itself_once_to_each_who_animates_but_not_to_who_said_no(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=FILES) as play:
        await talked(play)
        await play.tell(ADA, "/allant report stop")
        await play.until(datetime(2026, 11, 23, 10, 31, tzinfo=UTC))
        assert "Plus de monde participe" in play.told(ODILE)[-1].text
        assert "rapport stop" in play.told(ODILE)[-1].text
        assert "More people take part" in play.told(OSCAR)[-1].text
        assert "How the community lives" not in play.told(ADA)[-1].text
        assert not play.told(ANN)
        await play.tell(ADA, "/allant report start")
        await play.until(datetime(2026, 11, 30, 10, 31, tzinfo=UTC))
        assert "Week 48" in play.told(ADA)[-1].text


async def test_in_a_channel_for_animators_it_is_said_once(tmp_path: Path) -> None:
    policy = "policy:\n  zone: Europe/Paris\n  animators_channel: '#ideas'\n  keep_signals: 84 days\n"
    files = FILES | {"policy.yaml": policy}
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=files) as play:
        await talked(play)
        await play.until(datetime(2026, 11, 23, 10, 31, tzinfo=UTC))
        assert [len(post.images) for post in play.said_in("ideas")] == [3]
        assert not play.told(ODILE)


async def test_a_sponsor_hears_of_their_goals_each_month_and_managers_get_a_note_about_nobody(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, MAUD, *CROWD), schedules=FILES) as play:
        await talked(play)
        await play.until(datetime(2026, 11, 25, 10, 1, tzinfo=UTC))
        post = play.told(MAUD)[-1]
        assert "Où nous en sommes" in post.text
        assert "Plus de monde participe" in post.text
        await play.until(datetime(2026, 11, 26, 11, 1, tzinfo=UTC))
        note = play.told(MAUD)[-1]
        assert "Donner l’exemple" in note.text
        assert "je ne regarde pas qui a écrit" in note.text
        assert not any(person.name in note.text for person in (*PEOPLE, MAUD, *CROWD))
        await play.tell(MAUD, "/allant rapport semaine")
        assert "Semaine 47" in play.told(MAUD)[-1].text


async def test_others_are_told_where_the_figures_for_everybody_are(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=FILES) as play:
        assert "/allant stats" in await play.ask(ANN, "report")
        assert "équipe d’animation" in await play.ask(CHLOE, "rapport")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("report yesterday", "is no period"),
        ("report 2027-01", "has not begun yet"),
        ("report 2026-W60", "is no period"),
    ],
)
async def test_what_is_no_period_is_said(tmp_path: Path, asked: str, answer: str) -> None:
    async with stage(tmp_path, schedules=FILES) as play:
        assert answer in await play.ask(OSCAR, asked)


async def test_asked_in_a_channel_it_comes_to_the_person_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, people=(*PEOPLE, *CROWD), schedules=FILES) as play:
        await talked(play)
        await play.ask(OSCAR, "report week")
        assert len(play.told(OSCAR)[-1].images) == 3
        assert not any(post.images for post in play.said_in("general"))


def test_moments_are_those_of_the_wall_clock() -> None:
    now = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)  # The clocks change on the 29th.
    assert next_moment("weekly", now, RULES, "Europe/Paris") == datetime(2026, 3, 30, 7, 30, tzinfo=UTC)
    assert next_moment("monthly", now, RULES, "Europe/Paris") == datetime(2026, 4, 3, 8, 0, tzinfo=UTC)
    assert next_moment("managers", now, ReportRules(managers_on=0), "Europe/Paris") is None
