"""The rules of policy and features: a part of a YAML file made into the dataclass that declares it.

Values may be written as people write them: times with or without quotes, durations as “2h” or “3 days”, days by name in
either language. A name that the dataclass does not know is a mistake.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, TypeVar

from bot.core.delivery import Kind
from bot.core.errors import BadContent, BadInput, Problem
from bot.core.localtime import is_zone
from bot.core.policy import DIGESTIBLE, OVERFLOWS, PolicyRules
from bot.core.ports import ChannelRules
from bot.core.signals import THRESHOLD
from bot.core.span import Span
from bot.files import Located, validate
from bot.timetable.forms import WEEKDAYS, clock, day, duration, plain
from bot.timetable.publicholidays import check_place
from bot.timetable.relative import span

T = TypeVar("T")
Path = tuple[str | int, ...]
ZONE_MEND = "use an IANA name such as Europe/Paris"
_NO_DAYS = "“working_days” must name at least one day of the week"
_KEPT_AT_LEAST = {
    "keep_events": (timedelta(days=7), "a platform may deliver an event again, and it would be answered twice"),
    "keep_deliveries": (timedelta(days=35), "the attention budget and the figures of the last weeks are read from it"),
    "keep_signals": (timedelta(days=84), "the habit of a channel is read from its last eight weeks"),
    "keep_unsent": (timedelta(), "it cannot be less than nothing"),
}
"""What the other features read back, with room to spare."""


def read_rules(kind: type[T], located: Located, key: str) -> T:
    """The mapping under ``key`` as ``kind``. Raises BadContent with every mistake found."""
    reader = _Reader(located)
    value = {**located.value, key: reader.prepared(located.value[key], kind, (key,))}
    if reader.problems:
        raise BadContent(reader.problems)
    rules: T = validate(kind, dataclasses.replace(located, value=value), (key,))
    problems = list(_zones(located, rules, (key,)))
    if isinstance(rules, PolicyRules):
        problems += _policy(located, rules, key)
    if isinstance(rules, ChannelRules):
        problems += _channel(located, rules, key)
    if problems:
        raise BadContent(problems)
    return rules


def unknown(located: Located, path: Path, known: Iterable[str]) -> Problem:
    """The problem of a name nobody knows, with the nearest that is known."""
    names = sorted(known)
    near = difflib.get_close_matches(str(path[-1]), names, n=1)
    mend = f"did you mean “{near[0]}”?" if near else "known are: " + ", ".join(names)
    return located.problem(path, f"“{path[-1]}” is not known here", mend)


@dataclass
class _Reader:
    """Walks a value beside the types it should have, and turns what people write into what those types take."""

    located: Located
    problems: list[Problem] = field(default_factory=list)

    def prepared(self, value: Any, hint: Any, path: Path) -> Any:
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            for each in typing.get_args(hint):
                if each is not types.NoneType and value is not None:
                    value = self.prepared(value, each, path)
            return value
        if path[-1] == "region" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)  # Many are numbers, and YAML reads 57 as one.
        if hint in (time, timedelta, date, Span):
            return self._moment(value, hint, path)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self._fields(value, hint, path)
        return self._collection(value, hint, path)

    def _fields(self, value: Any, kind: type, path: Path) -> Any:
        if value is None:
            return {}  # A key with nothing under it: everything as it is by default.
        if not isinstance(value, dict):
            reason = f"“{path[-1]}” must be a mapping"
            self.problems.append(self.located.problem(path, reason, "write “name: value” lines below it"))
            return {}
        hints = typing.get_type_hints(kind)
        names = [each.name for each in dataclasses.fields(kind)]
        prepared = {}
        for name, inner in value.items():
            if name not in names:
                self.problems.append(unknown(self.located, (*path, str(name)), names))
            else:
                prepared[name] = self.prepared(inner, hints[name], (*path, name))
        return prepared

    def _moment(self, value: Any, hint: Any, path: Path) -> Any:
        read = {time: clock, timedelta: duration, date: day, Span: span}[hint]
        try:
            return read(value)
        except (BadInput, OverflowError) as error:
            self.problems.append(self.located.problem(path, f"“{path[-1]}”: {error}"))
            return None

    def _collection(self, value: Any, hint: Any, path: Path) -> Any:
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin in (tuple, list, frozenset, set, Sequence) and inner:
            if isinstance(value, (str, int, date)) and not isinstance(value, bool):
                value = [value]  # One value where a list may stand.
            if isinstance(value, list):
                return [self._element(each, inner[0], (*path, number)) for number, each in enumerate(value)]
        if origin in (dict, Mapping) and isinstance(value, dict):
            return {name: self.prepared(each, inner[1], (*path, str(name))) for name, each in value.items()}
        return value

    def _element(self, value: Any, hint: Any, path: Path) -> Any:
        if hint is int and isinstance(value, str):
            return WEEKDAYS.get(plain(value), value)
        return self.prepared(value, hint, path)


def _zones(located: Located, value: object, path: Path) -> Iterable[Problem]:
    """Every field called ``zone`` must name one (or be empty where that means “as usual”)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            inner = getattr(value, each.name)
            if each.name == "zone" and isinstance(inner, str) and inner and not is_zone(inner):
                yield located.problem((*path, "zone"), f"there is no time zone “{inner}”", ZONE_MEND)
            yield from _zones(located, inner, (*path, each.name))
    elif isinstance(value, (tuple, list)):
        for number, inner in enumerate(value):
            yield from _zones(located, inner, (*path, number))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _zones(located, inner, (*path, str(name)))


