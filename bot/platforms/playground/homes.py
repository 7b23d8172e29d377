"""Homes: the page that the playground gives the bot for each person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.core.message import Section
from bot.platforms.playground.filling import Rejected
from bot.platforms.playground.records import Change
from bot.platforms.playground.server import PlaygroundServer


class Homes:
    """People open their homes and press what is there; the bot says what they show. Methods raise Rejected."""

    def __init__(self, server: PlaygroundServer) -> None:
        self._server = server

    def open(self, person: str) -> None:
        """The person looks at their home: the bot is told."""
        self._server.direct(person)  # Where the answers to its buttons are said.
        with self._server.step():
            self._server.tell("home_opened", person=person)

    def shown(self, person: str) -> tuple[datetime, tuple[Section, ...]] | None:
        """Since when the person's home shows what; None before the bot showed anything."""
        return self._server.archive.home(self._server.person(person).id)

    def press(self, person: str, section: int, button: int) -> str:
        """The person presses a section's button, both counted from 0. Returns the id of what the answer will name."""
        home = self.shown(person)
        sections = home[1] if home else ()
        if not (0 <= section < len(sections) and 0 <= button < len(sections[section].buttons)):
            raise Rejected("unknown_button", "this home has no such button")
        with self._server.step():
            return self._server.tell(
                "home_pressed",
                person=person,
                channel=self._server.direct(person).id,
                text=sections[section].buttons[button].command,
            )

    def show(self, person: str, sections: Sequence[Section]) -> None:
        """The bot's side, inside a step: this is what the person's home shows from now on."""
        self._server.archive.put_home(self._server.person(person).id, self._server.now(), sections)
        self._server.changed(Change("home", person))
