"""Events of other calendars as draft items: what is understood, what is said of the rest, and what does no harm."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.calendar import Item, When
from bot.core.errors import BadInput
from bot.ical import Imported, read_events
from bot.ical.blocks import MOST_BYTES, MOST_DEPTH, MOST_EVENTS, MOST_LINE
from bot.ical.words import safe
from bot.library import links_in
from bot.timetable import Schedules, files_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PARIS_BY_ANOTHER_NAME = """BEGIN:VTIMEZONE
TZID:Heure de la maison
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def calendar(*events: str, zones: str = "") -> bytes:
    """A file of these events, each given by its inner lines."""
    inner = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{zones}{inner}END:VCALENDAR\n".encode()


def read(data: bytes, taken: set[str] | None = None) -> Imported:
    return read_events(data, to=["#general"], zone="Europe/Paris", all_day=time(9), taken=taken or set(), now=NOW)


def one(event: str, zones: str = "") -> Item:
    (item,) = read(calendar(event, zones=zones)).items
    return item


def reasons(data: bytes) -> list[tuple[int, str, str, bool]]:
    return [(each.line, each.event, each.reason, each.left_out) for each in read(data).untold]


@pytest.mark.parametrize(
    ("start", "zone", "once"),
    [
        ("DTSTART:20270105T093000", "", "2027-01-05T09:30"),
        ("DTSTART:20270105T093000Z", "Europe/Paris", "2027-01-05T10:30"),
        ("DTSTART;TZID=Europe/Lisbon:20270105T093000", "Europe/Lisbon", "2027-01-05T09:30"),
        ("DTSTART;TZID=Romance Standard Time:20270105T093000", "Europe/Paris", "2027-01-05T09:30"),
        (
            "DTSTART;TZID=/mozilla.org/20050126_1/America/New_York:20270105T093000",
            "America/New_York",
            "2027-01-05T09:30",
        ),
        ("DTSTART;TZID=Heure de la maison:20270705T093000", "Europe/Paris", "2027-07-05T09:30"),
        ("DTSTART;VALUE=DATE:20270105", "", "2027-01-05T09:00"),
    ],
)
def test_when_an_event_starts(start: str, zone: str, once: str) -> None:
    item = one(f"UID:1\nSUMMARY:Tea\n{start}", zones=PARIS_BY_ANOTHER_NAME)
    assert (item.zone, item.when) == (zone, When(once=datetime.fromisoformat(once)))


def test_a_zone_nobody_knows_is_the_workspaces_and_said_so() -> None:
    data = calendar("UID:1\nSUMMARY:Tea\nDTSTART;TZID=Moon/Base:20270105T093000")
    assert read(data).items[0].zone == "Europe/Paris"
    assert reasons(data) == [(4, "Tea", "nobody knows its time zone “Moon/Base”: taken for Europe/Paris", False)]


def test_a_series_with_days_left_out_added_and_changed() -> None:
    data = calendar(
        "UID:1\nSUMMARY:Team\nDTSTART;TZID=Europe/Paris:20270104T090000\nRRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=8\n"
        "EXDATE;TZID=Europe/Paris:20270111T090000\nRDATE;TZID=Europe/Paris:20270113T140000",
        "UID:1\nSUMMARY:Team later\nRECURRENCE-ID;TZID=Europe/Paris:20270118T090000\n"
        "DTSTART;TZID=Europe/Paris:20270119T100000",
        "UID:1\nSUMMARY:Team\nRECURRENCE-ID:20270125T080000Z\nSTATUS:CANCELLED\nDTSTART:20270125T080000Z",
    )
    series, later = read(data).items
    assert series.when == When(
        rrule="FREQ=WEEKLY;COUNT=8;BYDAY=MO",
        start=date(2027, 1, 4),
        at=time(9),
        excluded=frozenset({date(2027, 1, 11), date(2027, 1, 18), date(2027, 1, 25)}),
        also=frozenset({datetime.fromisoformat("2027-01-13T14:00")}),
    )
    assert later.when.once == datetime.fromisoformat("2027-01-19T10:00")
    assert reasons(data)[0][2] == "this time of the series is cancelled: it is left out of it"


def test_a_start_that_its_rule_leaves_out_belongs_to_the_series() -> None:
    item = one("UID:1\nSUMMARY:Odd\nDTSTART:20270105T093000\nRRULE:FREQ=WEEKLY;BYDAY=MO")
    assert item.when.also == {datetime.fromisoformat("2027-01-05T09:30")}


def test_what_cannot_be_told_is_named_with_its_line() -> None:
    data = calendar(
        "UID:1\nSUMMARY:No start",
        "UID:2\nSUMMARY:Broken\nDTSTART:2027",
        "UID:3\nSUMMARY:Secret\nCLASS:PRIVATE\nDTSTART:20270105T093000",
        "UID:4\nSUMMARY:Off\nSTATUS:CANCELLED\nDTSTART:20270105T093000",
        "UID:5\nSUMMARY:Twice\nDTSTART:20270105T093000\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
        "UID:6\nSUMMARY:Past\nDTSTART:20200105T093000",
        "UID:7\nSUMMARY:On\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270105T093000\nDTSTART:20270105T093000",
        "UID:8\nSUMMARY:Well\nDTSTART:20270105T093000",
    )
    assert reasons(data) == [
        (4, "No start", "it does not say when it starts (DTSTART)", True),
        (8, "Broken", "a date or time in it cannot be read", True),
        (13, "Secret", "it is marked as private", True),
        (19, "Off", "it is cancelled", True),
        (25, "Twice", "it repeats by several rules (RRULE): an item has one", True),
        (32, "Past", "it is over", True),
        (37, "On", "it changes this and all later times of a series: write the new series by hand", True),
    ]
    assert [item.id for item in read(data).items] == ["well"]


