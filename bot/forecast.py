"""What the calendar will post, from the files alone or with what a running bot knows: for plans, rehearsals, feeds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import make_url

from bot.checking import load_files, rules_by_name
from bot.core.calendar import APPROVED, DRAFT, Audience, Installed, Item
from bot.core.community import Channel
from bot.core.directory import Directory, addressed
from bot.core.editorial import KeptItem, Status
from bot.core.errors import BadInput, Problem
from bot.core.planning import counts_from, goes_out
from bot.core.policy import PolicyRules
from bot.core.ports import Library, Where
from bot.core.refs import LANGUAGES, ChannelRef, Language, WorkspaceRef
from bot.library import ContentLibrary
from bot.settings import Settings
from bot.store import Store
from bot.timetable import Schedules

BETWEEN_LANGUAGES = "\n\n---\n\n"
"""What stands between the French and the English of a post that says both."""
FROM_FILES = WorkspaceRef("files", "channels.yaml")
"""The workspace of channels that only the files name."""


@dataclass(frozen=True, slots=True)
class Files:
    """Both folders as they are on disk, read; ``problems`` are what single files have wrong."""

    schedules: Schedules
    library: ContentLibrary
    problems: tuple[Problem, ...]

    @property
    def policy(self) -> PolicyRules:
        return self.schedules.rules(PolicyRules)

    def rules_of(self, channel: Channel) -> PolicyRules:
        """The policy as it is for a channel, or for an audience."""
        return self.schedules.policy_for(None if channel.direct else channel)

    def channels(self) -> list[Channel]:
        """The channels that channels.yaml names, as if a platform had them all."""
        return [
            Channel(
                ref=ChannelRef(FROM_FILES, name),
                name=name,
                tags=rules.tags,
                language=rules.language,
                zone=rules.zone or self.policy.zone,
                one_way=rules.one_way,
            )
            for name, rules in self.schedules.channels().items()
        ]


def read_files(content: Path, schedules: Path) -> Files:
    """Both folders read anew; a file with a problem is left out of what they say."""
    library, timetable = ContentLibrary(content), Schedules(schedules, rules_by_name())
    return Files(timetable, library, load_files(library, timetable))


@dataclass(frozen=True)
class Post:
    """One occurrence in one channel. ``at`` is aware UTC. ``texts``: the item's own words in each language."""

    item: Item
    at: datetime
    channel: Channel
    texts: Mapping[Language, str]

    @property
    def place(self) -> str:
        """The channel with its #, or the audience with its @."""
        return self.channel.name if self.channel.direct else f"#{self.channel.name}"

    @property
    def local(self) -> datetime:
        """Its moment on the clock of the channel."""
        return self.at.astimezone(ZoneInfo(self.channel.zone))

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages in which the channel hears it."""
        wanted = [each for each in LANGUAGES if self.channel.language in (each, "both")]
        return tuple(each for each in wanted if each in self.texts) or tuple(self.texts)[:1]

    @cached_property
    def text(self) -> str:
        """What the channel reads: words that exist in one language only are said once. Empty without any words."""
        return BETWEEN_LANGUAGES.join(dict.fromkeys(self.texts[each] for each in self.languages))


def words_of(item: Item, library: Library) -> dict[Language, str]:
    """The item's words in each language in which they really exist."""
    if not item.page:
        return {language: item.words[language] for language in LANGUAGES if item.words.get(language)}
    found = {language: library.page(f"calendar/{item.page}", language) for language in LANGUAGES}
    return {language: page.body for language, page in found.items() if page is not None and page.language == language}


def posts(
    files: Files,
    channels: Sequence[Channel],
    since: datetime,
    until: datetime,
    installed: datetime,
    kept: Sequence[Item] = (),
) -> list[Post]:
    """Every post from ``since`` (included) to ``until`` (not), aware moments, earliest first, as the files plan them.

    ``channels`` may hold audiences (see :func:`audiences`). ``installed``: from when launches count (see
    core.calendar.Installed). ``kept``: items made in chat that go out too. Left out are drafts, and what counts from a
    day in a person's life, which has no moments of its own.
    """
    # Places that go by the same clock and days off have the same moments.
    alike: dict[PolicyRules, list[Channel]] = {}
    for channel in channels:
        alike.setdefault(files.rules_of(channel), []).append(channel)
    found = []
    for rules, places in alike.items():

        def clocks(item: Item, rules: PolicyRules = rules, places: list[Channel] = places) -> Collection[Where]:
            return (rules,) if goes_out(item) and aimed_at(item, places) else ()

        planned = [(each.item, each.at) for each in files.schedules.between(since, until, installed, clocks)]
        for item in kept:
            if aimed_at(item, places) and not item.personal:
                planned += [(item, at) for at in _moments(files, item, since, until, installed, rules)]
        for item, at in planned:
            texts = words_of(item, files.library)
            found += [Post(item, at, place, texts) for place in aimed_at(item, places)]
    return sorted(found, key=lambda post: (post.at, post.item.id, post.channel.name))


