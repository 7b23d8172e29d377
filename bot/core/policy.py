"""Who may say what, where, when and how much: quiet hours, working days, and the attention budget.

Pure decisions over the rules of schedules/policy.yaml. All moments are aware; zones are IANA names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.core.community import Hours
from bot.core.delivery import Kind
from bot.core.localtime import clock_change, local_moment
from bot.core.signals import THRESHOLD
from bot.core.span import Span

MOST_CLOSED = 400
"""Days looked through for the next opening: more than a year in which nobody works."""

Overflow = Literal["move", "digest", "drop"]
OVERFLOWS: tuple[Overflow, ...] = ("move", "digest", "drop")
_OVERFLOWS: Mapping[str, Overflow] = {each: each for each in OVERFLOWS}
DIGESTIBLE = (Kind.POST, Kind.PROMPT, Kind.FEED)
"""Kinds that lose nothing by being told together; a welcome and a journey's step are meant for one moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRules:
    """schedules/policy.yaml, under ``policy:``. Budgets count the bot's unasked messages over every feature."""

    zone: str = "Europe/Paris"
    quiet_from: time = time(19, 0)
    quiet_to: time = time(8, 0)
    working_days: tuple[int, ...] = (0, 1, 2, 3, 4)
    """0 is Monday. Outside them nothing unasked goes out."""
    holidays: tuple[date, ...] = ()
    """Local dates treated like days that are not worked, besides the public holidays of ``country``."""
    country: str = ""
    """Whose public holidays are not worked: an ISO 3166 code such as FR. Empty: nobody's."""
    region: str = ""
    """The part of the country, where it has holidays of its own: an ISO 3166-2 code without the country, such as 57."""
    channel_day: int = 3
    channel_week: int = 10
    member_day: int = 2
    member_week: int = 6
    welcome_day: int = 3
    """Public greetings of newcomers in a channel: a budget of their own, which takes no room from the others."""
    overflow: str | Mapping[str, str] = "move"
    """What becomes of a message for which there is no room: it waits for room, is told in a digest with others, or is
    dropped; one answer for all, or one for each kind (``move`` for those not named)."""
    animators_channel: str = ""
    """Where animators are told things; empty: a direct message to each animator."""
    threshold: int = THRESHOLD
    """No figure is shown about fewer people than this. Never below THRESHOLD."""
    patience: timedelta = field(default=timedelta(days=4))
    """How long a message that did not fit may wait for room before it is held back for good."""
    probation: Span = field(default=Span(months=3))
    """From a person's arrival to the end of their probation."""
    newcomer: Span = field(default=Span(months=1))
    """How long after their arrival somebody belongs to ``@newcomers``."""
    keep_events: timedelta = field(default=timedelta(days=30))
    """How long the ids of handled events are kept, by which one delivered again is known. Their words are not."""
    keep_deliveries: timedelta = field(default=timedelta(days=400))
    """How long the ledger keeps what is over: thirteen months, so that a year can be compared with the last."""
    keep_signals: timedelta = field(default=timedelta(days=90))
    """How long signals are kept one by one; then only what they add up to is. So long after its end a month is closed:
    nobody can tell any more who was who in it. At least as long as a nudge looks back to learn a channel's habits."""
    keep_figures: timedelta = field(default=timedelta(days=400))
    """How long what signals add up to is kept: thirteen months, so that a year can be compared with the last."""
    keep_unsent: timedelta = field(default=timedelta(days=4))
    """How long the words of a private message that failed, or may have, are kept so that it can be sent again."""

    def overflow_of(self, kind: Kind) -> Overflow:
        """What becomes of a message of ``kind`` for which there is no room."""
        if not isinstance(self.overflow, str):
            return _OVERFLOWS.get(self.overflow.get(kind.value, ""), "move")
        # One word for all is about what can wait; newcomers' words are not dropped or merged by it.
        return _OVERFLOWS.get(self.overflow, "move") if kind in DIGESTIBLE else "move"

    @property
    def whose_holidays(self) -> str:
        """The public holidays followed, as ``FR`` or ``FR-57``; empty for none."""
        return f"{self.country}-{self.region}" if self.region else self.country

    @property
    def days(self) -> str:
        """A name that two places share exactly when they have the same days off: ``FR-57``, or ``FR-57/0123`` where
        other days are worked than Monday to Friday. The dates under ``holidays`` are everybody's."""
        worked = "".join(str(day) for day in sorted(set(self.working_days)))
        return self.whose_holidays if worked == "01234" else f"{self.whose_holidays}/{worked}"

    def holiday(self, day: date) -> str:
        """The name of the holiday on the local date ``day``; empty when it is none.

        The rules a timetable gives know the public holidays; these know the dates written in the policy.
        """
        return day.isoformat() if day in self.holidays else ""


@dataclass(frozen=True, slots=True)
class Attention:
    """How many unasked messages a place already got: today and in the last seven days; and how many of these were
    welcomes."""

    day: int = 0
    week: int = 0
    welcomes_day: int = 0
    welcomes_week: int = 0

    def without_welcomes(self) -> Attention:
        """What counts against a channel's budget: greetings have their own."""
        return Attention(self.day - self.welcomes_day, self.week - self.welcomes_week)


@dataclass(frozen=True, slots=True)
class Go:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before ``until`` (aware UTC); ``reason`` is one of bot.core.ledger.WAITING_REASONS. With ``for_digest`` it is
    then told together with what else waits so in its place."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HoldBack:
    """Never; ``reason`` as for :class:`Wait`, or expired, muted, gone, outranked."""

    reason: str


Verdict = Go | Wait | HoldBack


