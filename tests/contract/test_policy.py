"""Who may say what, when and how much: pure decisions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.community import Hours
from bot.core.delivery import Kind
from bot.core.policy import (
    Attention,
    Go,
    HoldBack,
    PolicyRules,
    Verdict,
    Wait,
    is_open,
    judge,
    next_open,
    start_of_day,
    with_hours,
)

PARIS = "Europe/Paris"
TUESDAY_TEN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""Ten o'clock in Paris."""
UNASKED = [kind for kind in Kind if kind.unasked]
RULES = PolicyRules()


def ask(kind: Kind = Kind.POST, now: datetime = TUESDAY_TEN, rules: PolicyRules = RULES, **more: object) -> Verdict:
    facts: dict[str, object] = {
        "planned_for": now,
        "expires": None,
        "zone": PARIS,
        "attention": Attention(),
        "direct": False,
        **more,
    }
    return judge(kind, now=now, rules=rules, **facts)  # type: ignore[arg-type]


def paris(text: str) -> datetime:
    """A moment given by the clock in Paris in winter."""
    return (datetime.fromisoformat(text) - timedelta(hours=1)).replace(tzinfo=UTC)


@pytest.mark.parametrize("kind", UNASKED)
def test_unasked_goes_in_working_hours_with_room(kind: Kind) -> None:
    assert ask(kind) == Go()


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.NOTICE])
def test_what_was_asked_for_always_goes(kind: Kind) -> None:
    night = paris("2026-11-29 03:00")
    until = night + timedelta(days=30)
    verdict = ask(kind, night, attention=Attention(99, 99), direct=True, muted_until=until, away_until=until)
    assert verdict == Go()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24 19:00", "2026-11-25 08:00"),  # The evening begins at seven exactly.
        ("2026-11-24 07:59", "2026-11-24 08:00"),
        ("2026-11-27 20:00", "2026-11-30 08:00"),  # Friday evening to Monday.
        ("2026-11-28 12:00", "2026-11-30 08:00"),
    ],
)
def test_quiet_hours_and_weekends_wait_for_the_morning(now: str, until: str) -> None:
    assert ask(now=paris(now)) == Wait(paris(until), "quiet_hours")


def test_the_morning_is_that_of_the_zone() -> None:
    evening = paris("2026-11-24 20:00")
    assert ask(now=evening, zone="America/New_York") == Go()
    assert ask(now=TUESDAY_TEN, zone="America/New_York") == Wait(datetime(2026, 11, 24, 13, tzinfo=UTC), "quiet_hours")


def test_holidays_are_like_sundays() -> None:
    rules = PolicyRules(holidays=(date(2026, 12, 24), date(2026, 12, 25)))
    assert ask(now=paris("2026-12-23 20:00"), rules=rules, expires=paris("2027-01-10 00:00")) == Wait(
        paris("2026-12-28 08:00"), "quiet_hours"
    )


