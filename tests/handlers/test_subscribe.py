"""The calendar in people's own calendar programs: the private address, what is behind it, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import icalendar
import recurring_ical_events
from starlette.applications import Starlette

from bot.core.actions import GiveRole, MemberWentAway, Planned
from bot.core.community import Role
from bot.core.refs import MemberRef
from bot.subscriptions import calendar_file
from bot.web import calendar_routes
from tests.handlers.stage import ANN, MONDAY, ODILE, OSCAR, Stage, stage

ITEMS = {
    "items.yaml": """
items:
  - id: hello
    every: monday 10:30
    to: ["#general", "#random"]
    words:
      en: "Hello, all; let us meet, shall we? See https://example.org/meet and [Bob](mention:bob)"
      fr: "Bonjour à toutes et à tous ; une ligne longue avec des accents é è à ç œ, pour que le pliage coupe"
  - id: pages
    every: tuesday 10:00
    to: ["#random"]
    words: launch-01-hello
    owner: Oscar
  - id: not-yet
    every: wednesday 10:00
    to: ["#general"]
    words: {en: "Draft", fr: "Brouillon"}
    state: draft
"""
}


async def _fetch(play: Stage, address: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    app = Starlette(routes=calendar_routes(partial(calendar_file, play.allant)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        return await client.get(address, headers=headers)


async def _address(play: Stage, person: object = OSCAR, channel: str = "") -> str:
    answer = await play.ask(person, f"calendar feed {channel}")  # type: ignore[arg-type]  # A Person of the stage.
    found = re.search(r"`(http\S+\.ics)`", answer)
    assert found is not None, answer
    return found[1]


def _events(data: bytes, days: int = 30) -> list[icalendar.Event]:
    calendar = icalendar.Calendar.from_ical(data)
    start = date(2026, 11, 23)
    found = recurring_ical_events.of(calendar).between(start, start + timedelta(days=days))
    return sorted((each for each in found if isinstance(each, icalendar.Event)), key=lambda each: each.start)


async def _do(play: Stage, *actions: object) -> None:
    plans = [Planned("test", tuple(actions))]  # type: ignore[arg-type]  # Actions all.
    await play.allant.store.journal.commit(play.workspace, plans, at=play.clock.now(), source="test")


async def test_an_animator_gets_the_address_alone_and_in_their_language(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        await play.ask(ODILE, "calendrier abonnement #general")
        (told,) = play.told(ODILE)[-1:]
        assert "L’abonnement au calendrier de" in told.text
        assert "http://127.0.0.1:8080/calendar/" in told.text
        assert "ALLANT_PUBLIC_URL" in told.text
        assert [button.label for button in told.buttons] == ["Renouveler l’adresse"]
        # Nobody else in the channel sees it.
        assert not any("/calendar/" in post.text for post in play.said_in("general"))


async def test_members_and_unknown_channels_are_told_so(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        assert ".ics" not in await play.ask(ANN, "calendar feed")
        assert "“nowhere”" in await play.ask(OSCAR, "calendar feed nowhere")


async def test_a_channels_feed_shows_its_posts_for_ninety_days(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        answered = await _fetch(play, await _address(play, OSCAR, "#general"))
        assert answered.headers["content-type"] == "text/calendar; charset=utf-8"
        assert answered.headers["cache-control"].startswith("private")
        events = _events(answered.content, days=200)
        assert [each.start for each in events[:2]] == [
            datetime.fromisoformat("2026-11-23T09:30:00+00:00"),
            datetime.fromisoformat("2026-11-30T09:30:00+00:00"),
        ]
        # Beyond the occurrences that are made ahead, up to the horizon.
        assert MONDAY + timedelta(days=80) < events[-1].start < MONDAY + timedelta(days=91)
        assert len(events) == 13
        assert len({str(each["uid"]) for each in events}) == 13
        first = events[0]
        assert str(first["summary"]) == "Hello, all; let us meet, shall we? See https://example.org/meet and Bob"
        assert first["url"] == "https://example.org/meet"
        assert first["transp"] == "TRANSPARENT"


async def test_an_animators_feed_shows_what_they_answer_for(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        oscar = _events((await _fetch(play, await _address(play, OSCAR))).content, days=7)
        assert [str(each["summary"]).split(":")[0] for each in oscar] == ["#general", "#random", "#random"]
        odile = _events((await _fetch(play, await _address(play, ODILE))).content, days=7)
        assert [str(each["summary"]).split(":")[0] for each in odile] == ["#general", "#random"]
        assert "à toutes et à tous" in str(odile[0]["description"])


async def test_nothing_is_sent_again_while_nothing_changed(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        address = await _address(play)
        first = await _fetch(play, address)
        again = await _fetch(play, address, {"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert (await _fetch(play, address, {"If-None-Match": '"other"'})).content == first.content


async def test_what_is_skipped_or_paused_is_not_shown_and_uids_stay(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        address = await _address(play, OSCAR, "#general")
        before = _events((await _fetch(play, address)).content, days=90)
        await play.ask(OSCAR, "calendar skip hello")
        skipped = _events((await _fetch(play, address)).content, days=90)
        assert [str(each["uid"]) for each in skipped] == [str(each["uid"]) for each in before[1:]]
        # Whoever subscribed sees that it changed.
        assert int(str(skipped[0]["sequence"])) >= int(str(before[1]["sequence"]))
        await play.ask(OSCAR, "calendar pause hello")
        assert _events((await _fetch(play, address)).content, days=90) == []


async def test_the_address_ends_when_it_is_renewed(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        address = await _address(play)
        await play.press(OSCAR, play.told(OSCAR)[-1], "Renew the address")
        renewed = await _address(play)
        assert renewed != address
        assert "no longer shows anything" in play.told(OSCAR)[-2].text
        assert (await _fetch(play, address)).status_code == 404
        assert (await _fetch(play, renewed)).status_code == 200


async def test_the_address_ends_with_the_role_and_when_its_owner_leaves_or_is_forgotten(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        address, other = await _address(play), await _address(play, ODILE)
        await _do(play, GiveRole(MemberRef(play.workspace, "oscar"), Role.MEMBER))
        assert (await _fetch(play, address)).status_code == 404
        await _do(play, GiveRole(MemberRef(play.workspace, "oscar"), Role.ANIMATOR))
        assert (await _fetch(play, address)).status_code == 200
        await _do(play, MemberWentAway(MemberRef(play.workspace, "odile")))
        assert (await _fetch(play, other)).status_code == 404


async def test_guesses_find_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        address = await _address(play)
        mark = address.rpartition("-")[2].removesuffix(".ics")
        for wrong in (
            address.replace(mark, "0" * 40),
            address.replace(mark, mark[:-1]),
            address.replace(mark, mark.upper()),
            "http://x/calendar/.ics",
            "http://x/calendar/..%2f..%2fetc%2fpasswd.ics",
            "http://x/calendar/é-ü.ics",
        ):
            assert (await _fetch(play, wrong)).status_code == 404, wrong


async def test_the_file_is_as_rfc_5545_and_the_programs_want_it(tmp_path: Path) -> None:
    async with stage(tmp_path, schedules=ITEMS) as play:
        data = (await _fetch(play, await _address(play, ODILE, "#general"))).content
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    text = data.decode().replace("\r\n ", "")
    assert text.startswith("BEGIN:VCALENDAR\r\n")
    for line in (
        "X-WR-CALNAME:Allant #general",
        "METHOD:PUBLISH",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "X-WR-TIMEZONE:Europe/Paris",
        "DTSTART:20261123T093000Z",
        "STATUS:CONFIRMED",
    ):
        assert f"\r\n{line}\r\n" in text, line
    assert "avec des accents é è à ç œ\\, pour" in text
