"""Who changed an item of the calendar, when, from what to what; each change with the button that takes it back."""

from __future__ import annotations

from bot.core.answers import KeptAnswer
from bot.core.calendar import Paused
from bot.core.community import Member, Role
from bot.core.differences import differences
from bot.core.editorial import Change, Fate, KeptItem, Slot, Status, Subject
from bot.core.events import CommandGiven
from bot.core.feature import Command, Context, Feature
from bot.core.itemchoice import choose_item
from bot.core.measured import measured, measured_words
from bot.core.message import Button, Markup, Message, escape, join_lines
from bot.core.permission import is_held
from bot.core.planning import asked, said

PAGE = 5
"""Changes shown at once: each has a button, and chats show few buttons well."""
MOST_PAGES = 200
LATEST = 5
"""Moments told of below the newest changes."""
_UNTOLD = ("missed", "grace", "holidays", "page", "zone")
"""Not told of a new item, which has nothing else there than every other."""


async def history(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar history ITEM [PAGE]``: who changed what and when, and what became of its occurrences."""
    member = await ctx.member(command.member)
    words = arguments.split()
    wanted, page = words[0].casefold() if words else "", _page(words[1:])
    found = await ctx.changes.of(ctx.workspace, wanted, limit=page * PAGE + 1) if wanted else []
    if not found:  # One that was deleted has a history all the same.
        _, item, _ = await asked(ctx, command, arguments)
        wanted = item.id
    shown = found[(page - 1) * PAGE : page * PAGE]
    lines: list[str] = [ctx.words(member.language, "history.head", item=wanted), ""]
    for change in shown:
        lines.append("- " + await _told(ctx, member, change))
        lines += [f"  - {line}" for line in _values(ctx, member, change)]
    if not shown:
        lines.append(ctx.words(member.language, "history.no_changes"))
    if page == 1:
        lines += await _moments(ctx, member, wanted)
    buttons = [
        Button(ctx.words(member.language, "history.undo", number=each.number), f"calendar undo {each.number}")
        for each in shown
        if each.undone_by is None and not _is_recall(each)
    ]
    if len(found) > page * PAGE and page < MOST_PAGES:
        earlier = Button(ctx.words(member.language, "history.earlier"), f"calendar history {wanted} {page + 1}")
        buttons.append(earlier)
    ctx.reply(command, Message(join_lines(lines), tuple(buttons)))


def _page(words: list[str]) -> int:
    word = words[0] if words else "1"
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 5 else 1
    return min(max(number, 1), MOST_PAGES)


async def _moments(ctx: Context, member: Member, item: str) -> list[str]:
    """What became of the latest moments."""
    lines = []
    slots = [slot for slot in await ctx.occurrences.of(ctx.workspace, item, limit=30) if slot.due <= ctx.now]
    for slot in slots[:LATEST]:
        fate = "held" if is_held(slot) else slot.fate.value
        line = "- " + ctx.words(member.language, f"history.fate_{fate}", when=said(ctx, member, slot.due))
        found = await measured(ctx, {slot.key}) if slot.fate is Fate.OUT else None
        lines.append(f"{line} – {measured_words(ctx, member, found)}" if found is not None else line)
    return lines


async def _told(ctx: Context, member: Member, change: Change) -> Markup:
    language = member.language
    author = await ctx.members.get(change.by) if change.by is not None else None
    name = escape(author.name) if author is not None else ctx.words(language, "editing.somebody")
    values = {"number": change.number, "name": name, "when": said(ctx, member, change.at)}
    moment = said(ctx, member, change.after.due) if isinstance(change.after, Slot) else ""
    line = ctx.words(language, f"history.did_{_kind(change)}", moment=moment, **values)
    if change.undoes is not None:
        line = Markup(f"{line} {ctx.words(language, 'history.takes_back', number=change.undoes)}")
    if change.undone_by is not None:
        line = Markup(f"~~{line}~~")
    return line


def _values(ctx: Context, member: Member, change: Change) -> list[Markup]:
    """Each value that changed, before and after; of what came or went, what it says."""
    language, lines = member.language, []
    nothing = ctx.words(language, "history.nothing")
    for each in differences(ctx, member, change.before, change.after):
        what = ctx.words(language, f"history.what_{each.what}")
        if change.before is not None and change.after is not None:
            values = {"before": each.before or nothing, "after": each.after or nothing}
            lines.append(ctx.words(language, "history.changed", what=what, **values))
        elif each.what not in _UNTOLD:
            lines.append(ctx.words(language, "history.set", what=what, value=each.before or each.after))
    return lines


def _is_recall(change: Change) -> bool:
    return isinstance(change.after, Slot) and change.after.reason == "recalled"


def _kind(change: Change) -> str:
    """What was done, as the last part of the words that say it."""
    before, after = change.before, change.after
    if change.subject is Subject.PAUSE:
        return "pause" if isinstance(after, Paused) else "resume"
    if isinstance(after, Slot):
        if after.fate is Fate.SKIPPED:
            return "recall" if _is_recall(change) else "leave" if after.reason == "left_out" else "skip"
        return "move" if isinstance(before, Slot) and before.due != after.due else "unskip"
    if isinstance(after, KeptAnswer):
        if not isinstance(before, KeptAnswer):
            return "add"
        same = before.status is after.status
        return "edit" if same else "approve" if after.status is Status.APPROVED else "reject"
    if not isinstance(after, KeptItem):
        return "delete"
    if not isinstance(before, KeptItem):
        return "add"
    if before.item == after.item:
        return {Status.DRAFT: "reject", Status.IN_REVIEW: "submit", Status.APPROVED: "approve"}[after.status]
    return "edit"


FEATURE = Feature(
    name="history",
    commands=(
        Command(
            path=("calendar", "history"),
            french=("calendrier", "historique"),
            run=history,
            role=Role.ANIMATOR,
            has_arguments=True,
            choose=choose_item,
        ),
    ),
)
