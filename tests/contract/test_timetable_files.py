"""schedules/ as people write it: what it may say, what is said of mistakes, and that a mistake changes nothing."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.calendar import Audience, Missed
from bot.core.planning import CalendarRules
from bot.core.policy import PolicyRules
from bot.core.publishing import PublishingRules
from bot.timetable import Schedules

INSTALLED = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    after: timedelta
    page: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """A feature's rules with everything they may hold."""

    quiet: timedelta = timedelta(days=3)
    at: time = time(10)
    days: tuple[int, ...] = (0,)
    ask_first: bool = True
    until: date | None = None
    steps: tuple[Step, ...] = ()
    by_channel: dict[str, timedelta] = field(default_factory=dict)


class Folder:
    """A folder of schedules to write into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schedules = Schedules(path, {"policy": PolicyRules, "rhythm": Rhythm})

    def write(self, text: str, name: str = "a.yaml") -> list[str]:
        """Write a file and load; returns the problems as people see them."""
        (self.path / name).write_text(text, encoding="utf-8")
        return [str(problem) for problem in self.schedules.load()]

    def item(self, lines: str) -> list[str]:
        return self.write(f'items:\n  - id: one\n    to: "#general"\n    words: page\n    {lines}\n')


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_an_item_with_everything(folder: Folder) -> None:
    problems = folder.write(
        """
items:
  - id: friday-thanks
    chaque: 2 semaines le vendredi 09:30
    depuis: 2027-01-01
    jusqu'au: 2027-06-30
    sauf: [2027-01-15]
    to: ["#general", "tag:everyone", random]
    words: {en: "Thanks!", fr: "Merci !"}
    zone: America/New_York
    owner: sponsor
    missed: ask
    grace: 1h30
"""
    )
    assert problems == []
    item = folder.schedules.item("friday-thanks")
    assert item is not None
    assert item.to == ("#general", "tag:everyone", "#random")
    assert item.words == {"en": "Thanks!", "fr": "Merci !"}
    assert (item.owner, item.missed, item.grace) == ("sponsor", Missed.ASK, timedelta(hours=1, minutes=30))
    assert (item.file, item.line) == ("a.yaml", 3)
    assert item.said.startswith("chaque: 2 semaines le vendredi 09:30, depuis: 2027-01-01")
    # Every second Friday from 1 January on, at half past nine in New York, without the 15th.
    first = folder.schedules.next(item, INSTALLED, INSTALLED)
    assert first == datetime(2027, 1, 1, 14, 30, tzinfo=UTC)
    assert folder.schedules.next(item, first, INSTALLED) == datetime(2027, 1, 29, 14, 30, tzinfo=UTC)


def test_whom_an_item_is_for(folder: Folder) -> None:
    problems = folder.write(
        """
items:
  - {id: one, every: monday 10:00, to: ["#general", "tag:social", "@Managers", "@tous"], words: page}
  - {id: two, after: 30 days from arrival, at: "09:30", to: "@personne", words: page}
