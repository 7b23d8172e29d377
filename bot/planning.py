"""What `allant plan` does: what a change to schedules/ and content/ would do, before it does it."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bot.archive import RunningFiles, pack, unpack
from bot.checking import check_files, rules_by_name
from bot.core.errors import BadInput, Problem
from bot.forecast import Files, Known, Post, audiences, knowledge, posts, read_files, words_of
from bot.settings import Settings
from bot.timetable import ItemChange, Worded, compare, said_when

MOST_POSTS = 100
"""Rows of posts shown as a table; --json gives all."""
MOST_OTHERS = 30
MOST_CHARACTERS = 160
"""Of one changed line of words, in the table."""
GIT_SECONDS = 60
_SIGNS = {"added": "[green]+[/green]", "changed": "[yellow]~[/yellow]", "removed": "[red]-[/red]"}


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A rule, a channel's description, or a file of content/ that changed; texts before and after, or empty."""

    what: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the change does: to items, to the posts from ``since`` to ``until``, and to everything else."""

    since: datetime
    until: datetime
    compared_with: str
    items: list[ItemChange]
    comes: list[Post]
    goes: list[Post]
    others: list[OtherChange]
    problems: list[Problem]


async def plan(settings: Settings, *, weeks: int, against: str, workspace: str, now: datetime) -> Plan:
    """Compare the folders of the settings with what runs, or with ``against``: a folder, or a revision of git.

    Where a file has problems, its former version goes on running: so it does here. Raises BadInput.
    """
    problems = check_files(settings)
    current = {"content": settings.content, "schedules": settings.schedules}
    now_files = read_files(settings.content, settings.schedules)
    async with knowledge(settings, now_files, workspace, now) as known:
        former, compared_with = await _former(settings, known, against)
        with tempfile.TemporaryDirectory(prefix="allant-plan-") as folder:
            before_folder, after_folder = Path(folder, "before"), Path(folder, "after")
            for each, archive in (
                (before_folder, former),
                (after_folder, pack(current, [problem.file for problem in now_files.problems], former)),
            ):
                for name in current:
                    (each / name).mkdir(parents=True)
                unpack(archive, each)
            before = read_files(before_folder / "content", before_folder / "schedules")
            after = read_files(after_folder / "content", after_folder / "schedules")
            until = now + timedelta(weeks=weeks)
            old, new = [
                posts(files, [*await known.channels_by(files), *audiences(files.policy)], now, until, known.installed)
                for files in (before, after)
            ]
            others = [*_rules(before, after), *_channels(before, after), *_content(before_folder, after_folder)]
    old_keys, new_keys = {_key(post) for post in old}, {_key(post) for post in new}
    return Plan(
        since=now,
        until=until,
        compared_with=compared_with,
        items=compare(_worded(before), _worded(after)),
        comes=[post for post in new if _key(post) not in old_keys],
        goes=[post for post in old if _key(post) not in new_keys],
        others=others,
        problems=problems,
    )


def _key(post: Post) -> tuple[str, datetime, str]:
    return post.item.id, post.at, post.channel.name.casefold()


def _worded(files: Files) -> dict[str, Worded]:
    return {item.id: Worded(item, words_of(item, files.library)) for item in files.schedules.items()}


# What it is compared with


async def _former(settings: Settings, known: Known, against: str) -> tuple[str, str]:
    """The files before, as an archive, and what to call them. This is the one place that decides what “before” is."""
    if against:
        with _folder_of(settings, against) as folders:
            return pack(folders), against
    noted = await known.store.notes.get(known.workspace, RunningFiles, "") if known.store is not None else None
    if noted is None:
        return pack({}), "nothing: Allant has not run with these settings yet"
    return noted.archive, f"what {known.workspace} runs with"


@contextlib.contextmanager
def _folder_of(settings: Settings, against: str) -> Iterator[dict[str, Path]]:
    """The two folders that ``against`` names. One that it does not hold is taken as it is now: it did not change."""
    current = {"content": settings.content, "schedules": settings.schedules}
    folder = Path(against)
    if folder.is_dir():
        found = {name: folder / name for name in current if (folder / name).is_dir()}
        if not found and any(folder.glob("*.yaml")):
            found = {"schedules": folder}
        if not found:
            raise BadInput(f"--against {against}: the folder holds neither content/ nor schedules/")
        yield {**current, **found}
        return
    with tempfile.TemporaryDirectory(prefix="allant-against-") as target:
        for name, place in current.items():
            _checkout(place.resolve(), against, Path(target, name))
        yield {name: Path(target, name) for name in current}


def _checkout(place: Path, revision: str, target: Path) -> None:
    """The folder ``place`` as it was in ``revision`` of its git repository, written to ``target``."""
    named = f"--against {revision}"
    commit = _git(place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise BadInput(f"{named}: neither a folder nor a revision of git that {place} is in")
    target.mkdir()
    # Taken inside the folder, git gives what lies below it, with names that begin there.
    data = _git(place, "archive", "--format=tar", commit.decode().strip())
    if data is None:
        return  # The folder was not there yet.
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(target, filter="data")


def _git(place: Path, *words: str) -> bytes | None:
    """What git says; None when it fails. Raises BadInput when there is no git, or it does not come to an end."""
    try:
        ran = subprocess.run(  # noqa: S603  # Fixed words, and a revision that cannot be taken for an option.
            ["git", "-C", str(place), *words],  # noqa: S607  # The user's own git, wherever it is.
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise BadInput("--against a revision needs the command git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise BadInput(f"git did not answer within {GIT_SECONDS} s") from None
    return ran.stdout if ran.returncode == 0 else None


# Beyond the calendar


def _rules(before: Files, after: Files) -> Iterator[OtherChange]:
    for name, kind in rules_by_name().items():
        for each in dataclasses.fields(kind):
            was, will = (str(getattr(files.schedules.rules(kind), each.name)) for files in (before, after))
            if was != will:
                yield OtherChange(f"{name}.{each.name}", was, will)


def _channels(before: Files, after: Files) -> Iterator[OtherChange]:
    old, new = before.schedules.channels(), after.schedules.channels()
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            yield OtherChange(
                f"#{name}", "" if name not in old else "described", "" if name not in new else "described"
            )
            continue
        for each in dataclasses.fields(new[name]):
            was, will = str(getattr(old[name], each.name)), str(getattr(new[name], each.name))
            if was != will:
                yield OtherChange(f"#{name}.{each.name}", was, will)


def _content(before: Path, after: Path) -> Iterator[OtherChange]:
    """Files of content/ that came, changed or went; the posts' own words are told with their items."""
    old, new = _bytes_below(before / "content"), _bytes_below(after / "content")
    for name in sorted(old.keys() | new.keys()):
        if not name.startswith("calendar/") and old.get(name) != new.get(name):
            yield OtherChange(
                f"content/{name}",
                "" if name not in old else "there",
                "" if name not in new else "changed" if name in old else "there",
            )


