"""Answers written in chat: an animator writes what nobody answered, its owner approves it, and it is found at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Literal

from bot.core.actions import Send
from bot.core.answers import KeptAnswer, Wording
from bot.core.changing import may_approve_answer, owner_of_answer, put_answer
from bot.core.community import Member, Role
from bot.core.delivery import Kind
from bot.core.editorial import Status
from bot.core.errors import BadInput
from bot.core.events import CommandGiven
from bot.core.excerpt import excerpt, plain, title
from bot.core.faq import Question
from bot.core.feature import Command, Context, Feature, HomePart
from bot.core.forms import filled, listed, several
from bot.core.handoff import Given
from bot.core.home import page_of, section
from bot.core.localtime import local_date
from bot.core.message import Button, Field, FieldKind, Form, Markup, Message, Section, escape
from bot.core.questions import looks_like_question
from bot.core.refs import LANGUAGES, Language
from bot.core.written import tame

NAMES: Mapping[str, str] = {
    **{f"title_{each}": f"title_{each}" for each in LANGUAGES},
    **{f"titre_{each}": f"title_{each}" for each in LANGUAGES},
    **{f"questions_{each}": f"questions_{each}" for each in LANGUAGES},
    **{each: each for each in LANGUAGES},
    "audience": "audience",
    "tags": "tags",
    "étiquettes": "tags",
    "etiquettes": "tags",
    "owner": "owner",
    "responsable": "owner",
}
"""The names of the form's fields, as people may type them."""
REVIEWED_AFTER = timedelta(days=365)
"""When an answer written in chat is to be looked at again: what is true changes."""
MOST_QUESTIONS, LONGEST_QUESTION = 12, 200
LONGEST_TITLE = 120
MOST_TAGS = 6
MOST_WAITING = 100
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_AUDIENCES: Mapping[str, Literal["everyone", "employees"]] = {"everyone": "everyone", "employees": "employees"}
_CONFIRM = ("confirm", "confirmer")


# Decisions


def slug_of(text: str) -> str:
    """A name for an answer, from the words of its title; empty when they have no letters of ours."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return "-".join(re.findall(r"[a-z0-9]+", bare)[:6])[:50].strip("-")


def values_of(text: str, language: Language) -> dict[str, str]:
    """What a message says, as the first values of the form: a question as one, anything else as the answer."""
    said = " ".join(text.split())
    if not said:
        return {}
    if looks_like_question(text, language):
        if len(said) <= LONGEST_TITLE:
            return {f"title_{language}": said}
        return {f"title_{language}": title(said, LONGEST_TITLE), f"questions_{language}": said[:LONGEST_QUESTION]}
    return {language: text.strip()}


# Writing


async def write(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq write [ANSWER]``: the form of a new answer, or of one written in chat. As a shortcut on a message
    its words are the first values of the form, and nothing is kept of them before somebody saves it."""
    member = await ctx.member(command.member)
    if arguments.split()[:1] == ["from"]:
        return await _write_from(ctx, command, member, "".join(arguments.split()[1:2]))
    form = await same_form(ctx, command, arguments)
    form = filled(form, values_of(command.fields.get("message", ""), member.language))
    ctx.reply(command, Message(ctx.words(member.language, "answers.how"), (), form))


async def _write_from(ctx: Context, command: CommandGiven, member: Member, name: str) -> None:
    """The form of a new answer to the open question of that name, with what somebody who knows answered to it."""
    question = await ctx.note(Question, name)
    if question is None:
        raise BadInput(ctx.words(member.language, "faq.question_gone"))
    given = await ctx.notes.all(ctx.workspace, Given, f"{name}/")
    said = " ".join(question.words.split())
    first = title(said, LONGEST_TITLE) if len(said) > LONGEST_TITLE else said
    values = {f"title_{question.language}": first, f"questions_{question.language}": said[:LONGEST_QUESTION]}
    for each in given.values():
        values[question.language] = each.text
    form = filled(await _form(ctx, member, None), values)
    ctx.reply(command, Message(ctx.words(member.language, "answers.how"), (), form, quotes=True))


async def same_form(ctx: Context, command: CommandGiven, arguments: str) -> Form:
    """The form of the answer as it is now, or of a new one."""
    member, slug = await ctx.member(command.member), _named(arguments)[0]
    kept = await ctx.answers.get(ctx.workspace, slug) if slug else None
    if slug and kept is None and ctx.library.entry(slug, member.language, guest=False, kind="faq") is not None:
        raise BadInput(ctx.words(member.language, "answers.in_file", slug=slug))
    return await _form(ctx, member, kept)


def _named(arguments: str) -> tuple[str, str]:
    """The answer and its version that a form is about; empty for a new one."""
    words = [*arguments.partition("\n")[0].split(), "", ""]
    return words[0].casefold(), words[1]


