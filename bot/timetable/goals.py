"""Goals in schedules/goals.yaml, read and checked: each mistake with its line, why it is one, and how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from bot.core.definitions import Unit, by_name
from bot.core.errors import BadContent, BadInput, Problem
from bot.core.goals import WHOLE_COMMUNITY_ONLY, Goal, GoalRules, adds_up, may_be_a_goal
from bot.core.refs import LANGUAGES, Language
from bot.core.responses import BOUNDS
from bot.core.signals import THRESHOLD
from bot.files import Located
from bot.timetable.forms import day, duration

_NEEDED = ("id", "name", "measure", "from", "to", "since", "by")
_KNOWN = (*_NEEDED, "sponsor", "channel", "tag", "campaign")
_MENDS = {
    "id": "give it a short name of its own, such as habit",
    "name": "write {en: More people take part, fr: Plus de monde participe}",
    "measure": "see docs/metrics.md, for example active_28_days",
    "from": "write where it stands when it begins, for example 40 or 25 %",
    "to": "write what is to be reached, for example 120 or 60 %",
    "since": "write the day it begins, such as 2026-11-30",
    "by": "write the day it is to be reached, such as 2027-05-31",
}
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*%")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def read_goals(located: Located, key: str) -> GoalRules:
    """The list under ``key``. Raises BadContent with every mistake found."""
    written = located.value[key]
    if written is None:
        return GoalRules()
    if not isinstance(written, list):
        reason = f"“{key}” must be a list"
        raise BadContent([located.problem((key,), reason, "begin each goal with “- id: …”")])
    problems: list[Problem] = []
    goals: list[Goal] = []
    for number, each in enumerate(written):
        reader = _Reader(located, (key, number), each)
        goal = reader.goal()
        problems += reader.problems
        if goal is not None and any(goal.id == other.id for other in goals):
            problems.append(located.problem((key, number), f"there are two goals “{goal.id}”", "give each its own id"))
        goals += [goal] if goal is not None else []
    if problems:
        raise BadContent(problems)
    return GoalRules(goals=tuple(goals))


def misplaced(
    rules: GoalRules, channels: Collection[str], tags: Collection[str], items: Collection[str]
) -> Iterable[Problem]:
    """Goals about a channel, a tag or a campaign that no file of schedules/ names. ``channels`` and ``tags`` in small
    letters, channels without #; ``items``: the calendar's ids. With no channel named anywhere, none is missed."""
    for goal in rules.goals:
        name = goal.channel.removeprefix("#").casefold()
        if name and channels and name not in channels:
            yield Problem(goal.file, goal.line, f"the channel “{goal.channel}” is not known", _near(name, channels))
        if goal.tag and channels and goal.tag.casefold() not in tags:
            yield Problem(goal.file, goal.line, f"no channel has the tag “{goal.tag}”", _near(goal.tag, tags))
        if goal.campaign and not any(item.startswith(goal.campaign) for item in items):
            reason = f"no item of the calendar begins with “{goal.campaign}”"
            yield Problem(goal.file, goal.line, reason, "write the beginning of its ids, such as launch-")


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name.casefold(), list(known), n=1)
    return f"did you mean “{near[0]}”?" if near else "see channels.yaml"


