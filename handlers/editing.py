"""Items made in chat: written in a form, reviewed, approved, changed, and taken back; every change is written down."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from itertools import islice

from bot.core.actions import Send
from bot.core.calendar import Item
from bot.core.changing import check_moments, done_together, put_item, refusal, require, undo, writer_of
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.editorial import Fate, KeptItem, Status
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, MemberChanged, MemberLeft
from bot.core.excerpt import plain
from bot.core.feature import Command, Context, Feature, Listener
from bot.core.forms import filled
from bot.core.handover import hand_over
from bot.core.itemchoice import choose_item
from bot.core.itemform import NAMES, NEXT_STEPS, check_id, id_from, is_id, item_form, read_form
from bot.core.message import Button, Field, Form, Markup, Message
from bot.core.permission import Gate
from bot.core.planning import MOST_CLOCKS, Planner, asked, find_item, places_said, said
from bot.core.posting import text_of
from bot.core.publishing import Right
from bot.core.refs import LANGUAGES, Language, MemberRef

SHOWN = 15
MOST_TRIED = 3
"""Moments that a preview names."""
MAX_REASON = 500


# Writing


async def add(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar add [ID]``: the form of a new item."""
    if command.fields:  # The whole form, typed as lines.
        await write(ctx, command, arguments)
        return
    member = await ctx.member(command.member)
    item_id = arguments.strip().casefold()
    if item_id:
        check_id(ctx, member, item_id)
    if item_id and await find_item(ctx, item_id) is not None:
        raise BadInput(ctx.words(member.language, "editing.exists", item=item_id))
    form = await item_form(ctx, member, None, await _first_step(ctx, member, None), item_id)
    ctx.reply(command, Message(ctx.words(member.language, "editing.add_how"), (), form))


async def same_form(ctx: Context, command: CommandGiven, arguments: str) -> Form:
    """The form that ``calendar write`` and ``calendar try`` were given by, with the item as it is now."""
    member, item_id = await ctx.member(command.member), _named(arguments)[0]
    kept = await ctx.items.get(ctx.workspace, item_id) if item_id else None
    free = kept is not None or (is_id(item_id) and ctx.timetable.item(item_id) is None)
    return await item_form(ctx, member, kept, await _first_step(ctx, member, kept), item_id if free else "")


def _named(arguments: str) -> tuple[str, str]:
    """The item and its version that a form is about; empty for a new one."""
    words = [*arguments.partition("\n")[0].split(), "", ""]
    return words[0].casefold(), words[1]


async def _first_step(ctx: Context, member: Member, kept: KeptItem | None) -> Status:
    """What is offered first once the item is written: to approve it for those who may, else to submit it."""
    if kept is None or not kept.item.to:
        return Status.APPROVED if member.role >= Role.ANIMATOR else Status.IN_REVIEW
    refused = await refusal(ctx, member, Right.APPROVE, kept.item, writer=member.ref)
    return Status.IN_REVIEW if refused is not None else Status.APPROVED


async def _made_in_chat(ctx: Context, command: CommandGiven, arguments: str) -> tuple[Member, KeptItem]:
    """Who asks, and the item they name; one of a file is edited in its file, and the answer says where."""
    member, item, kept = await asked(ctx, command, arguments)
    if kept is None:
        raise _in_file(ctx, member, item)
    return member, kept


def _in_file(ctx: Context, member: Member, item: Item) -> BadInput:
    where = f"{item.file}:{item.line}"
    return BadInput(ctx.words(member.language, "editing.in_file", item=Markup(item.id), where=where))


