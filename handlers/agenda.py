"""What the editorial calendar holds: the coming posts, every item, and each item's words and moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.core.calendar import Item, Paused
from bot.core.community import Member, Role
from bot.core.editorial import KeptItem, Slot, Status
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.excerpt import title
from bot.core.feature import Command, Context, Feature, HomePart
from bot.core.home import page_of, section
from bot.core.measured import last_measured_words, last_out
from bot.core.message import Button, Markup, Message, Section, escape, join_lines
from bot.core.planning import Planner, asked, coming_slots, find_item, goes_out, items_named, places_said, said
from bot.core.posting import text_of
from bot.core.refs import LANGUAGES, Language

PAGE = 10
MOST_NEXT = 50
MOST_WAITING = 200
"""Items in review that a home counts: more is not read there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An item with where it stands on its way to being published."""

    item: Item
    status: Status
    kept: KeptItem | None = None


async def everything(ctx: Context) -> list[Listed]:
    """Every item, of the files and made in chat, by id."""
    listed = [Listed(item, Status.APPROVED if goes_out(item) else Status.DRAFT) for item in ctx.timetable.items()]
    after = ""
    while page := await ctx.items.all(ctx.workspace, after=after):
        listed += [Listed(kept.item, kept.status, kept) for kept in page]
        after = page[-1].item.id
    return sorted(listed, key=lambda each: each.item.id)


async def show_next(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar next [N]``: the coming posts, in the asker's own time."""
    member = await ctx.member(command.member)
    word = arguments.strip() or "5"
    if not (word.isascii() and word.isdigit() and len(word) < 4 and 1 <= int(word) <= MOST_NEXT):
        raise BadInput(ctx.words(member.language, "agenda.bad_number", word=word, most=MOST_NEXT))
    language, most = member.language, int(word)
    planner, paused = await Planner.of(ctx, people=False), await ctx.notes.all(ctx.workspace, Paused)
    slots = [
        slot
        for slot in await ctx.occurrences.coming(ctx.workspace, since=ctx.now, limit=most + 20 * len(paused))
        if slot.item not in paused
    ][:most]
    lines = [ctx.words(language, "agenda.next_head"), ""]
    for slot in slots:
        found = await find_item(ctx, slot.item)
        if found is not None:
            to = places_said(planner, found[0])
            lines.append(
                "- " + ctx.words(language, "agenda.next_line", when=said(ctx, member, slot.due), item=slot.item, to=to)
            )
    if len(lines) == 2:
        ctx.reply(command, ctx.words(language, "agenda.nothing"))
        return
    button = Button(ctx.words(language, "agenda.more"), f"calendar next {min(most + 5, MOST_NEXT)}")
    full = len(slots) == most < MOST_NEXT
    ctx.reply(command, Message(join_lines(lines), (button,) if full else ()))


