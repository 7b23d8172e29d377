"""The calendar items of one file: ``items:`` with ``starts:``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from bot.core.calendar import APPROVED, DEFAULT_GRACE, DRAFT, Audience, Item, Missed, OnHolidays, When
from bot.core.errors import BadInput, Problem
from bot.core.localtime import is_zone
from bot.core.refs import LANGUAGES, Language
from bot.files import Located
from bot.timetable import forms
from bot.timetable.recurrence import check_rule
from bot.timetable.relative import EXAMPLES, relative
from bot.timetable.rhythm import ZONE_MEND, unknown

INSTALLATION = "installation"
_ALSO = {"chaque": "every", "le": "on", "semaine": "week", "à": "at", "depuis": "from", "jusqu'au": "until"}
_ALSO |= {"jusqu’au": "until", "sauf": "except", "a": "at"}
_ALSO |= {"avant": "before", "après": "after", "apres": "after", "aussi": "also"}
_ALSO |= {"état": "state", "etat": "state"}
_ALSO |= {"fériés": "holidays", "feries": "holidays"}
"""French names of what says when, by the English one."""
_FORMS = ("every", "on", "week", "rrule", "before", "after")
_RULE_ONLY = ("from", "until", "except", "also")
_MOMENTS = (*_FORMS, "at", *_RULE_ONLY, "holidays")
_KNOWN = (*_MOMENTS, "id", "to", "words", "zone", "owner", "missed", "grace", "state")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_PAGE = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")


_AUDIENCES = {
    "@tous": Audience.EVERYONE.value,
    "@responsables": Audience.MANAGERS.value,
    "@arrivants": Audience.NEWCOMERS.value,
    "@animation": Audience.ANIMATORS.value,
    "@personne": Audience.PERSON.value,
}
"""French names of the audiences."""
_HOLIDAYS = {each.value: each for each in OnHolidays} | {
    "envoyer": OnHolidays.SEND,
    "sauter": OnHolidays.SKIP,
    "avant": OnHolidays.BEFORE,
    "apres": OnHolidays.AFTER,
}


class _WrongField(Exception):
    """A field of an item cannot be used."""

    def __init__(self, name: str, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.name, self.reason, self.mend = name, reason, mend


@dataclass(frozen=True, slots=True)
class Items:
    """What a file's ``items:`` gave: those that are right, and what is wrong with the others."""

    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_items(located: Located) -> Items:
    """Every item of the file, with every mistake in it."""
    try:
        starts = _starts(located.value.get("starts", INSTALLATION))
    except BadInput as error:
        mend = f"write “{INSTALLATION}” or a date such as 2027-01-04"
        return Items(problems=(located.problem(("starts",), f"“starts”: {error}", mend),))
    written = located.value.get("items")
    if written is None:
        return Items()
    if not isinstance(written, list):
        return Items(
            problems=(located.problem(("items",), "“items” must be a list", "begin each item with “- id: …”"),)
        )
    items: list[Item] = []
    problems: list[Problem] = []
    for number, raw in enumerate(written):
        reader = _ItemReader(located, number, raw, starts)
        item = reader.read()
        problems += reader.problems
        if item is not None and not reader.problems:
            items.append(item)
    return Items(tuple(items), tuple(problems + _twice(located, items)))


def _starts(value: object) -> date | None:
    """The Monday of the launch's first week; None when it is the installation's."""
    if isinstance(value, str) and forms.plain(value) == INSTALLATION:
        return None
    start = forms.day(value)
    return start - timedelta(days=start.weekday())


def _twice(located: Located, items: list[Item]) -> list[Problem]:
    first: dict[str, Item] = {}
    problems = []
    for item in items:
        known = first.setdefault(item.id, item)
        if known is not item:
            reason = f"the id “{item.id}” is already used on line {known.line}"
            problems.append(Problem(located.file, item.line, reason, "give each item its own id"))
    return problems