class _Reader:
    """One goal as it is written."""

    def __init__(self, located: Located, path: tuple[str | int, ...], written: Any) -> None:
        self.problems: list[Problem] = []
        self._located = located
        self._path = path
        self._written: Mapping[str, Any] = written if isinstance(written, dict) else {}
        if not isinstance(written, dict):
            self._wrong("", "a goal must be a mapping", "begin it with “- id: …”, and go on below")

    def _wrong(self, name: str, reason: str, mend: str = "") -> None:
        path = (*self._path, name) if name in self._written else self._path
        self.problems.append(self._located.problem(path, reason, mend))

    def goal(self) -> Goal | None:
        """None, with ``problems``, when it is wrong."""
        for name in self._written:
            if name not in _KNOWN:
                near = difflib.get_close_matches(str(name), _KNOWN, n=1)
                mend = f"did you mean “{near[0]}”?" if near else "known are: " + ", ".join(_KNOWN)
                self._wrong(name, f"“{name}” is not known here", mend)
        for name in _NEEDED:
            if self._written and self._written.get(name) in (None, ""):
                self._wrong(name, f"“{name}” is missing", _MENDS[name])
        if self.problems:
            return None
        measure = self._measure()
        since, by = self._day("since"), self._day("by")
        start, target = self._value("from", measure), self._value("to", measure)
        goal = Goal(
            id=self._text("id"),
            name=self._names(),
            measure=measure,
            start=start,
            target=target,
            since=since,
            by=by,
            sponsor=self._text("sponsor"),
            channel=self._text("channel"),
            tag=self._text("tag").removeprefix("tag:"),
            campaign=self._text("campaign"),
            line=self._located.line(self._path),
            file=self._located.file,
        )
        if not self.problems:
            self._judge(goal)
        return None if self.problems else goal

    def _judge(self, goal: Goal) -> None:
        if not _ID.fullmatch(goal.id):
            self._wrong("id", f"“{goal.id}” is no id", "use small letters, digits and -")
        if goal.by <= goal.since:
            self._wrong("by", "“by” is not after “since”", f"write a day after {goal.since}")
        if goal.start == goal.target:
            self._wrong("to", "“to” is where it begins: there is no way to go", "write what is to be reached")
        if goal.channel and goal.tag:
            self._wrong("tag", "a goal is about a channel or a tag, not both", "keep one of them")
        if (goal.channel or goal.tag) and goal.measure in WHOLE_COMMUNITY_ONLY:
            self._wrong("measure", f"“{goal.measure}” is of the whole community", "leave out channel and tag")
        elif goal.tag and not adds_up(goal.measure):
            reason = f"“{goal.measure}” cannot be added up over channels: one person may be in several"
            self._wrong("measure", reason, "name a channel, or take messages, replies or reactions")
        if goal.definition.unit is Unit.PEOPLE:
            reason = f"figures about fewer than {THRESHOLD} people are never shown"
            if 0 < goal.start < THRESHOLD:
                self._wrong("from", reason, f"begin at 0, or at {THRESHOLD} or more")
            if goal.target < THRESHOLD:
                self._wrong("to", reason, f"aim at {THRESHOLD} or more")

    def _measure(self) -> str:
        measure = self._text("measure")
        if measure not in by_name():
            near = difflib.get_close_matches(measure, [name for name in by_name() if may_be_a_goal(name)], n=1)
            mend = f"did you mean “{near[0]}”?" if near else "see docs/metrics.md"
            self._wrong("measure", f"the measure “{measure}” is not known", mend)
            return "active_28_days"
        if not may_be_a_goal(measure):
            self._wrong("measure", f"the measure “{measure}” may not be shown in a goal", self._instead(measure))
        return measure

    @staticmethod
    def _instead(measure: str) -> str:
        share = f"{measure.removesuffix('_posting')}_posting_share"
        return f"take “{share}”" if may_be_a_goal(share) else "take one of `allant stats`: see docs/metrics.md"

    def _value(self, name: str, measure: str) -> float:
        """Shares may be written in per cent, times as “2 hours”."""
        written, unit = self._written[name], by_name()[measure].unit
        percent = _PERCENT.fullmatch(written.strip()) if isinstance(written, str) else None
        if unit is Unit.SHARE and percent:
            value = float(percent.group(1).replace(",", ".")) / 100
        elif unit is Unit.SECONDS and isinstance(written, str):
            try:
                value = duration(written).total_seconds()
            except (BadInput, OverflowError) as error:
                self._wrong(name, f"“{name}”: {error}")
                return 0.0
        elif isinstance(written, (int, float)) and not isinstance(written, bool):
            value = float(written)
        else:
            use = {Unit.SHARE: "write such as 40 %", Unit.SECONDS: "write such as 2 hours"}.get(unit, "write a number")
            self._wrong(name, f"“{name}”: “{written}” is no figure of “{measure}”", use)
            return 0.0
        most = {Unit.SHARE: 1.0, Unit.SECONDS: BOUNDS[-1].total_seconds()}.get(unit, float("inf"))
        if not 0 <= value <= most:
            use = "write such as 40 %" if unit is Unit.SHARE else "write a number from 0 on"
            self._wrong(name, f"“{name}”: {written} cannot be reached by “{measure}”", use)
        return value

    def _day(self, name: str) -> date:
        try:
            return day(self._written[name])
        except BadInput as error:
            self._wrong(name, f"“{name}”: {error}")
            return date.min

    def _text(self, name: str) -> str:
        written = self._written.get(name, "")
        if not isinstance(written, str):
            self._wrong(name, f"“{name}” must be text", "put it in quotes")
            return ""
        return written.strip()

    def _names(self) -> Mapping[Language, str]:
        written = self._written["name"]
        names = {each: written.get(each) for each in LANGUAGES} if isinstance(written, dict) else {}
        if not names or not all(isinstance(each, str) and each.strip() for each in names.values()):
            self._wrong("name", "“name” must be there in both languages", _MENDS["name"])
            return {}
        return {each: str(names[each]).strip() for each in LANGUAGES}
