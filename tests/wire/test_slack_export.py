"""Slack exports as files: a whole one becomes signals, a damaged one becomes nothing but a message that says where."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import BadContent
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import What
from bot.signals import Limits, as_json, as_rows, read_export, week_rows
from bot.store import Store

HERE = WorkspaceRef("slack-export", "club")
SECRET = b"a secret of at least thirty-two bytes"
USERS = [
    {
        "id": "U1",
        "name": "amelie",
        "real_name": "Amélie",
        "tz": "Europe/Paris",
        "locale": "fr-FR",
        "profile": {"display_name": "Amé"},
    },
    {"id": "U2", "name": "bob", "deleted": True, "tz": "Nowhere/Land", "profile": {"display_name": ""}},
    {"id": "U3", "name": "guest", "is_restricted": True},
    {"id": "B1", "name": "deploy", "is_bot": True},
]
CHANNELS = [{"id": "C1", "name": "general"}, {"id": "C2", "name": "old-stuff", "is_archived": True}]


def moment(day: int, hour: int = 9) -> str:
    return f"{int(datetime(2026, 3, day, hour, tzinfo=UTC).timestamp())}.000200"


def said(user: str, ts: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "ts": ts, "text": "a secret plan", **more}


def whole() -> dict[str, Any]:
    """A small export in which every kind of line occurs."""
    root = moment(2)
    return {
        "users.json": USERS,
        "channels.json": CHANNELS,
        "groups.json": [{"id": "G1", "name": "board"}],
        "dms.json": [{"id": "D1"}],
        "D1/2026-03-02.json": [said("U1", moment(2))],
        "general/2026-03-02.json": [
            said("U2", moment(2, 8), subtype="channel_join"),
            said("U1", root, thread_ts=root, reactions=[{"name": "tada", "users": ["U2", "B1"], "count": 2}]),
            said("U2", moment(2, 10), thread_ts=root),
            said("U1", moment(2, 11), subtype="channel_topic"),
            said("B1", moment(2, 12)),
            said("U1", moment(2, 13), bot_id="B9"),
            said("U1", moment(2, 14), subtype="file_share", files=[{"name": "plan.pdf"}]),
        ],
        "general/2026-03-03.json": [
            said("U3", moment(3)),
            {"type": "message", "subtype": "bot_message", "ts": moment(3, 10), "text": "built"},
            said("U2", moment(3, 11), subtype="channel_leave"),
        ],
        "board/2026-03-03.json": [said("U1", moment(3, 12))],
        "general/canvas.json": {"not": "a day"},
    }


def write(path: Path, files: Mapping[str, Any], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, value in files.items():
            target.writestr(name, value if isinstance(value, (str, bytes)) else json.dumps(value))
    return path


def test_every_kind_of_line_counts_as_what_it_is(tmp_path: Path) -> None:
    export = read_export(write(tmp_path / "club.zip", whole()), HERE)
    kinds = Counter((each.what, each.member.id if each.member else "") for each in export.signals)
    assert kinds == {
        (What.JOINED, "U1"): 2,
        (What.JOINED, "U2"): 1,
        (What.JOINED, "U3"): 1,
        (What.POSTED, "U1"): 3,
        (What.REPLIED, "U2"): 1,
        (What.POSTED, "U3"): 1,
        (What.REACTED, "U2"): 1,
        (What.LEFT, "U2"): 1,
    }
    assert (export.messages, export.people, export.left_out) == (5, 3, 1)
    joins = {each.member: each.at for each in export.signals if each.what is What.JOINED and each.channel.id == "C1"}  # type: ignore[union-attr]
    assert joins[MemberRef(HERE, "U2")] == datetime(2026, 3, 2, 8, 0, 0, 200, UTC)
    assert joins[MemberRef(HERE, "U3")] == datetime(2026, 3, 3, 9, 0, 0, 200, UTC)


def test_nothing_that_was_said_is_in_it(tmp_path: Path) -> None:
    export = read_export(write(tmp_path / "club.zip", whole()), HERE)
    for words in ("secret", "plan", "built"):
        assert words not in repr(export)


def test_people_and_channels_are_as_slack_describes_them(tmp_path: Path) -> None:
    export = read_export(write(tmp_path / "club.zip", whole()), HERE)
    amelie, bob, guest, deploy = export.members
    assert (amelie.name, amelie.language, amelie.zone, amelie.active) == ("Amé", "fr", "Europe/Paris", True)
    assert amelie.joined_at == datetime(2026, 3, 2, 9, 0, 0, 200, UTC)
    assert (bob.name, bob.zone, bob.active) == ("bob", "UTC", False)
    assert guest.guest
    assert deploy.bot
    assert deploy.joined_at is None
    assert [(each.name, each.archived) for each in export.channels] == [
        ("general", False),
        ("old-stuff", True),
        ("board", False),
    ]
    assert export.channels[0].last_message_at == datetime(2026, 3, 3, 9, 0, 0, 200, UTC)


def test_the_workspace_is_named_after_the_file_with_what_a_name_may_hold(tmp_path: Path) -> None:
    export = read_export(write(tmp_path / "Our club, 2026.zip", whole()))
    assert export.workspace == WorkspaceRef("slack-export", "Our-club-2026")


def test_a_folder_around_everything_is_no_hindrance(tmp_path: Path) -> None:
    wrapped = {f"export/{name}": value for name, value in whole().items()}
    export = read_export(write(tmp_path / "club.zip", {**wrapped, "__MACOSX/export/channels.json": b"\0\1"}), HERE)
    assert export.messages == 5


def test_progress_ends_with_everything_read(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    read_export(write(tmp_path / "club.zip", whole()), HERE, lambda done, total: steps.append((done, total)))
    assert len(steps) == 3
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] > 0


async def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "club.zip", whole())
    store = await Store.open("sqlite://", secret=SECRET)
    try:
        first = read_export(path, HERE)
        await store.register([*first.members, *first.channels])
        assert await store.record_signals(first.signals) == len(first.signals)
        before = await store.metrics.report(HERE, until=date(2026, 3, 8))
        again = read_export(path, HERE)
        await store.register([*again.members, *again.channels])
        assert await store.record_signals(again.signals) == 0
        assert await store.metrics.report(HERE, until=date(2026, 3, 8)) == before
        days = await store.measures.days(ChannelRef(HERE, "C1"), date(2026, 3, 1), date(2026, 3, 3), "UTC")
        assert [day.messages for day in days] == [0, 3, 1]
    finally:
        await store.close()


async def test_a_later_export_of_the_same_channels_adds_only_what_is_new(tmp_path: Path) -> None:
    store = await Store.open("sqlite://", secret=SECRET)
    try:
        await store.record_signals(read_export(write(tmp_path / "a.zip", whole()), HERE).signals)
        later = whole() | {"general/2026-03-04.json": [said("U1", moment(4)), said("U3", moment(4, 10))]}
        assert await store.record_signals(read_export(write(tmp_path / "b.zip", later), HERE).signals) == 2
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("general/2026-03-02.json", '[{"ts": "1.2",\n "user": ', "not valid JSON"),
        ("general/2026-03-02.json", '{"a": 1}', "not a list"),
        ("general/2026-03-02.json", '["words"]', "not a list of objects"),
        ("general/2026-03-02.json", '[{"user": "U1"}]', "“ts”"),
        ("general/2026-03-02.json", '[{"user": "U1", "ts": "yesterday"}]', "“ts”"),
        ("general/2026-03-02.json", b"\xff\xfe\x00 no text", "not valid JSON"),
        ("general/2026-03-02.json", "[" * 200_000, "not valid JSON"),
        ("users.json", '[{"name": "nobody"}]', "“id”"),
        ("channels.json", '[{"id": "C1"}]', "“name”"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    path = write(tmp_path / "club.zip", whole() | {name: content})
    with pytest.raises(BadContent) as raised:
        read_export(path, HERE)
    (problem,) = raised.value.problems
    assert problem.file == name
    assert reason in problem.reason


def test_every_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    broken = whole() | {"general/2026-03-02.json": "[\n\n{]", "general/2026-03-03.json": "{"}
    with pytest.raises(BadContent) as raised:
        read_export(write(tmp_path / "club.zip", broken), HERE)
    assert [(each.file, each.line) for each in raised.value.problems] == [
        ("general/2026-03-02.json", 3),
        ("general/2026-03-03.json", 1),
    ]


@pytest.mark.parametrize("name", ["users.json", "channels.json"])
def test_a_missing_list_is_named(tmp_path: Path, name: str) -> None:
    files = whole()
    del files[name]
    with pytest.raises(BadContent, match=name):
        read_export(write(tmp_path / "club.zip", files), HERE)


def test_a_torn_zip_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "club.zip", whole())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadContent, match=r"club\.zip: is not a whole zip file"):
        read_export(path, HERE)


def test_what_is_no_zip_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "club.zip").write_text("hello")
    with pytest.raises(BadContent, match="is not a whole zip file"):
        read_export(tmp_path / "club.zip", HERE)
    with pytest.raises(BadContent, match="cannot be read"):
        read_export(tmp_path / "none.zip", HERE)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_byte_inside_is_found_and_the_file_named(tmp_path: Path, compression: int) -> None:
    path = write(tmp_path / "club.zip", whole(), compression)
    with zipfile.ZipFile(path) as zipped:
        start = zipped.getinfo("general/2026-03-03.json").header_offset
    data = bytearray(path.read_bytes())
    data[start + 80] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(BadContent, match=r"general/2026-03-03\.json: is damaged"):
        read_export(path, HERE)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "club.zip", whole() | {"general/2026-03-04.json": b" " * 3_000_000 + b"[]"})
    with pytest.raises(BadContent, match="zip bomb"):
        read_export(path, HERE)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(entries=4), "files, more than 4"),
        (Limits(total_size=1000), "would be larger than 1,000 bytes"),
        (Limits(entry_size=500), "is larger than 500 bytes"),
    ],
)
def test_limits_hold(tmp_path: Path, limits: Limits, reason: str) -> None:
    with pytest.raises(BadContent, match=reason):
        read_export(write(tmp_path / "club.zip", whole()), HERE, limits=limits)


def test_a_file_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "club.zip", whole())
    data = path.read_bytes()
    with zipfile.ZipFile(path) as zipped:
        real = zipped.getinfo("general/2026-03-02.json").file_size
    lied = data.replace(real.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lied != data
    path.write_bytes(lied)
    with pytest.raises(BadContent, match=r"general/2026-03-02\.json"):
        read_export(path, HERE)


def test_a_name_in_the_zip_cannot_disturb_a_terminal(tmp_path: Path) -> None:
    files = whole() | {
        "general/\x1b[31m/2026-03-02.json": "{",
        "channels.json": [{"id": "C1", "name": "general/\x1b[31m"}],
    }
    with pytest.raises(BadContent) as raised:
        read_export(write(tmp_path / "club.zip", files), HERE)
    assert "\x1b" not in str(raised.value)


async def test_the_report_hides_small_groups(tmp_path: Path) -> None:
    store = await Store.open("sqlite://", secret=SECRET)
    try:
        await store.record_signals(read_export(write(tmp_path / "club.zip", whole()), HERE).signals)
        figures = await store.metrics.report(HERE, until=date(2026, 3, 8), weeks=1)
    finally:
        await store.close()
    data = as_json(figures)
    assert data["active"] == {"day": 0, "week": None, "month": None}
    assert data["totals"] == {"messages": None, "replies": None, "reactions": None, "commands": 0}
    assert data["withheld_weeks"] == 1
    assert data["weeks"][0]["week"] == "2026-W10"
    assert data["weeks"][0]["active_members"] is None
    assert data["weeks"][0]["joins"] is None
    assert json.loads(json.dumps(data)) == data
    assert ("active_28_days", "fewer than 5") in as_rows(figures, str)
    assert week_rows(figures) == [("2026-03-02 (2026-W10)", *["fewer than 5"] * 5)]
