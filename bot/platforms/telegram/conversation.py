"""Fills in forms by talking: one question after the other, in the conversation with one person.

What was filled in is kept sealed, for a day, so that a restart in the middle changes nothing; it goes with the person.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from telegram import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, Update, User
from telegram import Chat as TelegramChat

from bot.core.delivery import Delivery
from bot.core.errors import PlatformError
from bot.core.events import CommandGiven
from bot.core.message import Field, Form, Markup, escape
from bot.core.refs import Language, MessageRef
from bot.platforms.telegram.api import Api
from bot.platforms.telegram.forms import FORM_KEPT, TIMES_SHOWN, Filling, days_from, form_of
from bot.platforms.telegram.keeping import Memory
from bot.platforms.telegram.reading import Names, Reading, now, words_of
from bot.platforms.telegram.words import say
from bot.platforms.telegram.writing import Scribe, in_rows

CANCEL = frozenset({"cancel", "annuler"})
CHANNELS_SHOWN = 12
_DAY_NAMES: dict[Language, str] = {"fr": "lun. mar. mer. jeu. ven. sam. dim.", "en": "Mon Tue Wed Thu Fri Sat Sun"}

Keys = list[tuple[str, str]]
"""Buttons as (label, what pressing it means)."""


class Conversation:
    """One form a person at a time; beginning another one ends the first."""

    def __init__(
        self,
        api: Api,
        memory: Memory,
        scribe: Scribe,
        names: Names,
        language_for: Callable[[int, str | None], Awaitable[Language]],
    ) -> None:
        self._api = api
        self._memory = memory
        self._scribe = scribe
        self._names = names
        self._language_for = language_for

    # What the person does

    async def begin(self, step: int, token: str, user: User) -> None:
        """Open the form that was put aside under ``token``."""
        written = await self._memory.load(f"form/{token}")
        language = await self._language(user)
        before = await self._filling(user.id)
        if written is None:
            await self._send(user.id, say(language, "form_gone"), [])
            return
        if before is not None and before.step == step:
            filling = before  # Told twice: asked once more, and not begun anew.
        else:
            await self._retire(user.id, before)
            filling = Filling.begin(secrets.token_urlsafe(6), form_of(written))
            filling.step = step
        await self._ask(user.id, filling, language)

    async def answered(self, update: Update, message: Message, user: User, found: Reading) -> bool:
        """Whether the message answers the question that is open."""
        filling = await self._filling(user.id)
        if filling is None or filling.current is None or filling.waits or not message.text:
            return False
        found.after.append(partial(self._take, update.update_id, user, partial(_write, text=words_of(message))))
        return True

    async def interrupted(self, update: Update, user: User, word: str, found: Reading) -> bool:
        """Whether ``/cancel`` ended a form."""
        if word.casefold() not in CANCEL or await self._filling(user.id) is None:
            return False
        found.after.append(partial(self._cancel, user))
        return True

    async def pressed(self, update: Update, query: CallbackQuery, found: Reading) -> bool:
        """Whether the button belongs to a form."""
        kind, _, rest = (query.data or "").partition(":")
        user = query.from_user
        if kind == "f":
            private = query.message is not None and query.message.chat.type == TelegramChat.PRIVATE
            found.after.append(partial(self._open, update.update_id, query.id, rest, user, private))
            return True
        if kind != "q":
            return False
        identifier, _, action = rest.partition(":")
        filling = await self._filling(user.id)
        if filling is None or filling.id != identifier or filling.waits not in ("", str(update.update_id)):
            found.after.append(partial(self._answer, query.id, "form_gone", user))
            return True
        found.after.append(partial(self._answer, query.id, "", user))
        command = self._command(filling, action)
        if command is not None:
            # Kept before the event is: its answer may be there at once, and must find what waits for it.
            filling.waits = str(update.update_id)
            await self._save(user.id, filling)
            found.events.append(self._given(update, user, filling, command))
            found.after.append(partial(self._retire, user.id, filling))
        elif action == "x":
            found.after.append(partial(self._cancel, user))
        else:
            change = partial(_press, action=action)
            if filling.current is not None and filling.current.kind == "channels" and action[:1] == "c":
                places = await self._places(filling.current)
                if action[1:].isdecimal() and int(action[1:]) < len(places):
                    change = partial(_toggle, value=places[int(action[1:])][0])
            found.after.append(partial(self._take, update.update_id, user, change))
        return True

    # What became of it

    async def waits_for(self, delivery: Delivery) -> int | None:
        """Whose form waits for this answer; None when nobody's does."""
        person = delivery.visible_to.id if delivery.visible_to is not None else delivery.to.id
        if not delivery.answers or not person.isdecimal():
            return None
        filling = await self._filling(int(person))
        return int(person) if filling is not None and filling.waits == delivery.answers else None

    async def go_on(self, user: int, form: Form | None) -> None:
        """The answer was said: the form it brought opens again below it; with none, this is its end."""
        if form is None:
            await self._memory.drop(f"filling/{user}")
            return
        language = await self._language_for(user, None)
        await self._ask(user, Filling.begin(secrets.token_urlsafe(6), form), language)

    # The steps

    async def _open(self, step: int, query: str, token: str, user: User, private: bool) -> None:
        """Forms are filled in where only the person reads them."""
        if private:
            await self._answer(query, "", user)
            await self.begin(step, token, user)
            return
        address = f"https://t.me/{(await self._api.me()).username}?start=f-{token}"
        with contextlib.suppress(PlatformError):
            await self._api.ask(self._api.bot.answer_callback_query(query, url=address))

    async def _take(self, step: int, user: User, change: Callable[[Filling], None]) -> None:
        filling = await self._filling(user.id)
        if filling is None:
            return
        if filling.step != step:
            change(filling)
            filling.step = step
        await self._ask(user.id, filling, await self._language(user))

    async def _cancel(self, user: User) -> None:
        await self._retire(user.id, await self._filling(user.id))
        await self._memory.drop(f"filling/{user.id}")
        await self._send(user.id, say(await self._language(user), "form_cancelled"), [])

    def _command(self, filling: Filling, action: str) -> str | None:
        """The command that pressing gives; None where it is a step within the form."""
        if action == "ok" and filling.missing() is None:
            return filling.form.command
        if action.startswith("b") and action[1:].isdecimal() and int(action[1:]) < len(filling.form.buttons):
            return filling.form.buttons[int(action[1:])].command
        return None

    def _given(self, update: Update, user: User, filling: Filling, command: str) -> CommandGiven:
        channel = self._names.channel_ref(user.id)
        return CommandGiven(
            id=str(update.update_id),
            at=now(),
            workspace=self._names.workspace,
            member=self._names.member_ref(user.id),
            channel=channel,
            text=command,
            direct=True,
            fields={each.name: filling.values.get(each.name, "") for each in filling.form.fields},
            message=MessageRef(channel, str(filling.message)) if filling.message else None,
            button=True,
        )

    # What is shown

    async def _ask(self, user: int, filling: Filling, language: Language) -> None:
        """Keep where we are, then ask; the question before loses its buttons."""
        await self._save(user, filling)
        text, rows = (
            self._summary(filling, language)
            if filling.current is None
            else await self._question(filling, filling.current, language)
        )
        await self._retire(user, filling)
        filling.message = await self._send(
            user, text, [[(label, f"q:{filling.id}:{key}") for label, key in row] for row in rows]
        )
        await self._save(user, filling)

    async def _question(self, filling: Filling, asked: Field, language: Language) -> tuple[Markup, list[Keys]]:
        total = len(filling.form.fields)
        lines: list[str] = [say(language, "form_step", title=filling.form.title, number=filling.at + 1, total=total)]
        if filling.form.text and filling.at == 0 and not filling.back:
            lines += ["", filling.form.text]
        lines += ["", f"**{escape(asked.label)}**"]
        if asked.help:
            lines.append(f"*{escape(asked.help)}*")
        value = filling.values.get(asked.name, "")
        problem = (
            say(language, filling.problem) if filling.problem else escape(asked.error if value == asked.value else "")
        )
        if problem:
            lines += ["", f"⚠️ {problem}"]
        if value:
            lines += ["", say(language, "form_now", value=_short(filling.shown(asked)))]
        if filling.day:
            lines += ["", f"📅 {filling.day}"]
        hint = {"choice": "form_choose", "date": "form_day", "moment": "form_moment", "time": "form_time"}
        several = {"choices", "channels"}
        done = say(language, "form_done")
        lines += [
            "",
            say(language, "form_several", done=done)
            if asked.kind in several
            else say(language, hint.get(asked.kind, "form_write")),
        ]
        rows = await self._choices(filling, asked, language)
        ways: Keys = []
        if asked.kind in several:
            ways.append((f"✔ {done}", "d"))
        elif value:
            ways.append((say(language, "form_keep"), "d"))
        if not asked.required:
            ways.append((say(language, "form_skip"), "s"))
        steps: Keys = [(say(language, "form_back"), "p")] if filling.at > 0 or filling.back or filling.day else []
        steps.append((say(language, "form_cancel"), "x"))
        return Markup("\n".join(lines)), [*rows, *([ways] if ways else []), steps]

    async def _choices(self, filling: Filling, asked: Field, language: Language) -> list[Keys]:
        """The buttons of one kind of field."""
        chosen = set(filling.chosen()) if filling.takes_several else {filling.values.get(asked.name, "")}
        if asked.kind in ("choice", "choices"):
            return _rows([(_marked(label, one in chosen), f"c{n}") for n, (one, label) in enumerate(asked.choices)])
        if asked.kind == "channels":
            return self._turned(
                filling,
                [(_marked(label, one in chosen), f"c{n}") for n, (one, label) in enumerate(await self._places(asked))],
            )
        if asked.kind == "time" or filling.day:
            return _rows([(each, f"t{each}") for each in TIMES_SHOWN], 3)
        if asked.kind in ("date", "moment"):
            names = _DAY_NAMES[language].split()
            days = days_from(now().date(), filling.page)
            shown = [(f"{names[day.weekday()]} {day.day}/{day.month}", f"y{day.isoformat()}") for day in days]
            turn: Keys = ([("«", "-")] if filling.page else []) + [("»", "+")]
            return [*_rows(shown, 3), turn]
        return []

    async def _places(self, asked: Field) -> list[tuple[str, str]]:
        """The choices of a field for channels: its own, then the groups we are in and their topics."""
        found = list(asked.choices)
        for number, kept in (await self._memory.chats()).items():
            names = [self._names.channel(number, kept).name]
            names += [self._names.channel(number, kept, int(topic)).name for topic in kept.topics]
            found += [(f"#{name}", f"#{name}") for name in names if "," not in name]
        return found

    def _turned(self, filling: Filling, keys: Keys) -> list[Keys]:
        """One page of many."""
        first = filling.page * CHANNELS_SHOWN
        turn: Keys = [("«", "-")] if filling.page else []
        if len(keys) > first + CHANNELS_SHOWN:
            turn.append(("»", "+"))
        return [*_rows(keys[first : first + CHANNELS_SHOWN]), *([turn] if turn else [])]

    def _summary(self, filling: Filling, language: Language) -> tuple[Markup, list[Keys]]:
        form = filling.form
        lines: list[str] = [say(language, "form_preview", title=form.title)]
        if form.text:
            lines += ["", form.text]
        lines.append("")
        for each in form.fields:
            shown = filling.shown(each)
            value = escape(_short(shown)) if shown else say(language, "form_nothing")
            lines.append(
                f"- **{escape(each.label)}** : {value}" if language == "fr" else f"- **{escape(each.label)}**: {value}"
            )
            if each.error and filling.values.get(each.name, "") == each.value:
                lines.append(f"  ⚠️ {escape(each.error)}")
        if form.preview:
            lines += ["", "———", "", form.preview]
        changes = [(f"✏️ {each.label}", f"g{number}") for number, each in enumerate(form.fields)]
        # Lacking something, to send is to be asked for it.
        lacking = filling.missing()
        send: Keys = [(f"✅ {form.submit}", "ok" if lacking is None else f"g{lacking}")]
        others = [(each.label, f"b{number}") for number, each in enumerate(form.buttons)]
        return Markup("\n".join(lines)), [
            *_rows(changes, 2),
            send,
            *_rows(others),
            [(say(language, "form_cancel"), "x")],
        ]

    # Telegram and what is kept

    async def _send(self, user: int, text: str, rows: list[Keys]) -> int:
        texts = self._scribe.texts(text)
        keyboard = InlineKeyboardMarkup(
            [[InlineKeyboardButton(label[:60], callback_data=key) for label, key in row] for row in rows]
        )
        sent = 0
        for each in texts:
            last = each is texts[-1]
            message = await self._api.post(
                self._api.bot.send_message(
                    user, each.text, entities=each.entities, reply_markup=keyboard if last and rows else None
                )
            )
            sent = message.message_id
        return sent

    async def _retire(self, user: int, filling: Filling | None) -> None:
        """The latest question loses its buttons: what was answered is not answered again."""
        if filling is None or not filling.message:
            return
        with contextlib.suppress(PlatformError):
            await self._api.ask(self._api.bot.edit_message_reply_markup(user, filling.message, reply_markup=None))

    async def _answer(self, query: str, key: str, user: User) -> None:
        text = say(await self._language(user), key) if key else None
        with contextlib.suppress(PlatformError):
            await self._api.ask(self._api.bot.answer_callback_query(query, text=text))

    async def _language(self, user: User) -> Language:
        return await self._language_for(user.id, user.language_code)

    async def _filling(self, user: int) -> Filling | None:
        written = await self._memory.load(f"filling/{user}")
        try:
            return Filling.of(written) if written is not None else None
        except (TypeError, KeyError):
            return None

    async def _save(self, user: int, filling: Filling) -> None:
        await self._memory.keep(f"filling/{user}", filling.to_json(), FORM_KEPT, user)


