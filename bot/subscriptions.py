"""The calendar feeds: from a private address to the coming posts it shows."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.app import Allant
from bot.core.addresses import Subscription
from bot.core.calendar import DRAFT, Installed, Item, Paused
from bot.core.community import Channel, Member, Role
from bot.core.directory import Directory
from bot.core.editorial import Slot
from bot.core.localtime import local_date, local_moment
from bot.core.planning import clock_name
from bot.core.refs import ChannelRef, Language, MemberRef, WorkspaceRef
from bot.forecast import Files, Known, Post, aimed_at, audiences, posts, words_of
from bot.library import links_in
from bot.markdown import MarkdownRenderer
from bot.web import CalendarFile

if TYPE_CHECKING:
    from bot.ical import Entry

HORIZON = timedelta(days=90)
MOST_POSTS = 5_000
_ROLES = {"animator": Role.ANIMATOR, "admin": Role.ADMIN, "administrator": Role.ADMIN}
_NAMES: Mapping[Language, tuple[str, str]] = {
    "en": ("Allant", "The coming posts of the editorial calendar. A private feed: do not pass its address on."),
    "fr": (
        "Allant",
        "Les prochaines publications du calendrier éditorial. Abonnement privé : gardez l’adresse pour vous.",
    ),
}


async def calendar_file(allant: Allant, key: str, mark: str) -> CalendarFile | None:
    """The feed behind an address, by its two halves; None when there is none, it was renewed, or whoever asked for it
    has left or animates no more."""
    for workspace in allant.platforms:
        noted = await allant.store.notes.get(workspace, Subscription, key)
        if noted is None or not allant.addresses.opens(mark, key, noted):
            continue
        member = await allant.store.members.get(MemberRef.parse(noted.member))
        if member is None or not member.active or member.role < Role.ANIMATOR:
            return None
        return await _file(allant, workspace, member, noted)
    return None


async def _file(allant: Allant, workspace: WorkspaceRef, member: Member, asked: Subscription) -> CalendarFile | None:
    from bot.ical import feed  # With its library it takes a 20th of a second: when somebody first subscribes.

    name, about = _NAMES[member.language]
    channel = None
    if asked.channel:
        channel = await Directory(allant.store.channels, allant.schedules).get(ChannelRef.parse(asked.channel))
        if channel is None or channel.archived:
            return None
        name = f"{name} #{channel.name}"
    entries = []
    for slot, post in await _coming(allant, workspace):
        if post.channel == channel if channel is not None else _is_responsible(member, post.item):
            entries.append(await _entry(allant, workspace, member, slot, post, alone=channel is not None))
    zone = allant.schedules.policy_for().zone
    modified = max((entry.modified for entry in entries), default=None)
    data = feed(name, entries, language=member.language, zone=zone, about=about)
    file_name = re.sub(r"[^a-z0-9-]+", "-", name.casefold()).strip("-") + ".ics"
    return CalendarFile(data, file_name, modified.replace(microsecond=0) if modified is not None else None)


def _is_responsible(member: Member, item: Item) -> bool:
    """Whether the item belongs to the member or to a role of theirs."""
    owner = item.owner.casefold()
    if owner in _ROLES:
        return member.role >= _ROLES[owner]
    return owner.removeprefix("@") in (str(member.ref).casefold(), member.ref.id.casefold(), member.name.casefold())


async def _coming(allant: Allant, workspace: WorkspaceRef) -> list[tuple[Slot, Post]]:
    """Every post from today to the horizon, earliest first: those planned, as they were moved or left out; further
    ahead than occurrences are made, those that the items' rules give."""
    store, files = allant.store, Files(allant.schedules, allant.library, ())
    known = Known(channels=(), installed=allant.clock.now(), workspace=workspace, store=store)
    channels = [*await known.channels_by(files), *audiences(files.policy)]
    kept = {item.id: item for item in await known.kept_items(None)}
    paused = await store.notes.all(workspace, Paused)
    zone, now = files.policy.zone, allant.clock.now()
    since = local_moment(local_date(now, zone), datetime.min.time(), zone)
    found: list[tuple[Slot, Post]] = []
    for slot in await store.occurrences.coming(workspace, since=since, until=now + HORIZON, limit=MOST_POSTS):
        item = allant.schedules.item(slot.item) or kept.get(slot.item)
        if item is not None and slot.item not in paused:
            texts = words_of(item, allant.library)
            places = [each for each in aimed_at(item, channels) if _goes_by(files, item, each, slot)]
            found += [(slot, Post(item, slot.due, place, texts)) for place in places]
    found += await _beyond(allant, known, files, channels, kept, paused)
    return sorted(found, key=lambda pair: (pair[1].at, pair[1].item.id, pair[1].channel.name))[:MOST_POSTS]


