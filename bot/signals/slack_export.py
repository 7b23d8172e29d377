"""A Slack export as signals: who joined, wrote, replied and reacted, when and where; never what was said.

The export is a zip of users.json, channels.json (and groups.json for private channels), and for each channel a folder
with a file a day, ``general/2018-05-17.json``. Direct conversations (dms.json, mpims.json) are left out: what is said
there is nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.core.community import Channel, Member
from bot.core.errors import BadContent, Problem
from bot.core.localtime import known_zone
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import Signal, What
from bot.signals.export_zip import ExportZip, Limits

PLATFORM = "slack-export"
MAX_PROBLEMS = 20
"""More than this are not listed: the first ones tell what happened."""

Progress = Callable[[int, int], None]
"""Told after each file how many bytes are read, and how many there are."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TS = re.compile(r"(\d{1,11})(?:\.(\d{1,6}))?")
_DAY_FILE = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_WRITTEN = frozenset({"", "file_share", "me_message", "thread_broadcast"})
"""Subtypes that are somebody's message; the others say that something about the channel changed."""
_WRITING = (What.POSTED, What.REPLIED)
_SLACKBOT = "USLACKBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackExport:
    """An export that was read and found whole.

    ``members`` have ``joined_at`` where they appear in a channel, ``channels`` their last message. ``messages``:
    people's messages; ``people``: how many wrote or joined; ``first``, ``last``: of what they did.
    ``left_out``: files of days in folders that no channel has.

    The ``source`` of each signal is made of what Slack itself keeps unique, so that importing again, or a later export
    of the same channels, counts only what is new.
    """

    workspace: WorkspaceRef
    members: tuple[Member, ...]
    channels: tuple[Channel, ...]
    signals: tuple[Signal, ...]
    messages: int
    people: int
    first: datetime | None
    last: datetime | None
    left_out: int


def read_export(
    path: Path,
    workspace: WorkspaceRef | str = "",
    progress: Progress = lambda done, total: None,
    limits: Limits | None = None,
) -> SlackExport:
    """Read the whole export and check every file of it, one file at a time; nothing is unpacked to disk.

    ``workspace``: where its signals belong, or a name for it; empty: named after the file. Raises BadContent, naming
    each file that is wrong, when anything is: then nothing of it may be used.
    """
    place = workspace if isinstance(workspace, WorkspaceRef) else workspace_for(workspace or path.stem)
    with ExportZip(path, limits or Limits()) as export:
        prefix = _prefix(export)
        members = [_member(export, f"{prefix}users.json", place, each) for each in _list(export, f"{prefix}users.json")]
        channels = _channels(export, prefix, place)
        survey = _Survey(place, frozenset({_SLACKBOT, *(each.ref.id for each in members if each.bot)}))
        left_out = survey.read(export, prefix, channels, progress)
    first = survey.first_seen()
    return SlackExport(
        workspace=place,
        members=tuple(replace(each, joined_at=first.get(each.ref)) for each in members),
        channels=tuple(replace(each, last_message_at=survey.last_in.get(each.ref)) for each in channels),
        signals=(*survey.joins.values(), *survey.signals),
        messages=sum(1 for each in survey.signals if each.what in _WRITING),
        people=len(first),
        first=min(first.values(), default=None),
        last=max((each.at for each in (*survey.joins.values(), *survey.signals)), default=None),
        left_out=left_out,
    )


def workspace_for(name: str) -> WorkspaceRef:
    """The workspace of an export called ``name``, with only what a ref may hold."""
    return WorkspaceRef(PLATFORM, re.sub(r"[^\w.-]+", "-", name).strip("-.") or "export")


@dataclass(frozen=True, slots=True)
class _Message:
    """What counts of one line of a day's file. ``what`` is None when only its reactions count."""

    ts: str
    at: datetime
    user: str
    what: What | None
    reactions: tuple[tuple[str, str], ...]
    thread: str = ""
    """The ``ts`` of the message that this answers."""


