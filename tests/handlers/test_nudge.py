"""Nudges: a channel gone quiet against its own habit gets a prompt; others, and persons, are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.community import Channel
from bot.core.knowledge import Prompt
from bot.core.policy import PolicyRules
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.core.signals import DayCount
from handlers.nudge import (
    Habit,
    NudgeRules,
    choose_prompt,
    days_to_speak,
    habit,
    has_gone_quiet,
    is_looked_after,
    next_look,
    nth_working_day,
    parse_span,
)
from tests.handlers.stage import ANN, BEN, CHLOE, ODILE, OSCAR, Stage, stage

RULES, POLICY = NudgeRules(), PolicyRules()
MONDAY = date(2026, 9, 28)
"""Eight weeks before the stage opens."""
NUDGE = "nudge:\n  at: '10:30'\n  mode: {mode}\n  only: ['#random', '#ideas']\n"


def history(pattern: str, start: date = MONDAY) -> list[DayCount]:
    """A letter a day: ``x`` for messages, anything else for none; spaces do not count."""
    letters = pattern.replace(" ", "")
    return [DayCount(start + timedelta(days=number), int(letter == "x")) for number, letter in enumerate(letters)]


# The channel's own habit


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("xxxxx-- " * 4, Habit(1.0, 0, 20)),
        ("xxxxx-- " * 4 + "x---", Habit(1.0, 3, 21)),
        ("x------ " * 8, Habit(5.0, 4, 8)),
        ("xxxxx-- " * 4 + "xx---xx", Habit(1.0, 0, 24)),
        ("-------", None),
        ("", None),
    ],
)
def test_the_habit_is_read_in_working_days(pattern: str, expected: Habit | None) -> None:
    assert habit(history(pattern), POLICY) == expected


def test_holidays_are_not_silence() -> None:
    days = history("xxxxx-- " * 4 + "x---")
    free = PolicyRules(holidays=tuple(day.day for day in days[-3:]))
    found = habit(days, free)
    assert found is not None
    assert found.quiet == 0


@pytest.mark.parametrize(
    ("found", "quiet"),
    [
        (None, False),
        (Habit(1.0, 2, 20), False),
        (Habit(1.0, 3, 20), True),
        (Habit(5.0, 9, 8), False),
        (Habit(5.0, 10, 8), True),
        (Habit(1.0, 20, 7), False),
    ],
)
def test_quiet_is_against_the_own_habit(found: Habit | None, quiet: bool) -> None:
    assert has_gone_quiet(found, RULES) is quiet


# The dry run over a past


def test_a_lively_channel_is_never_nudged() -> None:
    assert days_to_speak(history("xxxxx-- " * 30), RULES) == []


def test_a_weekly_channel_is_not_nudged_between_its_days() -> None:
    assert days_to_speak(history("x------ " * 30), RULES) == []


def test_a_silence_is_nudged_weekly_and_then_left_alone() -> None:
    days = history("xxxxx-- " * 4 + "------- " * 8)
    spoken = days_to_speak(days, RULES)
    # The last word was on a Friday: Monday, Tuesday, Wednesday pass.
    assert spoken == [MONDAY + timedelta(weeks=4, days=2 + 7 * number) for number in range(3)]


def test_a_reply_begins_the_row_anew() -> None:
    days = history("xxxxx-- " * 4 + "------- ---x--- ------- ------- ------- -------")
    # Two before somebody spoke; then three, and no more.
    assert len(days_to_speak(days, RULES)) == 5


def test_too_little_history_is_no_habit() -> None:
    assert days_to_speak(history("xxxxx-- xx----- ------- -------"), RULES) == []


days_of_chat = st.lists(st.booleans(), max_size=200).map(
    lambda active: [DayCount(MONDAY + timedelta(days=number), int(here)) for number, here in enumerate(active)]
)


@given(days_of_chat)
def test_whatever_the_past_the_rules_hold(days: list[DayCount]) -> None:
    spoken = days_to_speak(days, RULES)
    active = {day.day for day in days if day.messages}
    assert all(day.weekday() < 5 for day in spoken)
    assert all((later - earlier).days >= RULES.every_days for earlier, later in pairwise(spoken))
    for day in spoken:
        assert not active & {day - timedelta(days=back) for back in range(1, RULES.least_quiet_days)}
        so_far = [each for each in spoken if each <= day and not any(each <= one < day for one in active)]
        assert len(so_far) <= RULES.give_up_after
    assert days_to_speak(days[: len(days) // 2], RULES) == [
        day for day in spoken if day < MONDAY + timedelta(days=len(days) // 2)
    ]


# Which prompt


def prompt(name: str, *tags: str, tone: str = "light") -> Prompt:
    return Prompt(name, "serious" if tone == "serious" else "light", "question", tags, f"en {name}", f"fr {name}")


TUESDAY = date(2026, 11, 24)
SHELF = (
    prompt("a-any", "everyone"),
    prompt("b-ideas", "ideas", tone="serious"),
    prompt("c-learning", "learning", tone="serious"),
    prompt("d-monday", "everyone", "monday"),
    prompt("e-tuesday", "everyone", "tuesday", "ideas"),
)


def chosen(tags: Sequence[str], used: Sequence[str], **more: object) -> str | None:
    found = choose_prompt(SHELF, tags, used, TUESDAY, **more)  # type: ignore[arg-type]  # Only ``elsewhere``.
    return found.id if found else None


def test_the_prompt_fits_the_channel_and_its_tone() -> None:
    assert chosen(["ideas"], []) == "b-ideas"
    assert chosen(["learning"], []) == "c-learning"
    assert chosen(["social"], []) == "a-any"


def test_the_least_recently_used_comes_first_and_never_the_last_again() -> None:
    assert chosen(["ideas"], ["b-ideas"]) == "e-tuesday"
    assert chosen(["ideas"], ["e-tuesday", "a-any", "b-ideas"]) == "e-tuesday"
    assert choose_prompt(SHELF[:1], [], ["a-any"], TUESDAY) is None


def test_two_channels_do_not_get_the_same_while_there_are_others() -> None:
    assert chosen(["ideas"], [], elsewhere={"b-ideas"}) == "e-tuesday"
    assert choose_prompt(SHELF[:1], [], [], TUESDAY, {"a-any"}) == SHELF[0]


def test_a_prompt_of_another_weekday_waits_for_it() -> None:
    used = [each.id for each in SHELF if each.id != "d-monday"]
    assert chosen([], used) != "d-monday"
    monday = choose_prompt(SHELF, [], used, date(2026, 11, 23))
    assert monday is not None
    assert monday.id == "d-monday"


# Small things


@pytest.mark.parametrize(
    ("text", "span"),
    [("2w", 14), ("2s", 14), ("10d", 10), ("10j", 10), ("0d", 0), ("1 W", 7), ("w", None), ("2 months", None)],
)
def test_spans_are_read_in_both_languages(text: str, span: int | None) -> None:
    assert parse_span(text) == (None if span is None else timedelta(days=span))


def test_some_channels_are_not_looked_after() -> None:
    channel = Channel(ChannelRef(WorkspaceRef("p", "w"), "c"), "Random", tags=("social",))
    assert is_looked_after(channel, NudgeRules())
    assert is_looked_after(channel, NudgeRules(only=("tag:social",)))
    assert not is_looked_after(channel, NudgeRules(only=("#general",)))
    assert not is_looked_after(channel, NudgeRules(leave_out=("#random",)))
    for kind in ("one_way", "direct", "archived"):
        assert not is_looked_after(Channel(channel.ref, "x", **{kind: True}), NudgeRules())  # type: ignore[arg-type]


def test_the_look_keeps_its_wall_clock_and_the_next_working_day_leaps_the_weekend() -> None:
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_look(before, RULES, "Europe/Paris") == datetime(2027, 3, 28, 8, 30, tzinfo=UTC)
    assert nth_working_day(date(2026, 11, 26), 2, POLICY) == date(2026, 11, 30)


# Played


async def weeks_of_talk(play: Stage, channel: str = "random", weeks: int = 4) -> None:
    """Somebody says something every working day, up to a Friday noon."""
    start = play.clock.now()
    for day in range(weeks * 7 - 2):
        await play.until(start + timedelta(days=day, hours=2))
        if play.clock.now().weekday() < 5:
            await play.say(ANN, channel, "news of the day")


async def test_a_channel_gone_quiet_gets_one_prompt_a_week_in_both_languages_then_the_animators(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"nudge.yaml": NUDGE.format(mode="post")}) as play:
        await weeks_of_talk(play)
        assert play.said_in("random") == []
        await play.wait(timedelta(days=10))
        (post,) = play.said_in("random")
        assert post.at == datetime(2026, 12, 23, 9, 30, tzinfo=UTC)
        assert "\n\n---\n\n" in post.text
        assert play.said_in("ideas") == []
        await play.wait(timedelta(days=40))
        texts = [post.text for post in play.said_in("random")]
        assert len(texts) == 3 == len(set(texts))
        assert len([post for post in play.told(OSCAR) if "3 prompts found no answer" in post.text]) == 1
        assert len([post for post in play.told(ODILE) if "3 amorces" in post.text]) == 1


async def test_a_word_from_somebody_counts_and_begins_anew(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"nudge.yaml": NUDGE.format(mode="post")}) as play:
        await weeks_of_talk(play)
        await play.until(datetime(2026, 12, 23, 12, tzinfo=UTC))
        (post,) = play.said_in("random")
        await play.say(BEN, "random", "A book on bees", thread=post)
        await play.say(CHLOE, "random", "Un livre sur les abeilles")
        said = (await play.ask(OSCAR, "nudge status")).replace("\\", "")
        assert "Last nudge: Wednesday 23 December 2026, followed by 2 messages." in said
        assert "If nobody speaks, I would on" in said
        assert "never nudged" in said
        french = await play.ask(ODILE, "relance etat")
        assert "suivie de 2 messages" in french


async def test_the_animators_get_the_suggestion_first_when_so_wished(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"nudge.yaml": NUDGE.format(mode="suggest")}) as play:
        await weeks_of_talk(play)
        await play.until(datetime(2026, 12, 23, 12, tzinfo=UTC))
        assert play.said_in("random") == []
        (suggestion,) = [post for post in play.told(OSCAR) if "has gone quiet" in post.text]
        await play.press(OSCAR, suggestion, "Another")
        other = play.told(OSCAR)[-1]
        assert other.text != suggestion.text
        await play.press(OSCAR, other, "Post it")
        (post,) = play.said_in("random")
        assert other.text.rpartition("> ")[2].strip() in post.text
        (french,) = [post for post in play.told(ODILE) if "devenu silencieux" in post.text]
        await play.press(ODILE, french, "Pas maintenant")
        assert "tranquille" in play.told(ODILE)[-1].text
        await play.wait(timedelta(days=6))
        assert len(play.said_in("random")) == 1


async def test_a_snoozed_channel_is_left_alone_until_then_or_until_undone(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"nudge.yaml": NUDGE.format(mode="post")}) as play:
        await weeks_of_talk(play)
        assert "leave" in await play.ask(OSCAR, "nudge snooze #random 2w")
        assert "left alone until" in await play.ask(OSCAR, "nudge status")
        await play.wait(timedelta(days=7))
        assert play.said_in("random") == []
        await play.ask(ODILE, "relance pause #random 1s")
        await play.press(ODILE, play.said_in("general")[-1], "Annuler")
        await play.wait(timedelta(days=4))
        assert len(play.said_in("random")) == 1


async def test_an_animator_may_ask_for_a_prompt_at_any_time(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={"nudge.yaml": NUDGE.format(mode="post")}) as play:
        await play.ask(OSCAR, "nudge now #ideas")
        await play.press(OSCAR, play.said_in("general")[-1], "Post it")
        assert len(play.said_in("ideas")) == 1
        assert "no prompt" in await play.ask(OSCAR, "nudge now #announcements")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nudge snooze #nowhere 2w", "no channel called"),
        ("nudge snooze #random soon", "no span of time"),
        ("nudge post #random no-such-prompt", "no longer there"),
    ],
)
async def test_mistakes_are_explained(tmp_path: Path, text: str, said: str) -> None:
    async with stage(tmp_path, schedules={}) as play:
        assert said in await play.ask(OSCAR, text)
        assert "animator" in await play.ask(ANN, text)


async def test_a_channel_must_be_named(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules={}) as play:
        assert "Please name the channel" in await play.ask(OSCAR, "nudge now")
        assert "Indiquez le canal" in await play.ask(ODILE, "relance pause")
        assert "no channel called “#nowhere”" in (await play.ask(OSCAR, "nudge now #nowhere")).replace("\\", "")