def _write(filling: Filling, text: str) -> None:
    """What was written for the question that is open; of a moment whose day was chosen, the time."""
    filling.put(f"{filling.day} {text.strip()}" if filling.day else text)


def _toggle(filling: Filling, value: str) -> None:
    filling.toggle(value)


def _press(filling: Filling, action: str) -> None:
    """What a button inside the form means."""
    key, rest = action[:1], action[1:]
    current = filling.current
    if key == "g" and rest.isdecimal():
        filling.go_to(int(rest))
    elif key == "p":
        filling.backward()
    elif key in "+-":
        filling.page = max(0, filling.page + (1 if key == "+" else -1))
    elif current is None:
        return
    elif key == "s" and not current.required:
        filling.values[current.name] = ""
        filling.forward()
    elif key == "d":
        filling.put(filling.values.get(current.name, ""))
    elif key == "c" and rest.isdecimal() and int(rest) < len(current.choices):
        value = current.choices[int(rest)][0]
        filling.toggle(value) if filling.takes_several else filling.put(value)
    elif key == "y" and current.kind == "moment":
        filling.day = rest
    elif key == "y":
        filling.put(rest)
    elif key == "t":
        filling.put(f"{filling.day} {rest}".strip())


def _rows(keys: Keys, most: int = 0) -> list[Keys]:
    """In rows as wide as their labels allow, or of ``most`` each."""
    counts = in_rows([label for label, _ in keys]) if not most else [most] * (len(keys) // most + 1)
    rows, rest = [], keys
    for count in counts:
        rows.append(rest[:count])
        rest = rest[count:]
    return [row for row in rows if row]


def _marked(label: str, chosen: bool) -> str:
    return f"☑ {label}" if chosen else label


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"