@dataclass
class _ItemReader:
    """One item. Each field is read on its own, so that one mistake does not hide the next."""

    located: Located
    number: int
    raw: Any
    starts: date | None
    problems: list[Problem] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The name each known field is written with in this file, English or French."""

    def read(self) -> Item | None:
        if not isinstance(self.raw, dict):
            self._wrong("", "an item must be a mapping", "write “- id: …”, then one “name: value” on each line")
            return None
        for name in self.raw:
            known = _ALSO.get(name, name)
            if known not in _KNOWN:
                path = ("items", self.number, str(name))
                self.problems.append(unknown(self.located, path, _KNOWN))
            elif known in self.names:
                self._wrong(name, f"“{name}” says again what “{self.names[known]}” says", "keep one of them")
            else:
                self.names[known] = name
        when = self._field(self._when, None)
        words, page = self._field(self._words, ({}, ""))
        item = Item(
            id=self._field(self._id, ""),
            when=when or When(),
            to=self._field(self._to, ()),
            words=words,
            page=page,
            zone=self._field(self._zone, ""),
            owner=self._field(self._owner, "animator"),
            missed=self._field(self._missed, Missed.LATE),
            grace=self._field(self._grace, DEFAULT_GRACE),
            holidays=self._field(self._holidays, None) or default_holidays(when or When()),
            file=self.located.file,
            line=self.located.line(("items", self.number)),
            said=self._said(),
            state=self._field(self._state, APPROVED),
        )
        self._fits(item)
        return item

    def _fits(self, item: Item) -> None:
        """What counts from a person's day goes to that person; everything else to somebody else."""
        if item.personal != (Audience.PERSON in item.audiences) and not self.problems:
            if item.personal:
                reason, mend = "the item counts from a person's day here", 'address it to that person: to: "@person"'
            else:
                reason, mend = "“@person” goes with “after: 30 days from arrival” and the like", "name other people"
            self._wrong("to", reason, mend)
        elif item.personal and len(item.to) > 1:
            self._wrong(
                "to", "the item counts from a person's day here, and goes to others too", 'leave "@person" only'
            )

    def _value(self, name: str) -> Any:
        return self.raw.get(self.names.get(name, name))

    def _field(self, read: Callable[[], Any], instead: Any) -> Any:
        try:
            return read()
        except _WrongField as error:
            self._wrong(error.name, error.reason, error.mend)
        return instead

    def _wrong(self, name: str, reason: str, mend: str) -> None:
        path = ("items", self.number, self.names.get(name, name)) if name else ("items", self.number)
        self.problems.append(self.located.problem(path, reason, mend))

    def _id(self) -> str:
        value = self._value("id")
        if value is None:
            raise _WrongField("id", "the item has no “id”", "give it a name of its own, such as friday-thanks")
        if not _ID.fullmatch(str(value)):
            raise _WrongField("id", f"“{value}” is not an id", "use small letters, digits and - only")
        return str(value)

    def _to(self) -> tuple[str, ...]:
        value = self._value("to")
        written = [value] if isinstance(value, str) else value
        if not isinstance(written, list) or not written or not all(isinstance(each, str) for each in written):
            mend = 'name channels or tags in quotes (YAML takes a bare # for a remark): ["#general", "tag:everyone"]'
            raise _WrongField("to", "the item does not say “to” which channel", mend)
        places = tuple(dict.fromkeys(_place(each) for each in written))
        if not all(re.fullmatch(r"#\S+|tag:\S+|@.*", each) for each in places):
            raise _WrongField("to", "“to” holds an empty name, or one with a space", "write “#name” or “tag:name”")
        for place in places:
            if place.startswith("@") and place not in list(Audience):
                near = difflib.get_close_matches(place, (*Audience, *_AUDIENCES), n=1)
                mend = f"did you mean “{near[0]}”?" if near else "known are: " + ", ".join(Audience)
                raise _WrongField("to", f"“{place}” is not known here", mend)
        return places

    def _words(self) -> tuple[dict[Language, str], str]:
        value = self._value("words")
        mend = "name a page of content/calendar, or write the text under en: and fr:"
        if isinstance(value, str):
            if not _PAGE.fullmatch(value):
                raise _WrongField("words", "“words” is not the name of a page", mend)
            return {}, value
        if not isinstance(value, dict) or not value:
            raise _WrongField("words", "the item has no “words”", mend)
        texts: dict[Language, str] = {}
        for name, text in value.items():
            if name not in LANGUAGES:
                raise _WrongField("words", f"“{name}” is not a language", "use fr and en")
            if not isinstance(text, str) or not text.strip():
                raise _WrongField("words", f"the text under “{name}” is empty, or not text", "put it in quotes")
            texts[name] = text.strip()
        return texts, ""

    def _zone(self) -> str:
        value = self._value("zone") or ""
        if value and not (isinstance(value, str) and is_zone(value)):
            raise _WrongField("zone", f"there is no time zone “{value}”", ZONE_MEND)
        return str(value)

    def _owner(self) -> str:
        value = self._value("owner")
        if value is not None and not isinstance(value, str):
            raise _WrongField("owner", "“owner” must be text", "put it in quotes")
        return value or "animator"

    def _missed(self) -> Missed:
        value = self._value("missed") or Missed.LATE
        if value not in list(Missed):
            raise _WrongField("missed", f"“{value}” is not known here", "use late, skip or ask")
        return Missed(value)

    def _state(self) -> str:
        value = self._value("state") or APPROVED
        known = {DRAFT: DRAFT, APPROVED: APPROVED, "brouillon": DRAFT, "approuvé": APPROVED, "approuve": APPROVED}
        if value not in known:
            raise _WrongField("state", f"“{value}” is not known here", "use draft or approved")
        return known[str(value)]

    def _grace(self) -> timedelta:
        value = self._value("grace")
        if value is None:
            return DEFAULT_GRACE
        try:
            return forms.duration(value)
        except (BadInput, OverflowError) as error:
            raise _WrongField("grace", f"“grace”: {error}") from None

    def _when(self) -> When:
        given = [name for name in _FORMS if name in self.names]
        if len(given) != 1:
            wrong = " and ".join(given)
            reason = f"the item says when in several ways: {wrong}" if given else "the item does not say when"
            raise _WrongField(given[-1] if given else "", reason, f"give exactly one of {', '.join(_FORMS)}")
        form = given[0]
        try:
            when = self._form(form)
        except BadInput as error:
            raise _WrongField(form, f"“{self.names[form]}”: {error}", _mend(form)) from None
        for name in _RULE_ONLY:
            if name in self.names and not when.rrule:
                raise _WrongField(name, f"“{self.names[name]}” goes with every and rrule only", "remove it")
        if "at" in self.names and form in ("every", "on", "week"):
            raise _WrongField("at", "“at” goes with rrule, before and after", f"write the time in “{self.names[form]}”")
        if not when.rrule:
            return when
        days, moments = self._excluded()
        when = replace(
            when,
            start=self._day("from"),
            until=self._day("until"),
            excluded=days,
            excluded_moments=moments,
            also=frozenset(self._moments("also")),
        )
        try:
            check_rule(when)
        except BadInput as error:
            raise _WrongField(form, f"“{self.names[form]}”: {error}", _mend(form)) from None
        return when

    def _form(self, form: str) -> When:
        value = self._value(form)
        if form == "every":
            return forms.every(value)
        if form == "on":
            return forms.once(value)
        if form == "week":
            return forms.launch_week(value, self.starts)
        if not isinstance(value, str):
            raise BadInput("must be text")
        at = self._clock("at")
        if form in ("before", "after"):
            return relative(value, form, at)
        if at is None:
            raise BadInput('does not say at what time: add at: "09:30"')
        return When(rrule=value.strip(), at=at)

    def _clock(self, name: str) -> time | None:
        if name not in self.names:
            return None
        try:
            return forms.clock(self._value(name))
        except BadInput as error:
            raise _WrongField(name, f"“{self.names[name]}”: {error}") from None

    def _day(self, name: str) -> date | None:
        if name not in self.names:
            return None
        try:
            return forms.day(self._value(name))
        except BadInput as error:
            raise _WrongField(name, f"“{self.names[name]}”: {error}") from None

    def _excluded(self) -> tuple[frozenset[date], frozenset[datetime]]:
        """EXDATE: whole days, and single moments of a rule that has several a day."""
        found = self._list("except", lambda each: forms.once(each).once if _has_time(each) else forms.day(each))
        moments = frozenset(each for each in found if isinstance(each, datetime))
        return frozenset(found) - moments, moments

    def _moments(self, name: str) -> list[Any]:
        return self._list(name, lambda each: forms.once(each).once)

    def _list(self, name: str, read: Callable[[Any], Any]) -> list[Any]:
        value = self._value(name) if name in self.names else []
        try:
            return [read(each) for each in (value if isinstance(value, list) else [value])]
        except BadInput as error:
            raise _WrongField(name, f"“{self.names[name]}”: {error}") from None

    def _holidays(self) -> OnHolidays | None:
        value = self._value("holidays")
        if value is None:
            return None
        known = _HOLIDAYS.get(forms.plain(value))
        if known is None:
            raise _WrongField("holidays", f"“{value}” is not known here", "use send, skip, before or after")
        return known

    def _said(self) -> str:
        shown = [name for name in self.names if name in _MOMENTS]
        return ", ".join(f"{self.names[name]}: {_shown(self._value(name))}" for name in shown)


def _place(name: str) -> str:
    bare = name.strip()
    if bare.startswith("@"):
        return _AUDIENCES.get(forms.plain(bare), bare.casefold())
    return bare if bare.startswith(("#", "tag:")) else f"#{bare}"


def default_holidays(when: When) -> OnHolidays:
    """The next working day, but the one before for what counts backwards: a reminder that comes after its event is
    of no use."""
    return OnHolidays.BEFORE if when.offset.backwards else OnHolidays.AFTER


def _has_time(value: object) -> bool:
    return isinstance(value, datetime) if isinstance(value, date) else bool(re.search(r"\d[t ]+\S", forms.plain(value)))


def _mend(form: str) -> str:
    return {"every": forms.EXAMPLES, "on": "write for example 2026-12-18 10:00", **EXAMPLES}.get(form, "")


def _shown(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