async def _form(ctx: Context, member: Member, kept: KeptAnswer | None) -> Form:
    language = member.language

    def field(name: str, kind: FieldKind, value: str = "", *, required: bool = False, helped: bool = False) -> Field:
        label, spoken = name, ""
        for each in LANGUAGES:
            if name in (each, f"title_{each}", f"questions_{each}"):
                label = name.removesuffix(each).rstrip("_") or "body"
                spoken = ctx.words(language, f"privacy.speaks_{each}")
        said = plain(ctx.words(language, f"answers.field_{label}", spoken=spoken))
        helps = plain(ctx.words(language, f"answers.help_{label}")) if helped else ""
        return Field(name, said, kind, value, required=required, help=helps)

    fields = []
    texts = kept.texts if kept is not None else {}
    for each in (language, *(other for other in LANGUAGES if other != language)):
        wording = texts.get(each, Wording("", ""))
        fields.append(field(f"title_{each}", "line", wording.title, helped=each == language))
        fields.append(field(f"questions_{each}", "text", "\n".join(wording.questions), helped=each == language))
    fields += [
        field(each, "text", texts[each].body if each in texts else "", helped=each == "fr") for each in LANGUAGES
    ]
    audience = field("audience", "choice", kept.audience if kept is not None else "everyone", required=True)
    choices = tuple((each, plain(ctx.words(language, f"answers.audience_{each}"))) for each in _AUDIENCES)
    owner = await owner_of_answer(ctx, kept)
    person = field("owner", "person", f"@{owner.name}" if owner is not None else "", helped=True)
    named = ((f"@{owner.name}", owner.ref.id),) if owner is not None else ()
    fields.append(replace(audience, choices=choices))
    fields.append(field("tags", "line", listed(kept.tags) if kept is not None else "", helped=True))
    fields.append(replace(person, named=named))
    which = f" {kept.slug} {kept.version}" if kept is not None else ""
    form_title = plain(ctx.words(language, "answers.form_title" if kept is not None else "answers.form_new"))
    preview = Button(ctx.words(language, "editing.preview"), f"faq try{which}")
    return Form(form_title, f"faq save{which}", tuple(fields), ctx.words(language, "editing.save"), buttons=(preview,))


async def _filled_in(ctx: Context, member: Member, command: CommandGiven, before: KeptAnswer | None) -> KeptAnswer:
    """The answer that the form says. Raises BadInput with every field that is wrong."""
    language, fields, wrong = member.language, command.fields, dict[str, str]()
    texts: dict[Language, Wording] = {}
    for each in LANGUAGES:
        head, body = " ".join(fields.get(f"title_{each}", "").split()), tame(fields.get(each, ""))
        asked = [" ".join(line.split()) for line in fields.get(f"questions_{each}", "").splitlines()]
        questions = tuple(dict.fromkeys(line.lstrip("-•* ") for line in asked if line.strip("-•* ")))[:MOST_QUESTIONS]
        if len(head) > LONGEST_TITLE:
            wrong[f"title_{each}"] = ctx.words(language, "answers.long_title", most=LONGEST_TITLE)
        if any(len(question) > LONGEST_QUESTION for question in questions):
            wrong[f"questions_{each}"] = ctx.words(language, "answers.long_question", most=LONGEST_QUESTION)
        if body and not head:
            wrong[f"title_{each}"] = ctx.words(language, "answers.no_title")
        if head and not body:
            wrong[each] = ctx.words(language, "answers.no_body")
        if head and body:
            texts[each] = Wording(head, body, questions)
    if not texts and not wrong:
        wrong[f"title_{language}"] = ctx.words(language, "answers.no_title")
        wrong[language] = ctx.words(language, "answers.no_body")
    audience = _AUDIENCES.get(fields.get("audience", "").strip() or "everyone")
    if audience is None:
        wrong["audience"] = ctx.words(language, "answers.no_audience")
    owner, named = "animator", fields.get("owner", "").strip()
    if named:
        person = await ctx.members.named(ctx.workspace, named)
        if person is None or person.bot or not person.active:
            wrong["owner"] = ctx.words(language, "answers.no_owner", name=named)
        else:
            owner = str(person.ref)
    if wrong or audience is None:
        raise BadInput("\n\n".join(dict.fromkeys(wrong.values())), errors=wrong)
    tags = tuple(tag.casefold().removeprefix("#") for tag in several(fields.get("tags", "")))[:MOST_TAGS]
    first = texts[language] if language in texts else next(iter(texts.values()))
    return KeptAnswer(
        slug=before.slug if before is not None else await _free_slug(ctx, slug_of(first.title) or "answer"),
        texts=texts,
        tags=tags,
        audience=audience,
        owner=owner,
        review_by=local_date(ctx.now + REVIEWED_AFTER, ctx.policy.zone),
        version=before.version + 1 if before is not None else 1,
    )


