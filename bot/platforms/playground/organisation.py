"""The simulated organisation: who works there, and a plausible life, the same for the same seed.

Everything here is pure: acts come out, nothing is done. staging.py plays them on a server.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from bot.core.refs import LANGUAGES, Language
from bot.files import read_yaml, validate
from bot.platforms.playground.records import BOT, Person

_HOME = ZoneInfo("Europe/Paris")
_AT_WORK = (8, 19)
_DAYS_BETWEEN_WAVES = 4
_USUAL_SIZE = 20
"""The numbers of conversations in organisation.yaml are for this many people; more people talk more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing a person does at the aware UTC moment ``at``.

    ``channel`` is a channel's name, empty for the person's direct conversation with the bot. ``to``: for a reply or a
    reaction, whose latest message there is meant (a person's id, or the bot's). ``choice``: which button.
    """

    at: datetime
    kind: Literal["join", "leave", "post", "reply", "react", "ask", "press"]
    person: str
    channel: str = ""
    text: str = ""
    to: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """A line of ``people``."""

    id: str
    name: str
    language: Language
    zone: str
    title: str
    wave: int
    guest: bool = False
    manager: bool = False
    animator: bool = False
    admin: bool = False

    def person(self) -> Person:
        return Person(
            id=self.id,
            name=self.name,
            language=self.language,
            zone=self.zone,
            title=self.title,
            guest=self.guest,
            manager=self.manager,
            animator=self.animator,
            admin=self.admin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of ``channels``: how often people begin to talk there, how fast that fades, and what they say."""

    open_to: Literal["everyone", "employees", "nobody"]
    about: dict[str, str]
    weekly: float
    keep: float
    talks: dict[Language, tuple[tuple[str, ...], ...]]
    one_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """organisation.yaml, read."""

    people: tuple[Employee, ...]
    channels: dict[str, Place]
    introductions: dict[Language, tuple[str, ...]]
    greetings: dict[Language, tuple[str, ...]]
    questions: dict[Language, tuple[str, ...]]
    unknown_questions: dict[Language, tuple[str, ...]]
    to_bot: dict[Language, tuple[str, ...]]
    emoji: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    team: dict[Language, tuple[str, ...]]
    day: dict[Language, tuple[str, ...]]


@cache
def organisation() -> Organisation:
    """The organisation that comes with the playground."""
    path = Path(__file__).with_name("organisation.yaml")
    read: Organisation = validate(Organisation, read_yaml(path, path.name))
    return read


def acts(seed: int, start: datetime, days: int, present: Collection[str] | None = None) -> Iterator[Act]:
    """What happens from ``start`` (aware) for ``days`` days, in order of time.

    ``present``: the ids of those already there; by default wave 0 of organisation.yaml.
    """
    life = _Life(seed, organisation(), present)
    first = start.astimezone(_HOME).date()
    worked = 0
    for number in range(days + 1):
        day = first + timedelta(days=number)
        if day.weekday() < 5:
            todays = life.workday(day, worked, number / 7)
            worked += 1
        else:
            todays = life.weekend(day)
        for act in sorted(todays, key=lambda each: each.at):
            if start <= act.at < start + timedelta(days=days):
                yield act


def history(seed: int, weeks: int, until: datetime) -> Iterator[Act]:
    """The weeks before ``until`` (aware), for a playground that is already talking when it opens.

    There was no bot then: nobody asks it anything.
    """
    past = acts(seed, until - timedelta(weeks=weeks), weeks * 7)
    return (act for act in past if act.kind not in ("ask", "press") and act.to != BOT)


def live(seed: int, start: datetime, present: Collection[str]) -> Iterator[Act]:
    """Chatter without end from ``start`` (aware), one act every 10 to 30 seconds, whatever the hour.

    ``present``: the ids of those already there; the others arrive now and then.
    """
    return _Life(seed, organisation(), present).chatter(start)