"""
    )
    assert problems == []
    one, two = folder.schedules.items()
    assert (one.channels, one.audiences) == (("#general", "tag:social"), (Audience.MANAGERS, Audience.EVERYONE))
    assert (two.channels, two.audiences) == ((), (Audience.PERSON,))
    assert two.personal
    assert not one.personal


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'every: monday 10:00\n    to: "@manager"',
            "a.yaml:5: “@manager” is not known here (did you mean “@managers”?)",
        ),
        ('every: monday 10:00\n    to: "@nobody-at-all"', "known are: @everyone, @managers"),
        ('every: monday 10:00\n    to: "@person"', "“@person” goes with “after: 30 days from arrival”"),
        ('after: 1 day from arrival\n    at: 9:00\n    to: "#general"', 'address it to that person: to: "@person"'),
        ('after: 1 day from arrival\n    at: 9:00\n    to: ["@person", "@managers"]', "goes to others too"),
        ("every: monday 10:00\n    to: x\n    holidays: never", "a.yaml:6: “never” is not known here (use send, skip"),
        ("every: monday 10:00\n    to: x\n    also: 2027-05-10", "“also”: “2027-05-10” is not a date and a time"),
        ("every: monday 10:00\n    to: x\n    except: soon", "“except”: “soon” is not a date"),
        ("on: 2027-05-10 10:00\n    to: x\n    also: 2027-05-11 10:00", "“also” goes with every and rrule only"),
        ("after: 1 day from arrival\n    at: noon\n    to: x", "“at”: “noon” is not a time"),
    ],
)
def test_mistakes_in_whom_and_when(folder: Folder, lines: str, expected: str) -> None:
    problems = folder.write(f"items:\n  - id: one\n    words: page\n    {lines}\n")
    assert any(expected in problem for problem in problems), problems


def test_days_and_moments_left_out_and_added(folder: Folder) -> None:
    assert (
        folder.item(
            "rrule: FREQ=DAILY;BYHOUR=9,15\n    at: 9:00\n    from: 2027-05-03\n    until: 2027-05-06\n"
            "    except: [2027-05-04, 2027-05-05 15:00]\n    also: [2027-05-04 12:00]"
        )
        == []
    )
    item, found, after = folder.schedules.items()[0], [], INSTALLED
    while (moment := folder.schedules.next(item, after, INSTALLED)) is not None:
        found.append(f"{moment:%d %H}")
        after = moment
    assert found == ["03 07", "03 13", "04 10", "05 07", "06 07", "06 13"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("policy:\n  country: FX", "a.yaml:2: “country”: no public holidays are known for the country “FX”"),
        ("policy:\n  country: FR\n  region: Mosele", "a.yaml:3: “region”: “Mosele” is not a region of FR"),
        ("policy:\n  region: 57", "a.yaml:2: “region”: “region” needs “country”"),
        ("policy:\n  probation: 3 moons", "“probation”: “3 moons” is not a length of time"),
        ("channels:\n  general:\n    country: XX", "a.yaml:3: “country”: no public holidays"),
        ("channels:\n  general:\n    working_days: []", "must name at least one day"),
        ("channels:\n  general:\n    quiet_from: evening", "“quiet_from”: “evening” is not a time"),
        (
            "policy:\n  country: FR\nchannels:\n  metz:\n    region: Metz",
            "a.yaml:3: channel “metz”, “region”: “Metz” is not a region",
        ),
    ],
)
def test_mistakes_in_holidays_and_hours(folder: Folder, text: str, expected: str) -> None:
    problems = folder.write(text)
    assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    "when",
    [
        "on: 2026-12-18 10:00",
        '"on": "2026-12-18 10:00"',
        "on: 2026-12-18 10:00:00",
        "le: 2026-12-18 10h",
        "week: 4 friday 10:00",
    ],
)
def test_yaml_traps_around_a_moment(folder: Folder, when: str) -> None:
    assert folder.item(when) == []
    item = folder.schedules.items()[0]
    assert folder.schedules.next(item, INSTALLED, INSTALLED) == datetime(2026, 12, 18, 9, tzinfo=UTC)


@pytest.mark.parametrize("at", ["19:30", '"19:30"', "19h30"])
def test_times_with_and_without_quotes(folder: Folder, at: str) -> None:
    assert folder.item(f"rrule: FREQ=DAILY\n    at: {at}") == []
    assert folder.schedules.items()[0].when.at == time(19, 30)
    assert folder.write(f"policy:\n  quiet_from: {at}\n  quiet_to: 8:00\n", "p.yaml") == []
    assert folder.schedules.rules(PolicyRules).quiet_from == time(19, 30)
    assert folder.schedules.rules(PolicyRules).quiet_to == time(8)


def test_starts_of_a_launch(folder: Folder) -> None:
    text = 'starts: {}\nitems:\n  - {{id: one, week: 1 monday 10:00, to: "#general", words: page}}\n'
    for starts, expected in (("2027-01-06", 4), ("installation", 23), ("Installation", 23)):
        assert folder.write(text.format(starts)) == []
        found = folder.schedules.next(folder.schedules.items()[0], datetime(2026, 1, 1, tzinfo=UTC), INSTALLED)
        assert found is not None
        assert found.day == expected


def test_between_gives_every_occurrence_in_order_the_end_left_out(folder: Folder) -> None:
    folder.write(
        'items:\n  - {id: b, every: day 10:00, to: "#g", words: p}\n  - {id: a, every: day 10:00, to: "#g", words: p}\n'
    )
    since = datetime(2026, 11, 24, 9, tzinfo=UTC)
    found = folder.schedules.between(since, since + timedelta(days=1), INSTALLED)
    assert [(each.item.id, each.at) for each in found] == [("a", since), ("b", since)]


def test_items_without_a_zone_take_that_of_the_policy(folder: Folder) -> None:
    folder.item("every: day 10:00")
    folder.write("policy: {zone: Asia/Tokyo}", "p.yaml")
    assert folder.schedules.next(folder.schedules.items()[0], INSTALLED, INSTALLED) == datetime(
        2026, 11, 24, 1, tzinfo=UTC
    )


def test_rules_as_people_write_them(folder: Folder) -> None:
    problems = folder.write(
        """
