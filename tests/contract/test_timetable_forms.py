"""The plain forms, in both languages side by side."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from bot.core.calendar import Anchor, When
from bot.core.errors import BadInput
from bot.core.span import Span
from bot.timetable import forms
from bot.timetable.recurrence import check_rule
from bot.timetable.relative import relative, span


@pytest.mark.parametrize(
    ("english", "french", "rule", "at"),
    [
        ("monday 09:30", "lundi 09:30", "FREQ=WEEKLY;BYDAY=MO", time(9, 30)),
        ("Monday at 9:30", "Lundi à 9h30", "FREQ=WEEKLY;BYDAY=MO", time(9, 30)),
        ("mondays and thursdays 09:00", "lundis et jeudis 9h", "FREQ=WEEKLY;BYDAY=MO,TH", time(9)),
        ("fri, tue 18:00", "ven, mar 18:00", "FREQ=WEEKLY;BYDAY=TU,FR", time(18)),
        ("weekday 09:00", "jour ouvré 09:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", time(9)),
        ("day 09:00", "jour 09:00", "FREQ=DAILY", time(9)),
        ("3 days 09:00", "3 jours 09:00", "FREQ=DAILY;INTERVAL=3", time(9)),
        ("2 weeks on tuesday 14:00", "2 semaines le mardi 14:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", time(14)),
        ("month on the first monday 10:00", "mois le premier lundi 10:00", "FREQ=MONTHLY;BYDAY=1MO", time(10)),
        ("month on the second tuesday 10:00", "mois le deuxième mardi 10:00", "FREQ=MONTHLY;BYDAY=2TU", time(10)),
        ("month on the third sunday 10:00", "mois le troisième dimanche 10:00", "FREQ=MONTHLY;BYDAY=3SU", time(10)),
        ("month on the fourth friday 10:00", "mois le quatrième vendredi 10:00", "FREQ=MONTHLY;BYDAY=4FR", time(10)),
        ("month on the last wednesday 10:00", "mois le dernier mercredi 10:00", "FREQ=MONTHLY;BYDAY=-1WE", time(10)),
        ("month on the 15 10:00", "mois le 15 10:00", "FREQ=MONTHLY;BYMONTHDAY=15", time(10)),
        ("month on the 1st 10:00", "mois le 1er 10:00", "FREQ=MONTHLY;BYMONTHDAY=1", time(10)),
        ("month on the last day 17:00", "mois le dernier jour 17:00", "FREQ=MONTHLY;BYMONTHDAY=-1", time(17)),
        ("3 months on the 2 8:05", "3 mois le 2 8h05", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=2", time(8, 5)),
        ("year on 06-21 10:00", "an le 21-06 10:00", "FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=21", time(10)),
        ("year on june 21 10:00", "année le 21 juin 10:00", "FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=21", time(10)),
        ("year on 1 august 10:00", "an le 1er août 10:00", "FREQ=YEARLY;BYMONTH=8;BYMONTHDAY=1", time(10)),
    ],
)
def test_every_form_in_both_languages(english: str, french: str, rule: str, at: time) -> None:
    assert forms.every(english) == forms.every(french) == When(rrule=rule, at=at)
    check_rule(forms.every(english))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mondey 09:30", "not understood"),
        ("monday", "not understood"),
        ("monday 25:00", "not a time of day"),
        ("month on the 31 10:00", "not in every month"),
        ("month on the 0 10:00", "not in every month"),
        ("an le 06-21 10:00", "not in every year"),  # Day-month after “an”.
        ("year on 02-29 10:00", "not in every year"),
        (930, "not understood"),
        (None, "not understood"),
    ],
)
def test_what_is_not_a_form_is_refused_with_a_reason(text: object, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        forms.every(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-18 10:00",
        "2026-12-18 10h",
        "2026-12-18 à 10h00",
        datetime(2026, 12, 18, 10),  # noqa: DTZ001  # As YAML gives it.
    ],
)
def test_once(text: object) -> None:
    assert forms.once(text).once == datetime(2026, 12, 18, 10)  # noqa: DTZ001  # Local by meaning.


@pytest.mark.parametrize("text", ["2026-12-18", "18/12/2026 10:00", "2026-13-01 10:00", date(2026, 12, 18), "10:00"])
def test_once_needs_a_date_and_a_time(text: object) -> None:
    with pytest.raises(BadInput, match=r"2026-12-18 10:00|2027-01-31"):
        forms.once(text)


@pytest.mark.parametrize(
    "text", ["3 tuesday 10:00", "3 mardi 10:00", "semaine 3 le mardi à 10h", "week 3 on tuesday 10:00"]
)
def test_a_week_of_a_launch(text: str) -> None:
    start = date(2027, 1, 4)
    assert forms.launch_week(text, start) == When(week=3, weekday=1, at=time(10), start=start)


@pytest.mark.parametrize("text", ["tuesday 10:00", "0 tuesday 10:00", "3 tuesday", "521 monday 10:00"])
def test_a_week_of_a_launch_needs_its_parts(text: str) -> None:
    with pytest.raises(BadInput):
        forms.launch_week(text, None)


ARRIVAL, PROBATION_END = Anchor.ARRIVAL, Anchor.PROBATION_END
NINE = time(9)


@pytest.mark.parametrize(
    ("english", "french", "expected"),
    [
        ("30 days from arrival", "30 jours après l'arrivée", When(relative_to=ARRIVAL, offset=Span(days=30), at=NINE)),
        (
            "a week after their arrival",
            "une semaine après son arrivée",
            When(relative_to=ARRIVAL, offset=Span(days=7), at=NINE),
        ),
        ("arrival", "jour de l’arrivée", When(relative_to=ARRIVAL, at=NINE)),
        ("3 months arrival", "3 mois arrivée", When(relative_to=ARRIVAL, offset=Span(months=3), at=NINE)),
        (
            "1 week before the end of probation",
            "1 semaine avant la fin de la période d'essai",
            When(relative_to=PROBATION_END, offset=Span(days=-7), at=NINE),
        ),
        (
            "1 month and 2 days after the end of their probation period",
            "1 mois et 2 jours après la fin de sa période d’essai",
            When(relative_to=PROBATION_END, offset=Span(months=1, days=2), at=NINE),
        ),
        ("end of probation", "fin d'essai", When(relative_to=PROBATION_END, at=NINE)),
        ("3 days after open-day", "3 jours après open-day", When(event="open-day", offset=Span(days=3), at=NINE)),
        ("2 weeks before a.b_1", "2 semaines avant a.b_1", When(event="a.b_1", offset=Span(days=-14), at=NINE)),
        ("a year after open-day", "un an après open-day", When(event="open-day", offset=Span(months=12), at=NINE)),
    ],
)
def test_what_counts_from_a_day_or_an_item_in_both_languages(english: str, french: str, expected: When) -> None:
    assert relative(english, "after", NINE) == relative(french, "after", NINE) == expected


def test_the_key_says_the_direction_where_the_words_do_not() -> None:
    assert relative("3 days open-day", "before", None) == When(event="open-day", offset=Span(days=-3))
    assert relative("3 days open-day", "after", None) == When(event="open-day", offset=Span(days=3))
    assert relative("2 hours open-day", "before", None) == When(event="open-day", offset=Span(minutes=-120))


@pytest.mark.parametrize(
    ("text", "key", "at", "reason"),
    [
        ("3 days after open-day", "before", NINE, "counts forwards"),
        ("3 days before arrival", "before", NINE, "nobody knows before"),
        ("3 days from arrival", "after", None, "at what time"),
        ("3 hours from arrival", "after", NINE, "whole days"),
        ("3 hours before open-day", "before", NINE, "leave out “at”"),
        ("3 fortnights after open-day", "after", NINE, "is not arrival"),
        ("9999 years after open-day", "after", NINE, "longer than a hundred years"),
        ("", "after", NINE, "not understood"),
    ],
)
def test_what_counts_from_nothing_known_is_refused(text: str, key: str, at: time | None, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        relative(text, key, at)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 months", Span(months=3)),
        ("3 mois", Span(months=3)),
        ("90 days", Span(days=90)),
        ("1 year and 2 weeks", Span(months=12, days=14)),
        ("4 months, 1 day", Span(months=4, days=1)),
        ("1h 30 min", Span(minutes=90)),
    ],
)
def test_lengths_of_time_on_the_calendar(text: str, expected: Span) -> None:
    assert span(text) == expected


@pytest.mark.parametrize("text", ["", "3", "months", "-3 months", 3, "3 moons"])
def test_a_length_of_time_needs_numbers_and_units(text: object) -> None:
    with pytest.raises(BadInput, match="not a length of time"):
        span(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", timedelta(hours=2)),
        ("1h30", timedelta(hours=1, minutes=30)),
        ("1,5 heures", timedelta(hours=1.5)),
        ("45 min", timedelta(minutes=45)),
        ("3 days", timedelta(days=3)),
        ("3 jours", timedelta(days=3)),
        ("2 semaines", timedelta(weeks=2)),
        ("1 day and 2 hours", timedelta(days=1, hours=2)),
        ("1 jour et 2 heures", timedelta(days=1, hours=2)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert forms.duration(text) == expected


@pytest.mark.parametrize("text", ["", "2", 2, "soon", "2 fortnights", "h", "-2h"])
def test_a_duration_needs_its_unit(text: object) -> None:
    with pytest.raises(BadInput, match="not a duration"):
        forms.duration(text)
