"""Tutorials: step by step, at one's own pace, going on where one was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from bot.core.actions import Drop, Remember
from bot.core.answering import without_links
from bot.core.community import Member
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.knowledge import Entry
from bot.core.message import Button, Markup, Message, escape, join_lines, link
from bot.core.refs import Language

CHOICES = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is in a tutorial: the number of the step they saw last, from 0; ``done`` after the last. Of its
    quiz: how many questions they answered, and how many of them right."""

    step: int
    done: bool = False
    quizzed: int = 0
    right: int = 0


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


def page(ctx: Context, language: Language, entry: Entry, progress: Progress, *, guest: bool) -> Message:
    """One step, with the buttons that fit it. ``guest``: a guest reads it."""
    if progress.done:
        again = Button(ctx.words(language, "tutorials.again"), f"tuto go {entry.slug} 1")
        others = Button(ctx.words(language, "tutorials.others"), "tuto")
        quiz = Button(ctx.words(language, "tutorials.quiz"), f"tuto quiz {entry.slug} 1", "primary")
        lines: list[str] = [ctx.words(language, "tutorials.finished", title=entry.title)]
        lines += [f"- {link(each.title, each.url)}" for each in entry.attachments]
        return Message(join_lines(lines), (*((quiz,) if entry.quiz else ()), again, others))
    total, number = len(entry.steps), progress.step + 1
    step = entry.steps[progress.step]
    lines = [f"**{entry.title}** · {ctx.words(language, 'tutorials.where', number=number, total=total)}"]
    if number == 1 and entry.body:
        lines += ["", entry.body]
    body, linked = without_links(ctx, language, step.body, guest=guest, own=entry.slug)
    lines += ["", f"**{step.title}**", "", body]
    ways = [("back", str(number - 1))] if number > 1 else []
    ways.append(("next", str(number + 1)) if number < total else ("done", "done"))
    buttons = [
        Button(ctx.words(language, f"tutorials.{name}"), f"tuto go {entry.slug} {to}", _style(name))
        for name, to in ways
    ]
    stop_here = Button(ctx.words(language, "tutorials.stop"), f"tuto stop {entry.slug}")
    more = [
        Button(each.title, f"faq show {each.slug}" if each.kind == "faq" else f"tuto {each.slug}")
        for each in linked[:CHOICES]
    ]
    return Message(join_lines(lines), (*buttons, stop_here, *more))


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
    ctx.reply(command, page(ctx, member.language, entry, progress, guest=member.guest))


# The quiz at the end, for whoever wants it


def asked(ctx: Context, language: Language, entry: Entry, number: int, before: str = "") -> Message:
    """The question of that number, from 0. ``before``: what is said of the one before it."""
    quiz = entry.quiz[number]
    where = ctx.words(language, "tutorials.quiz_where", number=number + 1, total=len(entry.quiz))
    lines = [before, ""] if before else []
    lines += [f"*{where}*", "", f"**{escape(quiz.question)}**"]
    buttons = tuple(
        Button(choice, f"tuto answer {entry.slug} {number + 1} {place}") for place, choice in enumerate(quiz.choices, 1)
    )
    return Message(join_lines(lines), buttons)


async def _for_quiz(ctx: Context, member: Member, arguments: str) -> tuple[Entry | None, list[int]]:
    """The tutorial whose quiz it is, and the numbers after its name; None when it is gone or has none."""
    slug, *words = [*arguments.split(), ""]
    entry = ctx.library.entry(slug, member.language, guest=member.guest, kind="tutorial")
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 4]
    return (entry if entry is not None and entry.quiz else None), numbers


async def quiz(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """A question of the quiz: the first, or the one of that number."""
    member = await ctx.member(command.member)
    entry, numbers = await _for_quiz(ctx, member, arguments)
    if entry is None:
        return choose(ctx, command, member, [])
    number = min(max(numbers[0] if numbers else 1, 1), len(entry.quiz)) - 1
    if number == 0:
        ctx.do(Remember(key_of(member, entry.slug), Progress(len(entry.steps) - 1, done=True), member.ref))
    ctx.reply(command, asked(ctx, member.language, entry, number))


async def judge(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """A choice: whether it is right, why, and the next question. Only the first answer to a question counts."""
    member = await ctx.member(command.member)
    language = member.language
    entry, numbers = await _for_quiz(ctx, member, arguments)
    if entry is None or len(numbers) < 2 or not 1 <= numbers[0] <= len(entry.quiz):
        return choose(ctx, command, member, [])
    number, question = numbers[0], entry.quiz[numbers[0] - 1]
    right = numbers[1] - 1 == question.right
    key = key_of(member, entry.slug)
    progress = await ctx.note(Progress, key) or Progress(len(entry.steps) - 1, done=True)
    if number == progress.quizzed + 1:
        progress = replace(progress, quizzed=number, right=progress.right + right)
        ctx.do(Remember(key, progress, member.ref))
    said = ctx.words(
        language, "tutorials.right" if right else "tutorials.wrong", choice=question.choices[question.right]
    )
    before = Markup(f"{said} {escape(question.why)}".strip())
    if number < len(entry.quiz):
        ctx.reply(command, asked(ctx, language, entry, number, before))
        return
    score = ctx.words(language, "tutorials.score", count=progress.right, total=len(entry.quiz))
    again = Button(ctx.words(language, "tutorials.quiz_again"), f"tuto quiz {entry.slug} 1")
    others = Button(ctx.words(language, "tutorials.others"), "tuto")
    ctx.reply(command, Message(join_lines([before, "", score]), (again, others)))


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
        Command(path=("tuto", "quiz"), run=quiz, hidden=True),
        Command(path=("tuto", "answer"), run=judge, hidden=True),
    ),
)
