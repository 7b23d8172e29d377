"""The folder schedules/ as the Timetable: read, checked, and swapped at once when its files change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.core.calendar import Item, Occurrence
from bot.core.community import Channel, Member
from bot.core.errors import BadContent, BadInput, Problem
from bot.core.goals import GoalRules
from bot.core.policy import PolicyRules
from bot.core.ports import ChannelRules, Timetable, Where
from bot.core.refs import LANGUAGES
from bot.files import Located, read_yaml
from bot.timetable.goals import misplaced, read_goals
from bot.timetable.items import read_items
from bot.timetable.links import broken
from bot.timetable.moments import moment_for, moments
from bot.timetable.places import Places, channel_key
from bot.timetable.plan import described
from bot.timetable.publicholidays import check_place
from bot.timetable.rhythm import read_rules, unknown

T = TypeVar("T")

_KNOWN_NEXT = 2048
"""Next moments remembered, some hundred bytes each; begun anew when there are more."""


@dataclass(frozen=True, slots=True)
class _File:
    """What one file says. ``lines``: where each top-level key stands."""

    items: tuple[Item, ...] = ()
    channels: Mapping[str, ChannelRules] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What all files say together; replaced as one, so that nobody sees half of a change."""

    files: Mapping[str, _File] = field(default_factory=dict)
    items: Mapping[str, Item] = field(default_factory=dict)
    channels: Mapping[str, ChannelRules] = field(default_factory=dict)
    rules: Mapping[type, object] = field(default_factory=dict)