def _goes_by(files: Files, item: Item, place: Channel, slot: Slot) -> bool:
    """Whether the place gets its post from this occurrence: one item has an occurrence for each clock it goes by."""
    rules = files.rules_of(place)
    return clock_name(item, rules.zone, rules.days) == slot.zone


async def _beyond(
    allant: Allant,
    known: Known,
    files: Files,
    channels: Sequence[Channel],
    kept: Mapping[str, Item],
    paused: Mapping[str, Paused],
) -> list[tuple[Slot, Post]]:
    """What lies further ahead than the occurrences that are made."""
    now = allant.clock.now()
    plans = await known.store.occurrences.plans(known.workspace) if known.store is not None else {}
    approved = [item for item in kept.values() if item.state != DRAFT and allant.schedules.item(item.id) is None]
    installed = await _installed(allant, known.workspace)
    ahead = posts(files, channels, now, now + HORIZON, installed, approved)
    return [
        (Slot(item=post.item.id, at=post.at, zone=_clock(files, post), due=post.at), post)
        for post in ahead
        if post.item.id not in paused and (post.item.id in plans and post.at >= plans[post.item.id].until)
    ]


def _clock(files: Files, post: Post) -> str:
    rules = files.rules_of(post.channel)
    return clock_name(post.item, rules.zone, rules.days)


async def _installed(allant: Allant, workspace: WorkspaceRef) -> datetime:
    noted = await allant.store.notes.get(workspace, Installed, "")
    return noted.at if noted is not None else allant.clock.now()


async def _entry(
    allant: Allant, workspace: WorkspaceRef, member: Member, slot: Slot, post: Post, *, alone: bool
) -> Entry:
    """The post as an event; ``alone``: the feed is of one channel, which need not be named."""
    from bot.ical import Entry as Event
    from bot.ical import uid

    renderer = MarkdownRenderer()
    text = post.texts.get(member.language) or post.text
    plain = renderer.plain(text, _web_address).strip()
    title = _title(allant, post.item, member.language) or next(iter(plain.split("\n")), "") or post.item.id
    addresses = [link.address for link in links_in(text) if link.address.startswith(("https://", "http://"))]
    return Event(
        uid=uid(workspace, slot.item, slot.at.isoformat(), slot.zone, post.channel.ref),
        at=post.at,
        modified=await _modified(allant, workspace, post.item),
        summary=title if alone else f"{post.place}: {title}",
        description=plain,
        categories=[post.place],
        url=addresses[0] if addresses else "",
    )


def _web_address(address: str) -> str | None:
    """Addresses of our own (mentions, channels) mean nothing in a calendar program: only their names stay."""
    return address if address.startswith(("https://", "http://", "mailto:")) else None


def _title(allant: Allant, item: Item, language: Language) -> str:
    page = allant.library.page(f"calendar/{item.page}", language) if item.page else None
    return page.title if page is not None else ""


async def _modified(allant: Allant, workspace: WorkspaceRef, item: Item) -> datetime:
    """When the item, its words, or one of its occurrences was last changed: by hand in a file, or in chat."""
    folder = allant.settings.content / "calendar"
    paths = [allant.settings.schedules / item.file] if item.file else []
    paths += [folder / f"{item.page}.{language}.md" for language in ("fr", "en")] if item.page else []
    moments = [datetime(2026, 1, 1, tzinfo=UTC)]
    for path in paths:
        with contextlib.suppress(OSError):
            moments.append(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    moments += [change.at for change in await allant.store.changes.of(workspace, item.id, limit=1)]
    return max(moments)