class _Life:
    """The state of a simulation: the dice, and who is there."""

    def __init__(self, seed: int, org: Organisation, present: Collection[str] | None) -> None:
        self._dice = random.Random(seed)  # noqa: S311  # A simulation, not a secret.
        self._org = org
        self._staff = {each.id: each for each in org.people}
        known = present if present is not None else [each.id for each in org.people if each.wave == 0]
        self._here = [each.id for each in org.people if each.id in known]
        self._gone: set[str] = set()

    # A day

    def workday(self, day: date, worked: int, weeks: float) -> list[Act]:
        """``worked``: working days before this one. ``weeks`` since the start, for what fades."""
        done: list[Act] = []
        size = len(self._here) / _USUAL_SIZE
        for name, place in self._org.channels.items():
            for _ in range(self._often(place.weekly / 5 * place.keep ** int(weeks) * size)):
                done += self._talk(name, place, day)
        for _ in range(self._often(1.6 * size)):
            done += self._ask(day)
        done += self._about_the_bot(day, size)
        done += self._arrivals(day, worked)
        if weeks > 2 and self._dice.random() < 0.1:
            done += self._departure(day)
        return done

    def weekend(self, day: date) -> list[Act]:
        """Hardly anybody, and only for fun."""
        if self._dice.random() < 0.75:
            return []
        return self._talk("random", self._org.channels["random"], day)

    def _arrivals(self, day: date, worked: int) -> list[Act]:
        wave, rest = divmod(worked - 1, _DAYS_BETWEEN_WAVES)
        if rest or worked < 1:
            return []
        newcomers = [each for each in self._org.people if each.wave == wave + 1 and self._absent(each.id)]
        done: list[Act] = []
        for each in newcomers:
            at = self._moment(each, day, 9, 10)
            done += self._arrival(each, at)
        return done

    def _arrival(self, newcomer: Employee, at: datetime) -> list[Act]:
        """Joining, saying hello, being greeted, and trying what the bot offers."""
        done = [Act(at=at, kind="join", person=newcomer.id)]
        hello = at + self._minutes(5, 50)
        if self._dice.random() < 0.8:
            text = self._words(self._org.introductions[newcomer.language], newcomer)
            done.append(Act(at=hello, kind="post", person=newcomer.id, channel="newcomers", text=text))
            for greeter in self._some(self._speaking(newcomer.language, "newcomers", newcomer.id), 2):
                hello += self._minutes(1, 12)
                words = self._words(self._org.greetings[newcomer.language], greeter)
                done.append(self._reply(hello, greeter, "newcomers", words, newcomer.id))
        if self._dice.random() < 0.6:
            done.append(Act(at=at + self._minutes(6, 40), kind="press", person=newcomer.id, choice=0))
        self._here.append(newcomer.id)
        return done

    def _departure(self, day: date) -> list[Act]:
        leavers = [self._staff[each] for each in self._here if self._staff[each].wave > 0]
        if not leavers:
            return []
        leaver = self._dice.choice(leavers)
        self._here.remove(leaver.id)
        self._gone.add(leaver.id)
        return [Act(at=self._moment(leaver, day, 19, 20), kind="leave", person=leaver.id)]

    # What people say

    def _talk(self, name: str, place: Place, day: date, at: datetime | None = None) -> list[Act]:
        """Somebody begins, others of the same language answer in the thread and react."""
        language = self._dice.choice(LANGUAGES)
        authors = self._speaking(language, name)
        if place.one_way:
            authors = [each for each in authors if each.animator or each.admin]
        if not authors:
            return []
        author = self._dice.choice(authors)
        first, *answers = self._dice.choice(place.talks[language])
        slots = self._slots(language)
        moment = at or self._moment(author, day, 9, 17)
        done = [Act(at=moment, kind="post", person=author.id, channel=name, text=_fill(first, slots, author))]
        others = self._some(self._speaking(language, name, author.id), 2)
        for number, answer in enumerate(answers[: self._dice.randint(0, len(answers))]):
            moment += self._minutes(2, 25)
            speaker = author if number % 3 == 2 else others[number % len(others)] if others else None
            if speaker is not None and (at is not None or _at_work(speaker, moment)):
                done.append(self._reply(moment, speaker, name, _fill(answer, slots, speaker), author.id))
        for fan in self._some(self._speaking(None, name, author.id), self._often(0.8)):
            emoji = self._dice.choice(self._org.emoji)
            later = done[0].at + self._minutes(1, 90)
            done.append(Act(at=later, kind="react", person=fan.id, channel=name, text=emoji, to=author.id))
        return done

    def _ask(self, day: date, at: datetime | None = None) -> list[Act]:
        """A question: in the open, naming the bot, by a command, or to the bot alone."""
        asker = self._staff[self._dice.choice(self._here)]
        known = self._dice.random() < 0.7
        texts = (self._org.questions if known else self._org.unknown_questions)[asker.language]
        text = self._words(texts, asker)
        moment = at or self._moment(asker, day, 9, 17)
        channel, text = self._dice.choice(
            [("help", text), ("help", f"@allant {text}"), ("help", f"/allant faq {text}"), ("", text)]
        )
        done = [Act(at=moment, kind="ask", person=asker.id, channel=channel, text=text)]
        if self._dice.random() < 0.6:
            choice = 0 if self._dice.random() < 0.75 else 1
            later = moment + self._minutes(1, 6)
            done.append(Act(at=later, kind="press", person=asker.id, channel=channel, choice=choice))
        return done

    def _about_the_bot(self, day: date, size: float) -> list[Act]:
        done: list[Act] = []
        for _ in range(self._often(3 * size)):
            done.append(self._reaction_to_bot(day))
        for _ in range(self._often(1.5 * size)):
            done.append(self._reply_to_bot(day))
        return done

    def _reaction_to_bot(self, day: date, at: datetime | None = None) -> Act:
        name = self._dice.choice(["general", "random", "newcomers", "announcements"])
        fan = self._dice.choice(self._speaking(None, name))
        emoji = self._dice.choice(self._org.emoji)
        moment = at or self._moment(fan, day, 9, 17)
        return Act(at=moment, kind="react", person=fan.id, channel=name, text=emoji, to=BOT)

    def _reply_to_bot(self, day: date, at: datetime | None = None) -> Act:
        name = self._dice.choice(["general", "random", "ideas", "learning"])
        speaker = self._dice.choice(self._speaking(None, name))
        text = self._words(self._org.to_bot[speaker.language], speaker)
        return self._reply(at or self._moment(speaker, day, 9, 17), speaker, name, text, BOT)

    # Live

    def chatter(self, start: datetime) -> Iterator[Act]:
        waiting: list[Act] = []
        moment = start
        while True:
            moment += timedelta(seconds=self._dice.randint(10, 30))
            if not waiting or self._dice.random() < 0.35:
                waiting += self._something(moment)
            yield replace(waiting.pop(0), at=moment)

    def _something(self, at: datetime) -> list[Act]:
        """What begins now; what follows from it waits its turn."""
        day, chance = at.date(), self._dice.random()
        absent = [each for each in self._org.people if self._absent(each.id)]
        if chance < 0.04 and absent:
            return self._arrival(absent[0], at)
        if chance < 0.2:
            return self._ask(day, at)
        if chance < 0.3:
            return [self._reaction_to_bot(day, at)]
        if chance < 0.38:
            return [self._reply_to_bot(day, at)]
        names = list(self._org.channels)
        name = self._dice.choices(names, [self._org.channels[each].weekly for each in names])[0]
        return self._talk(name, self._org.channels[name], day, at)

    # Dice and slots

    def _absent(self, person: str) -> bool:
        return person not in self._here and person not in self._gone

    def _speaking(self, language: Language | None, channel: str, but: str = "") -> list[Employee]:
        """Those in the channel, of this language (None: of any), ``but`` one."""
        guests = self._org.channels[channel].open_to == "everyone"
        here = [self._staff[each] for each in self._here if each != but]
        return [each for each in here if (guests or not each.guest) and language in (None, each.language)]

    def _some(self, people: Sequence[Employee], count: int) -> list[Employee]:
        return self._dice.sample(people, min(count, len(people)))

    def _reply(self, at: datetime, speaker: Employee, channel: str, text: str, to: str) -> Act:
        return Act(at=at, kind="reply", person=speaker.id, channel=channel, text=text, to=to)

    def _often(self, rate: float) -> int:
        """How often something happens that happens ``rate`` times on average (Poisson, by Knuth's method)."""
        limit, product, count = math.exp(-rate), self._dice.random(), 0
        while product > limit:
            product *= self._dice.random()
            count += 1
        return count

    def _moment(self, who: Employee, day: date, first_hour: int, last_hour: int) -> datetime:
        """A moment of ``day`` between these local hours of the person's zone, as UTC."""
        opening = datetime.combine(day, time(first_hour), ZoneInfo(who.zone)).astimezone(UTC)
        return opening + timedelta(seconds=self._dice.randrange((last_hour - first_hour) * 3600))

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=self._dice.randint(least * 60, most * 60))

    def _slots(self, language: Language) -> dict[str, str]:
        slots = {name: self._dice.choice(values) for name, values in self._org.slots.items()}
        slots["team"] = self._dice.choice(self._org.team[language])
        slots["day"] = self._dice.choice(self._org.day[language])
        return slots

    def _words(self, texts: Sequence[str], who: Employee) -> str:
        return _fill(self._dice.choice(texts), self._slots(who.language), who)


def _fill(text: str, slots: Mapping[str, str], who: Employee) -> str:
    values = {**slots, "name": who.name, "title": who.title}
    return re.sub(r"\{(\w+)\}", lambda match: values[match.group(1)], text)


def _at_work(who: Employee, moment: datetime) -> bool:
    return _AT_WORK[0] <= moment.astimezone(ZoneInfo(who.zone)).hour < _AT_WORK[1]