class Schedules(Timetable):
    """Each ``*.yaml`` of ``folder`` may hold ``items`` (with ``starts``), ``channels``, and the keys of ``rules``,
    which name the dataclass of each rhythm: ``{"policy": PolicyRules, "nudge": NudgeRules}``. Nothing is read before
    :meth:`load`."""

    def __init__(self, folder: Path, rules: Mapping[str, type]) -> None:
        self._folder = folder
        self._kinds = dict(rules)
        self._whole = _Whole()
        self._places = Places(PolicyRules(), {})
        self._known_next: dict[tuple[Hashable, ...], tuple[PolicyRules, datetime | None]] = {}

    def load(self) -> tuple[Problem, ...]:
        """Read every file anew. One with a problem keeps what it last said when it was right (nothing if it never
        was). Returns the problems; what was read takes effect at once."""
        try:
            paths = _paths(self._folder)
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror}"
            return (Problem(self._folder.name, 0, reason, "check ALLANT_SCHEDULES_DIR"),)
        problems: list[Problem] = []
        read: dict[str, _File] = {}
        for path in paths:
            try:
                read[path.name] = self._read(path)
            except BadContent as error:
                problems += error.problems
                if path.name in self._whole.files:
                    read[path.name] = self._whole.files[path.name]
        self._whole = self._together(read, problems)
        policy = self._whole.rules.get(PolicyRules)
        policy = policy if isinstance(policy, PolicyRules) else PolicyRules()
        self._places = Places(policy, self._whole.channels)
        problems += _unknown_regions(self._whole.files, policy.country)
        return tuple(sorted(problems))

    def check(self, pages: Callable[[str, str], bool] | None = None) -> tuple[Problem, ...]:
        """Every problem of the files as they are now, changing nothing. ``pages`` says whether a page of content/
        exists, by its name and the language: ``calendar/launch-01-hello`` and ``fr``."""
        fresh = Schedules(self._folder, self._kinds)
        problems = list(fresh.load())
        for item in fresh.items():
            problems += fresh._lacking_words(item, pages)
            problems += fresh._unknown_places(item)
        channels = fresh.channels()
        tags = {tag.casefold() for rules in channels.values() for tag in rules.tags}
        problems += misplaced(fresh.rules(GoalRules), set(channels), tags, [item.id for item in fresh.items()])
        return tuple(sorted(problems))

    @property
    def fingerprint(self) -> str:
        """Changes whenever a file is added, removed or written (names, sizes, times); reads no file."""
        try:
            seen = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in _paths(self._folder)]
        except OSError:
            return ""
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    def items(self) -> Sequence[Item]:
        return list(self._whole.items.values())

    def item(self, item_id: str) -> Item | None:
        return self._whole.items.get(item_id)

    def read_item(self, written: Mapping[str, object]) -> Item:
        read = read_items(Located("", {"items": [dict(written)]}))
        lost = broken({**self._whole.items, **{item.id: item for item in read.items}})
        problems = [*read.problems, *(problem for key, problem in lost.items() if key == written.get("id"))]
        if problems:
            raise BadContent(problems)
        return replace(read.items[0], line=0)

    def next(self, item: Item, after: datetime, installed: datetime, zone: Where = "") -> datetime | None:
        rules = self._places.at(zone)
        if item.when.event:  # It follows another item, which may be another one by now.
            return self._next(item, after, installed, rules)
        # Many items share a rule (“Mondays at nine”), and what falls due together asks for the same next moment.
        asked = (item.when, item.zone, item.holidays, after, installed, id(rules))
        known = self._known_next.get(asked)
        if known is None or known[0] is not rules:
            if len(self._known_next) >= _KNOWN_NEXT:
                self._known_next.clear()
            known = self._known_next[asked] = (rules, self._next(item, after, installed, rules))
        return known[1]

    def _next(self, item: Item, after: datetime, installed: datetime, rules: PolicyRules) -> datetime | None:
        for moment in moments(item, rules, after, installed, self._whole.items):
            if moment > after:
                return moment
        return None

    def between(
        self,
        since: datetime,
        until: datetime,
        installed: datetime,
        zones: Callable[[Item], Collection[Where]] | None = None,
    ) -> Sequence[Occurrence]:
        found = set()
        for item in self.items():
            for where in zones(item) if zones is not None else ("",):
                rules = self._places.at(where)
                for moment in moments(item, rules, since, installed, self._whole.items):
                    if moment >= until:
                        break
                    found.add((moment, item.id, item.zone or rules.zone, rules.days))
        return [Occurrence(self._whole.items[key], at, zone, days) for at, key, zone, days in sorted(found)]

    def moment_for(self, item: Item, arrived: date, zone: Where = "") -> datetime | None:
        return moment_for(item, self._places.at(zone), arrived)

    def described(self, item: Item, zone: Where = "") -> str:
        return described(item, self._places.at(zone), self._whole.items)

    def policy_for(self, channel: Channel | None = None, member: Member | None = None) -> PolicyRules:
        return self._places.of(channel, member)

    def holidays_known(self, country: str, region: str = "") -> bool:
        try:
            check_place(country, region)
        except BadInput:
            return False
        return bool(country)

    def rules(self, kind: type[T]) -> T:
        rules = self._places.of() if kind is PolicyRules else self._whole.rules.get(kind)
        return rules if isinstance(rules, kind) else kind()

    def channel(self, name: str) -> ChannelRules | None:
        return self._whole.channels.get(channel_key(name))

    def channels(self) -> Mapping[str, ChannelRules]:
        """What channels.yaml says of each channel it names, by name in small letters, without #."""
        return self._whole.channels

    def _read(self, path: Path) -> _File:
        located = read_yaml(path, path.name)
        if located.value is None:
            return _File()
        if not isinstance(located.value, dict):
            raise BadContent(
                [located.problem((), "must be a mapping", "begin with “items:”, “channels:” or “policy:”")]
            )
        problems = [
            unknown(located, (str(key),), ("items", "starts", "channels", *self._kinds))
            for key in located.value
            if key not in ("items", "starts", "channels", *self._kinds)
        ]
        items = read_items(located)
        problems += items.problems
        channels = _collected(_read_channels, located, problems) if "channels" in located.value else {}
        rules: dict[str, object] = {}
        for key in self._kinds:
            if key in located.value:
                kind = self._kinds[key]
                read = partial(read_goals, key=key) if kind is GoalRules else partial(read_rules, kind, key=key)
                rules[key] = _collected(read, located, problems)
        if problems:
            raise BadContent(problems)
        lines = {str(key): located.line((str(key),)) for key in located.value}
        return _File(items.items, channels or {}, rules, lines)

    def _together(self, read: Mapping[str, _File], problems: list[Problem]) -> _Whole:
        """The files as one. What two files both say is a mistake of the one that changed: it keeps what it said
        before, or is left out where that clashes too."""
        old = self._whole.files
        unchanged = [name for name in read if old.get(name) == read[name]]
        files: dict[str, _File] = {}
        for name in (*unchanged, *(name for name in read if name not in unchanged)):
            clashes = list(_clashes(name, read[name], files))
            problems += clashes
            if not clashes:
                files[name] = read[name]
            elif name in old and not list(_clashes(name, old[name], files)):
                files[name] = old[name]
        items = {item.id: item for each in files.values() for item in each.items}
        # One that counts from an item which is not there stays as it was, or goes where that is gone.
        lost = broken(items)
        problems += lost.values()
        items |= {key: self._whole.items[key] for key in lost if key in self._whole.items}
        gone = broken(items)
        items = {key: item for key, item in items.items() if key not in gone}
        return _Whole(
            files=files,
            items=dict(sorted(items.items())),
            channels={name: rules for each in files.values() for name, rules in each.channels.items()},
            rules={self._kinds[key]: rules for each in files.values() for key, rules in each.rules.items()},
        )

    def _lacking_words(self, item: Item, pages: Callable[[str, str], bool] | None) -> Iterable[Problem]:
        for language in LANGUAGES:
            if item.page and pages is not None and not pages(f"calendar/{item.page}", language):
                mend = f"write content/calendar/{item.page}.{language}.md"
                yield Problem(item.file, item.line, f"the words “{item.page}” do not exist in “{language}”", mend)
            elif not item.page and language not in item.words:
                reason = f"the words of “{item.id}” are not there in “{language}”"
                yield Problem(item.file, item.line, reason, f"add them under {language}:")

    def _unknown_places(self, item: Item) -> Iterable[Problem]:
        channels = self._whole.channels
        tags = {f"tag:{tag.casefold()}" for rules in channels.values() for tag in rules.tags}
        for place in item.channels if channels else ():
            if place.startswith("tag:") and place.casefold() not in tags:
                yield Problem(item.file, item.line, f"no channel has the tag “{place[4:]}”", "see channels.yaml")
            elif not place.startswith("tag:") and channel_key(place) not in channels:
                yield Problem(
                    item.file, item.line, f"the channel “{place}” is not named under channels", "see channels.yaml"
                )