def test_each_item_gets_an_id_of_its_own() -> None:
    tea = "SUMMARY:Thé & café\nDTSTART:20270105T093000"
    found = read(calendar(tea, tea, "SUMMARY:🎉\nDTSTART:20270105T093000", "DTSTART:20270105T093000"), {"the-cafe"})
    assert [item.id for item in found.items] == ["the-cafe-2", "the-cafe-3", "event", "event-2"]


def test_words_are_harmless_markdown() -> None:
    item = one(
        "UID:1\nSUMMARY:Hi *all* <!channel> @everyone\nLOCATION:[Room](mention:bob)\n"
        "DESCRIPTION:# Not a heading\\n- no list\\n1. none\\n[x](mention:bob) {name} https://example.org/a_b"
        "\\nEnd &amp\\;\n"
        "DTSTART:20270105T093000"
    )
    text = item.words["fr"]
    assert text == item.words["en"]
    assert [link.address for link in links_in(text)] == ["https://example.org/a_b"]
    assert text.split("\n") == [
        "**Hi \\*all\\* \\<!channel\\> \\@everyone**",
        "",
        "📍 \\[Room\\](mention:bob)",
        "",
        "\\# Not a heading",
        "\\- no list",
        "1\\. none",
        "\\[x\\](mention:bob) \\{name\\} <https://example.org/a_b>",
        "End \\&amp;",
    ]


def test_html_in_a_description_becomes_lines() -> None:
    item = one("SUMMARY:Tea\nDESCRIPTION:<p>Come<br>all &amp\\; enjoy</p><script>x</script>\nDTSTART:20270105T093000")
    assert item.words["en"] == "**Tea**\n\nCome\nall \\& enjoy\nx"


@settings(max_examples=60, deadline=None)
@given(st.text("ab[]()<>`*_{}&~|@#-+1.\\!:/ \nhttps://mention:é", max_size=60))
def test_no_text_makes_a_link_of_ours_or_a_placeholder(text: str) -> None:
    addresses = [link.address for link in links_in(safe(text))]
    assert all(address.startswith(("http://", "https://")) for address in addresses)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an iCalendar file"),
        (b"PK\x03\x04\xff\xfe", "not UTF-8"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "line 2: BEGIN:VEVENT never ends"),
        (b"BEGIN:VCALENDAR\nEND:VEVENT\n", "line 2: END:VEVENT ends nothing"),
        (b"BEGIN:X\n" * (MOST_DEPTH + 1), "deep"),
        (b"x" * (MOST_BYTES + 1), "larger than"),
        (calendar(*["UID:1"] * (MOST_EVENTS + 1)), "more than 2,000 events"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read(data)


def test_a_hostile_event_spoils_no_other() -> None:
    data = calendar(
        "SUMMARY:Huge\nDTSTART:20270105T093000\nDESCRIPTION:" + "x" * (MOST_LINE + 1),
        "SUMMARY:Never\nDTSTART:20270105T093000\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "SUMMARY:Many\nDTSTART:20270105T093000\nRRULE:FREQ=DAILY\nEXDATE:" + ",".join(["20270105T093000"] * 600),
        "SUMMARY:Far\nDTSTART:99990105T093000",
        "SUMMARY:Well\nDTSTART:20270105T093000",
    )
    assert [item.id for item in read(data).items] == ["well"]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300) | st.text("BEGIN:VEVENTDSRUL;=,\\n \r\n20270105T09Z-é", max_size=300).map(str.encode))
def test_no_file_breaks_the_import(noise: bytes) -> None:
    for data in (noise, b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + noise + b"\nEND:VEVENT\nEND:VCALENDAR\n"):
        with contextlib.suppress(BadInput):
            assert len(read(data).items) <= 1


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=9",
        "FREQ=DAILY;INTERVAL=3;UNTIL=20270601T000000Z",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=28",
        "FREQ=WEEKLY",
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe"])
def test_the_items_have_the_moments_of_the_events(rule: str, zone: str, tmp_path: Path) -> None:
    """Against an independent computation, over both changes of the clock, through the YAML that would be written."""
    data = calendar(
        f"UID:1\nSUMMARY:Series\nDTSTART;TZID={zone}:20270107T093000\nRRULE:{rule}\n"
        f"EXDATE;TZID={zone}:20270114T093000\nRDATE;TZID={zone}:20270320T181500"
    )
    (text,) = files_of(read(data).items)
    (tmp_path / "imported.yaml").write_text(text.replace("owner:", "holidays: send\n    owner:"), encoding="utf-8")
    schedules = Schedules(tmp_path, {})
    assert schedules.load() == ()
    since = datetime(2027, 1, 1, tzinfo=UTC)
    ours = {each.at for each in schedules.between(since, since + timedelta(days=400), since)}
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(since, since + timedelta(days=400))
    theirs = {each["dtstart"].dt.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for each in found}
    assert ours == theirs
