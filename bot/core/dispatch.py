"""From an event to actions: which features hear it, who may give which command, and what happens when one fails."""

from __future__ import annotations

import difflib
import logging
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.core.actions import Count, Planned
from bot.core.community import Member, Role
from bot.core.errors import BadInput, StoreUnavailable, where
from bot.core.events import CommandGiven, Event
from bot.core.feature import CHOSEN, Command, Context, Feature, FormFunction, Ports, TimerFired
from bot.core.forms import shown_again
from bot.core.menu import MenuEntry
from bot.core.message import Button, Form, Message
from bot.core.ports import Accepted, Journal, Library, Timer
from bot.core.refs import LANGUAGES, Language
from bot.core.signals import Signal, What
from bot.core.written import parse_fields

log = logging.getLogger("allant.dispatch")

_ROLE_WORDS = {Role.MEMBER: "role_member", Role.ANIMATOR: "role_animator", Role.ADMIN: "role_admin"}


@dataclass(frozen=True, slots=True)
class Route:
    """A command found in what was typed, its feature, and the words after it."""

    feature: str
    command: Command
    arguments: str


def unaccented(word: str) -> str:
    """A word as it is compared: few people type ``aperçu`` or ``rôles`` with their accents."""
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def catalogue(features: Sequence[Feature]) -> list[tuple[str, Command]]:
    """Every command with its feature's name, in the features' order."""
    return [(feature.name, command) for feature in features for command in feature.commands]


def route(commands: Sequence[tuple[str, Command]], text: str) -> Route | None:
    """The command with the longest path that ``text`` begins with, in English or French words; None when none does."""
    lowered = [unaccented(word) for word in text.split()]
    best: tuple[int, str, Command] | None = None
    for feature, command in commands:
        for path in (command.path, command.french):
            if (
                path
                and lowered[: len(path)] == [unaccented(word) for word in path]
                and (best is None or len(path) > best[0])
            ):
                best = (len(path), feature, command)
    if best is None:
        best = _by_short_name(commands, lowered)
    if best is None:
        return None
    # The arguments keep their inner spaces and line breaks: a form typed as lines depends on them.
    arguments = text.strip()
    for _ in range(best[0]):
        parts = arguments.split(None, 1)
        arguments = parts[1] if len(parts) > 1 else ""
    return Route(best[1], best[2], arguments)


def _by_short_name(commands: Sequence[tuple[str, Command]], words: Sequence[str]) -> tuple[int, str, Command] | None:
    """The command with a short name that was typed alone; with arguments only where it begins no other command, whose
    mistyped words would be taken for them."""
    if not words:
        return None
    paths = [path for _, command in commands for path in (command.path, command.french) if path]
    alone = len(words) == 1 or not any(unaccented(path[0]) == words[0] for path in paths)
    for feature, command in commands:
        if alone and command.short is not None and words[0] in map(unaccented, command.short):
            return 1, feature, command
    return None


def menu(commands: Sequence[tuple[str, Command]], library: Library) -> list[MenuEntry]:
    """The commands of one word, with what they do in each language, in the features' order."""
    found = []
    for feature, command in commands:
        names = command.short
        if names is None and len(command.path) == 1:
            names = (command.path[0], (command.french or command.path)[0])
        if names is None or command.hidden:
            continue
        key = f"{feature}.help_{'_'.join(command.path)}"
        says: dict[Language, str] = {language: library.words(language, key) for language in LANGUAGES}
        found.append(MenuEntry(names={"en": names[0], "fr": names[1]}, says=says, role=command.role))
    return found


