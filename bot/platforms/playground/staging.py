"""Plays the simulated organisation on a server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.core.errors import BadInput
from bot.platforms.playground.organisation import Act, organisation
from bot.platforms.playground.records import BOT, Post
from bot.platforms.playground.server import PlaygroundServer

_REMEMBERED = timedelta(days=3)
"""People react and reply to what the bot said in the last days, not to what is long past."""


def found(server: PlaygroundServer, since: datetime) -> None:
    """Make the organisation's channels and those who are there from the start, as of ``since`` (aware).

    The bot is told nothing: it finds them in the directory. On a server that has them nothing changes.
    """
    org = organisation()
    with server.past(), server.as_of(since):
        for name, place in org.channels.items():
            server.create_room(name, place.about, one_way=place.one_way, open_to=place.open_to)
        known = {person.id for person in server.people()}
        for employee in org.people:
            if employee.wave == 0 and employee.id not in known:
                server.arrive(employee.person())


def fill(server: PlaygroundServer, acts: Iterable[Act]) -> int:
    """Perform acts that are long over, in one transaction, without telling the bot. Returns how many."""
    with server.past():
        return sum(perform(server, act) for act in acts)


def perform(server: PlaygroundServer, act: Act) -> bool:
    """Do it on the server, as of the act's own moment; False when there was nothing to do it to."""
    try:
        with server.as_of(act.at):
            return _perform(server, act)
    except BadInput:
        # The person left meanwhile, say, or the message is gone: life goes on.
        return False


def _perform(server: PlaygroundServer, act: Act) -> bool:
    if act.kind == "join":
        (employee,) = (each for each in organisation().people if each.id == act.person)
        server.arrive(employee.person())
        return True
    if act.kind == "leave":
        server.leave(act.person)
        return True
    channel = server.room(act.channel).id if act.channel else server.direct(act.person).id
    if act.kind in ("post", "ask"):
        server.say(act.person, channel, act.text)
        return True
    target = _with_buttons(server, act, channel) if act.kind == "press" else _latest(server, act, channel)
    if target is None:
        return False
    if act.kind == "reply":
        server.say(act.person, channel, act.text, thread=target.id)
    elif act.kind == "react":
        server.react(act.person, target.id, act.text)
    else:
        choices = [number for number, button in enumerate(target.buttons) if button.style != "danger"]
        if not choices:
            return False
        server.press(act.person, target.id, choices[act.choice % len(choices)])
    return True


def _latest(server: PlaygroundServer, act: Act, channel: str) -> Post | None:
    where = "channel = ? AND thread IS NULL AND author = ? AND deleted = 0 AND visible_to IS NULL AND command = 0"
    post = server.archive.latest(where, (channel, act.to))
    if post is not None and act.to == BOT and post.at < act.at - _REMEMBERED:
        return None
    return post


def _with_buttons(server: PlaygroundServer, act: Act, channel: str) -> Post | None:
    where = (
        "channel = ? AND author = ? AND buttons IS NOT NULL AND deleted = 0 "
        "AND (visible_to IS NULL OR visible_to = ?) AND at > ?"
    )
    return server.archive.latest(where, (channel, BOT, act.person, (act.at - _REMEMBERED).timestamp()))