async def show_list(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar list [page]``: every item, with its rhythm, its channels and its next moment."""
    member = await ctx.member(command.member)
    language, listed = member.language, await everything(ctx)
    pages = max(1, -(-len(listed) // PAGE))
    word = arguments.strip()
    page = min(int(word), pages) if word.isascii() and word.isdigit() and len(word) < 5 and int(word) else 1
    shown = listed[(page - 1) * PAGE : page * PAGE]
    first = await ctx.occurrences.first(ctx.workspace, [each.item.id for each in shown])
    paused, planner = await ctx.notes.all(ctx.workspace, Paused), await Planner.of(ctx)
    lines = [ctx.words(language, "agenda.list_head", count=len(listed), page=page, pages=pages), ""]
    for each in shown:
        state = _state(ctx, planner, member, each, each.item.id in paused, first.get(each.item.id))
        values = {"said": each.item.said, "to": places_said(planner, each.item), "state": state}
        lines.append("- " + ctx.words(language, "agenda.list_line", item=each.item.id, **values))
        last = await last_measured_words(ctx, member, await last_out(ctx, each.item.id))
        if last is not None:
            lines.append(f"  - {last}")
    more = Button(ctx.words(language, "agenda.more"), f"calendar list {page + 1}")
    ctx.reply(command, Message(join_lines(lines), (more,) if page < pages else ()))


def _state(ctx: Context, planner: Planner, member: Member, listed: Listed, paused: bool, first: Slot | None) -> Markup:
    language = member.language
    if listed.kept is not None and ctx.timetable.item(listed.item.id) is not None:
        return ctx.words(language, "agenda.is_hidden")
    if listed.status is not Status.APPROVED:
        return ctx.words(language, f"agenda.is_{listed.status.value}")
    if paused:
        return ctx.words(language, "agenda.is_paused")
    if listed.item.personal:
        return ctx.words(language, "calendar.for_each_person")
    if first is not None:
        return said(ctx, member, first.due)
    beyond = next(planner.after(listed.item, ctx.now), None)
    return said(ctx, member, beyond[0]) if beyond is not None else ctx.words(language, "calendar.over")


async def preview(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar preview ITEM``: its words in both languages, where they go, and when."""
    member, item, kept = await asked(ctx, command, arguments)
    language, planner = member.language, await Planner.of(ctx)
    paused = await ctx.note(Paused, item.id) is not None
    status = kept.status if kept is not None else Status.APPROVED if goes_out(item) else Status.DRAFT
    slots = await coming_slots(ctx, item, 3) if status is Status.APPROVED else []
    to = places_said(planner, item)
    head: list[str] = [ctx.words(language, "agenda.preview_head", item=item.id, said=item.said, to=to)]
    coming = ["- " + _moment(ctx, member, slot) for slot in slots]
    if status is not Status.APPROVED:
        head.append(ctx.words(language, f"agenda.is_{status.value}"))
    elif paused:
        head.append(ctx.words(language, "agenda.is_paused"))
    elif item.personal:
        head.append(ctx.words(language, "calendar.for_each_person"))
    else:
        head.append("\n".join(coming) or ctx.words(language, "calendar.over"))
    last = await last_measured_words(ctx, member, await last_out(ctx, item.id))
    if last is not None:
        head.append(last)
    head.append(ctx.words(language, f"agenda.missed_{item.missed.value}"))
    none = ctx.words(language, "calendar.no_words", page=item.page or item.id)
    texts = [text_of(ctx, item, each) or none for each in LANGUAGES]
    parts = [Markup("\n\n".join(head)), *texts]
    buttons = _reins(ctx, language, item, kept, status, paused, bool(slots))
    ctx.reply(command, Message(Markup("\n\n---\n\n".join(parts)), buttons))


def _moment(ctx: Context, member: Member, slot: Slot) -> Markup:
    when = said(ctx, member, slot.due)
    return ctx.words(member.language, "agenda.moved_line", when=when) if slot.moved else when


def _reins(
    ctx: Context, language: Language, item: Item, kept: KeptItem | None, status: Status, paused: bool, coming: bool
) -> tuple[Button, ...]:
    buttons = []
    if kept is not None:
        buttons.append(Button(ctx.words(language, "agenda.edit"), f"calendar edit {item.id}"))
    if kept is not None and status is Status.DRAFT:
        buttons.append(Button(ctx.words(language, "agenda.submit"), f"calendar submit {item.id}", "primary"))
    if kept is not None and status is Status.IN_REVIEW:
        buttons.append(Button(ctx.words(language, "agenda.approve"), f"calendar approve {item.id}", "primary"))
        buttons.append(Button(ctx.words(language, "agenda.reject"), f"calendar reject {item.id}", "danger"))
    if status is Status.APPROVED and paused:
        buttons.append(Button(ctx.words(language, "reins.resume"), f"calendar resume {item.id}", "primary"))
    elif coming:
        buttons.append(Button(ctx.words(language, "reins.pause"), f"calendar pause {item.id}"))
        buttons.append(Button(ctx.words(language, "reins.skip"), f"calendar skip {item.id}"))
    return tuple(buttons)


# In members' homes


async def coming_up(ctx: Context, member: Member, page: int) -> Section | None:
    """What comes in channels in the next two weeks, by its title: its words are for when it comes."""
    return await _coming(ctx, member, page, "upcoming", timedelta(days=14))


async def this_week(ctx: Context, member: Member, page: int) -> Section | None:
    """What goes out in the next seven days, and where, for those who answer for it."""
    return await _coming(ctx, member, page, "week", timedelta(days=7))


async def _coming(ctx: Context, member: Member, page: int, name: str, span: timedelta) -> Section | None:
    language, paused = member.language, await ctx.notes.all(ctx.workspace, Paused)
    planner = await Planner.of(ctx, people=False)
    slots = await ctx.occurrences.coming(ctx.workspace, since=ctx.now, until=ctx.now + span)
    items = await items_named(ctx, {slot.item for slot in slots} - paused.keys())
    coming = [slot for slot in slots if (item := items.get(slot.item)) and (name == "week" or planner.channels(item))]
    shown, at, pages = page_of(coming, page)
    lines = []
    for slot in shown:
        values = {"when": said(ctx, member, slot.due), "to": places_said(planner, items[slot.item])}
        values |= {"item": escape(slot.item), "about": escape(_called(ctx, items[slot.item], language))}
        lines.append(ctx.words(language, f"agenda.home_{name}_line", **values))
    if not lines:
        lines = [ctx.words(language, "agenda.home_nothing")]
    head = ctx.words(language, f"agenda.home_{name}", count=len(coming))
    buttons = [Button(ctx.words(language, "agenda.home_add"), "calendar add", "primary")] if name == "week" else []
    return section(ctx, language, name, head, lines, page=at, pages=pages, buttons=buttons)


def _called(ctx: Context, item: Item, language: Language) -> str:
    """The title of its page. Its id is the animators' own name for it, in one language, and may tell too much."""
    page = ctx.library.page(f"calendar/{item.page}", language) if item.page else None
    return page.title if page is not None else ctx.words(language, "agenda.home_untitled")


async def to_approve(ctx: Context, member: Member, page: int) -> Section | None:
    """What waits for somebody's approval."""
    language, waiting = member.language, await ctx.items.all(ctx.workspace, status=Status.IN_REVIEW, limit=MOST_WAITING)
    if not waiting:
        return None
    shown, at, pages = page_of(waiting, page)
    lines, buttons = [], []
    for kept in shown:
        about = title(text_of(ctx, kept.item, language) or "", 60)
        lines.append(
            ctx.words(language, "agenda.home_approve_line", item=kept.item.id, about=about, said=kept.item.said)
        )
        label = ctx.words(language, "agenda.home_see", item=Markup(kept.item.id))
        buttons.append(Button(label, f"calendar preview {kept.item.id}"))
    head = ctx.words(language, "agenda.home_approve", count=len(waiting))
    return section(ctx, language, "approvals", head, lines, page=at, pages=pages, buttons=buttons)


_for_animators = partial(Command, role=Role.ANIMATOR, has_arguments=True)

FEATURE = Feature(
    name="agenda",
    commands=(
        Command(
            path=("calendar", "next"),
            french=("calendrier", "prochains"),
            short=("calendar", "calendrier"),
            run=show_next,
            has_arguments=True,
        ),
        _for_animators(path=("calendar", "list"), french=("calendrier", "liste"), run=show_list),
        _for_animators(path=("calendar", "preview"), french=("calendrier", "aperçu"), run=preview),
    ),
    home=(
        HomePart(name="upcoming", place=20, make=coming_up),
        HomePart(name="week", place=50, make=this_week, role=Role.ANIMATOR),
        HomePart(name="approvals", place=60, make=to_approve, role=Role.ANIMATOR),
    ),
)