def suggestion(commands: Sequence[tuple[str, Command]], text: str, language: Language = "en") -> str:
    """The visible command nearest to what was typed, or the help: about ``calendar`` when that alone was typed."""
    help_word = "aide" if language == "fr" else "help"
    first = unaccented(text.split()[0]) if text.split() else ""
    if any(
        first == unaccented(path[0])
        for _, command in commands
        if not command.hidden
        for path in (command.path, command.french)
        if len(path) > 1
    ):
        return f"{help_word} {first}"
    paths = [" ".join(path) for _, command in commands if not command.hidden for path in (command.path, command.french)]
    near = difflib.get_close_matches(text.casefold()[:60], [path for path in paths if path], n=1, cutoff=0.5)
    return near[0] if near else help_word


def continuations(commands: Sequence[tuple[str, Command]], member: Member, text: str) -> list[str]:
    """The words that may follow the first one of ``text`` in the commands that the member may give, in their
    language."""
    first = unaccented(text.split()[0])
    found = []
    for _, command in commands:
        if command.hidden or (member.role < command.role and not command.judges):
            continue
        paths = (command.path, command.french or command.path)
        if any(len(path) > 1 and unaccented(path[0]) == first for path in paths):
            found.append(paths[member.language == "fr"][1])
    return list(dict.fromkeys(found))


def _unknown(
    context: Context, commands: Sequence[tuple[str, Command]], member: Member, text: str, near: str
) -> Message:
    """What to say of a command that there is none of: the nearest, or what its first word may be followed by."""
    language, typed = member.language, text.split()
    following = continuations(commands, member, text)
    if following:
        # What somebody typed is said back to them alone.
        values = {"first": typed[0], "words": ", ".join(following), "near": near}
        key = "core.which_command" if len(typed) == 1 else "core.no_such_part"
        words = context.words(language, key, second=" ".join(typed[1:2]), **values)
        return Message(words, (Button(context.words(language, "core.help_about", first=typed[0]), near),))
    words = context.words(language, "core.unknown_command", near=near)
    return Message(words, (Button(context.words(language, "core.help_button"), "help"),))