def _moments(
    files: Files, item: Item, since: datetime, until: datetime, installed: datetime, rules: PolicyRules
) -> Iterator[datetime]:
    """The moments of an item that stands in no file."""
    moment = files.schedules.next(item, since - timedelta(microseconds=1), installed, rules)
    while moment is not None and moment < until:
        yield moment
        moment = files.schedules.next(item, moment, installed, rules)


def aimed_at(item: Item, channels: Sequence[Channel]) -> list[Channel]:
    """Those of ``channels``, and of the audiences among them, that the item is addressed to."""
    rooms = [channel for channel in channels if not channel.direct]
    people = [channel for channel in channels if channel.direct and channel.name in item.to]
    return [*addressed(rooms, item.channels), *people]


def audiences(policy: PolicyRules) -> list[Channel]:
    """The people an item may be addressed to, each audience as a place of its own whose name begins with @: a post to
    it stands for a direct message to each, here on the clock of the workspace."""
    return [
        Channel(ref=ChannelRef(FROM_FILES, each.value), name=each.value, direct=True, zone=policy.zone)
        for each in Audience
        if each is not Audience.PERSON
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a running bot knows beyond the files. Without a database: the channels of channels.yaml, and nobody."""

    channels: Sequence[Channel]
    installed: datetime
    workspace: WorkspaceRef = FROM_FILES
    store: Store | None = field(default=None, compare=False)

    async def kept_items(self, status: Status | None = Status.APPROVED) -> list[Item]:
        """The items made in chat that stand so; with None, all."""
        found: list[Item] = []
        while self.store is not None:
            after = found[-1].id if found else ""
            page = await self.store.items.all(self.workspace, status=status, after=after)
            found += [kept_as_written(kept) for kept in page]
            if not page:
                break
        return found

    async def channels_by(self, files: Files) -> Sequence[Channel]:
        """The workspace's channels as other files describe them."""
        if self.store is None:
            return files.channels()
        return await Directory(self.store.channels, files.schedules).all(self.workspace)


def kept_as_written(kept: KeptItem) -> Item:
    """An item made in chat as a file would hold it: with its owner, and a draft until it is approved."""
    state = APPROVED if kept.status is Status.APPROVED else DRAFT
    return replace(kept.item, owner=kept.owner, state=state)


@contextlib.asynccontextmanager
async def knowledge(settings: Settings, files: Files, workspace: str, now: datetime) -> AsyncIterator[Known]:
    """What the installation's database knows of the workspace, while the block lasts; no database is made where there
    is none yet. Raises BadInput when several workspaces could be meant, or the one named is not there."""
    from_files = Known(channels=files.channels(), installed=counts_from(now, files.policy))
    if not has_database(settings):
        if workspace:
            raise BadInput(f"there is no workspace {workspace!r}: {settings.database_url} does not exist yet")
        yield from_files
        return
    store = await Store.open(settings.database_url, secret=settings.secret())
    try:
        every = await store.workspaces()
        lived_in = [each for each in every if await store.notes.get(each, Installed, "") is not None]
        chosen = choose(every if workspace else lived_in, workspace)
        if chosen is None:
            yield from_files
            return
        noted = await store.notes.get(chosen, Installed, "")
        yield Known(
            channels=await Directory(store.channels, files.schedules).all(chosen),
            installed=noted.at if noted is not None else from_files.installed,
            workspace=chosen,
            store=store,
        )
    finally:
        await store.close()


def has_database(settings: Settings) -> bool:
    """Whether there is something to open: a file of SQLite may not have been made yet."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        return True
    return bool(url.database) and url.database != ":memory:" and Path(str(url.database)).is_file()


def choose(known: Sequence[WorkspaceRef], text: str) -> WorkspaceRef | None:
    """The workspace named, or the only one; None when there is none at all. Raises BadInput otherwise."""
    if text:
        for each in known:
            if text in (str(each), each.id):
                return each
    elif len(known) < 2:
        return known[0] if known else None
    names = ", ".join(str(each) for each in sorted(known)) or "none"
    raise BadInput(f"which workspace? Add --workspace with one of: {names}")