class _Survey:
    """What the days' files say, gathered file by file."""

    def __init__(self, workspace: WorkspaceRef, bots: frozenset[str]) -> None:
        self._workspace = workspace
        self._bots = bots
        self._refs: dict[str, MemberRef] = {}
        self.joins: dict[tuple[ChannelRef, MemberRef], Signal] = {}
        self.signals: list[Signal] = []
        self.last_in: dict[ChannelRef, datetime] = {}
        self._written: dict[tuple[ChannelRef, str], str] = {}
        """The source of each message's signal. Days are read in their order: an answer comes after what it answers."""

    def read(self, export: ExportZip, prefix: str, channels: list[Channel], progress: Progress) -> int:
        """Read every channel's files; how many files belong to no channel."""
        folders = {each.name: each.ref for each in channels}
        every = _day_files(export, prefix)
        files = [(name, folders[folder]) for name, folder in every if folder in folders]
        done, total = 0, sum(export.size(name) for name, _ in files)
        problems: list[Problem] = []
        for name, channel in files:
            try:
                for message in _messages(export, name, self._bots):
                    self._take(channel, message)
            except BadContent as bad:
                problems += bad.problems
                if len(problems) >= MAX_PROBLEMS:
                    break
            done += export.size(name)
            progress(done, total)
        if problems:
            raise BadContent(problems)
        return len(every) - len(files)

    def first_seen(self) -> dict[MemberRef, datetime]:
        """When each person first appeared in any channel."""
        first: dict[MemberRef, datetime] = {}
        for (_, member), join in self.joins.items():
            first[member] = min(first.get(member, join.at), join.at)
        return first

    def _take(self, channel: ChannelRef, message: _Message) -> None:
        if message.what is not None:
            member = self._member(message.user)
            if message.what in (*_WRITING, What.JOINED):
                self._joined(channel, member, message.at)
            if message.what in _WRITING:
                self.last_in[channel] = max(self.last_in.get(channel, message.at), message.at)
            if message.what is not What.JOINED:
                thread = self._written.get((channel, message.thread), "")
                counted = self._signal(message.ts, message.at, message.what, member, channel, thread)
                self.signals.append(counted)
                if message.what in _WRITING:
                    self._written[channel, message.ts] = counted.source
        for user, emoji in message.reactions:
            # The export does not say when a reaction was added; most come soon after the message.
            source = f"{message.ts}/{emoji}"
            to = self._written.get((channel, message.ts), "")
            self.signals.append(self._signal(source, message.at, What.REACTED, self._member(user), channel, to))

    def _joined(self, channel: ChannelRef, member: MemberRef, at: datetime) -> None:
        """Somebody is in a channel from the first thing they do there: exports often lack the joining itself."""
        known = self.joins.get((channel, member))
        if known is None or at < known.at:
            self.joins[channel, member] = self._signal("first", at, What.JOINED, member, channel)

    def _signal(
        self, moment: str, at: datetime, what: What, member: MemberRef, channel: ChannelRef, reply_to: str = ""
    ) -> Signal:
        kind = "written" if what in _WRITING else what.value
        return Signal(
            source=f"{PLATFORM}/{channel.id}/{moment}/{kind}/{member.id}",
            workspace=self._workspace,
            at=at,
            what=what,
            member=member,
            channel=channel,
            reply_to=reply_to,
        )

    def _member(self, user: str) -> MemberRef:
        return self._refs.setdefault(user, MemberRef(self._workspace, user))


def _prefix(export: ExportZip) -> str:
    """Where the export begins: zips packed again by hand often hold one folder around everything."""
    for name in sorted(export.names, key=lambda each: (each.count("/"), each)):
        if name.rpartition("/")[2] == "channels.json":
            return name.removesuffix("channels.json")
    raise export.bad("channels.json", "is not in the zip", mend="use the zip as Slack made it")