class Dispatcher:
    """Hands each event to the features that listen, and commits what they decided in one transaction."""

    def __init__(
        self,
        features: Sequence[Feature],
        ports: Ports,
        journal: Journal,
        on_committed: Callable[[], None] | None = None,
    ) -> None:
        """``on_committed`` is called after each commit, to wake the outbox and the clock."""
        self._features = tuple(features)
        self._commands = catalogue(features)
        self._ports = ports
        self._journal = journal
        self._on_committed = on_committed

    async def handle(self, event: Event, accepted: Accepted | None = None) -> None:
        """Run every listener for ``event``, and its command if it is one; then commit and mark ``accepted`` done."""
        plans = []
        for feature in self._features:
            for listener in feature.listeners:
                if type(event) is listener.event:
                    plans.append(await self._isolated(feature.name, listener.run, event))
        if isinstance(event, CommandGiven):
            plans.append(await self._command(event))
        await self._commit(event, plans, accepted=accepted)

    async def fire(self, timer: Timer) -> None:
        """Run the timer's function and commit; a timer nobody knows any more is removed."""
        event = TimerFired(
            id=f"timer/{timer.feature}/{timer.name}/{timer.key}/{timer.due.isoformat()}",
            at=self._ports.clock.now(),
            workspace=timer.workspace,
            name=timer.name,
            key=timer.key,
            due=timer.due,
        )
        plans = []
        for feature in self._features:
            if feature.name == timer.feature and timer.name in feature.timers:
                plans.append(await self._isolated(feature.name, feature.timers[timer.name], event))
        await self._commit(event, plans, fired=timer)

    async def _commit(
        self, event: Event, plans: list[Planned], accepted: Accepted | None = None, fired: Timer | None = None
    ) -> None:
        await self._journal.commit(
            event.workspace, plans, at=self._ports.clock.now(), source=event.id, handled=accepted, fired=fired
        )
        if self._on_committed is not None:
            self._on_committed()

    def _context(self, event: Event) -> Context:
        return Context(self._ports, event.workspace, self._ports.clock.now())

    async def _isolated(self, feature: str, run: Callable[..., object], event: Event) -> Planned:
        """One feature's function; when it fails, its actions are dropped and the others go on."""
        context = self._context(event)
        try:
            await run(context, event)  # type: ignore[misc]  # Listeners take the event type they named.
        except StoreUnavailable:
            raise  # No fault of the feature's: the whole event is handled again when the database is back.
        except Exception as error:
            _log_failure(feature, event, error)
            return Planned(feature)
        return Planned(feature, tuple(context.actions))

    async def _command(self, event: CommandGiven) -> Planned:
        found = route(self._commands, event.text) if event.text.strip() else route(self._commands, "help")
        context = self._context(event)
        member = await context.member(event.member)
        if found is None:
            near = suggestion(self._commands, event.text, member.language)
            context.reply(event, _unknown(context, self._commands, member, event.text, near))
            return Planned("core", tuple(context.actions))
        command = found.command
        if member.role < command.role and not command.judges:
            role = context.words(member.language, f"core.{_ROLE_WORDS[command.role]}")
            context.reply(event, context.words(member.language, "core.refused", role=role))
            return Planned("core", tuple(context.actions))
        context.do(Count(_command_signal(event, found)))
        event, found = _as_filled_in(event, found)
        try:
            await command.run(context, event, found.arguments)
        except StoreUnavailable:
            raise  # As in _isolated.
        except BadInput as problem:
            return await self._failed(found, event, context.reason(member.language, problem), problem)
        except Exception as error:
            _log_failure(found.feature, event, error)
            return await self._failed(found, event, context.words(member.language, "core.failed"), BadInput())
        return Planned(found.feature, tuple(context.actions))

    async def _failed(self, found: Route, event: CommandGiven, reason: str, problem: BadInput) -> Planned:
        """What the person hears instead of the command's own answer, whose actions are dropped: the reason, and the
        form that led to it, so that nobody has to fill it in again."""
        context = self._context(event)
        asking = found.command.choose if not (event.fields or found.arguments) else None
        form = await self._made(asking or found.command.form, found, event) if event.fields or asking else None
        message = shown_again(form, event.fields, reason, problem.errors) if form is not None else Message(reason)
        context.reply(event, message)
        return Planned(found.feature, tuple(context.actions))

    async def _made(self, make: FormFunction | None, found: Route, event: CommandGiven) -> Form | None:
        if make is None:
            return None
        try:
            return await make(self._context(event), event, found.arguments)
        except StoreUnavailable:
            raise
        except BadInput:
            return None  # What it was about is gone: the reason says so.
        except Exception as error:
            _log_failure(found.feature, event, error)
            return None


def _as_filled_in(event: CommandGiven, found: Route) -> tuple[CommandGiven, Route]:
    """The command with the values typed in the lines below it as its fields, as if a form had been filled in; what
    stands on its own line stays its arguments."""
    names = found.command.names
    if found.command.choose is not None:
        chosen = event.fields.get(CHOSEN, "") or parse_fields(found.arguments, {CHOSEN: CHOSEN}).get(CHOSEN, "")
        if chosen:
            return replace(event, fields={}), replace(found, arguments=chosen.strip())
    if event.fields or not names:
        return event, found
    head, _, lines = found.arguments.partition("\n")
    name, colon, _ = head.partition(":")
    if colon and name.strip().casefold() in names:  # Nothing stood on the command's own line.
        head, lines = "", found.arguments
    if not lines.strip():
        return event, found
    return replace(event, fields=parse_fields(lines, names)), replace(found, arguments=head.strip())


def _command_signal(event: CommandGiven, found: Route) -> Signal:
    return Signal(
        source=f"{event.id}/command",
        workspace=event.workspace,
        at=event.at,
        what=What.CLICKED if event.button else What.COMMAND,
        member=event.member,
        channel=None if event.direct else event.channel,
        about=" ".join(found.command.path),
    )


def _log_failure(feature: str, event: Event, error: Exception) -> None:
    log.error("%s failed on %s: %s", feature, type(event).__name__, where(error))
