"""The library: content/ read and checked, and the search over it."""

from bot.library.library import ContentLibrary
from bot.library.links import Link, links_in

__all__ = ["ContentLibrary", "Link", "links_in"]
