"""`allant plan`: what a change would do, before it does it."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.archive import keep, pack, unpack
from bot.core.calendar import Item, When
from bot.core.community import Channel
from bot.core.errors import BadInput
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.planning import Plan, as_data, as_tables, plan
from bot.store import Store
from bot.timetable import Worded, compare
from tests.commands.conftest import PAGE, Organisation

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ACME = WorkspaceRef("test", "acme")


async def planned(organisation: Organisation, against: str = "", weeks: int = 2) -> Plan:
    return await plan(organisation.settings, weeks=weeks, against=against, workspace="", now=MONDAY)


def changed(made: Plan) -> list[tuple[str, str, list[str]]]:
    return [(each.kind, each.item.id, [one.what for one in each.differences]) for each in made.items]


def came_and_went(made: Plan) -> tuple[list[str], list[str]]:
    def shown(posts: Sequence[object]) -> list[str]:
        return [f"{post.local:%m-%d %H:%M} {post.place} {post.item.id}" for post in posts]  # type: ignore[attr-defined]

    return shown(made.comes), shown(made.goes)


def printed(made: Plan) -> str:
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(as_tables(made))
    return console.export_text()


@pytest.fixture
def former(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the organisation's folder as it was before any change."""
    folder = tmp_path_factory.mktemp("former")
    for name in ("content", "schedules"):
        shutil.copytree(organisation.folder / name, folder / name)
    return folder


async def test_nothing_changed(organisation: Organisation, former: Path) -> None:
    made = await planned(organisation, str(former))
    assert (made.items, made.comes, made.goes, made.others, made.problems) == ([], [], [], [], [])
    assert "Nothing changes." in printed(made)


async def test_a_moved_item_says_when_it_was_and_will_be(organisation: Organisation, former: Path) -> None:
    organisation.change("schedules/items.yaml", "monday 10:30", "thursday 14:00")
    made = await planned(organisation, str(former))
    assert changed(made) == [("changed", "hello", ["when"])]
    difference = made.items[0].differences[0]
    assert (difference.before, difference.after) == ("every: monday 10:30", "every: thursday 14:00")
    assert came_and_went(made) == (
        ["11-26 14:00 #general hello", "12-03 14:00 #general hello"],
        ["11-23 10:30 #general hello", "11-30 10:30 #general hello"],
    )
    assert "every: monday 10:30 → every: thursday 14:00" in printed(made)


async def test_words_of_a_page_are_told_with_the_item_that_says_them(organisation: Organisation, former: Path) -> None:
    organisation.write({"content/calendar/page.fr.md": PAGE.format(title="Page", text="Une [autre] page")})
    made = await planned(organisation, str(former))
    assert changed(made) == [("changed", "page", ["words.fr"])]
    assert came_and_went(made) == ([], [])
    assert "+Une [autre] page" in printed(made)


async def test_what_comes_and_goes(organisation: Organisation, former: Path) -> None:
    organisation.change("schedules/items.yaml", "id: hello", "id: bonjour")
    made = await planned(organisation, str(former), weeks=1)
    assert changed(made) == [("added", "bonjour", []), ("removed", "hello", [])]
    assert came_and_went(made) == (["11-23 10:30 #general bonjour"], ["11-23 10:30 #general hello"])


async def test_a_channels_zone_moves_posts_and_rules_are_told(organisation: Organisation, former: Path) -> None:
    organisation.change("schedules/channels.yaml", "everyone], zone: Europe/Paris", "everyone], zone: Europe/London")
    organisation.change("schedules/policy.yaml", "zone:", "channel_day: 1, zone:")
    made = await planned(organisation, str(former), weeks=1)
    assert made.items == []
    assert [each.at.hour for each in made.comes] == [10, 10]
    assert [(each.what, each.before, each.after) for each in made.others] == [
        ("policy.channel_day", "3", "1"),
        ("#general.zone", "Europe/Paris", "Europe/London"),
    ]