def _day_files(export: ExportZip, prefix: str) -> list[tuple[str, str]]:
    """Every day's file with its folder, in the order of folders and days."""
    found = []
    for name in export.names:
        folder, _, day = name.removeprefix(prefix).rpartition("/")
        if name.startswith(prefix) and _DAY_FILE.fullmatch(day):
            found.append((name, folder))
    return found


def _list(export: ExportZip, name: str) -> list[dict[str, Any]]:
    """The entry as a list of objects."""
    if name not in export.names:
        raise export.bad(name, "is not in the zip", mend="use the zip as Slack made it")
    value = export.json(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise export.bad(name, "is not a list of objects")
    return value


def _text(export: ExportZip, name: str, each: dict[str, Any], key: str) -> str:
    value = each.get(key)
    if not isinstance(value, str) or not value:
        raise export.bad(name, f"holds an object without “{key}”")
    return value


def _channels(export: ExportZip, prefix: str, workspace: WorkspaceRef) -> list[Channel]:
    found = []
    for file in ("channels.json", "groups.json"):
        name = prefix + file
        if file == "groups.json" and name not in export.names:
            continue
        for each in _list(export, name):
            ref = ChannelRef(workspace, _text(export, name, each, "id"))
            found.append(Channel(ref, _text(export, name, each, "name"), archived=each.get("is_archived") is True))
    return found


def _member(export: ExportZip, name: str, workspace: WorkspaceRef, each: dict[str, Any]) -> Member:
    identifier = _text(export, name, each, "id")
    profile = each.get("profile")
    names = (profile.get("display_name") if isinstance(profile, dict) else "", each.get("real_name"), each.get("name"))
    zone = each.get("tz")
    return Member(
        MemberRef(workspace, identifier),
        name=next((value for value in names if isinstance(value, str) and value.strip()), identifier),
        language="fr" if str(each.get("locale", "")).startswith("fr") else "en",
        zone=known_zone(zone, "UTC") if isinstance(zone, str) else "UTC",
        guest=each.get("is_restricted") is True or each.get("is_ultra_restricted") is True,
        bot=each.get("is_bot") is True or identifier == _SLACKBOT,
        active=each.get("deleted") is not True,
    )


def _messages(export: ExportZip, name: str, bots: frozenset[str]) -> Iterator[_Message]:
    for each in _list(export, name):
        ts = _text(export, name, each, "ts")
        at = _moment(ts)
        if at is None:
            raise export.bad(name, "holds an object whose “ts” is no time")
        user = each.get("user")
        what = _what(each) if isinstance(user, str) and user and user not in bots else None
        reactions = tuple(_reactions(each.get("reactions"), bots))
        if what is not None or reactions:
            thread = str(each["thread_ts"]) if what is What.REPLIED else ""
            yield _Message(ts, at, user if isinstance(user, str) else "", what, reactions, thread)


def _what(each: dict[str, Any]) -> What | None:
    subtype = each.get("subtype") or ""
    if subtype in ("channel_join", "group_join"):
        return What.JOINED
    if subtype in ("channel_leave", "group_leave"):
        return What.LEFT
    if subtype not in _WRITTEN or "bot_id" in each:
        return None
    return What.REPLIED if each.get("thread_ts", each["ts"]) != each["ts"] else What.POSTED


def _reactions(value: object, bots: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Who reacted with what. A shape we do not know counts as none: the message itself still does."""
    for each in value if isinstance(value, list) else ():
        users = each.get("users") if isinstance(each, dict) else None
        for user in users if isinstance(users, list) else ():
            if isinstance(user, str) and user and user not in bots:
                yield user, str(each.get("name", ""))


def _moment(ts: str) -> datetime | None:
    """``1494762492.794286`` as aware UTC, exactly; None for anything else."""
    found = _TS.fullmatch(ts)
    if found is None:
        return None
    micros = int((found[2] or "0").ljust(6, "0"))
    return _EPOCH + timedelta(seconds=int(found[1]), microseconds=micros)
