"""Tutorials: step by step, at one's own pace, going on where one was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.core.actions import Drop, Remember
from bot.core.community import Member
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.knowledge import Entry
from bot.core.message import Button, Message, join_lines
from bot.core.refs import Language

CHOICES = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is in a tutorial: the number of the step they saw last, from 0; ``done`` after the last."""

    step: int
    done: bool = False


def key_of(member: Member, slug: str) -> str:
    return f"{member.ref.id}/{slug}"


def moved(progress: Progress | None, word: str, steps: int) -> Progress:
    """Where ``word`` leads in a tutorial of so many steps: a step's number from 1, ``done``, or nothing for going on
    where one was. The number is what the button says, so that pressing twice does not skip a step."""
    if word == "done":
        return Progress(steps - 1, done=True)
    if word.isascii() and word.isdigit() and len(word) < 4:
        return Progress(max(0, min(int(word), steps) - 1))
    if progress is None or progress.done:
        return Progress(0)
    return Progress(min(progress.step, steps - 1))


def page(ctx: Context, language: Language, entry: Entry, progress: Progress) -> Message:
    """One step, with the buttons that fit it."""
    if progress.done:
        again = Button(ctx.words(language, "tutorials.again"), f"tuto go {entry.slug} 1")
        others = Button(ctx.words(language, "tutorials.others"), "tuto")
        return Message(ctx.words(language, "tutorials.finished", title=entry.title), (again, others))
    total, number = len(entry.steps), progress.step + 1
    step = entry.steps[progress.step]
    lines = [f"**{entry.title}** · {ctx.words(language, 'tutorials.where', number=number, total=total)}"]
    if number == 1 and entry.body:
        lines += ["", entry.body]
    lines += ["", f"**{step.title}**", "", step.body]
    ways = [("back", str(number - 1))] if number > 1 else []
    ways.append(("next", str(number + 1)) if number < total else ("done", "done"))
    buttons = [
        Button(ctx.words(language, f"tutorials.{name}"), f"tuto go {entry.slug} {to}", _style(name))
        for name, to in ways
    ]
    stop_here = Button(ctx.words(language, "tutorials.stop"), f"tuto stop {entry.slug}")
    return Message(join_lines(lines), (*buttons, stop_here))


def _style(name: str) -> Literal["plain", "primary"]:
    return "plain" if name == "back" else "primary"


async def tuto(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant tuto [words]``: the list, a tutorial by its name, or the ones that fit some words."""
    member = await ctx.member(command.member)
    wanted = arguments.strip()
    if not wanted:
        return await listing(ctx, command, member)
    entry = ctx.library.entry(wanted, member.language, guest=member.guest, kind="tutorial")
    if entry is None:
        found = await ctx.library.search(wanted, member.language, guest=member.guest, kind="tutorial")
        entries = [hit.entry for hit in found.hits[:CHOICES]]
        if not (entries and found.good) and len(entries) != 1:
            return choose(ctx, command, member, entries)
        entry = entries[0]
    await go_on(ctx, command, member, entry, "")


async def listing(ctx: Context, command: CommandGiven, member: Member) -> None:
    entries = ctx.library.entries(member.language, guest=member.guest, kind="tutorial")
    lines = [ctx.words(member.language, "tutorials.list"), ""]
    buttons = []
    for entry in entries:
        progress = await ctx.note(Progress, key_of(member, entry.slug))
        state = "none" if progress is None else "finished" if progress.done else "begun"
        how = ctx.words(member.language, f"tutorials.state_{state}", number=progress.step + 1 if progress else 0)
        minutes = ctx.words(member.language, "tutorials.minutes", count=entry.minutes)
        lines.append(f"- {entry.title} ({minutes}, {how})")
        if state != "finished":
            buttons.append(Button(entry.title, f"tuto {entry.slug}", "primary" if state == "begun" else "plain"))
    ctx.reply(command, Message(join_lines(lines), tuple(buttons[:CHOICES])))


def choose(ctx: Context, command: CommandGiven, member: Member, entries: list[Entry]) -> None:
    buttons = tuple(Button(entry.title, f"tuto {entry.slug}") for entry in entries)
    everything = Button(ctx.words(member.language, "tutorials.others"), "tuto")
    key = "tutorials.which" if entries else "tutorials.none"
    ctx.reply(command, Message(ctx.words(member.language, key), (*buttons, everything)))


async def go(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """A button under a step."""
    member = await ctx.member(command.member)
    slug, _, word = arguments.strip().partition(" ")
    entry = ctx.library.entry(slug, member.language, guest=member.guest, kind="tutorial")
    if entry is None:
        return choose(ctx, command, member, [])
    await go_on(ctx, command, member, entry, word)


async def go_on(ctx: Context, command: CommandGiven, member: Member, entry: Entry, word: str) -> None:
    before = await ctx.note(Progress, key_of(member, entry.slug))
    progress = moved(before, word, len(entry.steps))
    ctx.do(Remember(key_of(member, entry.slug), progress, member.ref))
    ctx.reply(command, page(ctx, member.language, entry, progress))


async def stop(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Enough for now: the place is kept, unless the member wants it forgotten."""
    member = await ctx.member(command.member)
    slug = arguments.strip()
    entry = ctx.library.entry(slug, member.language, guest=member.guest, kind="tutorial")
    if entry is None:
        return choose(ctx, command, member, [])
    go_on_later = Button(ctx.words(member.language, "tutorials.go_on"), f"tuto {slug}")
    let_go = Button(ctx.words(member.language, "tutorials.let_go"), f"tuto forget {slug}")
    ctx.reply(
        command, Message(ctx.words(member.language, "tutorials.stopped", title=entry.title), (go_on_later, let_go))
    )


async def forget(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """Keep nothing of how far the member was."""
    member = await ctx.member(command.member)
    ctx.do(Drop(Progress, key_of(member, arguments.strip())))
    ctx.reply(command, ctx.words(member.language, "tutorials.forgotten"))


FEATURE = Feature(
    name="tutorials",
    commands=(
        Command(path=("tuto",), run=tuto, has_arguments=True),
        Command(path=("tuto", "go"), run=go, hidden=True),
        Command(path=("tuto", "stop"), run=stop, hidden=True),
        Command(path=("tuto", "forget"), run=forget, hidden=True),
    ),
)