def is_open(moment: datetime, rules: PolicyRules, zone: str) -> bool:
    """Whether ``moment`` lies in the working hours of ``zone``."""
    local = moment.astimezone(ZoneInfo(zone))
    if not is_worked(local.date(), rules):
        return False
    if rules.quiet_from == rules.quiet_to:
        return True
    clock = local.time().replace(tzinfo=None)
    if rules.quiet_from < rules.quiet_to:
        return not rules.quiet_from <= clock < rules.quiet_to
    return rules.quiet_to <= clock < rules.quiet_from


def next_open(moment: datetime, rules: PolicyRules, zone: str) -> datetime:
    """The first moment from ``moment`` on at which unasked messages may go out in ``zone``, as aware UTC.

    ``moment`` itself where nothing opens in the next :data:`MOST_CLOSED` days.
    """
    if is_open(moment, rules, zone) or not rules.working_days:
        return moment
    today = moment.astimezone(ZoneInfo(zone)).date()
    for ahead in range(MOST_CLOSED):
        day = today + timedelta(days=ahead)
        if is_worked(day, rules):
            for opening in sorted(_openings(day, rules, zone)):
                if opening >= moment and is_open(opening, rules, zone):
                    return opening
    return moment


def _openings(day: date, rules: PolicyRules, zone: str) -> Iterator[datetime]:
    """The moments of the local ``day``, aware UTC, at which it may open: when it begins, when the quiet hours end
    (twice where the clock shows that time twice), and when the clocks change."""
    tz = ZoneInfo(zone)
    begins, ends = local_moment(day, time(0), zone), local_moment(day + timedelta(days=1), time(0), zone)
    yield begins
    yield local_moment(day, rules.quiet_to, zone)
    yield datetime.combine(day, rules.quiet_to.replace(fold=1), tz).astimezone(UTC)
    if begins.astimezone(tz).utcoffset() != ends.astimezone(tz).utcoffset():
        yield clock_change(begins, ends, zone)


def is_worked(day: date, rules: PolicyRules) -> bool:
    """Whether the local date ``day`` is a working day."""
    return day.weekday() in rules.working_days and not rules.holiday(day)


def with_hours(rules: PolicyRules, hours: Hours) -> PolicyRules:
    """``rules`` as they are for a channel or person with ``hours`` of their own. Another country has no region but
    the one ``hours`` names."""
    country = rules.country if hours.country is None else hours.country
    region = rules.region if hours.country is None else ""
    return replace(
        rules,
        quiet_from=rules.quiet_from if hours.quiet_from is None else hours.quiet_from,
        quiet_to=rules.quiet_to if hours.quiet_to is None else hours.quiet_to,
        working_days=rules.working_days if hours.working_days is None else hours.working_days,
        country=country,
        region=region if hours.region is None else hours.region,
    )


def start_of_day(moment: datetime, zone: str) -> datetime:
    """Midnight of ``moment``'s day in ``zone``, as aware UTC."""
    tz = ZoneInfo(zone)
    local = moment.astimezone(tz)
    return datetime.combine(local.date(), time(0), tz).astimezone(ZoneInfo("UTC"))


def judge(
    kind: Kind,
    *,
    now: datetime,
    planned_for: datetime,
    expires: datetime | None,
    rules: PolicyRules,
    zone: str,
    attention: Attention,
    direct: bool,
    muted_until: datetime | None = None,
    away_until: datetime | None = None,
    active: bool = True,
    for_digest: bool = False,
    reserved: int = 0,
) -> Verdict:
    """Whether an unasked message may go out now.

    ``direct``: to a member, whose budget, mute and absence count; otherwise to a channel. ``planned_for`` is when it
    was first due: it waits at most ``rules.patience`` from there, or until ``expires``. ``for_digest``: it waits to be
    told with others, for which its own end no longer counts. ``reserved``: so many messages of higher priority are
    still due in the place today; what is dropped for want of room leaves theirs to them.
    """
    if not active:
        return HoldBack("gone")
    if not kind.unasked:
        return Go()
    patient = planned_for + rules.patience
    deadline = expires if expires is not None and not for_digest else patient
    if now > deadline:
        return HoldBack("expired")
    if muted_until is not None and muted_until > now:
        return HoldBack("muted")
    if away_until is not None and away_until > now:
        return _wait(away_until, "away", deadline)
    if not is_open(now, rules, zone):
        # What waits for a digest goes on waiting for it through the night.
        return _wait(next_open(now, rules, zone), "for_digest" if for_digest else "quiet_hours", deadline)
    shortage = _shortage(kind, rules, attention, direct)
    tomorrow = next_open(start_of_day(start_of_day(now, zone) + timedelta(hours=36), zone), rules, zone)
    match rules.overflow_of(kind):
        case "drop" if shortage:
            return HoldBack(shortage)
        case "drop" if reserved and _shortage(kind, rules, attention, direct, reserved):
            return HoldBack("outranked")
        case "digest" if shortage:
            return Wait(tomorrow, "for_digest") if tomorrow <= patient else HoldBack(shortage)
    return _wait(tomorrow, shortage, deadline) if shortage else Go()


def _shortage(kind: Kind, rules: PolicyRules, attention: Attention, direct: bool, reserved: int = 0) -> str:
    """Which budget is used up once ``reserved`` more messages went out; empty when there is room."""
    if kind is Kind.WELCOME and not direct:
        return "welcome_budget" if attention.welcomes_day + reserved >= rules.welcome_day else ""
    used = attention if direct else attention.without_welcomes()
    per_day, per_week = (rules.member_day, rules.member_week) if direct else (rules.channel_day, rules.channel_week)
    if used.day + reserved >= per_day:
        return "day_budget"
    return "week_budget" if used.week + reserved >= per_week else ""


def _wait(until: datetime, reason: str, deadline: datetime) -> Verdict:
    return Wait(until, reason) if until <= deadline else HoldBack(reason)
