"""Talking to the bot in the terminal, as one person on a playground in memory."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bot.app import Allant, assemble, running
from bot.core.clock import SystemClock
from bot.core.forms import listed, several
from bot.core.message import Field
from bot.core.refs import Language
from bot.platforms.playground import BOT, Person, PlaygroundPlatform, PlaygroundServer, Post, found
from bot.platforms.playground.server import Rejected
from bot.settings import Settings

FILL_IN = "f"
"""What is typed to fill in the form under the last answer."""


async def converse(settings: Settings, words: str, language: str | None, role: str, out: Console) -> None:
    """Talk to the bot as one person, in memory: one answer to ``words``, or a conversation until an empty line."""
    clock = SystemClock()
    server = PlaygroundServer(None, clock)
    tongue: Language = "en" if language == "en" else "fr" if language == "fr" else settings.language
    me = Person(id="you", name="You", language=tongue, animator=role == "animator", admin=role == "admin")
    with tempfile.TemporaryDirectory(prefix="allant-say-") as folder:
        own = settings.model_copy(
            update={"database_url": "sqlite://", "secret_file": Path(folder) / "allant.key", "admins": ()}
        )
        found(server, clock.now())
        with server.past():
            server.arrive(me)
        allant = await assemble(own, [PlaygroundPlatform(server)], clock=clock)
        try:
            async with running(allant, live=False):
                talk = Talk(allant, server, out)
                await talk.settle()
                if words:
                    await talk.hear(words)
                    return
                out.print("Talk to Allant, as in a direct message; an empty line ends it. A number presses a button.")
                while line := await talk.ask("> "):
                    await talk.hear(line)
        finally:
            server.close()


class Talk:
    """A conversation in the terminal with the playground's bot."""

    def __init__(self, allant: Allant, server: PlaygroundServer, out: Console) -> None:
        self._allant = allant
        self._server = server
        self._out = out
        self._room = server.direct("you").id
        self._shown: dict[str, Post] = {}
        self._last: Post | None = None

    async def settle(self) -> None:
        """Let the bot answer; nothing said before counts as heard."""
        await self._server.idle()
        await self._allant.settle()
        self._shown = {post.id: post for post in self._answers()}

    async def ask(self, label: str) -> str:
        """What the person types after ``label``, stripped; nothing at the end of the input."""
        try:
            return (await asyncio.to_thread(self._out.input, label, markup=False)).strip()
        except EOFError:
            return ""

    async def hear(self, line: str) -> None:
        """Say it, press the button of that number or fill in the form, and print what the bot answers."""
        try:
            await self._do(line)
        except Rejected as problem:
            self._out.print(str(problem), markup=False)
            return
        before = self._shown
        await self.settle()
        for post in self._answers():
            # Pressing a button may also change what was said before.
            if before.get(post.id) != post and not post.deleted:
                self._show(post)

    def _answers(self) -> list[Post]:
        return [post for post in self._server.archive.all_posts() if post.author == BOT and post.channel == self._room]

    async def _do(self, line: str) -> None:
        last = self._last
        if last is not None and line.isascii() and line.isdigit() and 0 < int(line) <= len(last.buttons):
            self._server.press("you", last.id, int(line) - 1)
        elif last is not None and last.form is not None and line.casefold() == FILL_IN:
            values = {each.name: await self._value(each) for each in last.form.fields}
            self._server.submit("you", last.id, values)
        else:
            self._server.say("you", self._room, line)

    async def _value(self, field: Field) -> str:
        """What is typed for the field; nothing typed keeps what it holds. Choices are typed as they are shown, several
        with commas."""
        shown = dict(field.choices)
        choices = f" ({', '.join(shown.values())})" if shown else ""
        if field.error or field.help:
            self._out.print(f"  {field.error or field.help}", markup=False)
        held = " ".join(shown.get(field.value, field.value).split())
        kept = f" [{held[:40]}{'…' if len(held) > 40 else ''}]" if held else ""
        typed = await self.ask(f"{field.label}{choices}{kept}: ") or field.value
        meant = {label.removeprefix("#").casefold(): value for value, label in field.choices}
        if field.kind in ("choices", "channels"):
            return listed(meant.get(each.removeprefix("#").casefold(), each) for each in several(typed))
        return meant.get(typed.removeprefix("#").casefold(), typed)

    def _show(self, post: Post) -> None:
        self._last = post
        self._out.print(Markdown(post.text))
        for file in post.files:
            self._out.print(file.text, markup=False)
        for image in post.images:
            self._out.print(f"  🖼 {image.alt}", markup=False)
        for number, button in enumerate(post.buttons, start=1):
            self._out.print(f"  {number}. {button.label}", markup=False)
        if post.form is not None:
            fields = ", ".join(each.label for each in post.form.fields)
            self._out.print(f"  {FILL_IN}. {post.form.submit}: {fields}", markup=False)