def _channel(located: Located, rules: ChannelRules, key: str) -> Iterable[Problem]:
    days = rules.working_days
    if days is not None and (not days or not set(days) <= set(range(7))):
        yield located.problem((key, "working_days"), _NO_DAYS, "for example [monday, tuesday]")
    if rules.country is not None:
        yield from _holidays(located, rules.country, rules.region or "", key)


def _holidays(located: Located, country: str, region: str, key: str) -> Iterable[Problem]:
    try:
        check_place(country, region)
    except BadInput as error:
        name = "region" if region and "region" in str(error) else "country"
        yield located.problem((key, name), f"“{name}”: {error}", 'country: FR, region: "57" for Moselle')


def _policy(located: Located, rules: PolicyRules, key: str) -> Iterable[Problem]:
    if not rules.zone:
        yield located.problem((key, "zone"), "“zone” is empty", ZONE_MEND)
    if rules.threshold < THRESHOLD:
        reason = f"“threshold” is {rules.threshold}: figures about so few people would show persons"
        yield located.problem((key, "threshold"), reason, f"use {THRESHOLD} or more")
    if not rules.working_days or not set(rules.working_days) <= set(range(7)):
        yield located.problem((key, "working_days"), _NO_DAYS, "for example [monday, tuesday]")
    yield from _holidays(located, rules.country, rules.region, key)
    for name in ("channel_day", "channel_week", "member_day", "member_week", "welcome_day"):
        if getattr(rules, name) < 0:
            yield located.problem((key, name), f"“{name}” is below 0", "0 means that nothing unasked goes out")
    yield from _overflow(located, rules, (key, "overflow"))
    if rules.patience <= timedelta():
        yield located.problem((key, "patience"), "“patience” must be longer than nothing", "for example 4 days")
    for name, (least, why) in _KEPT_AT_LEAST.items():
        if getattr(rules, name) < least:
            yield located.problem((key, name), f"“{name}” is too short: {why}", f"use {least.days} days or more")


def _overflow(located: Located, rules: PolicyRules, path: Path) -> Iterable[Problem]:
    """One word, or one for each kind of what nobody asked for."""
    use = f"use one of {', '.join(OVERFLOWS)}"
    if isinstance(rules.overflow, str):
        if rules.overflow not in OVERFLOWS:
            yield located.problem(path, f"“overflow”: “{rules.overflow}” is not known", use)
        return
    kinds = [kind.value for kind in Kind if kind.unasked]
    for kind, overflow in rules.overflow.items():
        if kind not in kinds:
            yield unknown(located, (*path, kind), kinds)
        elif overflow not in OVERFLOWS:
            yield located.problem((*path, kind), f"“overflow”: “{overflow}” is not known", use)
        elif overflow == "digest" and kind not in DIGESTIBLE:
            reason = f"“{kind}” is meant for one moment and cannot be told in a digest"
            yield located.problem((*path, kind), reason, "write move or drop")