async def _free_slug(ctx: Context, wanted: str) -> str:
    for number in range(1, 100):
        slug = wanted if number == 1 else f"{wanted}-{number}"
        taken = any(ctx.library.entry(slug, each, guest=False) is not None for each in LANGUAGES)
        if not taken and await ctx.answers.get(ctx.workspace, slug) is None:
            return slug
    return f"{wanted}-{ctx.now:%Y%m%d%H%M%S}"


async def _before(ctx: Context, member: Member, arguments: str) -> KeptAnswer | None:
    """The answer a form was opened for. Raises BadInput when it was changed or removed meanwhile."""
    slug, version = _named(arguments)
    if not slug:
        return None
    before = await ctx.answers.get(ctx.workspace, slug)
    if before is None:
        raise BadInput(ctx.words(member.language, "answers.gone", slug=slug))
    if version != str(before.version):
        raise BadInput(ctx.words(member.language, "answers.changed_meanwhile", title=before.title))
    return before


async def save(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """The form filled in: kept until whoever answers for it approves it."""
    member = await ctx.member(command.member)
    before = await _before(ctx, member, arguments)
    kept = await _filled_in(ctx, member, command, before)
    put_answer(ctx, member, before, kept)
    owner, mine = await owner_of_answer(ctx, kept), await may_approve_answer(ctx, kept, member)
    key = "answers.saved_yours" if mine else "answers.saved"
    who = escape(owner.name) if owner is not None else ctx.words(member.language, "answers.animators")
    buttons = _steps(ctx, member.language, kept, approve=mine)
    ctx.reply(command, Message(ctx.words(member.language, key, title=kept.title, who=who), buttons))
    await _ask(ctx, member, kept, owner)


async def _ask(ctx: Context, member: Member, kept: KeptAnswer, owner: Member | None) -> None:
    """Ask whoever answers for it to approve it; not whoever just wrote it, who was shown the button."""

    def message(language: Language) -> Message:
        text = ctx.words(language, "answers.to_approve", name=member.name, title=kept.title)
        parts = [f"**{escape(each.title)}**\n\n{each.body}" for each in kept.texts.values()]
        return Message(Markup("\n\n---\n\n".join([text, *parts])), _steps(ctx, language, kept, approve=True))

    if owner is None:
        await ctx.tell_animators(message, f"answers/review/{kept.slug}/{kept.version}", but=member.ref)
    elif owner.ref != member.ref:
        ctx.do(Send(to=owner.ref, message=message(owner.language), kind=Kind.NOTICE))


def _steps(ctx: Context, language: Language, kept: KeptAnswer, *, approve: bool) -> tuple[Button, ...]:
    yes = Button(ctx.words(language, "answers.approve"), f"faq approve {kept.slug} {kept.version}", "primary")
    edit = Button(ctx.words(language, "agenda.edit"), f"faq write {kept.slug}")
    drop = Button(ctx.words(language, "editing.delete"), f"faq delete {kept.slug}", "danger")
    return (yes, edit, drop) if approve else (edit, drop)


async def try_out(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """“Preview” in the form: the answer as people will read it. Nothing is kept."""
    member = await ctx.member(command.member)
    kept = await _filled_in(ctx, member, command, await _before(ctx, member, arguments))
    form = filled(await same_form(ctx, command, arguments), command.fields)
    parts = [f"**{escape(each.title)}**\n\n{each.body}" for each in kept.texts.values()]
    preview = Markup("\n\n---\n\n".join(parts))
    ctx.reply(command, Message(ctx.words(member.language, "editing.tried"), (), replace(form, preview=preview)))


# On its way


async def _asked(ctx: Context, member: Member, arguments: str) -> KeptAnswer:
    slug = _named(arguments)[0]
    kept = await ctx.answers.get(ctx.workspace, slug) if _SLUG.fullmatch(slug) else None
    if kept is None:
        raise BadInput(ctx.words(member.language, "answers.unknown", slug=slug))
    return kept


async def approve(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq approve ANSWER``: it is found from now on. A button for another version than the present one asks
    to look again."""
    member = await ctx.member(command.member)
    kept, seen = await _asked(ctx, member, arguments), _named(arguments)[1]
    if not await may_approve_answer(ctx, kept, member):
        owner = await owner_of_answer(ctx, kept)
        who = owner.name if owner is not None else ctx.words(member.language, "answers.animators")
        raise BadInput(ctx.words(member.language, "answers.not_yours", who=who))
    if kept.status is Status.APPROVED:
        raise BadInput(ctx.words(member.language, "answers.already", title=kept.title))
    if seen and seen != str(kept.version):
        parts = [f"**{escape(each.title)}**\n\n{each.body}" for each in kept.texts.values()]
        text = ctx.words(member.language, "answers.look_again", title=kept.title)
        whole = Markup("\n\n---\n\n".join([text, *parts]))
        ctx.reply(command, Message(whole, _steps(ctx, member.language, kept, approve=True)))
        return
    put_answer(ctx, member, kept, replace(kept, status=Status.APPROVED, version=kept.version + 1))
    undo = Button(ctx.words(member.language, "reins.undo"), f"faq withdraw {kept.slug}")
    see = Button(ctx.words(member.language, "answers.see"), f"faq show {kept.slug}")
    ctx.reply(command, Message(ctx.words(member.language, "answers.approved", title=kept.title), (see, undo)))


async def withdraw(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq withdraw ANSWER``: no longer found, kept as a draft: the undo of approving it."""
    member = await ctx.member(command.member)
    kept = await _asked(ctx, member, arguments)
    if not await may_approve_answer(ctx, kept, member):
        raise BadInput(ctx.words(member.language, "answers.unknown", slug=kept.slug))
    draft = replace(kept, status=Status.IN_REVIEW, version=kept.version + 1)
    put_answer(ctx, member, kept, draft)
    buttons = _steps(ctx, member.language, draft, approve=True)
    ctx.reply(command, Message(ctx.words(member.language, "answers.withdrawn", title=kept.title), buttons))


async def delete(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq delete ANSWER [confirm]``: asks once, then it goes."""
    member = await ctx.member(command.member)
    kept = await _asked(ctx, member, arguments)
    if _named(arguments)[1] not in _CONFIRM:
        yes = Button(ctx.words(member.language, "editing.delete"), f"faq delete {kept.slug} confirm", "danger")
        no = Button(ctx.words(member.language, "editing.keep"), f"faq write {kept.slug}")
        ctx.reply(command, Message(ctx.words(member.language, "answers.delete_sure", title=kept.title), (yes, no)))
        return
    put_answer(ctx, member, kept, None)
    undo = Button(ctx.words(member.language, "reins.undo"), "undo")
    ctx.reply(command, Message(ctx.words(member.language, "answers.deleted", title=kept.title), (undo,)))


async def drafts(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant faq drafts``: the answers that wait for approval."""
    member = await ctx.member(command.member)
    waiting = await ctx.answers.all(ctx.workspace, status=Status.IN_REVIEW, limit=MOST_WAITING)
    shown = await _waiting(ctx, member, waiting, 1) if waiting else None
    if shown is None:
        ctx.reply(command, ctx.words(member.language, "answers.none"))
        return
    ctx.reply(command, Message(shown.text, shown.buttons))


async def to_approve(ctx: Context, member: Member, page: int) -> Section | None:
    """Answers that wait for approval, in animators' homes."""
    waiting = await ctx.answers.all(ctx.workspace, status=Status.IN_REVIEW, limit=MOST_WAITING)
    return await _waiting(ctx, member, waiting, page) if waiting else None


async def _waiting(ctx: Context, member: Member, waiting: Sequence[KeptAnswer], page: int) -> Section:
    language = member.language
    shown, at, pages = page_of(waiting, page)
    lines = [f"**{escape(kept.title)}** – {excerpt(_body(kept, language), 80)}" for kept in shown]
    buttons = [Button(kept.title[:60], f"faq write {kept.slug}") for kept in shown]
    head = ctx.words(language, "answers.waiting", count=len(waiting))
    return section(ctx, language, "answers", head, lines, page=at, pages=pages, buttons=buttons)


def _body(kept: KeptAnswer, language: Language) -> str:
    wording = kept.texts.get(language) or next(iter(kept.texts.values()), Wording("", ""))
    return wording.body


_for_animators = partial(Command, role=Role.ANIMATOR, has_arguments=True)
_for_owners = partial(_for_animators, judges=True)

FEATURE = Feature(
    name="answers",
    commands=(
        _for_animators(path=("faq", "write"), french=("faq", "écrire"), run=write, shortcut=True),
        _for_animators(path=("faq", "save"), run=save, hidden=True, form=same_form, names=NAMES),
        _for_animators(path=("faq", "try"), run=try_out, hidden=True, form=same_form, names=NAMES),
        _for_owners(path=("faq", "approve"), french=("faq", "approuver"), run=approve),
        _for_owners(path=("faq", "withdraw"), french=("faq", "retirer"), run=withdraw),
        _for_animators(path=("faq", "delete"), french=("faq", "supprimer"), run=delete),
        Command(path=("faq", "drafts"), french=("faq", "brouillons"), run=drafts, role=Role.ANIMATOR),
    ),
    home=(HomePart(name="answers", place=65, make=to_approve, role=Role.ANIMATOR),),
)
