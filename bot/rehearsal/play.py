"""A rehearsal: everything gathered, played and looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.checking import check_files
from bot.core.delivery import State
from bot.core.planning import goes_out
from bot.core.refs import ChannelRef, WorkspaceRef
from bot.forecast import FROM_FILES, Known, audiences, knowledge, posts, read_files
from bot.rehearsal import inspect, links, publishing, simulate
from bot.rehearsal.simulate import Played
from bot.rehearsal.troubles import Severity, Trouble, gathered
from bot.rehearsal.web import LinkChecker
from bot.settings import Settings

MOST_SENT = 2000
"""Rows of the ledger looked through for what channels got in the week before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What goes out from ``since`` to ``until`` (aware), and what is in the way."""

    since: datetime
    until: datetime
    workspace: WorkspaceRef
    played: list[Played]
    troubles: list[Trouble]

    @property
    def from_files_only(self) -> bool:
        """Whether no database could tell of channels and people."""
        return self.workspace == FROM_FILES

    @property
    def fails(self) -> bool:
        return any(each.severity is Severity.ERROR for each in self.troubles)


async def rehearse(
    settings: Settings,
    *,
    since: datetime,
    days: int,
    workspace: str = "",
    gap: timedelta = timedelta(hours=1),
    check_web: bool = False,
    status: links.Status | None = None,
) -> Rehearsal:
    """Play ``days`` days from ``since`` (aware) on paper. ``check_web`` asks every link on the web with ``status``, by
    default through the feed reader's door. Sends nothing; raises BadInput when the workspace is not clear."""
    files = read_files(settings.content, settings.schedules)
    until = since + timedelta(days=days)
    async with knowledge(settings, files, workspace, since) as known:
        places = [*known.channels, *audiences(files.policy)]
        kept = await known.kept_items()
        coming = posts(files, places, since, until, known.installed, kept)
        rules = {channel.ref: files.rules_of(channel) for channel in places}
        played = simulate.play(coming, rules, await _sent(known, since))
        troubles = [*_file_troubles(settings), *simulate.timing_troubles(played, rules)]
        troubles += simulate.closeness_troubles(played, gap)
        planned = files.schedules.between(since, until, known.installed)
        occurring = {each.item.id: each.item for each in planned if goes_out(each.item)}
        items = [*occurring.values(), *kept]
        troubles += [
            *inspect.place_troubles(files, items, known.channels),
            *inspect.word_troubles(files, items, known.channels),
            *inspect.length_troubles(coming),
            *inspect.question_troubles(coming),
            *await inspect.owner_troubles(items, known),
            *await publishing.owner_troubles(items, known, files),
            *publishing.moment_troubles(coming, files),
        ]
        words = list(links.all_words(files))
        troubles += links.own_troubles(files, words, known.channels)
    if check_web:
        checker = LinkChecker(allow_private=settings.feeds_allow_private, seconds=links.SECONDS)
        troubles += await links.web_troubles(words, status or checker.status)
    return Rehearsal(
        since=since, until=until, workspace=known.workspace, played=played, troubles=_without_echoes(gathered(troubles))
    )


def _file_troubles(settings: Settings) -> list[Trouble]:
    """What `allant check` says."""
    return [
        Trouble(
            code="file", severity=Severity.ERROR, reason=each.reason, mend=each.mend, file=each.file, line=each.line
        )
        for each in check_files(settings)
    ]


def _without_echoes(troubles: Sequence[Trouble]) -> list[Trouble]:
    """What the check and the rehearsal both found at the same place, in the words of the rehearsal."""
    own = {(each.file, each.line) for each in troubles if each.code != "file"}
    twice = {
        (each.file, each.line)
        for each in troubles
        if each.code in ("missing_translation", "no_words", "unknown_channel", "dead_link")
    }
    return [each for each in troubles if each.code != "file" or (each.file, each.line) not in own & twice]


async def _sent(known: Known, since: datetime) -> dict[ChannelRef, list[datetime]]:
    """When each channel got unasked messages in the week before ``since``."""
    found: defaultdict[ChannelRef, list[datetime]] = defaultdict(list)
    if known.store is None:
        return found
    for each in await known.store.ledger.recent(known.workspace, state=State.SENT, limit=MOST_SENT):
        sent_at = each.sent_at
        if sent_at is None or not (each.kind.unasked and isinstance(each.to, ChannelRef)):
            continue
        if since - simulate.WEEK < sent_at < since:
            found[each.to].append(sent_at)
    return found
