"""`allant rehearse`: every post to come, and what stands in its way."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from bot.core.actions import Planned, Remember
from bot.core.calendar import Installed
from bot.core.community import Channel, Member, Role
from bot.core.errors import BadInput, Unreachable
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.rehearsal import Rehearsal, as_data, as_tables, rehearse
from bot.rehearsal.links import Status
from bot.rehearsal.troubles import Severity
from bot.rehearsal.web import LinkChecker
from bot.store import Store
from tests.commands.conftest import PAGE, Organisation

MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
ACME = WorkspaceRef("test", "acme")


async def rehearsed(organisation: Organisation, days: int = 7, status: Status | None = None) -> Rehearsal:
    return await rehearse(organisation.settings, since=MONDAY, days=days, check_web=status is not None, status=status)


def add(organisation: Organisation, **items: str) -> None:
    """Items by their id (``_`` for ``-``), each its YAML fields on one line."""
    text = "items:\n" + "".join(f"  - {{id: {key.replace('_', '-')}, {fields}}}\n" for key, fields in items.items())
    organisation.write({"schedules/more.yaml": text})


def troubles(played: Rehearsal) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity.name.lower(), each.item) for each in played.troubles]


WORDS = "words: {en: Hello, fr: Bonjour}"


async def test_without_anything_in_the_way(organisation: Organisation) -> None:
    played = await rehearsed(organisation, 14)
    assert [(f"{each.post.local:%m-%d %H:%M}", each.post.place, each.post.item.id) for each in played.played] == [
        ("11-23 10:30", "#general", "hello"),
        ("11-24 10:00", "#general", "page"),
        ("11-30 10:30", "#general", "hello"),
        ("12-01 10:00", "#general", "page"),
    ]
    assert (played.troubles, played.fails, played.from_files_only) == ([], False, True)
    assert as_data(played)["posts"][0] == {
        "item": "hello",
        "file": "items.yaml",
        "line": 3,
        "channel": "#general",
        "at": "2026-11-23T09:30:00+00:00",
        "local": "2026-11-23T10:30",
        "zone": "Europe/Paris",
        "languages": ["fr", "en"],
        "characters": len("Bonjour\n\n---\n\nHello"),
        "outcome": "out",
        "outcome_at": "2026-11-23T09:30:00+00:00",
        "reason": "",
    }
    assert not (organisation.folder / "allant.db").exists()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (f"every: monday 11:00, to: '#general', {WORDS}", ("close_together", "warning")),
        (f"every: monday 21:00, to: '#general', {WORDS}", ("quiet_hours", "warning")),
        (f"every: saturday 10:00, holidays: send, to: '#general', {WORDS}", ("day_off", "warning")),
        (f"every: friday 10:00, to: '#nowhere', {WORDS}", ("unknown_channel", "error")),
        (f"every: friday 10:00, to: 'tag:nothing', {WORDS}", ("unknown_channel", "error")),
        ("every: friday 10:00, to: '#general', words: {en: Hello}", ("missing_translation", "error")),
        ("every: friday 10:00, to: '#english', words: {en: Hello}", ("missing_translation", "warning")),
        ("every: friday 10:00, to: '#general', words: no-such-page", ("no_words", "error")),
        (f"every: friday 10:00, to: '#news', owner: sponsor, {WORDS}", ("one_way_owner", "error")),
        ("every: friday 10:00, to: '#news', words: {en: 'Well?', fr: 'Alors ?'}", ("one_way_question", "warning")),
        ("every: friday 10:00, to: '#general', words: {en: '[a](channel:nowhere)', fr: x}", ("dead_link", "error")),
        ("every: friday 10:00, to: '#general', words: {en: '[a](charter/charter)', fr: x}", ("dead_link", "error")),
        ("every: friday 10:00, to: '#general', words: {en: '`/allant fqa`', fr: x}", ("dead_link", "error")),
    ],
)
async def test_each_kind_of_trouble(organisation: Organisation, fields: str, expected: tuple[str, str]) -> None:
    add(organisation, new=fields)
    played = await rehearsed(organisation)
    assert (*expected, "new") in troubles(played)
    assert {each.line for each in played.troubles if each.item == "new"} == {2}
    own = [each for each in played.troubles if each.item == "new" and each.code == expected[0]]
    assert all(each.reason and each.mend and each.file == "more.yaml" for each in own)
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(as_tables(played))
    assert expected[0] in console.export_text()


async def test_what_does_not_fit_the_attention_budget_waits_or_is_held_back(organisation: Organisation) -> None:
    organisation.change("schedules/policy.yaml", "zone:", "channel_day: 1, zone:")
    add(
        organisation,
        held=f"every: monday 14:00, to: '#general', {WORDS}",
        moved=f"every: tuesday 14:00, grace: 2 days, to: '#general', {WORDS}",
    )
    played = await rehearsed(organisation)
    outcomes = {each.post.item.id: each for each in played.played}
    assert {key: each.outcome for key, each in outcomes.items()} == {
        "hello": "out",
        "held": "held_back",
        "page": "out",
        "moved": "moved",
    }
    assert outcomes["moved"].at == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
    assert [(each.code, each.severity, each.item) for each in played.troubles] == [
        ("attention_budget", Severity.ERROR, "held"),
        ("attention_budget", Severity.WARNING, "moved"),
    ]


async def test_public_holidays_are_named(organisation: Organisation) -> None:
    organisation.change("schedules/policy.yaml", "zone:", "country: FR, zone:")
    add(organisation, party=f"'on': 2026-12-25 10:00, holidays: send, to: '#general', {WORDS}")
    (trouble,) = [each for each in (await rehearsed(organisation, 40)).troubles if each.code == "holiday"]
    assert "Christmas Day is a holiday" in trouble.reason


async def test_the_same_trouble_every_week_is_told_once_with_its_moments(organisation: Organisation) -> None:
    add(organisation, late=f"every: monday 21:00, to: '#general', {WORDS}")
    (trouble,) = [each for each in (await rehearsed(organisation, 28)).troubles if each.code == "quiet_hours"]
    assert len(trouble.moments) == 4


async def test_drafts_do_not_go_out(organisation: Organisation) -> None:
    add(organisation, new=f"every: monday 21:00, state: draft, to: '#general', {WORDS}")
    assert "new" not in [each.post.item.id for each in (await rehearsed(organisation)).played]


async def test_what_is_written_wrong_is_an_error_of_its_file(organisation: Organisation) -> None:
    organisation.write({"schedules/broken.yaml": "items: [{id: x}]\n"})
    played = await rehearsed(organisation)
    assert played.fails
    assert ("file", "broken.yaml") in [(each.code, each.file) for each in played.troubles]


async def test_links_on_the_web_are_asked_once_each(organisation: Organisation) -> None:
    text = "https://gone.example/a and [b](https://well.example) and https://slow.example, <https://inside.example/>"
    organisation.write({"content/calendar/page.en.md": PAGE.format(title="Page", text=text)})
    organisation.write({"content/calendar/page.fr.md": PAGE.format(title="Page", text=text)})
    asked: list[str] = []

    async def status(address: str) -> int:
        asked.append(address)
        match address:
            case "https://gone.example/a":
                return 404
            case "https://slow.example":
                raise Unreachable("the link took longer than 10 s")
            case "https://inside.example/":
                raise BadInput("the link's address leads into an internal network, which is refused")
        return 200

    played = await rehearsed(organisation, status=status)
    assert sorted(asked) == [
        *("https://gone.example/a", "https://inside.example/", "https://slow.example", "https://well.example"),
    ]
    found = [(each.code, each.severity.name, each.file, each.line) for each in played.troubles]
    assert found == [
        ("dead_link", "ERROR", "calendar/page.en.md", 4),
        ("dead_link", "ERROR", "calendar/page.fr.md", 4),
        *[("unchecked_link", "WARNING", "calendar/page.en.md", 4)] * 2,
        *[("unchecked_link", "WARNING", "calendar/page.fr.md", 4)] * 2,
    ]


async def _live(organisation: Organisation) -> None:
    """The database of an organisation where Allant ran: its channels, and people."""
    settings = organisation.settings
    store = await Store.open(settings.database_url, secret=settings.secret())
    people = [
        Member(MemberRef(ACME, "U1"), "Oscar", role=Role.ANIMATOR),
        Member(MemberRef(ACME, "U2"), "Ann"),
        Member(MemberRef(ACME, "U3"), "Zoe", active=False),
    ]
    rooms = [Channel(ChannelRef(ACME, f"C{number}"), name) for number, name in enumerate(("general", "news"))]
    await store.register([*people, *rooms])
    plans = [Planned("calendar", (Remember("", Installed(MONDAY - timedelta(days=30))),))]
    await store.journal.commit(ACME, plans, at=MONDAY, source="test")
    await store.close()


async def test_people_and_channels_of_a_running_bot_are_looked_at(organisation: Organisation) -> None:
    await _live(organisation)
    add(
        organisation,
        left=f"every: friday 10:00, owner: U3, to: '#general', {WORDS}",
        nobody=f"every: friday 11:00, owner: Someone, to: '#general', {WORDS}",
        here=f"every: friday 14:00, owner: Ann, to: '#general', {WORDS}",
        may_not=f"every: friday 15:00, owner: Ann, to: '#news', {WORDS}",
        gone=f"every: friday 10:00, to: '#english', {WORDS}",
    )
    played = await rehearsed(organisation)
    assert played.workspace == ACME
    owners = {(each.code, each.item) for each in played.troubles if each.code in ("owner_left", "one_way_owner")}
    assert {("owner_left", "left"), ("owner_left", "nobody"), ("one_way_owner", "may-not")} <= owners
    assert ("unknown_channel", "gone") in {(each.code, each.item) for each in played.troubles}
    with pytest.raises(BadInput, match="which workspace"):
        await rehearse(organisation.settings, since=MONDAY, days=1, workspace="other")


async def test_an_address_is_asked_through_the_feed_readers_door() -> None:
    """Against a real server: what answers, what leads on, and what may not be asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(request.split()[1])
        status = {"/moved": "302 Found\r\nLocation: /gone", "/gone": "404 Not Found"}.get(asked[-1], "200 OK")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        checker = LinkChecker(allow_private=True, seconds=5)
        assert [await checker.status(f"{base}{path}") for path in ("/", "/gone", "/moved")] == [200, 404, 404]
        with pytest.raises(BadInput, match="the link's address leads into an internal network"):
            await LinkChecker(seconds=5).status(base)
    assert asked == ["/", "/gone", "/moved", "/gone"]
    with pytest.raises(Unreachable, match="the link cannot be reached"):
        await LinkChecker(allow_private=True, seconds=5).status(base)