rhythm:
  quiet: 2 jours
  at: 9h
  days: [lundi, wednesday, 4]
  ask_first: no
  until: 2027-01-31
  steps:
    - {after: 1 day, page: welcome}
    - {after: 3h, zone: Europe/Paris}
  by_channel: {general: 5 days}
"""
    )
    assert problems == []
    assert folder.schedules.rules(Rhythm) == Rhythm(
        quiet=timedelta(days=2),
        at=time(9),
        days=(0, 2, 4),
        ask_first=False,
        until=date(2027, 1, 31),
        steps=(Step(after=timedelta(days=1), page="welcome"), Step(after=timedelta(hours=3), zone="Europe/Paris")),
        by_channel={"general": timedelta(days=5)},
    )


def test_rules_that_nobody_wrote_are_the_defaults(folder: Folder) -> None:
    assert folder.write("rhythm:\n") == []
    assert folder.schedules.rules(Rhythm) == Rhythm()
    assert folder.schedules.rules(PolicyRules) == PolicyRules()


def test_channels(folder: Folder) -> None:
    assert folder.write("channels:\n  Général: {tags: everyone, language: fr, one_way: true}\n  bare:\n") == []
    rules = folder.schedules.channel("#GÉNÉRAL")
    assert rules is not None
    assert (rules.tags, rules.language, rules.one_way) == (("everyone",), "fr", True)
    assert folder.schedules.channel("bare") is not None
    assert folder.schedules.channel("other") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "items:\n  - id: one\n    every: mondey 09:30\n    to: x\n    words: p",
            "a.yaml:3: “every”: “mondey 09:30” is not understood",
        ),
        (
            "items:\n  - id: one\n    every: day 09:30\n    to: #general\n    words: p",
            "a.yaml:4: the item does not say “to”",
        ),
        ("items:\n  - every: day 09:30\n    to: x\n    words: p", "a.yaml:2: the item has no “id”"),
        ("items:\n  - {id: One!, every: day 09:30, to: x, words: p}", "“One!” is not an id"),
        ("items:\n  - {id: one, to: x, words: p}", "the item does not say when (give exactly one of"),
        (
            "items:\n  - {id: one, every: day 9:00, on: 2027-01-01 9:00, to: x, words: p}",
            "in several ways: every and on",
        ),
        ("items:\n  - {id: one, every: day 9:00, chaque: jour 9:00, to: x, words: p}", "says again what “every” says"),
        ("items:\n  - {id: one, evry: day 9:00, to: x, words: p}", "“evry” is not known here (did you mean “every”?)"),
        ("items:\n  - {id: one, on: 2027-01-01, to: x, words: p}", "is not a date and a time such as 2026-12-18 10:00"),
        ("items:\n  - {id: one, rrule: FREQ=DAILY, to: x, words: p}", "add at: "),
        ("items:\n  - {id: one, rrule: FREQ=MINUTELY, at: 9:00, to: x, words: p}", "far too often"),
        ("items:\n  - {id: one, every: day 9:00, at: 9:00, to: x, words: p}", "“at” goes with rrule, before and after"),
        (
            "items:\n  - {id: one, on: 2027-01-01 9:00, until: 2027-02-01, to: x, words: p}",
            "goes with every and rrule only",
        ),
        ("items:\n  - {id: one, every: day 9:00, except: [soon], to: x, words: p}", "“except”: “soon” is not a date"),
        ("items:\n  - {id: one, every: day 9:00, to: x}", "the item has no “words”"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: Hello there}", "not the name of a page"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: ../../etc/passwd}", "not the name of a page"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: {de: Hallo}}", "“de” is not a language"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: {en: ''}}", "the text under “en” is empty"),
        (
            "items:\n  - {id: one, every: day 9:00, to: x, words: p, zone: Paris}",
            "no time zone “Paris” (use an IANA name",
        ),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: p, zone: ../x}", "no time zone “../x”"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: p, grace: 2}", "“grace”: “2” is not a duration"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: p, missed: never}", "use late, skip or ask"),
        ("items:\n  - {id: one, every: day 9:00, to: [a b], words: p}", "one with a space"),
        ("items:\n  - {id: one, every: day 9:00, to: x, words: p, owner: [a]}", "“owner” must be text"),
        ("items:\n  - just words", "an item must be a mapping"),
        ("items: none", "“items” must be a list"),
        ("starts: soon\nitems: []", "a.yaml:1: “starts”: “soon” is not a date"),
        ("itmes: []", "“itmes” is not known here (did you mean “items”?)"),
        ("- one\n- two", "must be a mapping"),
        ("items:\n\t- id: one", "a.yaml:2: is not valid YAML"),
        ("policy:\n  zone: Mars/Base", "a.yaml:2: there is no time zone “Mars/Base”"),
        ("policy:\n  zone: ''", "“zone” is empty"),
        (
            "policy:\n  threshold: 3",
            "a.yaml:2: “threshold” is 3: figures about so few people would show persons (use 5 or more)",
        ),
        ("policy:\n  quiet_from: evening", "a.yaml:2: “quiet_from”: “evening” is not a time"),
        ("policy:\n  patience: 4", "“patience”: “4” is not a duration"),
        ("policy:\n  patience: 0 days", "must be longer than nothing"),
        ("policy:\n  keep_events: 1 day", "“keep_events” is too short: a platform may deliver an event again"),
        ("policy:\n  keep_signals: 8 weeks", "a.yaml:2: “keep_signals” is too short"),
        ("policy:\n  channel_day: many", "a.yaml:2: “channel_day” must be a whole number"),
        ("policy:\n  channel_day: -1", "“channel_day” is below 0"),
        ("policy:\n  working_days: [someday]", "“working_days.0” must be a whole number"),
        ("policy:\n  working_days: []", "must name at least one day"),
        (
            "policy:\n  overflow: squeeze",
            "“squeeze” is not known (use one of move, digest, drop)",
        ),
        ("policy:\n  overflow:\n    feed: squeeze", "a.yaml:3: “overflow”: “squeeze” is not known"),
        ("policy:\n  overflow: {song: drop}", "“song” is not known here"),
        ("policy:\n  overflow: {answer: drop}", "“answer” is not known here (known are: feed, journey"),
        ("policy:\n  overflow: {journey: digest}", "cannot be told in a digest (write move or drop)"),
        ("policy:\n  welcome_day: -1", "“welcome_day” is below 0"),
        ("policy:\n  quite_from: 19:00", "did you mean “quiet_from”?"),
        ("policy: strict", "a.yaml:1: “policy” must be a mapping"),
        ("rhythm:\n  steps:\n    - after: 1 day\n      zone: Mars/Base", "a.yaml:4: there is no time zone"),
        ("rhythm:\n  steps:\n    - page: x", "“steps.0.after” is missing"),
        ("channels:\n  general: {language: de}", "a.yaml:2: “language” "),
        ("channels:\n  general:\n    zone: Mars/Base", "a.yaml:3: there is no time zone"),
        ("channels:\n  general: {colour: red}", "“colour” is not known here"),
        ("channels: [general]", "“channels” must be a mapping"),
    ],
)
def test_mistakes_are_named_with_line_reason_and_mend(folder: Folder, text: str, expected: str) -> None:
    problems = folder.write(text)
    assert any(expected in problem for problem in problems), problems
    assert folder.schedules.items() == []
    assert folder.schedules.rules(PolicyRules) == PolicyRules()


def test_every_mistake_of_a_file_is_named_at_once(folder: Folder) -> None:
    problems = folder.write("items:\n  - {id: A, every: never, words: p}\n  - {id: b}\npolicy: {threshold: 1}\n")
    assert len(problems) == 7


def test_a_broken_file_keeps_what_it_said_and_the_others_change(folder: Folder) -> None:
    folder.item("every: day 10:00")
    folder.write("policy: {channel_day: 1}", "p.yaml")
    (folder.path / "p.yaml").write_text("policy: {channel_day: 2}")
    problems = folder.item("every: mondey 10:00")
    assert len(problems) == 1
    assert [item.said for item in folder.schedules.items()] == ["every: day 10:00"]
    assert folder.schedules.rules(PolicyRules).channel_day == 2
    assert folder.item("every: monday 11:00") == []
    assert [item.said for item in folder.schedules.items()] == ["every: monday 11:00"]
    (folder.path / "a.yaml").unlink()
    assert folder.schedules.load() == ()
    assert folder.schedules.items() == []


def test_two_files_with_one_id_the_newcomer_is_wrong(folder: Folder) -> None:
    one = 'items:\n  - {{id: {}, every: day {}, to: "#g", words: p}}\n'
    assert folder.write(one.format("x", "10:00"), "z.yaml") == []
    problems = folder.write(one.format("x", "11:00"), "a.yaml")
    assert problems == ["a.yaml:2: the id “x” is already used in z.yaml, line 2 (give each item its own id)"]
    assert [item.file for item in folder.schedules.items()] == ["z.yaml"]
    assert folder.write(one.format("y", "11:00"), "a.yaml") == []
    assert len(folder.write(one.format("x", "12:00"), "a.yaml")) == 1
    assert [(item.id, item.file) for item in folder.schedules.items()] == [("x", "z.yaml"), ("y", "a.yaml")]


def test_two_files_with_one_rule_or_channel(folder: Folder) -> None:
    folder.write("policy: {channel_day: 1}\nchannels: {general: {tags: a}}")
    problems = folder.write("\npolicy: {channel_day: 2}\nchannels: {General: {tags: b}}", "b.yaml")
    assert problems[0].startswith("b.yaml:2: “policy” is already given in a.yaml")
    assert problems[1].startswith("b.yaml:3: the channel “general” is already described in a.yaml")
    assert folder.schedules.rules(PolicyRules).channel_day == 1


def test_one_id_twice_in_a_file(folder: Folder) -> None:
    line = '  - {id: x, every: day 10:00, to: "#g", words: p}\n'
    assert folder.write(f"items:\n{line}{line}") == [
        "a.yaml:3: the id “x” is already used on line 2 (give each item its own id)"
    ]


def test_check_also_names_missing_words_and_unknown_places_and_changes_nothing(folder: Folder) -> None:
    text = """