async def edit(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar edit ITEM``: its form, as it is now."""
    member, item, kept = await asked(ctx, command, arguments)
    if kept is None:
        text = ctx.words(member.language, "editing.in_file", item=Markup(item.id), where=f"{item.file}:{item.line}")
        copy = Button(ctx.words(member.language, "editing.duplicate"), f"calendar duplicate {item.id}")
        ctx.reply(command, Message(text, (copy,)))
        return
    await require(ctx, member, Right.WRITE, item)
    ctx.reply(command, await _with_form(ctx, member, kept, "editing.edit_how"))


async def _with_form(ctx: Context, member: Member, kept: KeptItem, head: str) -> Message:
    texts = [text_of(ctx, kept.item, language) for language in LANGUAGES if kept.item.words.get(language)]
    parts = [ctx.words(member.language, head, item=kept.item.id), *(text for text in texts if text)]
    form = await item_form(ctx, member, kept, await _first_step(ctx, member, kept))
    return Message(Markup("\n\n---\n\n".join(parts)), (), form)


async def write(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The form filled in: ``calendar write ITEM VERSION`` with its fields, or with ``name: value`` lines."""
    member = await ctx.member(command.member)
    before, item = await _filled_in(ctx, member, command, arguments)
    await _is_free(ctx, member, before, item.id, _named(arguments)[1])
    await require(ctx, member, Right.WRITE, item)
    owner = before.owner if before is not None else str(member.ref)
    then = NEXT_STEPS.get(command.fields.get("then", "").strip().casefold(), Status.DRAFT)
    version = before.version + 1 if before is not None else 1
    await _save(ctx, command, member, before, KeptItem(item=item, status=then, owner=owner, version=version))


async def _filled_in(
    ctx: Context, member: Member, command: CommandGiven, arguments: str
) -> tuple[KeptItem | None, Item]:
    """The item that a form says, and the one it was opened for. One without a name is named after its words."""
    item_id = _named(arguments)[0] or command.fields.get("id", "").strip().casefold()
    if item_id:
        check_id(ctx, member, item_id)
    before = await ctx.items.get(ctx.workspace, item_id) if item_id else None
    channels = await ctx.channels.all(ctx.workspace)
    item = read_form(ctx, member, before, item_id or "new", command.fields, channels)
    return before, item if item_id else replace(item, id=await _free_name(ctx, id_from(item.words)))


async def try_out(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Preview” in the form: it as it would look, when and where, in the form again. Nothing is kept."""
    member = await ctx.member(command.member)
    _, item = await _filled_in(ctx, member, command, arguments)
    form = filled(await same_form(ctx, command, arguments), command.fields)
    preview = await _looks_like(ctx, member, item)
    ctx.reply(command, Message(ctx.words(member.language, "editing.tried"), (), replace(form, preview=preview)))


async def _looks_like(ctx: Context, member: Member, item: Item) -> Markup:
    language, planner = member.language, await Planner.of(ctx)
    moments = [at for at, _ in islice(planner.after(item, ctx.now), MOST_TRIED)] if not item.personal else []
    when = Markup(", ".join(dict.fromkeys(said(ctx, member, at) for at in moments)))
    when = when or _first_moment(ctx, planner, member, item)
    head = [ctx.words(language, "editing.tried_when", when=when, to=places_said(planner, item))]
    if unknown := planner.unknown(item):
        head.append(ctx.words(language, "calendar.no_such_channel", places=", ".join(unknown)))
    try:
        await require(ctx, member, Right.WRITE, item)
        await check_moments(ctx, member, item, str(member.ref))
    except BadInput as problem:
        head.append(Markup(f"⚠️ {problem}"))
    texts = []
    for each in LANGUAGES:
        key = "editing.tried_text" if item.words.get(each) else "editing.tried_none"
        texts.append(ctx.words(language, key, spoken=ctx.words(language, f"privacy.speaks_{each}")))
        texts[-1] = Markup(f"{texts[-1]}\n\n{item.words.get(each, '')}".strip())
    return Markup("\n\n---\n\n".join([" ".join(head), *texts]))


async def _is_free(ctx: Context, member: Member, before: KeptItem | None, item_id: str, version: str) -> None:
    """Raises BadInput when the id is taken, or somebody changed the item while the form was open."""
    taken = ctx.timetable.item(item_id) is not None or (before is not None and not version)
    if taken:
        raise BadInput(ctx.words(member.language, "editing.exists", item=item_id), field="id")
    if before is not None and version != str(before.version):
        raise BadInput(ctx.words(member.language, "editing.changed_meanwhile", item=Markup(item_id)))
    if before is None and version:
        raise BadInput(ctx.words(member.language, "editing.gone_meanwhile", item=item_id))


async def _save(ctx: Context, command: CommandGiven, member: Member, before: KeptItem | None, after: KeptItem) -> None:
    """Keep it, as far on its way as the member may bring it, and say what happens next."""
    language, item = member.language, after.item
    note: list[Markup] = []
    if after.status is not Status.DRAFT:
        await check_moments(ctx, member, item, after.owner)
    if after.status is Status.APPROVED:
        refused = await refusal(ctx, member, Right.APPROVE, item, writer=member.ref)
        if refused is not None:
            after = replace(after, status=Status.IN_REVIEW)
            note.append(ctx.words(language, "editing.needs_approval"))
    await put_item(ctx, member, before, after)
    if after.status is Status.IN_REVIEW:
        await _ask_for_review(ctx, member, after)
    planner = await Planner.of(ctx)
    lines = [ctx.words(language, f"editing.saved_{after.status.value}", item=item.id, to=places_said(planner, item))]
    if after.status is Status.APPROVED:
        lines.append(_first_moment(ctx, planner, member, item))
    unknown = planner.unknown(item)
    if unknown:
        lines.append(ctx.words(language, "calendar.no_such_channel", places=", ".join(unknown)))
    if await _copies_out(ctx, item.id):
        lines.append(ctx.words(language, "editing.copies_out"))
    ctx.reply(command, Message(Markup(" ".join([*lines, *note])), await _steps(ctx, member, after)))


def _first_moment(ctx: Context, planner: Planner, member: Member, item: Item) -> Markup:
    if item.personal:
        return ctx.words(member.language, "calendar.for_each_person")
    first = next(planner.after(item, ctx.now), None)
    if first is None:
        return ctx.words(member.language, "editing.none_left")
    return ctx.words(member.language, "editing.first_moment", when=said(ctx, member, first[0]))


async def _copies_out(ctx: Context, item: str) -> bool:
    return any(slot.fate is Fate.OUT for slot in await ctx.occurrences.of(ctx.workspace, item, limit=20))


async def _steps(ctx: Context, member: Member, kept: KeptItem) -> tuple[Button, ...]:
    language, item = member.language, kept.item.id
    buttons = []
    if kept.status is Status.DRAFT:
        buttons.append(Button(ctx.words(language, "agenda.submit"), f"calendar submit {item}", "primary"))
    if await _copies_out(ctx, item):
        buttons.append(Button(ctx.words(language, "editing.correct"), f"calendar correct {item}"))
    buttons.append(Button(ctx.words(language, "agenda.edit"), f"calendar edit {item}"))
    buttons.append(Button(ctx.words(language, "reins.undo"), "calendar undo"))
    return tuple(buttons)


async def duplicate(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar duplicate ITEM [ID]``: a draft with the same words, places and moments."""
    member, item, _ = await asked(ctx, command, arguments)
    words = arguments.split()
    name = words[1].casefold() if len(words) > 1 else await _free_name(ctx, item.id)
    check_id(ctx, member, name)
    if await find_item(ctx, name) is not None:
        raise BadInput(ctx.words(member.language, "editing.exists", item=name))
    texts: dict[Language, str] = {}
    for language in LANGUAGES:
        text = text_of(ctx, item, language)
        if text:
            texts[language] = text
    copy = replace(item, id=name, words=texts, page="", file="", line=0, state="approved")
    await require(ctx, member, Right.WRITE, copy)
    kept = KeptItem(item=copy, owner=str(member.ref))
    await put_item(ctx, member, None, kept)
    ctx.reply(command, await _with_form(ctx, member, kept, "editing.duplicated"))


async def _free_name(ctx: Context, item_id: str) -> str:
    """``item_id``, or with the first number at its end under which there is no item yet."""
    if await find_item(ctx, item_id) is None:
        return item_id
    for number in range(2, 100):
        name = f"{item_id[:76]}-{number}"
        if await find_item(ctx, name) is None:
            return name
    return f"{item_id[:60]}-{ctx.now:%Y%m%d%H%M%S}"


async def delete(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar delete ITEM [confirm]``: asks once, then it goes; what is out stays out. Undo brings it
    back."""
    member, item, kept = await asked(ctx, command, arguments)
    # One made in chat that a file's item of the same id hides can still be cleared away.
    kept = kept or await ctx.items.get(ctx.workspace, item.id)
    if kept is None:
        raise _in_file(ctx, member, item)
    await require(ctx, member, Right.WRITE, kept.item)
    if arguments.split()[1:2] not in (["confirm"], ["confirmer"]):
        yes = Button(ctx.words(member.language, "editing.delete"), f"calendar delete {kept.item.id} confirm", "danger")
        no = Button(ctx.words(member.language, "editing.keep"), f"calendar preview {kept.item.id}")
        ctx.reply(command, Message(ctx.words(member.language, "editing.delete_sure", item=kept.item.id), (yes, no)))
        return
    await put_item(ctx, member, kept, None)
    undo_button = Button(ctx.words(member.language, "reins.undo"), "calendar undo")
    ctx.reply(command, Message(ctx.words(member.language, "editing.deleted", item=kept.item.id), (undo_button,)))


# Reviewing


async def submit(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar submit ITEM``: those who may approve it are asked to look at it."""
    member, kept = await _made_in_chat(ctx, command, arguments)
    await require(ctx, member, Right.WRITE, kept.item)
    if kept.status is not Status.DRAFT:
        raise BadInput(ctx.words(member.language, f"editing.already_{kept.status.value}", item=kept.item.id))
    _complete(ctx, member, kept.item)
    await _save(ctx, command, member, kept, replace(kept, status=Status.IN_REVIEW, version=kept.version + 1))


def _complete(ctx: Context, member: Member, item: Item) -> None:
    if not item.to or not item.said:
        raise BadInput(ctx.words(member.language, "editing.incomplete", item=Markup(item.id)))


async def _ask_for_review(ctx: Context, member: Member, kept: KeptItem) -> None:
    item = kept.item

    def message(language: Language) -> Message:
        text = ctx.words(language, "editing.to_review", item=item.id, name=member.name, said=item.said)
        buttons = (
            Button(ctx.words(language, "calendar.see"), f"calendar preview {item.id}"),
            Button(ctx.words(language, "agenda.approve"), f"calendar approve {item.id}", "primary"),
            Button(ctx.words(language, "agenda.reject"), f"calendar reject {item.id}", "danger"),
        )
        return Message(text, buttons)

    await ctx.tell_animators(message, f"calendar/review/{item.id}/{kept.version}")


async def approve(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar approve ITEM``: it is scheduled."""
    member, kept = await _made_in_chat(ctx, command, arguments)
    item = kept.item
    if kept.status is Status.APPROVED and await _still_stands(ctx, item):
        raise BadInput(ctx.words(member.language, "editing.already_approved", item=item.id))
    if not item.to or not item.said:
        ctx.reply(command, await _with_form(ctx, member, kept, "editing.incomplete_form"))
        return
    await require(ctx, member, Right.APPROVE, item, writer=await writer_of(ctx, item.id))
    await check_moments(ctx, member, item, kept.owner)
    planner = await Planner.of(ctx)
    never = not item.personal and next(planner.after(item, ctx.now), None) is None
    if never and not await _copies_out(ctx, item.id):
        # Its moment came while it waited for this approval, which would have nothing go out, and nobody notice.
        ctx.reply(command, await _with_form(ctx, member, kept, "editing.passed_form"))
        return
    after = replace(kept, status=Status.APPROVED, version=kept.version + 1)
    await put_item(ctx, member, kept, after)
    text = ctx.words(member.language, "editing.saved_approved", item=item.id, to=places_said(planner, item))
    text = Markup(f"{text} {_first_moment(ctx, planner, member, item)}")
    ctx.reply(command, Message(text, (Button(ctx.words(member.language, "reins.undo"), "calendar undo"),)))
    await _tell_owner(ctx, member, kept, "editing.was_approved")


async def _still_stands(ctx: Context, item: Item) -> bool:
    """Whether whoever approved it is there and still may: if not, somebody else has to approve it anew."""
    gate = await Gate.of(ctx, await Planner.of(ctx, people=False), {item.id: item})
    return await gate.approval(item) is None


async def reject(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar reject ITEM REASON``: back to its writer, with the reason; without one, a form asks for it."""
    member, kept = await _made_in_chat(ctx, command, arguments)
    await require(ctx, member, Right.APPROVE, kept.item)
    if kept.status is Status.DRAFT:
        raise BadInput(ctx.words(member.language, "editing.already_draft", item=kept.item.id))
    rest = arguments.split(None, 1)
    typed = rest[1].removeprefix("reason:").removeprefix("raison:") if len(rest) > 1 else ""
    reason = " ".join(command.fields.get("reason", typed).split())[:MAX_REASON]
    if not reason:
        ask = Field("reason", ctx.words(member.language, "editing.field_reason"), "text")
        title = plain(ctx.words(member.language, "editing.reject_title", item=kept.item.id))
        label = ctx.words(member.language, "agenda.reject")
        form = Form(title, f"calendar reject {kept.item.id}", (ask,), label)
        ctx.reply(
            command, Message(ctx.words(member.language, "editing.reject_how", item=Markup(kept.item.id)), (), form)
        )
        return
    after = replace(kept, status=Status.DRAFT, version=kept.version + 1)
    await put_item(ctx, member, kept, after)
    ctx.reply(command, ctx.words(member.language, "editing.rejected", item=kept.item.id))
    await _tell_owner(ctx, member, kept, "editing.was_rejected", reason=reason)


async def _tell_owner(ctx: Context, member: Member, kept: KeptItem, key: str, reason: str = "") -> None:
    """Whoever owns the item hears what was decided, unless they decided it. The reason is passed on and not kept."""
    try:
        owner = await ctx.member(MemberRef.parse(kept.owner))
    except ValueError:
        return
    if owner.ref == member.ref:
        return
    text = ctx.words(owner.language, key, item=kept.item.id, name=member.name, reason=reason)
    button = Button(ctx.words(owner.language, "agenda.edit"), f"calendar edit {kept.item.id}")
    ctx.do(Send(to=owner.ref, message=Message(text, (button,)), kind=Kind.NOTICE))


# Taking it back


async def take_back(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant calendar undo [NUMBER]``: one's own last change, or the one of that number in a history."""
    member = await ctx.member(command.member)
    word = arguments.strip().removeprefix("#")
    if word and not (word.isascii() and word.isdigit() and len(word) < 12):
        raise BadInput(ctx.words(member.language, "editing.undo_what", text=word))
    change = await ctx.changes.get(ctx.workspace, int(word)) if word else await ctx.changes.last_by(member.ref)
    if change is None:
        key = "editing.no_such_change" if word else "editing.nothing_to_undo"
        raise BadInput(ctx.words(member.language, key, number=word))
    await undo(ctx, member, change)
    item = change.id.partition("|")[0]
    for each in await ctx.changes.of(ctx.workspace, item, limit=MOST_CLOCKS):
        if done_together(each, change):
            with contextlib.suppress(BadInput):  # Where its moment has passed already, that one stays.
                await undo(ctx, member, each)
    text = ctx.words(member.language, "editing.undone", number=change.number, item=item)
    now = ctx.words(member.language, "editing.see_history")
    ctx.reply(command, Message(text, (Button(now, f"calendar history {item}"),)))


# Who leaves


async def on_member_left(ctx: Context, event: MemberLeft) -> None:
    if event.channel is None:
        await hand_over(ctx, await ctx.member(event.member))


async def on_member_changed(ctx: Context, event: MemberChanged) -> None:
    if not event.member.active:
        await hand_over(ctx, event.member)


_by_rules = partial(Command, role=Role.ANIMATOR, has_arguments=True, judges=True)

FEATURE = Feature(
    name="editing",
    commands=(
        _by_rules(path=("calendar", "add"), french=("calendrier", "ajouter"), run=add, form=same_form, names=NAMES),
        _by_rules(path=("calendar", "edit"), french=("calendrier", "modifier"), run=edit, choose=choose_item),
        _by_rules(path=("calendar", "write"), run=write, hidden=True, form=same_form, names=NAMES),
        _by_rules(path=("calendar", "try"), run=try_out, hidden=True, form=same_form, names=NAMES),
        _by_rules(
            path=("calendar", "duplicate"), french=("calendrier", "dupliquer"), run=duplicate, choose=choose_item
        ),
        _by_rules(path=("calendar", "delete"), french=("calendrier", "supprimer"), run=delete, choose=choose_item),
        _by_rules(path=("calendar", "submit"), french=("calendrier", "soumettre"), run=submit),
        _by_rules(path=("calendar", "approve"), french=("calendrier", "approuver"), run=approve),
        _by_rules(path=("calendar", "reject"), french=("calendrier", "renvoyer"), run=reject),
        _by_rules(path=("calendar", "undo"), french=("calendrier", "annuler"), run=take_back),
        _by_rules(path=("undo",), french=("annuler",), run=take_back),
    ),
    listeners=(Listener(MemberLeft, on_member_left), Listener(MemberChanged, on_member_changed)),
)
