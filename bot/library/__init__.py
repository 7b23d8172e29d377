"""The library: content/ read and checked, and the search over it."""

from bot.library.library import ContentLibrary
from bot.library.links import Link, links_in
from bot.library.ranking import Figures, shipped

__all__ = ["ContentLibrary", "Figures", "Link", "links_in", "shipped"]
