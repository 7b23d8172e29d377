"""The library: content/ read and checked, and the search over it."""

from bot.library.library import ContentLibrary
from bot.library.links import Link, links_in
from bot.library.ranking import Figures, shipped
from bot.library.writing import file_of

__all__ = ["ContentLibrary", "Figures", "Link", "file_of", "links_in", "shipped"]
