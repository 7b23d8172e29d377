"""Watch: news from feeds, within the attention budget; what a feed says is shown, never trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bot.core.actions import Action, CancelTimer, Remember, Send, SetTimer
from bot.core.community import Channel, Role
from bot.core.delivery import Kind
from bot.core.directory import addressed
from bot.core.errors import AllantError, BadInput
from bot.core.events import CommandGiven, FilesChanged, Started
from bot.core.feature import Command, Context, Feature, Listener, TimerFired
from bot.core.message import Button, Markup, Message, escape, join_lines, link
from bot.core.ports import FeedEntry
from bot.core.refs import LANGUAGES, Language

REMEMBERED = 500
"""How many entries of a feed are remembered as seen: more than any feed lists at once."""
MAX_BACKOFF = timedelta(days=1)
TELL_AFTER = 5
"""Failures in a row after which the animators are told."""
KEEP = timedelta(days=3)
"""News that found no room in so long is no news any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed of schedules/feeds.yaml."""

    id: str
    url: str
    to: tuple[str, ...]
    title: str = ""
    every: timedelta = timedelta(hours=1)
    grouped: bool = True
    """Whether the news of one reading make one post; otherwise one post each."""
    most: int = 5
    """At most so many entries from one reading; the newest are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """schedules/feeds.yaml, under ``watch:``."""

    feeds: tuple[Feed, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where the reading of a feed stands. ``seen``: marks of entries, oldest first. Another ``url`` begins anew."""

    url: str = ""
    etag: str = ""
    modified: str = ""
    seen: tuple[str, ...] = ()
    failures: int = 0
    paused: bool = False
    read_at: datetime | None = None


def mark(entry: FeedEntry) -> str:
    """What is remembered of an entry: feeds choose their ids freely, up to whole addresses."""
    return sha256(entry.id.encode("utf-8", "replace")).hexdigest()[:20]


def fresh(entries: Sequence[FeedEntry], state: FeedState, most: int) -> list[FeedEntry]:
    """The entries to post, oldest first. On the first reading only the newest, so that a new feed floods nobody."""
    seen = set(state.seen)
    new = [entry for entry in entries if mark(entry) not in seen]
    return list(reversed(new[: 1 if state.read_at is None else most]))


def after_reading(state: FeedState, entries: Sequence[FeedEntry], etag: str, modified: str, now: datetime) -> FeedState:
    """The state once everything the feed lists counts as seen."""
    listed = list(dict.fromkeys(mark(entry) for entry in reversed(entries)))
    known = set(listed)
    kept = [each for each in state.seen if each not in known]
    return replace(
        state, etag=etag, modified=modified, seen=tuple([*kept, *listed][-REMEMBERED:]), failures=0, read_at=now
    )


def backoff(every: timedelta, failures: int) -> timedelta:
    """How long to wait after so many failures in a row: twice as long each time, up to a day."""
    return max(every, min(every * (1 << min(failures, 10)), MAX_BACKOFF))


def line(entry: FeedEntry) -> Markup:
    return link(entry.title, entry.url) if entry.url else escape(entry.title)


async def on_started(ctx: Context, event: Started) -> None:
    await plan(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    await plan(ctx)


async def plan(ctx: Context) -> None:
    """A timer for each feed that has none; none for feeds that are gone."""
    feeds = {feed.id: feed for feed in ctx.timetable.rules(WatchRules).feeds}
    timers = {timer.key for timer in await ctx.timers.all(ctx.workspace, "watch", "read")}
    ctx.do(*(SetTimer("read", key, ctx.now) for key in sorted(feeds.keys() - timers)))
    ctx.do(*(CancelTimer("read", key) for key in sorted(timers - feeds.keys())))


async def read(ctx: Context, fired: TimerFired) -> None:
    """Read one feed, post its news, and set the next reading."""
    feed = next((each for each in ctx.timetable.rules(WatchRules).feeds if each.id == fired.key), None)
    if feed is None:
        return
    state = await _state(ctx, feed)
    if state.paused:
        ctx.do(SetTimer("read", feed.id, ctx.now + feed.every))
        return
    try:
        found = await ctx.feeds.read(feed.url, etag=state.etag, modified=state.modified)
    except AllantError as error:
        await failed(ctx, feed, state, error)
        return
    ctx.do(SetTimer("read", feed.id, ctx.now + feed.every))
    if found.unchanged:
        ctx.do(Remember(feed.id, replace(state, failures=0, read_at=state.read_at or ctx.now)))
        return
    ctx.do(Remember(feed.id, after_reading(state, found.entries, found.etag, found.modified, ctx.now)))
    channels = addressed(await ctx.channels.all(ctx.workspace), feed.to)
    ctx.do(*posts(ctx, feed, feed.title or found.title or feed.id, fresh(found.entries, state, feed.most), channels))


def posts(ctx: Context, feed: Feed, title: str, entries: list[FeedEntry], channels: list[Channel]) -> list[Action]:
    """One post for all the news, or one for each, in every channel."""
    if not entries:
        return []
    groups = [entries] if feed.grouped else [[entry] for entry in entries]
    actions: list[Action] = []
    for group in groups:
        for channel in channels:
            text = _news(ctx, title, group, LANGUAGES if channel.language == "both" else (channel.language,))
            key = f"watch/{feed.id}/{mark(group[-1])}/{channel.ref.id}"
            send = Send(to=channel.ref, message=Message(text), kind=Kind.FEED, key=key, expires=ctx.now + KEEP)
            actions.append(send)
    return actions


def _news(ctx: Context, title: str, group: Sequence[FeedEntry], languages: Sequence[Language]) -> Markup:
    """The news once, whatever the languages: only the line above them is ours to say in each."""
    heads = dict.fromkeys(ctx.words(each, "watch.news", title=title, count=len(group)) for each in languages)
    return join_lines(["  \n".join(heads), "", *(f"- {line(entry)}" for entry in group)])


async def _state(ctx: Context, feed: Feed) -> FeedState:
    known = await ctx.note(FeedState, feed.id)
    if known is None or known.url != feed.url:
        return FeedState(feed.url, paused=known is not None and known.paused)
    return known


async def failed(ctx: Context, feed: Feed, state: FeedState, error: AllantError) -> None:
    failures = state.failures + 1
    ctx.do(
        Remember(feed.id, replace(state, failures=failures)),
        SetTimer("read", feed.id, ctx.now + backoff(feed.every, failures)),
    )
    if failures == TELL_AFTER:

        def telling(language: Language) -> Message:
            reason = ctx.reason(language, error)
            return Message(
                ctx.words(language, "watch.failing", name=feed.id, url=feed.url, reason=reason, count=failures)
            )

        await ctx.tell_animators(telling)


async def _feed(ctx: Context, command: CommandGiven, arguments: str) -> Feed:
    feeds = {feed.id: feed for feed in ctx.timetable.rules(WatchRules).feeds}
    name = arguments.strip()
    if name not in feeds:
        language = await ctx.language_of(command.member)
        key = "watch.none" if not feeds else "watch.no_feed" if name else "watch.name_feed"
        raise BadInput(ctx.words(language, key, name=name, names=", ".join(sorted(feeds))))
    return feeds[name]


async def listing(ctx: Context, command: CommandGiven, arguments: str) -> None:
    member = await ctx.member(command.member)
    feeds = ctx.timetable.rules(WatchRules).feeds
    if not feeds:
        ctx.reply(command, ctx.words(member.language, "watch.none"))
        return
    channels = await ctx.channels.all(ctx.workspace)
    lines: list[str] = [ctx.words(member.language, "watch.list", count=len(feeds)), ""]
    for feed in feeds:
        state = await _state(ctx, feed)
        how = "paused" if state.paused else "failing_now" if state.failures else "well" if state.read_at else "new"
        said = ctx.words(member.language, f"watch.is_{how}", count=state.failures)
        places = escape(", ".join(feed.to))
        if not addressed(channels, feed.to):
            places = ctx.words(member.language, "watch.nowhere", places=", ".join(feed.to))
        lines.append(f"- **{escape(feed.id)}** ({link(feed.title or feed.url, feed.url)}) → {places} – {said}")
    ctx.reply(command, join_lines(lines))


async def preview(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """What the feed says now; nothing is posted."""
    feed, member = await _feed(ctx, command, arguments), await ctx.member(command.member)
    try:
        found = await ctx.feeds.read(feed.url)
    except AllantError as error:
        raise BadInput(
            ctx.words(
                member.language,
                "watch.cannot_read",
                name=feed.id,
                url=feed.url,
                reason=ctx.reason(member.language, error),
            )
        ) from None
    newest = list(reversed(found.entries[: feed.most]))
    if not newest:
        ctx.reply(command, ctx.words(member.language, "watch.empty", name=feed.id))
        return
    ctx.reply(command, _news(ctx, feed.title or found.title or feed.id, newest, (member.language,)))


async def pause(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await set_paused(ctx, command, arguments, paused=True)


async def resume(ctx: Context, command: CommandGiven, arguments: str) -> None:
    await set_paused(ctx, command, arguments, paused=False)


async def set_paused(ctx: Context, command: CommandGiven, arguments: str, *, paused: bool) -> None:
    feed, language = await _feed(ctx, command, arguments), await ctx.language_of(command.member)
    state = await _state(ctx, feed)
    ctx.do(Remember(feed.id, replace(state, paused=paused)))
    if not paused:
        ctx.do(SetTimer("read", feed.id, ctx.now))
    undo = Button(ctx.words(language, "watch.undo"), f"watch {'resume' if paused else 'pause'} {feed.id}")
    text = ctx.words(language, "watch.now_paused" if paused else "watch.now_resumed", name=feed.id)
    ctx.reply(command, Message(text, (undo,)))


FEATURE = Feature(
    name="watch",
    commands=(
        Command(path=("watch", "list"), french=("veille", "liste"), run=listing, role=Role.ANIMATOR),
        Command(
            path=("watch", "preview"),
            french=("veille", "aperçu"),
            run=preview,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
        Command(path=("watch", "pause"), french=("veille", "pause"), run=pause, role=Role.ANIMATOR, has_arguments=True),
        Command(
            path=("watch", "resume"),
            french=("veille", "reprendre"),
            run=resume,
            role=Role.ANIMATOR,
            has_arguments=True,
        ),
    ),
    listeners=(Listener(Started, on_started), Listener(FilesChanged, on_files_changed)),
    timers={"read": read},
    rules=WatchRules,
)
