"""The playground: a small chat service inside the process, with a web page, for trying Allant out and for tests."""

from bot.platforms.playground.adapter import PlaygroundPlatform
from bot.platforms.playground.faults import Fault
from bot.platforms.playground.organisation import Act, acts, history, live
from bot.platforms.playground.records import BOT, Person, Post, Room
from bot.platforms.playground.server import PlaygroundServer
from bot.platforms.playground.staging import fill, found, perform
from bot.platforms.playground.web import Hint, routes

__all__ = [
    "BOT",
    "Act",
    "Fault",
    "Hint",
    "Person",
    "PlaygroundPlatform",
    "PlaygroundServer",
    "Post",
    "Room",
    "acts",
    "fill",
    "found",
    "history",
    "live",
    "perform",
    "routes",
]