channels:
  general: {tags: [everyone]}
items:
  - {id: one, every: day 10:00, to: ["#generall", "tag:everybody"], words: hello}
  - {id: two, every: day 10:00, to: ["#General", "tag:Everyone"], words: {fr: Bonjour}}
"""
    (folder.path / "a.yaml").write_text(text)
    problems = [
        str(problem)
        for problem in folder.schedules.check(lambda name, language: (name, language) == ("calendar/hello", "fr"))
    ]
    assert problems == [
        "a.yaml:5: no channel has the tag “everybody” (see channels.yaml)",
        "a.yaml:5: the channel “#generall” is not named under channels (see channels.yaml)",
        "a.yaml:5: the words “hello” do not exist in “en” (write content/calendar/hello.en.md)",
        "a.yaml:6: the words of “two” are not there in “en” (add them under en:)",
    ]
    assert folder.schedules.items() == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = Schedules(tmp_path / "gone", {})
    assert [problem.file for problem in missing.load()] == ["gone"]
    assert missing.fingerprint == ""


def test_hidden_and_other_files_are_left_alone(folder: Folder) -> None:
    (folder.path / ".#a.yaml").write_text("broken: [")
    (folder.path / "README.md").write_text("# Words")
    (folder.path / "sub.yaml").mkdir()
    assert folder.write("") == []


def test_the_fingerprint_changes_with_any_file(folder: Folder) -> None:
    folder.write("policy: {}")
    seen = {folder.schedules.fingerprint}
    assert folder.schedules.fingerprint in seen
    folder.write("policy: { }")
    seen.add(folder.schedules.fingerprint)
    os.utime(folder.path / "a.yaml", (1, 1))
    seen.add(folder.schedules.fingerprint)
    (folder.path / "a.yaml").rename(folder.path / "b.yaml")
    seen.add(folder.schedules.fingerprint)
    assert len(seen) == 4


def test_the_starter_policy_is_the_default_one() -> None:
    """Its remarks describe what happens without the file, too; but only the file can know the country."""
    starter = Path(__file__).parents[2] / "schedules" / "policy.yaml"
    kinds = {"policy": PolicyRules, "publishing": PublishingRules, "calendar": CalendarRules}
    schedules = Schedules(starter.parent, kinds)
    schedules.load()
    assert starter.exists()
    assert asdict(schedules.rules(PolicyRules)) == asdict(PolicyRules(country="FR"))
    assert schedules.rules(PublishingRules) == PublishingRules()
    assert schedules.rules(CalendarRules) == CalendarRules()


def test_a_moment_asked_for_again_follows_the_rules_as_they_are_by_now(folder: Folder) -> None:
    weekly = "items:\n  - {id: tea, every: friday 15:30, to: ['#a'], words: {fr: t, en: t}}\n"
    assert folder.write(weekly) == []
    [item] = folder.schedules.items()
    before = folder.schedules.next(item, INSTALLED, INSTALLED)
    assert folder.schedules.next(item, INSTALLED, INSTALLED) == before
    assert folder.write("policy: {zone: America/New_York}\n", "policy.yaml") == []
    after = folder.schedules.next(item, INSTALLED, INSTALLED)
    assert before is not None
    assert after is not None
    assert after - before == timedelta(hours=6)


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "{a: " * 60_000, "- " * 60_000, "? " * 60_000], ids=["[", "{", "-", "?"]
)
def test_what_is_nested_without_end_is_a_problem_and_no_crash(folder: Folder, text: str) -> None:
    [problem] = folder.write(text)
    assert "is not valid YAML" in problem