def test_a_whole_month_of_holidays_is_waited_out() -> None:
    rules = PolicyRules(holidays=tuple(date(2027, 8, day) for day in range(1, 32)))
    assert next_open(datetime(2027, 8, 1, tzinfo=UTC), rules, PARIS) == datetime(2027, 9, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(("direct", "day", "week"), [(False, 3, 10), (True, 2, 6)])
def test_budgets_of_day_and_week(direct: bool, day: int, week: int) -> None:
    tomorrow = paris("2026-11-25 08:00")
    assert ask(attention=Attention(day - 1, week - 1), direct=direct) == Go()
    assert ask(attention=Attention(day, week - 1), direct=direct) == Wait(tomorrow, "day_budget")
    assert ask(attention=Attention(0, week), direct=direct) == Wait(tomorrow, "week_budget")


def test_greetings_in_a_channel_have_a_budget_of_their_own() -> None:
    greeted = Attention(day=5, week=9, welcomes_day=3, welcomes_week=7)
    tomorrow = paris("2026-11-25 08:00")
    assert ask(Kind.POST, attention=greeted) == Go()
    assert ask(Kind.WELCOME, attention=greeted) == Wait(tomorrow, "welcome_budget")
    assert ask(Kind.WELCOME, attention=Attention(9, 30, 2, 30)) == Go()
    # To a person, a welcome is a message like others.
    assert ask(Kind.WELCOME, attention=Attention(2, 2, 2, 2), direct=True) == Wait(tomorrow, "day_budget")


@pytest.mark.parametrize("kind", [Kind.POST, Kind.PROMPT, Kind.FEED])
def test_what_has_no_room_is_moved_merged_or_dropped_as_configured(kind: Kind) -> None:
    full, soon = Attention(3, 3), TUESDAY_TEN + timedelta(hours=2)
    tomorrow = paris("2026-11-25 08:00")
    digest, drop = PolicyRules(overflow="digest"), PolicyRules(overflow={kind: "drop"})
    assert ask(kind, attention=full) == Wait(tomorrow, "day_budget")
    # For a digest its own end no longer counts, patience does.
    assert ask(kind, attention=full, rules=digest, expires=soon) == Wait(tomorrow, "for_digest")
    long_ago = TUESDAY_TEN - timedelta(days=3, hours=20)
    assert ask(kind, attention=full, rules=digest, planned_for=long_ago) == HoldBack("day_budget")
    assert ask(kind, attention=Attention(), rules=digest, expires=TUESDAY_TEN - RULES.patience, for_digest=True) == Go()
    assert ask(kind, attention=full, rules=drop) == HoldBack("day_budget")
    assert ask(kind, attention=Attention(0, 10), rules=drop) == HoldBack("week_budget")
    assert ask(kind, attention=Attention(1, 1), rules=drop, reserved=2) == HoldBack("outranked")
    assert ask(kind, attention=Attention(1, 1), rules=drop, reserved=1) == Go()
    assert ask(kind, attention=Attention(1, 1), reserved=2) == Go()


def test_one_word_for_all_is_about_what_can_wait() -> None:
    assert PolicyRules(overflow="drop").overflow_of(Kind.JOURNEY) == "move"
    assert PolicyRules(overflow="drop").overflow_of(Kind.FEED) == "drop"
    assert PolicyRules(overflow={Kind.JOURNEY: "drop"}).overflow_of(Kind.FEED) == "move"


def test_the_night_does_not_end_the_waiting_for_a_digest() -> None:
    night = paris("2026-11-24 21:00")
    assert ask(now=night, for_digest=True, expires=night) == Wait(paris("2026-11-25 08:00"), "for_digest")


def test_patience_ends_the_waiting() -> None:
    friday = paris("2026-11-27 20:00")
    long_ago = friday - timedelta(days=3)
    assert ask(now=friday, planned_for=long_ago) == HoldBack("quiet_hours")
    assert ask(now=friday, planned_for=friday - timedelta(days=5)) == HoldBack("expired")


def test_expiry_ends_the_waiting_before_patience_does() -> None:
    soon = TUESDAY_TEN + timedelta(hours=2)
    assert ask(attention=Attention(3, 3), expires=soon) == HoldBack("day_budget")
    assert ask(now=soon, expires=soon) == Go()
    assert ask(now=soon + timedelta(seconds=1), expires=soon) == HoldBack("expired")


def test_mute_and_absence() -> None:
    tomorrow = TUESDAY_TEN + timedelta(days=1)
    assert ask(direct=True, muted_until=tomorrow) == HoldBack("muted")
    assert ask(direct=True, muted_until=TUESDAY_TEN) == Go()
    assert ask(direct=True, away_until=tomorrow) == Wait(tomorrow, "away")
    assert ask(direct=True, away_until=TUESDAY_TEN + timedelta(days=30)) == HoldBack("away")


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_goes_where_nobody_is(kind: Kind) -> None:
    assert ask(kind, active=False) == HoldBack("gone")


def test_hours_that_open_in_a_skipped_hour() -> None:
    rules = PolicyRules(quiet_from=time(22), quiet_to=time(2, 30), working_days=(6,))
    assert next_open(datetime(2027, 3, 27, 12, tzinfo=UTC), rules, PARIS) == datetime(2027, 3, 28, 1, tzinfo=UTC)


def test_no_quiet_hours_at_all() -> None:
    rules = PolicyRules(quiet_from=time(0), quiet_to=time(0))
    assert ask(now=paris("2026-11-24 03:00"), rules=rules) == Go()


def test_the_day_of_a_budget_begins_at_midnight_of_the_zone() -> None:
    assert start_of_day(paris("2026-11-24 00:30"), PARIS) == paris("2026-11-24 00:00")
    assert start_of_day(datetime(2026, 11, 24, 3, tzinfo=UTC), "America/New_York") == datetime(
        2026, 11, 23, 5, tzinfo=UTC
    )


def test_quiet_hours_at_noon_leave_the_morning_open() -> None:
    rules = PolicyRules(quiet_from=time(12), quiet_to=time(14))
    assert next_open(paris("2026-11-29 09:00"), rules, PARIS) == paris("2026-11-30 00:00")
    assert next_open(paris("2026-11-30 12:30"), rules, PARIS) == paris("2026-11-30 14:00")


def test_no_quiet_hours_open_at_midnight() -> None:
    rules = PolicyRules(quiet_from=time(9), quiet_to=time(9))
    assert next_open(paris("2026-11-29 09:00"), rules, PARIS) == paris("2026-11-30 00:00")


def test_hours_that_open_in_an_hour_shown_twice() -> None:
    """The clock shows 02:00 to 02:59 twice on 31 October 2027: open from 02:30, quiet again when it goes back."""
    rules = PolicyRules(quiet_from=time(22), quiet_to=time(2, 30), working_days=tuple(range(7)))
    first, again = datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert next_open(first - timedelta(minutes=9), rules, PARIS) == first
    assert next_open(again - timedelta(minutes=9), rules, PARIS) == again


def test_hours_of_ones_own() -> None:
    own = with_hours(PolicyRules(country="FR", region="57"), Hours(quiet_from=time(16), working_days=(0, 1)))
    assert (own.quiet_from, own.quiet_to, own.working_days, own.days) == (time(16), time(8), (0, 1), "FR-57/01")
    assert with_hours(own, Hours()) == own


ZONES = [PARIS, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago"]
"""Santiago's clocks change at midnight, Lord Howe's by half an hour."""
_clock = st.times().map(lambda at: at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0))
_changes = [datetime(2026, 3, 29), datetime(2026, 4, 4), datetime(2026, 9, 5), datetime(2026, 10, 25)]  # noqa: DTZ001


@st.composite
def rules_of_any_kind(draw: st.DrawFn) -> PolicyRules:
    return PolicyRules(
        quiet_from=draw(_clock),
        quiet_to=draw(_clock),
        working_days=tuple(draw(st.sets(st.integers(0, 6), min_size=1))),
        holidays=tuple(draw(st.sets(st.dates(date(2026, 3, 28), date(2026, 4, 8)), max_size=4))),
    )


def opens(moment: datetime, rules: PolicyRules, zone: str) -> bool:
    """Whether the bot may speak, read off the clock on the wall."""
    local = moment.astimezone(ZoneInfo(zone))
    minutes, quiet, open_ = (each.hour * 60 + each.minute for each in (local, rules.quiet_from, rules.quiet_to))
    asleep = (minutes - quiet) % 1440 < (open_ - quiet) % 1440
    return not asleep and local.weekday() in rules.working_days and local.date() not in rules.holidays


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(_changes).flatmap(lambda day: st.datetimes(day - timedelta(days=2), day + timedelta(days=2))),
    st.sampled_from(ZONES),
    rules_of_any_kind(),
)
def test_the_next_opening_is_the_first_open_minute(moment: datetime, zone: str, rules: PolicyRules) -> None:
    now = moment.replace(second=0, microsecond=0, tzinfo=UTC)
    opening = next_open(now, rules, zone)
    minute = now
    while not opens(minute, rules, zone) and minute - now < timedelta(days=30):
        minute += timedelta(minutes=1)
    assert opening == minute
    assert is_open(now, rules, zone) == opens(now, rules, zone)
