"""The whole bot over nights in which the clocks change: daily posts in three zones, each exactly once a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.handlers.stage import stage

ALWAYS = """
policy:
  quiet_from: "00:00"
  quiet_to: "00:00"
  working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
  country: ""
  channel_day: 50
  channel_week: 300
"""
ZONES = {"general": "Europe/Paris", "random": "America/New_York", "help": "Australia/Lord_Howe"}
CHANNELS = "channels:\n" + "".join(f"  {name}: {{zone: {zone}}}\n" for name, zone in ZONES.items())
TIMES = ("01:45", "02:10", "02:30")
ITEMS = "items:\n" + "".join(
    f'  - {{id: at-{at.replace(":", "")}, every: day {at}, holidays: send, to: ["#general", "#random", "#help"], '
    f'words: {{en: "it is {at}", fr: "il est {at}"}}}}\n'
    for at in TIMES
)


@pytest.mark.parametrize(
    "changes",
    [
        # The days on which Paris, New York and Lord Howe change their clocks, forward or back.
        (date(2027, 3, 28), date(2027, 3, 14), date(2027, 4, 4)),
        (date(2027, 10, 31), date(2027, 11, 7), date(2027, 10, 3)),
    ],
    ids=["spring in the north", "autumn in the north"],
)
async def test_daily_posts_go_out_once_a_day_in_every_zone(tmp_path: Path, changes: tuple[date, ...]) -> None:
    begin = datetime.combine(min(changes) - timedelta(days=2), datetime.min.time(), UTC)
    end = datetime.combine(max(changes) + timedelta(days=3), datetime.min.time(), UTC)
    files = {"policy.yaml": ALWAYS, "channels.yaml": CHANNELS, "items.yaml": ITEMS}
    async with stage(tmp_path, start=begin, schedules=files) as play:
        await play.until(end)
        for (channel, name), changing in zip(ZONES.items(), changes, strict=True):
            zone = ZoneInfo(name)
            posts = play.said_in(channel)
            for at in TIMES:
                said = [post for post in posts if at in post.text]
                days = [post.at.astimezone(zone).date() for post in said]
                first = begin.astimezone(zone).date() + timedelta(days=1)
                whole = [first + timedelta(days=n) for n in range((end.astimezone(zone).date() - first).days)]
                assert [day for day in days if day in whole] == whole, f"{at} in {name}"
                for post in said:
                    local = post.at.astimezone(zone)
                    if local.date() != changing:
                        assert f"{local:%H:%M}" == at, f"{at} in {name} on {local.date()}"
                    else:
                        # At its time, or where that is missing at the first minute after it.
                        assert f"{local:%H:%M}" >= at
                        assert local.fold == 0, "the first of two"