def _paths(folder: Path) -> list[Path]:
    """The files to read, by name. Hidden ones are left out: editors keep their half-written copies there."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and not path.name.startswith(".") and path.is_file()
    )


def _collected(read: Callable[[Located], T], located: Located, problems: list[Problem]) -> T | None:
    try:
        return read(located)
    except BadContent as error:
        problems += error.problems
        return None


def _read_channels(located: Located) -> dict[str, ChannelRules]:
    written = located.value["channels"] or {}
    if not isinstance(written, dict):
        reason = "“channels” must be a mapping of names"
        raise BadContent([located.problem(("channels",), reason, "write “general:”, and below it “tags: [everyone]”")])
    # Read one by one as a part of its own, whose lines are those of the file.
    channels: dict[str, ChannelRules] = {}
    problems: list[Problem] = []
    for name, rules in written.items():
        lines = {path[1:]: line for path, line in located.lines.items() if path[:1] == ("channels",)}
        part = Located(located.file, {str(name): rules}, lines)
        found = _collected(partial(read_rules, ChannelRules, key=str(name)), part, problems)
        if found is not None:
            channels[channel_key(str(name))] = found
    if problems:
        raise BadContent(problems)
    return channels


def _unknown_regions(files: Mapping[str, _File], country: str) -> Iterable[Problem]:
    """Regions of channels in the policy's country, which may stand in another file."""
    for name, each in files.items():
        for channel, rules in each.channels.items():
            if rules.region and rules.country is None:
                try:
                    check_place(country, rules.region)
                except BadInput as error:
                    yield Problem(name, each.lines.get("channels", 0), f"channel “{channel}”, “region”: {error}")


def _clashes(name: str, new: _File, files: Mapping[str, _File]) -> Iterable[Problem]:
    for other, each in files.items():
        known = {item.id: item for item in each.items}
        for item in new.items:
            if item.id in known:
                reason = f"the id “{item.id}” is already used in {other}, line {known[item.id].line}"
                yield Problem(name, item.line, reason, "give each item its own id")
        for key in new.rules.keys() & each.rules.keys():
            yield Problem(name, new.lines.get(key, 0), f"“{key}” is already given in {other}", "keep one of them")
        for channel in new.channels.keys() & each.channels.keys():
            reason = f"the channel “{channel}” is already described in {other}"
            yield Problem(name, new.lines.get("channels", 0), reason, "keep one of them")