def _bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Showing it


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan for other programs; moments in ISO 8601, those called local on the clock of the channel."""
    coming = [{"change": "comes", **_post_data(post)} for post in plan.comes]
    return {
        "since": plan.since.isoformat(),
        "until": plan.until.isoformat(),
        "compared_with": plan.compared_with,
        "items": [
            {
                "change": each.kind,
                "id": each.item.id,
                "file": each.item.file,
                "line": each.item.line,
                "when": said_when(each.item),
                "where": list(each.item.to),
                "differences": [dataclasses.asdict(difference) for difference in each.differences],
            }
            for each in plan.items
        ],
        "posts": sorted(
            [*coming, *({"change": "goes", **_post_data(post)} for post in plan.goes)], key=lambda row: str(row["at"])
        ),
        "others": [dataclasses.asdict(each) for each in plan.others],
        "problems": [dataclasses.asdict(each) for each in plan.problems],
    }


def _post_data(post: Post) -> dict[str, Any]:
    return {
        "item": post.item.id,
        "channel": post.place,
        "at": post.at.isoformat(),
        "local": post.local.replace(tzinfo=None).isoformat(timespec="minutes"),
        "zone": post.channel.zone,
    }


def as_tables(plan: Plan) -> RenderableType:
    """The plan for people."""
    parts: list[RenderableType] = [f"Compared with {escape(plan.compared_with)}."]
    if not (plan.items or plan.comes or plan.goes or plan.others):
        return Group(*parts, "[green]Nothing changes.[/green]")
    if plan.items:
        parts.append(_items_table(plan.items))
    span = f"{_day(plan.since)} to {_day(plan.until)}"
    if plan.comes or plan.goes:
        parts.append(_posts_table(plan, span))
    else:
        parts.append(f"No post comes or goes from {span}.")
    if plan.others:
        parts.append(_others_table(plan.others))
    return Group(*parts)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _items_table(items: list[ItemChange]) -> Table:
    counts = {kind: sum(each.kind == kind for each in items) for kind in _SIGNS}
    title = "Items: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    table = Table("", "Item", "What", title=title, title_justify="left")
    for each in items:
        details = Text("\n").join(_details(each))
        table.add_row(_SIGNS[each.kind], escape(each.item.id), details)
    return table


def _details(change: ItemChange) -> Iterator[Text]:
    if change.kind != "changed":
        yield Text(f"{said_when(change.item)} → {', '.join(change.item.to)}")
        return
    for each in change.differences:
        if not each.what.startswith("words."):
            yield Text.assemble(f"{each.what}: ", (each.before, "red"), " → ", (each.after, "green"))
            continue
        yield Text(f"{each.what}:")
        lines = list(difflib.unified_diff(each.before.split("\n"), each.after.split("\n"), lineterm="", n=0))
        for line in lines[2:]:
            if not line.startswith("@@") and line[1:].strip():
                shown = line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"
                yield Text(f"  {shown}", style="green" if line.startswith("+") else "red")


def _posts_table(plan: Plan, span: str) -> Table:
    title = f"Posts from {span}: {len(plan.comes)} come, {len(plan.goes)} go"
    table = Table("", "When (local)", "Channel", "Item", title=title, title_justify="left")
    signed = [("[green]+[/green]", post) for post in plan.comes] + [("[red]-[/red]", post) for post in plan.goes]
    signed.sort(key=lambda pair: (pair[1].at, pair[1].item.id, pair[1].channel.name))
    for sign, post in signed[:MOST_POSTS]:
        zone = post.at.astimezone(ZoneInfo(post.channel.zone)).tzname()
        table.add_row(sign, f"{post.local:%a %Y-%m-%d %H:%M} {zone}", escape(post.place), post.item.id)
    if len(signed) > MOST_POSTS:
        table.caption = f"and {len(signed) - MOST_POSTS} more (--json shows all)"
    return table


def _others_table(others: list[OtherChange]) -> Table:
    table = Table("What", "Before", "After", title="Rules, channels and other words", title_justify="left")
    for each in others[:MOST_OTHERS]:
        table.add_row(escape(each.what), escape(each.before) or "-", escape(each.after) or "-")
    if len(others) > MOST_OTHERS:
        table.caption = f"and {len(others) - MOST_OTHERS} more (--json shows all)"
    return table