async def test_a_file_with_a_problem_goes_on_as_it_was(organisation: Organisation, former: Path) -> None:
    organisation.change("schedules/items.yaml", "monday 10:30", "someday")
    made = await planned(organisation, str(former))
    assert made.items == []
    assert [(problem.file, problem.line) for problem in made.problems] == [("items.yaml", 4)]


def _committed(organisation: Organisation) -> None:
    git = ["git", "-C", str(organisation.folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"], ["tag", "-a", "v1", "-m", "v1"]):
        subprocess.run([*git, *words], check=True)


async def test_against_a_revision_of_git(organisation: Organisation) -> None:
    _committed(organisation)
    organisation.change("schedules/items.yaml", "10:30", "11:30")
    for revision in ("HEAD", "v1"):
        made = await planned(organisation, revision)
        assert changed(made) == [("changed", "hello", ["when"])]
    for wrong in ("nothing", "--help", "HEAD:schedules"):
        with pytest.raises(BadInput, match="neither a folder nor a revision"):
            await planned(organisation, wrong)


async def test_against_what_runs(organisation: Organisation) -> None:
    assert "has not run" in (await planned(organisation)).compared_with
    settings = organisation.settings
    store = await Store.open(settings.database_url, secret=settings.secret())
    await store.register([Channel(ChannelRef(ACME, "C1"), "general")])
    folders = {"content": settings.content, "schedules": settings.schedules}
    for number in (1, 2):  # The second time nothing is new.
        await keep(
            store.notes, store.journal, ACME, folders, fingerprint="one", wrong=(), at=MONDAY.replace(minute=number)
        )
    await store.close()
    organisation.change("schedules/items.yaml", "10:30", "11:30")
    made = await plan(settings, weeks=1, against="", workspace="acme", now=MONDAY)
    assert made.compared_with == "what test/acme runs with"
    assert changed(made) == [("changed", "hello", ["when"])]
    data = as_data(made)
    assert [(row["change"], row["item"], row["channel"], row["local"]) for row in data["posts"]] == [
        ("goes", "hello", "#general", "2026-11-23T10:30"),
        ("comes", "hello", "#general", "2026-11-23T11:30"),
    ]


def test_an_archive_keeps_the_last_good_version_of_what_is_wrong(organisation: Organisation, tmp_path: Path) -> None:
    settings = organisation.settings
    folders = {"content": settings.content, "schedules": settings.schedules}
    former = pack(folders)
    organisation.change("schedules/items.yaml", "monday", "someday")
    organisation.write({"schedules/.hidden.yaml": "x", "schedules/new.yaml": "wrong too"})
    unpack(pack(folders, ["items.yaml", "new.yaml"], former), tmp_path / "out")
    kept = {path.name for path in (tmp_path / "out" / "schedules").iterdir()}
    assert kept == {"channels.yaml", "items.yaml", "policy.yaml"}
    assert "monday" in (tmp_path / "out/schedules/items.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["x", "", "~~~~", pack({})[:-3]])
def test_a_damaged_archive_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="damaged"):
        unpack(text, tmp_path)


IDS = st.sampled_from(["a", "b", "c"])
WORDED = st.builds(
    lambda key, hour, place, text: Worded(
        Item(id=key, when=When(rrule=f"FREQ=DAILY;BYHOUR={hour}"), to=(place,), words={}), {"en": text}
    ),
    IDS,
    st.integers(8, 10),
    st.sampled_from(["#x", "#y"]),
    st.sampled_from(["one", "two"]),
)
SETS = st.lists(WORDED, max_size=3, unique_by=lambda each: each.item.id).map(
    lambda several: {each.item.id: each for each in several}
)


@given(SETS, SETS)
def test_a_comparison_tells_exactly_what_differs(before: dict[str, Worded], after: dict[str, Worded]) -> None:
    told = {change.item.id: change.kind for change in compare(before, after)}
    for key in before.keys() | after.keys():
        if key not in before:
            assert told.pop(key) == "added"
        elif key not in after:
            assert told.pop(key) == "removed"
        elif before[key] != after[key]:
            assert told.pop(key) == "changed"
    assert told == {}
