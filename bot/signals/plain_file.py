"""Signals from a CSV or JSON Lines file of any other program: one thing that happened a line, and never a word of it.

Columns (CSV with a header line, UTF-8, comma or semicolon), or keys of an object a line (.jsonl):

- ``at``: when, ISO 8601 with an offset, such as ``2026-11-23T09:30:00Z``
- ``what``: joined, left, posted, replied, reacted, command, clicked, mentioned, asked, answered, unanswered, helped,
  not_helped, opened, charter_answered or journey_completed
- ``member``: the person's id, empty where nobody in particular did it
- ``channel``: the channel's id or name, may be empty
- ``id``: what names this line for ever; of a message, its id. Left out, the line is known by all it says
- ``reply_to``: the ``id`` of the message answered or reacted to, may be empty

Any other column is refused, as it may hold words. Importing again counts only lines that are new.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.core.community import Channel, Member
from bot.core.errors import BadContent, Problem
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import Signal, What

COLUMNS = ("at", "what", "member", "channel", "id", "reply_to")
NEEDED = ("at", "what")
KINDS = frozenset(set(What) - {What.BOT_REACTED, What.BOT_REPLIED, What.JOURNEY_STARTED})
MAX_PROBLEMS = 20
LONGEST = 200
"""Characters of an id: what is longer is no id."""
LARGEST = 2**31
"""Bytes of a file."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file that was read and found whole."""

    signals: tuple[Signal, ...]
    members: tuple[Member, ...]
    channels: tuple[Channel, ...]


def read_signals(path: Path, workspace: WorkspaceRef) -> PlainFile:
    """Read the whole file. Raises BadContent naming each line that is wrong: then nothing of it may be used."""
    problems: list[Problem] = []
    signals: list[Signal] = []
    for line, found in _lines(path):
        try:
            signals.append(_signal(found, workspace))
        except ValueError as error:
            problems.append(Problem(path.name, line, str(error), "mend the line; nothing was imported"))
            if len(problems) >= MAX_PROBLEMS:
                break
    if problems:
        raise BadContent(problems)
    if not signals:
        raise BadContent([Problem(path.name, 0, "holds no line", "see the administrator's guide for the format")])
    last: dict[ChannelRef, datetime] = {}
    for each in signals:
        if each.channel is not None and each.what in (What.POSTED, What.REPLIED):
            last[each.channel] = max(last.get(each.channel, each.at), each.at)
    people = sorted({each.member for each in signals if each.member is not None})
    places = sorted({each.channel for each in signals if each.channel is not None})
    return PlainFile(
        tuple(signals),
        tuple(Member(ref, ref.id) for ref in people),
        tuple(Channel(ref, ref.id, last_message_at=last.get(ref)) for ref in places),
    )


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line's number and what it says."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadContent([Problem(path.name, 0, "is larger than 2 GB", "import it in parts")])
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadContent([Problem(path.name, 0, f"cannot be read: {error.strerror}", "check the path")]) from None
    except UnicodeDecodeError:
        raise BadContent([Problem(path.name, 0, "is not UTF-8", "save it as UTF-8")]) from None
    if path.suffix.casefold() == ".csv":
        yield from _csv(path, text)
    elif path.suffix.casefold() in (".jsonl", ".ndjson"):
        yield from _jsonl(path, text)
    else:
        raise BadContent([Problem(path.name, 0, "is neither .csv nor .jsonl", "name it so")])


def _csv(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    names: list[str] = []
    try:
        for row in reader:
            if not names:
                names = [name.strip().casefold() for name in row]
                _check_names(path, names)
            elif row:
                if len(row) != len(names):
                    reason = f"has {len(row)} cells where the header has {len(names)}"
                    raise BadContent([Problem(path.name, reader.line_num, reason, "nothing was imported")])
                yield reader.line_num, dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise BadContent([Problem(path.name, reader.line_num, f"is no CSV: {error}", "nothing was imported")]) from None


def _check_names(path: Path, names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in NEEDED if name not in names]
    if unknown or missing or len(set(names)) < len(names):
        reason = f"the header must have at and what, may have {', '.join(COLUMNS[2:])}, each once, and nothing else"
        raise BadContent([Problem(path.name, 1, reason, "no other column is read, as it may hold words: take it out")])


def _jsonl(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise BadContent([Problem(path.name, number, "is no JSON", "nothing was imported")]) from None
        if not isinstance(found, dict) or not found.keys() <= set(COLUMNS):
            reason = f"must be an object with no other keys than {', '.join(COLUMNS)}"
            raise BadContent([Problem(path.name, number, reason, "take the others out: they may hold words")])
        yield number, found


def _signal(found: Mapping[str, Any], workspace: WorkspaceRef) -> Signal:
    """Raises ValueError with the reason. No value is quoted: it may be a word of somebody's."""
    what, at = _text(found, "what").casefold(), _moment(_text(found, "at"))
    if what not in KINDS:
        raise ValueError("“what” is none of " + ", ".join(sorted(KINDS)))
    member, channel, said, answered = (_text(found, name) for name in ("member", "channel", "id", "reply_to"))
    own = said or "\n".join((at.isoformat(), what, member, channel, answered))
    return Signal(
        source=f"file/message/{said}" if said and what in (What.POSTED, What.REPLIED) else f"file/{what}/{own}",
        workspace=workspace,
        at=at,
        what=What(what),
        member=MemberRef(workspace, member) if member else None,
        channel=ChannelRef(workspace, channel.removeprefix("#")) if channel else None,
        reply_to=f"file/message/{answered}" if answered else "",
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"“{name}” is no text")
    value = value.strip()
    if len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"“{name}” is too long for an id, or holds what cannot be printed")
    return value


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("“at” is no moment such as 2026-11-23T09:30:00Z") from None
    if at.tzinfo is None:
        raise ValueError("“at” has no offset: write Z for UTC, or such as +01:00")
    return at


def read_teams(path: Path, workspace: WorkspaceRef) -> dict[MemberRef, str]:
    """Who belongs to which team, from a CSV file with the columns ``member`` (an id) and ``team``. Raises
    BadContent."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadContent([Problem(path.name, 0, f"cannot be read: {type(error).__name__}", "check it")]) from None
    delimiter = ";" if text.partition("\n")[0].count(";") else ","
    found: dict[MemberRef, str] = {}
    problems: list[Problem] = []
    for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1):
        if number == 1:
            if [name.strip().casefold() for name in row] != ["member", "team"]:
                raise BadContent([Problem(path.name, 1, "the header must be member,team", "mend the first line")])
        elif row and (len(row) != 2 or not row[0].strip() or max(len(cell) for cell in row) > LONGEST):
            problems.append(Problem(path.name, number, "needs a member's id and a team", "mend the line"))
        elif row:
            found[MemberRef(workspace, row[0].strip())] = row[1].strip()
    if problems:
        raise BadContent(problems[:MAX_PROBLEMS])
    return found
