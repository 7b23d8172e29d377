"""A calendar feed read by programs that other people wrote: khal, calcurse and ical2html, as Debian has them."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.ical import Entry, feed
from bot.ical.feed import uid

pytestmark = pytest.mark.calendars

FIRST = datetime(2027, 3, 26, 9, 0, tzinfo=UTC)
"""The Friday before the clocks change in Paris: ten o'clock; a week later it is nine in UTC that is eleven."""
TITLES = ["#général: Bonjour, à vous; et \\ merci", "#random: " + "une ligne longue é" * 5]


def entries() -> list[Entry]:
    return [
        Entry(
            uid=uid(title, week),
            at=FIRST + timedelta(weeks=week, hours=number),
            modified=FIRST,
            summary=title,
            description=f"{title}\nseconde ligne, avec virgule; point-virgule",
            categories=["#général"],
            url="https://example.org/a?b=1,2",
        )
        for number, title in enumerate(TITLES)
        for week in range(3)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "feed.ics"
    path.write_bytes(feed("Allant #général", entries(), language="fr", zone="Europe/Paris"))
    return path


def run(*words: str, home: Path, zone: str = "Europe/Paris", stdin: str = "") -> str:
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": zone, "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, env=surroundings, input=stdin, check=False)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout


def test_khal_shows_every_event_at_its_local_time(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "khal.conf"
    config.write_text(
        f"[calendars]\n[[feed]]\npath = {tmp_path / 'store'}\ntype = calendar\n"
        "[locale]\ntimeformat = %H:%M\ndateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\n"
        "datetimeformat = %Y-%m-%d %H:%M\nlongdatetimeformat = %Y-%m-%d %H:%M\n"
        "local_timezone = Europe/Paris\ndefault_timezone = Europe/Paris\n"
        f"[sqlite]\npath = {tmp_path / 'khal.db'}\n",
        encoding="utf-8",
    )
    run("khal", "-c", str(config), "import", "--batch", "-a", "feed", str(file), home=tmp_path)
    shown = run(
        *("khal", "-c", str(config), "list", "--day-format", "", "--format"),
        *("{start-date} {start-time}|{title}|{uid}", "2027-03-20", "30d"),
        home=tmp_path,
    )
    lines = [line.split("|") for line in shown.splitlines() if line.strip()]
    assert [line[0] for line in lines] == [
        *("2027-03-26 10:00", "2027-03-26 11:00"),
        *("2027-04-02 11:00", "2027-04-02 12:00", "2027-04-09 11:00", "2027-04-09 12:00"),
    ]
    assert {line[1] for line in lines} == set(TITLES)
    assert {line[2] for line in lines} == {entry.uid for entry in entries()}


def test_khal_takes_a_renewed_feed_for_the_same_events(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "khal.conf"
    config.write_text(
        f"[calendars]\n[[feed]]\npath = {tmp_path / 'store'}\ntype = calendar\n[locale]\n"
        "local_timezone = Europe/Paris\ndefault_timezone = Europe/Paris\n"
        f"[sqlite]\npath = {tmp_path / 'khal.db'}\n",
        encoding="utf-8",
    )
    for _ in range(2):
        run("khal", "-c", str(config), "import", "--batch", "-a", "feed", str(file), home=tmp_path)
    assert len(list((tmp_path / "store").glob("*.ics"))) == len(entries())


def test_calcurse_imports_every_event(file: Path, tmp_path: Path) -> None:
    data = tmp_path / "calcurse"
    said = run("calcurse", "-D", str(data), "-i", str(file), "-q", home=tmp_path)
    assert "skipped" not in said.casefold() or "0 skipped" in said.casefold()
    shown = run("calcurse", "-D", str(data), "-Q", "--from", "03/20/2027", "--days", "30", home=tmp_path)
    assert shown.count("Bonjour, à vous; et") == 3
    assert "10:00" in shown


def test_ical2html_makes_a_page_of_it(file: Path, tmp_path: Path) -> None:
    page = run("ical2html", "-d", "-z", "Europe/Paris", "20270322", "P4W", str(file), home=tmp_path)
    assert page.count("Bonjour, à vous; et") >= 3
