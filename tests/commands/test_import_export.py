"""`allant import ics` and `allant export schedules`, as typed in a terminal."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import UTC, date, datetime, time

import pytest
from typer.testing import CliRunner, Result

from bot.cli import cli
from bot.core.actions import Action, Planned, Remember, WriteItem
from bot.core.calendar import DRAFT, Installed, Item, When
from bot.core.community import Channel
from bot.core.editorial import KeptItem, Status
from bot.core.errors import BadInput
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.store import Store
from bot.timetable import Schedules
from tests.commands.conftest import Organisation

ACME = WorkspaceRef("test", "acme")
EVENTS = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Summer party
DTSTART;TZID=Romance Standard Time:20990704T180000
DESCRIPTION:Bring a cake
END:VEVENT
BEGIN:VEVENT
SUMMARY:Every second
DTSTART:20990704T180000
RRULE:FREQ=SECONDLY
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def typed(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """The organisation, with the command's settings pointing at it."""
    settings = organisation.settings
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(organisation.folder)
    monkeypatch.setenv("ALLANT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ALLANT_SECRET_FILE", str(settings.secret_file))
    monkeypatch.setenv("ALLANT_CONTENT_DIR", str(settings.content_dir))
    monkeypatch.setenv("ALLANT_SCHEDULES_DIR", str(settings.schedules_dir))
    organisation.write({"events.ics": EVENTS})
    return organisation


def allant(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(cli, words, input=answer)


def items_of(organisation: Organisation) -> dict[str, Item]:
    schedules = Schedules(organisation.folder / "schedules", {})
    schedules.load()
    return {item.id: item for item in schedules.items()}


def test_events_become_drafts_that_the_check_accepts(typed: Organisation) -> None:
    said = allant("import", "ics", "events.ics", "--to", "general")
    assert said.exit_code == 0, said.output
    assert "1 draft item for" in said.output
    assert "far too often" in said.output
    item = items_of(typed)["summer-party"]
    assert (item.state, item.to, item.zone) == (DRAFT, ("#general",), "Europe/Paris")
    assert item.words["fr"] == item.words["en"] == "**Summer party**\n\nBring a cake"
    assert allant("check").exit_code == 0


def test_a_file_that_is_there_is_overwritten_only_when_told(typed: Organisation) -> None:
    target = typed.folder / "schedules/imported.yaml"
    target.write_text("# mine\n", encoding="utf-8")
    assert allant("import", "ics", "events.ics", answer="n\n").exit_code == 1
    assert allant("import", "ics", "events.ics", answer="").exit_code == 1
    assert target.read_text(encoding="utf-8") == "# mine\n"
    assert allant("import", "ics", "events.ics", "--yes").exit_code == 0
    # Once more: the ids of the file that is replaced are free again.
    assert allant("import", "ics", "events.ics", answer="y\n").exit_code == 0
    assert list(items_of(typed)) == ["hello", "page", "summer-party"]
    assert allant("import", "ics", "events.ics", "--out", "schedules/other.yaml").exit_code == 0
    assert "summer-party-2" in items_of(typed)


def test_nothing_is_written_where_nothing_can_be_imported(typed: Organisation) -> None:
    typed.write({"events.ics": EVENTS.replace("20990704", "20000704")})
    assert allant("import", "ics", "events.ics").exit_code == 1
    for words in (("events.txt",), ("events.ics", "--at", "noonish")):
        result = allant("import", "ics", *words)
        assert isinstance(result.exception, BadInput)
    assert not (typed.folder / "schedules/imported.yaml").exists()


CHAT = [
    KeptItem(
        item=Item(
            id="tea",
            when=When(once=datetime.fromisoformat("2099-01-05T09:30")),
            to=("#general",),
            words={"en": "a", "fr": "b"},
        ),
        status=Status.APPROVED,
        owner="test/acme/U1",
    ),
    KeptItem(
        item=Item(
            id="cake",
            when=When(rrule="FREQ=WEEKLY;BYDAY=MO", at=time(9, 30), until=date(2099, 1, 1)),
            to=("@everyone",),
            words={"en": "c\n\n- *d*", "fr": "é: #"},
            said="every: monday 09:30, until: 2099-01-01",
        ),
        status=Status.IN_REVIEW,
    ),
]


async def _chat(organisation: Organisation) -> None:
    settings = organisation.settings
    store = await Store.open(settings.database_url, secret=settings.secret())
    await store.register([Channel(ChannelRef(ACME, "C1"), "general")])
    actions: tuple[Action, ...] = (
        Remember("", Installed(datetime(2026, 1, 1, tzinfo=UTC))),
        *(WriteItem(kept) for kept in CHAT),
    )
    await store.journal.commit(ACME, [Planned("test", actions)], at=datetime(2026, 1, 1, tzinfo=UTC), source="test")
    await store.close()


def test_items_made_in_chat_load_back_to_the_same_items(typed: Organisation) -> None:
    asyncio.run(_chat(typed))
    printed = allant("export", "schedules")
    assert "every: monday 09:30" in printed.stdout
    assert allant("export", "schedules", "--out", "schedules/chat.yaml").exit_code == 0
    assert allant("export", "schedules", "--out", "schedules/chat.yaml", answer="n\n").exit_code == 1
    assert (typed.folder / "schedules/chat.yaml").read_text(encoding="utf-8") == printed.stdout
    read = {key: dataclasses.replace(item, file="", line=0, said="") for key, item in items_of(typed).items()}
    tea, cake = (dataclasses.replace(kept.item, said="") for kept in CHAT)
    assert read["tea"] == dataclasses.replace(tea, owner="test/acme/U1")
    assert read["cake"] == dataclasses.replace(cake, state=DRAFT)
    assert allant("check").exit_code == 0


def test_without_any_item_made_in_chat(typed: Organisation) -> None:
    assert isinstance(allant("export", "schedules").exception, BadInput)


def test_what_plan_and_rehearse_print_for_other_programs(typed: Organisation) -> None:
    shown = allant("plan", "--against", str(typed.folder), "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["items"]) == (0, [])
    assert allant("plan", "--against", "schedules").exit_code == 0
    typed.change("schedules/items.yaml", "#general", "#nowhere")
    assert allant("plan", "--against", "schedules").exit_code == 1
    rehearsed = allant("rehearse", "--days", "14", "--from", "2026-11-23", "--json")
    assert rehearsed.exit_code == 1
    assert [each["code"] for each in json.loads(rehearsed.stdout)["problems"]] == ["unknown_channel"]
